"""What all tasks on written records share: a world for each index, whole records to an exact length, the prompt.

Samples of one index ask about the same records at all lengths and of all
kinds: a longer context begins with the shorter one's records. Another index is
another world, so that nothing learned about one helps with the next.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.hay.records.source import SOURCE, RecordsSource, parse
from lm_eval_longctx.hay.records.wording import filler
from lm_eval_longctx.hay.records.world import World
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.measure import text_parts
from lm_eval_longctx.hay.text.whole import Fitting, Whole
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

KINDS_TOLD = (
    "Some entries are about goods: a delivery (goods brought in), a sale, a loan (goods lent out), a loss (goods lost "
    "or missing) or an order. Others report the condition of something (open, closed, under repair or reserved), or "
    "change a list of boats."
)
HEADER = f"Below are the records of a town, one entry a line, in order of time. {KINDS_TOLD}\n\n<context>\n"
_TOKENS_A_RECORD = 32
_ROUNDS = 8
_KEPT = 64
"""Lengths of records that are kept: kinds of question share them."""

_ASKED_FOR_A_PLAN = 2048
"""Records that a plan asks about, where there are more: the question and its answer are much the same in words."""


class RecordsSample(Sample):
    """A question about records.

    Attributes:
        hay: How many records there are, and how many words the line has that fills the rest.
    """

    hay: dict[str, int]


R = TypeVar("R", bound=RecordsSample)
A = TypeVar("A")


class RecordsBuilder(Builder[R]):
    """Asks about all records of a stretch."""

    HAS_DEPTH = False

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the haystack; nothing is opened yet.

        Raises:
            ConfigError: The haystack is not made of records.
        """
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        name, _, argument = (sweep.haystack or SOURCE).partition(":")
        if name != SOURCE:
            raise ConfigError(f"{sweep.task} asks about records that it knows; set haystack to {SOURCE}:<form>:<seed>")
        self._form, self._seed = parse(argument)
        self._corpus = lru_cache(maxsize=8)(self._opened)
        self._worlds = lru_cache(maxsize=8)(World)
        self._longest = lru_cache(maxsize=_KEPT)(self._longest_fitting)

    def corpus(self, plan: PlannedSample) -> Corpus:
        """Return the records of a sample's index."""
        return self._corpus(self._world(plan))

    def _world(self, plan: PlannedSample) -> str:
        return f"{self._seed}.{plan.seed}.{plan.index}"

    def world(self, plan: PlannedSample) -> World:
        """Return whose records they are."""
        return self._worlds(self._world(plan))

    def _opened(self, seed: str) -> Corpus:
        source = RecordsSource.seeded(self._form, seed)
        return Corpus(source, self.sweep.tokenizer, self.context.cache_dir)

    def fitted(self, plan: PlannedSample, ask: Callable[[int], A], question: Callable[[A], str]) -> tuple[A, R]:
        """Find how many records fit together with the question that follows from them.

        Args:
            plan: The planned sample.
            ask: From a number of records to what is asked about them.
            question: Its words.

        Returns:
            What is asked, and the sample's part that says of what.

        Raises:
            LengthError: Not even the question fits.
        """
        limit, corpus, reserved = int(plan.length.amount), self.corpus(plan), question_room()
        most = _ASKED_FOR_A_PLAN if estimated(TEXT) else limit
        for _ in range(_ROUNDS):
            whole = self._longest(corpus, reserved, limit)
            if whole is None:
                break
            asked = ask(min(whole.units, most))
            words = question(asked)
            fitting = self._fitting(corpus, _footer(words))
            if fitting.tokens(whole) <= limit:
                full = fitting.filled(whole, limit)
                return asked, self._part(plan, full, fitting.tokens(full), words, reckoned=whole.units > most)
            reserved = _footer(words) + " and" * _TOKENS_A_RECORD
        raise LengthError(f"{limit} tokens are too short for records and a question about them; ask for more")

    def _longest_fitting(self, corpus: Corpus, footer: str, limit: int) -> Whole | None:
        """Return as many records as fit, the same for all kinds of question; ``None`` if there is no room for any."""
        fitting = self._fitting(corpus, footer)
        return fitting.longest(0, limit) if fitting.bare() < limit else None

    @staticmethod
    def _fitting(corpus: Corpus, footer: str) -> Fitting:
        return Fitting(corpus, HEADER, footer, (), (), filler, _TOKENS_A_RECORD)

    def _part(self, plan: PlannedSample, whole: Whole, tokens: int, question: str, *, reckoned: bool) -> Any:
        """Return what a sample says of its records."""
        corpus = self.corpus(plan)
        hay = corpus.described(0, corpus.unit_start(whole.units))
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {**hay, "estimated": True} if reckoned else hay,
            "hay": {"units": whole.units, "filler": whole.filler},
            "question": question,
            "cluster": corpus.source.spec,
            "realised_length": tokens,
            "realised_depth": None,
        }

    def render(self, sample: R) -> Prompt:
        """Put records and question together again; no tokenizer is needed."""
        corpus = self.corpus(planned(sample))
        if sample["haystack"]["digest"] != corpus.source.digest:
            raise CorpusError(f"sample {sample['id']} was made by another version; run the sweep again")
        whole = Whole(0, sample["hay"]["units"], filler=sample["hay"]["filler"])
        parts = text_parts(corpus, whole.pieces(corpus, (), filler))
        return Prompt.user(TextPart(HEADER), *parts, TextPart(_footer(sample["question"])))


def question_room() -> str:
    """Return a text as long as most questions are; the same for all, so that they share their records."""
    return _footer("and " * 72)


def _footer(question: str) -> str:
    return f"</context>\n\n{question}\n"
