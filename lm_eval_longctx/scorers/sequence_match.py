"""How much of a text was repeated: the matching ratio after a prefix.

The measure of multi-round co-reference resolution (MRCR). An answer must begin
with a random prefix, which shows that the model knows what it is doing; what
follows is compared with the right text by ``difflib.SequenceMatcher``. The
authors of the two public sets differ in details, and so do the gradings here:

- ``v2``: Google DeepMind's MRCR v2 (2026): white space around prediction and
  text is dropped, the prefix must come first, as the docstring of their
  ``mrcr_v2_metric`` and its later tests say (google-deepmind/eval_hub, 0713b13);
- ``v2_lenient``: anything may stand before the prefix, and its last occurrence
  counts, as their ``mrcr_v2_metric_lenient`` does, and as ``mrcr_v2_metric``
  itself did before (67b7fd2): rows that were scored with that are comparable
  with this one only;
- ``openai``: OpenAI's data card (2025): nothing is dropped, the prefix must be
  the very first characters.

The first MRCR (2024) has no published program. The default is ``v2``: a prefix
in the middle of something else shows nothing. ``match_published`` is the chosen
grading on the answer as it came.

The ratio is not symmetric: each grading keeps its authors' order of arguments.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.texts import SHORT, read_long
from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GRADINGS = ("v2", "v2_lenient", "openai")


class SequenceMatchScorer(Scorer):
    """Compares an answer with a text that was to be repeated after a prefix.

    Accepts prefix and text, by the chosen grading; fences, quotes, JSON and a polite line round both come off.

    Reads from the sample: ``target`` (the text, without the prefix), ``prefix``
    and, where there, ``noise_floor`` and ``openings`` (how each of the answers
    to the same request begins).
    """

    METRICS = (
        Metric("match", "how much of the right text is repeated after the prefix, wrapping off; 0 to 1"),
        Metric("match_published", "the same by the authors' rules on the answer as it came; 0 to 1"),
        Metric("prefix", "1 if the answer has the prefix where it must be, else 0"),
        Metric("noise_floor", "match of guessing among the answers to the same request; 0 to 1"),
        ABSTAINED,
    )
    OPTIONS = (Option("grading", "v2", "whose rules: Google DeepMind's, their lenient ones, or OpenAI's", GRADINGS),)

    READS = (
        Column("target", "the text that was to be repeated, without its prefix", required=True),
        Column("prefix", "how the answer must begin", required=True),
        Column("noise_floor", "match of guessing among the answers to the same request", "number"),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless target and prefix are texts that are not empty."""
        for key in ("target", "prefix"):
            if not isinstance(sample.get(key), str) or not sample[key]:
                raise ConfigError(f"a text to be repeated needs {key} as a text, not {sample.get(key)!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; ``noise_floor`` is ``None`` where nobody worked it out."""
        grade, prefix, target = _GRADES[self.options["grading"]], sample["prefix"], sample["target"]
        said = read_long(answer, prefix)
        ratio = grade(said, prefix, target)
        raw = without_thoughts(answer).text
        published = ratio if said == raw else grade(raw, prefix, target)
        return {
            "match": ratio or 0.0,
            "match_published": published or 0.0,
            "prefix": float(ratio is not None),
            "noise_floor": sample.get("noise_floor"),
            "abstained": float(prefix not in said and len(said) < SHORT and abstains(normalise(said))),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return which of the answers to the same request was repeated, from 1; ``None`` if none begins so."""
        said = read_long(answer, sample["prefix"]).strip()
        text = (
            said[said.rfind(sample["prefix"]) + len(sample["prefix"]) :].strip() if sample["prefix"] in said else said
        )
        openings = sample.get("openings") or ()
        given = next((number for number, opening in enumerate(openings, 1) if text.startswith(opening)), None)
        return {"repeated": given, "unparsed": float(not said)}


def v2(answer: str, prefix: str, target: str) -> float | None:
    """Grade as MRCR v2 is described; ``None`` if the prefix does not come first."""
    said = answer.strip()
    return _ratio(target.strip(), said[len(prefix) :].strip()) if said.startswith(prefix) else None


def v2_lenient(answer: str, prefix: str, target: str) -> float | None:
    """Grade as the program of MRCR v2 does: what follows the last prefix; ``None`` if there is none."""
    said = answer.strip()
    place = said.rfind(prefix)
    return None if place < 0 else _ratio(target.strip(), said[place + len(prefix) :].strip())


def openai(answer: str, prefix: str, target: str) -> float | None:
    """Grade as OpenAI's MRCR; ``None`` if the prefix is not the very beginning."""
    return _ratio(answer.removeprefix(prefix), target) if answer.startswith(prefix) else None


def _ratio(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second).ratio()


_GRADES: dict[str, Callable[[str, str, str], float | None]] = {"v2": v2, "v2_lenient": v2_lenient, "openai": openai}
