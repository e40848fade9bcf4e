"""Two models on the same samples: how much better one is, how surely, and how many samples would show it.

What makes a sample hard is hard for both, so the difference is surer than
either score. Only samples that both models were scored on are compared, and
only runs that asked the same of the same hay.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.stats.contrasts import POWER, paired_difference, samples_needed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.results import Run
    from lm_eval_longctx.stats.contrasts import Contrast

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
    others = dict(zip(theirs["samples"], theirs["values"], strict=True))
    rows = [row for row in _rows(ours) if row[0] in others]
    columns = [row[3] for row in rows], [others[row[0]] for row in rows], [row[1] for row in rows]
    difference = paired_difference(*columns) if rows else None
    if difference is None:
        return None
    needed = samples_needed(shown, *columns)
    name = str(first.block["summary"]["metric"])
    return Paired(
        first,
        second,
        name,
        len(rows),
        difference,
        dict(_by_length(rows, others, [row["length"] for row in first.block["lengths"]])),
        needed,
        shown,
    )


def _rows(scores: Row) -> list[tuple[str, str, str, float]]:
    """Return sample, cluster, length and value of each sample."""
    return list(zip(scores["samples"], scores["clusters"], scores["lengths"], scores["values"], strict=True))


def _by_length(
    rows: Sequence[tuple[str, str, str, float]], others: Mapping[str, float], labels: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    for label in labels:
        some = [row for row in rows if row[2] == label]
        found = paired_difference([row[3] for row in some], [others[row[0]] for row in some], [row[1] for row in some])
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
