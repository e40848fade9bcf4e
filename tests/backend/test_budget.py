"""The hard cap holds, whatever providers bill within their worst case."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.budget import Budget
from lm_eval_longctx.backend.prices import Prices, Rate
from lm_eval_longctx.backend.verdict import OVERHEAD, prompt_bound
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import BudgetError, ConfigError
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart
from lm_eval_longctx.providers.base import Capabilities, Request, Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider

TIERED = Prices(
    {
        "input": Rate(2.0, ((2000, 4.0),)),
        "output": Rate(8.0, ((2000, 12.0),)),
        "cached": Rate(0.2),
        "cache_write": Rate(2.5, ((2000, 5.0),)),
        "input_audio": Rate(9.0),
    }
)


cents = st.integers(0, 60).map(lambda n: n / 100)
share = st.sampled_from((0.0, 0.1, 1 / 3, 0.9, 1.0))


@given(cap=cents, calls=st.lists(st.tuples(cents, share), min_size=3, max_size=12), together=st.integers(1, 5))
def test_spent_and_reserved_money_never_pass_the_cap(cap, calls, together):
    """However many calls reserve at once and whatever share of it they cost, the sum stays within the cap."""

    async def all_calls() -> float:
        budget, places, total = Budget(cap), asyncio.Semaphore(together), 0.0

        async def one(worst: float, share: float) -> None:
            nonlocal total
            async with places:
                reservation = await budget.reserve(worst)
                if reservation is not None:
                    with reservation:
                        total += worst * share
                        await asyncio.sleep(0)
                        reservation.settle(worst * share)

        await asyncio.gather(*(one(*call) for call in calls))
        return total

    assert asyncio.run(all_calls()) <= cap + 1e-12


def test_money_that_nobody_settles_is_spent():
    """A call that ends without a bill counts at its worst case, and what it did not settle is not free again."""

    async def calls() -> tuple[float, object]:
        budget = Budget(1.0)
        with pytest.raises(OSError, match="lost"), await budget.reserve(0.6):
            raise OSError("lost")
        return budget.spent, budget.reserve_now(0.5)

    spent, second = asyncio.run(calls())
    assert spent == pytest.approx(0.6)
    assert second is None


@pytest.mark.parametrize(("counted", "bound"), [(10_000, 10_200), (1_000_000, 1_020_000), (50, 51)])
def test_a_provider_may_bill_two_percent_above_its_own_count(counted, bound):
    """The most that a prompt can be billed for is the provider's own count and 2 %, and what every call adds."""
    request = Request(Prompt.user(TextPart("x")), counted=counted)
    assert prompt_bound(request, planned=0) == bound + OVERHEAD


class Counting(ScriptedProvider):
    """Bills by a list of shares of the worst case; counts tokens only if told to."""

    counts = True

    @property
    def capabilities(self):
        return Capabilities(modalities=("text", "audio"), counts_tokens=self.counts)

    async def count(self, prompt):
        return len(prompt.text()) if self.counts else None


