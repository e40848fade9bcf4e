"""The provider ``cascade``: the embedded model behind the same seam as every hosted one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import LongctxError, UnsupportedError
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.providers.base import Capabilities, Decoded, Provider, Raw, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

READER_VERSION = "1"
"""Raised when the same prompt is meant to get another answer."""

READERS = ("extract", "lm")


class Cascade(Provider):
    """Whisper tiny.en hears, PP-OCR sees, BM25 finds, an extractor or a small language model answers."""

    NAME: ClassVar[str] = "cascade"

    def __init__(self, model: str = "") -> None:
        """Choose the reader.

        Args:
            model: ``extract`` (the default: deterministic rules) or ``lm``
                (SmolLM2-135M over the best passages; extra ``lm``).
        """
        super().__init__(model or "extract")
        if self.model not in READERS:
            raise UnsupportedError(f"cascade has the readers {', '.join(READERS)}, not {model!r}; write model=cascade")
        self.concurrency = max(1, (os.cpu_count() or 2) - 1)

    @property
    def capabilities(self) -> Capabilities:
        """All modalities, any length, no sampling: it is a fixed function of the prompt."""
        return Capabilities(
            modalities=("text", "image", "audio", "video"), stop=False, prefill=True, prompt_logprobs=True
        )

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Nothing is refused, but ears and eyes have to be installed; see ``Provider.refused``."""
        from lm_eval_longctx.providers.cascade import hearing, sight

        senses = {"audio": hearing, "image": sight, "video": sight}
        for kind in dict.fromkeys(kinds):
            if kind in senses:
                senses[kind].require()
        return []

    def identity(self, request: Request) -> dict[str, Any]:
        """The prompt, the reader and its version decide the answer; nothing else does."""
        return {
            "provider": self.NAME,
            "model": self.model,
            "version": reader_version(),
            "prompt": request.prompt.digest,
            "max_output_tokens": request.settings.max_output_tokens,
            **({"scored": [list(pair) for pair in request.scored]} if request.scored else {}),
        }

    def describe(self) -> dict[str, Any]:
        """Say what this is, so that nobody mistakes it for a large model."""
        return {**super().describe(), "reader_version": reader_version(), "embedded": True}

    async def start(self) -> None:
        """See that the small model can run before anything is asked of it."""
        if self.model == "lm":
            from lm_eval_longctx.providers.cascade import small_lm

            small_lm.require()

    async def send(self, request: Request) -> Raw:
        """Read the prompt in a worker thread."""
        started = time.perf_counter()
        try:
            body = await asyncio.to_thread(self._answer, request)
        except LongctxError as error:  # a missing extra or a broken file: this sample is not measured
            return Raw(500, body=orjson.dumps({"error": str(error)}), seconds=time.perf_counter() - started, sent=False)
        return Raw(200, body=orjson.dumps(body), seconds=time.perf_counter() - started, sent=False)

    def _answer(self, request: Request) -> dict[str, Any]:
        """Answer, or say how surprising the text is."""
        if not request.scored:
            return _answer(request, self.model)
        size = request.scored[-1][1]

        def read(place: int) -> None:
            self.doing = f"{place / 1e6:.1f} of {size / 1e6:.1f} MB read"

        try:
            return _likelihoods(request, self.model, read)
        finally:
            self.doing = ""

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read the body that ``send`` wrote."""
        del request
        body = orjson.loads(raw.body)
        if "too_long" in body:
            return Decoded(Completion("", Outcome.CONTEXT_EXCEEDED, detail=body["too_long"], seconds=raw.seconds))
        if "error" in body:
            return Decoded(Completion("", Outcome.UNSUPPORTED, detail=body["error"], seconds=raw.seconds))
        return Decoded(Completion(body["text"], notes=tuple(body["notes"]), seconds=raw.seconds))


@lru_cache(maxsize=1)
def reader_version() -> str:
    """Return the version with a digest of the reader's own source: whatever changes it, no old answer is replayed."""
    sha = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(path.read_bytes())
    return f"{READER_VERSION}+{sha.hexdigest()[:8]}"


def _answer(request: Request, reader: str) -> dict[str, Any]:
    """Perceive, read, answer."""
    from lm_eval_longctx.providers.cascade.perception import perceive

    page = perceive(request.prompt)
    if reader == "lm":
        from lm_eval_longctx.providers.cascade.small_lm import answer_with_lm

        return {"text": answer_with_lm(page, request.settings.max_output_tokens), "notes": [*page.notes, "reader=lm"]}
    from lm_eval_longctx.providers.cascade.skills import answer

    text, skill = answer(page)
    return {"text": text, "notes": [*page.notes, f"skill={skill}"]}


def _likelihoods(request: Request, reader: str, read: Callable[[int], None]) -> dict[str, Any]:
    """Say how surprising each range of the text is: to the small language model, or to a model of bytes."""
    texts = (part.text for part in request.prompt.parts() if isinstance(part, TextPart))
    if reader == "extract":
        from lm_eval_longctx.providers.cascade import language

        nats = language.log_likelihoods(texts, request.scored, read)
        return {"text": json.dumps({"nats": nats}), "notes": ["reader=ppmd"]}
    from lm_eval_longctx.providers.cascade import logits

    try:
        nats = logits.log_likelihoods(texts, request.scored, read)
    except logits.TooLong as beyond:
        return {"too_long": str(beyond)}
    return {"text": json.dumps({"nats": nats}), "notes": ["reader=lm"]}
