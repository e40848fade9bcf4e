"""Films are for other people's players: a browser shows and hears what we wrote."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from lm_eval_longctx.hay.day.film import DaySound
from lm_eval_longctx.hay.day.script import write_day
from lm_eval_longctx.hay.film.codec import DEFAULT
from lm_eval_longctx.hay.film.film import Film
from lm_eval_longctx.hay.film.library import Library
from lm_eval_longctx.hay.film.overlay import Overlay
from lm_eval_longctx.hay.film.reading import frames_at
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.film.splice import Cut, write_film

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS, NEEDLE = 90, 64
LOOK = Look(320, 180, Fraction(1))
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")

PLAY = """async ([source, moments]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const when = name => new Promise((done, fail) => {
    video.addEventListener(name, done, {once: true});
    video.addEventListener('error', () => fail(new Error(video.error.message)), {once: true});
  });
  video.src = source;
  await when('loadeddata');
  const canvas = document.createElement('canvas'), pictures = [];
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  for (const moment of moments) {
    video.currentTime = moment;
    await when('seeked');
    canvas.getContext('2d').drawImage(video, 0, 0);
    pictures.push(canvas.toDataURL('image/png'));
  }
  video.currentTime = 0;
  await when('seeked');
  video.playbackRate = 16;
  await video.play();
  await when('ended');
  return {seconds: video.duration, ended: video.currentTime, pictures,
          heard: video.webkitAudioDecodedByteCount, error: video.error};
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page of a browser without a window, or skip with the reason."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for path in BROWSERS if Path(path).is_file()), None)
    if found is None:
        pytest.skip(f"there is no browser ({', '.join(BROWSERS)})")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def _distance(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of brightness, in steps of 255."""
    return float(np.abs(np.asarray(one.convert("L"), float) - np.asarray(other.convert("L"), float)).mean())


@pytest.mark.media
def test_a_browser_plays_the_default_film_with_its_needle_in_its_second(page: Any, tmp_path: Path) -> None:
    """From start to end, with sound, for as long as planned; each moment shows its picture and no other."""
    library = Library(Film("played", LOOK), DEFAULT, tmp_path / "hay")
    cut = Cut(SECONDS, {NEEDLE: Overlay('The secret word is "otter"', 13)}, DaySound(write_day("heard", SECONDS)))
    write_film(library, cut, tmp_path / "film.mp4")
    write_film(library, Cut(SECONDS, {}), tmp_path / "hay.mp4")
    moments = [0.5, NEEDLE - 0.5, NEEDLE + 0.05, NEEDLE + 0.95, NEEDLE + 1.5, SECONDS - 0.1]
    source = "data:video/mp4;base64," + base64.b64encode((tmp_path / "film.mp4").read_bytes()).decode()
    seen = page.evaluate(PLAY, [source, moments])
    assert (seen["seconds"], seen["ended"], seen["error"]) == (SECONDS, SECONDS, None)
    assert seen["heard"] > SECONDS * 100
    ours, hay = ([shown for _, shown in frames_at(tmp_path / name, moments)] for name in ("film.mp4", "hay.mp4"))
    theirs = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in seen["pictures"]]
    assert max(_distance(a, b) for a, b in zip(theirs, ours, strict=True)) < 3
    assert [_distance(a, b) > 3 for a, b in zip(theirs, hay, strict=True)] == [False, False, True, True, False, False]
