"""Anthropic's batches: requests in one body, results in one file, within a day and at half the price.

Anthropic gives a batch no name of ours. What we can choose are the names of
its requests, and these are shown with the results only, once the batch has
ended. So they carry a mark of our token, and until then a batch that may be
ours stays in doubt.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import BatchRefusedError, LongctxError, ProviderError
from lm_eval_longctx.providers.base import Batches, BatchState, Raw
from lm_eval_longctx.providers.batching import result_lines, written
from lm_eval_longctx.providers.dialect import STATUS_OF_TYPE
from lm_eval_longctx.providers.failures import read_failure
from lm_eval_longctx.providers.media_store import UploadFailed
from lm_eval_longctx.providers.parsing import dig, loads, table
from lm_eval_longctx.providers.segments import Body, assemble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from lm_eval_longctx.providers.base import HandIn, Request
    from lm_eval_longctx.providers.batching import BatchClient

PATH = "/v1/messages/batches"
SLACK = 3600.0
"""Seconds by which our clock and Anthropic's may differ."""

_PAGE = 100
_OK, _REQUEST_TIMEOUT, _SERVER_ERROR = 200, 408, 500
_PATIENCE = 1800.0
_NOT_BILLED = ("canceled", "expired")
_STATUS = {**STATUS_OF_TYPE, "timeout_error": _REQUEST_TIMEOUT}
"""No 504 here: elsewhere that may have been billed, and a request that failed within a batch is not."""


