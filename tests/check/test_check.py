"""The command that checks tasks: what is broken is found by the question that it is about, and by no other."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import broken_tasks
import pytest

from lm_eval_longctx.check import FAST, ROWS, Subject, check, search
from lm_eval_longctx.check.sameness import GOLDEN
from lm_eval_longctx.cli import main
from lm_eval_longctx.cli.check import chosen
from lm_eval_longctx.harness import planning
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROKEN = [
    ("ignoresanoption", "settings"),
    ("takesanyhay", "settings"),
    ("isneverright", "oracle"),
    ("alwaysthesameanswer", "blind floor"),
    ("neartogether", "half the context"),
    ("needsnoletter", "half the context"),
    ("saysittwice", "needle"),
    ("saysanotherdepth", "needle"),
    ("saysanotherlength", "length"),
    ("toolong", "length"),
    ("callsitlonger", "label"),
    ("samehay", "overlap"),
    ("ignorestheindex", "distinct"),
    ("ignorestheseed", "other seed"),
    ("hangsonhashes", "same bytes"),
]
"""Kind of task, and the question that finds what is wrong with it."""


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Plug the broken tasks in, here and for other processes."""
    folder = tmp_path_factory.mktemp("plugin")
    broken_tasks.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        registry.cache_clear()
        planning._manager.cache_clear()
        yield
    registry.cache_clear()
    planning._manager.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contributor's folder with a YAML of each kind."""
    folder = tmp_path_factory.mktemp("mine")
    for kind in broken_tasks.KINDS:
        broken_tasks.write_task(folder, kind)
    return folder


def verdicts(folder: Path, kind: str, **metadata: Any) -> dict[str, Any]:
    """Check a kind of task in the fast form; return its verdicts by row."""
    (listed,) = chosen([f"notes_{kind}"], [str(folder)])
    return {found.row: found for found in check(Subject(listed, metadata, FAST, [str(folder)]))}


def failed(found: dict[str, Any]) -> set[str]:
    """Return the rows that failed."""
    return {row for row, verdict in found.items() if verdict.state == "failed"}


def test_a_task_that_is_as_it_should_be_passes(folder: Path) -> None:
    """Each question is answered, none failed; left out are what nobody can tell and a digest that nobody kept."""
    found = verdicts(folder, "healthy")
    assert failed(found) == set(), found
    assert [row.name for row in ROWS] == list(found)
    assert [row for row, verdict in found.items() if verdict.state == "skipped"] == [
        *("word search", "embedding search", "golden"),
    ]


@pytest.mark.parametrize(
    ("name", "hits"),
    [("niah_paraphrase_longctx", "first in 0 of 8, among 5 in 0"), ("niah_relation_longctx", "first in 8 of 8")],
)
def test_what_a_search_for_words_finds_is_told(name: str, hits: str) -> None:
    """BM25 finds a needle that shares words with its question, and none that shares no word; neither is a fault."""
    (listed,) = chosen([name], [])
    found = {verdict.row: verdict for verdict in check(Subject(listed, {}, FAST))}["word search"]
    assert (found.state, hits in found.said) == ("ok", True), found
    assert "1k: first in" in found.details[0]


def test_a_search_by_meaning_finds_what_shares_no_word() -> None:
    """Embeddings rank a needle without shared words among five more often than BM25, which never does."""
    pytest.importorskip("wordllama", reason="the extra embeddings is not installed")
    (listed,) = chosen(["niah_paraphrase_longctx"], [])
    subject = Subject(listed, {"context_lengths": ["1k"], "samples_per_cell": 4}, replace(FAST, prompts=12))
    words, meaning = search.word_search(subject), search.embedding_search(subject)
    assert words.said == "BM25 ranks the answer first in 0 of 12, among 5 in 0"
    assert int(meaning.said.rpartition(" ")[2]) >= 2, meaning


