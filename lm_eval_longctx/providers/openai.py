"""OpenAI: ``model=openai/<name>``, with the key in ``OPENAI_API_KEY``.

Models are asked through the Responses API; the audio models, which it does not
take, through Chat Completions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.providers import background, chat_completions, responses
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.media import Uploads
from lm_eval_longctx.providers.models import OPENAI, OPENAI_DEFAULT
from lm_eval_longctx.providers.openai_batches import OpenAIBatches
from lm_eval_longctx.providers.options import UPLOAD, hosted_options
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.prefix import start_name
from lm_eval_longctx.providers.uploads import MultipartFiles, to_upload
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from lm_eval_longctx.providers.base import Raw, Request, Settings
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.media import Ready
    from lm_eval_longctx.providers.segments import Body

_DIALECTS = {"responses": responses.DIALECT, "chat": chat_completions.DIALECT}

DETAILS = ("low", "high", "auto", "original")


class OpenAIProvider(HostedProvider):
    """OpenAI's API."""

    NAME: ClassVar[str] = "openai"
    BASE_URL: ClassVar[str] = "https://api.openai.com/v1"
    MODELS = OPENAI
    UNKNOWN_MODEL = OPENAI_DEFAULT
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options(
        Option("api", None, "how it is asked (else: what the model is known to speak)", tuple(_DIALECTS), kinds=(str,)),
        Option("detail", responses.DETAIL, "how closely pictures are looked at", DETAILS),
        Option("upload", "auto", "auto: pictures that would not fit inline", UPLOAD),
        Option(
            "service_tier",
            None,
            "flex (later, at half the price), priority (faster, dearer) or default",
            ("default", "flex", "priority"),
            kinds=(str,),
        ),
        Option(
            "background",
            default=False,
            help="true to let long calls run at OpenAI and fetch their answers: a lost connection loses nothing",
        ),
        video=("frames",),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``."""
        super().__init__(model, **args)
        self.api = self.args["api"] or self.declared.api
        self.dialect = _DIALECTS[self.api]
        self.detail = self.args["detail"]
        self.background = self.args["background"]
        self.poll_seconds = 2.0
        if self.args["upload"] != "never" and self.api == "responses":
            files = MultipartFiles(self.transport, f"{self.base_url}/files", self.headers, {"purpose": "vision"})
            self.media.uploads = Uploads(
                files, partial(to_upload, upload=self.args["upload"], inline_bytes=self.inline_bytes)
            )

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
        return wire._replace(options={**wire.options, "marks": parts})

    def _streams(self, request: Request) -> bool:
        return not self.background and super()._streams(request)

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
