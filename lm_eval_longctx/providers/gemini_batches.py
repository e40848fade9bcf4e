"""Gemini's batches: requests inline or in an uploaded file, answers within a day and at half the price."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.completion import whole
from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.providers.base import Batches, BatchState, Raw
from lm_eval_longctx.providers.batching import BatchClient, result_lines, written
from lm_eval_longctx.providers.failures import read_failure
from lm_eval_longctx.providers.media_store import UploadFailed
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import Body, assemble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.providers.base import HandIn, Request
    from lm_eval_longctx.providers.media import MediaRoute
    from lm_eval_longctx.providers.media_store import Uploader
    from lm_eval_longctx.providers.segments import Segment

_OK = 200
_DONE = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "CANCELLED", "EXPIRED")


@dataclass(frozen=True)
class _File:
    """A file of requests, as the uploader takes it."""

    path: str
    digest: str
    mime: str = "application/jsonl"


class GeminiBatchClient(BatchClient, Protocol):
    """Who speaks for Gemini's batch mode.

    Attributes:
        model: The model's name; a batch is for one model.
        version: The interface's version.
        media: Whose cache is where large batches may be written before they are uploaded.
    """

    model: str
    version: str
    media: MediaRoute

    @property
    def files(self) -> Uploader:
        """Gemini's way to take files."""


class GeminiBatches(Batches):
    """Gemini's batch mode."""

    most_requests = 50_000
    most_bytes = 2_000_000_000
    inline_bytes = 19_000_000

    def __init__(self, client: GeminiBatchClient) -> None:
        """Ask through a client."""
        self.client = client
        self.root = f"{client.base_url}/{client.version}"

    async def submit(self, requests: Mapping[str, Request], token: str) -> str:
        """Hand the requests in, inline where they are small; see ``Batches``."""
        trees = {name: await self.client.tree_of(request) for name, request in requests.items()}
        inline = [{"request": tree, "metadata": {"key": name}} for name, tree in trees.items()]
        batch: dict[str, Any] = {"displayName": token, "inputConfig": {"requests": {"requests": inline}}}
        if assemble({"batch": batch}, self.client.texts).length > self.inline_bytes:
            batch["inputConfig"] = {"fileName": await self._uploaded(trees)}
        url = f"{self.root}/models/{self.client.model}:batchGenerateContent"
        return str((await self.client.asked("POST", url, {"batch": batch}))["name"])

    async def _uploaded(self, trees: Mapping[str, Any]) -> str:
        """Write the requests to a file and upload it."""
        segments: list[Segment] = []
        for name, tree in trees.items():
            segments += [*assemble({"key": name, "request": tree}, self.client.texts).segments, b"\n"]
        self.client.media.cache.home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".batch-", dir=self.client.media.cache.home) as folder:
            file = _written(Body.of(segments), Path(folder) / "requests.jsonl")
            try:
                return (await self.client.files.upload(file)).resource
            except UploadFailed as failed:
                words = read_failure(failed.raw.body).message or failed.raw.error
                raise ProviderError(f"the batch was not taken: {words}") from None

    async def find(self, handed: HandIn) -> str | None:
        """Look among the latest hundred batches; see ``Batches``."""
        listed = await self.client.asked("GET", f"{self.root}/batches?pageSize=100")
        found = (b for b in listed.get("operations") or () if dig(b, "metadata", "displayName") == handed.token)
        return next((str(batch["name"]) for batch in found), None)

    async def poll(self, batch: str) -> BatchState:
        """See ``Batches``."""
        found = await self.client.asked("GET", f"{self.root}/{batch}")
        state = str(dig(found, "metadata", "state")).partition("STATE_")[2]
        counts = table(dig(found, "metadata", "batchStats"))
        total, pending = _number(counts.get("requestCount")), _number(counts.get("pendingRequestCount"))
        finished = None if total is None else total - (pending or 0)
        status = "done" if state in _DONE else "failed" if state == "FAILED" else "running"
        return BatchState(status, finished, total, str(dig(found, "error", "message") or state))

    async def results(self, batch: str, requests: Mapping[str, Request]) -> dict[str, Raw]:
        """Read the answers, inline or from a file; see ``Batches``."""
        output = dig(await self.client.asked("GET", f"{self.root}/{batch}"), "metadata", "output")
        name = dig(output, "responsesFile")
        inlined = dig(output, "inlinedResponses", "inlinedResponses")
        lines = list(map(table, inlined)) if isinstance(inlined, list) else []
        if name:
            url = f"{self.client.base_url}/download/{self.client.version}/{name}:download?alt=media"
            raw = await self.client.ask_raw("GET", url, total=1800.0)
            lines = result_lines(raw, batch)
        raws = {str(line.get("key") or dig(line, "metadata", "key")): _raw(line) for line in lines}
        return {k: self.client.noted(raw, requests[k]) for k, raw in raws.items() if k in requests}

    async def cancel(self, batch: str) -> None:
        """See ``Batches``."""
        await self.client.asked("POST", f"{self.root}/{batch}:cancel", {})


def _written(body: Body, path: Path) -> Any:
    """Write a body to a file."""
    sha = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in body.chunks():
            sha.update(chunk)
            file.write(chunk)
    return _File(str(path), sha.hexdigest())


def _raw(line: dict[str, Any]) -> Raw:
    """Turn a line of results into what a call would have brought back."""
    if line.get("response"):
        return Raw(200, {"content-type": "application/json"}, written(line["response"]))
    error = table(line.get("error"))
    code = error.get("code")
    status = _HTTP.get(code, code) if isinstance(code, int) and code else 500
    return Raw(status, {}, written({"error": error}), sent=False)


_HTTP = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 13: 500, 14: 503, 16: 401}
"""The HTTP status of each gRPC code, which is what batches report."""


def _number(value: Any) -> int | None:
    return whole(value)
