"""What a contestant can learn about the needle from the packets of a file, without looking at pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from pathlib import Path

PICTURES, SAMPLES = 60, 50
LOOK = Look(320, 180, Fraction(1))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, list[bytes]]]:
    """The place of the needle and all packets, for many films."""
    folder = tmp_path_factory.mktemp("films")
    return [_film(folder, number) for number in range(SAMPLES)]


def _film(folder: Path, number: int) -> tuple[int, list[bytes]]:
    rng = Rng(f"giveaway {number}")
    place = rng.below(PICTURES)
    overlay = Overlay('The secret word is "otter"', LOOK.height * 7 // 100, 1.0, rng.random(), rng.random())
    library = Library(Film(f"{number % 5}", LOOK), DEFAULT, folder / "hay")
    path = folder / "film.mp4"
    write_film(library, Cut(PICTURES, {place: overlay}), path)
    with av.open(str(path)) as container:
        return place, [bytes(packet) for packet in container.demux(video=0) if packet.size]


def _rank(scores: np.ndarray, place: int) -> float:
    """Where the needle stands when pictures are sorted by suspicion: 0 is first, 1 last, 0.5 chance."""
    return float(((scores > scores[place]).sum() + ((scores == scores[place]).sum() - 1) / 2) / (len(scores) - 1))


def _local(values: np.ndarray) -> np.ndarray:
    """How far each value lies from the median of its neighbours."""
    padded = np.pad(values, 2, mode="reflect")
    return np.abs(values - np.median([padded[i : i + len(values)] for i in (0, 1, 3, 4)], axis=0))


def _sizes(packets: list[bytes]) -> np.ndarray:
    return np.array([len(packet) for packet in packets], float)


def _stuffing(packets: list[bytes]) -> np.ndarray:
    return np.array([len(packet) - len(packet.rstrip(b"\0")) for packet in packets], float)


def _quantisers(packets: list[bytes]) -> np.ndarray:
    """Read the quantiser out of each picture's header: eight bits, the first after the loop filter's settings.

    Before them lie, in bits: marks 8, sync code 24, colours 4, width 16, height 16, and four flags of 1, 1, 1 and 2;
    the filter's level 6 and sharpness 3; then whether it adapts (1), and if so, whether its six deltas follow (1), each
    a flag and, where set, 7 bits.
    """
    return np.array([_quantiser("".join(f"{byte:08b}" for byte in packet[:40])) for packet in packets], float)


def _quantiser(bits: str) -> int:
    at = 8 + 24 + 4 + 16 + 16 + 5 + 9
    adapts, follow = bits[at] == "1", bits[at : at + 2] == "11"
    at += 1 + adapts
    for _ in range(6 if follow else 0):
        at += 8 if bits[at] == "1" else 1
    return int(bits[at : at + 8], 2)


DETECTORS = {
    "largest packet": _sizes,
    "smallest packet": lambda packets: -_sizes(packets),
    "packet unlike its neighbours": lambda packets: _local(_sizes(packets)),
    "packet unlike the film's": lambda packets: np.abs(_sizes(packets) - np.median(_sizes(packets))),
    "most stuffing": _stuffing,
    "least stuffing": lambda packets: -_stuffing(packets),
    "coded part unlike its neighbours": lambda packets: _local(_sizes(packets) - _stuffing(packets)),
    "largest coded part for its neighbourhood": lambda packets: (
        (_sizes(packets) - _stuffing(packets)) - _local(_sizes(packets) - _stuffing(packets))
    ),
}


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_no_detector_over_packets_ranks_the_needle_above_chance(
    name: str, films: list[tuple[int, list[bytes]]]
) -> None:
    """Over many films the needle's mean rank is that of any picture, within three standard errors."""
    ranks = [_rank(DETECTORS[name](packets), place) for place, packets in films]
    assert abs(np.mean(ranks) - 0.5) < 3 * np.sqrt(1 / 12 / len(ranks))


def test_no_detector_hits_more_often_than_chance(films: list[tuple[int, list[bytes]]]) -> None:
    """No detector's first guess is right in more than a few of fifty films of sixty pictures."""
    for detector in DETECTORS.values():
        hits = sum(int(np.argmax(detector(packets)) == place) for place, packets in films)
        assert hits <= 5  # chance gives 0.8; more than 5 has a probability below 0.001


def test_reading_quantisers_inside_packets_finds_few(films: list[tuple[int, list[bytes]]]) -> None:
    """A program that parses pictures' headers finds fewer than a quarter of the needles: those on plain pictures.

    This is more than chance and told in docs/video-needle.md: a picture of so
    little detail that softening frees no room must be coded coarser.
    """
    hits = sum(int(np.argmax(_quantisers(packets)) == place) for place, packets in films)
    assert hits < len(films) / 4


def test_sizes_carry_no_information_at_all(films: list[tuple[int, list[bytes]]]) -> None:
    """Films of the same hay have the same packet sizes wherever their needles are."""
    for hay in range(5):
        sizes = {tuple(len(packet) for packet in packets) for _, packets in films[hay::5]}
        assert len(sizes) == 1
