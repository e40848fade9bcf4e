"""Translation from a published dictionary and grammar (``kalamang_*``, ``mtob_*``, any CLDF dictionary)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.language.cldf import read_cldf
from lm_eval_longctx.hay.language.grammar import read_grammar
from lm_eval_longctx.hay.language.library import Library, Pair, Shelf, hold_out, words
from lm_eval_longctx.hay.language.mtob import read_mtob
from lm_eval_longctx.hay.text.measure import SharedCounter
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.translation.builder import (
    DIRECTIONS,
    RESOURCES,
    Question,
    closing,
    kinds_of,
    opening,
    section,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READERS = {"translation": read_cldf, "mtob": read_mtob}
HIDDEN = "(hidden: this benchmark's texts are not written to logs)"


class PublishedSample(Sample):
    """A sentence to translate with published books.

    Attributes:
        source: The sentence.
        sentence: Its name in the data set.
        resources: What of the books is shown.
        shown: Entries of each kind that are shown.
        removed: What was left out because it has a test sentence.
        source_words: How long it is.
        words_in_list: Share of its words that the word list has.
    """

    source: str
    sentence: str
    resources: str
    shown: dict[str, int]
    removed: dict[str, int]
    source_words: int
    words_in_list: float


class PublishedLanguageBuilder(Builder[PublishedSample]):
    """Sentences of a real language, with what was published about it.

    Where the asked length is shorter than all of the material, each resource
    is shown from its beginning up to the same share of it; where it is longer,
    all of it is shown and the realised length says how much that is.
    """

    HAS_DEPTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("resources", "all", "what the context holds", choices=RESOURCES),
        Option("direction", "both", "which way to translate", choices=("both", *DIRECTIONS)),
        Option("grammar", "", "file or folder of a grammar in LaTeX, Markdown or plain text"),
        Option("skip", [], "patterns of the grammar's files to leave out"),
        Option("held_out", 50, "test sentences, kept out of every context", minimum=1),
    )

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each test sentence in each asked direction."""
        asked = self.sweep.options["direction"]
        return expand(self.sweep, variants=DIRECTIONS if asked == "both" else (asked,))

    @cached_property
    def library(self) -> Library:
        """The published material.

        Raises:
            ConfigError: ``haystack`` names no data set.
            CorpusError: It cannot be read.
        """
        kind, _, path = self.sweep.haystack.partition(":")
        if kind not in READERS or not path:
            raise ConfigError(
                f"{self.sweep.task} needs a data set of yours: --metadata "
                '\'{"haystack": "translation:/path/cldf-metadata.json"}\' for any CLDF dictionary, or "mtob:/path"'
            )
        library = READERS[kind](str(self.context.path(path)))
        grammar, skip = self.sweep.options["grammar"], self.sweep.options["skip"]
        if not grammar:
            return library
        return replace(library, book=read_grammar(str(self.context.path(grammar)), skip))

    @cached_property
    def shelf(self) -> Shelf:
        """The material without the test sentences."""
        options = self.sweep.options
        if options["resources"] in ("book", "half_book") and not self.library.book:
            raise ConfigError(
                f"{self.sweep.task}: resources={options['resources']} needs a grammar; set grammar to its path"
            )
        rng = Rng(f"translation/{self.library.digest}/{self.sweep.seed}/{self.sweep.version}")
        shelf = hold_out(self.library, rng, options["held_out"])
        least = min(len(pairs) for pairs in shelf.tests.values())
        if self.sweep.samples_per_cell > least:
            raise ConfigError(
                f"{self.sweep.task} has {least} test sentences; ask for at most that many samples_per_cell"
            )
        return shelf

    @cached_property
    def _units(self) -> dict[str, tuple[str, ...]]:
        """What each resource of this task consists of, in order."""
        resources, shelf = self.sweep.options["resources"], self.shelf
        book = shelf.book[: len(shelf.book) // 2] if resources == "half_book" else shelf.book
        texts = {
            "book": tuple(f"{paragraph}\n\n" for paragraph in book),
            "wordlist": tuple(f"{line}\n" for line in shelf.word_list),
            "sentences": tuple(f"{pair}\n" for pair in shelf.sentences),
        }
        return {kind: texts[kind] for kind in kinds_of(resources) if texts[kind]}

    @cached_property
    def _listed(self) -> set[str]:
        """All words that the word list explains or uses."""
        return {word for head, meaning in self.library.word_list for word in words(f"{head} {meaning}")}

    def sample(self, plan: PlannedSample) -> PublishedSample:
        """Choose the test sentence and how much of each resource fits."""
        pair = self._pair(plan.index, plan.variant)
        question, target = self._question(pair, plan.variant)
        shares, realised = self._fit(question, int(plan.length.amount))
        source_words = words(question.source)
        hidden = self.library.hidden
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "question": HIDDEN if hidden else question.reminder.strip(),
            "target": HIDDEN if hidden else target,
            "source": HIDDEN if hidden else question.source,
            "private": hidden,
            "sentence": pair.name,
            "resources": self.sweep.options["resources"],
            "shown": shares,
            "removed": dict(self.shelf.removed),
            "source_words": len(source_words),
            "words_in_list": sum(word in self._listed for word in source_words) / max(1, len(source_words)),
            "haystack": {"spec": self.sweep.haystack, "digest": self.library.digest, "repeats": 0},
            "licence": self.library.licence,
            "realised_length": realised,
            "realised_depth": None,
        }

    def reveal(self, sample: PublishedSample) -> PublishedSample:
        """Put the reference back that the sample of a hidden benchmark leaves out."""
        if not sample["private"]:
            return sample
        question, target = self._question(self._pair(sample["index"], sample["variant"]), sample["variant"])
        return {**sample, "target": target, "source": question.source}

    def _pair(self, index: int, direction: str) -> Pair:
        return self.shelf.tests[direction][index]

    def _question(self, pair: Pair, direction: str) -> tuple[Question, str]:
        to_english = direction == "to_english"
        source, target = (pair.theirs, pair.ours) if to_english else (pair.ours, pair.theirs)
        return Question(self.library.language, source, to_english), target

    @cached_property
    def _counted(self) -> dict[str, tuple[int, ...]]:
        """How many tokens the first units of each resource take together, counted one by one."""
        count = load_tokenizer(self.sweep.tokenizer).count
        return {kind: (0, *accumulate(map(count, units))) for kind, units in self._units.items()}

    def _fit(self, question: Question, asked: int) -> tuple[dict[str, int], int]:
        """Return how many units of each resource fit, and the length that results.

        Bisects on the units' own counts and then counts whole texts, so that
        the length is exact and few texts are tokenised.

        Raises:
            LengthError: Not even the question fits.
        """
        whole = max((len(units) for units in self._units.values()), default=0)
        least = self._tokens(question, self._shares(0, whole))
        if least > asked:
            raise LengthError(
                f"{self.sweep.task}: the question alone is {least} tokens long; ask for more than {asked}"
            )
        part = bisect_right(range(whole), asked - least, key=lambda n: self._estimate(n + 1, whole))
        while (realised := self._tokens(question, self._shares(part, whole))) > asked:
            part -= 1
        return self._shares(part, whole), realised

    def _estimate(self, part: int, whole: int) -> int:
        return sum(self._counted[kind][share] for kind, share in self._shares(part, whole).items())

    def _shares(self, part: int, whole: int) -> dict[str, int]:
        return {kind: len(units) * part // max(1, whole) for kind, units in self._units.items()}

    def _pieces(self, question: Question, shares: dict[str, int]) -> Iterator[tuple[str, bool]]:
        kinds = [kind for kind in self._units if shares.get(kind)]
        yield opening(question, helped=bool(kinds)), False
        for number, kind in enumerate(kinds):
            yield section(question, kind, again=number > 0), False
            yield "".join(self._units[kind][: shares[kind]]), True
        yield closing(question), False

    @cached_property
    def _counter(self) -> SharedCounter:
        return SharedCounter(load_tokenizer(self.sweep.tokenizer))

    def _tokens(self, question: Question, shares: dict[str, int]) -> int:
        return self._counter.count(self._pieces(question, shares))

    def render(self, sample: PublishedSample) -> Prompt:
        """Write the prompt."""
        question, _ = self._question(self._pair(sample["index"], sample["variant"]), sample["variant"])
        pieces = self._pieces(question, sample["shown"])
        return Prompt.user(*(TextPart(text, shared=shared) for text, shared in pieces))
