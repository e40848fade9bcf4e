"""The progress bar: samples, tokens, money so far, retries, and the slowest call that is open."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.backend.tally import Tally

_EVERY = 1.0
_NAME = 40
"""Characters of a name that are shown."""

_SHAPE = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
"""What must not be lost on a narrow screen comes first: how far, how long still, the money; tqdm cuts at the end."""


class Progress:
    """One bar for a run.

    Attributes:
        note: What else stands behind the bar.
    """

    def __init__(self, total: int, tally: Tally, *, shown: bool, doing: Callable[[], str] = str) -> None:
        """Show the bar, or nothing.

        Args:
            total: How many samples there are.
            tally: What has been counted so far.
            shown: Whether to show anything.
            doing: Tells what the provider is at within a long request.
        """
        self._tally, self._doing, self.note = tally, doing, ""
        self._open: dict[int, tuple[float, Job]] = {}
        self._bar = None
        if shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, desc="asking", unit="sample", dynamic_ncols=True, bar_format=_SHAPE)

    def opened(self, job: Job) -> None:
        """Count a call as open, until ``ended``."""
        self._open[id(job)] = (time.monotonic(), job)

    def ended(self, job: Job) -> None:
        """Count a call as open no more."""
        del self._open[id(job)]

    def advance(self) -> None:
        """Count a sample as done."""
        if self._bar is not None:
            with suppress(OSError):  # the terminal is gone
                self._bar.set_postfix_str(self.words(), refresh=False)
                self._bar.update()

    async def refresh(self) -> None:
        """Keep the bar up to date while nothing ends; runs until cancelled."""
        while self._bar is not None:
            await asyncio.sleep(_EVERY)
            with suppress(OSError):
                self._bar.set_postfix_str(self.words())

    def words(self) -> str:
        """Return what stands behind the bar."""
        tally, usage = self._tally, self._tally.usage
        tokens = (usage.prompt_tokens or 0) + (usage.output_tokens or 0)
        known = tally.cost > 0 or not tally.unpriced
        words = [f"{tally.cost:.2f} USD" if known else "cost unknown", f"{_short(tokens)} tokens"]
        if tally.replayed:
            words.append(f"{tally.replayed} from the ledger")
        if tally.retries:
            words.append(f"{tally.retries} retries")
        if tally.possibly_billed:
            words.append(f"{tally.possibly_billed} possibly billed")
        words += [said for said in (self.note, self._doing()) if said]
        if self._open:
            since, job = min(self._open.values(), key=lambda entry: entry[0])
            words.append(f"slowest {time.monotonic() - since:.0f} s ({_brief(job.sample)})")
        return ", ".join(words)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.set_postfix_str(self.words())
                self._bar.close()


def _brief(name: str) -> str:
    """Return a name that leaves room for what else stands in the line."""
    return name if len(name) <= _NAME else f"{name[: _NAME // 2]}…{name[-_NAME // 2 :]}"


def _short(count: int) -> str:
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)
