"""Translation of a made language, at any context length (``longctx_text_translation``)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.language import book
from lm_eval_longctx.hay.language.lexicon import STOCK, english
from lm_eval_longctx.hay.language.library import HeldOut, Pair
from lm_eval_longctx.hay.language.meaning import Clause, draw_clause
from lm_eval_longctx.hay.language.tongue import Tongue
from lm_eval_longctx.hay.text.measure import SharedCounter
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Haystack, Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep


RESOURCES = ("none", "wordlist", "sentences", "half_book", "book", "all")

_TITLES = {
    "book": "a grammar book about {language}",
    "wordlist": "a word list of {language} and English",
    "sentences": "sentences in {language} with their English translations",
}


@dataclass(frozen=True)
class Question:
    """What is to be translated.

    Attributes:
        language: The name of the language that is not English.
        source: The sentence.
        to_english: The direction.
    """

    language: str
    source: str
    to_english: bool

    @property
    def pair(self) -> tuple[str, str]:
        """The names of the source's and the translation's language."""
        return (self.language, "English") if self.to_english else ("English", self.language)

    @property
    def reminder(self) -> str:
        """The sentence with what is asked of it."""
        return f"Translate this {self.pair[0]} sentence into {self.pair[1]}: {self.source}\n"


def opening(question: Question, *, helped: bool) -> str:
    """Return the beginning of the prompt."""
    language = question.language
    told = f"{language} is a language that you have probably never seen. Translate one sentence as well as you can" + (
        ", with the help of what follows.\n\n" if helped else ".\n\n"
    )
    return told + question.reminder


def section(question: Question, kind: str, *, again: bool) -> str:
    """Return what introduces a resource, with the sentence again before every resource but the first."""
    title = _TITLES[kind].format(language=question.language)
    reminder = f"\n{question.reminder}" if again else ""
    return f"{reminder}\nHere is {title}.\n\n"


def closing(question: Question) -> str:
    """Return the end of the prompt."""
    return f"\n{question.reminder}Answer with the {question.pair[1]} translation only, without any explanation.\n"


def kinds_of(resources: str) -> Sequence[str]:
    """Return which resources a setting stands for, in the order of the prompt."""
    if resources in ("book", "half_book"):
        return ("book",)
    return {"none": (), "all": ("book", "wordlist", "sentences")}.get(resources, (resources,))


DIRECTIONS = ("to_english", "from_english")
MOST_SAMPLES = 1000
"""Test sentences that are kept out of every context, whatever the size of the sweep."""

_FIT_MARGIN = 8


class TranslationSample(Sample):
    """A sentence to translate with a made language's book.

    Attributes:
        source: The sentence.
        resources: What of the book is shown.
        parallel: Sentences shown with their translation.
        rules: What a translator must know.
        source_words: How long it is.
        words_in_list: Share of its words that the word list has.
    """

    source: str
    resources: str
    parallel: int
    rules: list[str]
    source_words: int
    words_in_list: float


def asked_clauses(tongue: Tongue) -> list[Clause]:
    """Return what is asked about a made language; no two are alike; a larger sweep starts with the same."""
    rng = Rng(f"{tongue.seed}/{tongue.difficulty}/test")
    drawn: dict[str, Clause] = {}
    while len(drawn) < MOST_SAMPLES:
        clause = draw_clause(rng, STOCK)
        drawn.setdefault(english(clause), clause)
    return list(drawn.values())


def asked_pairs(tongue: Tongue) -> tuple[Pair, ...]:
    """Return the test sentences of a made language in both languages."""
    clauses = asked_clauses(tongue)
    return tuple(Pair(tongue.sentence(one), english(one), str(number)) for number, one in enumerate(clauses))


class MadeLanguageBuilder(Builder[TranslationSample]):
    """Sentences of a language that nobody has seen, with a book about it.

    The context is the book (or half of it), the word list, and parallel
    sentences up to the asked length; the resources ``none``, ``wordlist`` and
    ``book`` have the length they have, and the asked one is their upper bound.
    """

    HAS_DEPTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = ("haystack",)
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("resources", "all", "what the context holds", choices=RESOURCES),
        Option("direction", "both", "which way to translate", choices=("both", *DIRECTIONS)),
        Option("difficulty", 2, "1 endings and order, 2 also classes and agreement, 3 also harmony", (1, 2, 3)),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Refuse more samples than there are test sentences."""
        super().__init__(sweep, context)
        if sweep.samples_per_cell > MOST_SAMPLES:
            raise ConfigError(
                f"{sweep.task} has {MOST_SAMPLES} test sentences; ask for at most that many samples_per_cell"
            )

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each sentence in each asked direction."""
        asked = self.sweep.options["direction"]
        return expand(self.sweep, variants=DIRECTIONS if asked == "both" else (asked,))

    @cached_property
    def tongue(self) -> Tongue:
        """The language of this seed."""
        return Tongue(f"{self.sweep.version}/{self.sweep.seed}", self.sweep.options["difficulty"])

    @cached_property
    def _clauses(self) -> list[Clause]:
        """What the samples ask for, in either direction."""
        return asked_clauses(self.tongue)

    @cached_property
    def _held_out(self) -> HeldOut:
        return HeldOut(text for clause in self._clauses for text in (self.tongue.sentence(clause), english(clause)))

    def _rng(self, label: str) -> Rng:
        return Rng(f"{self.tongue.seed}/{self.tongue.difficulty}/{label}")

    @cached_property
    def _fixed(self) -> dict[str, str]:
        """The book, its first half and the word list, without anything that gives a test sentence away."""
        written = [without_tests(chapter, self._held_out) for chapter in book.chapters(self.tongue, self._rng("book"))]
        return {
            "book": "\n\n".join(written) + "\n",
            "half_book": "\n\n".join(written[: len(written) // 2]) + "\n",
            "wordlist": "\n".join(book.word_list(self.tongue)) + "\n",
        }

    @cached_property
    def _lines(self) -> _Lines:
        pairs = book.parallel(self.tongue, self._rng("parallel"), self._held_out.gives_away)
        return _Lines((f"{theirs}\n{ours}\n\n" for theirs, ours in pairs), self.sweep.tokenizer)

    def sample(self, plan: PlannedSample) -> TranslationSample:
        """Choose the sentence and how many parallel sentences fit."""
        question, target, clause = self._question(plan.index, plan.variant)
        count, realised = self._fit(question, int(plan.length.amount))
        read = plan.index > 0 and self.sweep.options["resources"] != "none"  # one language has one book
        tongue: Haystack = {
            "spec": f"tongue:{self.tongue.difficulty}",
            "digest": self.tongue.name.lower(),
            "repeats": 0,
            "overlap": float(read),
        }
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "question": question.reminder.strip(),
            "target": target,
            "source": question.source,
            "resources": self.sweep.options["resources"],
            "parallel": count,
            "rules": list(clause.rules()),
            "source_words": len(question.source.split()),
            "words_in_list": 1.0 if "wordlist" in kinds_of(self.sweep.options["resources"]) else 0.0,
            "haystack": tongue,
            "realised_length": realised,
            "realised_depth": None,
        }

    def _question(self, index: int, direction: str) -> tuple[Question, str, Clause]:
        clause = self._clauses[index]
        theirs, ours = self.tongue.sentence(clause), english(clause)
        to_english = direction == "to_english"
        source, target = (theirs, ours) if to_english else (ours, theirs)
        return Question(self.tongue.name, source, to_english), target, clause

    def _fit(self, question: Question, asked: int) -> tuple[int, int]:
        """Return how many parallel sentences fit into the asked length, and the length that results.

        Raises:
            LengthError: What must be in the context is longer than asked.
        """
        least = self._tokens(question, 0)
        if least > asked:
            resources = self.sweep.options["resources"]
            raise LengthError(
                f"{self.sweep.task}: the question with resources={resources} is {least} tokens long, more than the "
                f"{asked} asked; ask for a context of {least} or more, or for fewer resources"
            )
        if "sentences" not in kinds_of(self.sweep.options["resources"]):
            return 0, least
        count = self._lines.fitting(asked - least + _FIT_MARGIN)
        while (realised := self._tokens(question, count)) > asked:
            count -= 1
        return count, realised

    def _pieces(self, question: Question, count: int) -> Iterator[tuple[str, bool]]:
        """Yield the prompt's texts in order, each with whether it is shared by many prompts."""
        kinds = kinds_of(self.sweep.options["resources"])
        yield opening(question, helped=bool(kinds)), False
        for number, kind in enumerate(kinds):
            yield section(question, kind, again=number > 0), False
            yield self._resource(kind, count), True
        yield closing(question), False

    def _resource(self, kind: str, count: int) -> str:
        if kind == "sentences":
            return self._lines.first(count)
        return self._fixed["half_book" if self.sweep.options["resources"] == "half_book" else kind]

    @cached_property
    def _counter(self) -> SharedCounter:
        return SharedCounter(load_tokenizer(self.sweep.tokenizer))

    def _tokens(self, question: Question, count: int) -> int:
        return self._counter.count(self._pieces(question, count))

    def render(self, sample: TranslationSample) -> Prompt:
        """Write the prompt."""
        question, _, _ = self._question(sample["index"], sample["variant"])
        pieces = self._pieces(question, sample["parallel"])
        return Prompt.user(*(TextPart(text, shared=shared) for text, shared in pieces))


class _Lines:
    """Parallel sentences, made as far as they are needed and counted once."""

    def __init__(self, made: Iterator[str], tokenizer: str) -> None:
        self._made = made
        self._count = load_tokenizer(tokenizer).count
        self._lines: list[str] = []
        self._total: list[int] = [0]

    def fitting(self, tokens: int) -> int:
        """Return how many of the first sentences take at most so many tokens together."""
        while self._total[-1] <= tokens:
            self._lines.append(next(self._made))
            self._total.append(self._total[-1] + self._count(self._lines[-1]))
        return bisect_right(self._total, tokens) - 1

    def first(self, count: int) -> str:
        """Return the first sentences as one text."""
        while len(self._lines) < count:
            self._lines.append(next(self._made))
            self._total.append(self._total[-1] + self._count(self._lines[-1]))
        return "".join(self._lines[:count])


def without_tests(chapter: str, held_out: HeldOut) -> str:
    """Leave out the interlinear examples of a chapter that give a test sentence away."""
    blocks = chapter.split("\n\n")
    return "\n\n".join(block for block in blocks if not held_out.gives_away(*block.split("\n")))
