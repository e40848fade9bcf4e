"""Speech services with one endpoint: ``model=transcriptions/<name>``, a recording in and its words out.

OpenAI's ``/audio/transcriptions``, which vLLM, Speaches, LocalAI and others
offer too. It takes one file in a form, and no question: what a prompt says
beside its recording stays here, so only prompts that ask for a transcript are
taken. ``base_url=`` names another server; without it OpenAI is asked.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from lm_eval_longctx.completion import Outcome, Usage, whole
from lm_eval_longctx.errors import ConfigError, MediaError, UnsupportedError
from lm_eval_longctx.prompt import AudioPart, Prompt
from lm_eval_longctx.providers.acceptance import MEDIA_TOLERANCE, Reply
from lm_eval_longctx.providers.base import Retry, modality_of
from lm_eval_longctx.providers.capabilities import WireCapabilities
from lm_eval_longctx.providers.dialect import Dialect, laid_over
from lm_eval_longctx.providers.hosted import HostedProvider
from lm_eval_longctx.providers.keys import Keys
from lm_eval_longctx.providers.media import Ready
from lm_eval_longctx.providers.openai_compatible import KEY_VARIABLE
from lm_eval_longctx.providers.options import hosted_options
from lm_eval_longctx.providers.parsing import dig
from lm_eval_longctx.providers.segments import Body, FileBytes
from lm_eval_longctx.providers.unfolding import room_for
from lm_eval_longctx.providers.uploads import MULTIPART, form
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval_longctx.providers.base import Decoded, Raw, Request, Settings
    from lm_eval_longctx.providers.dialect import Wire

PATH = "/audio/transcriptions"

BY_THE_SECOND = "billed by the second of sound: a token of this call is a second"
UNSENT = "the question's own words were not sent: the endpoint takes the recording alone"

_ENDINGS = {
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/webm": "webm",
}
"""Kinds of sound that are taken, and how a file's name ends, by which servers know the kind; others go as WAV."""

_ASKS = re.compile(r"\b(?:transcri(?!pts?\b)|transkri|trascri)", re.IGNORECASE)
"""How a request for a transcript is known: by its verb, in English, German and the Romance languages; a
question about a transcript is none."""

_FIELDS = ("language", "prompt", "response_format")
_FORMATS = ("json", "verbose_json")
_WAV_SAMPLE, _MIB = 2, 1 << 20

UNKNOWN = WireCapabilities(
    modalities=("audio",),
    temperature=True,
    dated="2026-11-28",
    max_images=0,
    native_video=True,  # there is no film, and what goes as frames is not compared with the bill
    audio_tokens=1,
    audio_mimes=tuple(_ENDINGS),
    inline_bytes=1 << 40,
    file_bytes=25 * _MIB,
    api="transcriptions",
    said_by="OpenAI: Speech to text, Audio API FAQ; vLLM: Speech to Text APIs; 2026-11-28",
)
"""A server's model: billed by the second, if at all, and files of 25 MiB, as OpenAI has it and vLLM unless told."""

_BY_TOKENS = replace(
    UNKNOWN, context_window=16_000, max_output=2_000, max_sound=1400.0, audio_tokens=10, retires="2027-02-26"
)

MODELS: Mapping[str, WireCapabilities] = {
    "whisper-1": replace(UNKNOWN, retires="2027-02-26"),
    "gpt-transcribe": UNKNOWN,
    "gpt-4o-transcribe": _BY_TOKENS,
    "gpt-4o-mini-transcribe": _BY_TOKENS,
}


def encode(request: Request, takes: WireCapabilities, wire: Wire) -> dict[str, Any]:
    """Return the form's fields beside the file."""
    temperature = request.settings.temperature
    body = {
        "model": wire.model,
        **wire.options.get("form", {}),
        **({} if temperature is None or not takes.temperature else {"temperature": temperature}),
    }
    return laid_over(body, wire.extra)


def read(body: dict[str, Any]) -> Reply:
    """Read a transcript; one without a word says that nothing was heard, and is no failure."""
    text, pieces = body.get("text"), body.get("segments")
    if not isinstance(text, str) and isinstance(pieces, list):
        text = "".join(str(dig(piece, "text") or "") for piece in pieces)
    usage, notes = _usage(body)
    if not isinstance(text, str):
        return Reply(None, None, "no text in it", usage, notes=notes)
    silent = Retry() if not text.strip() else None
    return Reply(text, Outcome.COMPLETE, usage=usage, all_modalities=_parted(usage), notes=notes, retry=silent)


