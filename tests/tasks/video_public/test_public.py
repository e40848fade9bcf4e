"""Public sets, read by their own schemas from made-up copies."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.prompt import ImagePart, VideoPart
from lm_eval_longctx.scorers.choice import ChoiceScorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.video_public.builder import PublicVideoBuilder
from lm_eval_longctx.tasks.video_public.sets import SETS, youtube_id
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.hay.base import BuildContext

FILM = "abcdefghijk"
OTHER = "lmnopqrstuv"
PROMPT = (
    "Watch the video. Question: Who sings? Options: (A) a man (B) a woman (C) nobody (D) a choir (E) a child\n"
    "End with Final Answer: (X)"
)


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        lines = (json.dumps(row) for row in rows)
        path.write_text("\n".join(lines) if path.suffix == ".jsonl" else json.dumps(rows), encoding="utf-8")
    return path


COPIES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "1h-videoqa": (
        "export.csv",
        [
            {
                "Video URL": f"https://www.youtube.com/watch?v={FILM}",
                "Question": "Who sings?",
                "Capability": "Recall",
                "Prompt": PROMPT,
            },
            {
                "Video URL": f"https://youtu.be/{OTHER}?t=3",
                "Question": "Who sings?",
                "Capability": "Reasoning",
                "Prompt": PROMPT,
            },
        ],
    ),
    "video-mme": (
        "videomme/test-00000-of-00001.parquet",
        [
            {
                "video_id": "001",
                "duration": duration,
                "domain": "d",
                "sub_category": "s",
                "url": "u",
                "videoID": film,
                "question_id": f"{film}-1",
                "task_type": "Counting",
                "question": "How many?",
                "options": ["A. One.", "B. Two.", "C. Three.", "D. Four."],
                "answer": "C",
            }
            for film, duration in ((FILM, "long"), (OTHER, "short"))
        ],
    ),
    "lvbench": (
        "video_info.meta.jsonl",
        [
            {
                "key": film,
                "type": "cartoon",
                "qa": [
                    {
                        "uid": f"{film}{n}",
                        "question": "What is red?\n(A) the car\n(B) the sky\n(C) the sea\n(D) the hat",
                        "answer": "D",
                        "question_type": ["event understanding"],
                        "time_reference": "00:15-00:19",
                    }
                    for n in (1, 2)
                ],
            }
            for film in (FILM, OTHER)
        ],
    ),
    "longvideobench": (
        "lvb_val.json",
        [
            {
                "id": f"{film}_0",
                "video_id": film,
                "video_path": f"{film}.mp4",
                "subtitle_path": "x.json",
                "question": "Which?",
                "option0": "left",
                "option1": "right",
                "option2": "up",
                "option3": "N/A",
                "option4": "N/A",
                "correct_choice": 1,
                "duration": 8.0,
                "duration_group": group,
                "question_category": "T3E",
                "topic_category": "t",
                "starting_timestamp_for_subtitles": 0,
            }
            for film, group in ((FILM, 3600), (OTHER, 15))
        ],
    ),
}
RIGHT = {"1h-videoqa": None, "video-mme": "C", "lvbench": "D", "longvideobench": "B"}
COUNT = {"1h-videoqa": 2, "video-mme": 2, "lvbench": 4, "longvideobench": 2}


@pytest.fixture
def copy(tmp_path: Path, shoot: Callable[..., Path]) -> Callable[..., dict[str, str]]:
    """Make a copy of a set: its question file and tiny films."""

    def make(name: str, films: tuple[str, ...] = (FILM, OTHER)) -> dict[str, str]:
        file, rows = COPIES[name]
        _write(tmp_path / "copy" / file, rows)
        for film in films:
            shoot(f"copy/{film}.mp4", [n / 5 for n in range(41)])
        return {"set": name, "questions": str(tmp_path / "copy"), "videos": str(tmp_path / "copy")}

    return make


@pytest.fixture
def build(context: BuildContext) -> Callable[..., PublicVideoBuilder]:
    """Make a builder from metadata."""

    def make(**metadata: Any) -> PublicVideoBuilder:
        options = PublicVideoBuilder.OPTIONS
        flags = {"has_depth": False, "has_length": False}
        settings = {"resolution": "64x48", **metadata}
        return PublicVideoBuilder(
            parse_sweep(settings, task="public", unit=Unit.SECONDS, options=options, **flags), context
        )

    return make


@pytest.mark.parametrize("name", sorted(SETS))
def test_each_set_is_read_by_its_own_schema(
    name: str, build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]]
) -> None:
    """Questions, options without letters, right letter and film come out; samples fit the scorer; names differ."""
    samples = build(**copy(name)).samples()
    assert len(samples) == COUNT[name]
    assert len({sample["id"] for sample in samples}) == COUNT[name]
    scorer = ChoiceScorer({})
    for sample in samples:
        scorer.validate(sample)
        assert sample["target"] == RIGHT[name]
        assert not any(option.startswith(("A.", "(A)")) for option in sample["options"])
        assert "(A)" not in sample["question"]
        assert sample["cluster"].removesuffix(".mp4") in {FILM, OTHER}
        assert sample["realised_length"] == pytest.approx(8.04, abs=0.1)
        assert sample["context_label"] == "1m"
    sizes = {"1h-videoqa": 5, "video-mme": 4, "lvbench": 4, "longvideobench": 3}
    assert {len(sample["options"]) for sample in samples} == {sizes[name]}
    last = {"1h-videoqa": "a child", "video-mme": "Four.", "lvbench": "the hat", "longvideobench": "up"}
    assert samples[0]["options"][-1] == last[name]


def test_the_user_s_own_file_is_sent_as_it_is(
    build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]]
) -> None:
    """Native form points to the film, beside nothing but a blind question."""
    builder = build(**copy("lvbench"), frames=["all", 0], max_questions=1)
    media = {sample["frames"]: list(builder.render(sample).media()) for sample in builder.samples()}
    (film,) = media["all"]
    assert isinstance(film, VideoPart)
    assert film.path.endswith(f"{FILM}.mp4")
    assert media[0] == []


def test_a_film_and_its_frames_are_no_two_rows_of_a_run(
    build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]]
) -> None:
    """A ladder of frames is pictures from one to all; as a film, no number of frames can be asked for."""
    builder = build(**copy("lvbench"), form="frames", frames=["all", 4, 1, 0], max_questions=1)
    prompts = {sample["frames"]: builder.render(sample) for sample in builder.samples()}
    kinds = {frames: [type(part) for part in prompt.media()] for frames, prompt in prompts.items()}
    assert kinds == {"all": [ImagePart] * 8, 4: [ImagePart] * 4, 1: [ImagePart], 0: []}
    assert next(prompts[1].parts()).text.startswith("This is one frame of a video, after its time.")
    with pytest.raises(ConfigError, match="frames: 4 are pictures, and form: native sends films"):
        build(**copy("lvbench"), frames=["all", 4])


@pytest.mark.parametrize("sound", [False, True])
def test_a_film_has_the_sound_that_it_has(
    build: Callable[..., PublicVideoBuilder],
    copy: Callable[..., dict[str, str]],
    add_sound: Callable[[Path], None],
    sound: bool,
) -> None:
    """Whether there is a sound track is read from the file, and no public set's question depends on it."""
    given = copy("lvbench")
    if sound:
        add_sound(Path(given["videos"]) / f"{FILM}.mp4")
    (sample,) = build(**given, max_questions=1).samples()
    (film,) = build(**given, max_questions=1).render(sample).media()
    assert isinstance(film, VideoPart)
    assert (film.has_audio, film.silent_too) == (sound, True)


