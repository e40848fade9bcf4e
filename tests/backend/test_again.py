"""Asking again on a later run: a state of server or account once, a fact of the question on demand only."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.backend.rules import OURS
from lm_eval_longctx.cli.run import with_retry
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.openai import OpenAIProvider
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider
from lm_eval_longctx.providers.scripted import ScriptedProvider

OLD = Path(__file__).parent.parent / "ledger" / "data" / "version-3.sqlite3"
STATES = ("context_exceeded", "truncated_input", "unsupported")
FACTS = ("complete", "cut_by_output_limit", "refused", "blocked", "spent_on_reasoning")


@pytest.mark.parametrize("outcome", STATES)
def test_a_repaired_fault_is_asked_again_at_once(run, scripted, jobs, outcome):
    """Once the window is raised or the template mended, the same command gets its answers, and then keeps them."""
    run(scripted([{"outcome": outcome, "detail": "too small"}]), jobs(3))
    mended = scripted(["yes"])
    found, totals = run(mended, jobs(3))
    assert [str(f) for f in found] == ["yes"] * 3
    assert (len(mended.requests), totals["replayed"]) == (3, 0)
    _, totals = run(mended, jobs(3))
    assert (len(mended.requests), totals["replayed"]) == (3, 3)


@pytest.mark.parametrize("outcome", STATES)
def test_an_unrepaired_fault_is_asked_once_a_run(run, scripted, jobs, outcome):
    """What fails as before is asked only once in each run, also where several samples ask the same."""
    provider = scripted([{"outcome": outcome, "retry": "transient"}])
    for runs in (1, 2, 3):
        found, _ = run(provider, jobs(2) * 3, concurrency=4)
        assert len(provider.requests) == 2 * runs
        assert {f.outcome.value for f in found} == {outcome}


@pytest.mark.parametrize("outcome", FACTS)
def test_a_fact_of_the_question_stays_until_somebody_asks(run, scripted, jobs, outcome):
    """What lies in the question is replayed, and asked once more only where ``retry`` names its outcome."""
    run(scripted([{"outcome": outcome, "text": "old"}]), jobs(2))
    provider = scripted(["new"])
    found, _ = run(provider, jobs(2))
    assert (provider.requests, {f.outcome.value for f in found}) == ([], {outcome})
    run(provider, jobs(2), retry=("malformed",))
    assert provider.requests == []
    found, _ = run(provider, jobs(2), retry=(outcome,))
    assert ([str(f) for f in found], len(provider.requests)) == (["new"] * 2, 2)
    found, _ = run(provider, jobs(2))
    assert ([str(f) for f in found], len(provider.requests)) == (["new"] * 2, 2)


@pytest.mark.parametrize("earlier", ["complete", "context_exceeded"])
def test_what_does_not_get_through_changes_nothing(run, scripted, jobs, earlier):
    """Where asking again meets a busy server, a key that is refused or no money, the earlier verdict stands."""
    run(scripted([{"outcome": earlier, "text": "old"}], price=[1, 1]), jobs(1))
    busy = {"outcome": "transport_failed", "retry": "transient", "detail": "come back later"}
    closed = {"outcome": "transport_failed", "retry": "stop_run", "detail": "no key"}
    poor = {"max_cost": 1e-12, "prices": Prices.given(1.0, 1.0)}
    for provider, limits in ((scripted([busy]), {}), (scripted([closed]), {}), (scripted(), poor)):
        (found,), totals = run(provider, jobs(1), retry=("complete",), **limits)
        assert (found.outcome.value, totals["outcomes"], found.replayed) == (earlier, {earlier: 1}, True)
        assert "asked again, which did not get through" in found.notes[-1]


def test_a_provider_that_cannot_start_is_no_obstacle(run, scripted, jobs):
    """With no server at all, a run whose calls all have a verdict replays them."""
    run(scripted([{"outcome": "context_exceeded"}]), jobs(2))

    class Gone(ScriptedProvider):
        async def start(self):
            raise UnsupportedError("nobody at the address")

    found, _ = run(Gone("model"), jobs(2))
    assert {f.outcome for f in found} == {Outcome.CONTEXT_EXCEEDED}
    assert "nobody at the address" in found[0].notes[-1]


def test_a_full_disk_is_no_earlier_verdict(run, scripted, jobs):
    """A disk that takes nothing more while a question is asked again ends the run, as at its first time."""
    run(scripted([{"outcome": "context_exceeded"}]), jobs(1))

    class Full(ScriptedProvider):
        async def start(self):
            raise UnsupportedError("no film could be made") from OSError(
                errno.ENOSPC, "No space left on device", "film"
            )

    with pytest.raises(UnsupportedError, match="no film"):
        run(Full("model"), jobs(1))


def test_a_ledger_of_an_earlier_version_opens_and_resumes(scripted, tmp_path):
    """A file written before this rule: answers and facts replay, states and failures are asked, nothing is lost."""
    path = tmp_path / "old.sqlite3"
    shutil.copy(OLD, path)

    def job(name: str) -> Job:
        return Job(name, "task", lambda: Prompt.user(TextPart(f"question {name}")), Settings(max_output_tokens=32))

    names = [o.value for o in OURS if o is not Outcome.SKIPPED_BUDGET] + ["unread", "killed"]
    provider = scripted(lambda text: f"new {text}")
    with Ledger.open(path) as ledger:
        backend = Backend(provider, ledger=ledger, limits=Limits(max_wait=0), progress=False)
        found = dict(zip(names, backend.run([job(name) for name in names]), strict=True))
        asked = {request.prompt.text().removeprefix("question ") for request in provider.requests}
    assert asked == {*STATES, "malformed", "transport_failed", "possibly_billed", "killed"}
    assert all(found[name].replayed and found[name].outcome.value == name for name in FACTS)
    assert str(found["unread"]) == "answer to unread"
    assert (str(found["complete"]), str(found["killed"])) == ("text of complete", "new question killed")
    assert backend.totals()["possibly_billed"]["of_ended_processes"] == 1


def test_the_window_of_a_providers_own_model_is_a_fact():
    """An overflow at the provider itself is not asked again by itself; at an address of one's own it is."""
    ours = OpenAICompatibleProvider("m", base_url="http://localhost:1/v1")
    theirs, proxy = OpenAIProvider("gpt-6.1-terra"), OpenAIProvider("gpt-6.1-terra", base_url="http://localhost:1/v1")
    assert [p.mendable(Outcome.CONTEXT_EXCEEDED) for p in (ours, theirs, proxy)] == [True, False, True]
    assert all(p.mendable(Outcome.TRUNCATED_INPUT) for p in (ours, theirs, proxy))
    assert not any(p.mendable(Outcome(name)) for p in (ours, theirs, proxy) for name in FACTS)


