"""``longctx_text_words``: which words stand most often in a long list of words.

After RULER (Hsieh et al., arXiv 2404.06654): its common words (``cwe``) and its
frequent words (``fwe``). Nothing has to be understood, and nothing stands at
one place: all of the list has to be counted.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.hay.estimating import TEXT, estimated
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Haystack, Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.spread import HEADER
from lm_eval_longctx.tasks.text_words.source import ASKED, DOTS, CodedList, CommonList, fitted, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

COMMON, CODED = "common", "coded"
KINDS = (COMMON, CODED)

COMMON_QUESTION = (
    "Some words stand in this numbered list far more often than all others. Which {count} are they? "
    "Give these words alone, separated by commas."
)
CODED_QUESTION = (
    "Which {count} coded words stand most often in this text? The dots do not count. "
    "Give these words alone, separated by commas."
)
COMMON_PREFIX = "The {count} words that stand most often in the list are:"
CODED_PREFIX = "The {count} coded words that stand most often are:"

_EXAMPLE_OTHERS, _EXAMPLE_SHARE = 3, 3
"""An example has so many times as many other words, and its common ones stand a third as often: RULER's 40 words."""

_VERSION = "1"
"""Changes whenever the same words would make another list."""


class WordListSample(Sample):
    """A list of words.

    Attributes:
        entries: How many words the list has, each counted as often as it stands.
        times: How often each of the right words stands, and the most frequent of all others.
    """

    entries: int
    times: list[int]


