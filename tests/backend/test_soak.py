"""A short soak: the long one is ``tests/benchmarks/bench_soak.py``."""

from __future__ import annotations

import gc
from collections import Counter

import bench_soak
import pytest

from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.completion import Completion, Usage
from lm_eval_longctx.providers.echo import EchoProvider


@pytest.fixture(scope="module")
def soaked():
    """300 small and 6 larger questions on a server that fails one first attempt in ten, in five ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_COMPATIBLE_API_KEY", "soak-key")
        patch.setattr(bench_soak, "base", lambda text="words of no meaning " * 20_000: text)
        return bench_soak.measure(300, 6, size=300_000)


def test_nothing_is_lost_or_paid_twice(soaked):
    """The server's book, the ledger and the answers agree after faults of every kind; asking again costs nothing."""
    figures, wrong, _ = soaked
    assert wrong == []
    assert all(figures[fault] >= 6 for fault in bench_soak.FAULTS)
    assert figures["calls"] > 306 + 20


def test_what_does_not_fit_is_found(soaked, tmp_path):
    """An answer that is another question's, one that was paid twice, and a lost one are told."""
    soak = bench_soak.Soak("", tmp_path / "ledger.sqlite", 3, 0)
    answers = [Completion(f"answer {job.sample}") for job in soak._jobs()]
    told = bench_soak.problems(soak, [answers[1], *answers[1:]], bench_soak.Book(7, Counter({"0": 2, "1": 1}), 1))
    names = [line.partition(":")[0] for line in told]
    assert {"answers that are not the question's", "questions that were paid more than once"} <= {*names}
    assert {"attempts in the ledger", "answers lost on their way"} <= {*names}


def test_a_call_leaves_its_answer_behind_and_nothing_else(jobs):
    """After 300 calls there is no kind of object of which every other call left one, but answers and their usage."""
    backend = Backend(EchoProvider(), ledger=None, limits=Limits(concurrency=16), progress=False)
    backend.run(jobs(300))
    gc.collect()
    before = Counter(type(one).__name__ for one in gc.get_objects())
    answers = backend.run(jobs(600)[300:])
    gc.collect()
    more = Counter(type(one).__name__ for one in gc.get_objects()) - before
    # weak references: SQLite keeps one to each of its cursors, and looks at every 200th which are gone
    kinds = {Completion.__name__, Usage.__name__, "dict", "tuple", "ReferenceType"}
    assert {kind: count for kind, count in more.items() if count > 150 and kind not in kinds} == {}
    assert more["dict"] <= len(answers) + 30
