"""A run: every job gets its completion, nothing is paid twice, nothing that arrived is lost."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import threading
import weakref
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.jobs import named
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import CorpusError, LedgerError, ProviderError, UnsupportedError
from lm_eval_longctx.ledger import Call, Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Capabilities, Raw, Request, Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider

LOST = {"outcome": "possibly_billed", "detail": "the connection broke"}
BUSY = {"outcome": "transport_failed", "retry": "rate_limit", "after": 7, "status": 429}


def answer_with_number(text: str) -> str:
    return f"answer to {text}"


def test_each_job_gets_its_own_answer_in_the_order_given(run, scripted, jobs):
    """Answers come back in the jobs' order, however they were sent."""
    mixed = [
        job if i % 2 else job.__class__(**{**job.__dict__, "group": "g", "order": i}) for i, job in enumerate(jobs(30))
    ]
    found, totals = run(scripted(answer_with_number), mixed)
    assert [str(f) for f in found] == [f"answer to question {i}" for i in range(30)]
    assert (totals["samples"], totals["calls"], totals["outcomes"]) == (30, 30, {"complete": 30})
    assert run(scripted(), [])[0] == []


def test_a_second_run_pays_nothing(run, scripted, jobs):
    """The same jobs are answered from the ledger, marked as replayed, and the provider sees nothing."""
    first, paid = run(scripted(answer_with_number, price=[1, 2]), jobs(5))
    provider = scripted(["other"])
    again, totals = run(provider, jobs(5))
    assert [str(a) for a in again] == [str(f) for f in first]
    assert all(a.replayed and a.usage == f.usage and a.key == f.key for a, f in zip(again, first, strict=True))
    assert (provider.requests, totals["calls"], totals["replayed"]) == ([], 0, 5)
    assert totals["replayed_cost"] == pytest.approx(paid["cost"])
    assert totals["cost"] == 0


def test_a_change_in_what_is_asked_is_a_new_call(run, scripted, jobs):
    """Another prompt, another setting or another repetition is asked anew."""
    provider = scripted()
    run(provider, jobs(1))
    run(provider, jobs(1, repeat=1))
    run(provider, jobs(1, settings=Settings(max_output_tokens=33)))
    run(provider, jobs(2))
    assert len(provider.requests) == 4


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.SKIPPED_BUDGET])
def test_final_outcomes_are_kept_and_failures_are_asked_again_on_the_next_run(run, scripted, jobs, outcome):
    """A later run asks again where the outcome is not final or its cause may be mended, not where a text is empty."""
    provider = scripted([{"outcome": outcome.value, "text": ""}], price=[0, 0])
    (first,), _ = run(provider, jobs(1), max_attempts=1)
    (second,), _ = run(provider, jobs(1), max_attempts=1)
    assert (first.outcome, second.outcome) == (outcome, outcome)
    kept = outcome.final and not outcome.mendable
    assert len(provider.requests) == (1 if kept else 2)
    assert second.replayed == kept


def test_one_bad_request_leaves_its_siblings_alone(run, scripted, jobs):
    """A prompt that cannot be rendered, one that is refused and one that overflows each get their own outcome."""

    def unrenderable() -> Prompt:
        raise CorpusError("the book is missing; download it")

    class Picky(ScriptedProvider):
        def check(self, request):
            if "question 2" in request.prompt.text():
                raise UnsupportedError("no twos, please")

    def script(request):
        return {"outcome": "context_exceeded"} if "question 3" in request.prompt.text() else "yes"

    some = [Job("bad", "task", unrenderable, Settings()), *jobs(5)]
    found, totals = run(Picky("m", script=script), some)
    assert [f.outcome.value for f in found] == [
        "unsupported",
        "complete",
        "complete",
        "unsupported",
        "context_exceeded",
        "complete",
    ]
    assert "the book is missing" in found[0].detail
    assert "no twos" in found[3].detail
    assert totals["calls"] == 4


def test_prompts_are_rendered_once_and_forgotten(run, scripted):
    """Each prompt is made once, outside the caller's thread, and not kept."""
    made, threads = [], set()

    def job(i: int) -> Job:
        def render() -> Prompt:
            threads.add(threading.current_thread().name)
            prompt = Prompt.user(TextPart(f"question {i}"))
            made.append(weakref.ref(prompt))
            return prompt

        return Job(str(i), "task", render, Settings())

    provider = scripted()
    run(provider, [job(i) for i in range(20)])
    provider.requests.clear()
    gc.collect()
    assert len(made) == 20
    assert not [ref for ref in made if ref() is not None]
    assert threading.current_thread().name not in threads


