"""Needles in a text haystack (Gemini 1.5 report, arXiv 2403.05530, sections 5.2.1.1 and 5.2.1.2, appendix 12.16)."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.keys import (
    KEY_KINDS,
    KINDS,
    NEEDLE,
    VALUE_KINDS,
    Kind,
    NeedlesSource,
    check_template,
    draw,
    held,
    listed,
)
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder, S
from lm_eval_longctx.tasks.spread import HayPart, Place, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.text.fit import Fitted
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep

INSTRUCTION = "Don't give information outside the document or repeat your findings"
IF_ABSENT = "If the document does not give it, say that it is not there."
NOT_THERE = "It is not there."

ONE_OF = "One of the special magic {kind}s of {key} is: {value}."

_TOKENS_A_VALUE = 32

Pair = tuple[str, str]
"""A needle's key and value."""

COMMON = (
    Option("key", "cities", "what the needles' keys are", choices=KEY_KINDS),
    Option("value", "numbers", "what the needles' values are", choices=VALUE_KINDS),
    Option("needle", NEEDLE, "the needle's sentence, with the blanks {key}, {value} and {kind}"),
    Option("instruction", INSTRUCTION, "what follows the question; may be empty"),
    Option("distractors", 0, "needles of the same form with other keys", minimum=0, maximum=10_000),
    Option("repetition", "allowed", "whether a short corpus may begin again", choices=("allowed", "forbidden")),
)


class NeedlesPart(HayPart):
    """What a sample says of its hay, and of the kind of its needles."""

    key_kind: str
    value_kind: str


class NeedlesSample(Sample):
    """What one needle and many have in common.

    Attributes:
        hay: The stretch of hay.
        key_kind: What keys are, such as ``city``.
        value_kind: What values are, such as ``number``.
        planted: Key, value and position of each needle that nobody asks for.
        distractors: Value by key of the same.
    """

    hay: Place
    key_kind: str
    value_kind: str
    planted: list[list[Any]]
    distractors: dict[str, str]


class OneNeedleSample(NeedlesSample):
    """One needle.

    Attributes:
        key: What is asked for.
        position: The unit before which the needle stands; ``None`` where it is absent.
    """

    key: str
    position: int | None


class ManyNeedlesSample(NeedlesSample):
    """Many needles, all asked for.

    Attributes:
        needles: The unit before which each stands, in the order of ``target``.
    """

    needles: list[int]


class ManyValuesSample(ManyNeedlesSample):
    """Many needles with one key, whose values are all asked for.

    Attributes:
        key: What is asked for.
    """

    key: str


