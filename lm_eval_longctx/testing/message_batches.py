"""Batches on the local server, as Anthropic runs them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from lm_eval_longctx.testing.batches import answered, is_due, taken
from lm_eval_longctx.testing.exchange import record
from lm_eval_longctx.testing.formats.messages import known
from lm_eval_longctx.testing.strict import Refused, items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lm_eval_longctx.testing.formats.messages import Messages
    from lm_eval_longctx.testing.state import State

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATH = "/v1/messages/batches"
_MOST, _BYTES, _LETTERS = 100_000, 256_000_000, 64
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_PAGE, _LONGEST_PAGE = 20, 1000
_OK = 200


def add_message_batches(app: web.Application, state: State, form: Messages) -> None:
    """Add Anthropic's batches to the application."""
    batches = MessageBatches(state, form)
    add = app.router.add_route
    add("POST", PATH, batches.guarded(batches.make))
    add("GET", PATH, batches.guarded(batches.listed))
    add("GET", f"{PATH}/{{id}}", batches.guarded(batches.look))
    add("GET", f"{PATH}/{{id}}/results", batches.guarded(batches.results))
    add("POST", f"{PATH}/{{id}}/cancel", batches.guarded(batches.cancel))


class MessageBatches:
    """Takes batches and works them off when somebody looks often enough."""

    def __init__(self, state: State, form: Messages) -> None:
        """Serve from a state."""
        self.state, self.form = state, form
        self._ids = itertools.count(1)

    def guarded(self, handler: Handler) -> Handler:
        """Let in who has a key; turn a refusal into its answer."""

        async def guard(request: web.Request) -> web.StreamResponse:
            record(self.state, request, await request.read())
            failed = self.form.authorized(_headers(request))
            try:
                if failed is None:
                    return await handler(request)
            except Refused as refused:
                failed = self.form.refused(refused)
            return web.json_response(failed.body, status=failed.status, headers=failed.headers)

        return guard

    async def make(self, request: web.Request) -> web.StreamResponse:
        """Start a batch; what each request asks for is looked at when it is worked off."""
        body = await request.read()
        if len(body) > _BYTES:
            raise Refused("Request exceeds the maximum size", 413)
        tree = mapping(orjson.loads(body), "request")
        known(tree, frozenset({"requests"}))
        lines = items(tree.get("requests"), "requests")
        _check(lines)
        name, now = f"msgbatch_{next(self._ids)}", datetime.now(timezone.utc)
        shown = _shown(name, now, len(lines))
        url = f"http://{request.host}{PATH}/{name}/results"
        return taken(self.state, request, name, {"shown": shown, "lines": lines, "url": url, "results": []})

    async def listed(self, request: web.Request) -> web.StreamResponse:
        """List a page of batches, the newest first."""
        limit = int(request.query.get("limit", _PAGE))
        if not 1 <= limit <= _LONGEST_PAGE:
            raise Refused("limit: Input should be between 1 and 1000")
        names = [name for name, batch in self.state.batches.items() if "url" in batch][::-1]
        after = request.query.get("after_id")
        start = 0 if after is None else names.index(after) + 1
        page = [self._looked_at(name) for name in names[start : start + limit]]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return web.json_response({"data": page, "has_more": len(names) > start + limit, **ends})

    async def look(self, request: web.Request) -> web.StreamResponse:
        """Show a batch."""
        return web.json_response(self._looked_at(request.match_info["id"]))

    def _looked_at(self, name: str) -> dict[str, Any]:
        """Return what is shown of a batch, after working it off if its time has come."""
        batch = self._batch(name)
        if is_due(batch):
            self._work_off(batch)
        shown: dict[str, Any] = batch["shown"]
        return shown

    def _batch(self, name: str) -> dict[str, Any]:
        batch = self.state.batches.get(name)
        if batch is None:
            raise Refused(f"Message batch {name} not found.", 404)
        return batch

    def _work_off(self, batch: dict[str, Any]) -> None:
        """Make all results; the last comes first, since their order is not promised."""
        lines, batch["lines"] = batch["lines"], []
        shown, now = batch["shown"], datetime.now(timezone.utc)
        late = datetime.fromisoformat(shown["expires_at"]) <= now
        unasked = "canceled" if shown["cancel_initiated_at"] else "expired" if late else ""
        for line in reversed(lines):
            result = {"type": unasked} if unasked else self._result(line["params"])
            batch["results"].append({"custom_id": line["custom_id"], "result": result})
        found = Counter(line["result"]["type"] for line in batch["results"])
        shown |= {"processing_status": "ended", "ended_at": now.isoformat(), "results_url": batch["url"]}
        shown["request_counts"] = {kind: found[kind] for kind in _COUNTS}

    def _result(self, params: dict[str, Any]) -> dict[str, Any]:
        status, body = answered(self.state, self.form, params, headers={"anthropic-version": "2026-10-21"})
        if status == _OK:
            return {"type": "succeeded", "message": body}
        return {"type": "errored", "error": body}

    async def results(self, request: web.Request) -> web.StreamResponse:
        """Give the results out, as long as they are kept."""
        batch = self._batch(request.match_info["id"])
        if batch["shown"]["results_url"] is None:
            raise Refused("No results are available for this batch.", 404)
        content = b"".join(orjson.dumps(line) + b"\n" for line in batch["results"])
        return web.Response(body=content, content_type="application/x-jsonl")

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Begin to stop a batch: what has not been asked is not asked any more."""
        batch = self._batch(request.match_info["id"])
        if batch["shown"]["processing_status"] == "ended":
            raise Refused("The batch has already ended.")
        now = datetime.now(timezone.utc).isoformat()
        batch["shown"] |= {"processing_status": "canceling", "cancel_initiated_at": now}
        batch["polls"] = 0
        return web.json_response(batch["shown"])


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _shown(name: str, now: datetime, count: int) -> dict[str, Any]:
    """Return a new batch as it is shown."""
    return {
        "id": name,
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {kind: count if kind == "processing" else 0 for kind in _COUNTS},
        "created_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=24)).isoformat(),
        "ended_at": None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": None,
    }


def _check(lines: list[Any]) -> None:
    """Refuse what is no list of named requests."""
    if len(lines) > _MOST:
        raise Refused(f"requests: List should have at most {_MOST} items")
    seen: set[str] = set()
    for i, line in enumerate(lines):
        where = f"requests.{i}."
        known(mapping(line, f"requests.{i}"), frozenset({"custom_id", "params"}), where)
        name = _name(text(line.get("custom_id"), f"{where}custom_id"), f"{where}custom_id")
        if name in seen:
            raise Refused(f"{where}custom_id: {name} is not unique within the batch")
        seen.add(name)
        params = mapping(line.get("params"), f"{where}params")
        if params.get("stream"):
            raise Refused(f"{where}params.stream: streaming is not supported in batches")


def _name(name: str, where: str) -> str:
    """Return a request's name, or refuse it in the real server's words."""
    if len(name) > _LETTERS:
        raise Refused(f"{where}: String should have at most {_LETTERS} characters")
    if not _ID.fullmatch(name):
        raise Refused(f"{where}: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    return name
