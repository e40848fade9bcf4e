"""A budget that several runs share: never overspent, whoever dies when."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.ledger import Call, Ledger
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.providers.base import Raw


def call(name: str) -> Call:
    return Call(Ledger.key({"name": name}), "echo", "tail", "t", name, request={"name": name})


def end(ledger: Ledger, attempt: int, billing: str, cost: float | None) -> None:
    outcome = Outcome.COMPLETE if billing == "billed" else Outcome.TRANSPORT_FAILED
    ledger.decided(attempt, Completion("x", outcome), billing, cost).result()


def test_many_runs_together_stay_within_one_budget(place):
    """Of sixty calls that eight users want to send at a worst case of 1, a cap of 20.5 lets exactly twenty go."""
    path = place()
    ledgers = [Ledger.open(path) for _ in range(8)]
    for ledger in ledgers:
        ledger.use_budget("b", 20.5)
    with ThreadPoolExecutor(8) as threads:
        begun = list(threads.map(lambda i: ledgers[i % 8].begin(call(str(i)), 1, 1.0).result(), range(60)))
    assert sum(one.attempt is not None for one in begun) == 20
    assert all(one.short and one.may_come_back and not one.held for one in begun if one.attempt is None)
    assert ledgers[0].funds("b").reserved == 20.0
    for ledger in ledgers:
        ledger.close()


@pytest.mark.parametrize(
    ("billing", "cost", "spent"),
    [("billed", 0.25, 0.25), ("billed", None, 1.0), ("unknown", None, 1.0), ("free", 0.0, 0.0), ("billed", 3.0, 3.0)],
)
def test_an_attempt_is_counted_by_how_it_was_billed(place, billing, cost, spent):
    """Known costs count as they are, doubtful ones as their worst case, free ones not, and a second verdict instead."""
    with Ledger.open(place()) as ledger:
        ledger.use_budget("b", 100.0)
        number = ledger.begin(call("a"), 1, 1.0).result().attempt
        assert (ledger.funds("b").spent, ledger.funds("b").reserved) == (0.0, 1.0)
        end(ledger, number, "billed", 7.0)
        end(ledger, number, billing, cost)
        assert (ledger.funds("b").spent, ledger.funds("b").reserved) == (spent, 0.0)
        assert ledger.use_budget("b", 50.0).spent == spent
        assert ledger.funds("other") is None


def test_whatever_happens_in_whatever_order_the_counters_are_what_the_attempts_say(place):
    """After random begins and ends, counting anew from the attempts changes nothing, and the cap held throughout."""
    rng = Rng("budgets")
    with Ledger.open(place()) as ledger:
        ledger.use_budget("b", 30.0)
        out: list[int] = []
        for i in range(120):
            begun = ledger.begin(call(str(i)), 1, 0.1 + 2 * rng.random()).result()
            out += [begun.attempt] if begun.attempt else []
            if out and rng.random() < 0.8:
                end(
                    ledger,
                    out.pop(rng.below(len(out))),
                    ("billed", "free", "unknown")[rng.below(3)],
                    0.1 * rng.random(),
                )
            found = ledger.funds("b")
            assert found.spent + found.reserved <= 30.0
        before = ledger.funds("b")
        assert ledger.use_budget("b", 30.0) == before


def test_a_bill_above_its_worst_case_makes_every_later_one_count_for_more(place):
    """Once a call has cost four times what was set aside, others fit only if they would at four times their worst."""
    with Ledger.open(place()) as ledger:
        ledger.use_budget("b", 10.0)
        end(ledger, ledger.begin(call("a"), 1, 1.0).result().attempt, "billed", 4.0)
        assert ledger.begin(call("b"), 1, 1.6).result().short
        assert ledger.begin(call("c"), 1, 1.5).result().attempt is not None


def test_an_answer_that_came_and_is_not_read_yet_may_still_give_money_back(place, monkeypatch):
    """Between the coming of an answer and its reading, what was set aside for it is waited for, but not without end."""
    with Ledger.open(place()) as ledger:
        ledger.use_budget("b", 1.5)
        number = ledger.begin(call("a"), 1, 1.0).result().attempt
        ledger.received(number, Raw(200, body=b"cheap", sent=True)).result()
        other = ledger.begin(call("b"), 1, 1.0).result()
        assert (other.short, other.may_come_back) == (True, True)
        monkeypatch.setattr("lm_eval_longctx.ledger.budgets._READ_WITHIN", -1.0)  # one that nobody can read
        assert not ledger.begin(call("b"), 1, 1.0).result().may_come_back
        end(ledger, number, "billed", 0.1)
        assert ledger.begin(call("b"), 1, 1.0).result().attempt is not None


ASK_AND_WAIT = """
import sys
from lm_eval_longctx.ledger import Call, Ledger
ledger = Ledger.open(sys.argv[1])
ledger.use_budget("b", 1.5)
print(ledger.begin(Call(Ledger.key({"name": "a"}), "p", "m"), 1, 1.0).result().attempt, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_had_sent_stays_counted(place):
    """Money of a killed process is not waited for, is not given to others, and its own call may be paid once more."""
    path = place()
    with Ledger.open(path) as ledger:
        ledger.use_budget("b", 1.5)
        words = [sys.executable, "-c", ASK_AND_WAIT, path]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline().strip() == b"1"
            other = ledger.begin(call("b"), 1, 1.0).result()
            assert (other.short, other.may_come_back) == (True, True)
            process.kill()
        dead = ledger.begin(call("b"), 1, 1.0).result()
        assert (dead.short, dead.may_come_back) == (True, False)
        ledger.use_budget("b", 2.5)
        again = ledger.begin(call("a"), 1, 1.0).result()
        assert (again.attempt is not None, again.lost) == (True, 1)
        assert (ledger.funds("b").spent, ledger.funds("b").reserved) == (1.0, 1.0)
