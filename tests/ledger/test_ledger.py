"""The ledger: what was recorded is there, what was answered is not asked again."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.errors import LedgerError, UnknownOptionError
from lm_eval_longctx.ledger import Call, Ledger, schema
from lm_eval_longctx.ledger.records import dump_completion, load_completion
from lm_eval_longctx.ledger.writer import Promise
from lm_eval_longctx.providers.base import Raw


@pytest.fixture
def ledger(place):
    with Ledger.open(place()) as opened:
        yield opened


def call(name: str = "a", **changes) -> Call:
    fields = {"key": Ledger.key({"name": name}), "provider": "echo", "model": "tail", "task": "t", "sample": name}
    return Call(**{**fields, "request": {"name": name}, **changes})


def ask(
    ledger: Ledger, asked: Call, completion: Completion, *, billing: str = "billed", cost: float | None = 0.5
) -> int:
    begun = ledger.begin(asked, 1, 1.0).result()
    assert begun.attempt is not None
    ledger.received(begun.attempt, Raw(200, {"x-request-id": "r"}, b"body")).result()
    ledger.decided(begun.attempt, completion, billing, cost).result()
    ledger.release(asked.key).result()
    return begun.attempt


def test_an_answer_is_there_for_whoever_opens_the_file_later(place):
    """An answered call is found again by its key, with text, usage and outcome, marked as replayed."""
    path, given_answer = (
        place(),
        Completion("4711", usage=Usage(10, 4, None, 2, by_modality={"text": 10}, cost=0.5), seconds=1.25),
    )
    with Ledger.open(path) as ledger:
        ask(ledger, call(), given_answer)
    with Ledger.open(path) as ledger:
        found = ledger.look_up(call().key).answer
        assert ledger.answers([call().key, "other"]) == {call().key: found}
    assert (str(found), found.usage, found.outcome, found.seconds) == (
        "4711",
        given_answer.usage,
        Outcome.COMPLETE,
        1.25,
    )
    assert found.replayed


@pytest.mark.parametrize("outcome", list(Outcome))
def test_final_outcomes_are_not_asked_again_and_the_others_are(ledger, outcome):
    """A later wish to send is answered by a final outcome and granted after any other."""
    ask(ledger, call(), Completion("", outcome))
    again = ledger.begin(call(), 1).result()
    assert (again.answer is not None) == outcome.final
    assert (again.attempt is None) == outcome.final


def test_a_response_that_was_not_read_is_read_later(ledger):
    """A received attempt without an outcome comes back with its bytes, headers and status, but without cookies."""
    begun = ledger.begin(call(counted=12), 1).result()
    raw = Raw(200, {"X-Request-Id": "r", "Set-Cookie": "s"}, b"z" * 100_000, 2.5, "broke off", sent=True)
    ledger.received(begun.attempt, raw).result()
    standing = ledger.look_up(call().key)
    assert standing.undecided == (
        (begun.attempt, Raw(200, {"x-request-id": "r"}, raw.body, 2.5, "broke off", sent=True)),
    )
    assert (standing.counted, standing.answer) == (12, None)


def test_a_call_is_claimed_by_one_of_two_users(place):
    """While one live user asks, another is told to wait; when it has released the call, the other gets the answer."""
    path = place()
    with Ledger.open(path) as one, Ledger.open(path) as two:
        begun = one.begin(call(), 1).result()
        assert two.begin(call(), 1).result().held
        assert not two.is_free(call().key)
        one.decided(begun.attempt, Completion("yes"), "billed", 0.1).result()
        assert str(two.begin(call(), 1).result().answer) == "yes"
        one.release(call().key).result()
        assert two.is_free(call().key)


def test_many_users_ask_each_call_once(place):
    """Of eight users that all want to send the same fifty calls, one sends each."""
    path = place()
    ledgers = [Ledger.open(path) for _ in range(8)]

    def want(ledger: Ledger) -> int:
        begun = [ledger.begin(call(str(i)), 1).result() for i in range(50)]
        return sum(b.attempt is not None for b in begun)

    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(want, ledgers))
    assert sum(sent) == 50
    for ledger in ledgers:
        ledger.close()


def test_a_listener_that_fails_stops_no_other(caplog):
    """Whoever waits for a record hears of it once, in order, or at once if it is there; one that raises is logged."""
    heard: list[object] = []
    promise: Promise[int] = Promise()
    with ThreadPoolExecutor(1) as elsewhere:
        waiting = elsewhere.submit(promise.result)
        for listener in (lambda p: heard.append(p.result()), lambda _: 1 / 0, lambda _: heard.append("second")):
            promise.add_done_callback(listener)
        promise.settle(7)
        assert waiting.result(timeout=10) == 7
    promise.add_done_callback(lambda _: heard.append("late"))
    assert heard == [7, "second", "late"]
    assert "ZeroDivisionError" in caplog.text
    failed: Promise[int] = Promise()
    failed.settle(None, LedgerError("no room"))
    with pytest.raises(LedgerError, match="no room"):
        failed.result()


def test_each_listener_hears_once_whenever_it_comes():
    """A listener that comes just when another thread settles a promise hears of it once, and never not at all."""
    heard: Counter[int] = Counter()
    promises: list[Promise[int]] = [Promise() for _ in range(3000)]
    together = Barrier(2)

    def settle() -> None:
        together.wait()
        for i, promise in enumerate(promises):
            promise.settle(i)

    with ThreadPoolExecutor(1) as elsewhere:
        done = elsewhere.submit(settle)
        together.wait()
        for promise in promises:
            for _ in range(3):
                promise.add_done_callback(lambda p: heard.update([p.result()]))
        done.result(timeout=10)
    assert heard == dict.fromkeys(range(3000), 3)


def test_many_users_may_open_a_new_ledger_at_once(place):
    """Eight users that open a file that does not exist yet, at the same moment, all get it."""
    for _ in range(5):
        together, path = Barrier(8), place()

        def begin(_: int, path=path, together=together) -> Ledger:
            together.wait()
            return Ledger.open(path)

        with ThreadPoolExecutor(8) as threads:
            for ledger in threads.map(begin, range(8)):
                ledger.close()


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path, version):
    """What an older version wrote is found again, and the new parts work."""
    path, call = tmp_path / "old", Call("k", "p", "m", request={"a": 1})
    with sqlite3.connect(path) as connection:
        for step in range(version):
            for statement in schema.STEPS[step]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={schema.APPLICATION}")
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute("INSERT INTO call VALUES('old', 'p', 'm', 't', 's', 0, 1, NULL, '{}', 1.0, NULL)")
        stored = dump_completion(Completion("yes", key="old"))
        row = ("old", "o", 1, 1.0, 2.0, 1, stored)
        connection.execute(
            "INSERT INTO attempt(key, owner, n, sent, decided, final, completion) VALUES(?, ?, ?, ?, ?, ?, ?)", row
        )
    connection.close()
    with Ledger.open(path) as ledger:
        assert ledger.look_up("old").answer == "yes"
        number = ledger.begin(call, 1).result().attempt
        ledger.accepted(number, "resp_1").result()
        assert ledger.look_up("k").accepted == (number, "resp_1")
        assert ledger.look_up("k").lost == 0


def test_a_file_of_another_program_is_refused(tmp_path):
    """A foreign database, a text file, a folder and a newer ledger are refused with the way out."""
    with sqlite3.connect(tmp_path / "foreign") as connection:
        connection.execute("CREATE TABLE t(x)")
    connection.close()
    (tmp_path / "text").write_text("not a database, but long enough to be read as the header of one" * 20)
    Ledger.open(tmp_path / "newer").close()
    with sqlite3.connect(tmp_path / "newer") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    for name, words in (
        ("foreign", "another program"),
        ("text", "cannot use"),
        ("newer", "newer"),
        (".", "cannot use"),
    ):
        with pytest.raises(LedgerError, match=words):
            Ledger.open(tmp_path / name)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """A file below another file cannot be made, and the error says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="name another file"):
        Ledger.open(tmp_path / "file" / "ledger")