class WordListBuilder(Builder[WordListSample]):
    """As many words as the length has room for; a variant is a kind of list.

    The sample's ``target`` is the words that stand most often, with commas between.
    """

    HAS_DEPTH = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "kinds",
            [*KINDS],
            "kinds of list: common (words of the hay, some of them often), coded (made words, rarer by rank)",
            choices=KINDS,
            kinds=(tuple,),
        ),
        Option("common", 10, "words that stand often and are asked for", minimum=1, maximum=100),
        Option("often", 30, "how often they stand", minimum=2, maximum=100_000),
        Option("seldom", 3, "how often all others stand", minimum=1, maximum=100_000),
        Option("example", True, "whether a short list with its answer stands before one of common words"),  # noqa: FBT003
        Option("alpha", 2.0, "how much rarer coded words are by rank", minimum=1.1, maximum=4, kinds=(float,)),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the numbers; the words are read with the first sample."""
        super().__init__(sweep, context)
        self._options: dict[str, Any] = dict(sweep.options)
        self._reckoned: dict[tuple[str, int], tuple[int, int]] = {}
        self._drawn: tuple[str, list[str]] = "", []
        if not self._options["kinds"]:
            raise ConfigError(f"kinds must name at least one of {', '.join(KINDS)}")
        if self._options["often"] <= self._options["seldom"]:
            raise ConfigError(
                f"often: {self._options['often']} must be more than seldom: {self._options['seldom']}, "
                "or no word stands out"
            )

    @cached_property
    def _hay(self) -> tuple[Haystack, tuple[str, ...]]:
        source = self.context.source(self.sweep.haystack or "chronicle")
        words = words_of(source, f"{COMMON_QUESTION} {COMMON_PREFIX}")
        if len(words) < 2 * self._options["common"]:
            raise ConfigError(
                f"the haystack {source.spec} has {len(words)} words; ask for fewer than {len(words) // 2}"
            )
        return {"spec": source.spec, "digest": source.digest, "repeats": 0}, words

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of list is a variant."""
        return expand(self.sweep, variants=[f"kind={kind}" for kind in self._options["kinds"]])

    def sample(self, plan: PlannedSample) -> WordListSample:
        """Draw the words and find how many there is room for; see ``Builder.sample``.

        Raises:
            CorpusError: The hay cannot be had, or has too few words.
            LengthError: There is no room for the shortest list.
        """
        listed, limit = self._list(plan), int(plan.length.amount)
        if reckoned := self._reckoned.get((plan.variant, limit)) if estimated(TEXT) else None:
            entries, tokens = reckoned
            listed = listed.sized(entries)
        else:
            listed, entries, tokens = fitted(listed, limit, lambda text: self._tokens(plan, text))
        self._reckoned[plan.variant, limit] = entries, tokens
        right, times, hay = listed.right(), listed.counts(entries), self._described(plan)
        asked = {*right, DOTS}
        others = [number for word, number in times.items() if word not in asked]
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {**hay, "estimated": True} if reckoned else hay,
            "question": self._asked(plan)[0],
            "target": ", ".join(right),
            "kind": _kind(plan),
            "cluster": str(plan.index),
            "entries": entries,
            "times": [*(times[word] for word in right), max(others)],
            "realised_length": tokens,
            "realised_depth": None,
            "max_gen_toks": 64 + 16 * len(right),
        }

    def render(self, sample: WordListSample) -> Prompt:
        """Make the list again and put it into its frame.

        Raises:
            CorpusError: The hay is another than that of the sample.
        """
        plan = planned(sample)
        if sample["haystack"]["digest"] != self._described(plan)["digest"]:
            raise CorpusError(
                f"the haystack {sample['haystack']['spec']} is not the one that sample {sample['id']} was made from; "
                "bring back the old text or run the sweep again"
            )
        # What was reckoned for a plan is never sent, only measured: its words take as many bytes in any order
        mixed = not sample["haystack"].get("estimated")
        return self._prompt(plan, self._list(plan, sample["times"][0]).text(sample["entries"], mixed=mixed))

    def _list(self, plan: PlannedSample, often: int = 1) -> CommonList | CodedList:
        """Return the list; of a sample, with words as often as it has them."""
        if _kind(plan) == CODED:
            return CodedList(self._options["alpha"], plan.rng("coded"))
        numbers = {name: self._options[name] for name in ("common", "often", "seldom")}
        times = max(1, often // numbers["often"])
        return CommonList(self._words(plan), **numbers, rng=plan.rng("list"), times=times)

    def _words(self, plan: PlannedSample) -> list[str]:
        """Return all words in a sample's random order; those of the last sample are kept, for they are needed again."""
        name, words = self._drawn
        if name != plan.id:
            all_words = self._hay[1]
            words = plan.rng("words").sample(all_words, len(all_words))
            self._drawn = plan.id, words
        return words

    def _described(self, plan: PlannedSample) -> Haystack:
        if _kind(plan) == COMMON:
            return self._hay[0]
        made = f"coded words|{_VERSION}|{self._options['alpha']}"
        return {"spec": "coded words", "digest": hashlib.sha256(made.encode()).hexdigest(), "repeats": 0}

    def _asked(self, plan: PlannedSample) -> tuple[str, str]:
        """Return the question, and how the answer begins."""
        if _kind(plan) == CODED:
            return CODED_QUESTION.format(count=ASKED), CODED_PREFIX.format(count=ASKED)
        count = self._options["common"]
        return COMMON_QUESTION.format(count=count), COMMON_PREFIX.format(count=count)

    def _example(self, plan: PlannedSample) -> str:
        """Return a short list of other words with its answer."""
        if _kind(plan) == CODED or not self._options["example"]:
            return ""
        common, seldom = self._options["common"], self._options["seldom"]
        listed = CommonList(
            self._words(plan)[::-1][: common * (1 + _EXAMPLE_OTHERS)],
            common,
            max(seldom + 1, self._options["often"] // _EXAMPLE_SHARE),
            seldom,
            plan.rng("example"),
        )
        question, prefix = self._asked(plan)
        text = listed.text(listed.common * (listed.often + _EXAMPLE_OTHERS * listed.seldom))
        return f"<example>\n{text}\n</example>\n{question}\n{prefix} {', '.join(listed.right())}\n\n"

    def _prompt(self, plan: PlannedSample, text: str) -> Prompt:
        question, prefix = self._asked(plan)
        frame = f"{self._example(plan)}{HEADER}", f"\n</context>\n{question}\n"
        return Prompt.user(TextPart(frame[0]), TextPart(text), TextPart(frame[1]), answer_prefix=prefix)

    def _tokens(self, plan: PlannedSample, text: str) -> int:
        prompt = self._prompt(plan, text)
        return load_tokenizer(self.sweep.tokenizer).count(prompt.text())


def _kind(plan: PlannedSample) -> str:
    return plan.variant.partition("=")[2]
