"""Multiple choice: which option does the answer choose?

Read strictly. An answer chooses an option if it says ``Final Answer: (X)``
with one of the letters that were offered, or if it is nothing but a letter. All
else is unparsed: counted as an outcome of its own, left out of the accuracy,
and never guessed from words or capitals elsewhere in the answer. An answer
that names two different final answers is unparsed too.

After 1H-VideoQA (Gemini 1.5, arXiv 2403.05530, section 5.2.2), which asks for
"Final Answer: (X)" in these words.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric, Scorer, Unparsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKUP = re.compile(r"[*_`#$~]|\\boxed|\\text(?:bf)?|[{}]")
_FINAL = re.compile(
    r"final\s+answer\s*(?:is\s*)?:?\s*(?:option\s+)?(?:[(\[]\s*([A-Za-z])\s*[)\]]|([A-Za-z])(?=\s*(?:[.):,;\n]|$)))",
    re.IGNORECASE,
)
_PLACEHOLDER = string.ascii_uppercase.index("X")
"""``Final Answer: (X)`` quotes the instructions; X is never an option."""

_ALONE = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\]]?[.:]?")


class ChoiceScorer(Scorer):
    """Compares the chosen letter with the right one.

    Reads from the sample: ``target`` (a letter, or ``None`` if nobody knows) and ``options`` (the texts,
    the first of which is A).
    """

    METRICS = (Metric("accuracy", "1 if the right option is chosen, else 0; unparsed answers are left out"),)

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is the letter of one of the options."""
        options, target = sample.get("options"), sample.get("target")
        if not isinstance(options, (list, tuple)) or not 1 < len(options) < _PLACEHOLDER:
            raise ConfigError(f"a multiple-choice sample needs 2 to {_PLACEHOLDER - 1} options, not {options!r}")
        if target is not None and target not in list(_letters(options)):
            raise ConfigError(f"the target {target!r} is not the letter of an option; use one of {_letters(options)}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``accuracy``.

        Raises:
            Unparsed: The answer chooses no option, or more than one; or the
                data set keeps the right one secret, and there is nothing to
                compare with.
        """
        if sample["target"] is None:
            raise Unparsed("the data set has no answer key: a prediction only")
        return {"accuracy": float(chosen(answer, sample["options"]) == sample["target"])}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the chosen letter, and the kind of question where there are kinds."""
        kind = {"kind": sample["kind"]} if "kind" in sample else {}
        return {"chosen": chosen(answer, sample["options"]), **kind}


def chosen(answer: str, options: Sequence[str]) -> str:
    """Return the letter that an answer chooses.

    Args:
        answer: The model's own text.
        options: What was offered, the first of which is A.

    Raises:
        Unparsed: The answer chooses no option, or more than one.
    """
    plain = _MARKUP.sub("", answer).strip()
    found = [(match[1] or match[2]).upper() for match in _FINAL.finditer(plain)]
    if not found and (alone := _ALONE.fullmatch(plain)):
        found = [alone[1].upper()]
    letters = sorted({*found} - {"X"})
    if not letters:
        raise Unparsed("no line 'Final Answer: (X)'")
    if len(letters) > 1:
        raise Unparsed(f"more than one final answer: {', '.join(letters)}")
    if letters[0] not in _letters(options):
        raise Unparsed(f"{letters[0]} was not an option")
    return letters[0]


def _letters(options: Sequence[str]) -> str:
    return string.ascii_uppercase[: len(options)]
