"""Recordings are cut where nobody speaks."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from tone_words import RATE, tones

from lm_eval_longctx.hay.speech.cutting import at_pauses

LONGEST = 30 * RATE


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.3, 3), min_size=60, max_size=120))
def test_every_cut_is_in_a_pause_near_the_limit(pauses):
    """Pieces are of 30 s at most, none but the last far shorter, and the sound at each cut is far below the speech."""
    wave = tones(list(range(len(pauses))), pauses)
    cuts = at_pauses(wave, LONGEST)
    lengths = np.diff([0, *(cut.at for cut in cuts), len(wave)])
    assert lengths.max() <= LONGEST
    assert all(length >= LONGEST * 2 // 3 - 320 for length in lengths[:-1])
    assert len(lengths) == 1 or lengths[-1] >= LONGEST // 6 - 320
    for cut in cuts:
        around = wave[cut.at - RATE // 20 : cut.at + RATE // 20]
        assert np.abs(around).max() < 0.02
        assert cut.level < -30


def test_a_cut_through_speech_says_so():
    """Where nobody pauses the recording is cut all the same, and the level says that it is no pause."""
    wave = (0.1 * np.random.default_rng(0).standard_normal(100 * RATE)).astype(np.float32)
    cuts = at_pauses(wave, LONGEST)
    assert len(cuts) == 3 or len(cuts) == 4
    assert all(-3 < cut.level < 3 for cut in cuts)


@pytest.mark.parametrize("seconds", [0.05, 0.2, 29.99, 30, 30.01, 34, 40, 60, 60.01])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_any_duration_is_covered(seconds, level):
    """Silence and noise of any duration come out in pieces that are whole, ordered and not too long."""
    wave = (level * np.random.default_rng(1).standard_normal(round(seconds * RATE))).astype(np.float32)
    edges = [0, *(cut.at for cut in at_pauses(wave, LONGEST)), len(wave)]
    assert edges == sorted(set(edges))
    assert max(np.diff(edges)) <= LONGEST
    assert (len(edges) == 2) == (len(wave) <= LONGEST)