@pytest.mark.parametrize("facts", [{"size": 1 << 20}, {"modalities": ("text", "image")}, {}])
def test_slow_prompts_are_rendered_beside_the_event_loop(run, scripted, facts):
    """What is long, holds media, or took more than a moment is made in a worker thread; long texts all in one."""
    threads = []

    def render(i: int) -> Prompt:
        threads.append(threading.current_thread().name)
        hashlib.pbkdf2_hmac("sha256", b"slow", b"", 1 if facts else 20_000)
        return Prompt.user(TextPart(f"question {i}"))

    run(scripted(), [Job(str(i), "task", partial(render, i), Settings(), **facts) for i in range(8)])
    assert len(threads) == 8
    assert all(name.startswith("render") for name in threads)
    assert {name.startswith("render-text") for name in threads} == {"size" in facts}
    assert len(set(threads)) == 1 or "size" not in facts


def test_a_defect_in_rendering_is_raised_when_the_others_are_recorded(run, scripted, jobs):
    """An unexpected error stops the run, but what was in flight is finished and in the ledger."""

    def broken() -> Prompt:
        raise ZeroDivisionError("a defect")

    provider = scripted(answer_with_number)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        run(provider, [*jobs(3), Job("bad", "task", broken, Settings())], concurrency=8)
    asked = len(provider.requests)
    _, totals = run(provider, jobs(3))
    assert totals["replayed"] == asked
    assert len(provider.requests) == 3


def test_it_runs_inside_a_running_event_loop(run, scripted, jobs):
    """A notebook's own event loop is no obstacle."""

    async def notebook():
        return run(scripted(), jobs(2))

    found, _ = asyncio.run(notebook())
    assert [str(f) for f in found] == ["yes", "yes"]


def test_a_missing_modality_is_an_error_before_anything_is_sent(run, jobs):
    """If any job holds what the model does not take, nothing at all is sent."""

    class TextOnly(ScriptedProvider):
        @property
        def capabilities(self):
            return Capabilities(modalities=("text",))

    provider = TextOnly("m", script=["yes"])
    with pytest.raises(UnsupportedError, match=r"scripted/m takes text, and task holds video"):
        run(provider, [*jobs(3), *jobs(1, modalities=("text", "video"))])
    assert provider.requests == []


def test_what_a_probe_finds_counts_before_the_first_call(run, jobs):
    """A modality that the model turns out not to take when the provider has started stops the run unpaid."""

    class Probing(ScriptedProvider):
        started = False

        @property
        def capabilities(self):
            return Capabilities(modalities=("text",) if self.started else ("text", "image"))

        async def start(self):
            self.started = True

    provider = Probing("m", script=["yes"])
    with pytest.raises(UnsupportedError, match="image"):
        run(provider, jobs(3, modalities=("image",)))
    assert provider.requests == []


def test_equal_jobs_are_asked_once(run, scripted, jobs):
    """Jobs that ask exactly the same get one paid answer between them."""
    provider = scripted()
    found, totals = run(provider, jobs(1) * 20, concurrency=8)
    assert (len(found), len(provider.requests), totals["replayed"]) == (20, 1, 19)


def test_a_complete_ledger_needs_no_start(run, scripted, jobs):
    """If every answer is in the ledger, the provider is not even started: no key and no server is needed."""
    run(scripted(), jobs(3))

    class Unreachable(ScriptedProvider):
        async def start(self):
            raise ZeroDivisionError

    found, _ = run(Unreachable("model", script=["no"]), jobs(3))
    assert [str(f) for f in found] == ["yes"] * 3


def test_a_provider_that_cannot_start_stops_the_run_with_its_own_words(run, jobs):
    """A missing key or an unreachable server is raised once, and nothing is sent."""

    class Unreachable(ScriptedProvider):
        async def start(self):
            raise UnsupportedError("no such server")

    provider = Unreachable("model", script=["no"])
    with pytest.raises(UnsupportedError, match="no such server"):
        run(provider, jobs(20))
    assert provider.requests == []


