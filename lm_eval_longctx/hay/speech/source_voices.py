"""``voices``: speech that our own voices read from our own text; exact transcripts, offline.

``voices`` uses the default voices of the language, ``voices:joe,joe-low`` the
named ones. A pool of distinct speech is synthesised once and kept on disk; how
long it is, is the task's option ``pool``, and results say how often it repeats.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.estimating import SPEECH, estimated
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.speech import reading_matter
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, SpeechSource, Utterance
from lm_eval_longctx.hay.speech.voices import (
    Voice,
    default_voices,
    speak,
    spoken_length,
    utterance_digest,
    voice,
)
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lm_eval_longctx.hay.speech.waveform import Waveform

_TURN = (3, 7)
"""A speaker says 3 to 7 sentences before another goes on."""


class VoicesSource(SpeechSource):
    """Speech synthesised from generated text."""

    spec = "voices"

    def pool(self, samples: int, settings: PoolSettings) -> Pool:
        """Return synthesised speech; what is on disk is not made again."""
        chosen = self._chosen(settings)
        utterances = _synthesised(samples, chosen, settings, self.context.cache_dir)
        by_digest = {u.digest: (u.text or "", u.speaker) for u in utterances}

        def load(utterance: Utterance) -> Waveform:
            text, speaker = by_digest[utterance.digest]
            return speak(text, voice(speaker), self.context.cache_dir)[1]

        licence = "; ".join(sorted({v.licence for v in chosen}))
        return Pool(utterances, load, licence, {"voices": [v.name for v in chosen], "reading": settings.reading})

    def _chosen(self, settings: PoolSettings) -> tuple[Voice, ...]:
        names = [name.strip() for name in self.argument.split(",") if name.strip()] or list(settings.voices)
        chosen = tuple(voice(name) for name in names) or default_voices(settings.language)
        wrong = [v.name for v in chosen if v.language != settings.language]
        if wrong:
            raise CorpusError(f"{', '.join(wrong)} does not speak {settings.language!r}; choose voices of one language")
        return chosen


def _synthesised(
    samples: int, chosen: tuple[Voice, ...], settings: PoolSettings, cache_dir: Path
) -> tuple[Utterance, ...]:
    """Speak sentences until there is enough; the list of what was spoken is kept beside the sound."""
    lines = _script(chosen, settings)
    made_of = [reading_matter.version(settings.reading), settings.language, *(v.name for v in chosen)]
    named = "|".join([*made_of, utterance_digest("Identity.", chosen[0])])
    index = cache_dir / "audio" / "pools" / f"{hashlib.sha256(named.encode()).hexdigest()[:24]}.json"
    kept = json.loads(index.read_text(encoding="utf-8")) if index.is_file() and not estimated(SPEECH) else []
    known = {row[0]: row for row in kept}
    spoken: list[Utterance] = []
    total = 0
    with progress("voices", samples / SAMPLE_RATE, "s of speech") as bar:
        for text, speaker in lines:
            digest = utterance_digest(text, speaker)
            count = known[digest][1] if digest in known else spoken_length(text, speaker, cache_dir)[1]
            spoken.append(Utterance(digest, count, speaker.name, text, f"{speaker.name}: {text[:40]}"))
            total += count
            bar(count / SAMPLE_RATE)
            if total >= samples:
                break
    rows = {**known, **{u.digest: [u.digest, u.samples] for u in spoken}}
    if len(rows) > len(known) and not estimated(SPEECH):
        write_whole(index, json.dumps(list(rows.values())).encode())
    return tuple(spoken)


def _script(chosen: tuple[Voice, ...], settings: PoolSettings) -> Iterator[tuple[str, Voice]]:
    """Yield who says what, without end: speakers take turns of a few sentences."""
    rng = Rng(f"turns|{settings.reading}|{settings.language}")
    sentences = reading_matter.sentences(settings.reading, settings.language)
    while True:
        speaker = rng.choice(chosen)
        for _ in range(rng.between(*_TURN)):
            yield next(sentences), speaker
