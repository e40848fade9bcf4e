"""Claims of processes that ended are free at once; those of living ones are not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.ledger import Call, Ledger
from lm_eval_longctx.ledger.owners import LEASE, started, this_process

ASK_AND_WAIT = """
import sys
from lm_eval_longctx.ledger import Call, Ledger
ledger = Ledger.open(sys.argv[1])
print(ledger.begin(Call("k", "p", "m"), 1, 0.75).result().attempt, flush=True)
sys.stdin.read()
"""


def test_a_killed_process_gives_its_claim_up_and_its_call_counts_as_possibly_billed(place):
    """A call that a process had sent when it was killed may be sent at once, and counts as possibly billed."""
    path = place()
    with Ledger.open(path) as ledger:
        process = subprocess.Popen(
            [sys.executable, "-c", ASK_AND_WAIT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout.readline().strip() == b"1"
            call = Call("k", "p", "m")
            assert ledger.begin(call, 1).result().held
            process.kill()
        begun = ledger.begin(call, 1).result()
        assert (begun.attempt, begun.lost) == (2, 1)
        (lost, _) = ledger.entries()
    assert (lost["state"], lost["billing"], lost["reserved"]) == (Outcome.POSSIBLY_BILLED.value, "unknown", 0.75)
    assert "ended before the answer came" in lost["detail"]


def test_a_process_elsewhere_lives_as_long_as_its_lease():
    """Of a process on another machine only its last sign of life is known."""
    elsewhere = replace(this_process(), host="elsewhere")
    now = time.time()
    assert elsewhere.is_alive(now - LEASE + 1, now)
    assert not elsewhere.is_alive(now - LEASE - 1, now)


def test_a_later_process_with_the_same_number_is_another():
    """A process counts as ended if its number belongs to one that started at another time."""
    mine = this_process()
    assert mine.is_alive(0.0, time.time()) == bool(mine.started)
    assert not replace(mine, started="1").is_alive(time.time(), time.time())


def test_without_marks_of_the_kernel_the_lease_and_the_number_decide():
    """Where no start time can be had, a process lives if its number is in use and its lease runs."""
    bare, now = replace(this_process(), started=""), time.time()
    assert bare.is_alive(now, now)
    assert not bare.is_alive(now - LEASE - 1, now)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not replace(bare, pid=ended.pid).is_alive(now, now)
    assert started(ended.pid) == ""
    assert started(os.getpid()) == this_process().started


def test_a_sign_of_life_is_given_while_something_is_claimed(place):
    """The writer's idle work moves the owner's time forward while a call is claimed, and leaves it alone otherwise."""
    with Ledger.open(place()) as ledger:
        ledger.begin(Call("k", "p", "m"), 1).result()
        ledger._writer.submit(lambda c: c.execute("UPDATE owner SET beat=0") and None).result()
        ledger._writer.submit(ledger._writer._idle).result()
        assert ledger._reader.execute("SELECT beat FROM owner").fetchone()[0] > 0
        ledger.release("k").result()
        ledger._writer.submit(lambda c: c.execute("UPDATE owner SET beat=0") and None).result()
        ledger._writer.submit(ledger._writer._idle).result()
        assert ledger._reader.execute("SELECT beat FROM owner").fetchone()[0] == 0
