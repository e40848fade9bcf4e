"""Admission: how many prompts may be in memory, and how many requests on the wire.

A job passes three lines. The first lets it render its prompt, within the bytes
that may be in memory; the second lets it record that it is about to be sent;
the third lets it onto the wire. While prompts are small, more jobs than there
are places on the wire have their prompt ready, and one in eight its record, so
that the wire never waits for a prompt or for the disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

AHEAD_BYTES = 8 << 20
"""Bytes in memory up to which jobs get ready before there is a place on the wire for them."""


class Line:
    """Waits in order of arrival until something fits."""

    def __init__(self, fits: Callable[[int], bool], take: Callable[[int], None]) -> None:
        """Stand in line for something.

        Args:
            fits: Whether a size fits just now.
            take: Takes it.
        """
        self._fits, self._take = fits, take
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, size: int = 0) -> None:
        """Wait until it is one's turn and it fits; it is taken then."""
        if self._waiting or not self._fits(size):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            await turn
        else:
            self._take(size)

    def move_up(self) -> None:
        """Let in whoever fits now."""
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._take(size)
                turn.set_result(None)


class Place:
    """A place beyond a line, held within ``async with``; gives the number of the request that was sent last."""

    __slots__ = ("_leave", "_line", "_number")

    def __init__(self, line: Line, number: Callable[[], int], leave: Callable[[], None]) -> None:
        """Stand before a line; ``leave`` gives the place back."""
        self._line, self._number, self._leave = line, number, leave

    async def __aenter__(self) -> int:
        """Wait until it is one's turn."""
        await self._line.enter()
        return self._number()

    async def __aexit__(self, *_: object) -> None:
        """Give the place back."""
        self._leave()


class Gate:
    """Counts jobs, bytes and requests; the number of requests adapts to what the server bears.

    Additive increase and multiplicative decrease, as for congested networks:
    each success opens the gate by a fraction of a place, each refusal for
    overload halves it, once for all requests that were already on their way.

    Attributes:
        places: Requests on the wire at most.
        most: Jobs whose prompt may be in memory.
        limit: Requests on the wire at present, between 1 and ``places``.
        inside: Jobs whose prompt is in memory.
        bytes: Bytes of their prompts.
        turns: Jobs that are, or are about to be, on the wire.
        requests: Requests on the wire.
    """

    def __init__(self, places: int, most_bytes: int) -> None:
        """Open the gate.

        Args:
            places: Requests on the wire at most, 1 or more.
            most_bytes: Bytes in memory at most; a larger prompt passes alone.
        """
        self.places, self.most, self._most_bytes = places, 2 * places, most_bytes
        self.limit = float(places)
        self.inside = self.bytes = self.turns = self.requests = 0
        self._sent = self._narrowed = 0
        self._jobs = Line(self._fits, self._take)
        self._turns = Line(lambda _: self.turns < int(self.limit) + max(1, self.places // 8), self._next)
        self._wire = Line(lambda _: self.requests < int(self.limit), self._send)

    async def enter(self, size: int) -> Admission:
        """Wait until a prompt of so many bytes may be made."""
        passage = Admission(self, size)
        await passage.enter()
        return passage

    async def admit(self, size: int) -> None:
        """Wait for room in memory; use ``enter``."""
        await self._jobs.enter(size)

    def release(self, jobs: int, size: int) -> None:
        """Give room in memory back."""
        self.inside -= jobs
        self.bytes -= size
        self._jobs.move_up()

    def turn(self) -> Place:
        """Be among those whose request is on the wire or will be as soon as one of the others is done."""
        return Place(self._turns, self._number, self._end_turn)

    def request(self) -> Place:
        """Hold a place on the wire; gives the request's number, for ``narrow``."""
        return Place(self._wire, self._number, self._end_request)

    def widen(self) -> None:
        """Open by a fraction of a place, so that a full round of successes opens one place."""
        self.limit = min(float(self.places), self.limit + 1.0 / self.limit)
        self._turns.move_up()
        self._wire.move_up()

    def narrow(self, number: int) -> None:
        """Halve the places, unless this request was sent before the last halving."""
        if number > self._narrowed:
            self.limit = max(1.0, self.limit / 2)
            self._narrowed = self._sent

    def _fits(self, size: int) -> bool:
        if self.inside < self.places:
            return self.inside == 0 or self.bytes + size <= self._most_bytes
        return self.inside < self.most and self.bytes + size <= min(AHEAD_BYTES, self._most_bytes)

    def _take(self, size: int) -> None:
        self.inside += 1
        self.bytes += size

    def _next(self, _: int) -> None:
        self.turns += 1

    def _end_turn(self) -> None:
        self.turns -= 1
        self._turns.move_up()

    def _send(self, _: int) -> None:
        self.requests += 1
        self._sent += 1

    def _end_request(self) -> None:
        self.requests -= 1
        self._wire.move_up()

    def _number(self) -> int:
        return self._sent


class Admission:
    """One job's room in memory."""

    def __init__(self, gate: Gate, size: int) -> None:
        """Stand before the gate, with a prompt of so many bytes."""
        self.gate, self._size = gate, size
        self._inside = False

    async def enter(self) -> None:
        """Wait for room."""
        await self.gate.admit(self._size)
        self._inside = True

    def leave(self) -> None:
        """Give the room back; calling it again does nothing."""
        if self._inside:
            self._inside = False
            self.gate.release(1, self._size)

    def resize(self, size: int) -> None:
        """Correct the prompt's size, once it is known, if it is larger than estimated."""
        if self._inside and size > self._size:
            self.gate.release(0, self._size - size)
            self._size = size
