"""How Gemini, OpenAI and Anthropic take files."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from lm_eval_longctx.providers.base import Raw
from lm_eval_longctx.providers.media_store import Handle, UploadFailed
from lm_eval_longctx.providers.parsing import dig, loads
from lm_eval_longctx.providers.segments import Body, FileBytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.transport import Transport

CHUNK = 8 << 20
"""Bytes of one step of a resumable upload."""

_OK, _SERVER_ERROR = 200, 500
_DAY = 86400.0
_TRIES = 5
_FOREVER = 10 * 365 * _DAY
_BOUNDARY = b"----lm-eval-longctx-3f1c9a7e5b2d"
MULTIPART = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
"""The content type of a ``form``."""


class GeminiFiles:
    """Gemini's Files API: resumable uploads, then waiting until the file is active."""

    def __init__(
        self, transport: Transport, base_url: str, version: str, headers: Callable[[], dict[str, str]]
    ) -> None:
        """Talk to ``base_url``; ``headers`` gives the key when it is needed."""
        self.transport, self.base_url, self.version, self.headers = transport, base_url, version, headers
        self.poll_seconds = 2.0
        self.wait_seconds = 1800.0

    async def upload(self, part: MediaPart) -> Handle:
        """Upload a file and wait until it can be used.

        Raises:
            UploadFailed: It cannot.
        """
        file = FileBytes.of(part.path, encoded=False)
        answer = await self._send_all(await self._begin(part, file), file)
        return await self._active(dig(answer, "file"))

    async def _begin(self, part: MediaPart, file: FileBytes) -> str:
        headers = {
            **self.headers(),
            "Content-Type": "application/json",
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(file.size),
            "X-Goog-Upload-Header-Content-Type": part.mime,
        }
        name = orjson.dumps({"file": {"display_name": part.digest[:32], "mimeType": part.mime}})
        url = f"{self.base_url}/upload/{self.version}/files"
        raw = await self.transport.send("POST", url, headers, Body.of([name]))
        where = raw.headers.get("x-goog-upload-url", "")
        if raw.status != _OK or not where:
            raise UploadFailed(unbilled(raw))
        # Behind a proxy the address is ours to keep: the server names its own.
        own, theirs = urlsplit(self.base_url), urlsplit(where)
        return urlunsplit((own.scheme, own.netloc, theirs.path, theirs.query, ""))

    async def _send_all(self, where: str, file: FileBytes) -> Any:
        """Send the bytes in steps; after a break ask how far they came, and go on from there."""
        offset = tries = 0
        while True:
            raw = await self._step(where, file, offset)
            if raw.status == _OK and raw.headers.get("x-goog-upload-status") == "final":
                return loads(raw.body)
            if raw.status == _OK:
                offset, tries = offset + min(CHUNK, file.size - offset), 0
                continue
            tries += 1
            if tries >= _TRIES or 0 < raw.status < _SERVER_ERROR:
                raise UploadFailed(unbilled(raw))
            await asyncio.sleep(self.poll_seconds * tries)
            offset = await self._received(where, offset)

    async def _step(self, where: str, file: FileBytes, offset: int) -> Raw:
        size = min(CHUNK, file.size - offset)
        last = offset + size >= file.size
        headers = {
            **self.headers(),
            "X-Goog-Upload-Command": "upload, finalize" if last else "upload",
            "X-Goog-Upload-Offset": str(offset),
        }
        return await self.transport.send(
            "POST", where, headers, Body.of([FileBytes(file.path, size, encoded=False, offset=offset)])
        )

    async def _received(self, where: str, offset: int) -> int:
        """Ask how many bytes have arrived."""
        raw = await self.transport.send(
            "POST", where, {**self.headers(), "X-Goog-Upload-Command": "query"}, Body.of([])
        )
        arrived = raw.headers.get("x-goog-upload-size-received", "")
        return int(arrived) if raw.status == _OK and arrived.isdigit() else offset

    async def _active(self, file: Any) -> Handle:
        deadline = time.monotonic() + self.wait_seconds
        while dig(file, "state") == "PROCESSING" and time.monotonic() < deadline:
            await asyncio.sleep(self.poll_seconds)
            url = f"{self.base_url}/{self.version}/{dig(file, 'name')}"
            raw = await self.transport.send("GET", url, self.headers())
            if raw.status != _OK:
                raise UploadFailed(unbilled(raw))
            file = loads(raw.body)
        if dig(file, "state") != "ACTIVE" or not dig(file, "uri"):
            words = orjson.dumps(
                {"error": {"message": f"the file could not be used: {dig(file, 'error') or dig(file, 'state')}"}}
            )
            raise UploadFailed(Raw(400, {}, words, sent=False))
        return Handle(file["uri"], _expiry(file.get("expirationTime")), file.get("name", ""))


class MultipartFiles:
    """OpenAI's and Anthropic's Files APIs: one form with the file in it."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        headers: Callable[[], dict[str, str]],
        fields: dict[str, str] | None = None,
    ) -> None:
        """Post to ``url``; ``fields`` are the form's other fields."""
        self.transport, self.url, self.headers, self.fields = transport, url, headers, fields or {}

    async def upload(self, part: MediaPart) -> Handle:
        """Upload a file.

        Raises:
            UploadFailed: The provider did not take it.
        """
        name = f"{part.digest[:32]}.{part.mime.rpartition('/')[2]}"
        return await self.post(name, part.mime, Body.of([FileBytes.of(part.path, encoded=False)]))

    async def post(self, name: str, mime: str, content: Body) -> Handle:
        """Upload anything.

        Raises:
            UploadFailed: The provider did not take it.
        """
        body = form(self.fields, name, mime, content)
        headers = {**self.headers(), "Content-Type": MULTIPART}
        raw = await self.transport.send("POST", self.url, headers, body)
        found: Any = loads(raw.body) if raw.status == _OK else None
        if not isinstance(dig(found, "id"), str):
            raise UploadFailed(unbilled(raw))
        expires = dig(found, "expires_at")
        when = float(expires) if isinstance(expires, (int, float)) else _expiry(expires)
        return Handle(found["id"], when, found["id"])


def form(fields: dict[str, str], filename: str, mime: str, content: Body) -> Body:
    """Return a multipart form with one file in it, which is streamed."""
    head = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (_BOUNDARY, name.encode(), value.encode())
        for name, value in fields.items()
    )
    head += b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: %b\r\n\r\n' % (
        _BOUNDARY,
        filename.encode(),
        mime.encode(),
    )
    return Body.of([head, *content.segments, b"\r\n--%b--\r\n" % _BOUNDARY])


def to_upload(prompt: Prompt, upload: str, inline_bytes: Callable[[], int]) -> list[MediaPart]:
    """Choose the files to upload: all, or all as soon as they would not fit inline together."""
    unique = {part.digest: part for part in prompt.media()}
    inline = sum(FileBytes.of(part.path).length for part in prompt.media()) + prompt.text_bytes
    return list(unique.values()) if upload == "always" or inline > inline_bytes() * 9 // 10 else []


def unbilled(raw: Raw) -> Raw:
    """Say that no model was asked: an upload that fails costs nothing."""
    error = f"upload: {raw.error}" if raw.error else ""
    return replace(raw, error=error, sent=False, status=0 if raw.status == _OK else raw.status)


def _expiry(text: Any) -> float:
    """Read a time in UTC as providers write it; a file without one is kept for good."""
    written = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(text or ""))
    try:
        return datetime.fromisoformat(f"{written[0]}+00:00").timestamp() if written else time.time() + _FOREVER
    except ValueError:  # no such day
        return 0.0
