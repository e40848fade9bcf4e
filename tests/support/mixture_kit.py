"""Mixtures that are made in a moment: small pictures, short films, and bursts of noise in the place of voices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from film_kit import SOURCES as FILMS
from sound_kit import SOURCES as SOUNDS
from sound_kit import Bursts

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.text.sources import chronicle, repeat
from lm_eval_longctx.sweep import parse_sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lm_eval_longctx.hay.speech.source import Pool


class LongBursts(Bursts):
    """Only what lasts seven seconds."""

    def pool(self, samples: int, settings: Any) -> Pool:
        """Return one burst, said to be seven seconds long."""
        found = super().pool(samples, settings)
        return replace(found, utterances=(replace(found.utterances[0], samples=7 * 16_000),))


SOURCES = {**FILMS, **SOUNDS, "long": LongBursts, "chronicle": chronicle, "repeat": repeat}
SMALL = {"resolution": "160x90", "overlay_size": 6, "speech": "bursts", "pool": "20s", "film_seconds": 2}


@pytest.fixture(scope="session")
def mixed_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so that nothing is made twice."""
    return tmp_path_factory.mktemp("mixed")


@pytest.fixture
def mix(mixed_cache: Path) -> Callable[..., Any]:
    """Make a builder of mixtures from metadata."""

    def make(kind: Any, **metadata: Any) -> Any:
        given = {"version": 1, "context_lengths": ["3k"], "depths": 3, **SMALL, **metadata}
        sweep = parse_sweep(given, task="mixed", unit=kind.UNIT, options=kind.OPTIONS)
        return kind(sweep, BuildContext(SOURCES.__getitem__, mixed_cache))

    return make
