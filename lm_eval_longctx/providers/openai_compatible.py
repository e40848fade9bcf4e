"""Any server that speaks OpenAI's Chat Completions: vLLM, SGLang, llama.cpp, Ollama, OpenRouter.

``model=openai-compatible/<name>,base_url=http://host:8000/v1``. Such servers
differ in what they take and say little about it, so nothing is assumed: images,
sound and film have to be declared with ``modalities=``, a prompt that was cut
in silence is found by what was billed, and an output budget that was shrunk in
silence by the tokens that came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from lm_eval_longctx.prompt import TextPart, VideoPart
from lm_eval_longctx.providers import chat_completions
from lm_eval_longctx.providers.capabilities import probed
from lm_eval_longctx.providers.dialect import laid_out
from lm_eval_longctx.providers.frames import frame_times
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.models import COMPATIBLE_DEFAULT
from lm_eval_longctx.providers.options import hosted_options
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.segments import JsonString
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.media import Ready

_OPENROUTER: dict[str, Any] = {"provider": {"allow_fallbacks": False, "require_parameters": True}, "transforms": []}
"""What keeps OpenRouter from changing the model, the settings or the prompt."""

KEY_VARIABLE = "OPENAI_COMPATIBLE_API_KEY"
_UNCHECKED = "whether all frames were used could not be checked: video_frame_tokens is not set"


class OpenAICompatibleProvider(HostedProvider):
    """A server that speaks OpenAI's dialect."""

    NAME: ClassVar[str] = "openai-compatible"
    OFFICIAL: ClassVar[bool] = False
    UNKNOWN_MODEL = COMPATIBLE_DEFAULT
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options(
        Option(
            "key_env",
            None,
            f"name of the environment variable with the key (default {KEY_VARIABLE}; may be unset)",
            kinds=(str,),
        ),
        Option(
            "video_frame_tokens",
            None,
            "tokens of one frame of film, to find out when a server uses fewer frames",
            kinds=(int,),
            minimum=1,
        ),
        Option("tokenize", default=True, help="false where the server has no /tokenize like vLLM's"),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``."""
        super().__init__(model, **args)
        self.frame_tokens = self.args["video_frame_tokens"] or 0
        self.tokenize = self.args["tokenize"]
        host = urlsplit(self.base_url).hostname or ""
        self.pins = _OPENROUTER if host == "openrouter.ai" or host.endswith(".openrouter.ai") else {}
        self.dialect = chat_completions.DIALECT.pinned(self.pins)

    def _keys(self) -> Keys:
        named = self.args["key_env"]
        return Keys((named or KEY_VARIABLE,), required=named is not None)

    def _auth(self) -> dict[str, str]:
        key = self.keys.read()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _asked_model(self) -> tuple[str, bool]:
        """Name the model; OpenRouter's variants, such as :free, are not in its answers."""
        return self.model.partition(":")[0], bool(self.pins)

    def _choices(self) -> dict[str, Any]:
        return {"pins": self.pins} if self.pins else {}

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` if the model cannot take the request."""
        super().check(request)
        if self.media.video == "native":
            chat_completions.video_pinned(request.prompt)

    def _notes(self, request: Request) -> tuple[str, ...]:
        films = any(isinstance(part, VideoPart) for part in request.prompt.media())
        unchecked = films and self.media.video == "native" and not self.frame_tokens
        return (*super()._notes(request), *((_UNCHECKED,) if unchecked else ()))

    def _expected_media(self, prompt: Prompt) -> dict[str, int]:
        films = [part for part in prompt.media() if isinstance(part, VideoPart)]
        return (
            {"video": self.frame_tokens * sum(len(frame_times(f)) for f in films)}
            if films and self.frame_tokens
            else {}
        )

    @property
    def _root(self) -> str:
        """The server's address without the interface's version: vLLM's own endpoints lie there."""
        return self.base_url.removesuffix("/v1")

    async def _count(self, ready: Ready) -> int | None:
        """Ask vLLM's tokenizer, which applies the chat template but knows nothing of media."""
        if not self.tokenize or any(ready.request.prompt.media()):
            return None
        turns = laid_out(ready.request.prompt, prefill=False)
        texts = ((turn.role, tuple(p for p in turn.parts if isinstance(p, TextPart))) for turn in turns)
        tree = {
            "model": self.model,
            "messages": [{"role": role, "content": JsonString(parts)} for role, parts in texts],
        }
        tokens = dig(await self._ask(f"{self._root}/tokenize", tree), "count")
        return tokens if isinstance(tokens, int) else None

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        """Read vLLM's and SGLang's ``max_model_len``, and find out whether there is a tokenizer."""
        listed = dig(await self._ask(f"{self.base_url}/models", total=30), "data")
        named = next((m for m in listed or () if dig(m, "id") == self.model), None)
        counts = False
        if self.tokenize:
            hello = {"model": self.model, "messages": [{"role": "user", "content": "hello"}]}
            counts = isinstance(dig(await self._ask(f"{self._root}/tokenize", hello, total=30), "count"), int)
        window = dig(named, "max_model_len") or dig(named, "context_length")
        return probed(declared, context_window=window, counts_tokens=counts)
