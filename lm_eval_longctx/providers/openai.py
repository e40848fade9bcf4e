"""OpenAI: ``model=openai/<name>``, with the key in ``OPENAI_API_KEY``.

Models are asked through the Responses API; the audio models, which it does not
take, through Chat Completions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.providers import background, chat_completions, responses
from lm_eval_longctx.providers.capabilities import look_up
from lm_eval_longctx.providers.dialect import dig
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.models import OPENAI, OPENAI_DEFAULT
from lm_eval_longctx.providers.openai_batches import OpenAIBatches
from lm_eval_longctx.providers.options import COMMON_ARGS, read_bool, read_choice
from lm_eval_longctx.providers.prefix import start_name
from lm_eval_longctx.providers.uploads import MultipartFiles, to_upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.providers.base import Raw, Request, Settings
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.hosted import Ready
    from lm_eval_longctx.providers.segments import Body

_DIALECTS = {"responses": responses.DIALECT, "chat": chat_completions.DIALECT}

DETAILS = ("low", "high", "auto", "original")


class OpenAIProvider(HostedProvider):
    """OpenAI's API."""

    NAME: ClassVar[str] = "openai"
    BASE_URL: ClassVar[str] = "https://api.openai.com/v1"
    VIDEO: ClassVar[tuple[str, ...]] = ("frames",)
    TIERS: ClassVar[tuple[str, ...]] = ("default", "flex", "priority")
    ARGS: ClassVar[Mapping[str, str]] = {
        **COMMON_ARGS,
        "api": "responses or chat (default: what the model is known to speak)",
        "detail": "how closely pictures are looked at: low, high (default), auto or original",
        "upload": "auto (default: pictures that would not fit inline), always or never",
        "service_tier": "flex (later, at half the price), priority (faster, dearer) or default",
        "background": "true to let long calls run at OpenAI and fetch their answers: a lost connection loses nothing",
    }

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``ARGS``."""
        super().__init__(model, **args)
        self.api = read_choice("api", args.get("api", self.declared.api), tuple(_DIALECTS))
        self.dialect = _DIALECTS[self.api]
        self.detail = read_choice("detail", args.get("detail", responses.DETAIL), DETAILS)
        self.upload = read_choice("upload", args.get("upload", "auto"), ("auto", "always", "never"))
        self.background = read_bool("background", args.get("background", False))
        self.poll_seconds = 2.0

    def _look_up(self) -> WireCapabilities:
        return look_up(OPENAI, self.model, OPENAI_DEFAULT)

    def _keys(self) -> Keys:
        return Keys(("OPENAI_API_KEY",))

    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys.read()}"}

    @property
    def path(self) -> str:
        """The path of the interface that is spoken."""
        return self.dialect.path

    def _budget(self, settings: Settings) -> int:
        """Return the most output tokens that a call may be billed for; the Responses API gives 16 at least."""
        budget = super()._budget(settings)
        return max(budget, responses.LEAST_OUTPUT) if self.api == "responses" else budget

    def batches(self) -> OpenAIBatches:
        """Return OpenAI's batch mode."""
        return OpenAIBatches(self)

    def _choices(self) -> dict[str, Any]:
        return {"api": self.api, "detail": self.detail}

    def _options(self, request: Request) -> dict[str, Any]:
        options: dict[str, Any] = {
            "detail": self.detail,
            "budget_field": "max_completion_tokens",
            "system_role": "developer",
        }
        if self.background and self.api == "responses":
            options["background"] = True
        if self.known.prefix_cache == "explicit":
            options["marks"] = ()
        return {**options, "cache_key": start_name(request.prompt, self.known.cache_minimum)[:32]}

    def _marked(self, wire: Wire, parts: tuple[int, ...]) -> Wire:
        return replace(wire, options={**wire.options, "marks": parts})

    def _streams(self, request: Request) -> bool:
        return not self.background and super()._streams(request)

    def _uploader(self) -> MultipartFiles | None:
        if self.upload == "never" or self.api != "responses":
            return None
        return MultipartFiles(self.transport, f"{self.base_url}/files", self.headers, {"purpose": "vision"})

    def _to_upload(self, prompt: Prompt) -> list[MediaPart]:
        return to_upload(prompt, self.upload, self.known.inline_bytes)

    async def _exchange(self, wire: Wire, body: Body, request: Request) -> Raw:
        raw = await super()._exchange(wire, body, request)
        name = background.name_of(raw) if wire.options.get("background") else ""
        if not name:
            return raw
        if request.accepted is not None:
            await request.accepted(name)
        return await self.fetch(name, request)

    async def fetch(self, name: str, request: Request) -> Raw:
        """Wait for an answer that is made in the background, as long as one attempt may take; see ``Provider``."""
        url = f"{self.base_url}{responses.PATH}/{name}"
        look, limit = partial(self.ask_raw, "GET", url, total=background.LOOK), self.transport.timeouts.total
        return self.noted(await background.answer(look, name, self.poll_seconds, limit), request)

    async def _count(self, ready: Ready) -> int | None:
        if self.api != "responses":
            return None
        tree = responses.counted(ready.request, self._wire(ready))
        tokens = dig(await self._ask(self.base_url + responses.COUNT_PATH, tree), "input_tokens")
        return tokens if isinstance(tokens, int) else None
