"""Plans do not do the work: meanwhile lengths may be reckoned that only making the hay would give exactly.

A plan needs how long prompts are, and not what is in them. Nobody speaks an
hour of audio books to count its seconds, and no ten million tokens are written
to be counted. What was reckoned says so (``estimated`` in a sample's haystack),
and is never sent: a run makes everything.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEECH = "speech"
"""How long a sentence of our voices takes."""

TEXT = "text"
"""How many tokens a text without end has beyond its beginning."""

MARGIN = 0.05
"""By how much reckoned text may have more bytes than the prompt that will be sent, or fewer: see ``docs/cost.md``."""

_RECKONED: ContextVar[frozenset[str]] = ContextVar("reckoned", default=frozenset())


@contextmanager
def estimating(*what: str) -> Iterator[None]:
    """Reckon these lengths meanwhile, and no others; samples then cannot be sent."""
    token = _RECKONED.set(frozenset(what))
    try:
        yield
    finally:
        _RECKONED.reset(token)


def estimated(what: str) -> bool:
    """Whether such lengths are only reckoned now."""
    return what in _RECKONED.get()