def test_a_missing_ledger_is_not_made_by_a_reader(tmp_path):
    """Opening without leave to create says that there is no ledger."""
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_damaged_ledger_is_an_error_and_not_an_empty_one(tmp_path):
    """Bytes overwritten in the middle of the file raise an error that names the file."""
    path = tmp_path / "l"
    with Ledger.open(path) as ledger:
        for i in range(200):
            ask(ledger, call(str(i)), Completion("x" * 500))
    damaged = bytearray(path.read_bytes())
    damaged[4096 : len(damaged) - 4096] = b"\xa5" * (len(damaged) - 8192)
    path.write_bytes(damaged)
    with pytest.raises(LedgerError, match="l "), Ledger.open(path) as ledger:
        list(ledger.entries())


def test_a_closed_ledger_says_so(tmp_path):
    """Reading and writing after closing raise an error that says what to do."""
    ledger = Ledger.open(tmp_path / "l")
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.look_up("k")
    with pytest.raises(LedgerError, match="closed"):
        ledger.begin(call(), 1)


def test_a_write_that_fails_reaches_whoever_waits(ledger):
    """A record that cannot be written fails its future with the way out, and the next one is written."""
    broken = ledger.decided("no number", Completion("x"), {"no": "text"}, None)  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="cannot be written"):
        broken.result()
    assert ledger.begin(call(), 1).result().attempt is not None


def test_the_key_depends_on_all_content_and_on_no_order():
    """Equal values have equal keys whatever their order; other values, other keys."""
    assert Ledger.key({"a": 1, "b": [1, "é"]}) == Ledger.key({"b": [1, "é"], "a": 1})
    assert len({Ledger.key(v) for v in ({"a": 1}, {"a": "1"}, {"a": 1.5}, {"b": 1}, {"a": [1]}, {"a": None}, {})}) == 7
    with pytest.raises(LedgerError, match="plain JSON"):
        Ledger.key({"a": float("nan")})
    with pytest.raises(LedgerError, match="plain JSON"):
        Ledger.key({"a": object()})


