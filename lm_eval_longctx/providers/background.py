"""Answers that a provider makes in the background: looked for by name until they are there.

A look costs nothing however often it is tried, and the answer is paid for, so
that only a plain and repeated *no such answer* ends the search.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import AnswerPendingError
from lm_eval_longctx.providers.failures import read_failure, server_wait
from lm_eval_longctx.providers.parsing import dig, loads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lm_eval_longctx.providers.base import Raw

RUNNING = frozenset({"queued", "in_progress"})
LOOK = 60.0
"""Seconds that one look may take: nothing is made during it."""

SURE = 3
"""Looks in a row that have to find nothing: what was stored just now may not be seen everywhere at once."""

_LONGEST = 5
"""How often the pause doubles while looks fail."""

_OK, _GONE = 200, 404
_REFUSED = frozenset({401, 403})


def state_of(raw: Raw) -> str:
    """Return the status that a response object names; empty where something else came, or a part of one."""
    status = dig(loads(raw.body), "status") if raw.status == _OK and not raw.error else ""
    return status if isinstance(status, str) else ""


def name_of(raw: Raw) -> str:
    """Return the name of an answer that is being made; empty where none is."""
    name = dig(loads(raw.body), "id") if state_of(raw) in RUNNING else ""
    return name if isinstance(name, str) else ""


async def answer(look: Callable[[], Awaitable[Raw]], name: str, pause: float, limit: float) -> Raw:
    """Look for an answer until it is there.

    Args:
        look: Asks for it once.
        name: What the provider calls it.
        pause: Seconds between two looks; more where looks fail, or the provider asks for it.
        limit: Seconds after which nobody waits any longer.

    Returns:
        The answer, however it ended; or a lost one, in the provider's own
        words, where it is not kept any more.

    Raises:
        AnswerPendingError: It is still being made, or cannot be had just now.
    """
    loop = asyncio.get_running_loop()
    deadline, failed, gone = loop.time() + limit, 0, 0
    while True:
        raw = await look()
        state = state_of(raw)
        if state and state not in RUNNING:
            return raw
        gone, failed = (gone + 1 if raw.status == _GONE else 0), (0 if state else failed + 1)
        if gone == SURE:
            return replace(raw, status=0, error=f"the answer {name} is kept no longer: {_words(raw)}", sent=True)
        wait = _wait(raw, pause * 2 ** min(max(failed - 1, 0), _LONGEST))
        if loop.time() + wait > deadline or raw.status in _REFUSED:
            raise AnswerPendingError(f"the answer {name} was not to be had within {limit:g} s ({state or _words(raw)})")
        await asyncio.sleep(wait)


def _wait(raw: Raw, otherwise: float) -> float:
    asked = server_wait(raw.headers, read_failure(raw.body)) if raw.status != _OK else None
    return otherwise if asked is None else asked


def _words(raw: Raw) -> str:
    return f"{raw.status or ''} {raw.error or read_failure(raw.body).message}".strip()