class _TextBuilder(Builder[S]):
    """What one needle and many have in common."""

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the templates; the corpus is opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        self._check("needle", ("key", "value", "kind"), required=("key", "value"))
        self._key: Kind = KINDS[self._options["key"]]
        self._value: Kind = KINDS[self._options["value"]]
        self._taken = lru_cache(maxsize=64)(self._heard)

    def _check(self, name: str, allowed: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
        self._options[name] = check_template(name, self._options[name], allowed, required)

    @cached_property
    def corpus(self) -> Corpus:
        """The hay."""
        source = self.context.source(self.sweep.haystack or "chronicle")
        if isinstance(source, NeedlesSource):  # so that nothing but its key tells the needle from its hay
            key, value, needle = (str(self._options[name]) for name in ("key", "value", "needle"))
            source = replace(source, key=key, value=value, needle=needle)
        return Corpus(source, self.sweep.tokenizer, self.context.cache_dir)

    def _draw(self, plan: PlannedSample, count: int) -> list[Pair]:
        """Draw needles whose keys and values the hay does not hold."""
        drawn: dict[str, list[str]] = {}
        for role, kind in (("key", self._key), ("value", self._value)):
            taken = listed((self._taken(kind, plan.index, int(plan.length.amount)), *drawn.get("key", ())))
            drawn[role] = draw(kind, plan.rng(role), count, taken, self.corpus.source.spec)
        return list(zip(drawn["key"], drawn["value"], strict=True))

    def _heard(self, kind: Kind, index: int, length: int) -> str:
        """Return what the hay of an index holds of a kind."""
        return listed(held(kind, self.corpus, index, length))

    def _sentence(self, pair: Pair) -> str:
        key, value = pair
        return str(self._options["needle"]).format(key=key, value=value, kind=self._value.noun)

    def _fit(self, plan: PlannedSample, question: str, pairs: Sequence[Pair], depths: Sequence[float]) -> Fitted:
        fitted = self._spread(question).fit(plan, [self._sentence(pair) for pair in pairs], depths)
        if self._options["repetition"] == "forbidden":
            self.corpus.check_repetition(fitted.start, fitted.stop)
        return fitted

    def _spread(self, question: str) -> Spread:
        return Spread(self.corpus, f"{question} {self._options['instruction']}", self._prefix())

    def _hay(self, plan: PlannedSample, question: str, fitted: Fitted) -> NeedlesPart:
        """Return what both kinds of task say of their hay."""
        return {**self._spread(question).part(plan, fitted), "key_kind": self._key.noun, "value_kind": self._value.noun}

    def _prefix(self) -> str:
        return str(self._options["answer_prefix"]).format(kind=self._value.noun)

    def _prompt(self, sample: NeedlesSample, question: str, pairs: Sequence[Pair], positions: Sequence[int]) -> Prompt:
        """Slice the hay and put the needles between."""
        return self._spread(question).prompt(sample, [self._sentence(pair) for pair in pairs], positions)


class NeedleBuilder(_TextBuilder[OneNeedleSample]):
    """One needle at a depth of a text haystack.

    The sample's ``target`` is the needle's value; where the needle is absent,
    ``absent`` is true and ``target`` says so in words.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *COMMON,
        Option("question", "What is the special magic {key} {kind}?", "the question, with the blanks {key} and {kind}"),
        Option("answer_prefix", "Here is the magic {kind} from the context:", "how the answer begins; may have {kind}"),
        Option("absent", 0.0, "share of samples whose needle is not hidden, 0 to 1", minimum=0, maximum=1),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the templates; the corpus is opened with the first sample."""
        super().__init__(sweep, context)
        self._check("question", ("key", "kind"))
        self._check("answer_prefix", ("kind",))

    def sample(self, plan: PlannedSample) -> OneNeedleSample:
        """Work out needle, place, realised length and depth; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had or is too short.
            LengthError: The length is too short for question and needle.
        """
        wanted, *others = self._draw(plan, 1 + self._options["distractors"])
        absent = plan.rng("absent").random() < self._options["absent"]
        question = self._question(wanted[0])
        places = plan.rng("distractors")
        depths = [places.random() for _ in others]
        pairs = others if absent else [wanted, *others]
        fitted = self._fit(plan, question, pairs, depths if absent else [float(plan.depth or 0), *depths])
        placed = list(zip(pairs, fitted.layout.positions, strict=True))
        made: OneNeedleSample = {
            **planned_part(plan, self.sweep.tokenizer),
            **self._hay(plan, question, fitted),
            "question": question,
            "target": NOT_THERE if absent else wanted[1],
            "key": wanted[0],
            "absent": absent,
            "realised_depth": None if absent else self._spread(question).fitter.realised_depth(fitted.layout, 0),
            "position": None if absent else placed.pop(0)[1],
            "planted": [[key, value, position] for (key, value), position in placed],
            "distractors": {key: value for (key, value), _ in placed},
        }
        if share := self._options["absent"]:  # so often is right who always says that it is not there
            made["chance"] = share
        return made

    def passages(self, sample: OneNeedleSample) -> tuple[str, ...]:
        """Return the needle's sentence."""
        return () if sample["absent"] else (self._sentence((sample["key"], sample["target"])),)

    def render(self, sample: OneNeedleSample) -> Prompt:
        """Slice the prompt of a sample out of the corpus; no tokenizer is needed."""
        pairs = [(key, value) for key, value, _ in sample["planted"]]
        positions = [position for _, _, position in sample["planted"]]
        if not sample["absent"]:
            pairs, positions = [(sample["key"], sample["target"]), *pairs], [sample["position"], *positions]
        return self._prompt(sample, sample["question"], pairs, positions)

    def _question(self, key: str) -> str:
        question = str(self._options["question"]).format(key=key, kind=self._value.noun)
        return f"{question} {IF_ABSENT}" if self._options["absent"] else question


class MultiNeedleBuilder(_TextBuilder[ManyNeedlesSample]):
    """Many needles spread over a text haystack, all asked for in one turn.

    The sample's ``target`` is a dictionary of keys and values, in the order in
    which they are asked for.
    """

    HAS_DEPTH = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *COMMON,
        Option("needles", 100, "needles that are hidden and asked for", minimum=1, maximum=10_000),
        Option(
            "question",
            "What are the special magic {kind}s of these {count} {keys}? Give one line for each: {list}.",
            "the question, with the blanks {list}, {count}, {keys} and {kind}",
        ),
        Option("answer_prefix", "Here are the magic {kind}s from the context:", "how the answer begins"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the templates; the corpus is opened with the first sample."""
        super().__init__(sweep, context)
        self._check("question", ("list", "count", "keys", "kind"), required=("list",))
        self._check("answer_prefix", ("kind",))

    def sample(self, plan: PlannedSample) -> ManyNeedlesSample:
        """Work out needles, places and realised length; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had or is too short.
            LengthError: The length is too short for question and needles.
        """
        count = self._options["needles"]
        pairs = self._draw(plan, count + self._options["distractors"])
        question = self._question([key for key, _ in pairs[:count]])
        fitted = self._fit(plan, question, pairs, _everywhere(plan, count, len(pairs)))
        order = plan.rng("order").sample(range(count), count)
        positions = fitted.layout.positions
        return {
            **planned_part(plan, self.sweep.tokenizer),
            **self._hay(plan, question, fitted),
            "question": self._question([pairs[order[0]][0], "..."]),
            "target": dict(pairs[number] for number in order),
            "needles": [positions[number] for number in order],
            "planted": [[*pairs[number], positions[number]] for number in range(count, len(pairs))],
            "distractors": dict(pairs[count:]),
            "realised_depth": None,
            "max_gen_toks": 64 + _TOKENS_A_VALUE * count,
        }

    def passages(self, sample: ManyNeedlesSample) -> tuple[str, ...]:
        """Return the sentences of all needles that are asked for."""
        return tuple(self._sentence(pair) for pair in sample["target"].items())

    def render(self, sample: ManyNeedlesSample) -> Prompt:
        """Slice the prompt of a sample out of the corpus; no tokenizer is needed."""
        planted = sample["planted"]
        pairs = [*sample["target"].items(), *((key, value) for key, value, _ in planted)]
        positions = [*sample["needles"], *(position for _, _, position in planted)]
        return self._prompt(sample, self._question(list(sample["target"])), pairs, positions)

    def _question(self, keys: Sequence[str]) -> str:
        plural = self._key.name
        question = str(self._options["question"])
        return question.format(list=", ".join(keys), count=self._options["needles"], keys=plural, kind=self._value.noun)


class ManyValuesBuilder(_TextBuilder[ManyValuesSample]):
    """Needles with one key, spread over a text haystack: all their values are asked for (RULER's niah_multivalue).

    The sample's ``target`` is the list of the values.
    """

    HAS_DEPTH = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *(option for option in COMMON if option.name != "needle"),
        Option("needle", ONE_OF, "the needle's sentence, with the blanks {key}, {value} and {kind}"),
        Option("values", 4, "needles with that key, each with a value of its own", minimum=1, maximum=10_000),
        Option(
            "question",
            "What are all special magic {kind}s of {key}? Give one line for each.",
            "the question, with the blanks {key}, {count} and {kind}",
        ),
        Option("answer_prefix", "Here are the magic {kind}s from the context:", "how the answer begins"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the templates; the corpus is opened with the first sample."""
        super().__init__(sweep, context)
        self._check("question", ("key", "count", "kind"), required=("key",))
        self._check("answer_prefix", ("kind",))

    def sample(self, plan: PlannedSample) -> ManyValuesSample:
        """Work out needles, places and realised length; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had or is too short.
            LengthError: The length is too short for question and needles.
        """
        count = self._options["values"]
        drawn = self._draw(plan, count + self._options["distractors"])
        key, others = drawn[0][0], drawn[count:]
        values = [value for _, value in drawn[:count]]
        pairs = [*((key, value) for value in values), *others]
        question = str(self._options["question"]).format(key=key, count=count, kind=self._value.noun)
        fitted = self._fit(plan, question, pairs, _everywhere(plan, count, len(pairs)))
        positions = list(fitted.layout.positions)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            **self._hay(plan, question, fitted),
            "question": question,
            "target": values,
            "key": key,
            "needles": positions[:count],
            "planted": [[*pair, place] for pair, place in zip(others, positions[count:], strict=True)],
            "distractors": dict(others),
            "realised_depth": None,
            "max_gen_toks": 64 + _TOKENS_A_VALUE * count,
        }

    def passages(self, sample: ManyValuesSample) -> tuple[str, ...]:
        """Return the sentences of all needles that are asked for."""
        return tuple(self._sentence((sample["key"], value)) for value in sample["target"])

    def render(self, sample: ManyValuesSample) -> Prompt:
        """Slice the prompt of a sample out of the corpus; no tokenizer is needed."""
        pairs = [*((sample["key"], value) for value in sample["target"]), *((k, v) for k, v, _ in sample["planted"])]
        positions = [*sample["needles"], *(position for _, _, position in sample["planted"])]
        return self._prompt(sample, sample["question"], pairs, positions)


def _everywhere(plan: PlannedSample, count: int, whole: int) -> list[float]:
    """Return depths: one in each of so many equal stretches of the hay, and the rest anywhere."""
    places = plan.rng("places")
    depths = [(number + places.random()) / count for number in range(count)]
    return [*depths, *(places.random() for _ in range(whole - count))]