def test_a_closed_account_stops_sending_but_not_replaying(run, scripted, jobs):
    """After a wrong key or an empty account nothing more is sent, every job has an outcome, and known answers come."""
    run(scripted(answer_with_number), jobs(30)[20:])
    provider = scripted([{"outcome": "transport_failed", "retry": "stop_run", "detail": "no quota", "status": 401}])
    found, totals = run(provider, jobs(30), concurrency=2)
    assert len(provider.requests) <= 4
    assert [str(f) for f in found[20:]] == [f"answer to question {i}" for i in range(20, 30)]
    assert {f.outcome for f in found[:20]} == {Outcome.TRANSPORT_FAILED}
    assert all("no quota" in f.detail for f in found[:20])
    assert "no quota" in totals["stopped"]


@pytest.mark.parametrize("refused", [True, False])
def test_who_does_not_count_is_told_once(run, scripted, jobs, caplog, monkeypatch, refused):
    """However many prompts are not counted it is one line, and none where that stops the run."""

    async def no(*_):
        raise ProviderError("the key is refused")

    provider = scripted([{"outcome": "transport_failed", "retry": "stop_run", "detail": "401"}] if refused else ["yes"])
    counting = replace(provider.capabilities, counts_tokens=True)
    monkeypatch.setattr(type(provider), "capabilities", property(lambda _: counting))
    monkeypatch.setattr(provider, "count", no)
    run(provider, jobs(12))
    told = [line for record in caplog.records for line in record.getMessage().splitlines()]
    assert sum("the key is refused" in line for line in told) == (0 if refused else 1)
    assert any("12 prompts were not counted" in line for line in told) != refused


def test_passing_failures_are_asked_again_up_to_the_limit(run, scripted, jobs):
    """A rate limit is asked again until it passes; the completion tells how often it was sent."""
    (found,), totals = run(scripted([BUSY, BUSY, BUSY, "yes"]), jobs(1))
    assert (str(found), found.attempts, totals["retries"], totals["calls"]) == ("yes", 4, 3, 4)
    (found,), totals = run(scripted([BUSY]), jobs(1, repeat=1), max_attempts=3)
    assert (found.outcome, found.attempts, totals["calls"]) == (Outcome.TRANSPORT_FAILED, 3, 3)


@pytest.mark.parametrize(("allowed", "sent"), [(0, 1), (1, 2), (2, 3)])
def test_lost_answers_have_a_budget_of_their_own(run, scripted, jobs, allowed, sent):
    """A call that may have been billed is sent again ``max_lost`` times only, and each loss is counted."""
    (found,), totals = run(scripted([LOST], price=[1, 1]), jobs(1), max_lost=allowed)
    assert (found.outcome, found.attempts, totals["calls"]) == (Outcome.POSSIBLY_BILLED, sent, sent)
    assert totals["possibly_billed"]["calls"] == sent


def test_a_billed_answer_that_is_of_no_use_is_paid_for_again_once(run, scripted, jobs):
    """A malformed answer that was billed is asked again under the same small budget, and its cost is counted."""
    reply = {"outcome": "malformed", "retry": "transient", "usage": {"cost": 0.25}}
    (found,), totals = run(scripted([reply]), jobs(1))
    assert (found.outcome, totals["calls"], totals["cost"]) == (Outcome.MALFORMED, 2, 0.5)
    assert totals["possibly_billed"]["calls"] == 0


def test_bad_requests_are_never_asked_again(run, scripted, jobs):
    """Overflow, a filter and a refused parameter are final at once."""
    for i, outcome in enumerate(("context_exceeded", "blocked", "unsupported", "refused")):
        (found,), totals = run(scripted([{"outcome": outcome, "retry": "transient"}]), jobs(1, repeat=i))
        assert (found.outcome.value, totals["calls"]) == (outcome, 1)


def test_a_response_that_arrived_is_read_for_free_after_a_crash(run, scripted, jobs, tmp_path):
    """A response that is in the ledger without an outcome is read, recorded and never asked for again."""
    run(scripted(answer_with_number, price=[1, 1]), jobs(1))
    with Ledger.open(tmp_path / "ledger") as ledger:
        ledger._writer.submit(
            lambda c: c.execute("UPDATE attempt SET decided=NULL, outcome=NULL, final=NULL, completion=NULL") and None
        ).result()
    provider = scripted(["other"])
    (found,), totals = run(provider, jobs(1))
    assert (str(found), found.replayed, totals["reread"]) == ("answer to question 0", True, 1)
    (found,), totals = run(provider, jobs(1))
    assert (str(found), totals["reread"], provider.requests) == ("answer to question 0", 0, [])


