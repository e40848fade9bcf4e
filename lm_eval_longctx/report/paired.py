"""Two models on the same samples: how much better one is, how surely, and how many samples would show it.

What makes a sample hard is hard for both, so the difference is surer than
either score. Only samples that both models were scored on are compared, and
only runs that asked the same of the same hay.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.stats.contrasts import POWER, paired_difference, samples_needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lm_eval_longctx.results import Run
    from lm_eval_longctx.stats.contrasts import Contrast
    from lm_eval_longctx.stats.intervals import Array

    Row = Mapping[str, Any]

DIFFERENCE = 0.05
"""The difference of which is told how many samples would show it, unless another is asked for."""

_OF_THE_SWEEP = ("len", "depths", "n", "q")
"""Parts of a signature that say which samples there are: those that two runs share are compared."""


@dataclass(frozen=True)
class Paired:
    """The first model against the second.

    Attributes:
        first: Its run.
        second: The other's.
        metric: What is compared.
        samples: How many samples both were scored on.
        difference: The first's score less the second's.
        lengths: The same at each length, by its label.
        needed: Samples that would show ``shown`` in four of five runs; ``None`` for a single hay.
        shown: The difference that is asked about.
    """

    first: Run
    second: Run
    metric: str
    samples: int
    difference: Contrast
    lengths: Mapping[str, Contrast]
    needed: int | None
    shown: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "models": [self.first.model, self.second.model],
            "metric": self.metric,
            "samples": self.samples,
            **self.difference.to_dict(),
            "lengths": {label: one.to_dict() for label, one in self.lengths.items()},
            "difference_to_show": self.shown,
            "samples_needed": self.needed,
            "power": POWER,
        }


def pairs(runs: Sequence[Run], metric: str | None = None, shown: float | None = None) -> list[Paired]:
    """Compare each run of a task with each other one, as far as they share samples.

    Args:
        runs: Of one task.
        metric: The metric to show; nothing is compared but the main one.
        shown: The difference of which is told how many samples would show it; ``DIFFERENCE`` unless given.

    Raises:
        ConfigError: The difference is none.
    """
    amount = DIFFERENCE if shown is None else abs(shown)
    if not amount:
        raise ConfigError("a difference of 0 is shown by no number of samples; give another, such as 0.05")
    main = [run for run in runs if metric in (None, run.block["summary"]["metric"])]
    return [found for one, two in combinations(main, 2) if (found := compared(one, two, amount)) is not None]


def compared(first: Run, second: Run, shown: float = DIFFERENCE) -> Paired | None:
    """Compare two runs of a task.

    Args:
        first: One run.
        second: Another.
        shown: The difference of which is told how many samples would show it.

    Returns:
        ``None`` where nothing can be compared: other hay, settings or versions, no common samples, or a metric
        that is not the mean of one number a sample.
    """
    ours, theirs = first.block.get("scores"), second.block.get("scores")
    if not ours or not theirs or _asked(first) != _asked(second):
        return None
    both = _common(ours, theirs)
    difference = paired_difference(both.first, both.second, both.clusters)
    if difference is None:
        return None
    return Paired(
        first,
        second,
        str(first.block["summary"]["metric"]),
        len(both.first),
        difference,
        dict(_by_length(both, [row["length"] for row in first.block["lengths"]])),
        samples_needed(shown, both.first, both.second, both.clusters),
        shown,
    )


class _Both(NamedTuple):
    """The samples that two runs were both scored on: a column each of values, clusters and lengths."""

    first: Array
    second: Array
    clusters: Sequence[str]
    lengths: NDArray[np.str_]


def _common(ours: Row, theirs: Row) -> _Both:
    if ours["samples"] == theirs["samples"]:  # nearly always: both ran the same sweep to its end
        return _both(ours["values"], theirs["values"], ours["clusters"], ours["lengths"])
    others = dict(zip(theirs["samples"], theirs["values"], strict=True))
    places = [place for place, sample in enumerate(ours["samples"]) if sample in others]
    first, clusters, lengths = ([ours[name][place] for place in places] for name in ("values", "clusters", "lengths"))
    return _both(first, [others[ours["samples"][place]] for place in places], clusters, lengths)


def _both(first: Sequence[float], second: Sequence[float], clusters: Sequence[str], lengths: Sequence[str]) -> _Both:
    ours, theirs = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return _Both(ours, theirs, clusters, np.asarray(lengths, dtype=str))


def _by_length(both: _Both, labels: Sequence[str]) -> Iterator[tuple[str, Contrast]]:
    for label in labels:
        at = np.flatnonzero(both.lengths == label)
        found = paired_difference(both.first[at], both.second[at], [both.clusters[place] for place in at.tolist()])
        if found is not None:
            yield label, found


def _asked(run: Run) -> dict[str, str]:
    """Return what a run asked and how it scored, without which samples there were and how the model was asked."""
    line = str(run.block["summary"].get("signature", ""))
    parts = dict(part.partition(":")[::2] for part in line.split("|"))
    tokenizer = parts.get("len", "").rpartition(":")[2]
    # The task's own version says whether prompts are the same, that of scoring whether answers are read the same way
    left_out = {*_OF_THE_SWEEP, "v", *run.block.get("sent", ())}
    return {**{name: value for name, value in parts.items() if name not in left_out}, "tokenizer": tokenizer}
