"""What a batch mode asks of whoever makes and sends its requests.

Each batch mode knows one provider's protocol, and none knows a provider: it
is handed a client. So it can be read, and tested, without one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.providers.failures import read_failure
from lm_eval_longctx.providers.parsing import loads

if TYPE_CHECKING:
    from lm_eval_longctx.providers.base import Raw, Request
    from lm_eval_longctx.providers.segments import EscapedText
    from lm_eval_longctx.providers.transport import Transport


class BatchClient(Protocol):
    """Who speaks for a batch mode; every hosted provider does.

    Attributes:
        base_url: The provider's address.
        transport: The wire.
        texts: The cache of escaped text.
    """

    base_url: str
    transport: Transport
    texts: EscapedText

    def headers(self) -> dict[str, str]:
        """Return the headers of a request made now; they hold the key and are kept nowhere."""

    async def tree_of(self, request: Request) -> dict[str, Any]:
        """Return a request's JSON tree as a batch carries it."""

    def noted(self, raw: Raw, request: Request) -> Raw:
        """Record with a response what was changed on the request's way."""

    async def ask_raw(self, method: str, url: str, tree: dict[str, Any] | None = None, *, total: float = 300.0) -> Raw:
        """Send a tree, or nothing, beside the actual questions."""

    async def asked(self, method: str, url: str, tree: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask something that costs nothing and has to succeed.

        Raises:
            ProviderError: It did not.
        """


def result_lines(raw: Raw, batch: str) -> list[dict[str, Any]]:
    """Return the results of a batch, one an object; a line that cannot be read loses none of the others.

    Args:
        raw: The file of results.
        batch: The provider's name of the batch.

    Raises:
        ProviderError: There is no such file, or it holds something else.
    """
    lines = [line for line in raw.body.splitlines() if line.strip()]
    found = [value for value in map(loads, lines) if isinstance(value, dict)]
    if raw.status != 200 or raw.error or (lines and not found):  # noqa: PLR2004 - what a file comes with
        words = raw.error or read_failure(raw.body).message
        raise ProviderError(f"the results of {batch} cannot be fetched: {raw.status} {words}".strip())
    return found


def written(value: Any) -> bytes:
    """Return a part of such a line as the body of a response."""
    return json.dumps(value).encode()  # which also writes halves of characters
