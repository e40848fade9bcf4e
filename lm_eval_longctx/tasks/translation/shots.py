"""Translation learnt from examples alone: score by number of shots.

After many-shot in-context learning of translation (Gemini 1.5 report, arXiv 2403.05530, section 5.2.2.3; Agarwal and
others, arXiv 2404.11018): pairs of sentences, and one sentence to translate. The examples of a sweep are the same for
all sentences and at all lengths, only more of them, so the scores are a learning curve and a provider reads the
beginning from its cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.language import book
from lm_eval_longctx.hay.language.library import HeldOut, Library, Pair, hold_out, words
from lm_eval_longctx.hay.language.parallel import read_parallel
from lm_eval_longctx.hay.language.tongue import Tongue
from lm_eval_longctx.plan import PlannedSample, Rng, expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.translation.builder import DIRECTIONS, MOST_SAMPLES, asked_pairs
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KIND = "parallel"
_TOKENS_A_WORD = 2


@dataclass
class Material:
    """What shots and test sentences come from.

    Attributes:
        names: Of the languages: ours and theirs.
        digest: Of all that the pairs follow from.
        tests: By direction.
        given: The examples, in order; read as far as anybody asked.
        removed: How many examples were left out because they give a test sentence away.
    """

    names: tuple[str, str]
    digest: str
    tests: dict[str, Sequence[Pair]]
    given: Iterator[Pair]
    removed: int = 0

    def __post_init__(self) -> None:
        """Begin with no example."""
        self._read: list[Pair] = []
        self._told = [0]

    def shots(self, count: int) -> list[Pair]:
        """Return the first examples; fewer where there are no more."""
        self._read += islice(self.given, max(0, count - len(self._read)))
        return self._read[:count]

    def told(self, count: int) -> int:
        """Return the words of so many of the first examples; there must be as many."""
        more = self.shots(count)[len(self._told) - 1 :]
        self._told += accumulate((len(words(f"{one.theirs} {one.ours}")) for one in more), initial=self._told.pop())
        return self._told[count]


class ShotsSample(Sample):
    """A sentence to translate after examples.

    Attributes:
        source: The sentence.
        sentence: Its name in the data.
        source_words: How long it is.
        removed: What was left out because it gives a test sentence away.
    """

    source: str
    sentence: str
    source_words: int
    removed: dict[str, int]


class ShotsBuilder(Builder[ShotsSample]):
    """Pairs of sentences in two languages, and one sentence to translate.

    Without a haystack the language is made and nobody has seen it; ``parallel:<files>`` takes a user's own pairs.
    """

    UNIT = Unit.SHOTS
    HAS_DEPTH = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("direction", "both", "which way to translate", choices=("both", *DIRECTIONS)),
        Option(
            "difficulty", 2, "of the made language: 1 endings and order, 2 also agreement, 3 also harmony", (1, 2, 3)
        ),
        Option("names", ["English", "the other language"], "what the languages of parallel: are called, ours first"),
        Option("columns", [], "the two columns of a table, ours first; the first two by default"),
        Option("test", "", "test sentences of their own, in a form of parallel:; else they are drawn from the pairs"),
        Option("held_out", 50, "test sentences to draw, kept out of all examples", minimum=1),
    )

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each test sentence in each asked direction."""
        asked = self.sweep.options["direction"]
        return expand(self.sweep, variants=DIRECTIONS if asked == "both" else (asked,))

    @cached_property
    def material(self) -> Material:
        """The pairs.

        Raises:
            ConfigError: The haystack is something else.
            CorpusError: The files cannot be read.
        """
        kind, _, spec = (self.sweep.haystack or "").partition(":")
        if not kind:
            return _made(Tongue(f"{self.sweep.version}/{self.sweep.seed}", self.sweep.options["difficulty"]))
        if kind != KIND or not spec:
            raise ConfigError(
                f"{self.sweep.task} takes {KIND}:ours.txt|theirs.txt or {KIND}:pairs.tsv, not {self.sweep.haystack}; "
                "without a haystack it makes a language"
            )
        return self._published(spec)

    def _published(self, spec: str) -> Material:
        options: dict[str, Any] = dict(self.sweep.options)
        columns, names = tuple(map(str, options["columns"])), tuple(map(str, options["names"]))
        if len(names) != 2 or len(columns) not in {0, 2}:  # noqa: PLR2004 - two languages
            raise ConfigError("names, and columns where they are given, are two: ours and theirs")
        pairs, digest = read_parallel(spec, self.context.path, columns)
        tests: dict[str, tuple[Pair, ...]] = {}
        if options["test"]:
            own, more = read_parallel(options["test"], self.context.path, columns)
            tests, digest = dict.fromkeys(DIRECTIONS, own), f"{digest}/{more}"
        library = Library(names[1], digest, "the user's own", (), pairs, tests=tests)
        rng = Rng(f"shots/{digest}/{self.sweep.seed}/{self.sweep.version}")
        chosen = hold_out(library, rng.fork("tests"), options["held_out"]).tests
        held = HeldOut(text for some in chosen.values() for pair in some for text in (pair.theirs, pair.ours))
        kept = [pair for pair in pairs if not held.gives_away(pair.theirs, pair.ours)]
        rng.fork("order").shuffle(kept)
        return Material((names[0], names[1]), digest, dict(chosen), iter(kept), len(pairs) - len(kept))

    def sample(self, plan: PlannedSample) -> ShotsSample:
        """Choose the test sentence; see ``Builder.sample``.

        Raises:
            LengthError: There are fewer examples than shots were asked.
            ConfigError: There are fewer test sentences than samples were asked.
        """
        material, count = self.material, int(plan.length.amount)
        shots = material.shots(count)
        if len(shots) < count:
            raise LengthError(f"{self.sweep.task} has {len(shots):,} examples; ask for at most that many shots")
        tests = material.tests[plan.variant]
        if plan.index >= len(tests):
            raise ConfigError(f"{self.sweep.task} has {len(tests)} test sentences; ask for that many samples_per_cell")
        pair = tests[plan.index]
        source, target = _sides(pair, plan.variant)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "question": self._reminder(source, plan.variant).strip(),
            "target": target,
            "source": source,
            "sentence": pair.name,
            "source_words": len(source.split()),
            "haystack": {
                "spec": self.sweep.haystack or "tongue",
                "digest": material.digest,
                "repeats": 0,
                "overlap": float(plan.index > 0),  # all sentences are asked after the same examples
            },
            "removed": {"pairs": material.removed},
            "realised_length": len(shots),
            "realised_depth": None,
            "planned_tokens": material.told(count) * _TOKENS_A_WORD + 8 * len(shots) + 128,
        }

    def render(self, sample: ShotsSample) -> Prompt:
        """Write the examples down, and the open one."""
        ours, theirs = self._languages(sample["variant"])
        shots = (_sides(pair, sample["variant"]) for pair in self.material.shots(int(sample["realised_length"])))
        told = "".join(f"{ours}: {source}\n{theirs}: {target}\n\n" for source, target in shots)
        asked = "Learn from the examples, and answer with the translation only."
        head = f"Translate the last {ours} sentence into {theirs}. {asked}\n\n"
        end = f"{ours}: {sample['source']}\n{theirs}:"
        return Prompt.user(TextPart(head + told, shared=True), TextPart(end))

    def _languages(self, direction: str) -> tuple[str, str]:
        ours, theirs = self.material.names
        return (theirs, ours) if direction == "to_english" else (ours, theirs)

    def _reminder(self, source: str, direction: str) -> str:
        ours, theirs = self._languages(direction)
        return f"Translate this {ours} sentence into {theirs}: {source}"


def _sides(pair: Pair, direction: str) -> tuple[str, str]:
    return (pair.theirs, pair.ours) if direction == "to_english" else (pair.ours, pair.theirs)


def _made(tongue: Tongue) -> Material:
    """Return pairs of a made language without end; test sentences are those of the task with the book."""
    tests = asked_pairs(tongue)
    held = HeldOut(text for pair in tests for text in (pair.theirs, pair.ours))
    rng = Rng(f"{tongue.seed}/{tongue.difficulty}/shots")
    given = (Pair(theirs, ours) for theirs, ours in book.parallel(tongue, rng, held.gives_away))
    digest = f"{tongue.name.lower()}-{tongue.difficulty}"
    return Material(("English", tongue.name), digest, dict.fromkeys(DIRECTIONS, tests[:MOST_SAMPLES]), given)
