"""lm-eval's own models, and strangers': what they tell of themselves, and what their answers are.

They answer with a plain text. An interface that lost a call, or met a filter,
answers with no text at all, and lm-eval scores that as a wrong answer.
"""

from __future__ import annotations

import functools
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from lm_eval.api.model import CachingLM, hash_args

from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ProviderError, UnsupportedError, disk_fault
from lm_eval_longctx.harness.instances import GENERATES, LIKELIHOOD
from lm_eval_longctx.harness.one_pass import in_one_pass
from lm_eval_longctx.harness.origin import parameter_of
from lm_eval_longctx.harness.window import Fit, Window, reads_of
from lm_eval_longctx.scorers.likelihood import as_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval.api.model import LM

    from lm_eval_longctx.harness.instances import SampleInstance


logger = logging.getLogger(__name__)

_MARK = "_lm_eval_longctx"

_FAR_SHORTER = 2
"""How many times the longest prompt a window is from which on batches are not measured for these prompts."""

_THINK_END_HIDES = (
    "think_end_token: the chat template opens a thought, and lm-eval takes off what stands before that token without "
    "saying whether it was there: a thought that was never closed is scored as an answer; leave think_end_token out, "
    "closing marks are found without it (reasoning_tags names further ones)"
)

_ENDED_IT = (
    "{name} ended the run at a call that its server refused or lost ({error}); the server's own words are in the log "
    "above, and a prompt that is longer than its window is a frequent cause. What was answered before is kept by "
    "--use_cache PATH only; --model longctx --model_args model=openai-compatible/NAME,base_url=... keeps all of it, "
    "makes such a call an outcome of its own question, and goes on"
)


