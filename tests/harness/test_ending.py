"""The end of a run: failures are said where nobody can overlook them, and programs learn of them by the exit status."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.harness import ending
from lm_eval_longctx.harness.ending import ENDING, STATUSES, Ending, TaskEnd, tell_the_end
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.results import SampleResult
from lm_eval_longctx.testing.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SWEEP = {"context_lengths": ["1k"], "depths": 10, "haystack": "repeat"}
MODEL = "model=openai-compatible/tiny,tokenize=false,probe=false,progress=false,max_wait=0,concurrency=1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A local server with a key."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "test-key")
    with LocalServer() as running:
        yield running


def arguments(server: LocalServer, ledger: str, **more: str) -> list[str]:
    """Write lm-eval's arguments for a run of ten samples."""
    given = {"base_url": server.base_url("openai-compatible"), "ledger": ledger, **more}
    model = ",".join([MODEL, *(f"{name}={value}" for name, value in given.items())])
    return [
        "--model",
        "longctx",
        "--model_args",
        model,
        "--tasks",
        "longctx_text_niah",
        "--metadata",
        json.dumps(SWEEP),
    ]


@pytest.fixture
def command(server: LocalServer, ledger: str, niah: Any, evaluate: Any, capsys: Any, monkeypatch: Any) -> Any:
    """Run ten samples within lm-eval's wrapped command; returns the exit status and what was printed."""
    ours = logging.getLogger("lm_eval_longctx")
    monkeypatch.setattr(ours, "handlers", [])

    class Run:
        """Stands for lm-eval's command: evaluates, prints a table and returns."""

        @staticmethod
        def _execute(model: str, depths: int) -> None:
            given = dict(pair.split("=", 1) for pair in model.split(","))
            lm = LongctxLM(
                **{name: json.loads(text) if text in {"true", "false"} else text for name, text in given.items()}
            )
            evaluate(lm, niah(**{**SWEEP, "depths": depths}))
            sys.stdout.write("|the table|\n")

    module = SimpleNamespace(Run=Run)
    tell_the_end(module)
    tell_the_end(module)

    def go(tasks_depths: str = "10", **more: str) -> tuple[int, str, str]:
        try:
            Run._execute(arguments(server, ledger, **more)[3], int(tasks_depths))
            status = 0
        except SystemExit as leaving:
            status = leaving.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return go


def test_a_run_without_failures_ends_quietly(command: Any) -> None:
    """With every sample scored the status is 0, and nothing is added below the table."""
    status, out, err = command()
    assert status == 0
    assert "coverage " not in out.rpartition("|")[2]
    assert "sending stopped" not in err


@pytest.mark.parametrize("more", [{}, {"accept_incomplete": "true"}])
def test_a_rejected_key_is_no_success(command: Any, server: LocalServer, more: dict[str, str]) -> None:
    """When the provider takes no key, the status is 3 and the last line says why, unless that was accepted."""
    server.state.fail("unauthorized", times=1000)
    status, out, err = command(**more)
    assert status == (0 if more else 3)
    assert "longctx_text_niah: coverage 0: 0 of 10 samples scored; there is no result" in out
    said = "".join(
        [out, *(line for line in err.splitlines() if line.startswith("lm-eval-longctx:"))]
    )  # without the log
    assert said.count("401: Incorrect API key provided") == 1
    assert bool(more) == bool(re.search(r"10 transport_failed \(did not get through\), the first: 401: \w+", out))
    assert more or re.search(r"sending stopped early: .*401.*; 9 questions were not asked; run the same command", err)


def test_a_run_that_stops_half_way_is_no_success(command: Any, server: LocalServer) -> None:
    """When a quota ends in mid-run, the status is 4, and the rerun that asks the rest ends with 0."""
    answered = iter(range(4))
    server.state.answer = lambda _: "yes" if next(answered, None) is not None else server.state.fail("quota") or "yes"
    status, out, err = command()
    assert status == 4
    assert re.search(r"coverage 0\.\d: \d of 10 samples scored; the numbers above are about these only", out)
    assert "sending stopped early" in err
    server.state.answer = lambda _: "yes"
    server.state.faults.clear()
    assert command()[0] == 0


def test_a_cap_that_pays_for_nothing_is_no_success(command: Any) -> None:
    """When max_cost skips every call, the status is 3 and the reason names max_cost."""
    status, out, err = command(max_cost="0.0000001", price_in="5", price_out="5")
    assert status == 3
    assert re.search(r"10 skipped_budget \(beyond max_cost\), the first: .*max_cost", out)
    assert "max_cost" in err


def test_lost_calls_are_said_and_do_not_stop_programs(command: Any, server: LocalServer, caplog: Any) -> None:
    """When some calls are lost the status stays 0, and log and table tell how many, with the first reason."""
    for _ in range(3):
        server.state.fail("blocked")
    status, out, _ = command()
    assert status == 0
    for printed in (out, caplog.text):
        assert re.search(r"3 blocked \(stopped by the provider's filter\), the first: \S+", printed)
    assert "coverage 0.7: 7 of 10 samples scored" in out.rpartition("|")[2]
    assert "7 of 10 questions answered: 7 complete" in caplog.text


KINDS = (
    *("rate_limit", "server_error", "overloaded", "reset", "reset_mid_body", "truncated_json", "null_content", "html"),
    *("bad_request", "blocked", "cut_input", "overflow", "gateway_timeout", "unknown_finish", "spent_on_reasoning"),
)


