"""What a provider behind HTTP is asked beside the questions: what it knows, what it counts, what it keeps."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.providers.base import Provider
from lm_eval_longctx.providers.failures import read_failure
from lm_eval_longctx.providers.parsing import loads, table
from lm_eval_longctx.providers.segments import assemble

if TYPE_CHECKING:
    from lm_eval_longctx.providers.base import Raw
    from lm_eval_longctx.providers.segments import EscapedText
    from lm_eval_longctx.providers.transport import Transport

_OK = 200
_STOP = frozenset({401, 403})


class HttpProvider(Provider):
    """A provider that can be asked over a wire.

    Attributes:
        base_url: Its address.
        transport: The wire.
        texts: The cache of escaped text.
    """

    base_url: str
    transport: Transport
    texts: EscapedText

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Return the headers of a request made now; they hold the key and are kept nowhere."""

    async def _ask(self, url: str, tree: dict[str, Any] | None = None, *, total: float = 300.0) -> Any:
        """Ask something that costs nothing; ``None`` where the server has no such thing.

        Raises:
            ProviderError: The key is refused, or the server cannot be reached.
        """
        raw = await self.ask_raw("GET" if tree is None else "POST", url, tree, total=total)
        if raw.status == _OK:
            return loads(raw.body)
        if raw.status in _STOP or not raw.status:
            words = read_failure(raw.body).message or raw.error
            raise ProviderError(
                f"{self.NAME} at {self.base_url} cannot be asked: {raw.status or ''} {words}".replace("  ", " ")
            )
        return None

    async def ask_raw(self, method: str, url: str, tree: dict[str, Any] | None = None, *, total: float = 300.0) -> Raw:
        """Send a tree, or nothing, beside the actual questions."""
        body = None if tree is None else assemble(tree, self.texts)
        headers = {**self.headers(), **({} if body is None else {"Content-Type": "application/json"})}
        return await self.transport.send(method, url, headers, body, total=total)

    async def asked(self, method: str, url: str, tree: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask something that costs nothing and has to succeed.

        Raises:
            ProviderError: It did not.
        """
        raw = await self.ask_raw(method, url, tree)
        if raw.status != _OK or raw.error:
            words = raw.error or read_failure(raw.body).message
            raise ProviderError(f"{self.NAME} at {self.base_url} refused {method} {url}: {raw.status} {words}")
        return table(loads(raw.body))
