"""Requests and tokens per minute: kept, learnt from headers, and waits that follow the server's wish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend.limiter import Limiter, seconds_until, shared_limiter
from lm_eval_longctx.backend.session import retry_wait


def let_through(limiter: Limiter, sizes: list[int], start: float = 0.0) -> list[float]:
    """Return the moments at which calls may go, one after the other."""
    now, moments = start, []
    for size in sizes:
        while (delay := limiter.wait(size, now)) > 0:
            now += delay
        moments.append(now)
    return moments


@given(st.integers(1, 100), st.lists(st.just(0), min_size=1, max_size=200))
def test_no_minute_holds_more_requests_than_a_full_bucket_and_its_refill(per_minute, calls):
    """In any minute at most twice the limit goes out: what had been saved up, and what flows in meanwhile."""
    moments = let_through(Limiter(per_minute, None), calls)
    for moment in moments:
        assert sum(moment <= other < moment + 60 for other in moments) <= 2 * per_minute + 1
    assert moments[-1] >= (len(calls) - per_minute - 1e-6) * 60 / per_minute - 1e-6


def test_tokens_are_limited_as_requests_are():
    """Prompts of half the limit go two at once, then one each half minute; one above the limit puts the next off."""
    assert let_through(Limiter(None, 1000), [500] * 4) == pytest.approx([0, 0, 30, 60])
    assert let_through(Limiter(None, 1000), [5000, 1]) == pytest.approx([0, 4 * 60 + 0.06])


def test_nothing_is_limited_before_anything_is_known():
    """Without own limits and without headers, nobody waits."""
    assert let_through(Limiter(), [10**9] * 50) == [0.0] * 50


HEADERS = {
    "openai": {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "5000",
        "x-ratelimit-reset-requests": "59s",
    },
    "anthropic": {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "1",
        "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:00Z",
        "anthropic-ratelimit-input-tokens-limit": "6000",
        "anthropic-ratelimit-input-tokens-remaining": "5000",
    },
}


@pytest.mark.parametrize("family", HEADERS)
def test_limits_are_learnt_from_headers(family):
    """After a response that tells limits and what is left, calls are spaced accordingly."""
    limiter = Limiter()
    limiter.learn(HEADERS[family], 0.0, 900)
    assert let_through(limiter, [1, 1, 1]) == pytest.approx([0, 1, 2])
    other = Limiter()
    other.learn(HEADERS[family], 0.0, 900)
    assert let_through(other, [5000, 1000]) == pytest.approx([0, 10])


def test_the_users_own_limit_is_not_raised_by_headers():
    """A limit that the user set stays, whatever the provider would allow."""
    limiter = Limiter(6, None)
    limiter.learn(HEADERS["openai"] | {"x-ratelimit-limit-requests": "6000"}, 0.0, 900)
    assert let_through(limiter, [0, 0]) == pytest.approx([0, 10])


def test_nothing_left_pauses_everybody_until_the_reset_but_not_for_ever():
    """With nothing left nobody goes before the reset, and never later than the longest wait."""
    limiter = Limiter()
    limiter.learn({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 0.0, 900)
    assert let_through(limiter, [1]) == pytest.approx([360])
    limiter.learn({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "3d"}, 400.0, 900)
    assert let_through(limiter, [1], 400.0) == pytest.approx([1300])


@given(
    st.dictionaries(
        st.sampled_from([name for h in HEADERS.values() for name in h]),
        st.text() | st.sampled_from(("nan", "inf", "-1", "1e400", "0", "12", "6m0s")),
    )
)
def test_nonsense_in_headers_does_no_harm(headers):
    """Whatever a server writes into these headers, a call gets through within the longest wait and a minute."""
    limiter = Limiter()
    limiter.learn(headers, 0.0, 900)
    (moment,) = let_through(limiter, [10])
    assert 0 <= moment <= 961


def test_reset_times_are_read_in_every_spelling():
    """Seconds, durations and moments in time are understood; nonsense is nothing."""
    assert seconds_until("12") == 12
    assert seconds_until("6m0s") == 360
    assert seconds_until("644ms") == 0.644
    assert seconds_until("1h2m3.5s") == 3723.5
    assert seconds_until("2020-01-01T00:00:00Z") == 0
    assert seconds_until("2999-01-01T00:00:00") > 10**9
    assert [seconds_until(text) for text in (None, "", "soon", "6 minutes", "-5")] == [None] * 5


def test_users_of_one_account_and_model_share_a_limiter():
    """Two backends with the same provider, model and address share one limiter; another model has its own."""
    one = shared_limiter(("p", "m", "u"), None, None)
    assert shared_limiter(("p", "m", "u"), None, None) is one
    assert shared_limiter(("p", "n", "u"), None, None) is not one


@given(st.integers(1, 50), st.none() | st.floats(0, 10**6), st.floats(0, 900))
def test_waits_follow_the_server_and_never_pass_the_longest(attempt, asked, most):
    """A server's wish is kept with up to a tenth more; a backoff lies between half a second and a minute and a half."""
    wait = retry_wait("key", attempt, asked, most)
    assert 0 <= wait <= most
    assert wait == retry_wait("key", attempt, asked, most)
    if asked is not None:
        assert wait == most or asked <= wait <= asked * 1.1 + 1e-9
    else:
        assert wait == most or 0.5 <= wait <= 90


def test_backoff_grows_and_differs_between_calls():
    """The wait doubles from attempt to attempt, and different calls come back at different moments."""
    assert len({retry_wait(f"key {i}", 1, None, 900) for i in range(20)}) == 20
    means = [sum(retry_wait(f"key {i}", n, None, 900) for i in range(200)) / 200 for n in (1, 2, 3)]
    assert means[1] / means[0] == pytest.approx(2, rel=0.15)
    assert means[2] / means[1] == pytest.approx(2, rel=0.15)
