"""Any server that speaks OpenAI's Chat Completions: vLLM, SGLang, llama.cpp, Ollama, OpenRouter.

``model=openai-compatible/<name>,base_url=http://host:8000/v1``. Such servers
differ in what they take and say little about it, so nothing is assumed: images,
sound and film have to be declared with ``modalities=``, a prompt that was cut
in silence is found by what was billed, and an output budget that was shrunk in
silence by the tokens that came.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.prompt import TextPart, VideoPart
from lm_eval_longctx.providers import chat_completions, completions
from lm_eval_longctx.providers.base import Decoded
from lm_eval_longctx.providers.capabilities import probed
from lm_eval_longctx.providers.dialect import laid_out
from lm_eval_longctx.providers.failures import wants_other_field
from lm_eval_longctx.providers.frames import frame_times
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.models import COMPATIBLE_DEFAULT, LIKE
from lm_eval_longctx.providers.options import hosted_options
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.segments import JsonString
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Raw, Request
    from lm_eval_longctx.providers.capabilities import WireCapabilities
    from lm_eval_longctx.providers.dialect import Wire
    from lm_eval_longctx.providers.media import Ready
    from lm_eval_longctx.providers.segments import Body

_OK = 200

_OPENROUTER: dict[str, Any] = {"provider": {"allow_fallbacks": False, "require_parameters": True}, "transforms": []}
"""What keeps OpenRouter from changing the model, the settings or the prompt."""

KEY_VARIABLE = "OPENAI_COMPATIBLE_API_KEY"
_WINDOW = (("max_model_len",), ("context_length",), ("meta", "n_ctx"))
"""Where servers name their window in the list of models: vLLM and SGLang, OpenRouter, llama.cpp."""

_NEW_NAME = "max_completion_tokens"
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
        Option("like", None, "what the server serves, for what it takes", choices=tuple(LIKE), kinds=(str,)),
        Option("tokenize", default=True, help="false to leave the server's own /tokenize alone (vLLM, llama.cpp)"),
        Option(
            "prompt_logprobs",
            default=False,
            help="true where /completions echoes a prompt with its log-probabilities (vLLM, SGLang)",
        ),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``."""
        super().__init__(model, **args)
        self.frame_tokens = self.args["video_frame_tokens"] or 0
        self.tokenize = self.args["tokenize"]
        self.declared = self.known = replace(self.declared, prompt_logprobs=self.args["prompt_logprobs"])
        host = urlsplit(self.base_url).hostname or ""
        self.pins = _OPENROUTER if host == "openrouter.ai" or host.endswith(".openrouter.ai") else {}
        self.dialect = chat_completions.DIALECT.pinned(self.pins)
        self.renamed = False

    def _known_of(self, model: str) -> WireCapabilities:
        like = self.args["like"]
        return LIKE[like] if like else super()._known_of(model)

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

    def _streams(self, request: Request) -> bool:
        return not request.scored and super()._streams(request)

    def _tree(self, ready: Ready, wire: Wire) -> dict[str, Any]:
        return completions.encode(ready.request, self.model) if ready.request.scored else super()._tree(ready, wire)

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read a response; see ``Provider``."""
        if request is None or not request.scored or raw.status != _OK or raw.error:
            return super().decode(raw, request)
        told = completions.as_chat(raw, request)
        if isinstance(told, Decoded):
            return told
        read = super().decode(told, request)
        notes = (*read.completion.notes, *completions.notes_of(read.completion))
        return replace(read, completion=read.completion.changed(notes=notes))

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` if the model cannot take the request."""
        super().check(request)
        if self.media.video == "native":
            chat_completions.video_pinned(request.prompt)

    def _notes(self, request: Request) -> tuple[str, ...]:
        films = any(isinstance(part, VideoPart) for part in request.prompt.media())
        unchecked = films and self.media.video == "native" and not self.frame_tokens
        renamed = (f"output limit sent as {_NEW_NAME}, as the server asked",) if self.renamed else ()
        return (*super()._notes(request), *((_UNCHECKED,) if unchecked else ()), *renamed)

    def _options(self, request: Request) -> dict[str, Any]:
        return {**super()._options(request), **({"budget_field": _NEW_NAME} if self.renamed else {})}

    async def _exchange(self, wire: Wire, body: Body, request: Request) -> Raw:
        """Ask once, and learn from a refusal under which name the server wants the output limit."""
        if request.scored:
            headers = {**self.headers(), "Content-Type": "application/json"}
            most = completions.BYTES_A_BYTE * request.prompt.text_bytes + (1 << 20)
            return await self.transport.send("POST", self.base_url + completions.PATH, headers, body, most=most)
        raw = await super()._exchange(wire, body, request)
        self.renamed = self.renamed or wants_other_field(raw)
        return raw

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
        """Ask the server's tokenizer, with the chat template applied; it knows nothing of media."""
        if not self.tokenize or any(ready.request.prompt.media()):
            return None
        turns = laid_out(ready.request.prompt, prefill=False)
        texts = ((turn.role, tuple(p for p in turn.parts if isinstance(p, TextPart))) for turn in turns)
        return await self._tokens([{"role": role, "content": JsonString(parts)} for role, parts in texts])

    async def _tokens(self, messages: list[dict[str, Any]]) -> int | None:
        """Count messages as vLLM and SGLang do, in one step, or as llama.cpp does, in two."""
        found = await self._told("tokenize", {"model": self.model, "messages": messages})
        count = dig(found, "count")
        if isinstance(count, int):
            return count
        written = dig(await self._told("apply-template", {"messages": messages}), "prompt") if found else None
        if not isinstance(written, str):
            return None
        tokens = dig(await self._told("tokenize", {"content": written, "parse_special": True}), "tokens")
        return len(tokens) if isinstance(tokens, list) and tokens else None

    async def _told(self, path: str, tree: dict[str, Any] | None = None) -> Any:
        """Ask one of the endpoints that some servers have beside the interface; ``None`` where this one has it not."""
        with suppress(ProviderError):
            return await self._ask(f"{self._root}/{path}", tree, total=300 if tree else 30)
        return None

    async def _probed(self, declared: WireCapabilities) -> WireCapabilities:
        """Find out what window the server gives itself, and whether it has a tokenizer."""
        found = dig(await self._ask(f"{self.base_url}/models", total=30), "data")
        listed = found if isinstance(found, list) else []
        named = next((m for m in listed if dig(m, "id") == self.model), listed[0] if len(listed) == 1 else None)
        window = next((found for path in _WINDOW if (found := _whole(dig(named, *path)))), None)
        if window is None and not self.pins:
            window = await self._own_window()
        hello = [{"role": "user", "content": "hello"}]
        counts = self.tokenize and await self._tokens(hello) is not None
        return probed(declared, context_window=window, counts_tokens=counts)

    async def _own_window(self) -> int | None:
        """Ask llama.cpp, Ollama and LM Studio for the window that they were given; it may be far below the model's."""
        props = _whole(dig(await self._told("props"), "default_generation_settings", "n_ctx"))
        if props:
            return props
        for path, rows in (("api/ps", "models"), ("api/v0/models", "data")):
            listed = dig(await self._told(path), rows)
            for row in listed if isinstance(listed, list) else ():
                if self.model in {dig(row, "name"), dig(row, "model"), dig(row, "id")}:
                    return _whole(dig(row, "context_length")) or _whole(dig(row, "loaded_context_length"))
        shown = dig(await self._told("api/show", {"model": self.model}), "parameters")
        found = re.search(r"^num_ctx\s+(\d+)", shown, re.MULTILINE) if isinstance(shown, str) else None
        return int(found[1]) if found else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
