"""Facts in a sentence of their own, asked for in other words, in several hays: one builder for the table of kinds.

A variant is a kind of fact, its factors and its hay. Variants of one index
tell of the same people and ask about the same fact at the same depth, so that
their scores are paired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.chronicle.names import Names
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.keys import Kind, draw, held, listed
from lm_eval_longctx.plan import expand
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.spread import Place, Spread
from lm_eval_longctx.tasks.text_niah.questions import FACTORS, KINDS, Fact, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep

INSTRUCTION = (
    "Exactly one name in the text is right; what follows from common knowledge counts as told. "
    "Answer with that full name and nothing else."
)

_KEPT = 1024
"""Facts whose names are kept: those of all lengths and depths of an index, which every hay and factor has."""

_WORD = re.compile(rb"[A-Z][a-z]+(?:-[A-Z][a-z]+)*")
_LABEL = re.compile(r"[\w.+ -]+")


def _families(rng: Rng) -> Iterator[str]:
    names = Names(rng)
    while True:
        yield names.family()


def _places(rng: Rng) -> Iterator[str]:
    names = Names(rng)
    while True:
        yield names.place()


FAMILIES = Kind("family names", "family", _families, _WORD)
PLACES = Kind("places", "place", _places, _WORD)


def _hays(value: Any) -> dict[str, str]:
    """Read the hays that are compared."""
    wrong = isinstance(value, str) or not isinstance(value, Mapping)
    if wrong or not all(_LABEL.fullmatch(str(label)) and isinstance(spec, str) for label, spec in value.items()):
        raise ConfigError(f"hays must name haystacks, such as {{like: '{{haystack}}', other: repeat}}, not {value!r}")
    return {str(label): spec for label, spec in value.items()}


def _factor(name: str, help_: str) -> Option:
    choices = FACTORS[name]
    return Option(name, [choices[0]], f"{help_}: {', '.join(choices)}", choices=choices, kinds=(tuple,))


class FactSample(Sample):
    """A fact in a sentence of its own.

    Attributes:
        hay: The stretch of hay.
        told: Each sentence with the unit before which it stands.
        asked: Which of them is the needle.
        distractors: What the other sentences would answer.
    """

    hay: Place
    told: list[list[Any]]
    asked: int
    distractors: list[str]


class FactBuilder(Builder[FactSample]):
    """One fact at a depth of a text haystack, among others of its kind.

    The sample's ``target`` is a name that stands nowhere else in the context.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("facts", ["association"], f"kinds of fact: {', '.join(KINDS)}", choices=tuple(KINDS), kinds=(tuple,)),
        _factor("hops", "steps of knowledge between an association's needle and question"),
        _factor("order", "order of words of associations and paraphrases"),
        _factor("language", "language of a relation's needle; the question stays English"),
        _factor("ask", "what is asked of a state that changes"),
        _factor("former", "where a state's neighbours in time stand: anywhere, or beside what is asked for"),
        Option("updates", 3, "how often a state changes", minimum=1, maximum=1000),
        Option("distractors", 4, "other facts of the same kind", minimum=0, maximum=20),
        Option(
            "hays",
            {},
            "hays to compare, by label, such as {like: '{haystack}', shuffled: 'shuffled:{haystack}'}",
            reader=_hays,
        ),
        Option("instruction", INSTRUCTION, "what follows the question; may be empty"),
        Option("repetition", "allowed", "whether a short corpus may begin again", choices=("allowed", "forbidden")),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the settings; the corpora are opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        self._corpora: dict[str, Corpus] = {}
        self._taken = lru_cache(maxsize=64)(self._heard)
        self._names = lru_cache(maxsize=_KEPT)(self._drawn)
        self._alike: dict[tuple[str, float], tuple[FactSample, int]] = {}
        for name in ("facts", *FACTORS):
            if not self._options[name]:
                raise ConfigError(f"{name} must name at least one of what there is")

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of fact with its factors, in each hay, is a variant."""
        return expand(self.sweep, variants=[variant for fact in self._options["facts"] for variant in self._of(fact)])

    def _of(self, fact: str) -> Iterator[str]:
        """Yield the variants of a kind of fact."""
        factors = {name: self._options[name] for name in KINDS[fact].factors}
        hays = {"hay": list(self._options["hays"])} if self._options["hays"] else {}
        axes = {"fact": [fact], **factors, **hays}
        for values in product(*axes.values()):
            yield ",".join(f"{name}={value}" for name, value in zip(axes, values, strict=True))

    def corpus(self, label: str = "") -> Corpus:
        """Return the hay that has a label; without one, the sweep's."""
        if label not in self._corpora:
            spec = self._options["hays"].get(label, "{haystack}")
            source = self.context.source(spec.replace("{haystack}", self.sweep.haystack or "chronicle"))
            self._corpora[label] = Corpus(source, self.sweep.tokenizer, self.context.cache_dir)
        return self._corpora[label]

    def _fact(self, plan: PlannedSample) -> Fact:
        """Make the fact: of names that none of the hays has, and the same in all variants of its kind."""
        parts = parts_of(plan)
        bare = replace(plan, variant=parts["fact"])
        people, places = self._names(bare)
        depth, rng = float(plan.depth or 0), bare.rng("fact").fork("fact")
        return KINDS[parts["fact"]].make(Wanted(rng, depth, people, places, parts, self._options))

    def _drawn(self, plan: PlannedSample) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return people and places for a fact, whatever its factors and its hay."""
        rng = plan.rng("fact")
        count = 2 * (1 + self._options["distractors"]) + self._options["updates"] + 1
        families, names = self._unheard(FAMILIES, plan, rng.fork("families"), count), Names(rng.fork("names"))
        people = [
            f"{names.given(rng.below(names.given_size), woman=rng.random() < 1 / 2)} {family}" for family in families
        ]
        return tuple(people), tuple(self._unheard(PLACES, plan, rng.fork("places"), 1 + self._options["distractors"]))

    def _unheard(self, kind: Kind, plan: PlannedSample, rng: Rng, count: int) -> list[str]:
        taken, hays = self._taken(kind, plan.index, int(plan.length.amount))
        return draw(kind, rng, count, taken, hays)

    def _heard(self, kind: Kind, index: int, length: int) -> tuple[str, str]:
        """Return the names that hays of an index have near a length, a line each, and what the hays are called."""
        corpora = [self.corpus(label) for label in self._options["hays"] or [""]]
        taken = set().union(*(held(kind, corpus, index, length) for corpus in corpora))
        return listed(taken), ", ".join(corpus.source.spec for corpus in corpora)

    def _spread(self, plan: PlannedSample, question: str) -> Spread:
        return Spread(self.corpus(parts_of(plan).get("hay", "")), f"{question} {self._options['instruction']}")

    def sample(self, plan: PlannedSample) -> FactSample:
        """Work out the fact, its places and the realised length; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had, or is too short.
            LengthError: The length is too short for question and sentences.
        """
        if not estimated(TEXT):
            return self._counted(plan)
        alike = plan.variant, plan.length.amount
        if alike in self._alike:
            return self._reckoned(plan, *self._alike[alike])
        made = self._counted(plan)
        self._alike[alike] = made, self._most_bytes(made)
        return made

    def _reckoned(self, plan: PlannedSample, like: FactSample, size: int) -> FactSample:
        """Take the sample of another index or depth in a plan, for which only lengths count."""
        return {
            **like,
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {**like["haystack"], "estimated": True},
            "cluster": str(plan.index),
            "target": max(like["target"], *like["distractors"], key=len),
            "realised_length": plan.length.amount,
            "realised_depth": plan.depth,
            "bytes": size,
        }

    def _most_bytes(self, sample: FactSample) -> int:
        """Return how many bytes a prompt has at most whose hay is any other part of the same text."""
        corpus, prompt = self.corpus(parts_of(planned(sample)).get("hay", "")), self.render(sample)
        shared = sum(len(part.text.encode()) for part in prompt.parts() if isinstance(part, TextPart) and part.shared)
        return prompt.text_bytes + max(0, math.ceil(sample["context_length"] * corpus.densest) - shared)

    def _counted(self, plan: PlannedSample) -> FactSample:
        fact, corpus = self._fact(plan), self.corpus(parts_of(plan).get("hay", ""))
        # Sentences at one place stand in this order, and what was told before must come before.
        told = (*fact.before, (fact.needle, float(plan.depth or 0)), *fact.after, *fact.others)
        spread, asked = self._spread(plan, fact.question), len(fact.before)
        fitted = spread.fit(plan, [text for text, _ in told], [depth for _, depth in told])
        if self._options["repetition"] == "forbidden":
            corpus.check_repetition(fitted.start, fitted.stop)
        placed = [[text, place] for (text, _), place in zip(told, fitted.layout.positions, strict=True)]
        return {
            **planned_part(plan, self.sweep.tokenizer),
            **spread.part(plan, fitted),
            "question": fact.question,
            "target": fact.target,
            "kind": parts_of(plan)["fact"],
            "cluster": str(plan.index),
            "realised_depth": spread.fitter.realised_depth(fitted.layout, asked),
            "asked": asked,
            "told": placed,
            "distractors": list(fact.wrong),
        }

    def passages(self, sample: FactSample) -> tuple[str, ...]:
        """Return the needle."""
        return (str(sample["told"][sample["asked"]][0]),)

    def render(self, sample: FactSample) -> Prompt:
        """Slice the prompt of a sample out of its corpus; no tokenizer is needed."""
        texts, places = [text for text, _ in sample["told"]], [place for _, place in sample["told"]]
        return self._spread(planned(sample), sample["question"]).prompt(sample, texts, places)


def parts_of(plan: PlannedSample) -> dict[str, str]:
    """Return what a variant says, by the name of the factor."""
    named = (part.partition("=") for part in plan.variant.split(","))
    return {name: value for name, _, value in named}
