"""Requests that hold a sample and render it only when somebody reads them.

lm-eval keeps every request of a run in memory and logs its arguments. Ours
hold the sample (about 1 kB). Another lm-eval model that reads ``arguments``
gets the real text, images and sound, made at that moment; our own model reads
the sample and renders one prompt at a time. Once an answer is in, and always
for our own model, ``arguments`` is the short form, so that sample logs, hashes
and caches stay small.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from lm_eval.api.instance import Instance

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.harness.rendering import for_other_models
from lm_eval_longctx.harness.window import Fit
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lm_eval_longctx.harness.adaptive import Chooser
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.prompt import Part, Prompt
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.tasks.base import Builder


_WRITTEN = 10_000
"""Characters of the beginning and of the end of a prompt that ``--write_out`` prints."""

_LAST_WORDS = 100
"""Characters of a prompt's end by which it is found in what was sent: templates cut blanks at its beginning."""

GENERATES, LIKELIHOOD = "generate_until", "loglikelihood"
"""lm-eval's names of the kinds of request that there are here."""


class SampleInstance(Instance):
    """One request of one of our tasks; see the module.

    Attributes:
        fit: Whether it fits into another lm-eval model.
        rate: Samples of sound a second that this one takes every sound to have; ``None`` if it is told.
        opening: What the chat template wrote between the question and the answer, once it was sent.
        rendered: The digest of the prompt, once it was made: what a prompt that is made again is compared with.
        heard: In a cascade, what was heard of each of the prompt's recordings.
        chooser: What decides whether this sample is asked, where the sweep is adaptive.
    """

    def __init__(  # noqa: PLR0913 - what lm-eval gives, and what rendering needs
        self,
        sample: Sample,
        gen_kwargs: dict[str, Any],
        *,
        builder: Builder[Any],
        metadata: tuple[str | None, int | None, int | None],
        model: str | None,
        kind: str = GENERATES,
        system_instruction: str = "",
        chat_template: Callable[..., Any] | None = None,
        place: int = 0,
    ) -> None:
        """Keep the sample.

        Args:
            sample: The sample, or the part of it that is asked here.
            gen_kwargs: lm-eval's generation settings for this request.
            builder: What renders the sample.
            metadata: lm-eval's (task name, document id, repeats).
            model: The name of our own model, if it is ours that will answer.
            kind: lm-eval's kind of request: to generate text, or to tell the likelihood of the target.
            system_instruction: The user's ``--system_instruction``.
            chat_template: lm-eval's template function, for other models.
            place: Which of the sample's requests this is, from 0.
        """
        self.builder = builder
        self.model = model
        self.system_instruction = system_instruction
        self.chat_template = chat_template
        self.fit = Fit()
        self.rate: int | None = None
        self.opening = self.rendered = ""
        self.heard: list[dict[str, Any]] = []
        self.chooser: Chooser | None = None
        self._sent = "" if model is None else _digest([system_instruction, gen_kwargs])
        super().__init__(kind, sample, (sample["id"], gen_kwargs), place, metadata)

    def prompt(self) -> Prompt:
        """Render the sample: the whole context, in memory from now on; its digest is kept."""
        prompt: Prompt = self.builder.render(self.doc).with_system(self.system_instruction)
        self.rendered = prompt.digest
        return prompt

    @property
    def gen_kwargs(self) -> dict[str, Any]:
        """lm-eval's generation settings."""
        return dict(self._given[1])

    def sent(self) -> tuple[Any, ...]:
        """Return what another lm-eval model is sent: context, settings and media; or context and continuation."""
        prompt = self.prompt()
        if self.request_type == LIKELIHOOD:
            target = str(self.doc["target"])
            context = prompt.text().removesuffix(target)
            self._sent = _digest([context, target])
            return (context, target)
        context, *rest = for_other_models(prompt, self.gen_kwargs, self.chat_template, self.rate)
        media = [part.digest for part in prompt.parts() if not isinstance(part, TextPart)]
        self._sent = _digest([context, self.gen_kwargs, media])
        self.opening = _after(prompt, str(context)) if self.chat_template else ""
        return (context, *rest)

    def written_out(self) -> str:
        """Return the prompt as people read it: turns by role, media by file; a very long one without its middle."""
        prompt = self.prompt()
        turns = [f"[{turn.role}]\n{''.join(_readable(part) for part in turn.parts)}" for turn in prompt.turns]
        text = "\n\n".join([*turns, *([f"[assistant]\n{prompt.answer_prefix}"] if prompt.answer_prefix else [])])
        left_out = len(text) - 2 * _WRITTEN
        if left_out <= 0:
            return text
        return f"{text[:_WRITTEN]}\n[{left_out:,} characters are not printed here; they are sent]\n{text[-_WRITTEN:]}"

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What lm-eval sends or logs: (context, settings, media) or the short form."""
        if self.model is None and not self.resps:
            return self.sent()
        short: tuple[Any, ...] = (f"{short_form(self.doc)}&sent={self._sent}", self.gen_kwargs)
        if self.model is not None:
            short = (*short, {"model": self.model, "system_instruction": self.system_instruction})
        answers = [answer.to_dict() for answer in self.resps if isinstance(answer, Completion)]
        known: dict[str, Any] = (
            {"prompt": self.rendered} if self.rendered and self.resps else {}
        )  # lm-eval names its caches before
        known |= {"completions": answers} if answers else {}
        known |= {"heard": self.heard} if self.heard else {}
        return (*short, known) if known else short

    @arguments.setter
    def arguments(self, given: tuple[Any, ...]) -> None:
        """Take what ``Instance.__init__`` assigns."""
        self._given = given


def _after(prompt: Prompt, context: str) -> str:
    """Return what stands in a context after the last words of its prompt; nothing if they do not stand there."""
    texts = [part.text for part in prompt.parts() if isinstance(part, TextPart) and part.text.strip()]
    words = (prompt.answer_prefix or "".join(texts[-1:])).strip()
    _, found, rest = context.rpartition(words[-_LAST_WORDS:])
    return rest if words and found else ""


def _readable(part: Part) -> str:
    return part.text if isinstance(part, TextPart) else f"<{part.mime} {part.path}>"


def short_form(sample: Sample) -> str:
    """Name a sample in one line, enough to render it again with the same version."""
    where = "" if sample["depth"] is None else f"&depth={sample['depth']:g}"
    hay = sample.get("haystack", {})
    return (
        f"longctx:{sample['task']}@{sample['version']}/{sample['id']}"
        f"?length={sample['context_label']}{where}&index={sample['index']}&seed={sample['seed']}"
        f"&haystack={hay.get('spec', '')}&digest={hay.get('digest', '')}&recipe={sample['recipe_digest']}"
    )


def _digest(sent: object) -> str:
    """Return a digest of what a model is sent beside, or with, the rendered sample."""
    plain = json.dumps(sent, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


class RankOf(int):
    """A process rank (0 or more) that knows the model it belongs to.

    This is how a task learns which model will run it: lm-eval builds a task's
    requests with ``rank=lm.rank`` and nothing else of the model. It needs no
    global state and no patching, and passes through lm-eval's caching wrapper.
    """

    lm: LongctxLM

    def __new__(cls, rank: int, lm: LongctxLM) -> RankOf:  # noqa: PYI034 - typing.Self is newer than 3.10
        """Make the number ``rank`` that carries ``lm``."""
        self = super().__new__(cls, rank)
        self.lm = lm
        return self


def model_of(rank: int) -> LongctxLM | None:
    """Return our model if this rank is one of ours, else ``None``."""
    return rank.lm if isinstance(rank, RankOf) else None


def says_how_to_sample(gen_kwargs: Mapping[str, Any]) -> bool:
    """Whether generation settings name a temperature, or say that there is to be none."""
    return gen_kwargs.get("do_sample") is not None or gen_kwargs.get("temperature") is not None


def temperature_of(gen_kwargs: Mapping[str, Any]) -> float:
    """Return the temperature that lm-eval's generation settings mean: greedy, which is 0, unless they say otherwise."""
    value = gen_kwargs.get("temperature")
    if gen_kwargs.get("do_sample") is False:
        return 0.0
    if value is None:
        return 1.0 if gen_kwargs.get("do_sample") else 0.0
    return float(value)
