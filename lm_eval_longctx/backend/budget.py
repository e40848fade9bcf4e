"""The hard cap: the worst case of a call is set aside before the call is sent.

A worst case is only as good as what it is reckoned from. So a run learns: the
first call of each kind goes alone until its bill is known, and a bill above
its worst case makes every reserve larger, those of calls in flight too.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

_NANO = 1_000_000_000

ADDED = 4096
"""Tokens that a server may add to every prompt, whatever its length, before we believe that it counts otherwise."""


def is_money(amount: object) -> bool:
    """Whether a value is an amount that can be paid: a finite number, 0 or more."""
    return isinstance(amount, (int, float)) and math.isfinite(amount) and amount >= 0


class Budget:
    """Counts money in whole billionths of a US dollar, so that nothing is lost to rounding.

    At every moment spent and reserved money together stay within the cap, as
    long as no call costs more than was reserved for it. Used from one event
    loop at a time.

    Attributes:
        excess: How many times its worst case the dearest call has cost, at least 1.
    """

    def __init__(self, cap: float | None) -> None:
        """Open the budget.

        Args:
            cap: In US dollars; ``None`` for none.

        Raises:
            ConfigError: The cap is no amount of money.
        """
        if cap is not None and not is_money(cap):
            raise ConfigError(f"max_cost must be a finite number, 0 or more, not {cap}")
        self._cap = None if cap is None else math.floor(cap * _NANO)
        self._spent = 0
        self._reserved = 0
        self.excess = 1.0
        self._heard_of: set[str] = set()
        self._out: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def spent(self) -> float:
        """US dollars that are gone, or may be."""
        return self._spent / _NANO

    @property
    def capped(self) -> bool:
        """Whether there is a cap."""
        return self._cap is not None

    async def reserve(self, worst: float | None, kind: str = "") -> Reservation | None:
        """Set the worst case of a call aside; waits while other calls may give some back.

        Args:
            worst: In US dollars; ``None`` (nobody can say) fits only where there is no cap.
            kind: Calls of one kind are billed alike: until the bill of one is
                known, they go one at a time. Empty for a call that need not wait.

        Returns:
            What was set aside, or ``None`` if it does not fit.
        """
        while True:
            first_is_out = self.capped and kind not in self._heard_of and self._out[kind] > 0
            reservation = None if first_is_out else self.reserve_now(worst, kind)
            if reservation is not None or worst is None or not self._reserved:
                return reservation
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    def reserve_now(self, worst: float | None, kind: str = "") -> Reservation | None:
        """Do the same without waiting."""
        if self._cap is None:
            return Reservation(self, worst or 0.0, 0)
        if worst is None:
            return None
        amount = math.ceil(worst * _NANO) + 1  # one more for the last bit of a float
        if self._spent + math.ceil((self._reserved + amount) * self.excess) > self._cap:
            return None
        self._reserved += amount
        self._out[kind] += bool(kind)
        return Reservation(self, worst, amount, kind)

    def scaled(self, worst: float | None) -> float | None:
        """Return what is set aside for a worst case by all that the run has learnt up to now."""
        return None if worst is None else worst * self.excess

    def learn(self, billed: int | None, bound: int | None) -> None:
        """Compare billed prompt tokens with their bound, so that a short prompt tells what a long one will cost."""
        if billed and bound:
            self.excess = max(self.excess, (billed - ADDED) / bound)

    def settle(self, amount: int, cost: float, kind: str = "", *, heard: bool = True) -> None:
        """Replace what was set aside by what a call cost; see ``Reservation``.

        A cost that is no amount of money opens no cap: it counts as what was set aside.
        """
        self._spent += math.ceil(cost * _NANO) if is_money(cost) else math.ceil(amount * self.excess)
        self._reserved -= amount
        self._out[kind] -= bool(kind)
        if heard:
            self._heard_of.add(kind)
        if amount > 1 and is_money(cost):
            self.excess = max(self.excess, cost * _NANO / amount)
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


class Reservation:
    """Money set aside for one call; a context manager that counts it as spent unless somebody settles it."""

    def __init__(self, budget: Budget, worst: float, amount: int, kind: str = "") -> None:
        """Hold an amount of a budget's own unit."""
        self._worst, self._budget, self._amount, self._kind, self._settled = worst, budget, amount, kind, False

    @property
    def worst(self) -> float:
        """What the call costs at most, in US dollars, by all that the run has learnt up to now."""
        return self._worst * self._budget.excess

    def settle(self, cost: float, *, heard: bool = True) -> None:
        """Replace what was set aside by what the call cost; later calls do nothing.

        Args:
            cost: In US dollars.
            heard: Whether the call was billed, so that one knows what its kind costs.
        """
        if not self._settled:
            self._settled = True
            self._budget.settle(self._amount, cost, self._kind, heard=heard)

    def give_back(self) -> None:
        """Free the money of a call that was not sent, or was not billed."""
        self.settle(0.0, heard=False)

    def __enter__(self) -> Reservation:  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever happened to the call, do not let others wait for its money."""
        self.settle(self.worst, heard=False)
