"""The seam between an answer and its numbers.

A scorer sees a sample and the model's own text, never an error: calls that did
not give an answer are "not measured" and do not get here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.settings import Option


class Unparsed(Exception):  # noqa: N818 - a verdict about an answer, not a fault of the program
    """The answer cannot be read as an answer: it scores 0 and is counted as unparsed, never guessed.

    Its message is kept with the sample.
    """


class NoKey(Exception):  # noqa: N818 - a fact about the data, not a fault of the program
    """Nobody knows the right answer (a data set that keeps its key secret): the sample is a prediction only."""


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean of one value per sample."""
    return fmean(values)


@dataclass(frozen=True)
class Metric:
    """One number that a scorer gives.

    Attributes:
        name: Such as ``recall``.
        help: One line that says what it is, with its range.
        higher_is_better: Which way is good.
        aggregate: From one value per sample to one number. ``mean`` unless the
            metric is a ratio of sums (word error rate) or of whole corpora
            (chrF), where a sample's value is whatever the function needs.
    """

    name: str
    help: str
    higher_is_better: bool = True
    aggregate: Callable[[Sequence[Any]], float] = mean


ABSTAINED = Metric(
    "abstained", "1 if the answer says that it cannot be told, where it can; else 0", higher_is_better=False
)
"""Every scorer of ours reports it: abstaining scores 0 and is told apart from being wrong."""


class Scorer(ABC):
    """Turns an answer into numbers.

    Attributes:
        METRICS: The metrics, the main one first: tables and heatmaps show it.
        OPTIONS: The metadata keys that this scorer understands.
        LONGEST: Characters of an answer that this scorer reads: of a longer one its
            beginning and its end, and the samples say how much lies between.
            ``None`` where all of any answer is read.
    """

    METRICS: ClassVar[tuple[Metric, ...]]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    LONGEST: ClassVar[int | None] = None

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Keep the settings (complete, checked)."""
        self.options = dict(options)

    def validate(self, sample: Mapping[str, Any]) -> None:  # noqa: B027 - nothing to check by default
        """Raise ``ConfigError`` if a sample's target is not of the kind that this scorer reads."""

    def chance(self, sample: Mapping[str, Any]) -> float:
        """Return what the main metric is on average for who answers without the context.

        It is what the builder says (``chance``); else 1 where the right answer
        is that nothing is there, since saying so always is one way of not
        reading; else 0.

        Args:
            sample: As for ``score``.
        """
        return float(sample.get("chance", bool(sample.get("absent"))))

    @abstractmethod
    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric.

        Args:
            sample: The sample; ``sample["target"]`` is the right answer.
            answer: The model's own text, thoughts taken off.

        Raises:
            Unparsed: The answer cannot be read: see ``nothing``.
            NoKey: There is nothing to compare the answer with.
        """

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:  # noqa: ARG002
        """Return further plain values to keep with the sample (errors by position and the like)."""
        return {}

    def nothing(self) -> dict[str, Any]:
        """Return the numbers of an answer in which nothing can be read: 0 on all metrics of which more is better."""
        return {m.name: 0.0 for m in self.METRICS if m.higher_is_better and m.aggregate is mean}
