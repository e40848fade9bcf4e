"""Prompts made again from what a result file keeps, with the needle in its surroundings."""

from __future__ import annotations

import io
import json
from itertools import islice

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_media import film, picture, sound

from lm_eval_longctx.errors import ConfigError, ResultsError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.preview import Recipes, excerpts
from lm_eval_longctx.preview.marks import TextMark, text_marks
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart, file_digest
from lm_eval_longctx.sample import recipe_digest
from lm_eval_longctx.sweep import Sweep

activate_now()

TEXTS = sorted(
    task.name
    for task in listed_tasks()
    if task.kind == "task"
    and "longctx-public" not in task.tags
    and not any(f"_{medium}_" in task.name for medium in ("image", "audio", "video", "mixed"))
)
SHORT = {"manyshot": "200", "plan_shots": "8", "docqa": "4k", "": "8k"}
WITHOUT = ("manyshot", "plan_shots", "translation", "closed_book", "retrieved", "aggregate", "process", "text_words")
"""Parts of the names of tasks whose prompts need not hold the answer in one place."""


def written(name: str, count: int = 3) -> tuple[Recipes, list[dict], list[Prompt]]:
    """Return recipes as a result file would have them, samples as its log would, and the prompts that were sent."""
    length = next(length for word, length in SHORT.items() if word in name)
    task = one_task(name, {"context_lengths": [length], "samples_per_cell": 1})
    plain = json.loads(json.dumps([task.sweep.to_dict(), task.config.metadata]))
    docs = list(islice(task.test_docs(), count))
    return Recipes(plain[1], plain[0]), json.loads(json.dumps(docs)), [task.builder.render(doc) for doc in docs]


@pytest.mark.parametrize("name", TEXTS)
def test_a_prompt_is_made_again_from_plain_values(name: str) -> None:
    """From JSON alone every text task's prompts come out byte for byte, with what was hidden shown where it stands."""
    recipes, samples, sent = written(name)
    assert [recipes.prompt(sample).digest for sample in samples] == [prompt.digest for prompt in sent]
    assert all(recipe_digest(sample, recipes.sweep.options) == sample["recipe_digest"] for sample in samples)
    for sample, prompt in zip(samples, sent, strict=True):
        shown = list(recipes.excerpts(sample, context=60))
        assert shown or sample.get("absent") or any(word in name for word in WITHOUT)
        for one in shown:
            assert one.before + one.text + one.after in prompt.text()
            assert max(len(one.before), len(one.after)) <= 60


def test_a_changed_sample_has_another_recipe() -> None:
    """Any value of a sample that is changed changes the digest of its recipe; what it is called later does not."""
    recipes, (sample, *_), _ = written("longctx_text_niah", 1)
    digest = recipe_digest(sample, recipes.sweep.options)
    for key in sample.keys() - {"recipe_digest"}:
        assert recipe_digest({**sample, key: "another"}, recipes.sweep.options) != digest
    called = {**sample, "asked_label": sample["context_label"], "context_label": "7k", "label_length": 7123}
    assert recipe_digest(called, recipes.sweep.options) == digest


def test_private_benchmarks_are_not_shown() -> None:
    """Of a benchmark whose texts must not be written to logs there are no excerpts."""
    recipes, (sample, *_), _ = written("longctx_text_niah", 1)
    assert list(recipes.excerpts(sample))
    assert not list(recipes.excerpts({**sample, "private": True}))


def test_what_names_no_builder_is_refused() -> None:
    """Metadata of an older result file, or of another task, are an error in one line."""
    task = one_task("longctx_text_niah", {})
    with pytest.raises(ResultsError, match="does not name the task's builder"):
        Recipes({}, task.sweep.to_dict())
    with pytest.raises(ConfigError, match="no specification of a sweep"):
        Sweep.from_dict({"task": "x"})


def test_specifications_come_back() -> None:
    """A sweep is the same after it was written to a result file and read again."""
    for name in ("longctx_text_niah", "longctx_audio_niah", "longctx_video_qa", "longctx_image_niah"):
        sweep = one_task(name, {}).sweep
        again = Sweep.from_dict(json.loads(json.dumps(sweep.to_dict())))
        assert again.to_dict() == sweep.to_dict()
        kinds = [{key: type(value) for key, value in vars(one).items()} for one in (again, sweep)]
        assert kinds[0] == kinds[1]


@given(st.lists(st.text("abc ", max_size=12), max_size=8), st.text("abc", min_size=1, max_size=5))
def test_passages_are_found_over_the_joints_of_parts(texts: list[str], passage: str) -> None:
    """However a prompt is cut into parts, a passage is marked where joining all text finds it first."""
    prompt = Prompt.user(*map(TextPart, texts))
    at = prompt.text().find(passage)
    sample = {"target": "x", "realised_depth": None}
    assert text_marks(prompt, sample, [passage]) == ([] if at < 0 else [TextMark(at, at + len(passage))])


