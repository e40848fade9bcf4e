"""A cascade of two models as one: a transcriber hears recordings, and a reader gets what it wrote down.

After the Gemini 1.5 report, section 5.2 (audio haystack), which compares its
model with Whisper and GPT-4 Turbo. This class only says what the two take
together; each is asked by itself, with its own identity in the ledger, its own
prices and its own limits (``harness.hearing``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart
from lm_eval_longctx.providers.base import Provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.completion import Outcome
    from lm_eval_longctx.providers.base import Capabilities, Decoded, Raw, Request

SEGMENT_SECONDS = 30.0
"""Seconds of the longest piece that the transcriber is asked."""


class Cascaded(Provider):
    """What a transcriber and a reader take together.

    Attributes:
        transcriber: Hears.
        reader: Reads what was heard, and all else of a prompt.
    """

    NAME: ClassVar[str] = "cascaded"

    def __init__(self, transcriber: Provider, reader: Provider) -> None:
        """Keep both."""
        super().__init__(f"{transcriber.NAME}/{transcriber.model}+{reader.NAME}/{reader.model}")
        self.transcriber, self.reader = transcriber, reader
        self.concurrency = reader.concurrency

    @property
    def capabilities(self) -> Capabilities:
        """The reader's, with sound; nobody tells how likely what was only heard is."""
        takes = self.reader.capabilities
        kinds = dict.fromkeys((*takes.modalities, "audio"))
        return replace(takes, modalities=tuple(kinds), counts_tokens=False, prompt_logprobs=False)

    @property
    def samples(self) -> bool:
        """The reader answers, so its temperature is the answer's."""
        return self.reader.samples

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Sound is asked of the transcriber, all else of the reader; see ``Provider.refused``."""
        return [kind for kind in kinds if (self.transcriber if kind == "audio" else self.reader).refused([kind])]

    def check(self, request: Request) -> None:
        """Check each model's share: a recording's longest piece, and the prompt without its recordings."""
        for part in request.prompt.media():
            if isinstance(part, AudioPart):
                piece = replace(part, mime="audio/flac", seconds=min(part.seconds, SEGMENT_SECONDS))
                self.transcriber.check(replace(request, prompt=Prompt.user(TextPart(""), piece)))
        self.reader.check(replace(request, prompt=written(request.prompt, {})))

    def describe(self) -> dict[str, Any]:
        """Say what each is."""
        return {**self.reader.describe(), "transcriber": self.transcriber.describe()}

    def identity(self, request: Request) -> dict[str, Any]:
        """The reader's: the transcript is part of the prompt."""
        return self.reader.identity(request)

    async def send(self, request: Request) -> Raw:
        """Ask the reader."""
        return await self.reader.send(request)

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read the reader's response."""
        return self.reader.decode(raw, request)

    def output_budget(self, request: Request) -> int:
        """Return the reader's."""
        return self.reader.output_budget(request)

    def mendable(self, outcome: Outcome) -> bool:
        """Return what holds for the reader."""
        return self.reader.mendable(outcome)


def written(prompt: Prompt, transcripts: dict[str, str]) -> Prompt:
    """Return a prompt with each recording replaced by what was heard.

    Args:
        prompt: The prompt.
        transcripts: By the recordings' digests.
    """

    def text(part: AudioPart) -> TextPart:
        return TextPart(f"<transcript>\n{transcripts.get(part.digest, '')}\n</transcript>\n")

    turns = tuple(
        replace(turn, parts=tuple(text(part) if isinstance(part, AudioPart) else part for part in turn.parts))
        for turn in prompt.turns
    )
    return replace(prompt, turns=turns)
