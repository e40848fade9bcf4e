"""The bill before it is paid: arithmetic on samples, and against what a server bills in the end."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.estimate import (
    TOLD_BLOCK,
    PlannedCall,
    answer_tokens,
    cached_tokens,
    estimate,
    prompt_tokens,
    told_tokens,
    total,
    wall_seconds,
)
from lm_eval_longctx.backend.prices import Prices, Rate
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Capabilities, Settings
from lm_eval_longctx.providers.models import ANTHROPIC, COMPATIBLE_DEFAULT, GEMINI, LIKE, OPENAI
from lm_eval_longctx.testing.server import KEY, LocalServer

K = 1024
FLASH = Prices({"input": Rate(0.75), "cached": Rate(0.075), "output": Rate(3.75)})
CACHES = Capabilities(prefix_cache="implicit", cache_minimum=1024)


def planned(sample: str = "s", tokens: int = 128 * K, order: float = 0.0, **changes) -> PlannedCall:
    fields = {
        "task": "t",
        "label": f"{tokens // K}k",
        "sample": sample,
        "repeat": 0,
        "group": "g",
        "order": order,
        "tokens": {"text": tokens},
        "bytes": tokens * 4,
        "answer": 20,
        "budget": 64,
    }
    return PlannedCall(**{**fields, **changes})


def sweep() -> list[PlannedCall]:
    """The grid of the Gemini 1.5 report, coarsely: 1k to 10M tokens, five depths."""
    lengths = (K, 32 * K, 128 * K, 512 * K, 1000 * K, 2048 * K, 10240 * K)
    return [planned(f"{n}/{d}", n, d / 4) for n in lengths for d in range(5)]


def test_a_sweep_from_1k_to_10m_has_a_believable_bill():
    """Five prompts at a million tokens cost some three dollars fresh; what no window holds costs nothing."""
    cells = estimate(sweep(), FLASH, GEMINI["gemini-3.8-flash"])
    by_label = {cell.label: cell for cell in cells}
    million = by_label["1000k"]
    fresh = 5 * 1000 * K * 0.75e-6
    assert fresh * 0.5 < million.expected < fresh
    assert fresh * 4 < million.most < fresh * 4.05, "a token for each byte"
    assert [by_label[label].beyond for label in ("1000k", "2048k", "10240k")] == [0, 5, 5]
    assert (by_label["2048k"].calls, by_label["2048k"].expected) == (0, 0.0)
    everything = total(cells)
    assert (everything.samples, everything.calls, everything.beyond) == (35, 25, 10)
    assert everything.expected == pytest.approx(sum(cell.expected for cell in cells))
    self_hosted = total(estimate(sweep(), FLASH, Capabilities(context_window=10 << 20)))
    assert self_hosted.most > 5 * (10 << 20) * 0.75e-6


def test_unknown_prices_make_an_unknown_bill():
    """Without prices calls and tokens are counted, and money is unknown, not 0."""
    cell = total(estimate(sweep(), None, CACHES))
    assert (cell.calls, cell.expected, cell.most) == (35, None, None)
    assert cell.to_dict()["prompt_tokens"] == sum(call.prompt for call in sweep())


def test_what_the_ledger_has_costs_nothing():
    """Answered samples are counted apart and are in no sum of money or tokens."""
    calls = [planned("a"), planned("b"), planned("b", repeat=1)]
    (cell,) = estimate(calls, FLASH, CACHES, frozenset({("t", "a", 0), ("t", "b", 0), ("other", "b", 1)}))
    assert (cell.samples, cell.known, cell.calls) == (3, 2, 1)
    assert cell.tokens == {"text": 128 * K}


def test_a_call_is_served_up_to_its_own_content():
    """Of a group all but the deepest are served up to their needle, in whole blocks, if that is long enough."""
    calls = [planned("a", order=0.0), planned("b", order=1.0), planned("c", order=0.5), planned("d", 10 * K, 0.05)]
    assert cached_tokens(calls, 1024) == [0, 0, 64 * K, 0]
    assert cached_tokens([planned("a", group=""), planned("b", group="")], 0) == [0, 0]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.integers(1, 10**6)), max_size=20))
def test_no_more_is_served_than_is_shared(shapes):
    """No call is served more than its own shared beginning, and one of each group nothing."""
    calls = [planned(str(i), n, order, group=group) for i, (group, order, n) in enumerate(shapes)]
    served = cached_tokens(calls, 0)
    assert all(0 <= s <= call.shared for s, call in zip(served, calls, strict=True))
    assert all(0 in [s for s, c in zip(served, calls, strict=True) if c.group == g] for g in {c.group for c in calls})


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 2_000_000)), min_size=1, max_size=20))
def test_the_expected_bill_is_never_above_the_most(shapes):
    """Whatever the plan, what is expected lies within what is reserved."""
    calls = [planned(str(i), n, order) for i, (order, n) in enumerate(shapes)]
    for cell in estimate(calls, FLASH, CACHES):
        assert 0 <= cell.expected <= cell.most + 1e-9


def sample(**changes):
    return {"unit": "seconds", "context_length": 600, "realised_length": 599.5, "question": "What is it?", **changes}


def test_media_are_counted_as_documented_or_as_the_sample_says():
    """Frames and seconds follow the model's documented tokens; where nobody knows them, the sample's own estimate."""
    flash = GEMINI["gemini-3.8-flash"]
    film = sample(pictures=600, form="native", media_tokens=999)
    assert prompt_tokens(film, "video", flash)["video"] == 600 * 70
    assert prompt_tokens({**film, "form": "frames"}, "video", flash)["image"] == 600 * 1120
    assert prompt_tokens(film, "video", replace(flash, native_video=False))["image"] == 600 * 1120
    assert prompt_tokens(film, "video", replace(flash, level="low"))["video"] == 600 * 70
    assert prompt_tokens({**film, "form": "frames"}, "video", replace(flash, level="low"))["image"] == 600 * 280
    claude, gpt = ANTHROPIC["claude-sonnet-5-5"], OPENAI["gpt-6.1-terra"]
    assert prompt_tokens(film, "video", claude, (640, 360))["image"] == 600 * 308
    assert prompt_tokens(film, "video", claude, (1500, 1000))["image"] == 600 * 2000
    assert prompt_tokens(film, "video", gpt, (640, 360))["image"] == 600 * 20 * 12
    assert prompt_tokens(film, "video", LIKE["qwen2-vl"], (560, 280))["video"] == 600 * 20 * 10 / 2
    assert prompt_tokens(sample(), "audio", LIKE["voxtral"])["audio"] == math.ceil(599.5 * 12.5)
    pictures = sample(unit="images", context_length=8)
    assert prompt_tokens(pictures, "image", claude, (750, 100))["image"] == 800
    assert prompt_tokens(film, "video", Capabilities())["video"] == 999
    assert prompt_tokens(sample(media_tokens=5), "audio", flash)["audio"] == 19184
    assert prompt_tokens(sample(unit="tokens", realised_length=1000), "text", flash) == {"text": 1000}


@pytest.mark.parametrize("takes", [Capabilities(), GEMINI["gemini-3.8-flash"], OPENAI["gpt-audio"], COMPATIBLE_DEFAULT])
def test_no_prompt_is_planned_for_nothing(takes):
    """Whatever a sample is measured in and whoever is asked, its prompt has tokens of its own kind."""
    shots = sample(unit="shots", context_length=512, realised_length=512, planned_tokens=9000)
    assert prompt_tokens(shots, "text", takes) == {"text": 9000}
    assert prompt_tokens(sample(unit="shots", bytes=4500), "text", takes) == {"text": 1000}
    recording = sample(context_length=20, realised_length=20.0)
    assert prompt_tokens(recording, "audio", takes)["audio"] == (200 if takes is OPENAI["gpt-audio"] else 640)
    assert sum(n for kind, n in prompt_tokens(recording, "video", takes).items() if kind != "text") > 0


def test_answers_are_as_long_as_the_right_one():
    """A short target makes a short answer, a transcript a long one, and none is longer than its budget."""
    assert answer_tokens({"target": "4711"}, 64) == 17
    assert answer_tokens({"target": "word " * 900}, 10_000) == 1016
    assert answer_tokens({"target": "word " * 900}, 100) == 100
    assert answer_tokens({"target": ["a", "b"]}, 64) == 19
    assert answer_tokens({"target": None, "realised_length": 30.0}, 812) == 116


def test_time_follows_the_narrowest_limit():
    """Concurrency, requests a minute and tokens a minute each bound the wall time from below."""
    cell = total(estimate([planned(str(i)) for i in range(100)], FLASH, CACHES))
    alone = wall_seconds(cell, Limits(), 1)
    assert wall_seconds(cell, Limits(), 8) == pytest.approx(alone / 8)
    assert wall_seconds(cell, Limits(concurrency=4), 8) == pytest.approx(alone / 4)
    assert wall_seconds(cell, Limits(requests_per_minute=1), 1000) == 6000
    assert wall_seconds(cell, Limits(tokens_per_minute=128 * K), 1000) == 6000


@pytest.mark.parametrize(
    ("name", "model"), [("anthropic", "claude-sonnet-5-5"), ("openai", "gpt-6.1-terra")], ids=["anthropic", "openai"]
)
def test_a_cache_that_has_to_be_told_serves_what_the_plan_expects(monkeypatch, name, model):
    """Against a server that keeps what is marked, reads and writes are billed as they were estimated."""
    monkeypatch.setenv(f"{name.upper()}_API_KEY", KEY)
    block, depths = 4 * TOLD_BLOCK, [i / 10 for i in range(11)]
    hay = [f"{i} and so on ".ljust(16) * (block // 16) for i in range(10)]
    tokens = sum(map(len, hay)) // 4

    def prompt(depth: float) -> Prompt:
        cut, parts = int(depth * 10 * block), [TextPart("Read. ")]
        for i, text in enumerate(hay):
            place = cut - i * block
            if 0 <= place < block:
                parts += [TextPart(text[:place], shared=True), TextPart(f" The word is {depth}. ")]
                text = text[place:]  # noqa: PLW2901 - the rest of it
            parts.append(TextPart(text, shared=True))
        return Prompt.user(*(part for part in parts if part.text), TextPart(f"Which word? {depth}"))

    jobs = [Job(str(d), "t", partial(prompt, d), Settings(16), group="g", order=d, tokens=tokens) for d in depths]
    with LocalServer() as server:
        provider = server.provider(name, model, probe=False)
        backend = Backend(provider, ledger=None, progress=False)
        backend.run(jobs)
        usage = backend.totals()["usage"]
        backend.close()
    expected = told_tokens([planned(str(d), tokens, d) for d in depths], provider.capabilities.cache_minimum)
    assert usage["cached_tokens"] == pytest.approx(sum(read for read, _ in expected), rel=0.02)
    written = sum(written for _, written in expected)  # the shallowest may keep a block that nobody reads
    assert written - 1000 <= usage["cache_write_tokens"] <= written + TOLD_BLOCK + 1000
    assert usage["cached_tokens"] > 0.25 * usage["prompt_tokens"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.integers(1, 10**7)), max_size=20))
def test_a_told_cache_keeps_only_what_is_read(shapes):
    """No call reads more than its own shared beginning, and a group of which nobody reads keeps nothing."""
    calls = [planned(str(i), n, order, group=group) for i, (group, order, n) in enumerate(shapes)]
    found = told_tokens(calls, 4096)
    for (read, written), call in zip(found, calls, strict=True):
        assert 0 <= read <= call.shared
        assert 0 <= written <= call.shared
        assert not (read and written)
    for group in "ab":
        alone = [found[i] for i, call in enumerate(calls) if call.group == group]
        if len(alone) < 2:
            assert alone in ([], [(0, 0)])


def test_a_servers_prefix_cache_serves_what_the_plan_expects(monkeypatch):
    """Against a server with a prefix cache, the backend's order is billed as many cached tokens as was estimated."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    rng = Rng("hay")
    hay = " ".join(str(rng.below(10**6)) for _ in range(16_000))
    depths = [i / 10 for i in range(11)]

    def job(i: int) -> Job:
        cut = int(depths[i] * len(hay))
        parts = (
            TextPart(hay[:cut], shared=True),
            TextPart(f" The word is {i}. "),
            TextPart(hay[cut:] + "\nWhich word?"),
        )
        kept = tuple(part for part in parts if part.text)
        return Job(
            str(i), "t", lambda: Prompt.user(*kept), Settings(16), group="g", order=depths[i], tokens=len(hay) // 4
        )

    with LocalServer() as server:
        provider = server.provider("openai-compatible", "tiny", tokenize=False, probe=False)
        limits = Limits(concurrency=4)
        backend = Backend(provider, ledger=None, limits=limits, prices=FLASH, progress=False)
        backend.run([job(i) for i in range(len(depths))])
        totals = backend.totals()
        backend.close()
    calls = [planned(str(i), len(hay) // 4, depth) for i, depth in enumerate(depths)]
    expected = sum(cached_tokens(calls, provider.capabilities.cache_minimum))
    billed = totals["usage"]["cached_tokens"]
    assert billed == pytest.approx(expected, rel=0.05)
    assert billed > 0.35 * totals["usage"]["prompt_tokens"]
    assert totals["saved_by_prefix_cache"] == pytest.approx(billed * (0.75 - 0.075) / 1e6)
