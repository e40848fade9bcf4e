"""How far does a synthetic needle stand out in recorded hay? By level and by spectrum, and to a simple detector.

    python tests/benchmarks/bench_standout.py /path/to/recordings [needles]

Everything is compared as it is heard in a file: at the common level, 16 kHz,
the level in dB over what is not silent, the spectrum as the mean of the log of
24 bands (a distance is the mean difference in dB). The detector knows no words:
of all pieces it picks the one whose spectrum is farthest from the mean of the
others.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from lm_eval_longctx.hay.speech.colour import coloured, spectrum
from lm_eval_longctx.hay.speech.spoken import spoken
from lm_eval_longctx.hay.speech.transcripts import recordings
from lm_eval_longctx.hay.speech.voices import default_voices
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, active_level, levelled, read_audio
from lm_eval_longctx.hay.speech.wordings import CLEAR

PIECE = 3 * SAMPLE_RATE


def distance(one: np.ndarray, others: list[np.ndarray]) -> float:
    """Return how far a spectrum is from the mean of others, in dB a band."""
    return float(np.abs(one - np.mean(others, axis=0)).mean())


def main(folder: str, count: int = 40) -> None:
    """Print levels, distances and the detector's success."""
    waves = [read_audio(path) for path, _, _ in recordings(Path(folder))]
    hay = [levelled(w[a : a + PIECE]) for w in waves for a in range(0, len(w) - PIECE // 2, PIECE)]
    with tempfile.TemporaryDirectory() as cache:
        said = [(f"The secret keyword is {word}.", voice) for word in CLEAR for voice in default_voices()][:count]
        spoken_ones = [spoken(text, voice, 0.0, Path(cache)) for text, voice in said]
        own_ones = [levelled(one.load(one.utterance)) for one in spoken_ones]
        mean = np.mean([spectrum(w) for w in hay], axis=0)
        filtered = [coloured(one, lambda: mean, "hay") for one in spoken_ones]
        like_hay = [levelled(one.load(one.utterance)) for one in filtered]
    print(f"pieces of hay {len(hay)}, needles {len(said)}")
    for name, needles in (("own", own_ones), ("hay", like_hay)):
        print(f"needle_spectrum: {name}")
        compare(hay, needles)


def compare(hay: list[np.ndarray], needles: list[np.ndarray]) -> None:
    """Print how needles compare with hay."""
    of_hay, of_needles = [spectrum(w) for w in hay], [spectrum(w) for w in needles]
    own = [distance(s, [t for t in of_hay if t is not s]) for s in of_hay]
    theirs = [distance(s, of_hay) for s in of_needles]
    found = [
        distance(s, of_hay) > max(distance(t, [s, *(u for u in of_hay if u is not t)]) for t in of_hay)
        for s in of_needles
    ]
    levels = [[active_level(w) for w in group] for group in (hay, needles)]
    print("level         hay {:.1f} dB, needles {:.1f} dB".format(*map(np.mean, levels)))
    print(
        f"spectrum      a piece of hay is {np.mean(own):.1f} dB a band from the others, a needle {np.mean(theirs):.1f}"
    )
    print(f"detector      picks the needle {np.mean(found):.2f} of times (chance {1 / (len(hay) + 1):.2f})")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
