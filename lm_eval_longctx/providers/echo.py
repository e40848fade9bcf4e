"""A model that costs nothing and repeats what it was asked.

For trying out a command, for examples in the documentation, and for tests:
everything but a real model's mind is there. ``echo/tail`` answers with the end
of the prompt's text, ``echo/head`` with its beginning, ``echo/digest`` with
the prompt's digest. Tokens are counted as one for every four bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.providers.base import Capabilities, Decoded, Provider, Raw
from lm_eval_longctx.providers.rough import rough_tokens
from lm_eval_longctx.settings import Option, read_settings

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Request

MODELS = ("tail", "head", "digest")


class EchoProvider(Provider):
    """Answers from the prompt itself; see the module."""

    NAME: ClassVar[str] = "echo"
    OPTIONS: ClassVar[tuple[Option, ...]] = (Option("characters", 200, "how many characters to repeat", minimum=1),)

    def __init__(self, model: str = "", **args: Any) -> None:
        """Choose what to repeat.

        Args:
            model: ``tail`` (the default), ``head`` or ``digest``.
            **args: See ``OPTIONS``.
        """
        super().__init__(model or MODELS[0])
        if self.model not in MODELS:
            raise unknown_option("model of echo", self.model, MODELS)
        self.characters = read_settings(self.OPTIONS, args, f"argument of {self.NAME}")["characters"]

    @property
    def capabilities(self) -> Capabilities:
        """Everything is taken; nothing has a limit."""
        return Capabilities(
            modalities=("text", "image", "audio", "video"),
            temperature=True,
            seed=True,
            stop=True,
            prefill=True,
            counts_tokens=True,
        )

    def identity(self, request: Request) -> dict[str, Any]:
        """Name model, settings and prompt."""
        return {
            "provider": self.NAME,
            "model": self.model,
            "characters": self.characters,
            "settings": request.settings.to_dict(),
            "prompt": request.prompt.digest,
            "repeat": request.repeat,
        }

    async def send(self, request: Request) -> Raw:
        """Answer at once."""
        text = self._answer(request.prompt)
        usage = {
            "prompt_tokens": sum(rough_tokens(request.prompt).values()),
            "output_tokens": -(-len(text.encode()) // 4),
        }
        return Raw(status=200, body=json.dumps({"text": text, "usage": usage}).encode())

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read the answer that ``send`` made."""
        del request
        reply = json.loads(raw.body)
        return Decoded(
            Completion(reply["text"], Outcome.COMPLETE, Usage(**reply["usage"], cost=0.0), seconds=raw.seconds)
        )

    async def count(self, prompt: Prompt) -> int | None:
        """Count one token for every four bytes of text; media as ``rough`` does."""
        return sum(rough_tokens(prompt).values())

    def _answer(self, prompt: Prompt) -> str:
        if self.model == "digest":
            return prompt.digest
        text = prompt.text()
        return text[-self.characters :] if self.model == "tail" else text[: self.characters]