def test_a_plan_counts_what_is_asked_again(run, scripted, jobs, tmp_path):
    """Questions that the next run asks again are not counted as paid already."""
    run(scripted(lambda text: {"outcome": "truncated_input"} if text.endswith("0") else "yes"), jobs(2))
    with Ledger.open(tmp_path / "ledger") as ledger:
        backend = Backend(scripted(), ledger=ledger, progress=False)
        assert ledger.answered_samples("scripted", "model", backend.asked_again) == {("task", "1", 0)}


@pytest.mark.parametrize("outcome", [*STATES, "blocked", "spent_on_reasoning", "malformed"])
def test_pruning_failures_removes_them(run, scripted, jobs, tmp_path, outcome):
    """``ledger prune --failures`` removes failures of every kind, and no answer."""
    run(scripted([{"outcome": outcome}]), jobs(1), max_attempts=1)
    run(scripted(), jobs(2)[1:])
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert ledger.prune(failures_only=True) == 1
        assert ledger.summary().outcomes == {"complete": 1}


def test_retry_is_an_option_of_the_command():
    """``--retry`` reaches the model beside whatever else was given, and is refused where a file would hide it."""
    assert with_retry(["--tasks", "x"]) == ["--tasks", "x"]
    given = ["--retry", "blocked", "--model_args", "model=a/b", "--retry=refused"]
    assert with_retry(given) == ["--model_args", "model=a/b", "--model_args", "retry=blocked+refused"]
    with pytest.raises(ConfigError, match="model_args"):
        with_retry(["--config", "c.yaml", "--retry", "blocked"])
