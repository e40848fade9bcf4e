"""The background."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lm_eval_longctx.hay.speech.floor import NOISES, Floor


@pytest.mark.parametrize("noise", NOISES)
def test_pieces_of_background_join_without_a_click(noise):
    """Across the joint of any two pieces, the waveform steps no more than within them."""
    floor = Floor(noise, 20.0)
    pieces = [floor.under(11_520, f"piece {i}") for i in range(20)]
    inside = np.concatenate([np.abs(np.diff(piece)) for piece in pieces])
    joints = [abs(float(b[0] - a[-1])) for a, b in pairwise(pieces)]
    assert max(joints) <= np.quantile(inside, 0.999)


@pytest.mark.parametrize("snr_db", [0.0, 20.0, 45.0])
def test_background_lies_as_far_below_speech_as_asked(snr_db):
    """Its level is the speech level less the ratio, to half a decibel."""
    wave = Floor("pink", snr_db).under(160_000, "x").astype(float)
    assert 10 * np.log10(np.mean(wave**2)) == pytest.approx(-23.0 - snr_db, abs=0.5)


def test_equal_keys_give_equal_background():
    """The noise of a piece depends on its name and on nothing else."""
    assert np.array_equal(Floor().under(5000, "a"), Floor().under(5000, "a"))
    assert not np.array_equal(Floor().under(5000, "a"), Floor().under(5000, "b"))