@given(
    cap=st.integers(0, 40).map(lambda n: n / 100),
    shares=st.lists(st.tuples(*[share] * 5), min_size=1, max_size=8),
    sizes=st.lists(st.integers(100, 8000), min_size=3, max_size=12),
    counts=st.booleans(),
    concurrency=st.integers(1, 8),
    losses=st.booleans(),
)
def test_no_usage_within_the_worst_case_breaks_the_cap(cap, shares, sizes, counts, concurrency, losses):
    """With any usage up to the bound of prompt and output, of any kind of token, the bill never passes max_cost."""
    billed = 0.0

    def script(request):
        nonlocal billed
        size = len(request.prompt.text())
        prompt_share, cached, written, output, fate = shares[size % len(shares)]
        prompt = int(size * prompt_share)
        usage = {
            "prompt_tokens": prompt,
            "cached_tokens": int(prompt * cached),
            "cache_write_tokens": int(prompt * (1 - cached) * written),
            "output_tokens": int(output * 150),
            "by_modality": {"audio": prompt // 2},
            "cost": None,
        }
        cost = TIERED.cost(_usage(usage))
        if losses and fate > 0.7:
            billed += TIERED.worst(size, 150)  # lost, and billed as badly as can be
            return {"outcome": "possibly_billed", "usage": {"cost": None}}
        billed += cost
        return {"text": "x", "usage": usage}

    provider = Counting("m", script=script)
    provider.counts = counts
    settings = Settings(max_output_tokens=100, reasoning_tokens=50)
    jobs = [Job(str(i), "t", _prompt(n, i), settings, tokens=n) for i, n in enumerate(sizes)]
    limits = Limits(max_cost=cap, max_wait=0, concurrency=concurrency, max_lost=2)
    backend = Backend(provider, ledger=None, limits=limits, prices=TIERED, progress=False)
    found = backend.run(jobs)
    backend.close()
    assert billed <= cap + 1e-9
    assert len(found) == len(jobs)
    assert all(f.outcome is not Outcome.SKIPPED_BUDGET or "max_cost" in f.detail for f in found)
    totals = backend.totals()
    assert totals["cost"] + totals["possibly_billed"]["cost_at_most"] <= cap + 1e-9


def _usage(fields):
    from lm_eval_longctx.completion import Usage

    return Usage(**fields)


def _prompt(size: int, i: int):
    return lambda: Prompt.user(TextPart("x" * size + str(i)))


def test_a_defect_gives_the_money_of_its_call_free(jobs):
    """If a call ends in a defect, nobody waits for ever for what was set aside for it."""

    class Broken(Counting):
        async def send(self, request):
            raise ZeroDivisionError(request.repeat)

    limits = Limits(max_cost=TIERED.worst(int(10 * 1.02) + 1 + 256, 32) * 1.5, max_wait=0, concurrency=8)
    backend = Backend(Broken("m"), ledger=None, limits=limits, prices=TIERED, progress=False)
    with pytest.raises(ZeroDivisionError):
        backend.run(jobs(10))
    backend.close()


def test_a_call_waits_for_money_that_others_may_give_back(jobs):
    """With room for one worst case at a time, all calls are sent in turn, since each gives most of it back."""
    worst = TIERED.worst(int(10 * 1.02) + 1 + 256, 32)
    provider = Counting("m", script=[{"text": "x", "usage": {"cost": 0.0}}])
    limits = Limits(max_cost=worst * 1.5, max_wait=0, concurrency=8)
    backend = Backend(provider, ledger=None, limits=limits, prices=TIERED, progress=False)
    assert {f.outcome for f in backend.run(jobs(10))} == {Outcome.COMPLETE}
    backend.close()


def test_what_does_not_fit_is_skipped_and_smaller_calls_still_go(jobs):
    """A call whose worst case is above what is left is skipped by name, with its numbers; a small one is sent."""
    provider = Counting("m", script=[{"text": "x", "usage": {"cost": 0.0}}])
    large = Job("large", "t", _prompt(10**6, 0), Settings())
    backend = Backend(provider, ledger=None, limits=Limits(max_cost=0.1, max_wait=0), prices=TIERED, progress=False)
    found = backend.run([large, *jobs(1)])
    backend.close()
    assert [f.outcome for f in found] == [Outcome.SKIPPED_BUDGET, Outcome.COMPLETE]
    assert "worst case is 9." in found[0].detail
    assert provider.requests[0].prompt.text() == "question 0"


def test_media_of_unknown_length_are_not_sent_under_a_cap(tmp_path):
    """A prompt with media that nobody counted and no plan bounds has no worst case, so it is skipped."""
    provider = Counting("m", script=[{"text": "x", "usage": {"cost": 0.0}}])
    provider.counts = False
    sound = AudioPart(str(tmp_path / "a"), "0" * 64, "audio/flac", 5.0, 16000)
    jobs = [Job(str(n), "t", lambda: Prompt.user(sound), Settings(), tokens=n, repeat=n) for n in (0, 160)]
    backend = Backend(provider, ledger=None, limits=Limits(max_cost=1.0, max_wait=0), prices=TIERED, progress=False)
    found = backend.run(jobs)
    backend.close()
    assert [f.outcome for f in found] == [Outcome.SKIPPED_BUDGET, Outcome.COMPLETE]
    assert "cannot be known" in found[0].detail


def test_a_bill_above_the_worst_case_makes_later_reserves_larger(jobs, caplog):
    """If a provider bills more than it counted, this is said, and more is set aside from then on."""
    provider = Counting("m", script=[{"text": "x", "usage": {"cost": 0.04}}])
    limits = Limits(max_cost=0.1, max_wait=0, concurrency=1)
    backend = Backend(provider, ledger=None, limits=limits, prices=TIERED, progress=False)
    found = backend.run(jobs(10))
    backend.close()
    sent = [f.outcome for f in found].count(Outcome.COMPLETE)
    assert sent in {2, 3}  # one more may have been set aside before the first bill came
    assert backend.totals()["cost"] == pytest.approx(0.04 * sent)
    assert "more than its worst case" in caplog.text


def test_a_cap_without_a_price_is_an_error_that_tells_how_to_give_one(scripted):
    """max_cost with an unknown price is refused before anything is sent."""
    with pytest.raises(BudgetError, match=r"scripted/model is unknown; give price_in= and price_out="):
        Backend(scripted(), ledger=None, limits=Limits(max_cost=1.0))


@pytest.mark.parametrize("cost", [-5.0, float("nan"), float("inf"), -float("inf")])
def test_a_cost_that_is_no_money_opens_no_cap(cost):
    """A bill below nothing, or without end, counts as what was set aside for the call."""
    budget = Budget(1.0)
    budget.reserve_now(0.6).settle(cost)
    assert budget.spent == pytest.approx(0.6)
    assert budget.reserve_now(0.5) is None
    budget.settle(0, cost)
    assert budget.spent == pytest.approx(0.6)


@given(
    times=st.floats(1, 40),
    together=st.integers(1, 16),
    sizes=st.lists(st.integers(500, 20_000), min_size=2, max_size=12),
    reported=st.booleans(),
)
def test_one_call_teaches_what_the_others_cost(times, together, sizes, reported):
    """However far above its worst case a server bills, only the call that shows it can go beyond the cap."""
    billed, prices = [], Prices.given(2.0, 2.0)

    def script(request):
        tokens = int(times * (len(request.prompt.text()) + OVERHEAD))
        usage = {"prompt_tokens": tokens, "output_tokens": int(150 * times), "cost": None}
        billed.append(prices.cost(_usage(usage)))
        return {"text": "x", "usage": {**usage, "cost": billed[-1]} if reported else usage}

    provider, settings, cap = Counting("m", script=script), Settings(max_output_tokens=150), 0.1
    provider.counts = False
    jobs = [Job(str(i), "t", _prompt(n, i), settings, tokens=n) for i, n in enumerate(sizes)]
    limits = Limits(max_cost=cap, max_wait=0, concurrency=together)
    backend = Backend(provider, ledger=None, limits=limits, prices=prices, progress=False)
    backend.run(jobs)
    backend.close()
    assert sum(billed) <= cap or len(billed) == 1


def test_a_short_prompt_teaches_what_a_long_one_costs():
    """Where the room for an answer hides what prompt tokens cost, they are compared by themselves."""
    prices, settings = Prices.given(1.0, 1.0), Settings(max_output_tokens=64_000)

    def script(request):
        usage = {"prompt_tokens": 10 * len(request.prompt.text()), "output_tokens": 1, "cost": None}
        return {"text": "x", "usage": usage}

    provider = Counting("m", script=script)
    provider.counts = False
    limits = Limits(max_cost=1.0, max_wait=0)
    backend = Backend(provider, ledger=None, limits=limits, prices=prices, progress=False)
    found = [backend.run([Job(str(n), "t", _prompt(n, 0), settings)])[0].outcome for n in (5_000, 200_000)]
    backend.close()
    assert found == [Outcome.COMPLETE, Outcome.SKIPPED_BUDGET]


@pytest.mark.parametrize("name", ["max_cost", "max_wait", "timeout", "concurrency", "tokens_per_minute"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
def test_limits_without_end_are_refused_in_words(name, value):
    """A limit that is no finite number is an error that names it."""
    with pytest.raises(ConfigError, match=f"{name} must be . or more, and finite"):
        Limits(**{name: value})


def test_limits_that_cannot_be_meant_are_refused():
    """Zero places, zero attempts and negative money are errors."""
    for bad in (
        {"concurrency": 0},
        {"max_attempts": 0},
        {"max_cost": -1.0},
        {"max_wait": -1},
        {"max_bytes_in_flight": 0},
    ):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            Limits(**bad)
