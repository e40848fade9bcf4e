"""``longctx_mixed_niah``: a keyword that is written, shown or spoken somewhere among text, pictures, sound and film.

The Gemini 1.5 report hides needles in text, in film and in sound, each by
itself (arXiv 2403.05530, sections 5.2.1 and 5.2.2); a prompt that mixes them
is our own. The sentence is the same in each kind of content and the question
does not tell in which it is, so that the scores of kinds can be compared.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.film.needles import DECOYS
from lm_eval_longctx.hay.mixture.arithmetic import KINDS
from lm_eval_longctx.hay.mixture.order import AROUND
from lm_eval_longctx.hay.speech.wordings import ENGLISH
from lm_eval_longctx.plan import expand
from lm_eval_longctx.sample import planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks import mixing
from lm_eval_longctx.tasks.mixing import MixedBuilder, MixedSample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.mixture.pieces import Note
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.sweep import Sweep

NEEDLE = "The {name} keyword is {word}."
ONE = "One of the items tells a secret keyword. What is the secret keyword?"
MAYBE = " If none of the items does, answer 'There is no secret keyword'."
PART = "The {ordinal} part of the password is {word}."
BOTH = (
    "Two of the items tell one part each of a password. What are both parts of the password? "
    "Give one line for each, such as 'first: X'."
)
ORDINALS = ("first", "second")


class MixedNeedleSample(MixedSample):
    """One keyword in a mixture.

    Attributes:
        value_kind: What values are.
        around: What was asked to lie around the needle.
        distractors: Values that nobody asks for.
    """

    value_kind: str
    around: str
    distractors: list[str]


class MixedPartsSample(MixedSample):
    """Two parts of one fact in two kinds of content.

    Attributes:
        value_kind: What values are.
        evidence: For each part its sentence and its depth.
    """

    value_kind: str
    evidence: list[list[Any]]


class MixedNeedleBuilder(MixedBuilder[MixedNeedleSample]):
    """Hides one keyword in one kind of content after the other."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *mixing.OPTIONS,
        Option(
            "needles_in", [], "kinds of content that hide the needle in turn; empty: all that are mixed", kinds=(tuple,)
        ),
        Option(
            "around",
            ["same", "other"],
            "what lies directly before and after the needle: its own kind, other kinds, any, or a kind by name",
            choices=(*AROUND, *KINDS),
            kinds=(tuple,),
        ),
        Option("absent", 0.0, "share of samples in which no item tells a keyword", minimum=0, maximum=1),
        Option("distractors", 0, "sentences like 'The public keyword is X' in other items", minimum=0, maximum=100),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        self._hiding = tuple(self.options["needles_in"]) or self.kinds
        for kind in self._hiding:
            if kind not in self.kinds:
                raise unknown_option("kind of content in needles_in", str(kind), self.kinds)
        for around in self.options["around"]:
            if around in KINDS and around not in self.kinds:
                raise ConfigError(f"around: {around} is not among the modalities {', '.join(self.kinds)}")

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind with each surroundings is a variant."""
        several = len(self.kinds) > 1  # one kind has no other around it
        around = [one for one in self.options["around"] if several or one != "other"]
        return expand(self.sweep, variants=[f"needle={k},around={a}" for k in self._hiding for a in around])

    @staticmethod
    def _variant(plan: PlannedSample) -> tuple[str, str]:
        kind, around = (part.partition("=")[2] for part in plan.variant.split(","))
        return kind, around

    def around(self, plan: PlannedSample) -> str:
        """Return what lies around the needle; nothing is asked for where there is none."""
        return "any" if self._absent(plan) else self._variant(plan)[1]

    def _absent(self, plan: PlannedSample) -> bool:
        return bool(replace(plan, variant="").rng("absent").random() < self.options["absent"])

    def _words(self, plan: PlannedSample) -> list[str]:
        """Return the needle's word, and those of the distractors; the same whatever the variant."""
        words = self.unsaid(plan, ENGLISH.words)
        return replace(plan, variant="").rng("words").sample(words, 1 + self.options["distractors"])

    @staticmethod
    def _decoy(rng: Rng, word: str) -> str:
        return NEEDLE.format(name=rng.choice(DECOYS), word=word)

    def notes(self, plan: PlannedSample) -> list[Note]:
        """Return the needle and what looks like it."""
        word, *others = self._words(plan)
        text = NEEDLE.format(name="secret", word=word)
        needle = self.note(plan, self._variant(plan)[0], text, plan.depth or 0.0, "needle")
        rng = replace(plan, variant="").rng("distractors")
        decoys = [
            self.note(plan, rng.choice(self.kinds), self._decoy(rng, other), rng.random(), f"{n}", asked=False)
            for n, other in enumerate(others)
        ]
        return [*(() if self._absent(plan) else (needle,)), *decoys]

    def question(self, plan: PlannedSample) -> str:
        """Ask for the keyword."""
        del plan
        return ONE + (MAYBE if self.options["absent"] else "")

    def sample(self, plan: PlannedSample) -> MixedNeedleSample:
        """Work out one sample; nothing is drawn or spoken."""
        absent, (kind, around) = self._absent(plan), self._variant(plan)
        word, *others = self._words(plan)
        made: MixedNeedleSample = {
            **planned_part(plan, self.sweep.tokenizer),
            **self.mixed(plan),
            "target": word,
            "absent": absent,
            "value_kind": "word",
            "kind": kind,
            "around": around,
            "distractors": others,
            "realised_depth": None if absent else self.placed(plan)[0].depth,
        }
        if share := self.options["absent"]:  # so often is right who always says that there is none
            made["chance"] = share
        return made


