"""The progress bar's words, and results that come from another thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from tqdm import tqdm

from lm_eval_longctx.backend.interrupts import Mailbox, hand_over
from lm_eval_longctx.backend.progress import _SHAPE, Progress
from lm_eval_longctx.backend.tally import Tally
from lm_eval_longctx.completion import Completion, Usage


def test_the_bar_tells_tokens_money_retries_and_the_slowest_call(jobs):
    """Tokens, money so far, replays, retries, doubtful calls and the oldest open call stand behind the bar."""
    tally = Tally(usage=Usage(1_200_000, output_tokens=300), cost=1.234, retries=2, replayed=3, possibly_billed=1)
    progress = Progress(3, tally, shown=False)
    first, second = jobs(2)
    for job in (first, second):
        progress.opened(job)
    assert progress.words() == (
        "1.23 USD, 1.2M tokens, 3 from the ledger, 2 retries, 1 possibly billed, slowest 0 s (0)"
    )
    long = replace(first, sample="a sample whose name " + "goes on and on " * 20 + "to its very end")
    progress.opened(long)
    for job in (first, second):
        progress.ended(job)
    assert progress.words().endswith("slowest 0 s (a sample whose name …d on to its very end)")
    progress.ended(long)
    assert "slowest" not in progress.words()


def test_what_the_provider_is_at_is_told():
    """Within one long request the bar says how far the provider is, and nothing where it cannot tell."""
    said = iter(["3.0 of 41.9 MB read", ""])
    progress = Progress(1, Tally(), shown=False, doing=lambda: next(said))
    assert progress.words() == "0.00 USD, 0 tokens, 3.0 of 41.9 MB read"
    assert progress.words() == "0.00 USD, 0 tokens"


def test_unknown_money_is_not_zero():
    """If no billed call has a known price, the bar says so."""
    assert Progress(1, Tally(unpriced=1), shown=False).words() == "cost unknown, 0 tokens"


def test_a_bar_is_shown_and_closed(capsys):
    """The bar counts samples on standard error and ends with the last words."""
    tally = Tally()
    progress = Progress(2, tally, shown=True)
    tally.finished(Completion("x"))
    progress.advance()
    progress.close()
    shown = capsys.readouterr().err
    assert "1/2" in shown
    assert "0.00 USD" in shown


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_narrow_bar_keeps_time_and_money(columns, monkeypatch):
    """On a narrow screen the bar still says how far it is, how long it takes and what it has cost, on one line."""
    monkeypatch.setenv("COLUMNS", str(columns))
    tally = Tally(usage=Usage(12_345_678_900), cost=123.45, retries=20, replayed=300, possibly_billed=1)
    progress = Progress(20_000, tally, shown=False)
    line = tqdm.format_meter(
        n=12_345,
        total=20_000,
        elapsed=36_000,
        ncols=columns,
        prefix="asking",
        bar_format=_SHAPE,
        postfix=progress.words(),
    )
    assert len(line) <= columns
    assert all(part in line for part in ("asking", " 62%", "12345/20000", "[10:00:00<6:12:03", "123.45 USD"))


def test_results_of_other_threads_arrive_all_and_in_order():
    """Thousands of results from several threads reach whoever waits, failures as failures."""

    async def scenario() -> None:
        mailbox, loop = Mailbox(), asyncio.get_running_loop()
        futures: list[Future[int]] = [Future() for _ in range(2000)]
        waiters = [loop.create_future() for _ in futures]
        for future, waiter in zip(futures, waiters, strict=True):
            mailbox.expect(future, partial(hand_over, waiter))
        with ThreadPoolExecutor(4) as threads:
            for i, future in enumerate(futures[:-1]):
                threads.submit(future.set_result, i)
            threads.submit(futures[-1].set_exception, ZeroDivisionError("a defect"))
            assert await asyncio.gather(*waiters[:-1]) == list(range(1999))
            with pytest.raises(ZeroDivisionError, match="a defect"):
                await waiters[-1]

    asyncio.run(scenario())


def test_a_result_that_nobody_waits_for_any_more_does_no_harm():
    """A waiter that was cancelled is passed over."""

    async def scenario() -> None:
        mailbox, future = Mailbox(), Future()
        gone = asyncio.get_running_loop().create_future()
        mailbox.expect(future, partial(hand_over, gone))
        gone.cancel()
        future.set_result(1)
        await asyncio.sleep(0)

    asyncio.run(scenario())
