"""OpenAI's batches: a file of requests in, a file of answers out, within a day and at half the price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lm_eval_longctx.completion import whole
from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.providers.base import Batches, BatchState, Raw
from lm_eval_longctx.providers.batching import BatchClient, result_lines, written
from lm_eval_longctx.providers.failures import read_failure
from lm_eval_longctx.providers.media_store import UploadFailed
from lm_eval_longctx.providers.parsing import dig, table
from lm_eval_longctx.providers.segments import Body, assemble
from lm_eval_longctx.providers.uploads import MultipartFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.providers.base import HandIn, Request
    from lm_eval_longctx.providers.segments import Segment

TOKEN = "lm-eval-longctx"  # noqa: S105 - the name of a field
_OK, _TIMED_OUT = 200, 408
_STATUS = {"completed": "done", "expired": "done", "cancelled": "done", "failed": "failed"}


class OpenAIBatchClient(BatchClient, Protocol):
    """Who speaks for OpenAI's batch mode."""

    @property
    def path(self) -> str:
        """The path of the interface that is spoken; one batch holds requests to one of them."""


class OpenAIBatches(Batches):
    """OpenAI's batch mode."""

    most_requests = 50_000
    most_bytes = 200_000_000

    def __init__(self, client: OpenAIBatchClient) -> None:
        """Ask through a client."""
        self.client = client
        self.root = client.base_url

    async def submit(self, requests: Mapping[str, Request], token: str) -> str:
        """Upload the requests as a file and start a batch of it; see ``Batches``."""
        lines = await self._lines(requests)
        files = MultipartFiles(self.client.transport, f"{self.root}/files", self.client.headers, {"purpose": "batch"})
        try:
            handle = await files.post("batch.jsonl", "application/jsonl", lines)
        except UploadFailed as failed:
            words = read_failure(failed.raw.body).message or failed.raw.error
            raise ProviderError(f"the batch was not taken: {words}") from None
        tree = {
            "input_file_id": handle.name,
            "endpoint": f"/v1{self.client.path}",
            "completion_window": "24h",
            "metadata": {TOKEN: token},
        }
        made = await self.client.asked("POST", f"{self.root}/batches", tree)
        return str(made["id"])

    async def _lines(self, requests: Mapping[str, Request]) -> Body:
        """Return the file: one request a line; text that requests share is escaped once."""
        segments: list[Segment] = []
        for name, request in requests.items():
            body = await self.client.tree_of(request)
            line = {"custom_id": name, "method": "POST", "url": f"/v1{self.client.path}", "body": body}
            segments += [*assemble(line, self.client.texts).segments, b"\n"]
        return Body.of(segments)

    async def find(self, handed: HandIn) -> str | None:
        """Look among the latest hundred batches; see ``Batches``."""
        listed = await self.client.asked("GET", f"{self.root}/batches?limit=100")
        found = (b for b in listed.get("data") or () if dig(b, "metadata", TOKEN) == handed.token)
        return next((str(batch["id"]) for batch in found), None)

    async def poll(self, batch: str) -> BatchState:
        """See ``Batches``."""
        found = await self.client.asked("GET", f"{self.root}/batches/{batch}")
        counts = table(found.get("request_counts"))
        status = str(found.get("status"))
        errors = " ".join(str(dig(e, "message")) for e in dig(found, "errors", "data") or ())
        finished = (counts.get("completed") or 0) + (counts.get("failed") or 0)
        return BatchState(_STATUS.get(status, "running"), finished, counts.get("total"), errors or status)

    async def results(self, batch: str, requests: Mapping[str, Request]) -> dict[str, Raw]:
        """Read the file of answers and the file of errors; see ``Batches``."""
        found = await self.client.asked("GET", f"{self.root}/batches/{batch}")
        raws: dict[str, Raw] = {}
        for name in filter(None, (found.get("output_file_id"), found.get("error_file_id"))):
            raw = await self.client.ask_raw("GET", f"{self.root}/files/{name}/content", total=1800.0)
            raws |= {str(line.get("custom_id")): _raw(line) for line in result_lines(raw, batch)}
        return {k: self.client.noted(raw, requests[k]) for k, raw in raws.items() if k in requests}

    async def cancel(self, batch: str) -> None:
        """See ``Batches``."""
        await self.client.asked("POST", f"{self.root}/batches/{batch}/cancel", {})


def _raw(line: dict[str, Any]) -> Raw:
    """Turn a line of results into what a call would have brought back."""
    response = table(line.get("response"))
    status = whole(response.get("status_code"))
    if status:
        return Raw(status, {"content-type": "application/json"}, written(response.get("body")))
    words = dig(line, "error", "message") or dig(line, "error", "code") or "no response"
    return Raw(0, error=f"batch: {words}", sent=False)
