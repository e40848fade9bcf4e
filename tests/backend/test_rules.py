"""The tables of rules in the documents are the code's own, and true."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lm_eval_longctx.backend import rules
from lm_eval_longctx.backend.rules import Stop
from lm_eval_longctx.backend.tally import Tally
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.harness.ending import STATUSES


def test_the_rule_for_asking_again_is_printed(repo_root):
    """docs/errors.md holds the table that the code makes."""
    assert rules.asking_table() in (repo_root / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("outcome", [o for o in rules.OURS if o is not Outcome.SKIPPED_BUDGET])
def test_the_rule_for_asking_again_is_true(run, scripted, jobs, outcome):
    """Each row says what a run really does, and what the next one does."""
    same, later = rules.asked_again(outcome)
    provider = scripted([{"outcome": outcome.value, "retry": "transient"}])
    run(provider, jobs(1))
    asked = len(provider.requests)
    assert (asked > 1) == same.startswith("yes")
    run(provider, jobs(1))
    assert (len(provider.requests) > asked) == (not later.startswith("no"))


def test_the_rule_for_stopping_is_printed(repo_root):
    """docs/errors.md holds the table that the code makes, and its exit statuses are explained there."""
    assert rules.stopping_table() in (repo_root / "docs" / "errors.md").read_text(encoding="utf-8")
    named = {int(word.strip(",")) for stop in Stop for word in stop.value.status.split() if word.strip(",").isdigit()}
    assert named <= set(STATUSES)


def test_every_stop_is_in_the_table():
    """Nothing in the backend stops a run for a reason without a row, and every row is used."""
    used = set()
    for source in Path(rules.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "stop":
                reason = ast.unparse(node.args[0])
                assert reason.startswith("Stop."), f"{source.name}: {ast.unparse(node)}"
                used.add(reason.removeprefix("Stop."))
    assert used == {stop.name for stop in Stop}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"outcome": "transport_failed", "retry": "stop_run", "detail": "no key"}, Stop.ACCOUNT),
        ({"outcome": "transport_failed", "retry": "transient", "detail": "refused"}, Stop.OUTAGE),
    ],
)
def test_what_the_ledger_has_is_replayed_after_a_stop(run, scripted, jobs, reply, why):
    """When provider or server end a run, known answers still come; the words are the table's."""
    run(scripted(), jobs(40)[39:])
    found, totals = run(scripted([reply]), jobs(40), concurrency=1, max_outage=0.0)
    assert str(found[39]) == "yes"
    assert totals["stopped"].startswith(why.value.words.partition("{}")[0])
    assert not why.value.ended


@pytest.mark.parametrize(
    ("answered", "others", "lines"),
    [
        (0, [], ["0 of 5 questions answered; sending stopped early: {}; run the same command again: it asks 5"]),
        (2, [], ["2 of 7 questions answered: 2 complete", "sending stopped early: {}", "run the same command again"]),
        (2, ["reset"], ["2 of 8 questions", "6 transport_failed", "sending stopped early: {}", "run the same command"]),
    ],
)
def test_why_sending_stopped_is_told_once(answered, others, lines):
    """A refused key is one line where it let nothing through; what failed for another reason keeps its own."""
    tally = Tally(stopped=Stop.ACCOUNT.text("401: no such key"))
    for detail in others + ["401: no such key"] + [f"not sent: {tally.stopped}"] * 4:
        tally.finished(Completion("", Outcome.TRANSPORT_FAILED, detail=detail, attempts=0))
    for _ in range(answered):
        tally.finished(Completion("yes", Outcome.COMPLETE))
    said = tally.words().splitlines()
    assert len(said) == len(lines)
    assert all(begin.format(tally.stopped) in line for begin, line in zip(lines, said, strict=True))
    assert tally.words().count("no such key") == 1