def _parted(usage: Usage | None) -> bool:
    """Whether a bill says how much of it is sound, and can be right: only then it tells what was heard."""
    sound, prompt = (whole(n) for n in (usage.by_modality.get("audio"), usage.prompt_tokens)) if usage else (None, None)
    return sound is not None and prompt is not None and sound <= prompt


def _usage(body: dict[str, Any]) -> tuple[Usage | None, tuple[str, ...]]:
    """Read what was billed: tokens, or seconds of sound, which a longer form tells as the recording's duration."""
    told = dig(body, "usage")
    if dig(told, "input_tokens") is not None:
        kinds = {"audio": dig(told, "input_token_details", "audio_tokens")}
        known = {kind: tokens for kind, tokens in kinds.items() if tokens is not None}
        return Usage(told["input_tokens"], output_tokens=dig(told, "output_tokens"), by_modality=known), ()
    seconds = _number(dig(told, "seconds") if told is not None else body.get("duration"))
    if seconds is None:
        return None, ()
    heard = max(1, math.ceil(seconds))
    return Usage(heard, by_modality={"audio": heard}), (BY_THE_SECOND,)


def _number(value: Any) -> float | None:
    """Return seconds, however they are written; ``None`` for what cannot be."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number < 1e9 else None  # noqa: PLR2004 - thirty years


DIALECT = Dialect(encode, read, lambda _: {}, PATH)


class TranscriptionsProvider(HostedProvider):
    """A speech service."""

    NAME: ClassVar[str] = "transcriptions"
    BASE_URL: ClassVar[str] = "https://api.openai.com/v1"
    MODELS = MODELS
    UNKNOWN_MODEL = UNKNOWN
    OPTIONS: ClassVar[tuple[Option, ...]] = hosted_options(
        Option(
            "key_env",
            None,
            f"name of the environment variable with the key (default OPENAI_API_KEY; behind base_url {KEY_VARIABLE}, "
            "which may be unset)",
            kinds=(str,),
        ),
        Option("language", None, "what is spoken, such as en (ISO 639-1); else the model finds out", kinds=(str,)),
        Option("prompt", None, "words to expect, or text in the wanted style, for the model", kinds=(str,)),
        Option("response_format", "json", "verbose_json also tells the recording's length, where known", _FORMATS),
        Option("max_file", 25.0, "MiB of one recording's file", above=0),
        Option("any_question", default=False, help="true to send recordings whatever is asked about them"),
        video=("frames",),
    )

    def __init__(self, model: str, **args: Any) -> None:
        """Read the arguments; see ``OPTIONS``.

        Raises:
            ConfigError: One of them cannot be sent to such an endpoint.
        """
        super().__init__(model, **args)
        self.dialect = DIALECT
        self.declared = self.known = replace(self.declared, file_bytes=int(self.args["max_file"] * _MIB))
        if self.args["stream"] == "true":
            raise ConfigError("transcripts are not streamed: leave stream= out")
        for name, value in self.extra_body.items():
            if not isinstance(value, (str, int, float)):
                raise ConfigError(f"extra_body: {name} goes into a form: a text, a number, true or false")

    @property
    def _theirs(self) -> bool:
        """Whether OpenAI itself is asked."""
        return urlsplit(self.base_url).hostname == urlsplit(self.BASE_URL).hostname

    def _keys(self) -> Keys:
        named = self.args["key_env"]
        if named is not None:
            return Keys((named,))
        return Keys(("OPENAI_API_KEY",)) if self._theirs else Keys((KEY_VARIABLE,), required=False)

    def _auth(self) -> dict[str, str]:
        key = self.keys.read()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _choices(self) -> dict[str, Any]:
        return {f"form_{name}": self.args[name] for name in _FIELDS if self.args[name]}

    def _options(self, request: Request) -> dict[str, Any]:
        fields = {name: self.args[name] for name in _FIELDS if self.args[name]}
        return {"form": fields, "sound": next(request.prompt.media())}

    def _streams(self, request: Request) -> bool:
        del request
        return False

    def _budget(self, settings: Settings) -> int:
        """Return the most output tokens: nobody can ask for fewer than the model makes."""
        most = self.declared.max_output
        return settings.max_output_tokens if most is None else min(most, settings.max_output_tokens)

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Return which kinds of content are not taken: text is a request beside a recording, and nothing alone."""
        asked = list(kinds)
        return [kind for kind in super().refused(asked) if kind != "text"] if "audio" in asked else asked

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` for all but one recording and the request to write it down."""
        name, prompt = f"{self.NAME}/{self.model}", request.prompt
        kinds = [modality_of(part) for part in prompt.media()]
        if kinds != ["audio"] or len([turn for turn in prompt.turns if turn.role != "system"]) != 1:
            held = f"{len(kinds)} files ({'+'.join(sorted(set(kinds)))})" if kinds else "none"
            turns = f" in {len(prompt.turns)} turns" if len(prompt.turns) > 1 else ""
            raise UnsupportedError(f"{name} writes down one recording a request, this one holds {held}{turns}")
        words = " ".join(prompt.text().split())
        if words and not _ASKS.search(words) and not self.args["any_question"]:
            raise UnsupportedError(
                f"{name} writes recordings down and answers no question, this one asks {words[-80:]!r}; let another "
                f"model read what it writes (transcriber={name}), or say any_question=true to get the transcript"
            )
        super().check(request)

    def _check_sizes(self, prompt: Prompt) -> None:
        most = self.known.file_bytes
        for part in prompt.media():
            size = _size(part) if isinstance(part, AudioPart) else 0
            if most is not None and size > most:
                raise UnsupportedError(
                    f"{self.NAME}/{self.model} takes files of {most / _MIB:,.1f} MiB, this recording has "
                    f"{size / _MIB:,.1f} MiB; lower the length, ask in pieces (arms: [segments]), or set max_file"
                )

    def _notes(self, request: Request) -> tuple[str, ...]:
        unsent = (UNSENT,) if request.prompt.text().strip() else ()
        return (*super()._notes(request), *unsent)

    async def _exchange(self, wire: Wire, body: Body, request: Request) -> Raw:
        """Send the file in a form, with the fields of the tree: JSON, as the body holds them, is not spoken here."""
        del body
        tree, part = self._tree(Ready(request, {}), wire), wire.options["sound"]
        fields = {name: _written(value) for name, value in tree.items()}
        file = Body.of([FileBytes.of(part.path, encoded=False)])
        sent = form(fields, f"recording.{_ENDINGS[part.mime]}", part.mime, file)
        most = room_for(wire.output_budget, request.prompt.text_bytes)
        return await self.transport.send(
            "POST", self._url(wire), {**self.headers(), "Content-Type": MULTIPART}, sent, most=most
        )

    def _expected_media(self, prompt: Prompt) -> dict[str, int]:
        """Return the seconds: a server that bills fewer has not heard all, and no tokens are fewer than seconds."""
        return {"audio": int(sum(part.seconds for part in prompt.media() if isinstance(part, AudioPart)))}

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read a response: silence of which little was heard is cut, and so is a transcript of all tokens there are."""
        heard = request and replace(request, prompt=Prompt.user(*request.prompt.media()))
        decoded = super().decode(raw, heard)
        completion, most = decoded.completion, self.declared.max_output
        usage, spoken = completion.usage, completion.usage.output_tokens or 0
        if completion.outcome is not Outcome.COMPLETE:
            return decoded
        if heard and not str(completion) and "audio" in usage.by_modality:
            sent, billed = self._expected_media(heard.prompt)["audio"], usage.by_modality["audio"]
            if billed < sent * (1 - MEDIA_TOLERANCE) - 1:
                detail = f"nothing was heard, and {billed} s or tokens of sound billed for {sent} s that were sent"
                return replace(decoded, completion=completion.changed(outcome=Outcome.TRUNCATED_INPUT, detail=detail))
        if most is None or spoken < most:
            return decoded
        detail = f"the transcript has {spoken} tokens, all that the model can make: ask for shorter recordings"
        return replace(decoded, completion=completion.changed(outcome=Outcome.CUT_BY_OUTPUT_LIMIT, detail=detail))


def _written(value: Any) -> str:
    """Return a value as forms have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(part: AudioPart) -> int:
    """Return the bytes of a recording's file, or of the WAV that it is sent as; 0 where it is not yet made."""
    if part.mime not in _ENDINGS:
        return int(_WAV_SAMPLE * part.sample_rate * part.seconds)
    try:
        return FileBytes.of(part.path).size
    except MediaError:
        return 0  # not yet made, or gone: sending names it