def find_needle(asked: Any) -> str:
    """Answer as a perfect reader; nobody finds a needle in a prompt that was cut."""
    city = asked.text.partition("What is the special magic ")[2].partition(" number")[0]
    return asked.text.partition(f"The special magic {city} number is: ")[2].partition(".")[0] or "?"


def test_a_third_of_mixed_faults_is_understood_by_a_stranger(command: Any, server: LocalServer, caplog: Any) -> None:
    """With 35 % faults of 15 kinds no error counts as wrong, and each is said with its meaning and a reason."""
    server.state.answer = find_needle
    server.state.fail_at_random(0.35, KINDS, seed=7)
    status, out, _ = command(tasks_depths="60")
    assert status == 0
    head, *lines = out.rpartition("|")[2].strip().splitlines()
    scored, samples = map(int, re.search(r"(\d+) of (\d+) samples scored", head).groups())
    assert samples == 60
    assert sum(int(line.split()[0]) for line in lines) == samples - scored > 0
    assert all(re.fullmatch(r" *\d+ \w+ \(.+\), the first: \S.+", line) for line in lines)
    words = caplog.text
    assert f"{scored} of {samples} questions answered" in words
    assert re.search(r"run the same command again: it asks \d+ of these once more, and pays for no answer twice", words)


def test_plain_lm_eval_says_the_same(server: LocalServer, ledger: str, repo_root: Path) -> None:
    """The command ``lm-eval`` itself, with nothing but our hook, ends with our status and our words."""
    server.state.fail("unauthorized", times=1000)
    path = os.pathsep.join((str(repo_root), os.environ["PYTHONPATH"]))  # an editable install keeps a copy of the hook
    environment = {**os.environ, "PYTHONPATH": path}
    lm_eval = Path(sys.executable).with_name("lm-eval")
    done = subprocess.run(
        [str(lm_eval), "run", *arguments(server, ledger)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "coverage 0: 0 of 10 samples scored" in done.stdout
    assert re.search(r"WARNING +\[lm_eval_longctx\S+\] 0 of 10 questions answered", done.stderr)


def result(outcome: Outcome, values: dict[str, float] | None, detail: str = "") -> SampleResult:
    """Make one sample's result."""
    return SampleResult({}, Completion("", outcome, detail=detail), values, outcome.value)


def test_failures_of_foreign_tasks_are_said_because_lm_eval_scores_them() -> None:
    """Another task's failed calls become wrong answers in lm-eval's hands: the end says how many."""
    end = Ending()
    for outcome in (Outcome.COMPLETE, Outcome.BLOCKED, Outcome.COMPLETE):
        end.other_task("gsm8k", Completion("4", outcome))
    end.model({"unsent": 0, "stopped": "", "reasons": {}}, {"accept_incomplete": False, "ledger": None})
    assert end.coverage() == ["gsm8k: 1 of 3 calls failed, and lm-eval scores them as wrong answers"]
    assert (end.status, end.last_words()) == (0, "")
    end.other_task("mmlu", Completion("", Outcome.BLOCKED))
    assert end.status == ending.UNSCORED
    assert end.last_words().startswith("nothing was scored of mmlu; ")


def test_what_has_no_score_is_named_where_others_have_one() -> None:
    """The last line names the tasks without any score, unless that is true of all of them."""
    end = Ending()
    for name in ("a", "b"):
        end.task(name, [result(Outcome.CONTEXT_EXCEEDED, None)])
    end.model({"unsent": 0, "stopped": "", "reasons": {}}, {"accept_incomplete": False, "ledger": None})
    assert end.last_words().startswith("nothing was scored; ")
    end.task("c", [result(Outcome.COMPLETE, {"recall": 0.0})])
    assert end.last_words().startswith("nothing was scored of a, b; ")


def test_a_run_that_only_predicts_is_a_success() -> None:
    """With ``--predict_only``, and in processes that gather nothing, no task has samples to be scored."""
    end = Ending()
    end.task("t", [])
    end.model({"unsent": 0, "stopped": "", "reasons": {}}, {"accept_incomplete": False, "ledger": None})
    assert (end.coverage(), end.status) == ([], 0)


def test_reasons_stand_beside_their_counts() -> None:
    """Unscored samples are counted by kind, the most frequent first, each with the words of its first."""
    blocked, lost = result(Outcome.BLOCKED, None, "a filter"), result(Outcome.POSSIBLY_BILLED, None, "gone " * 99)
    end = TaskEnd.of([result(Outcome.COMPLETE, {"recall": 1.0}), lost, blocked, blocked])
    head, first, second = end.lines("t")
    assert head == "t: coverage 0.25: 1 of 4 samples scored; the numbers above are about these only"
    assert first == "       2 blocked (stopped by the provider's filter), the first: a filter"
    assert second.startswith("       1 possibly_billed (the answer was lost, and may be billed), the first: gone gone")
    assert len(second) < 340


def test_other_models_keep_lm_evals_status() -> None:
    """Where another model answers, nothing is asked of our provider, and the status stays lm-eval's own."""
    end = Ending()
    end.task("t", [result(Outcome.COMPLETE, None)])
    assert end.coverage()
    assert end.status == 0


def test_the_page_lists_every_exit_status(repo_root: Path) -> None:
    """The table of exit statuses in docs/errors.md is made of the code's own."""
    page = (repo_root / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = "\n".join(f"| {status} | {meaning} |" for status, meaning in STATUSES.items())
    assert rows in page


def test_what_is_noted_belongs_to_one_command() -> None:
    """A new command begins with nothing noted."""
    ENDING.task("t", [result(Outcome.BLOCKED, None)])
    ENDING.begin()
    assert ENDING.coverage() == []
