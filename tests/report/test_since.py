"""What changed since an earlier run."""

from __future__ import annotations

import json

import pytest
from made_sweeps import TARGET, block, write_results

from lm_eval_longctx.cli import main
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.report.since import change_lines, changes, differences_since, earlier
from lm_eval_longctx.results import read_runs


def answering(missed, **metadata):
    """Make the block of a model that misses the first so many hays."""
    return block(lambda s: Completion("no idea" if s.index < missed else TARGET), samples_per_cell=4, **metadata)


@pytest.fixture
def folders(tmp_path):
    """A folder of now and one of then: one model in both, one new, one gone."""
    write_results(tmp_path / "then", {"t": answering(2)}, model="a/model", stamp="2026-01-01T00")
    write_results(tmp_path / "then", {"t": answering(0)}, model="b/gone", stamp="2026-01-01T01")
    write_results(tmp_path / "now", {"t": answering(1)}, model="a/model", stamp="2026-02-01T00")
    write_results(tmp_path / "now", {"t": answering(0)}, model="c/new", stamp="2026-02-01T01")
    return tmp_path


def found(folders):
    return changes(read_runs([folders / "now"]), earlier([folders / "now"], str(folders / "then")))


def test_a_model_is_laid_beside_itself(folders):
    """A model on both sides gets the difference of now less then on the same samples; others are new or gone."""
    same, gone, new = found(folders)
    assert same.paired is not None
    assert same.paired.difference.estimate == pytest.approx(0.25)
    assert same.paired.samples == 60
    assert change_lines(same)[0] == "t · a/model: exact 0.50 to 0.75 (2026-01-01T00 to 2026-02-01T00)"
    assert change_lines(gone) == ["t · b/gone: not run since"]
    assert change_lines(new) == ["t · c/new: new, exact 1.00"]


def test_differences_are_drawn(folders):
    """The figure has one row over all lengths and one for each, shortest first."""
    (figure,) = differences_since(found(folders))
    assert [row["length"] for row in figure.data["differences"]] == ["all lengths", "1k", "8k", "128k"]
    assert {row["pair"] for row in figure.data["differences"]} == {"a/model"}
    assert "now less then" in figure.title


def test_a_date_parts_one_folder(folders):
    """With a date, the newest runs before it are those of then; without any before it that is an error."""
    before = earlier([folders], "2026-01-15")
    assert [(run.model, run.stamp) for run in before] == [("a/model", "2026-01-01T00"), ("b/gone", "2026-01-01T01")]
    told = {change.of.model: change for change in changes(read_runs([folders]), before)}
    assert told["a/model"].paired is not None
    assert told["b/gone"].now is None
    for since in ("2025-01-01", "2026-1-1", "last week", str(folders / "nothing")):
        with pytest.raises(ResultsError, match="--since"):
            earlier([folders], since)


def test_what_was_set_otherwise_is_named(tmp_path):
    """Another version of this package is named and compared; another task version or seed is named and not compared."""
    old, new = answering(1), answering(1, seed=1)
    for changed, seed_differs in ((answering(1), False), (new, True)):
        line = changed["summary"]["signature"]
        changed["summary"]["signature"] = line.rpartition("|v:")[0] + "|v:99"
        write_results(tmp_path / "then", {"t": old}, model="a/model")
        write_results(tmp_path / "now", {"t": changed}, model="a/model", stamp="2026-02-01T00")
        (change,) = changes(read_runs([tmp_path / "now"]), read_runs([tmp_path / "then"]))
        named = [name for name, _, _ in change.settings]
        assert "our version" in named
        assert ("seed" in named, change.paired is None) == (seed_differs, seed_differs)
        assert ("did not answer the same questions" in "\n".join(change_lines(change))) == seed_differs


def test_outcomes_that_changed_are_told(tmp_path):
    """How many answers were refused then and now is told where it changed."""
    refused = block(lambda s: Completion("no", Outcome.REFUSED) if s.depth == 0 else Completion(TARGET))
    write_results(tmp_path / "then", {"t": block(lambda _: Completion(TARGET))}, model="a/model")
    write_results(tmp_path / "now", {"t": refused}, model="a/model", stamp="2026-02-01T00")
    (change,) = changes(read_runs([tmp_path / "now"]), read_runs([tmp_path / "then"]))
    assert "  outcomes: complete 30 to 24, refused 0 to 6" in change_lines(change)


def test_the_command_tells_what_changed(folders, capsys):
    """``report NOW --since THEN`` prints the changes and draws them; ``--json`` prints plain values."""
    now, then = str(folders / "now"), str(folders / "then")
    assert main(["report", now, "--since", then, "--pictures", "json"]) == 0
    out = capsys.readouterr().out
    assert "on the same 60 samples: +0.250 [" in out
    assert (folders / "now" / "longctx-report" / "t-differences.json").is_file()
    assert main(["report", now, "--since", then, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["difference"] is None for one in told] == [False, True, True]