def test_a_reader_that_fails_loses_nothing(run, jobs, caplog):
    """If our own reader fails on a response, it stays in the ledger, is not paid again, and is read when mended."""

    class Broken(ScriptedProvider):
        broken = True

        def decode(self, raw, request=None):
            if self.broken:
                raise ZeroDivisionError("a defect")
            return super().decode(raw, request)

    provider = Broken("m", script=["yes"])
    for _ in range(2):
        (found,), _ = run(provider, jobs(1))
        assert (found.outcome, len(provider.requests)) == (Outcome.MALFORMED, 1)
    assert "a defect" in caplog.text
    provider.broken = False
    (found,), _ = run(provider, jobs(1))
    assert (str(found), len(provider.requests)) == ("yes", 1)


def test_a_ledger_that_cannot_be_written_stops_the_run(scripted, jobs, tmp_path):
    """Without a record nothing is sent: the run ends with the ledger's error."""
    ledger = Ledger.open(tmp_path / "ledger")
    provider = scripted()
    backend = Backend(provider, ledger=ledger, limits=Limits(max_wait=0), progress=False)
    ledger._writer.submit(lambda c: c.execute("DROP TABLE attempt") and None).result()
    with pytest.raises(LedgerError, match="ledger"):
        backend.run(jobs(5))
    assert provider.requests == []
    backend.close()


def test_a_timeout_is_a_lost_answer(run, jobs):
    """An attempt that takes longer than allowed is cut off and counts as lost on the wire."""

    class Silent(ScriptedProvider):
        async def send(self, request):
            self.requests.append(request)
            await asyncio.Event().wait()

        def decode(self, raw, request=None):
            assert raw == Raw(0, error="no answer within 0.05 s")
            return super().decode(Raw(0, body=self._body), request)

    provider = Silent("m")
    provider._body = asyncio.run(ScriptedProvider("m", script=[LOST]).send(_request())).body
    (found,), _ = run(provider, jobs(1), timeout=0.05, max_lost=0)
    assert found.outcome is Outcome.POSSIBLY_BILLED


def _request():
    from lm_eval_longctx.providers.base import Request

    return Request(Prompt.user(TextPart("x")))


def test_no_more_requests_are_in_flight_than_allowed(run, jobs):
    """The number of open requests reaches the limit and never passes it."""

    class Slow(ScriptedProvider):
        now = most = 0

        async def send(self, request):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1
            return await super().send(request)

    provider = Slow("m", script=["yes"])
    run(provider, jobs(40), concurrency=7)
    assert provider.most == 7


def test_totals_tell_what_the_bill_and_the_count_differ_by(run, scripted, jobs):
    """Billed tokens that are more than 2 % from the counted ones are reported with the largest difference."""

    def script(text: str):
        return {"text": "yes", "usage": {"prompt_tokens": 5 if text.endswith("0") else 3}}

    _, totals = run(scripted(script), jobs(3))
    assert totals["drift"] == {
        "calls_compared": 3,
        "beyond_2_percent": 1,
        "largest": 0.6667,
        "counted_tokens": 9,
        "billed_tokens": 11,
    }


def test_totals_tell_what_the_prefix_cache_saved(run, scripted, jobs):
    """Cached tokens are priced as such, and what they saved is told."""
    from lm_eval_longctx.backend.prices import Prices

    usage = {"prompt_tokens": 1_000_000, "cached_tokens": 600_000, "output_tokens": 0, "cost": None}
    (found,), totals = run(scripted([{"text": "x", "usage": usage}]), jobs(1), prices=Prices.given(2.0, 8.0, 0.5))
    assert found.usage.cost == pytest.approx(0.4 * 2 + 0.6 * 0.5)
    assert totals["saved_by_prefix_cache"] == pytest.approx(0.6 * 1.5)
    assert totals["usage"]["cached_tokens"] == 600_000
    assert totals["prices"]["usd_per_million_tokens"] == {"cached": 0.5, "input": 2.0, "output": 8.0}


