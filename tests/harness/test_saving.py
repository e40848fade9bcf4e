"""What lm-eval could not save: kept elsewhere where that is possible, never left half, and always said."""

from __future__ import annotations

import json
import logging
import resource
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import small_disk
from lm_eval.loggers import EvaluationTracker

from lm_eval_longctx.harness.ending import ENDING
from lm_eval_longctx.harness.saving import watch_saving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE = {"doc_hash": "1", "prompt_hash": "2", "target_hash": "3", "target": 1, "resps": [["x"]], "filtered_resps": []}


class Tracker(EvaluationTracker):
    """lm-eval's own, in a class of its own, so that no other test meets what is added to it."""


class Silent(EvaluationTracker):
    """A tracker whose files are cut without anybody being told, as some network file systems do."""

    def save_results_aggregated(self, results: dict[str, Any], samples: dict[str, Any] | None = None) -> None:
        """Save, and lose the end."""
        super().save_results_aggregated(results, samples)
        cut(Path(self.output_path), "results_*")

    def save_results_samples(self, task_name: str, samples: Any) -> None:
        """Likewise."""
        super().save_results_samples(task_name, samples)
        cut(Path(self.output_path), "samples_*")


def cut(folder: Path, form: str) -> None:
    """Cut the end off files in a folder, or beside a file."""
    for file in (folder.parent if folder.suffix else folder).rglob(form):
        file.write_bytes(file.read_bytes()[:-20])


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a cache folder, the one place that has room, and a run of a task of ours."""
    for name in ("cache", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ENDING.begin()
    ENDING.task("t", [])
    yield tmp_path
    ENDING.begin()


def saved(out: Path, name: str = "m", cls: type[EvaluationTracker] = Tracker, **more: Any) -> EvaluationTracker:
    """Save results of a model of this name and three samples, as lm-eval's command does."""
    tracker = cls(str(out))
    watch_saving(tracker)
    vars(tracker).update({key: value for key, value in more.items() if key in vars(tracker)})
    tracker.general_config_tracker.model_name = tracker.general_config_tracker.model_name_sanitized = name
    samples = [{**SAMPLE, "arguments": [("what?", {"until": []})], **more.get("sample", {})} for _ in range(3)]
    tracker.save_results_aggregated(results={"results": {"t": 1}}, samples={"t": samples})
    tracker.save_results_samples(task_name="t", samples=samples)
    return tracker


def files(folder: Path) -> list[str]:
    """Return what kinds of files lie below a folder."""
    return sorted(file.name.partition("_")[0] + file.suffix for file in folder.rglob("*_*") if file.is_file())


def a_file(out: Path, _: ExitStack) -> dict[str, Any]:
    """Put a file where the folder would have to be."""
    out.write_text("x", encoding="utf-8")
    return {}


def a_long_name(_: Path, __: ExitStack) -> dict[str, Any]:
    """Name the model in more letters than a file's name may have."""
    return {"name": "m" * 300}


def no_room(out: Path, until: ExitStack) -> dict[str, Any]:
    """Fill the disk."""
    until.enter_context(small_disk.full_disk(out))
    return {}


def some_room(out: Path, until: ExitStack) -> dict[str, Any]:
    """Leave room for the results, and not for the samples."""
    until.enter_context(small_disk.full_disk(out, free=8192))
    return {"sample": {"doc": "x" * 8000}}


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (a_file, r"Not a directory|File exists"),
        (a_long_name, "File name too long"),
        (no_room, "No space left on device"),
        (some_room, "No space left on device"),
    ],
)
def test_what_cannot_be_saved_is_kept_elsewhere(places: Path, trouble: Callable[..., Any], why: str) -> None:
    """Whatever keeps lm-eval from saving, all is whole in a folder that the last line names, and no half is left."""
    out = places / "out"
    with ExitStack() as until:
        saved(out, **trouble(out, until))
        assert files(places) == ["results.json", "samples.jsonl"]
    (place,) = (places / "cache").iterdir()
    for log in place.glob("samples_*"):
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        assert [line["arguments"] for line in lines] == [{"gen_args_0": {"arg_0": "what?", "arg_1": {"until": []}}}] * 3
    assert ENDING.status == 1
    words = ENDING.last_words()
    assert f"could not be saved in {out} (" in words
    assert f"{place} instead" in words
    assert any(one in words for one in why.split("|")), words
    assert words.endswith("(exit status 1)")


def too_large(_: Path, until: ExitStack) -> dict[str, Any]:
    """Let no file have more than 100 bytes, wherever it is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    until.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
    return {}


def no_text(_: Path, __: ExitStack) -> dict[str, Any]:
    """Put into a sample what UTF-8 has no bytes for."""
    return {"sample": {"doc": "\ud800"}}


@pytest.mark.parametrize(("trouble", "why"), [(too_large, "File too large"), (no_text, "UnicodeEncodeError")])
@pytest.mark.parametrize("recorded", [True, False])
def test_what_can_be_saved_nowhere_is_said(places: Path, trouble: Callable[..., Any], why: str, recorded: bool) -> None:
    """Where there is room nowhere, nothing half has the name of a whole file, and the line tells what is left."""
    with ExitStack() as until:
        given = trouble(places, until)
        ENDING.model(
            {"unsent": 0, "stopped": "", "reasons": {}},
            {"accept_incomplete": True, "ledger": None if recorded else "none"},
        )
        saved(places / "out", **given)
    assert "samples.cut" in files(places)
    assert "samples.jsonl" not in files(places)
    assert list((places / "cache").iterdir()) == []
    assert ENDING.status == 1
    assert f"the samples of t could not be saved in {places / 'out'} ({why}" in ENDING.last_words()
    assert "run the same command again" in ENDING.last_words()
    assert ("all answers are in the ledger" if recorded else "no ledger has the answers") in ENDING.last_words()


def test_what_is_cut_in_silence_is_found(places: Path) -> None:
    """A file that is not whole is found by looking at it, where nobody was told of an error."""
    saved(places / "out", cls=Silent)
    assert "results_" in ENDING.last_words()
    assert " is cut)" in ENDING.last_words()
    assert files(places) == ["results.cut", "samples.cut"]


def test_what_is_whole_is_not_spoken_of(places: Path) -> None:
    """A run whose files are whole ends with 0 and without a word, in a folder or beside a named file."""
    saved(places / "out")
    saved(places / "own" / "name.json")
    assert files(places) == ["name.json", "results.json", "samples.jsonl", "samples.jsonl"]
    assert ENDING.status == 0
    assert ENDING.last_words() == ""


def test_runs_without_us_are_left_alone(places: Path) -> None:
    """Where neither a task nor the model is ours, lm-eval saves as it does without us."""
    ENDING.begin()
    saved(places / "out", name="m" * 300)
    assert files(places) == []
    assert ENDING.status == 0


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_what_is_not_handed_on_is_said(places: Path, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """Results that are saved and could not be put on the hub are said to be so, however little lm-eval may log."""

    class Hub:
        """Takes nothing."""

        def create_repo(self, **_: Any) -> None:
            """Refuse."""
            raise PermissionError(13, "this token may not write")

    with caplog.at_level(level, logger=EvaluationTracker.__module__):
        saved(places / "out", api=Hub(), push_results_to_hub=True)
    assert ENDING.status == 1
    assert "the results are saved in" in ENDING.last_words()
    assert "this token may not write" in ENDING.last_words()
    assert [record.levelno for record in caplog.records if record.levelno < level] == []
