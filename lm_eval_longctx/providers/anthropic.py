"""Anthropic: ``model=anthropic/<name>``, with the key in ``ANTHROPIC_API_KEY``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.providers import messages
from lm_eval_longctx.providers.anthropic_batches import AnthropicBatches
from lm_eval_longctx.providers.capabilities import look_up, probed
from lm_eval_longctx.providers.dialect import dig
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.models import ANTHROPIC, ANTHROPIC_DEFAULT
from lm_eval_longctx.providers.options import COMMON_ARGS, read_choice
from lm_eval_longctx.providers.uploads import MultipartFiles, to_upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.hosted import Ready


class AnthropicProvider(HostedProvider):
    """Anthropic's API."""

    dialect = messages.DIALECT
    NAME: ClassVar[str] = "anthropic"
    BASE_URL: ClassVar[str] = "https://api.anthropic.com"
    VIDEO: ClassVar[tuple[str, ...]] = ("frames",)
    TIERS: ClassVar[tuple[str, ...]] = ("auto", "standard_only")
    ARGS: ClassVar[Mapping[str, str]] = {
        **COMMON_ARGS,
        "api_version": f"version of the interface (default {messages.VERSION})",
        "cache": "5m (default) or 1h: how long shared hay stays in the provider's cache; off for no marks",
        "upload": "auto (default: pictures that would not fit inline), always or never",
        "service_tier": "standard_only, or auto (default: priority capacity where the account has any left)",
    }

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``ARGS``."""
        super().__init__(model, **args)
        self.version = str(args.get("api_version", messages.VERSION))
        self.cache_ttl = read_choice("cache", str(args.get("cache", "5m")), ("5m", "1h", "off"))
        self.upload = read_choice("upload", args.get("upload", "auto"), ("auto", "always", "never"))

    def _look_up(self) -> WireCapabilities:
        return look_up(ANTHROPIC, self.model, ANTHROPIC_DEFAULT)

    def _keys(self) -> Keys:
        return Keys(("ANTHROPIC_API_KEY",))

    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys.read()}", "anthropic-version": self.version}

    def describe(self) -> dict[str, Any]:
        """Return what the results should say about this model; no secrets."""
        return {**super().describe(), "cache": self.cache_ttl}

    def _choices(self) -> dict[str, Any]:
        return {"api_version": self.version}

    def _marked(self, wire: Wire, parts: tuple[int, ...]) -> Wire:
        marks = {"marks": parts, "cache_ttl": self.cache_ttl} if self.cache_ttl != "off" else {}
        return replace(wire, options={**wire.options, **marks})

    def _uploader(self) -> MultipartFiles | None:
        if self.upload == "never":
            return None
        return MultipartFiles(self.transport, f"{self.base_url}/v1/files", self.headers)

    def _to_upload(self, prompt: Prompt) -> list[MediaPart]:
        return to_upload(prompt, self.upload, self.known.inline_bytes)

    async def _count(self, ready: Ready) -> int | None:
        tree = messages.counted(ready.request, self.declared, self._wire(ready))
        tokens = dig(await self._ask(self.base_url + messages.COUNT_PATH, tree), "input_tokens")
        return tokens if isinstance(tokens, int) else None

    def batches(self) -> AnthropicBatches:
        """Return Anthropic's batch mode."""
        return AnthropicBatches(self)

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        found = await self._ask(f"{self.base_url}/v1/models/{self.model}", total=30)
        retires = dig(found, "retires_at")
        return probed(
            declared,
            context_window=dig(found, "max_input_tokens"),
            max_output=dig(found, "max_tokens"),
            retires=str(retires)[:10] if retires else None,
        )
