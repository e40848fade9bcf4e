"""The ears of a cascade: recordings are cut into pieces and transcribed, and the reader is asked with the text.

Both models go through a ``Backend`` of their own, with one ledger and one
budget: a piece that was heard is not heard again, whoever asks about it. A
recording that lacks a piece is not read, since a miss would be nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.texts import read_transcript
from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.backend import Job
from lm_eval_longctx.backend.estimate import BYTES_PER_TOKEN
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.files import default_cache_dir
from lm_eval_longctx.harness.parts import joined
from lm_eval_longctx.hay.speech.cutting import Segmented
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, read_audio, write_cached
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.cascaded import written
from lm_eval_longctx.tasks.audio_asr.arms import answer_budget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.backend import Backend

ASK = (
    "Transcribe the following recording in the language that is spoken. Write down all that is said, word for word "
    "and from beginning to end, with numbers as digits, on one line, and nothing else.\n"
)

_TOKENS_PER_SECOND = 32
"""What a second of sound is taken to cost before a bill tells."""


@dataclass(frozen=True)
class Heard:
    """What the transcriber made of a recording.

    Attributes:
        completion: The answers to all its pieces as one; its text is the transcript.
        edges: The first and last second of each piece.
    """

    completion: Completion
    edges: tuple[tuple[float, float], ...]

    @property
    def usable(self) -> bool:
        """Whether every piece was written down."""
        return self.completion.outcome.answered and self.completion.outcome is not Outcome.REFUSED

    def to_dict(self) -> dict[str, Any]:
        """Return what the log keeps, so that a miss can be told to be one of hearing or of reading."""
        return {
            "text": str(self.completion),
            "pieces": [list(edge) for edge in self.edges],
            **self.completion.to_dict(),
        }


class Hearing:
    """Transcribes the recordings of jobs before they are read.

    Attributes:
        backend: Asks the transcriber.
        name: The transcriber as ``provider/model``.
    """

    def __init__(self, backend: Backend, name: str, options: Mapping[str, Any]) -> None:
        """Keep who hears, and with which of ``--model_args``."""
        self.backend, self.name, self._options = backend, name, options
        self._heard: dict[str, Heard] = {}
        self._of: dict[str, list[str]] = {}
        self._charged: set[str] = set()

    def answer(self, jobs: Sequence[Job], read: Callable[[Sequence[Job]], list[Completion]]) -> list[Completion]:
        """Answer jobs: hear what there is to hear, then have the rest read.

        Args:
            jobs: With recordings or without.
            read: ``Backend.run`` of the reader.
        """
        answers: dict[int, Completion] = {}
        recordings: dict[int, list[AudioPart]] = {}
        for place, job in enumerate(jobs):
            try:
                recordings[place] = _recordings(job)
            except LongctxError as error:
                answers[place] = Completion("", Outcome.UNSUPPORTED, detail=str(error), attempts=0)
        answers |= self._listen(jobs, recordings)
        ready = [place for place in recordings if place not in answers]
        found = read([self._written(jobs[place], recordings[place]) for place in ready])
        answers |= dict(zip(ready, found, strict=True))
        return [self._charge(answers[place], recordings.get(place, [])) for place in range(len(jobs))]

    def transcripts(self, sample: str) -> list[dict[str, Any]]:
        """Return what was heard for a sample, one a recording; empty where there was nothing to hear."""
        return [self._heard[digest].to_dict() for digest in self._of.get(sample, ()) if digest in self._heard]

    def _listen(self, jobs: Sequence[Job], recordings: Mapping[int, list[AudioPart]]) -> dict[int, Completion]:
        """Transcribe what has not been heard; return the failures of jobs that cannot be read."""
        waiting: dict[str, tuple[Job, Segmented]] = {}
        failed: dict[int, Completion] = {}
        for place, parts in recordings.items():
            self._of[jobs[place].sample] = [part.digest for part in parts]
            for part in parts:
                try:
                    if part.digest not in self._heard and part.digest not in waiting:
                        waiting[part.digest] = (jobs[place], _segmented(part))
                except LongctxError as error:
                    failed[place] = Completion("", Outcome.UNSUPPORTED, detail=str(error), attempts=0)
        self._transcribe(waiting)
        for place, parts in recordings.items():
            lacking = [
                self._heard[p.digest] for p in parts if p.digest in self._heard and not self._heard[p.digest].usable
            ]
            if lacking and place not in failed:
                failed[place] = self._unread(lacking[0].completion)
        return failed

    def _transcribe(self, waiting: Mapping[str, tuple[Job, Segmented]]) -> None:
        pairs = [(digest, n) for digest, (_, segmented) in waiting.items() for n in range(len(segmented.edges))]
        found = self.backend.run([self._piece_job(*waiting[digest], n) for digest, n in pairs])
        for digest, (_, segmented) in waiting.items():
            answers = [_read(a) for (named, _), a in zip(pairs, found, strict=True) if named == digest]
            edges = tuple((round(a / SAMPLE_RATE, 3), round(b / SAMPLE_RATE, 3)) for a, b in segmented.edges)
            self._heard[digest] = Heard(joined(answers, lambda outcome: outcome.answered), edges)

    def _piece_job(self, asker: Job, segmented: Segmented, number: int) -> Job:
        first, last = segmented.edges[number]
        seconds, takes = (last - first) / SAMPLE_RATE, self.backend.provider.capabilities
        asked = self._options["temperature"]
        settings = Settings(
            max_output_tokens=answer_budget(seconds),
            temperature=(0.0 if asked is None else asked) if takes.temperature else None,
            reasoning=self._options["reasoning"],
            reasoning_tokens=self._options["reasoning_tokens"] or 0,
        )
        return Job(
            sample=asker.sample,
            task=asker.task,
            render=lambda: Prompt.user(TextPart(ASK), segmented.part(number)),
            settings=settings,
            group=segmented.digest,
            order=first / max(1, segmented.edges[-1][1]),
            size=round(seconds * _TOKENS_PER_SECOND * BYTES_PER_TOKEN),
            modalities=("text", "audio"),
            tokens=round(seconds * _TOKENS_PER_SECOND),
        )

    def _unread(self, lacking: Completion) -> Completion:
        """Return the answer to a job whose recording lacks a piece; what a transcriber refuses, nobody has answered."""
        outcome = Outcome.BLOCKED if lacking.outcome is Outcome.REFUSED else lacking.outcome
        detail = f"the transcriber {self.name}, {lacking.detail}"
        return Completion("", outcome, detail=detail, attempts=0)

    def _written(self, job: Job, recordings: Sequence[AudioPart]) -> Job:
        """Return a job with transcripts in the place of its recordings."""
        if not recordings:
            return job
        texts = {part.digest: str(self._heard[part.digest].completion) for part in recordings}
        size = sum(len(text.encode()) for text in texts.values())
        render = job.render
        return replace(
            job,
            render=lambda: written(render(), texts),
            modalities=tuple(kind for kind in job.modalities if kind != "audio"),
            size=size,
            tokens=int(size / BYTES_PER_TOKEN),
        )

    def _charge(self, answer: Completion, recordings: Sequence[AudioPart]) -> Completion:
        """Add what hearing took to the first answer about each recording: no sum counts it twice."""
        usage, seconds, attempts = answer.usage, answer.seconds, answer.attempts
        for digest in dict.fromkeys(part.digest for part in recordings):
            if digest in self._heard and digest not in self._charged:
                self._charged.add(digest)
                heard = self._heard[digest].completion
                usage, seconds, attempts = usage + heard.usage, seconds + heard.seconds, attempts + heard.attempts
        if not recordings:
            return answer
        note = f"recordings transcribed by {self.name} in pieces of 30 s at most"
        return answer.changed(usage=usage, seconds=seconds, attempts=attempts, notes=(*answer.notes, note))


def _recordings(job: Job) -> list[AudioPart]:
    if "audio" not in job.modalities:
        return []
    return [part for part in job.render().media() if isinstance(part, AudioPart)]


def _segmented(part: AudioPart) -> Segmented:
    """Return a recording in pieces; its sound at 16 kHz is kept, as that of the user's own recordings is."""
    folder = default_cache_dir() / "audio"
    sound = folder / "prepared" / part.digest[:2] / f"{part.digest}.flac"
    if not sound.is_file():
        write_cached(sound, read_audio(Path(part.path)))
    return Segmented(sound, part.digest, folder / "segments")


def _read(answer: Completion) -> Completion:
    """Take a preface, a fence and thoughts off a piece's transcript; nothing is left of one that cannot tell."""
    if not answer.outcome.answered or answer.outcome is Outcome.REFUSED:
        return answer
    if without_thoughts(str(answer)).unclosed:
        return answer.changed(outcome=Outcome.SPENT_ON_REASONING, detail="a thought was begun and never ended")
    read = read_transcript(str(answer))
    return answer.changed(text="" if read.abstained else read.text)