def test_secrets_that_a_server_sends_back_are_removed(run, scripted, jobs, tmp_path, monkeypatch):
    """A key that comes back in a response is in no completion and in no byte of the ledger."""
    monkeypatch.setenv("SCRIPTED_API_KEY", "planted-77aa-secret")
    script = [{"outcome": "unsupported", "detail": "bad key planted-77aa-secret", "status": 400}]
    (found,), _ = run(scripted(script), jobs(1))
    assert found.detail == "bad key [redacted]"
    assert all(b"planted-77aa" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


FORMS = {
    "plain": lambda key: key,
    "JSON": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "percent": lambda key: quote(key, safe=""),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "basic": lambda key: "Basic " + base64.b64encode(f"user:{key}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_secrets_are_removed_in_every_form(run, scripted, jobs, tmp_path, monkeypatch, form):
    """A key in any form that servers echo is in no completion, in no byte of the ledger and in no export."""
    monkeypatch.setenv("SCRIPTED_API_KEY", "planted/77aa+secret=")
    shown = FORMS[form]("planted/77aa+secret=")
    replies = [{"outcome": "unsupported", "detail": f"bad {shown}", "status": 400}, f"you said {shown}"]
    found, _ = run(scripted(replies), jobs(2), concurrency=1)
    with Ledger.open(tmp_path / "ledger") as ledger:
        exported = json.dumps(list(ledger.entries(bodies=True)))
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for piece in (shown, shown[-16:-4]):
        assert all(piece not in text for text in (*map(str, found), *(f.detail for f in found), exported))
        assert all(piece.encode() not in data for data in files)


def test_a_secret_in_pieces_is_removed(run, jobs, tmp_path, monkeypatch):
    """A key that a stream's pieces make up is in no completion, and the pieces are not kept."""
    monkeypatch.setenv("SCRIPTED_API_KEY", "planted-77aa-secret")

    class Pieces(ScriptedProvider):
        def decode(self, raw, request=None):
            decoded = super().decode(raw, request)
            return replace(
                decoded, completion=decoded.completion.changed(text=str(decoded.completion).replace("|", ""))
            )

    (found,), _ = run(Pieces("m", script=["it is planted-|77aa-|secret"]), jobs(1))
    assert str(found) == "it is [redacted]"
    with Ledger.open(tmp_path / "ledger") as ledger:
        (entry,) = ledger.entries(bodies=True)
    assert (entry["text"], entry["body"]) == ("it is [redacted]", "")


def test_without_a_ledger_everything_works_but_nothing_is_kept(run, scripted, jobs):
    """With no ledger equal jobs are still asked once, and the next run asks again."""
    provider = scripted()
    run(provider, jobs(2) * 2, ledger=False)
    run(provider, jobs(2), ledger=False)
    assert len(provider.requests) == 4


def test_questions_that_others_ask_hold_up_none_behind_them(tmp_path, jobs, scripted):
    """While another user asks the first ten questions, the rest are asked, one at a time, and its answers are taken."""
    path, asked = tmp_path / "ledger", list[str]()
    with Ledger.open(path) as other:
        claimed: list[tuple[str, int]] = []

        def script(text):
            asked.append(text)
            for key, attempt in claimed if len(asked) == 5 else ():
                other.decided(attempt, Completion("theirs", key=key), "billed", 0.0)
            return "ours"

        provider, questions = scripted(script), jobs(15)
        for job in questions[:10]:
            key, identity, _ = named(job, Request(job.render(), job.settings), provider, other)
            begun = other.begin(Call(key, provider.NAME, provider.model, request=identity), 1).result()
            claimed.append((key, begun.attempt))
        with Ledger.open(path) as ledger:
            found = Backend(provider, ledger=ledger, limits=Limits(concurrency=1), progress=False).run(questions)
    assert found == ["theirs"] * 10 + ["ours"] * 5
    assert len(asked) == 5


def test_garbage_is_looked_for_as_before_when_runs_have_ended(run, jobs, scripted):
    """During a run, and one inside it, Python looks for garbage less often; afterwards as often as before."""
    before, during = gc.get_threshold(), list[int]()

    def inner(_):
        during.append(gc.get_threshold()[0])
        return "yes"

    def outer(_):
        Backend(scripted(inner), ledger=None, progress=False).run(jobs(1))
        during.append(gc.get_threshold()[0])
        return "yes"

    run(scripted(outer), jobs(1), ledger=False)
    assert all(threshold > before[0] for threshold in during)
    assert len(during) == 2
    assert gc.get_threshold() == before
