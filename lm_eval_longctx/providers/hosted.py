"""What all providers behind HTTP share: arguments, preparation, one exchange, the reading of it.

A subclass names its endpoint, its key and the dialect that is spoken there; see
``gemini``, ``openai``, ``anthropic`` and ``openai_compatible``.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import (
    AnswerPendingError,
    ConfigError,
    LedgerError,
    LongctxError,
    ProviderError,
    UnsupportedError,
)
from lm_eval_longctx.prompt import VideoPart
from lm_eval_longctx.providers import dialect
from lm_eval_longctx.providers.acceptance import Expected
from lm_eval_longctx.providers.base import Decoded, Raw, Request, Settings
from lm_eval_longctx.providers.capabilities import WireCapabilities, look_up, override, reasoning_room
from lm_eval_longctx.providers.checks import REFUSED_NOTE, SentSettings, check_content, check_settings, filled
from lm_eval_longctx.providers.dialect import PREFIX_NOTE, Wire
from lm_eval_longctx.providers.failures import NOT_SENT, NOT_TAKEN, failed_on_file, read_failure, refuses_temperature
from lm_eval_longctx.providers.http import HttpProvider
from lm_eval_longctx.providers.keys import ExtraHeaders, Keys, read_base_url, refuse_secrets
from lm_eval_longctx.providers.media import MediaRoute, Ready
from lm_eval_longctx.providers.media_store import UploadFailed
from lm_eval_longctx.providers.options import hosted_options
from lm_eval_longctx.providers.prefix import Prefixes
from lm_eval_longctx.providers.segments import EscapedText, assemble
from lm_eval_longctx.providers.tiers import STANDARD, asked_tier
from lm_eval_longctx.providers.transport import Timeouts, Transport
from lm_eval_longctx.providers.unfolding import room_for
from lm_eval_longctx.settings import Option, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Capabilities
    from lm_eval_longctx.providers.dialect import Dialect
    from lm_eval_longctx.providers.segments import Body

LONG = 1 << 20
"""Bytes of text from which on the answer is streamed by default, as with media: it keeps gateways awake."""

LONG_ANSWER = 20_000
"""Output tokens from which on it is streamed too: Anthropic refuses to be waited for that long."""

_TOO_LARGE = 413


class HostedProvider(HttpProvider):
    """A model behind HTTP; see the module.

    Attributes:
        dialect: How its wire is spoken.
        args: All arguments, as read.
        declared: What the model takes, by the table and the user's word.
        known: The same, with what the server said.
        media: How pictures, film and sound travel.
    """

    dialect: Dialect
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options()
    MODELS: ClassVar[Mapping[str, WireCapabilities]] = {}
    UNKNOWN_MODEL: ClassVar[WireCapabilities] = WireCapabilities()
    BASE_URL: ClassVar[str] = ""
    OWN_PATHS: ClassVar[tuple[str, ...]] = ()
    OFFICIAL: ClassVar[bool] = True
    TIER_FIELD: ClassVar[str] = "service_tier"

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; nothing is connected yet.

        Args:
            model: Its name at the provider.
            **args: See ``OPTIONS``.

        Raises:
            ConfigError: An argument is unknown or cannot be used.
        """
        super().__init__(model)
        names = {option.name for option in self.OPTIONS}
        refuse_secrets({name: value for name, value in args.items() if name not in names})
        self.args = read_settings(self.OPTIONS, args, f"argument of {self.NAME}")
        if not (self.args["base_url"] or self.BASE_URL):
            raise ConfigError(f"{self.NAME} needs base_url=, such as base_url=http://127.0.0.1:8000/v1")
        self.base_url = read_base_url(self.args["base_url"] or self.BASE_URL, self.OWN_PATHS)
        self.keys = self._keys()
        self.declared = override(self._known_of(model), self.args)
        video = self.args["video"] or ("native" if self.declared.native_video else "frames")
        self.declared = self.known = replace(self.declared, native_video=video == "native")
        self.extra_body = self.args["extra_body"]
        self.extra_headers = ExtraHeaders.parse(self.args["extra_headers"])
        self.tier = asked_tier(self.args.get("service_tier") or "", self.extra_body)
        self.media = MediaRoute(self.base_url, video, self.args["frame_size"], self.declared.audio_mimes)
        self.transport = self._transport()
        self.texts = EscapedText()
        self.prefixes = Prefixes()
        self._sent: dict[Settings, SentSettings] = {}
        self._no_temperature = False

    def _known_of(self, model: str) -> WireCapabilities:
        """Return what the table says of a model."""
        return look_up(self.MODELS, model, self.UNKNOWN_MODEL)

    def _transport(self) -> Transport:
        given = self.args
        timeouts = Timeouts(given["timeout"], given["idle_timeout"], given["connect_timeout"])
        secrets = (*self.keys.variables, *self.extra_headers.variables)
        return Transport(timeouts, ca_file=given["ca_file"], secrets=secrets)

    def inline_bytes(self) -> int:
        """Return how many bytes of a request may carry media inline."""
        return self.known.inline_bytes

    # What a subclass says about itself.

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
            **({"video": self.media.policy} if films else {}),
            "prompt": request.prompt.digest,
            "repeat": request.repeat,
            **({"scored": [list(pair) for pair in request.scored]} if request.scored else {}),
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
            "video": self.media.policy if "video" in known.modalities or self.media.video == "frames" else None,
            "context_window": known.context_window,
            "capabilities": {"source": known.source, "dated": known.dated, "retires": known.retires or None},
        }

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
            settings = filled(asked, self.args["reasoning"], self.args["reasoning_tokens"])
            found = self._sent[asked] = SentSettings.of(asked, settings, self._budget(settings), self.declared)
        return found

    def mendable(self, outcome: Outcome) -> bool:
        """Return whether a final failure may be gone later; the window of a provider's own model is what it is."""
        fixed = self.OFFICIAL and self.base_url == self.BASE_URL.rstrip("/")
        return outcome.mendable and not (fixed and outcome is Outcome.CONTEXT_EXCEEDED)

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Return which kinds of content the model does not take; film may be sent as frames, which are pictures."""
        return [kind for kind in kinds if self.media.sent_as(kind) not in self.capabilities.modalities]

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` if the model cannot take the request."""
        check_content(request.prompt, self.known, f"{self.NAME}/{self.model}", self.media.video)
        self._check_sizes(request.prompt)
        sent = self._sent_settings(request.settings)
        check_settings(sent.settings, self.declared, f"{self.NAME}/{self.model}", sent.budget)
        if request.prompt.turns[0].role == "system" or len(request.prompt.turns) > 1:
            dialect.split_system(request.prompt.turns)

    def _check_sizes(self, prompt: Prompt) -> None:
        self.media.check_sizes(prompt, self.known, f"{self.NAME}/{self.model}")

    async def _ready(self, request: Request) -> Ready:
        """Make what travels."""
        return await self.media.ready(self._settled(request), self.keys.account, self._check_sizes)

    def _settled(self, request: Request) -> Request:
        """Return the request with our own settings filled in."""
        sent = self._sent_settings(request.settings)
        return replace(request, settings=sent.settings) if sent.changed else request

    @property
    def samples(self) -> bool:
        """Whether a temperature that is asked for is sent."""
        return self.declared.temperature and not self._no_temperature

    async def send(self, request: Request) -> Raw:
        """Ask once; a model that refuses a temperature is asked without, from then on."""
        sent = self.samples
        raw = await self._send(request)
        if not sent or request.settings.temperature is None or not refuses_temperature(raw):
            return raw
        self._no_temperature = True
        return await self._send(request)

    async def _send(self, request: Request) -> Raw:
        try:
            ready = await self._ready(request)
            wire, recorded = await self._cached(ready, self._wire(ready))
            raw = await self._exchange(wire, assemble(self._tree(ready, wire), self.texts), request)
        except (AnswerPendingError, LedgerError):
            raise  # the request is out: the answer is to come, or its name could not be recorded
        except UploadFailed as failed:
            return failed.raw
        except UnsupportedError as error:
            return Raw(0, error=f"{NOT_TAKEN}{error}", sent=False)
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
        prefix = (PREFIX_NOTE,) if request.prompt.answer_prefix and not self.declared.prefill else ()
        refused = (REFUSED_NOTE,) if self._no_temperature and request.settings.temperature is not None else ()
        return (*self._sent_settings(request.settings).left_out, *refused, *self.media.notes(request.prompt), *prefix)

    def _tree(self, ready: Ready, wire: Wire) -> dict[str, Any]:
        declared, samples = self.declared, self.samples
        takes = declared if declared.temperature == samples else replace(declared, temperature=samples)
        return self.dialect.encode(ready.request, takes, wire)

    def _url(self, wire: Wire) -> str:
        """Return where a request goes."""
        return self.base_url + self.dialect.path_of(wire)

    async def _exchange(self, wire: Wire, body: Body, request: Request) -> Raw:
        headers = {**self.headers(), "Content-Type": "application/json"}
        most = room_for(wire.output_budget, request.prompt.text_bytes)
        return await self.transport.send("POST", self._url(wire), headers, body, most=most)

    def headers(self) -> dict[str, str]:
        """Return the headers of a request made now; they hold the key and are kept nowhere."""
        return {"User-Agent": "lm-eval-longctx", **self._auth(), **self.extra_headers.read()}

    def _streams(self, request: Request) -> bool:
        prompt = request.prompt
        long = prompt.text_bytes >= LONG or any(prompt.media()) or self.output_budget(request) >= LONG_ANSWER
        return self.args["stream"] == "true" or (self.args["stream"] == "auto" and long)

    def _wire(self, ready: Ready) -> Wire:
        tier = self.args.get("service_tier")
        return Wire(
            model=self.model,
            stream=self._streams(ready.request),
            output_budget=self.output_budget(ready.request),
            extra={**({self.TIER_FIELD: tier} if tier else {}), **self.extra_body},
            handles=ready.handles,
            options=self._options(ready.request),
        )

    def _forget(self, ready: Ready, wire: Wire) -> None:
        """Drop what the provider no longer knows, so that asking again uploads again."""
        del wire
        self.media.forget(ready, self.keys.account())

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
        window = self.known.context_window
        media = {} if self.media.video == "frames" else self._expected_media(request.prompt)
        return Expected(media, self.output_budget(request), not self.OFFICIAL, model, no_other, self.tier, window)

    def _asked_model(self) -> tuple[str, bool]:
        """Return the name by which the model should answer, and whether an answer of another one is none."""
        return self.model, False

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's length in the model's own tokens, by the provider's own counting."""
        if not self.known.counts_tokens:
            return None
        try:
            ready = await self._ready(Request(prompt, Settings()))
        except UploadFailed as failed:
            raise ProviderError(f"cannot count: {read_failure(failed.raw.body).message or failed.raw.error}") from None
        return await self._count(ready)

    async def _count(self, ready: Ready) -> int | None:
        """Ask the counting endpoint."""
        del ready
        return None

    async def tree_of(self, request: Request) -> dict[str, Any]:
        """Return a request's JSON tree as a batch carries it."""
        ready = await self._ready(request)
        wire = self._wire(ready)
        return self._tree(ready, wire._replace(stream=False, options={**wire.options, "background": False}))

    async def start(self) -> None:
        """Make sure of the key, and ask the server what it knows about the model.

        Raises:
            ProviderError: The key is missing or refused, or nobody answers.
        """
        self.keys.read()
        if self.args["probe"]:
            self.known = override(await self._probed(self.declared), self.args)

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        """Lay what the server says over the table."""
        return declared

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()