@pytest.mark.parametrize(
    ("target", "depth", "marked"),
    [("needle", None, ["needle"]), ("hay", None, []), ("hay", 0.9, ["hay"]), (["needle", "no"], None, ["needle"])],
)
def test_without_passages_the_answer_is_looked_for(target: object, depth: float | None, marked: list[str]) -> None:
    """A plugin's task that tells no passages has its answer marked if it stands there once, or at the known depth."""
    prompt = Prompt.user(TextPart("hay hay hay needle "), TextPart("hay hay"))
    sample = {"target": target, "realised_depth": depth}
    assert [prompt.text()[m.start : m.stop] for m in text_marks(prompt, sample, ())] == marked


def test_frames_around_a_needle_in_film(tmp_path) -> None:
    """A film's excerpt is the needle's frame, marked, between its neighbours, each as it is at that moment."""
    part = film(tmp_path, seconds=4, rate=5)
    sample = {"target": "x", "realised_depth": 0.5, "needles": [{"value": "x", "picture": 2, "start": 2.0, "end": 3.0}]}
    shown = list(excerpts(Prompt.user(part, TextPart("?")), sample))
    assert [(one.caption, one.needle) for one in shown] == [
        ("0:01 of 0:04", False),
        ("0:02 of 0:04", True),
        ("0:03 of 0:04", False),
    ]
    shades = [float(np.asarray(Image.open(io.BytesIO(one.data)))[..., 0].mean()) for one in shown]
    assert shades == pytest.approx([50, 100, 150], abs=6)


def test_the_needles_picture(tmp_path) -> None:
    """Of pictures one by one, the one that carries the needle is shown, as small as was asked."""
    pictures = [picture(tmp_path, shade, 200) for shade in (40, 90, 140)]
    sample = {"target": "x", "realised_depth": 0.5, "needles": [{"value": "otter", "picture": 1}]}
    (shown,) = excerpts(Prompt.user(*pictures), sample, width=50)
    assert (shown.caption, shown.text) == ("picture 2 of 3", "otter")
    small = Image.open(io.BytesIO(shown.data))
    assert small.size == (50, 50)
    assert np.asarray(small).mean() == pytest.approx(90, abs=3)


def test_frames_of_a_film_are_found_by_their_times(tmp_path) -> None:
    """Where film went as pictures with their times, the one nearest to the evidence is shown."""
    parts = [p for n, shade in enumerate((40, 90, 140)) for p in (TextPart(f"\n0{n}:30 "), picture(tmp_path, shade))]
    sample = {"target": "A", "options": ["1", "2"], "realised_depth": None, "evidence": [95.0], "kind": "order"}
    (shown,) = excerpts(Prompt.user(*parts), sample)
    assert shown.caption == "picture 2 of 3"


@pytest.mark.parametrize(("kind", "rate"), [("wav", 16_000), ("flac", 16_000), ("ogg", 48_000), ("mp3", 44_100)])
def test_seconds_of_sound_hold_the_needle_where_they_say(tmp_path, kind: str, rate: int) -> None:
    """A clip around a needle is loud between the two seconds that it names and silent elsewhere, in any file."""
    wave = np.zeros(60 * rate, np.float32)
    wave[40 * rate : 41 * rate] = np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) / 2
    path = tmp_path / f"tone.{kind}"
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for block in np.split(wave, 60):  # libsndfile's Vorbis overflows the stack with more at once
            file.write(block)
    part = AudioPart(str(path), file_digest(path), f"audio/{kind}", 60.0, rate)
    sample = {"target": "x", "realised_depth": 0.6, "needles": [{"value": "x", "text": "beep", "start": 40, "end": 41}]}
    (shown,) = excerpts(Prompt.user(part), sample)
    assert (shown.text, shown.seconds, shown.caption) == ("beep", (2.0, 3.0), "0:38.0 to 0:43.0 of 1:00")
    heard, at = soundfile.read(io.BytesIO(shown.data))
    loud = np.flatnonzero(np.abs(heard) > 0.1) / at
    assert (loud[0], loud[-1]) == pytest.approx((2.0, 3.0), abs=0.12)
    assert len(shown.data) < 100_000


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ({"kind": "image", "item": 2}, [("image", "picture 1 of 3", True)]),
        ({"kind": "audio", "item": 3}, [("audio", "0:00.0 to 0:01.0 of 0:01", True)]),
        ({"kind": "video", "item": 4, "picture": 1, "start": 1.0, "end": 2.0}, [("image", "picture 3 of 3", True)]),
        ({"kind": "image", "item": 2, "asked": False}, []),
        ({"kind": "image", "item": 9}, []),
    ],
)
def test_needles_in_mixtures_are_found_by_their_items(tmp_path, note, expected) -> None:
    """In numbered items of several kinds, also films that go as pictures, the one that hides the needle is shown."""
    shades = [picture(tmp_path, shade) for shade in (40, 90, 140)]
    parts = [
        TextPart("[1: page]\nA page."),
        *(TextPart("\n\n[2: picture]\n"), shades[0]),
        *(TextPart("\n\n[3: recording]\n"), sound(tmp_path)),
        *(TextPart("\n\n[4: film]\n"), TextPart("00:00 "), shades[1], TextPart("00:01 "), shades[2]),
    ]
    sample = {"target": "x", "realised_depth": 0.5, "hidden": [{"text": "It is x.", "asked": True, **note}]}
    shown = excerpts(Prompt.user(*parts), sample)
    assert [(one.kind, one.caption, one.needle) for one in shown] == expected
