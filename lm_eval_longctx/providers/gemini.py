"""Gemini: ``model=gemini/<name>``, with the key in ``GEMINI_API_KEY`` or ``GOOGLE_API_KEY``."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from lm_eval_longctx.completion import whole
from lm_eval_longctx.prompt import AudioPart, VideoPart
from lm_eval_longctx.providers import generate_content
from lm_eval_longctx.providers.capabilities import probed
from lm_eval_longctx.providers.gemini_batches import GeminiBatches
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.media import Uploads
from lm_eval_longctx.providers.media_store import UploadFailed
from lm_eval_longctx.providers.models import GEMINI, GEMINI_DEFAULT
from lm_eval_longctx.providers.options import UPLOAD, hosted_options
from lm_eval_longctx.providers.parsing import dig, loads
from lm_eval_longctx.providers.segments import FileBytes
from lm_eval_longctx.providers.uploads import GeminiFiles, unbilled
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Decoded, Raw, Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.media import Ready


_OK, _BAD_REQUEST = 200, 400


class GeminiCaches:
    """The explicit caches of one run."""

    def __init__(
        self, ask: Callable[[str, str, dict[str, Any] | None], Awaitable[Raw]], root: str, seconds: int
    ) -> None:
        """Make none yet.

        Args:
            ask: Sends a method, a URL and a JSON tree.
            root: The address with the interface's version.
            seconds: How long a cache may live if nobody deletes it.
        """
        self.ask, self.root, self.seconds = ask, root, seconds
        self._names: dict[str, str] = {}
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()

    async def ensure(self, digest: str, body: dict[str, Any]) -> tuple[str, int]:
        """Return a cache's name and the tokens that were written just now to make it (0 if it was there).

        A prefix that the provider will not cache (too short) has an empty name.

        Args:
            digest: Names the prefix.
            body: What makes the cache.

        Raises:
            UploadFailed: The provider failed.
        """
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})
        async with locks.setdefault(digest, asyncio.Lock()):
            if digest in self._names:
                return self._names[digest], 0
            raw = await self.ask("POST", f"{self.root}/cachedContents", body)
            if raw.status == _BAD_REQUEST:
                self._names[digest] = ""
                return "", 0
            if raw.status != _OK:
                raise UploadFailed(unbilled(raw))
            made = loads(raw.body)
            self._names[digest] = str(dig(made, "name") or "")
            return self._names[digest], whole(dig(made, "usageMetadata", "totalTokenCount")) or 0

    def forget(self, name: str) -> None:
        """Drop a cache that the provider no longer knows."""
        self._names = {digest: known for digest, known in self._names.items() if known != name}

    async def delete_all(self) -> None:
        """Delete what was made; what cannot be deleted ends by itself."""
        names, self._names = sorted(filter(None, self._names.values())), {}
        for name in names:
            await self.ask("DELETE", f"{self.root}/{name}", None)


UPLOAD_FROM = 4 << 20
"""Bytes of a file from which on it is uploaded once instead of sent with every question."""

_WRITTEN = "longctx-cache-written"
"""The header of a record that says how many tokens were stored just before the call."""

_STORAGE = "{tokens:,} tokens were stored until the end of the run: that is billed by the hour, and not in the cost"

RESOLUTIONS = ("low", "medium", "high")


def large_files(prompt: Prompt, least: int, inline_bytes: Callable[[], int]) -> list[MediaPart]:
    """Return the media of ``least`` bytes and more, each content once; all, where the others would not fit inline."""
    unique = {part.digest: part for part in prompt.media()}
    large = {digest: part for digest, part in unique.items() if FileBytes.of(part.path).size >= least}
    rest = sum(FileBytes.of(part.path).length for part in prompt.media() if part.digest not in large)
    return list((unique if rest and rest + prompt.text_bytes > inline_bytes() * 9 // 10 else large).values())


class GeminiProvider(HostedProvider):
    """Google's Gemini API."""

    dialect = generate_content.DIALECT
    NAME: ClassVar[str] = "gemini"
    BASE_URL: ClassVar[str] = "https://generativelanguage.googleapis.com"
    OWN_PATHS: ClassVar[tuple[str, ...]] = ("v1", "v1beta", "v1alpha")
    TIER_FIELD: ClassVar[str] = "serviceTier"
    MODELS = GEMINI
    UNKNOWN_MODEL = GEMINI_DEFAULT
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options(
        Option("api_version", "v1", "version of the interface"),
        Option("media_resolution", None, "of pictures and film (else: the model's own)", RESOLUTIONS, kinds=(str,)),
        Option(
            "media_processing", "static", "static: every model looks at film in the same way", ("static", "default")
        ),
        Option("upload", "auto", "auto: files of 4 MiB and more", UPLOAD),
        Option(
            "cache",
            "implicit",
            "explicit: a stored prefix, billed by the hour, deleted at the end",
            ("implicit", "explicit"),
        ),
        Option("cache_minutes", 60, "how long an explicit cache may live", minimum=1),
        Option(
            "service_tier",
            None,
            "flex (later, cheaper), priority (faster, dearer) or standard; give the prices of the others",
            ("standard", "flex", "priority"),
            kinds=(str,),
        ),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``."""
        super().__init__(model.removeprefix("models/"), **args)
        self.version = self.args["api_version"]
        self.resolution = self.args["media_resolution"]
        self.declared = self.known = replace(self.declared, level=self.resolution or "default")
        self.processing = self.args["media_processing"]
        explicit, root = self.args["cache"] == "explicit", f"{self.base_url}/{self.version}"
        self.caches = GeminiCaches(self.ask_raw, root, 60 * self.args["cache_minutes"]) if explicit else None
        self.files = GeminiFiles(self.transport, self.base_url, self.version, self.headers)
        if self.args["upload"] != "never":
            least = 0 if self.args["upload"] == "always" else UPLOAD_FROM
            self.media.uploads = Uploads(self.files, partial(large_files, least=least, inline_bytes=self.inline_bytes))

    def _keys(self) -> Keys:
        return Keys(("GEMINI_API_KEY", "GOOGLE_API_KEY"))

    def _auth(self) -> dict[str, str]:
        return {"x-goog-api-key": self.keys.read()}

    def _url(self, wire: Wire) -> str:
        return f"{self.base_url}/{self.version}/models/{wire.model}{self.dialect.path_of(wire)}"

    def _choices(self) -> dict[str, Any]:
        return {
            "api_version": self.version,
            "media_resolution": self.resolution,
            "media_processing": self.processing,
        }

    def _options(self, request: Request) -> dict[str, Any]:
        del request
        return {"media_resolution": self.resolution, "media_processing": self.processing}

    def _expected_media(self, prompt: Prompt) -> dict[str, int]:
        """Frames at the asked rate and seconds of sound, at the documented tokens of each."""
        expected: dict[str, int] = {}
        frame = self.known.frame_tokens.get(self.known.level, 0)
        for part in prompt.media():
            if isinstance(part, VideoPart) and frame:
                expected["video"] = expected.get("video", 0) + frame * math.ceil(part.seconds * part.fps)
            sounds = isinstance(part, AudioPart) or (isinstance(part, VideoPart) and part.has_audio)
            if sounds and self.known.audio_tokens:
                expected["audio"] = expected.get("audio", 0) + int(self.known.audio_tokens * part.seconds)  # type: ignore[union-attr]
        return expected

    async def _cached(self, ready: Ready, wire: Wire) -> tuple[Wire, dict[str, str]]:
        """Put the shared run into an explicit cache, where that was asked for."""
        if self.caches is None:
            return wire, {}
        prompt = ready.request.prompt
        system = sum(len(turn.parts) for turn in prompt.turns if turn.role == "system")
        first = next(len(turn.parts) for turn in prompt.turns if turn.role != "system")
        marks = self.prefixes.marks(prompt, self.known.cache_minimum, most=1)
        if not marks or not system < marks[-1].parts <= system + first:
            return wire, {}
        parts = marks[-1].parts
        body = generate_content.cache_body(ready.request, wire, parts, self.caches.seconds)
        name, written = await self.caches.ensure(marks[-1].name, body)
        recorded = {_WRITTEN: str(written)} if written else {}
        return (wire._replace(cached=name, cached_parts=parts), recorded) if name else (wire, recorded)

    def _forget(self, ready: Ready, wire: Wire) -> None:
        super()._forget(ready, wire)
        if self.caches is not None:
            self.caches.forget(wire.cached)

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read a response; what storing a prefix took is in the usage of the call that stored it."""
        decoded = super().decode(raw, request)
        written = raw.headers.get(_WRITTEN, "")
        if not written:
            return decoded
        completion = decoded.completion
        usage = replace(completion.usage, cache_write_tokens=int(written))
        notes = (*completion.notes, _STORAGE.format(tokens=int(written)))
        return replace(decoded, completion=completion.changed(usage=usage, notes=notes))

    async def _count(self, ready: Ready) -> int | None:
        wire = self._wire(ready)
        body = generate_content.contents(ready.request, self.declared, wire)
        whole = {"generateContentRequest": {"model": f"models/{self.model}", **body}}
        tree = whole if "systemInstruction" in body else body
        url = f"{self.base_url}/{self.version}/models/{self.model}:countTokens"
        total = dig(await self._ask(url, tree), "totalTokens")
        return total if isinstance(total, int) else None

    def batches(self) -> GeminiBatches:
        """Return Gemini's batch mode."""
        return GeminiBatches(self)

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        found = await self._ask(f"{self.base_url}/{self.version}/models/{self.model}", total=30)
        return probed(declared, context_window=dig(found, "inputTokenLimit"), max_output=dig(found, "outputTokenLimit"))

    async def close(self) -> None:
        """Delete explicit caches, which cost money by the hour, and close all connections."""
        if self.caches is not None:
            await self.caches.delete_all()
        await super().close()