def test_without_the_extra_the_control_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no embeddings are installed the row is skipped with the command, and nothing else changes."""
    monkeypatch.setitem(sys.modules, "wordllama", None)
    search._model.cache_clear()
    (listed,) = chosen(["niah_relation_longctx"], [])
    found = {verdict.row: verdict for verdict in check(Subject(listed, {}, FAST))}["embedding search"]
    assert (found.state, "pip install 'lm-eval-longctx[embeddings]'" in found.said) == ("skipped", True), found


@pytest.mark.parametrize(("kind", "row"), BROKEN)
def test_what_is_broken_is_found(folder: Path, kind: str, row: str) -> None:
    """Each way to break a task fails the question that it is about, with a line that shows it."""
    found = verdicts(folder, kind)
    assert row in failed(found), found
    assert found[row].details or row in {"overlap", "distinct"}


def test_every_question_has_a_task_that_fails_it() -> None:
    """No question is put that was never seen to fail, but for the controls, which cannot."""
    elsewhere = {"word search", "embedding search", "readme", "samples", "golden"}
    assert {row.name for row in ROWS} == {row for _, row in BROKEN} | elsewhere


def test_samples_that_cannot_be_made_end_the_check(folder: Path) -> None:
    """The builder's own words are told, and what needs samples is left out."""
    found = verdicts(folder, "refuses")
    assert failed(found) == {"samples"}
    assert "there are no notes today" in found["samples"].said
    assert {found[row.name].state for row in ROWS if row.needs_samples} == {"failed", "skipped"}


def test_a_folder_without_a_page_fails(tmp_path: Path) -> None:
    """A task must be told about: a page beside it names it."""
    broken_tasks.write_task(tmp_path / "a", "healthy", readme=False)
    assert "readme" in failed(verdicts(tmp_path / "a", "healthy"))
    (tmp_path / "a" / "README.md").write_text("# Others\n", "utf-8")
    assert "readme" in failed(verdicts(tmp_path / "a", "healthy"))


def test_a_digest_holds_until_the_version_is_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is kept with ``--freeze`` passes; another prompt fails until the version is raised."""
    mine = tmp_path / "mine"
    broken_tasks.write_task(mine, "healthy")
    command = ["check", "--include_path", str(mine), "notes_healthy"]
    assert main([*command, "--freeze"]) == 0
    assert GOLDEN in capsys.readouterr().out
    assert verdicts(mine, "healthy")["golden"].state == "ok"
    preset = {"context_lengths": ["1k"], "depths": 3, "haystack": "notes", "digits": 8}
    for version, state in ((1, "failed"), (2, "skipped")):
        broken_tasks.write_task(mine, "healthy", version=version, presets={"default": preset})
        planning._manager.cache_clear()
        assert verdicts(mine, "healthy")["golden"].state == state


def test_the_command_tells_and_exits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with a line a question, the failed ones with reasons; exit status 1 if any failed, else 0; and JSON."""
    command = ["check", "--fast", "--include_path", str(folder)]
    assert main([*command, "notes_healthy"]) == 0
    assert main([*command, "saysittwice"]) == 1
    out = capsys.readouterr().out
    assert "needle            failed" in out
    assert "stands 2 times, not 1" in out
    assert main([*command, "--json", "notes_h*y"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [verdict["row"] for verdict in found["notes_healthy"]] == [row.name for row in ROWS]


def test_a_name_that_is_no_task_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt task is an error that names the nearest."""
    assert main(["check", "longctx_text_naih"]) == 1
    assert "did you mean 'longctx_text_niah'" in capsys.readouterr().err


def test_settings_can_be_given(folder: Path) -> None:
    """A task is checked with the settings that a run would have."""
    found = verdicts(folder, "healthy", context_lengths=["2k"], digits=5)
    assert failed(found) == set()
    assert found["label"].said == "2k"
    assert "digits" in found["settings"].said
    assert sys.path[0]  # the plugin's folder, for the other process
