"""Questions about a real book, answerable with the book, each with the passages that answer it."""

from __future__ import annotations

import json
import logging
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError, nearest
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.measure import Span, count_tokens
from lm_eval_longctx.plan import PlannedSample, spread
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.docqa.page import (
    CONTEXTS,
    FULL,
    NONE,
    RETRIEVED_TOKENS,
    Page,
    PassageIndex,
    check_listed,
    most_like,
    retrieve,
    split_variant,
    variant,
)
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sweep import Sweep

logger = logging.getLogger(__name__)

OWN = "lesmis"
"""The questions that come with the package."""

INSTRUCTION = "Answer with a name, a number or a few words and nothing else."
FEWEST_FOUND = 0.9
"""Share of the questions whose passages must stand in the user's copy of the book."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class BookQuestion:
    """One question about a book.

    Attributes:
        id: A short name.
        kind: ``fact`` (one passage tells) or ``link`` (passages far apart).
        question: In words.
        answers: Accepted answers, the best spelling first.
        evidence: Short verbatim passages that together give the answer.
    """

    id: str
    kind: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...]


def read_questions(name: str, context: BuildContext) -> tuple[str, tuple[BookQuestion, ...]]:
    """Read a file of questions.

    Args:
        name: ``lesmis``, or the path of a JSON file of the same form.
        context: Says from where a relative path begins.

    Returns:
        What the questions are about, in a sentence, and the questions.

    Raises:
        ConfigError: The file is missing or not of that form.
    """
    path = None if name == OWN else context.path(name)
    try:
        text = (path or resources.files(__package__).joinpath(f"{OWN}.json")).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the questions {path} ({error.strerror}); give {OWN} or a JSON file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the questions {path} are not UTF-8 (byte {error.start}); convert the file") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the questions {path} are not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("questions"), list) or not data["questions"]:
        raise ConfigError(f"{path or name} is not a file of questions: {_FORM}")
    read = tuple(_question(f"question {number} of {path}", entry) for number, entry in enumerate(data["questions"], 1))
    twice = [one for one, count in Counter(question.id for question in read).items() if count > 1]
    if twice:
        raise ConfigError(f"{path} has several questions with the id {twice[0]!r}; give each a name of its own")
    return str(data.get("about", "")), read


_NAMED = 3
"""Questions whose passages are not found that are named."""

_FORM = 'it holds an object with "about", a sentence, and "questions", a list of objects'
_FIELDS = ("id", "kind", "question", "answers", "evidence")


def _question(place: str, entry: Any) -> BookQuestion:
    if not isinstance(entry, dict):
        raise ConfigError(f"{place} is no object; give each {', '.join(_FIELDS)}")
    for name in _FIELDS:
        if name not in entry:
            guess = nearest(name, [key for key in entry if key not in _FIELDS])
            raise ConfigError(f"{place} has no {name!r}" + (f"; is it what you call {guess!r}?" if guess else ""))
    for name in ("answers", "evidence"):
        if not isinstance(entry[name], list) or not entry[name] or not all(str(one).strip() for one in entry[name]):
            raise ConfigError(f"{place}: {name} must be a list of one text or more, not {entry[name]!r}")
    answers, evidence = tuple(map(str, entry["answers"])), tuple(map(str, entry["evidence"]))
    return BookQuestion(str(entry["id"]), str(entry["kind"]), str(entry["question"]), answers, evidence)


class WordFinder:
    """Finds passages by their words alone, so that line ends, quotes and italics of an edition do not matter."""

    def __init__(self, text: str) -> None:
        """Read the words of a text."""
        places, words, length = [], [], 1
        self._starts: list[int] = []
        for match in _WORD.finditer(text):
            word = match[0].casefold()
            places.append(match.start())
            self._starts.append(length)
            words.append(word)
            length += len(word) + 1
        self._places = places
        self._joined = f" {' '.join(words)} "

    def find(self, passage: str) -> int | None:
        """Return the index of the character where a passage begins; ``None`` if it is not there or not only once."""
        wanted = f" {' '.join(word.casefold() for word in _WORD.findall(passage))} "
        at = self._joined.find(wanted)
        if at < 0 or self._joined.find(wanted, at + 1) >= 0:
            return None
        return self._places[bisect_left(self._starts, at + 1)]


class NovelQuestion(Sample):
    """A question about a novel.

    Attributes:
        name: Of the question in its file.
        context: ``full``, ``retrieved`` or ``none``.
        spans: What of the book is read, in units.
        evidence: Passage and depth, for each passage.
        left_out: Questions of the file whose passage this edition lacks.
    """

    name: str
    context: str
    spans: list[list[int]]
    evidence: list[list[Any]]
    left_out: int


class BookQABuilder(Builder[NovelQuestion]):
    """Questions about one book, asked with all of it, with passages of it, and without it.

    A sample's variant is the kind of question, with the context where that is
    not the whole book. The sample's length is the book's.
    """

    HAS_DEPTH: ClassVar[bool] = False
    HAS_LENGTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = (
        "samples_per_cell",
        "seed",
    )
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("questions", OWN, "the questions: lesmis, or the path of a JSON file of the same form"),
        Option(
            "contexts", [FULL, NONE], f"what is read, of {', '.join(CONTEXTS)}; the first counts, others are controls"
        ),
        RETRIEVED_TOKENS,
        Option("instruction", INSTRUCTION, "what follows the question"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the contexts and read the questions; the book is opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        check_listed("contexts", self._options["contexts"], CONTEXTS)
        self._about, self._all = read_questions(self._options["questions"], self.context)

    @cached_property
    def corpus(self) -> Corpus:
        """The book.

        Raises:
            ConfigError: No book is given, or the source never ends.
        """
        if not self.sweep.haystack:
            raise ConfigError(
                f'{self.sweep.task} needs the book: --metadata \'{{"haystack": "books:/path/to/book.txt"}}\' '
                "(Les Misérables in plain text is Project Gutenberg's eBook 135), or a hub: data set that holds it"
            )
        source = self.context.source(self.sweep.haystack)
        if source.endless:
            raise ConfigError(
                f"{self.sweep.haystack} has no end; {self.sweep.task} needs one book: books:/path/to/book.txt"
            )
        return Corpus(source, self.sweep.tokenizer, self.context.cache_dir)

    @cached_property
    def _units(self) -> int:
        return int(self.corpus.store.period_units or 0)

    @cached_property
    def _tokens(self) -> int:
        """The book's length."""
        return count_tokens(self.corpus, [Span(0, self.corpus.unit_start(self._units))])

    @cached_property
    def placed(self) -> tuple[tuple[BookQuestion, tuple[float, ...]], ...]:
        """The questions whose passages stand in this copy, with the depth of each passage.

        Raises:
            CorpusError: More than a tenth of the questions have a passage that
                does not stand there: it is another book or translation.
        """
        text = self.corpus.read(0, self.corpus.unit_start(self._units))
        finder = WordFinder(text)
        places = [(question, [finder.find(passage) for passage in question.evidence]) for question in self._all]
        found = tuple(
            (question, tuple(at / len(text) for at in starts if at is not None))
            for question, starts in places
            if None not in starts
        )
        missing = [question.id for question, starts in places if None in starts]
        lost = len(missing)
        if len(found) < FEWEST_FOUND * len(self._all):
            raise CorpusError(
                f"the passages of {lost} of {len(self._all)} questions ({', '.join(missing[:_NAMED])}"
                f"{', ...' if lost > _NAMED else ''}) do not stand once each in {self.sweep.haystack}; "
                "give the book and the translation that the questions are about, and passages that are there only once"
            )
        if lost:
            logger.warning("%s: %d questions are left out; this copy lacks their passages", self.sweep.task, lost)
        return found

    def plans(self) -> Iterator[PlannedSample]:
        """Yield each question with each context; questions from all parts of the book come early."""
        length = Length(self._tokens, Unit.TOKENS, self.sweep.tokenizer)
        for index in spread(len(self.placed)):
            for context in self._options["contexts"]:
                name = variant(self.placed[index][0].kind, context)
                yield PlannedSample(self.sweep.task, self.sweep.version, self.sweep.seed, length, None, index, name)

    def sample(self, plan: PlannedSample) -> NovelQuestion:
        """Return a question with what is read and where its passages stand."""
        question, depths = self.placed[plan.index]
        kind, context = split_variant(plan.variant)
        page = self._page(question.question, context)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": self.corpus.source.spec, "digest": self.corpus.source.digest, "repeats": 0},
            "name": question.id,
            "cluster": question.id,
            "kind": kind,
            "context": context,
            "control": context != self._options["contexts"][0],
            "spans": [list(span) for span in page.spans],
            "question": question.question,
            "target": list(question.answers),
            "evidence": [[text, round(depth, 4)] for text, depth in zip(question.evidence, depths, strict=True)],
            "left_out": len(self._all) - len(self.placed),
            "realised_length": page.tokens(self.corpus),
            "realised_depth": round(max(depths), 6),
        }

    def passages(self, sample: NovelQuestion) -> tuple[str, ...]:
        """Return the passages that the answer follows from, as this edition prints them."""
        book = self.corpus.read(0, self.corpus.unit_start(self._units))
        words = (map(re.escape, _WORD.findall(passage)) for passage, _ in sample["evidence"])
        found = (re.search(r"\W+".join(some), book, re.IGNORECASE) for some in words)
        return tuple(match[0] for match in found if match)

    def like(self, sample: NovelQuestion, text: str, most: int) -> tuple[str, ...]:
        """Return the passages of the book most like a text."""
        del sample
        return most_like(self._index, text, most)

    def render(self, sample: NovelQuestion) -> Prompt:
        """Slice the prompt of a sample out of the book."""
        if sample["haystack"]["digest"] != self.corpus.source.digest:
            raise CorpusError(f"{self.sweep.haystack} is not the book that sample {sample['id']} was made from")
        spans = tuple((low, high) for low, high in sample["spans"])
        return Page(spans, "", self._words(sample["question"])).prompt(self.corpus)

    def _words(self, question: str) -> str:
        return f"{self._about} {question} {self._options['instruction']}".rstrip()

    @cached_property
    def _index(self) -> PassageIndex:
        return PassageIndex(self.corpus, 0, self._units)

    def _page(self, question: str, context: str) -> Page:
        bare = Page((), "", self._words(question))
        if context == NONE:
            return bare
        if context == FULL:
            return Page(((0, self._units),), "", bare.question)
        spans = retrieve(self._index, self.corpus, question, bare, self._options["retrieved_tokens"])
        return Page(spans, "", bare.question)