def test_all_frames_at_the_asked_rate(
    build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]]
) -> None:
    """As frames, a film of eight seconds gives eight at one a second, with their times."""
    builder = build(**copy("video-mme"), form="frames", groups=["long"])
    (sample,) = builder.samples()
    parts = list(builder.render(sample).parts())
    assert sum(isinstance(part, ImagePart) for part in parts) == sample["pictures"] == 8
    assert "00:07 " in [getattr(part, "text", "") for part in parts]


def test_missing_films_are_listed(
    build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]], context: BuildContext
) -> None:
    """A missing film stops the run with a manifest, or its questions are left out and counted."""
    settings = copy("lvbench", films=(FILM,))
    with pytest.raises(CorpusError, match=rf"1 of 2 films are not in .* \(first: {OTHER}\).*set missing: skip"):
        build(**settings).samples()
    manifest = json.loads((context.cache_dir / "video" / "manifests" / "public.json").read_text(encoding="utf-8"))
    assert manifest["missing_films"] == [OTHER]
    assert len(manifest["questions_left_out"]) == 2
    samples = build(**settings, missing="skip").samples()
    assert [sample["cluster"] for sample in samples] == [FILM, FILM]
    assert samples[0]["left_out"] == {"films": 1, "questions": 2}


def test_licence_and_size_are_said_first(
    build: Callable[..., PublicVideoBuilder], copy: Callable[..., dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Licence, size and what frames lack are logged before anything is read; without paths the error has them."""
    build(**copy("longvideobench")).samples()
    assert "CC-BY-NC-SA-4.0" in caplog.text
    assert "160 GB" in caplog.text
    assert "as frames, its sound is left out" in caplog.text
    for name, public in SETS.items():
        with pytest.raises(CorpusError, match="needs your own copy") as error:
            build(set=name).samples()
        assert public.licence in str(error.value)
        assert public.size in str(error.value)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"key": FILM, "qa": [{"uid": "1", "question": "What?", "answer": "A"}]}], "has 0 options"),
        ([{"key": FILM, "qa": [{"uid": "1", "question": "What?\n(A) x\n(B) y", "answer": "C"}]}], "not one of AB"),
        ([{"key": FILM, "qa": [{"uid": "1", "question": "", "answer": "A"}]}], "has no 'question'"),
        ([{"clip": FILM, "query": "What?"}], "has no 'key'.*columns are clip, query"),
    ],
)
def test_rows_that_do_not_fit_are_named(
    build: Callable[..., PublicVideoBuilder], tmp_path: Path, rows: list[dict[str, Any]], says: str
) -> None:
    """A wrong file or a broken question gets one line with its number and the columns that are there."""
    path = _write(tmp_path / "questions.jsonl", rows)
    with pytest.raises(CorpusError, match=says):
        build(set="lvbench", questions=str(path), videos=str(tmp_path)).samples()


@pytest.mark.parametrize(
    ("name", "says"), [("gone.csv", "does not exist"), ("empty.json", "holds no rows"), ("q.zip", "not of a kind")]
)
def test_question_files_that_cannot_be_read_are_named(
    build: Callable[..., PublicVideoBuilder], tmp_path: Path, name: str, says: str
) -> None:
    """Each gets one line with its name."""
    if name != "gone.csv":
        (tmp_path / name).write_text("[]", encoding="utf-8")
    with pytest.raises(CorpusError, match=says):
        build(set="1h-videoqa", questions=str(tmp_path / name), videos=str(tmp_path)).samples()


def test_a_set_must_be_named(build: Callable[..., PublicVideoBuilder]) -> None:
    """The YAML says which set it is."""
    with pytest.raises(ConfigError, match="must name its set"):
        build()


@pytest.mark.parametrize(
    "address",
    [f"https://www.youtube.com/watch?v={FILM}&t=10s", f"https://youtu.be/{FILM}", f"youtube.com/embed/{FILM}", FILM],
)
def test_films_are_known_by_their_youtube_name(address: str) -> None:
    """All usual addresses of a film give its eleven characters; others are refused."""
    assert youtube_id(address, 1) == FILM
    with pytest.raises(CorpusError, match="question 7"):
        youtube_id("https://example.org/film", 7)
