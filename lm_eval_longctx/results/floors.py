"""What an answer is worth that was given without reading the context, and what is left of a score above it.

Closed questions have a floor by chance, which the scorer knows. Open ones have
none in theory; what a solver that never reads still gets is found by trying,
and kept with the task as ``floor`` in its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from lm_eval_longctx.scorers.base import Scorer

OTHERS = "*"
"""Stands for all kinds of question that are not named."""


class Floors:
    """The floors of a task's samples."""

    def __init__(self, measured: Any = None) -> None:
        """Read what a task's metadata say.

        Args:
            measured: A number in [0, 1), one for each kind of question with
                ``*`` for all others, or ``None``.

        Raises:
            ConfigError: It is something else.
        """
        by_kind = measured if isinstance(measured, Mapping) else {OTHERS: measured or 0.0}
        for kind, floor in by_kind.items():
            if isinstance(floor, bool) or not isinstance(floor, (int, float)) or not 0 <= floor < 1:
                raise ConfigError(f"floor must be a number from 0 to below 1, or one by kind; {kind} has {floor!r}")
        self._by_kind = {str(kind): float(floor) for kind, floor in by_kind.items()}

    def of(self, sample: Mapping[str, Any], scorer: Scorer) -> float:
        """Return the floor of a sample: by chance, or as measured for its kind, whichever is higher."""
        kind = str(sample.get("kind") or sample.get("variant", ""))
        measured = self._by_kind.get(kind, self._by_kind.get(OTHERS, 0.0))
        return max(scorer.chance(sample), measured)


def corrected(score: float, floor: float) -> float | None:
    """Return a score with its floor as 0 and 1 as 1; below 0 for worse than not reading, ``None`` for a floor of 1."""
    return (score - floor) / (1 - floor) if floor < 1 else None