def test_secrets_of_the_environment_do_not_reach_the_file(tmp_path, monkeypatch):
    """The value of a variable whose name says that it is secret is not found in any byte of the ledger."""
    monkeypatch.setenv("SOMEBODYS_API_KEY", "planted-4f6a-secret")
    with Ledger.open(tmp_path / "l") as ledger:
        ledger.begin(call(request={"extra": "Bearer planted-4f6a-secret"}), 1).result()
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"[redacted]" in written
    assert b"planted-4f6a" not in written


def test_the_summary_adds_up_what_was_billed(ledger):
    """Known costs are added, doubtful ones counted with what they cost at most, failures by outcome."""
    ask(ledger, call("a"), Completion("x", usage=Usage(100, output_tokens=5)), cost=0.25)
    ask(ledger, call("b", model="other"), Completion("y", usage=Usage(50, output_tokens=5)), cost=None)
    ask(ledger, call("c"), Completion("", Outcome.POSSIBLY_BILLED), billing="unknown", cost=None)
    ask(ledger, call("d"), Completion("", Outcome.TRANSPORT_FAILED), billing="free", cost=0.0)
    ledger.begin(call("e"), 1, 2.0).result()
    total = ledger.summary()
    assert (total.calls, total.attempts, total.answered, total.cost, total.unpriced) == (5, 5, 2, 0.25, 1)
    assert (total.possibly_billed, total.possibly_billed_cost) == (2, 3.0)
    assert total.outcomes == {"complete": 2, "possibly_billed": 1, "sent, no answer yet": 1, "transport_failed": 1}
    assert total.usage == Usage(150, output_tokens=10)
    assert total.bytes > 0
    assert ledger.summary({"model": "other"}).calls == 1
    with pytest.raises(UnknownOptionError, match="model"):
        ledger.summary({"modle": "x"})


def test_entries_tell_every_attempt_with_its_response(ledger):
    """Each attempt is listed with its call, outcome, cost, text and, on demand, its raw response."""
    ask(ledger, call("a"), Completion("x", detail="d"), cost=0.25)
    (entry,) = ledger.entries({"sample": "a"}, bodies=True)
    assert entry["body"] == "body"
    assert (entry["text"], entry["detail"], entry["cost"], entry["request"]) == ("x", "d", 0.25, {"name": "a"})
    assert entry["headers"] == {"x-request-id": "r"}
    assert list(ledger.entries({"sample": "b"})) == []


def test_answered_samples_are_what_a_plan_need_not_pay(ledger):
    """Answered and final calls of a model are listed by task, sample and repeat; failures are not."""
    ask(ledger, call("a", repeat=2), Completion("x"))
    ask(ledger, call("b"), Completion("", Outcome.TRANSPORT_FAILED))
    assert ledger.answered_samples("echo", "tail") == {("t", "a", 2)}
    assert ledger.answered_samples("echo", "head") == set()


def test_pruning_keeps_what_it_is_told_to_keep(ledger):
    """Failures, old records and raw responses can be removed alone; what is being asked is never removed."""
    first = ask(ledger, call("a"), Completion("x"))
    ask(ledger, call("b"), Completion("", Outcome.TRANSPORT_FAILED))
    middle = time.time()
    ask(ledger, call("c"), Completion("z"))
    with Ledger.open(ledger.path) as other:
        other.begin(call("d"), 1).result()
        assert ledger.prune(bodies_only=True) == 3
        assert [e["body"] for e in ledger.entries(bodies=True)] == ["", "", "", ""]
        assert ledger.prune(failures_only=True) == 1
        assert ledger.prune(before=middle) == 1
        assert [e["sample"] for e in ledger.entries()] == ["c", "d"]
        assert ledger.look_up(call("a").key).answer is None
        assert first


def test_a_ledger_in_memory_works_like_one_in_a_file():
    """A temporary ledger answers, claims and sums like any other, and leaves nothing behind."""
    with Ledger.temporary() as ledger:
        ask(ledger, call(), Completion("x"))
        assert str(ledger.look_up(call().key).answer) == "x"
        assert ledger.summary().bytes == 0


texts = st.text(st.characters(), max_size=50)
counts = st.none() | st.integers(0, 10**8)


@given(
    texts,
    st.sampled_from(list(Outcome)),
    st.builds(Usage, counts, counts, counts, counts, counts, st.dictionaries(st.sampled_from("ab"), st.integers(0, 9))),
    texts,
    st.floats(0, 1e6),
    st.tuples(texts),
)
def test_a_completion_survives_the_ledger(text, outcome, usage, detail, seconds, notes):
    """Whatever a completion holds is the same after writing and reading, but for halves of characters."""
    before = Completion(text, outcome, usage, detail, seconds, 3, "key", notes, counted_tokens=7)
    after = load_completion(dump_completion(before))
    clean = [t.encode("utf-8", "replace").decode() for t in (text, detail, *notes)]
    assert [str(after), after.detail, *after.notes] == clean
    assert (after.outcome, after.usage, after.seconds, after.attempts, after.key) == (outcome, usage, seconds, 3, "key")
    assert (after.counted_tokens, after.replayed) == (7, True)