class OtherModel:
    """A model that is not ours, read without a word from its class: strangers' models are of any.

    Attributes:
        lm: The object; ``None`` where nobody knows it.
        name: Its class, for people.
    """

    def __init__(self, lm: LM | CachingLM | None) -> None:
        """Keep the object."""
        self.lm = lm.lm if isinstance(lm, CachingLM) else lm
        self.name = type(self.lm).__name__
        self._cache = lm.dbdict if isinstance(lm, CachingLM) else {}
        self._openings: dict[str, str] = {}

    @classmethod
    def running(cls, kind: str = GENERATES) -> OtherModel:
        """Return the model that lm-eval is about to ask, ready for a kind of request."""
        found = cls(parameter_of("evaluate", "lm"))
        found.make_ready(kind)
        return found

    def make_ready(self, name: str) -> None:
        """Let it answer once no questions with no answers, and never with ``None``; safe to repeat.

        Several of lm-eval's classes fail on an empty list. The multimodal ones
        read of all requests what the first one holds, so that they get those
        with media and those without one after the other. And its
        ``--use_cache`` gives the answer after a ``None`` to the wrong question.
        The object is a stranger's: once it has answered, it is as it was.

        Args:
            name: The method of the kind of request.
        """
        original = getattr(self.lm, name, None)
        if original is None or hasattr(original, _MARK):
            return
        own = vars(self.lm)
        before = {name: own[name]} if name in own else {}
        answering = in_one_pass(self.lm, original) if name == LIKELIHOOD else original

        @functools.wraps(original)
        def asked(requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
            own.pop(name, None)
            own.update(before)
            with self._telling_what_ended_it():
                answers = _by_shape(requests, lambda some: answering(some, *args, **kwargs))
            return [self.completion(answer) if answer is None else answer for answer in answers]

        setattr(asked, _MARK, True)
        own[name] = asked

    @contextmanager
    def _telling_what_ended_it(self) -> Iterator[None]:
        """Say in one line that a call to a server ended the run: lm-eval's interfaces raise at the first that fails."""
        try:
            yield
        except (OSError, aiohttp.ClientError) as error:  # what `requests` raises is an OSError
            if self.runs_here or not self._theirs or disk_fault(error):
                raise
            raise ProviderError(_ENDED_IT.format(name=self.name, error=f"{type(error).__name__}: {error}")) from error

    @property
    def think_end(self) -> str:
        """The mark that ends its thoughts; empty if it names none.

        A number is a token's, not a text's: lm-eval's ``hf`` has cut there by itself.
        """
        mark = getattr(self.lm, "think_end_token", None)
        return mark if isinstance(mark, str) else ""

    def opening(self, sample_id: str) -> str:
        """Return what its chat template wrote before an answer; nothing if lm-eval takes the thoughts off by itself.

        lm-eval takes off what stands before ``think_end_token`` and tells nobody
        whether it was there.
        """
        opening = self._openings.get(sample_id, "")
        if self._theirs and getattr(self.lm, "think_end_token", None) is not None:
            if opening and without_thoughts(opening).unclosed:
                _say_once(_THINK_END_HIDES)
            return ""
        return opening

    @property
    def _theirs(self) -> bool:
        return any(kind.__module__.startswith("lm_eval.models.") for kind in type(self.lm).__mro__)

    @property
    def runs_here(self) -> bool:
        """Whether the weights, or the engine that has them, are in this process: then no call can be lost."""
        return not isinstance(getattr(self.lm, "model", None), (str, type(None)))

    @property
    def _window(self) -> Window:
        """lm-eval's interfaces to servers have a ``max_length`` that is a mere default, unless they cut by it."""
        cuts = bool(getattr(self.lm, "tokenized_requests", False))
        return Window(self.lm, believed=self.runs_here or cuts or not self._theirs)

    def measure(self, requests: Sequence[SampleInstance], *, may_cut: bool) -> dict[str, Any] | None:
        """Answer what would be cut in the model's stead, before anything is sent.

        Args:
            requests: All requests of a task.
            may_cut: Whether the user wants what is too long to be sent, and cut.

        Returns:
            What is known of the window, for the results; ``None`` if nobody knows the model.
        """
        if self.lm is None:
            return None
        window = self._window
        media = any(request.builder.MODALITY != "text" for request in requests)
        tells = window.tells(media=media)
        for request in requests:
            request.rate = window.rate
        fits = [self._measured(window, request, may_cut) for request in requests] if tells or media else []
        self._tell_of_batches(window, requests, fits)
        unsure = sorted({fit.unsure for fit in fits if fit.unsure}) or ([] if tells else [window.unknown])
        for words in unsure:
            _say_once(f"{words}; --model longctx asks a server and reads what it says of prompts that are too long")
        refused = [fit.refused for fit in fits if fit.refused]
        cut = [fit.too_long or fit.dropped for fit in fits if fit.too_long or fit.dropped]
        done = "are cut and scored all the same, as truncate=allow says" if may_cut else "are not sent"
        for reasons, what in ((refused, "are not sent"), (cut, done)):
            if reasons:
                count = f"{len(reasons)} of {len(fits)}"
                logger.warning("%s: %s prompts %s: %s", requests[0].task_name, count, what, reasons[0])
        reads = reads_of(self.lm)
        layout = {"layout": reads.order} if reads and reads.order and media else {}
        return {"model": self.name, "tokens": window.tokens, "source": window.source, "unsure": unsure, **layout}

    def _tell_of_batches(self, window: Window, requests: Sequence[SampleInstance], fits: Sequence[Fit]) -> None:
        """Say that lm-eval's ``hf`` measures its batches with whole windows, where prompts are far shorter.

        Before the first answer ``_detect_batch_size`` reads that many prompts five
        times: hours on a processor, and few at a time on a card.
        """
        most = getattr(self.lm, "max_batch_size", None)
        own = hasattr(self.lm, "_detect_batch_size") and getattr(self.lm, "batch_size", None) == "auto"
        longest = max((fit.tokens or 0 for fit in fits if not fit.too_long), default=0)
        generates = any(request.request_type == GENERATES for request in requests)
        if own and generates and longest and window.tokens and window.tokens >= _FAR_SHORTER * longest:
            _say_once(
                f"batch_size auto: before its first answer {self.name} reads up to {most} prompts of "
                f"its whole window of {window.tokens:,} tokens, five times over, and the longest prompt here has "
                f"{longest:,}; say max_length= (prompt and answer together) in --model_args, or --batch_size N"
            )

    @staticmethod
    def _measured(window: Window, request: SampleInstance, may_cut: bool) -> Fit:
        fit = request.fit = _fit(window, request)
        if fit.refused or (not may_cut and (fit.too_long or fit.dropped)):
            outcome = Outcome.CONTEXT_EXCEEDED if fit.too_long else Outcome.UNSUPPORTED
            detail = fit.too_long or fit.dropped or fit.refused
            request.resps = [Completion("", outcome, detail=detail, attempts=0, counted_tokens=fit.tokens)]
            request.repeats = 0  # so often lm-eval sends it
        return fit

    def completion(self, answer: object) -> Completion:
        """Return what an answer is: complete, or none at all."""
        if isinstance(answer, Completion):
            return answer
        if isinstance(answer, tuple):  # (log-likelihood, whether it is the likeliest)
            return Completion(as_answer(-float(answer[0])))
        if answer is None or (str(answer) in {"", _placeholder()} and not self.runs_here):
            detail = f"{self.name} gave no text and no reason: a filter, a lost call or an empty answer"
            return Completion("", Outcome.NO_ANSWER, detail=detail)
        return Completion(str(answer))

    def read(self, request: SampleInstance) -> None:
        """Put what they are in the place of a request's answers; lm-eval's ``--use_cache`` would keep none for ever."""
        self._openings[request.doc["id"]] = request.opening
        request.resps = [_as_sent(self.completion(answer), request.fit) for answer in request.resps]
        if self._cache and any(answer.outcome is Outcome.NO_ANSWER for answer in request.resps):
            self._cache.pop(hash_args(request.request_type, request.sent()), None)


def _fit(window: Window, request: SampleInstance) -> Fit:
    """Return whether a request fits as it is sent."""
    try:
        context, gen_kwargs, *media = request.sent()
    except UnsupportedError as error:
        return Fit(refused=str(error))
    if request.request_type == LIKELIHOOD:
        context, gen_kwargs = context + gen_kwargs, {"max_gen_toks": 1}
    return window.fit(context, gen_kwargs, media[0] if media else {})


def _by_shape(requests: Sequence[Any], answer: Callable[[list[Any]], Sequence[Any]]) -> list[Any]:
    """Ask requests of one shape at a time, and return all answers in order."""
    places: dict[int, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(len(request.args), []).append(place)
    answers: list[Any] = [None] * len(requests)
    for some in places.values():
        for place, given in zip(some, answer([requests[i] for i in some]), strict=True):
            answers[place] = given
    return answers


def _as_sent(answer: Completion, fit: Fit) -> Completion:
    """Add to an answer what is known of its prompt: its tokens, and that it was cut."""
    cut = fit.too_long or fit.dropped
    if cut and answer.outcome is Outcome.COMPLETE:
        answer = answer.changed(outcome=Outcome.TRUNCATED_INPUT, detail=cut)
    return answer if answer.counted_tokens is not None else answer.changed(counted_tokens=fit.tokens)


@functools.cache
def _say_once(words: str) -> None:
    logger.warning("%s", words)


def _placeholder() -> str:
    """Return what lm-eval's interfaces put in the place of an answer that never came."""
    module = sys.modules.get("lm_eval.models.api_models")
    return str(getattr(module, "LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", ""))
