"""Batches on the local server, as OpenAI and Gemini run them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from lm_eval_longctx.testing.exchange import cut_off
from lm_eval_longctx.testing.formats.gemini import camel
from lm_eval_longctx.testing.strict import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.formats.base import Failed, Format
    from lm_eval_longctx.testing.formats.gemini import Gemini
    from lm_eval_longctx.testing.state import State

_RPC = {400: 3, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14}


def add_batches(app: web.Application, state: State, gemini: Gemini, formats: dict[str, Format]) -> None:
    """Add batches to the application; ``formats`` are OpenAI's by their path."""
    batches = Batches(state, gemini, formats)
    add, version = app.router.add_route, r"/{version:v1|v1beta}"
    add("POST", "/v1/batches", batches.make_openai)
    add("POST", f"{version}/models/{{model}}:batchGenerateContent", batches.make_gemini)
    add("GET", f"{version}/batches", batches.listed)
    add("GET", f"{version}/batches/{{id}}", batches.look)
    add("POST", "/v1/batches/{id}/cancel", batches.cancel)
    add("GET", "/v1/files/{name}/content", batches.content)
    add("GET", f"/download{version}/files/{{name}}:download", batches.content)


class Batches:
    """Takes batches and works them off when somebody looks often enough."""

    def __init__(self, state: State, gemini: Gemini, formats: dict[str, Format]) -> None:
        """Serve from a state."""
        self.state, self.gemini, self.formats = state, gemini, formats
        self._ids = itertools.count(1)

    async def make_openai(self, request: web.Request) -> web.StreamResponse:
        """Start a batch of an uploaded file."""
        tree = orjson.loads(await request.read())
        form = self.formats.get(tree.get("endpoint", ""))
        file = self.state.files.get(tree.get("input_file_id", ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if form is None or file is None or tree.get("completion_window") != "24h":
            return _json(self.formats["/v1/responses"].error(400, "invalid batch"))
        failed = form.authorized(headers)
        if failed is not None:
            return _json(failed)
        lines = [orjson.loads(line) for line in file["content"].splitlines()]
        batch = {
            "id": f"batch_{next(self._ids)}",
            "object": "batch",
            "endpoint": tree["endpoint"],
            "metadata": tree.get("metadata"),
            "status": "in_progress",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        return taken(self.state, request, batch["id"], {"shown": batch, "lines": lines})

    async def make_gemini(self, request: web.Request) -> web.StreamResponse:
        """Start a batch of inline requests or of an uploaded file."""
        failed = self.gemini.authorized({name.lower(): value for name, value in request.headers.items()})
        if failed is not None:
            return _json(failed)
        batch = camel(orjson.loads(await request.read()))["batch"]
        source = batch["inputConfig"]
        if "fileName" in source:
            content = self.state.files[source["fileName"]]["content"]
            lines = [orjson.loads(line) for line in content.splitlines()]
        else:
            lines = [{"key": r["metadata"]["key"], "request": r["request"]} for r in source["requests"]["requests"]]
        name = f"batches/{next(self._ids)}"
        stats = {"requestCount": str(len(lines)), "pendingRequestCount": str(len(lines))}
        shown = {
            "name": name,
            "metadata": {"state": "BATCH_STATE_RUNNING", "displayName": batch.get("displayName"), "batchStats": stats},
        }
        kept = {"shown": shown, "lines": lines, "model": request.match_info["model"], "file": "fileName" in source}
        return taken(self.state, request, name, kept)

    async def listed(self, request: web.Request) -> web.Response:
        """List the batches."""
        shown = [batch["shown"] for batch in self.state.batches.values()]
        return web.json_response({"operations": shown} if "x-goog-api-key" in request.headers else {"data": shown})

    async def look(self, request: web.Request) -> web.Response:
        """Show a batch, and work it off when its time has come."""
        name = request.match_info["id"]
        batch = self.state.batches.get(name) or self.state.batches.get(f"batches/{name}")
        if batch is None:
            return _json(self.gemini.error(404, "no such batch"))
        if is_due(batch):
            self._work_off(batch)
        return web.json_response(batch["shown"])

    def _work_off(self, batch: dict[str, Any]) -> None:
        lines, batch["lines"] = batch["lines"], []
        shown = batch["shown"]
        if "metadata" in shown and "state" in (shown["metadata"] or {}):
            answers = [self._gemini_line(line, batch["model"]) for line in lines]
            shown["metadata"] |= {"state": "BATCH_STATE_SUCCEEDED", "output": self._output(answers, batch)}
            shown["metadata"]["batchStats"]["pendingRequestCount"] = "0"
            return
        answers = [self._openai_line(line, shown["endpoint"]) for line in lines]
        good = [a for a in answers if a["response"]["status_code"] == 200]  # noqa: PLR2004 - HTTP's OK
        bad = [a for a in answers if a not in good]
        shown |= {
            "status": "completed",
            "request_counts": {"total": len(lines), "completed": len(good), "failed": len(bad)},
        }
        shown |= {"output_file_id": self._file(good), "error_file_id": self._file(bad)}

    def _openai_line(self, line: dict[str, Any], endpoint: str) -> dict[str, Any]:
        status, body = answered(self.state, self.formats[endpoint], line["body"])
        response = {"status_code": status, "request_id": "req_1", "body": body}
        return {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}

    def _gemini_line(self, line: dict[str, Any], model: str) -> dict[str, Any]:
        status, body = answered(self.state, self.gemini, line["request"], model=model)
        answer = {"response": body} if status == 200 else {"error": {**body["error"], "code": _RPC[status]}}  # noqa: PLR2004
        return {"key": line["key"], **answer}

    def _output(self, answers: list[dict[str, Any]], batch: dict[str, Any]) -> dict[str, Any]:
        if batch["file"]:
            return {"responsesFile": self._file(answers, slashed=True)}
        inline = [{**{k: v for k, v in a.items() if k != "key"}, "metadata": {"key": a["key"]}} for a in answers]
        return {"inlinedResponses": {"inlinedResponses": inline}}

    def _file(self, lines: list[dict[str, Any]], *, slashed: bool = False) -> str | None:
        if not lines:
            return None
        name = f"files/batch-{next(self._ids)}" if slashed else f"file-batch-{next(self._ids)}"
        content = b"\n".join(orjson.dumps(line) for line in lines)
        self.state.files[name] = {"content": content, "uri": name, "state": "ACTIVE", "mimeType": "application/jsonl"}
        return name

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop a batch."""
        batch = self.state.batches[request.match_info["id"]]
        batch["shown"]["status"], batch["lines"] = "cancelled", []
        return web.json_response(batch["shown"])

    async def content(self, request: web.Request) -> web.Response:
        """Give a file back."""
        name = request.match_info["name"].removeprefix("files/")
        file = self.state.files.get(f"files/{name}") or self.state.files.get(name)
        return web.Response(body=file["content"]) if file else web.Response(status=404)


def taken(state: State, request: web.Request, name: str, kept: dict[str, Any]) -> web.StreamResponse:
    """Keep a batch and show it; a fault that is waiting loses the answer, not the batch."""
    state.batches[name] = {**kept, "polls": state.polls_until_ready}
    if state.faults and state.faults[0].kind == "reset":
        state.faults.popleft()
        return cut_off(request)
    return web.json_response(kept["shown"])


def is_due(batch: dict[str, Any]) -> bool:
    """Count a look at a batch, and tell whether it is to be worked off now."""
    batch["polls"] -= 1
    return batch["polls"] < 0 and bool(batch["lines"])


def answered(
    state: State,
    form: Format,
    tree: Any,
    *,
    model: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Answer one request of a batch; returns the status and the body that it would have had alone."""
    try:
        asked = form.read(tree, headers or {}, model)
    except Refused as refused:
        failed = form.refused(refused)
        return failed.status, failed.body
    tokens = sum(asked.tokens().values())
    if state.window is not None and tokens + asked.max_output > state.window:
        failed = form.overflow(tokens, state.window, asked)
        return failed.status, failed.body
    bill, text = state.bill(asked, None), state.answer(asked)
    bill.output, bill.delivered = max(1, len(text) // 4), True
    return 200, form.answer(asked, text, bill, "")


def _json(failed: Failed) -> web.Response:
    return web.json_response(failed.body, status=failed.status, headers=failed.headers)