class MixedPartsBuilder(MixedBuilder[MixedPartsSample]):
    """Hides two parts of one fact in two kinds of content, half of the context apart."""

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check that there are two kinds."""
        super().__init__(sweep, context)
        if len(self.kinds) < len(ORDINALS):
            raise ConfigError("parts in two kinds of content need two modalities or more")

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each pair of kinds is a variant."""
        return expand(self.sweep, variants=["+".join(pair) for pair in combinations(self.kinds, 2)])

    def _words(self, plan: PlannedSample) -> list[str]:
        return replace(plan, variant="").rng("words").sample(self.unsaid(plan, ENGLISH.words), len(ORDINALS))

    def notes(self, plan: PlannedSample) -> list[Note]:
        """Return both parts: the kinds of a pair take turns in coming first."""
        kinds = plan.variant.split("+")[:: -1 if plan.index % 2 else 1]
        depth = plan.depth or 0.0
        places = (depth, depth + 0.5 if depth <= 0.5 else depth - 0.5)  # noqa: PLR2004 - half of the context apart
        return [
            self.note(plan, kind, PART.format(ordinal=ordinal, word=word), place, ordinal)
            for kind, ordinal, word, place in zip(kinds, ORDINALS, self._words(plan), places, strict=True)
        ]

    def question(self, plan: PlannedSample) -> str:
        """Ask for both parts."""
        del plan
        return BOTH

    def sample(self, plan: PlannedSample) -> MixedPartsSample:
        """Work out one sample; nothing is drawn or spoken."""
        placed = self.placed(plan)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            **self.mixed(plan),
            "target": dict(zip(ORDINALS, self._words(plan), strict=True)),
            "value_kind": "word",
            "kind": plan.variant,
            "evidence": [[note.text, one.depth] for note, one in zip(self.notes(plan), placed, strict=True)],
            "realised_depth": placed[0].depth,
        }

    def answer_from(self, sample: MixedPartsSample, first: float, last: float) -> str:
        """Return the parts that a part of the context tells."""
        told = [first <= depth <= last for _, depth in sample["evidence"]]
        return "\n".join(
            f"{key}: {word}" for (key, word), here in zip(sample["target"].items(), told, strict=True) if here
        )
