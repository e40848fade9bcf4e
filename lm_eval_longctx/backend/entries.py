"""What goes into batches, and the batches that are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lm_eval_longctx.providers.base import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.backend.budget import Reservation
    from lm_eval_longctx.backend.call import Caller
    from lm_eval_longctx.ledger import Call


@dataclass
class Entry:
    """One question, for however many jobs that ask it.

    Attributes:
        caller: What prepares it and reads its answer.
        positions: Of the jobs.
        call: Its description for the ledger; holds no prompt.
        size: Bytes of its text.
        worst: What it costs at most, in US dollars; ``None`` if nobody can say.
        attempt: Its number in the ledger, once it is in a batch.
        reservation: What was set aside; ``None`` if an earlier run did that.
    """

    caller: Caller
    positions: list[int]
    call: Call | None = None
    size: int = 0
    worst: float | None = None
    attempt: int = 0
    reservation: Reservation | None = None


@dataclass
class Batch:
    """One batch that is open.

    Attributes:
        token: Our name of it.
        name: The provider's; empty while nobody can tell whether it was taken.
        entries: The questions, by key.
    """

    token: str
    name: str
    entries: dict[str, Entry] = field(default_factory=dict)


class Rendered(Mapping[str, Request]):
    """The requests of a batch by key, each made when it is looked at."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        """Make nothing yet."""
        self._entries = entries

    def __getitem__(self, key: str) -> Request:
        """Render a prompt."""
        job = self._entries[key].caller.job
        return Request(job.render(), job.settings, job.repeat)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._entries)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries)
