"""One word again and again with an odd one among them, to be copied (Chroma's report "Context Rot", 2025).

Nothing must be understood, found or known: what goes wrong here goes wrong
because of the length of what is read and written.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import expand
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lm_eval_longctx.plan import PlannedSample, Rng

HEADER = "<words> "  # on one line, so that the first word has a space before it, as all have
QUESTION = (
    "Copy the words between the marks: all of them, in the same order and as often as they stand there. "
    "Give nothing else."
)
FOOTER = f" </words>\n{QUESTION}\n"

WORDS = tuple(
    """
anchor apple arrow basket bell blanket bottle bridge bucket button cabin candle carpet castle cottage crystal dolphin
dragon drum feather forest fountain glacier guitar helmet island jacket lemon linen magnet medal needle ocean onion
pepper pillow planet pocket pumpkin rabbit ribbon river rocket statue sunset table tunnel turtle vessel village walnut
window garden house mountain letter teacher doctor market song number animal engine picture school road chair phone
camera orange banana hotel player game model car tree flower stone cloud dream king queen sister brother friend farmer
winner driver singer soldier artist writer student lawyer lesson movie album ticket dollar minute
""".split()
)
"""Words that are one token of the reference tokenizer, in the plural and with a capital, too."""

_LEAST = 3
_MEASURED = 64


def _other(word: str, rng: Rng) -> str:
    return rng.choice([one for one in WORDS if one != word])


ODD: Mapping[str, Callable[[str, Rng], str]] = {
    "near": lambda word, _: f"{word}s",
    "case": lambda word, _: word.capitalize(),
    "other": _other,
}
"""What the odd word is to the others."""


class RepeatSample(Sample):
    """Words to be copied.

    Attributes:
        word: What all words are but one.
        odd: The odd one.
        place: How many words stand before it.
        words: How many there are in all.
    """

    word: str
    odd: str
    place: int
    words: int


class RepeatBuilder(Builder[RepeatSample]):
    """As many words as the length has room for; the asked depth is the place of the odd one among them.

    The sample's ``target`` is all of the words.
    """

    IDLE: ClassVar[tuple[str, ...]] = ("haystack",)
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("odd", ["near", "other"], f"what the odd word is: {', '.join(ODD)}", choices=tuple(ODD), kinds=(tuple,)),
    )

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each kind of odd word is a variant, among the same other words."""
        return expand(self.sweep, variants=[f"odd={kind}" for kind in self.sweep.options["odd"]])

    def sample(self, plan: PlannedSample) -> RepeatSample:
        """Work out the words and how many there is room for; see ``Builder.sample``.

        Raises:
            LengthError: There is room for hardly any.
        """
        rng, kind = replace(plan, variant="").rng("words"), plan.variant.partition("=")[2]
        word = rng.choice(WORDS)
        odd = ODD[kind](word, rng.fork("odd"))
        made = Copied(word, odd, float(plan.depth or 0), load_tokenizer(self.sweep.tokenizer).count)
        count = made.most(int(plan.length.amount))
        target = made.text(count)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {
                "spec": "one word again and again",
                "digest": hashlib.sha256(word.encode()).hexdigest(),
                "repeats": count - 1,
            },
            "question": QUESTION,
            "target": target,
            "kind": kind,
            "cluster": str(plan.index),
            "word": word,
            "odd": odd,
            "place": made.place(count),
            "words": count,
            "realised_length": made.tokens(count),
            "realised_depth": None,
            "max_gen_toks": _MEASURED + 2 * made.tokens(count),  # who writes too much is to be seen, too
        }

    def render(self, sample: RepeatSample) -> Prompt:
        """Put the words into their frame."""
        return Prompt.user(TextPart(HEADER), TextPart(sample["target"]), TextPart(FOOTER))


class Copied:
    """Words with an odd one among them, as many as fit."""

    def __init__(self, word: str, odd: str, depth: float, tokens: Callable[[str], int]) -> None:
        """Choose words, the odd one's place and what counts tokens."""
        self._word, self._odd, self._depth, self._tokens = word, odd, depth, tokens

    def place(self, count: int) -> int:
        """Return how many words stand before the odd one."""
        return round(self._depth * (count - 1))

    def text(self, count: int) -> str:
        """Return so many words."""
        words: list[Any] = [self._word] * count
        words[self.place(count)] = self._odd
        return " ".join(words)

    def tokens(self, count: int) -> int:
        """Return how long the whole prompt is."""
        return self._tokens(HEADER + self.text(count) + FOOTER)

    def most(self, limit: int) -> int:
        """Return with how many words the prompt is as long as asked, and not longer.

        Raises:
            LengthError: There is room for hardly any.
        """
        least, some = self.tokens(_LEAST), self.tokens(_LEAST + _MEASURED)
        if least > limit:
            raise LengthError(f"{limit} tokens are too few: the question with {_LEAST} words takes {least}")
        count = _LEAST + max(0, int((limit - least) * _MEASURED / (some - least)))
        while self.tokens(count) > limit:
            count -= 1
        while self.tokens(count + 1) <= limit:
            count += 1
        return count
