"""Anthropic: ``model=anthropic/<name>``, with the key in ``ANTHROPIC_API_KEY``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.providers import messages
from lm_eval_longctx.providers.anthropic_batches import AnthropicBatches
from lm_eval_longctx.providers.capabilities import probed
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.media import Uploads
from lm_eval_longctx.providers.models import ANTHROPIC, ANTHROPIC_DEFAULT
from lm_eval_longctx.providers.options import UPLOAD, hosted_options
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.uploads import MultipartFiles, to_upload
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.media import Ready


class AnthropicProvider(HostedProvider):
    """Anthropic's API."""

    dialect = messages.DIALECT
    NAME: ClassVar[str] = "anthropic"
    BASE_URL: ClassVar[str] = "https://api.anthropic.com"
    OWN_PATHS: ClassVar[tuple[str, ...]] = ("v1",)
    MODELS = ANTHROPIC
    UNKNOWN_MODEL = ANTHROPIC_DEFAULT
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options(
        Option("api_version", messages.VERSION, "version of the interface"),
        Option(
            "cache", "5m", "how long shared hay stays in the provider's cache; off for no marks", ("5m", "1h", "off")
        ),
        Option("upload", "auto", "auto: pictures that would not fit inline", UPLOAD),
        Option(
            "service_tier",
            None,
            "standard_only, or auto (default: priority capacity where the account has any left)",
            ("auto", "standard_only"),
            kinds=(str,),
        ),
        video=("frames",),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``."""
        super().__init__(model, **args)
        self.version = self.args["api_version"]
        self.cache_ttl = self.args["cache"]
        if self.args["upload"] != "never":
            files = MultipartFiles(self.transport, f"{self.base_url}/v1/files", self.headers)
            self.media.uploads = Uploads(
                files, partial(to_upload, upload=self.args["upload"], inline_bytes=self.inline_bytes)
            )

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
        return wire._replace(options={**wire.options, **marks})

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
