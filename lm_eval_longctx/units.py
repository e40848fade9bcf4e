"""Lengths that carry their unit.

A context is measured in tokens of a named tokenizer, in seconds, in images or
in shots (examples in context). ``k`` means 1,024 and ``M`` 1,048,576 for
everything that is asked for and counted; durations are written ``90s``,
``15m`` or ``10.5h``. Arithmetic refuses mixed units, so that seconds are never confused
with frames, nor the tokens of two tokenizers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import total_ordering

from lm_eval_longctx.errors import LengthError

_K = 1024
_MEGA = _K * _K
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


class Unit(str, Enum):
    """What a length counts."""

    TOKENS = "tokens"
    SECONDS = "seconds"
    IMAGES = "images"
    SHOTS = "shots"

    @property
    def counted(self) -> bool:
        """Whether amounts of this unit are whole numbers."""
        return self is not Unit.SECONDS


@total_ordering
@dataclass(frozen=True)
class Length:
    """An amount of something.

    Attributes:
        amount: How much; a whole number unless the unit is seconds. At least 0.
        unit: What is counted.
        measure: What did the counting, such as ``"o200k_base"``; empty where
            the unit needs no instrument.
    """

    amount: int | float
    unit: Unit = Unit.TOKENS
    measure: str = ""

    def __post_init__(self) -> None:
        """Refuse negative amounts and parts of countable things."""
        if self.amount < 0 or (self.unit.counted and self.amount != int(self.amount)):
            msg = (
                f"{self.amount} {self.unit.value} is not a length; give a whole number of {self.unit.value}, 0 or more"
            )
            raise LengthError(msg)
        object.__setattr__(self, "amount", int(self.amount) if self.unit.counted else float(self.amount))

    @property
    def label(self) -> str:
        """The shortest exact spelling: ``128k``, ``1M``, ``15m``, ``10.5h``, ``1000``."""
        return _count_label(int(self.amount)) if self.unit.counted else _time_label(float(self.amount))

    def __str__(self) -> str:
        """Spell the length with its unit, for people."""
        return f"{self.label} {self.unit.value}" if self.unit.counted else self.label

    def __add__(self, other: Length) -> Length:
        """Add two lengths of the same unit and measure."""
        self._same(other)
        return Length(self.amount + other.amount, self.unit, self.measure)

    def __sub__(self, other: Length) -> Length:
        """Subtract a length of the same unit and measure; never below 0."""
        self._same(other)
        return Length(self.amount - other.amount, self.unit, self.measure)

    def __lt__(self, other: object) -> bool:
        """Order lengths of the same unit and measure."""
        if not isinstance(other, Length):
            return NotImplemented
        self._same(other)
        return self.amount < other.amount

    def _same(self, other: Length) -> None:
        if (self.unit, self.measure) != (other.unit, other.measure):
            ours, theirs = (f"{x.unit.value}{f' of {x.measure}' if x.measure else ''}" for x in (self, other))
            raise LengthError(f"lengths in {ours} and in {theirs} cannot be combined; convert one of them first")


def rounded_label(amount: float, unit: Unit) -> str:
    """Spell a length that nobody asked for with three figures: ``107k`` is 106,594 tokens.

    Here ``k`` is 1,000 and ``M`` 1,000,000: such lengths are no powers of two.
    """
    rounded = float(f"{amount:.3g}")
    if not unit.counted:
        return _time_label(rounded)
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if rounded >= size:
            return f"{rounded / size:.3g}{suffix}"
    return f"{rounded:g}"


def _count_label(amount: int) -> str:
    if amount and amount % _MEGA == 0:
        return f"{amount // _MEGA}M"
    if amount and amount % _K == 0:
        return f"{amount // _K}k"
    return str(amount)


def _time_label(seconds: float) -> str:
    for suffix in ("h", "m"):
        units = seconds / _SECONDS[suffix]
        if units >= 1 and round(units, 2) * _SECONDS[suffix] == seconds:
            return f"{units:.2f}".rstrip("0").rstrip(".") + suffix
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def parse_length(value: float | str, unit: Unit = Unit.TOKENS, measure: str = "") -> Length:
    """Read a length as people write it.

    Args:
        value: ``131072``, ``"131072"``, ``"128k"``, ``"1M"`` for counted units;
            ``"90s"``, ``"15m"``, ``"10.5h"`` or a bare number of seconds for
            durations. ``m`` is minutes and ``M`` is mebi (1,048,576).
        unit: What the task counts.
        measure: The instrument, such as the tokenizer's name.

    Raises:
        LengthError: The text is no length, has the wrong kind of suffix for
            the unit, is not whole where it must be, or is not above 0.
    """
    match = None if isinstance(value, bool) else _PATTERN.fullmatch(str(value))
    if match is None:
        raise LengthError(f"cannot read {value!r} as a context length; write {_examples(unit)}")
    number, suffix = float(match[1]), match[2]
    amount = number * (_count_factor(suffix, value, unit) if unit.counted else _time_factor(suffix, value, unit))
    if amount <= 0:
        raise LengthError(f"a context length must be above 0, not {value!r}; write {_examples(unit)}")
    return Length(amount, unit, measure)


def _count_factor(suffix: str, value: object, unit: Unit) -> int:
    factors = {"": 1, "k": _K, "K": _K, "M": _MEGA}
    if suffix not in factors:
        raise LengthError(f"{value!r} is not a number of {unit.value}; write {_examples(unit)}")
    return factors[suffix]


def _time_factor(suffix: str, value: object, unit: Unit) -> int:
    factors = {"": 1, **_SECONDS, "min": 60}
    if suffix not in factors:
        raise LengthError(f"{value!r} is not a duration; write {_examples(unit)}")
    return factors[suffix]


def _examples(unit: Unit) -> str:
    return "4k, 131072 or 1M" if unit.counted else "90s, 15m or 10.5h"
