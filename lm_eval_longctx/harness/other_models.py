"""lm-eval's own models, and strangers': what they tell of themselves, and what their answers are.

They answer with a plain text. An interface that lost a call, or met a filter,
answers with no text at all, and lm-eval scores that as a wrong answer.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import CachingLM, hash_args

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.harness.origin import parameter_of

if TYPE_CHECKING:
    from lm_eval.api.model import LM

    from lm_eval_longctx.harness.instances import SampleInstance


_MARK = "_lm_eval_longctx"


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

    @classmethod
    def running(cls) -> OtherModel:
        """Return the model that lm-eval is about to ask, ready to be asked."""
        found = cls(parameter_of("evaluate", "lm"))
        found.make_ready()
        return found

    def make_ready(self) -> None:
        """Let it answer no questions with no answers, and never with ``None``; safe to repeat.

        Several of lm-eval's classes fail on an empty list. And its
        ``--use_cache`` gives the answer after a ``None`` to the wrong question.
        """
        original = getattr(self.lm, "generate_until", None)
        if original is None or hasattr(original, _MARK):
            return

        @functools.wraps(original)
        def generate_until(requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
            answers = original(requests, *args, **kwargs) if requests else []
            return [self.completion(answer) if answer is None else answer for answer in answers]

        setattr(generate_until, _MARK, True)
        vars(self.lm)["generate_until"] = generate_until

    @property
    def think_end(self) -> str:
        """The mark that ends its thoughts; empty if it names none.

        A number is a token's, not a text's: lm-eval's ``hf`` has cut there by itself.
        """
        mark = getattr(self.lm, "think_end_token", None)
        return mark if isinstance(mark, str) else ""

    @property
    def runs_here(self) -> bool:
        """Whether the weights, or the engine that has them, are in this process: then no call can be lost."""
        return not isinstance(getattr(self.lm, "model", None), (str, type(None)))

    def completion(self, answer: object) -> Completion:
        """Return what an answer is: complete, or none at all."""
        if isinstance(answer, Completion):
            return answer
        if answer is None or (str(answer) in {"", _placeholder()} and not self.runs_here):
            detail = f"{self.name} gave no text and no reason: a filter, a lost call or an empty answer"
            return Completion("", Outcome.NO_ANSWER, detail=detail)
        return Completion(str(answer))

    def read(self, request: SampleInstance) -> None:
        """Put what they are in the place of a request's answers; lm-eval's ``--use_cache`` would keep none for ever."""
        request.resps = [self.completion(answer) for answer in request.resps]
        if self._cache and any(answer.outcome is Outcome.NO_ANSWER for answer in request.resps):
            self._cache.pop(hash_args("generate_until", request.sent()), None)


def _placeholder() -> str:
    """Return what lm-eval's interfaces put in the place of an answer that never came."""
    module = sys.modules.get("lm_eval.models.api_models")
    return str(getattr(module, "LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", ""))
