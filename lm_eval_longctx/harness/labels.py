"""Labels of context lengths that say what was sent.

A task cuts its context to the length that is asked, and its label is that
length. Material of its own length (a grammar, a novel) may be shorter, and
controls of it (passages, or no document at all) are much shorter: their label
is the length that came out, so that ``107k`` means 106,594 tokens and each
length has a row of its own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.units import Unit, rounded_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.tasks.base import Builder

SHARE = 0.95
"""What reaches this share of the asked length is called by the asked length."""

GRAIN = 64
"""So many tokens more may be missing: contexts are cut between sentences."""

APART = 1.5
"""Realised lengths are told apart where one is this many times the next shorter."""


def labelled(samples: Sequence[Sample], builder: Builder[Any]) -> list[Sample]:
    """Return samples whose labels are the lengths that came out, where those asked for were not reached.

    Args:
        samples: All samples of a task.
        builder: What made them; one whose labels name classes of lengths is left alone.
    """
    if builder.LENGTH_CLASSES:
        return list(samples)
    rows: dict[str, list[Sample]] = {}
    for sample in samples:
        rows.setdefault(sample["context_label"], []).append(sample)
    groups = [group for row in rows.values() for group in _groups(row)]
    middles = {
        id(sample): realised(group[len(group) // 2])
        for group in groups
        if not builder.HAS_LENGTH or _falls_short(group[-1])
        for sample in group
    }
    return [_called(sample, middles.get(id(sample))) for sample in samples]


def realised(sample: Sample) -> float:
    """Return the length that came out, in the unit of the label."""
    return float(sample.get("own_tokens", {}).get("expected", sample["realised_length"]))


def _groups(row: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Split samples of one label where their realised lengths are far apart."""
    ordered = sorted(row, key=realised)
    start = 0
    for at, (shorter, longer) in enumerate(pairwise(ordered), 1):
        if realised(longer) > APART * realised(shorter):
            yield ordered[start:at]
            start = at
    yield ordered[start:]


def _falls_short(sample: Sample) -> bool:
    """Whether less came out than the asked length, by more than cutting between sentences explains."""
    asked = sample.get("own_tokens", {}).get("asked", sample["context_length"])
    grain = GRAIN if sample["unit"] == Unit.TOKENS.value else 0
    return realised(sample) < float(asked) * SHARE - grain


def _called(sample: Sample, length: float | None) -> Sample:
    if length is None:
        return sample
    label = rounded_label(length, Unit(sample["unit"]))
    return {**sample, "context_label": label, "label_length": length, "asked_label": sample["context_label"]}
