"""What all providers behind HTTP share: arguments, preparation, one exchange, the reading of it.

A subclass names its endpoint, its key and the dialect that is spoken there; see
``gemini``, ``openai``, ``anthropic`` and ``openai_compatible``.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import AnswerPendingError, LedgerError, LongctxError, ProviderError
from lm_eval_longctx.files import default_cache_dir
from lm_eval_longctx.prompt import VideoPart
from lm_eval_longctx.providers import dialect
from lm_eval_longctx.providers.acceptance import Expected
from lm_eval_longctx.providers.base import Decoded, Raw, Request, Settings
from lm_eval_longctx.providers.capabilities import override, reasoning_room
from lm_eval_longctx.providers.checks import SentSettings, check_content, check_settings, filled
from lm_eval_longctx.providers.dialect import PREFIX_NOTE, Wire, without_empty
from lm_eval_longctx.providers.failures import NOT_SENT, failed_on_file, read_failure
from lm_eval_longctx.providers.frames import FramePolicy, MediaCache, as_wav, converted_kinds, with_frames
from lm_eval_longctx.providers.http import HttpProvider
from lm_eval_longctx.providers.keys import ExtraHeaders, Keys, read_base_url, refuse_secrets
from lm_eval_longctx.providers.media_store import MediaStore, UploadFailed
from lm_eval_longctx.providers.options import (
    COMMON_ARGS,
    read_bool,
    read_choice,
    read_mapping,
    read_seconds,
    read_whole,
    refuse_unknown,
)
from lm_eval_longctx.providers.prefix import Prefixes
from lm_eval_longctx.providers.segments import EscapedText, assemble
from lm_eval_longctx.providers.tiers import STANDARD, asked_tier
from lm_eval_longctx.providers.transport import Timeouts, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Capabilities
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Dialect
    from lm_eval_longctx.providers.media_store import Uploader
    from lm_eval_longctx.providers.segments import Body

LONG = 1 << 20
"""Bytes of text from which on the answer is streamed by default, as with media: it keeps gateways awake."""

LONG_ANSWER = 20_000
"""Output tokens from which on it is streamed too: Anthropic refuses to be waited for that long."""

_TOO_LARGE = 413


@dataclass(frozen=True)
class Ready:
    """A request as it will be sent.

    Attributes:
        request: With frames for film and our own settings filled in.
        handles: Names of uploaded media by content digest.
    """

    request: Request
    handles: Mapping[str, str]


class HostedProvider(HttpProvider):
    """A model behind HTTP; see the module.

    Attributes:
        dialect: How its wire is spoken.
    """

    dialect: Dialect
    ARGS: ClassVar[Mapping[str, str]] = COMMON_ARGS
    BASE_URL: ClassVar[str] = ""
    VIDEO: ClassVar[tuple[str, ...]] = ("native", "frames")
    OFFICIAL: ClassVar[bool] = True
    TIER_FIELD: ClassVar[str] = "service_tier"
    TIERS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; nothing is connected yet.

        Args:
            model: Its name at the provider.
            **args: See ``ARGS``.

        Raises:
            ConfigError: An argument is unknown or cannot be used.
        """
        super().__init__(model)
        refuse_secrets({name: value for name, value in args.items() if name not in self.ARGS})
        refuse_unknown(self.NAME, args, self.ARGS)
        self.args = args
        self.base_url = read_base_url(args.get("base_url", self.BASE_URL))
        self.keys = self._keys()
        self.declared = override(self._look_up(), args)
        self.known = self.declared
        self.extra_body = read_mapping("extra_body", args.get("extra_body", {}))
        given = read_choice("service_tier", args["service_tier"], self.TIERS) if "service_tier" in args else ""
        self.tier = asked_tier(given, self.extra_body)
        self.tier_field = {self.TIER_FIELD: given} if given else {}
        self.extra_headers = ExtraHeaders.parse(args.get("extra_headers", {}))
        self.reasoning = None if args.get("reasoning") is None else str(args["reasoning"])
        self.reasoning_tokens = read_whole("reasoning_tokens", args.get("reasoning_tokens", 0), 0)
        self.stream = read_choice("stream", str(args.get("stream", "auto")).lower(), ("true", "false", "auto"))
        self.video = read_choice("video", args.get("video", self._default_video()), self.VIDEO)
        self.frames = FramePolicy(read_whole("frame_size", args.get("frame_size", FramePolicy.longest_side), 16))
        self.probe = read_bool("probe", args.get("probe", True))
        self.transport = self._transport()
        self.cache = MediaCache(default_cache_dir() / "frames")
        self.store = MediaStore(default_cache_dir() / "uploads.sqlite", self.base_url)
        self.texts = EscapedText()
        self.prefixes = Prefixes()
        self._sent: dict[Settings, SentSettings] = {}

    def _transport(self) -> Transport:
        defaults = Timeouts()
        timeouts = Timeouts(
            read_seconds("timeout", self.args.get("timeout", defaults.total)),
            read_seconds("idle_timeout", self.args.get("idle_timeout", defaults.idle)),
            read_seconds("connect_timeout", self.args.get("connect_timeout", defaults.connect)),
        )
        secrets = (*self.keys.variables, *self.extra_headers.variables)
        return Transport(timeouts, ca_file=str(self.args.get("ca_file", "")), secrets=secrets)

    def _default_video(self) -> str:
        return "native" if self.declared.native_video else "frames"

    # What a subclass says about itself.

    @abstractmethod
    def _look_up(self) -> WireCapabilities:
        """Return what the built-in table says about the model."""

    @abstractmethod
    def _keys(self) -> Keys:
        """Return where the key comes from."""

    @abstractmethod
    def _auth(self) -> dict[str, str]:
        """Return the headers that every request carries, the key among them."""

    def _choices(self) -> dict[str, Any]:
        """Return what else decides the answer, as plain values for the identity."""
        return {}

    def _options(self, request: Request) -> dict[str, Any]:
        """Return the dialect's own switches."""
        del request
        return {}

    def _expected_media(self, prompt: Prompt) -> dict[str, int]:
        """Return the tokens that media should make, by modality, as far as they are documented."""
        del prompt
        return {}

    def _uploader(self) -> Uploader | None:
        """Return the provider's way to take files, if it has one."""
        return None

    def _to_upload(self, prompt: Prompt) -> list[MediaPart]:
        """Return the media that are to be uploaded rather than sent inline."""
        del prompt
        return []

    async def _cached(self, ready: Ready, wire: Wire) -> tuple[Wire, dict[str, str]]:
        """Use a cache that has to be told, where that pays; return the wire and headers to record."""
        if self.known.prefix_cache != "explicit":
            return wire, {}
        request = ready.request
        marks = self.prefixes.marks(request.prompt, self.known.cache_minimum, leads=request.leads)
        return self._marked(wire, tuple(mark.parts for mark in marks)), {}

    def _marked(self, wire: Wire, parts: tuple[int, ...]) -> Wire:
        """Have the beginnings that end after so many parts stored and read."""
        del parts
        return wire

    # The seam.

    @property
    def capabilities(self) -> Capabilities:
        """What the model takes."""
        return self.known

    def identity(self, request: Request) -> dict[str, Any]:
        """Return all that decides the answer as plain values; never what a probe found, a key or a path."""
        films = any(isinstance(part, VideoPart) for part in request.prompt.media())
        return {
            "provider": self.NAME,
            "endpoint": self.base_url,
            "model": self.model,
            "settings": self._sent_settings(request.settings).named,
            "extra_body": self.extra_body,
            **self._choices(),
            **({"video": self._video_policy()} if films else {}),
            "prompt": request.prompt.digest,
            "repeat": request.repeat,
        }

    def describe(self) -> dict[str, Any]:
        """Return what the results should say about this model; no secrets."""
        known = self.known
        return {
            "provider": self.NAME,
            "model": self.model,
            "endpoint": self.base_url,
            **self._choices(),
            **({"service_tier": self.tier} if self.tier != STANDARD else {}),
            "video": self._video_policy() if "video" in known.modalities or self.video == "frames" else None,
            "context_window": known.context_window,
            "capabilities": {"source": known.source, "dated": known.dated, "retires": known.retires or None},
        }

    def _video_policy(self) -> str:
        return self.video if self.video == "native" else f"{self.video} {self.frames.name}"

    def output_budget(self, request: Request) -> int:
        """Return the most output tokens that the call may be billed for, hidden reasoning included."""
        return self._sent_settings(request.settings).budget

    def _budget(self, settings: Settings) -> int:
        answer = settings.max_output_tokens
        return answer + reasoning_room(self.declared, settings.reasoning, settings.reasoning_tokens, answer)

    def _sent_settings(self, asked: Settings) -> SentSettings:
        """Work out what follows from settings, or look it up."""
        found = self._sent.get(asked)
        if found is None:
            settings = filled(asked, self.reasoning, self.reasoning_tokens)
            found = self._sent[asked] = SentSettings.of(settings, self._budget(settings), self.declared)
        return found

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Return which kinds of content the model does not take; film may be sent as frames, which are pictures."""
        sent = {"video": "image"} if self.video == "frames" else {}
        return [kind for kind in kinds if sent.get(kind, kind) not in self.capabilities.modalities]

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` if the model cannot take the request."""
        check_content(request.prompt, self.known, f"{self.NAME}/{self.model}", self.video)
        sent = self._sent_settings(request.settings)
        check_settings(sent.settings, self.declared, f"{self.NAME}/{self.model}", sent.budget)
        if request.prompt.turns[0].role == "system" or len(request.prompt.turns) > 1:
            dialect.split_system(request.prompt.turns)

    def _settled(self, request: Request) -> Request:
        """Return the request with our own settings filled in."""
        settings = self._sent_settings(request.settings).settings
        return request if settings == request.settings else replace(request, settings=settings)

    async def send(self, request: Request) -> Raw:
        """Ask once."""
        try:
            ready = await self._ready(self._settled(request))
            wire, recorded = await self._cached(ready, self._wire(ready))
            raw = await self._exchange(wire, assemble(self._tree(ready, wire), self.texts), request)
        except (AnswerPendingError, LedgerError):
            raise  # the request is out: the answer is to come, or its name could not be recorded
        except UploadFailed as failed:
            return failed.raw
        except LongctxError as error:
            return Raw(0, error=f"{NOT_SENT}{error}", sent=False)
        if failed_on_file(raw):
            self._forget(ready, wire)
        return self.noted(replace(raw, headers={**raw.headers, **recorded}) if recorded else raw, request)

    def noted(self, raw: Raw, request: Request) -> Raw:
        """Record with a response what was changed on the request's way."""
        notes = "; ".join(self._notes(self._settled(request)))
        return replace(raw, headers={**raw.headers, "longctx-notes": notes}) if notes else raw

    def _notes(self, request: Request) -> tuple[str, ...]:
        """Say what a request is changed into on its way."""
        notes = list(self._sent_settings(request.settings).left_out)
        films = [part for part in request.prompt.media() if isinstance(part, VideoPart)]
        if films and self.video == "frames":
            silent = ", without its sound" if any(film.has_audio for film in films) else ""
            notes.append(f"film sent as timestamped frames ({self.frames.name}){silent}")
        if request.prompt.answer_prefix and not self.declared.prefill:
            notes.append(PREFIX_NOTE)
        return (*notes, *converted_kinds(request.prompt, self.declared.audio_mimes))

    def _tree(self, ready: Ready, wire: Wire) -> dict[str, Any]:
        return self.dialect.encode(ready.request, self.declared, wire)

    def _url(self, wire: Wire) -> str:
        """Return where a request goes."""
        return self.base_url + self.dialect.path_of(wire)

    async def _exchange(self, wire: Wire, body: Body, request: Request) -> Raw:
        del request
        headers = {**self.headers(), "Content-Type": "application/json"}
        return await self.transport.send("POST", self._url(wire), headers, body)

    def headers(self) -> dict[str, str]:
        """Return the headers of a request made now; they hold the key and are kept nowhere."""
        return {"User-Agent": "lm-eval-longctx", **self._auth(), **self.extra_headers.read()}

    def _streams(self, request: Request) -> bool:
        prompt = request.prompt
        long = prompt.text_bytes >= LONG or any(prompt.media()) or self.output_budget(request) >= LONG_ANSWER
        return self.stream == "true" or (self.stream == "auto" and long)

    def _wire(self, ready: Ready) -> Wire:
        return Wire(
            model=self.model,
            stream=self._streams(ready.request),
            output_budget=self.output_budget(ready.request),
            extra={**self.tier_field, **self.extra_body},
            handles=ready.handles,
            options=self._options(ready.request),
        )

    def _forget(self, ready: Ready, wire: Wire) -> None:
        """Drop what the provider no longer knows, so that asking again uploads again."""
        del wire
        self.store.forget(ready.handles, self.keys.account())

    async def _ready(self, request: Request) -> Ready:
        """Make frames, convert sound, upload what is large."""
        prompt = without_empty(request.prompt)
        if self.video == "frames" and any(isinstance(part, VideoPart) for part in prompt.media()):
            prompt = await asyncio.to_thread(with_frames, prompt, self.frames, self.cache)
        if converted_kinds(prompt, self.declared.audio_mimes):
            prompt = await asyncio.to_thread(as_wav, prompt, self.declared.audio_mimes, self.cache)
        handles: dict[str, str] = {}
        uploader, files = self._uploader(), self._to_upload(prompt)
        if uploader is not None and files:
            handles = await self.store.ensure(files, self.keys.account(), uploader)
        return Ready(replace(request, prompt=prompt), handles)

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read a response; the same bytes always give the same completion."""
        expected = self._expected(request)
        decoded = dialect.decode(raw, request, expected, self.dialect)
        if raw.status == _TOO_LARGE and self.OFFICIAL and request is not None and not any(request.prompt.media()):
            return Decoded(decoded.completion.changed(outcome=Outcome.CONTEXT_EXCEEDED), decoded.retry)
        return decoded

    def _expected(self, request: Request | None) -> Expected:
        """Return what the call should have been billed for, and by whom."""
        model, no_other = self._asked_model()
        if request is None:
            return Expected(model=model, no_other_model=no_other, tier=self.tier)
        media = {} if self.video == "frames" else self._expected_media(request.prompt)
        return Expected(media, self.output_budget(request), not self.OFFICIAL, model, no_other, self.tier)

    def _asked_model(self) -> tuple[str, bool]:
        """Return the name by which the model should answer, and whether an answer of another one is none."""
        return self.model, False

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's length in the model's own tokens, by the provider's own counting."""
        if not self.known.counts_tokens:
            return None
        try:
            ready = await self._ready(self._settled(Request(prompt, Settings())))
        except UploadFailed as failed:
            raise ProviderError(f"cannot count: {read_failure(failed.raw.body).message or failed.raw.error}") from None
        return await self._count(ready)

    async def _count(self, ready: Ready) -> int | None:
        """Ask the counting endpoint."""
        del ready
        return None

    async def tree_of(self, request: Request) -> dict[str, Any]:
        """Return a request's JSON tree as a batch carries it."""
        ready = await self._ready(self._settled(request))
        wire = self._wire(ready)
        return self._tree(ready, replace(wire, stream=False, options={**wire.options, "background": False}))

    async def start(self) -> None:
        """Make sure of the key, and ask the server what it knows about the model.

        Raises:
            ProviderError: The key is missing or refused, or nobody answers.
        """
        self.keys.read()
        if self.probe:
            self.known = override(await self._probed(self.declared), self.args)

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        """Lay what the server says over the table."""
        return declared

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()
