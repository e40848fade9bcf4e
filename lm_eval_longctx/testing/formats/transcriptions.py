"""OpenAI's ``/audio/transcriptions``: a form with a recording, answered with its words."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lm_eval_longctx.testing.exchange import Exchange, Stopped, record
from lm_eval_longctx.testing.formats.openai import OpenAI
from lm_eval_longctx.testing.state import Asked
from lm_eval_longctx.testing.strict import Refused, mapping, one_of, seconds, sound_piece, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Bill, State

_FIELDS = frozenset(
    """file model language prompt response_format temperature chunking_strategy include[] timestamp_granularities[]
    stream seed top_p vad_filter hotwords""".split()
)
_KINDS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")
_LARGEST = 25 << 20
_LONGEST = 1400.0
"""Seconds that the models of the GPT-4o family take."""

_BY_TOKENS = "gpt-4o"
_BUDGET = 2000


class Transcriptions(OpenAI):
    """A form's fields in, ``{text, usage}`` out."""

    KEY_NEEDED = False

    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a form, whose file is told as its bytes, its name and its kind."""
        del headers, model
        tree = mapping(body, "form")
        for name in tree:
            if name not in _FIELDS:
                raise Refused(f"Unknown parameter: '{name}'.", code="unknown_parameter", where=name)
        file = tree.get("file")
        if not isinstance(file, web.FileField):
            raise Refused("field required", code="missing_required_parameter", where="file")
        name, content = text(tree.get("model"), "model"), file.file.read()
        self._fits(name, file.filename, content)
        form = one_of(tree.get("response_format", "json"), ("json", "verbose_json"), "response_format")
        if form != "json" and name.startswith(_BY_TOKENS):
            words = f"response_format '{form}' is not compatible with model '{name}'. Use 'json' or 'text' instead."
            raise Refused(words, code="unsupported_value", where="response_format")
        if not 0 <= float(tree.get("temperature", 0)) <= 1:
            raise Refused("temperature: expected a number from 0 to 1", where="temperature")
        kind, tokens, digest = sound_piece(content, "file")
        if not name.startswith(_BY_TOKENS):
            tokens = math.ceil(seconds(content, "file"))
        hint = tree.get("prompt", "")
        return Asked(
            name, ((kind, tokens, digest), *((("text", len(hint) // 4, hint),) if hint else ())), _BUDGET, tier=form
        )

    def _fits(self, model: str, filename: str, content: bytes) -> None:
        """Refuse what is too large, too long, or of a kind that the file's name does not tell."""
        if filename.rpartition(".")[2].lower() not in _KINDS:
            raise Refused(f"Invalid file format. Supported formats: {list(_KINDS)}", where="file")
        if len(content) > _LARGEST:
            words = f"Maximum content size limit ({_LARGEST}) exceeded ({len(content)} bytes read)"
            raise Refused(words, 413)
        length = seconds(content, "file")
        if model.startswith(_BY_TOKENS) and length > _LONGEST:
            words = f"audio duration {length} seconds is longer than {_LONGEST:g} seconds which is the maximum"
            raise Refused(f"{words} for this model", code="invalid_value")

    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a transcript, billed by tokens or by the second."""
        heard = bill.tokens["audio"]
        usage: dict[str, Any] = {"type": "duration", "seconds": heard}
        if asked.model.startswith(_BY_TOKENS):
            details = {"audio_tokens": heard, "text_tokens": bill.tokens.get("text", 0)}
            usage = {"type": "tokens", "input_tokens": bill.prompt, "input_token_details": details}
            usage |= {"output_tokens": bill.output, "total_tokens": bill.prompt + bill.output}
        response: dict[str, Any] = {"text": "" if kind == "empty" else text, "usage": usage}
        if kind == "null_content":
            response["text"] = None
        if kind == "no_usage":
            del response["usage"]
        if asked.tier == "verbose_json":
            piece = {"id": 0, "seek": 0, "start": 0.0, "end": float(heard), "text": text, "tokens": []}
            scores = {"temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.4, "no_speech_prob": 0.01}
            response |= {"task": "transcribe", "language": "english", "duration": float(heard)}
            response["segments"] = [{**piece, **scores}]
        return response

    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Nothing is streamed."""
        raise Refused(f"transcripts are not streamed: {json.dumps(answer)[:40]}")


class Transcribing(Exchange):
    """Answers forms."""

    def __init__(self, state: State) -> None:
        """Speak for a server."""
        super().__init__(Transcriptions(state), state)

    async def _asked(self, request: web.Request) -> Asked:
        """Read and understand a form.

        Raises:
            Refused: The real server would not take it.
        """
        if request.content_type != "multipart/form-data":
            raise Refused("Content-Type must be multipart/form-data", 415)
        headers = {name.lower(): value for name, value in request.headers.items()}
        failed = self.form.authorized(headers)
        if failed is not None:
            raise Stopped(failed)
        fields = dict(await request.post())
        told = {name: value for name, value in fields.items() if isinstance(value, str)}
        record(self.state, request, b"")
        with self.state.lock:
            self.state.requests[-1]["body"] = told
        return self.state.counted(self.form.read(fields, headers, ""))