class AnthropicBatches(Batches):
    """Anthropic's batch mode.

    Attributes:
        limit: Bytes of one batch that Anthropic takes; ``most_bytes`` leaves room for escapes and fields.
    """

    most_requests = 100_000
    most_bytes = 230_000_000
    limit = 256_000_000

    def __init__(self, client: BatchClient) -> None:
        """Ask through a client."""
        self.client = client
        self.root = client.base_url + PATH

    async def submit(self, requests: Mapping[str, Request], token: str) -> str:
        """Hand the requests in; see ``Batches``."""
        body = await self._body(requests, token)
        headers = {**self.client.headers(), "Content-Type": "application/json"}
        raw = await self.client.transport.send("POST", self.root, headers, body, total=_PATIENCE)
        name = dig(_loaded(raw), "id")
        if name:
            return str(name)
        words = f"{raw.status} {raw.error or read_failure(raw.body).message}"
        raise BatchRefusedError(words) if _certainly_refused(raw) else ProviderError(words)

    async def _body(self, requests: Mapping[str, Request], token: str) -> Body:
        """Return all requests as one body; nothing has been sent if that fails."""
        try:
            trees = [
                {"custom_id": custom_id(token, name), "params": await self.client.tree_of(request)}
                for name, request in requests.items()
            ]
            body = assemble({"requests": trees}, self.client.texts)
        except UploadFailed as failed:
            raise BatchRefusedError(read_failure(failed.raw.body).message or failed.raw.error) from None
        except LongctxError as error:
            raise BatchRefusedError(str(error)) from error
        if body.length > self.limit:
            sizes = f"it has {body.length:,} bytes, and Anthropic takes {self.limit:,}"
            raise BatchRefusedError(f"{sizes}; upload=always keeps pictures out of it")
        return body

    async def find(self, handed: HandIn) -> str | None:
        """Look into every batch that was made since then and is large enough; see ``Batches``."""
        running, lost = False, None
        async for batch in self._since(handed.opened - SLACK):
            name = str(batch.get("id"))
            if name in handed.others or _total(batch) < handed.requests:
                continue
            if batch.get("processing_status") != "ended":
                running = True
            elif batch.get("archived_at"):  # nobody can tell any more, so what it holds counts as handed in
                lost = name
            elif any(is_of(line, handed.token) for line in await self._lines(batch)):
                return name
        return "" if running else lost

    async def _since(self, moment: float) -> AsyncIterator[dict[str, Any]]:
        """Yield all batches that were made after a moment, newest first."""
        start = datetime.fromtimestamp(max(moment, 0.0), timezone.utc).isoformat(timespec="seconds")[:19]
        url: str | None = f"{self.root}?limit={_PAGE}"
        while url:
            page = await self.client.asked("GET", url)
            for batch in map(table, page.get("data") or ()):
                if str(batch.get("created_at") or start)[:19] < start:  # both in UTC, to the second
                    return
                yield batch
            last = page.get("last_id") if page.get("has_more") else None
            url = f"{self.root}?limit={_PAGE}&after_id={last}" if last else None

    async def poll(self, batch: str) -> BatchState:
        """See ``Batches``."""
        found = await self.client.asked("GET", f"{self.root}/{batch}")
        status, total = str(found.get("processing_status")), _total(found)
        finished = total - (table(found.get("request_counts")).get("processing") or 0)
        return BatchState("done" if status == "ended" else "running", finished, total, status)

    async def results(self, batch: str, requests: Mapping[str, Request]) -> dict[str, Raw]:
        """Read the file of results, which come in any order; see ``Batches``."""
        found = await self.client.asked("GET", f"{self.root}/{batch}")
        if found.get("archived_at"):  # 29 days after it was made
            return {}
        names = {_digest(name): name for name in requests}
        results = {
            str(line.get("custom_id")).rpartition("-")[2]: line.get("result") for line in await self._lines(found)
        }
        answers = {names[digest]: _raw(table(result)) for digest, result in results.items() if digest in names}
        return {name: self.client.noted(raw, requests[name]) for name, raw in answers.items()}

    async def _lines(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Fetch the results of a batch that has ended."""
        name, given = batch.get("id"), str(batch.get("results_url") or "")
        own = given.startswith(f"{self.client.base_url}/")  # the key goes to no other address
        url = given if own else f"{self.root}/{name}/results"
        raw = await self.client.ask_raw("GET", url, total=_PATIENCE)
        return result_lines(raw, str(name))

    async def cancel(self, batch: str) -> None:
        """See ``Batches``."""
        await self.client.asked("POST", f"{self.root}/{batch}/cancel")


def custom_id(token: str, name: str) -> str:
    """Name a request so that it tells the batch and the question, in 63 of the 64 letters that Anthropic takes."""
    return f"{_mark(token)}-{_digest(name)}"


def is_of(line: Mapping[str, Any], token: str) -> bool:
    """Whether a line of results is of the batch that was handed in with a token."""
    return str(line.get("custom_id")).startswith(f"{_mark(token)}-")


def _mark(token: str) -> str:
    return f"longctx-{hashlib.sha256(token.encode()).hexdigest()[:24]}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:30]


def _total(batch: Mapping[str, Any]) -> int:
    return sum(count for count in table(batch.get("request_counts")).values() if isinstance(count, int))


def _loaded(raw: Raw) -> Any:
    """Return the parsed body of a whole answer."""
    return loads(raw.body) if raw.status == _OK and not raw.error else None


def _certainly_refused(raw: Raw) -> bool:
    """Whether a batch was not made: it never went out whole, or the answer says that the request is at fault."""
    said_no = _OK < raw.status < _SERVER_ERROR and raw.status != _REQUEST_TIMEOUT
    return said_no or not raw.sent


def _raw(result: Mapping[str, Any]) -> Raw:
    """Turn a result into what a call would have brought back."""
    kind = result.get("type")
    if kind == "succeeded":
        return Raw(_OK, {"content-type": "application/json"}, written(result.get("message")))
    if kind == "errored":
        status = _STATUS.get(str(dig(result, "error", "error", "type")), _SERVER_ERROR)
        return Raw(status, {}, written(result.get("error")), sent=False)
    return Raw(0, error=f"batch: {kind}", sent=kind not in _NOT_BILLED)
