"""Packets: self-contained, of the size that is asked for, and equal for equal pictures."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lm_eval_longctx.errors import ConfigError, MediaError, UnknownOptionError
from lm_eval_longctx.hay.film.codec import CODERS, DEFAULT, Coded, Coder, coder
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.plan import Rng

PICTURES = list(Film("codec", Look(160, 90, Fraction(1))).pictures(0, 4))


def _make(name: str) -> Coder:
    return coder(name, 160, 90, Fraction(1))


def _decoded(made: Coder, packet: bytes) -> np.ndarray:
    decoder = av.CodecContext.create({"libx264": "h264", "libvpx-vp9": "vp9"}.get(made.NAME, made.NAME), "r")
    head = made.context(made.QUANTISERS[0])
    head.open()
    decoder.extradata = head.extradata
    frames = [*decoder.decode(av.Packet(packet)), *decoder.decode(None)]
    return frames[0].to_ndarray()


@pytest.mark.parametrize("name", sorted(CODERS))
def test_a_picture_is_coded_alike_whatever_came_before(name: str) -> None:
    """A packet depends on its picture, number and quantiser only."""
    used = _make(name)
    for index, picture in enumerate(PICTURES):
        used.code(picture, index, used.QUANTISERS[0])
    again, fresh = (c.code(PICTURES[2], 9, c.QUANTISERS[0]) for c in (used, _make(name)))
    assert np.array_equal(_decoded(used, again), _decoded(used, fresh))
    if name != "h264":  # whose packets carry a number of their own
        assert again == fresh


@given(name=st.sampled_from(sorted(CODERS)), more=st.integers(6, 5000))
def test_stuffing_reaches_any_size_and_changes_no_pixel(name: str, more: int) -> None:
    """A packet can be filled up to any larger size and decodes to the same picture."""
    made = _make(name)
    packet = made.code(PICTURES[0], 0, made.QUANTISERS[0])
    stuffed = made.stuffed(packet, len(packet) + more)
    assert len(stuffed) == len(packet) + more
    assert np.array_equal(_decoded(made, stuffed), _decoded(made, packet))


@pytest.mark.parametrize("name", sorted(CODERS))
def test_a_needle_is_exactly_as_large_as_the_hay_that_it_replaces(name: str) -> None:
    """For every overlay size the needle's packet has the size of the hay's."""
    made, rng = _make(name), Rng("sizes")
    for index, picture in enumerate([*PICTURES, Image.new("RGB", (160, 90))]):
        coded, hay = made.hay(picture, index, rng)
        for size in (6, 10, 16):
            needle = made.needle(picture, Overlay("words", size), index, coded)
            assert len(needle) == len(hay)
            assert not np.array_equal(_decoded(made, needle), _decoded(made, hay))


@pytest.mark.parametrize("name", sorted(CODERS))
def test_a_needle_that_cannot_fit_is_an_error(name: str) -> None:
    """A packet too small for even the coarsest coding is refused, not exceeded."""
    with pytest.raises(MediaError, match="does not fit into 70 bytes"):
        _make(name).needle(PICTURES[0], Overlay("words", 9), 0, Coded(8, 60, 70))


def test_unknown_codecs_and_odd_sizes_are_refused() -> None:
    """The message names the nearest codec, or an even size."""
    with pytest.raises(UnknownOptionError, match="h264"):
        coder("h265", 160, 90, Fraction(1))
    with pytest.raises(ConfigError, match="160x90"):
        coder(DEFAULT, 161, 91, Fraction(1))
