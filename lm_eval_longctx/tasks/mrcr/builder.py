"""One conversation, several like requests: repeat the n-th answer.

After multi-round co-reference resolution (MRCR): Michelangelo, arXiv
2409.12640; Gemini 1.5 report, arXiv 2403.05530, section 5.2.1.3. The writings
come from our own grammar, so none of them can have been read before.
"""

from __future__ import annotations

import string
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.keys import check_template
from lm_eval_longctx.hay.text.measure import text_parts
from lm_eval_longctx.hay.text.whole import Fitting, Whole
from lm_eval_longctx.plan import added
from lm_eval_longctx.prompt import Prompt, TextPart, Turn
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.mrcr.conversation import (
    SOURCE,
    TOKENS_A_ROUND,
    RoundsSource,
    filler_round,
    needle_rounds,
    rounds_of,
)
from lm_eval_longctx.tasks.mrcr.needle import Request, draw_request, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample, Rng
    from lm_eval_longctx.sweep import Sweep

HEADER = "Here is a conversation between a user and an assistant.\n\n"
QUESTION = (
    "Prepend {prefix} to the {ordinal} {piece} that the assistant wrote in this conversation, and repeat that text "
    "word for word. Write nothing else."
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_ALPHABET = string.ascii_letters + string.digits
_PREFIX_LENGTH = 12
_OPENING = 60
_GUESSES, _GUESS = 4, 199
"""How many guesses are matched, and their characters: in longer ones ``difflib`` leaves common letters out."""

_TEXT, _TURNS = "text", "turns"


class ConversationSample(Sample):
    """One of several like answers is asked for.

    Attributes:
        hay: The stretch of rounds.
        positions: The round of each like answer.
        request: Form and topic.
        ordinal: Which of them is asked for, from 0.
        prefix: What the answer must begin with.
        openings: How each of them begins.
        noise_floor: What guessing among them scores.
    """

    hay: dict[str, int]
    positions: list[int]
    request: list[str]
    ordinal: int
    prefix: str
    openings: list[str]
    noise_floor: float


class MrcrBuilder(Builder[ConversationSample]):
    """A conversation in which the same is asked several times.

    The asked depth is that of the answer to be repeated. The other answers to
    the same request are spread evenly over the rest of the conversation, so
    that which one is meant (the ordinal) follows from chance and depth.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("needles", 4, "how often the same is asked", choices=(2, 4, 8)),
        Option("rounds", _TEXT, "the conversation as one text, or as turns of the chat", choices=(_TEXT, _TURNS)),
        Option("question", QUESTION, "the question, with the blanks {prefix}, {ordinal} and {piece}"),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the question and the haystack; the conversation is opened with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        check_template("question", self._options["question"], blanks := ("prefix", "ordinal", "piece"), required=blanks)
        name, _, argument = (sweep.haystack or SOURCE).partition(":")
        if name != SOURCE or (argument and not argument.isdecimal()):
            raise ConfigError(f"{sweep.task} makes its own conversation; set haystack to {SOURCE} or {SOURCE}:<seed>")
        self._seed = int(argument or 0)

    @cached_property
    def corpus(self) -> Corpus:
        """The endless conversation."""
        return Corpus(RoundsSource.seeded(self._seed), self.sweep.tokenizer, self.context.cache_dir)

    def sample(self, plan: PlannedSample) -> ConversationSample:
        """Work out request, answers, places and realised length; see ``Builder.sample``.

        Raises:
            LengthError: The length is too short for the question and all answers.
        """
        request, texts = self._needles(plan)
        before, depths = _spread(plan.rng("places"), float(plan.depth or 0), len(texts))
        prefix = _prefix(plan.rng("prefix"))
        question = self._question(prefix, before, request)
        rounds = needle_rounds(request, texts)
        footer = self._footer(question)
        fitting = Fitting(self.corpus, HEADER, footer, rounds, depths, filler_round, TOKENS_A_ROUND)
        if (bare := fitting.bare()) > plan.length.amount:
            raise LengthError(
                f"{plan.length.amount} tokens are too short for a conversation with {len(texts)} answers: question "
                f"and answers alone take {bare}; ask for context_lengths above {bare} or fewer needles"
            )
        start, overlap = self.corpus.stretch(plan.index, int(plan.length.amount))
        found = fitting.fit(start, int(plan.length.amount))
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": self.corpus.described(*fitting.range(found), overlap),
            "hay": {"start": found.start, "units": found.units, "filler": found.filler},
            "positions": list(found.positions),
            "request": [request.form, request.style, request.topic],
            "ordinal": before + 1,
            "question": question,
            "prefix": prefix,
            "target": texts[before],
            "openings": [text[:_OPENING] for text in texts],
            "noise_floor": noise_floor(texts, before),
            "chance": self._chance(plan, request, texts[before]),
            "realised_length": fitting.tokens(found),
            "realised_depth": fitting.realised_depth(found, before),
            "max_gen_toks": 64 + 2 * self.corpus.tokenizer.count(texts[before]),
        }

    def render(self, sample: ConversationSample) -> Prompt:
        """Put the conversation together again; no tokenizer is needed."""
        if sample["haystack"]["digest"] != self.corpus.source.digest:
            raise CorpusError(f"sample {sample['id']} was made by another version; run the sweep again")
        request, texts = self._needles(planned(sample))
        hay = sample["hay"]
        found = Whole(hay["start"], hay["units"], tuple(sample["positions"]), hay["filler"])
        parts = text_parts(self.corpus, found.pieces(self.corpus, needle_rounds(request, texts), filler_round))
        if self._options["rounds"] == _TURNS:
            return _as_turns("".join(part.text for part in parts), sample["question"])
        return Prompt.user(TextPart(HEADER), *parts, TextPart(self._footer(sample["question"])))

    def _needles(self, plan: PlannedSample) -> tuple[Request, list[str]]:
        """Draw what is asked and all the answers to it, no two of which begin alike."""
        request = draw_request(plan.rng("request"), reserved=True)
        rng = plan.rng("answers")
        texts: dict[str, str] = {}
        while len(texts) < self._options["needles"]:
            text = write(request, rng)
            texts.setdefault(text[:_OPENING], text)
        return request, list(texts.values())

    @staticmethod
    def _chance(plan: PlannedSample, request: Request, right: str) -> float:
        """Return the mean match of short other writings for the request: the score of who writes and does not read."""
        rng = plan.rng("guesses")
        ratios = [SequenceMatcher(a=right, b=write(request, rng)[:_GUESS]).ratio() for _ in range(_GUESSES)]
        return round(added(ratios) / len(ratios), 4)

    def _question(self, prefix: str, before: int, request: Request) -> str:
        return str(self._options["question"]).format(prefix=prefix, ordinal=ORDINALS[before], piece=request.piece)

    @staticmethod
    def _footer(question: str) -> str:
        return f"User: {question}\n\nAssistant:"


def _prefix(rng: Rng) -> str:
    return "".join(rng.choice(_ALPHABET) for _ in range(_PREFIX_LENGTH))


def _spread(rng: Rng, depth: float, count: int) -> tuple[int, tuple[float, ...]]:
    """Spread the other answers evenly over the conversation.

    Returns:
        How many of them come before the asked one, and all depths, ascending.
    """
    others = sorted(rng.random() for _ in range(count - 1))
    before = sum(other < depth for other in others)
    return before, (*others[:before], depth, *others[before:])


def noise_floor(texts: Sequence[str], right: int) -> float:
    """Return the mean match of all answers to the same request, the right one included.

    That is what guessing among the relevant answers scores, as the authors of
    MRCR v2 define it.
    """
    ratios = [SequenceMatcher(a=texts[right], b=text).ratio() for text in texts]
    return round(added(ratios) / len(ratios), 4)


def _as_turns(conversation: str, question: str) -> Prompt:
    """Make turns of the chat from the conversation's text."""
    turns = [
        Turn(role, (TextPart(text),))
        for asked, answered in rounds_of(conversation)
        for role, text in (("user", asked), ("assistant", answered))
    ]
    return Prompt((*turns, Turn("user", (TextPart(question),))))
