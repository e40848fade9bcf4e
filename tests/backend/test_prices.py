"""Prices: the same as the price package's own arithmetic, bounded by the worst case, unknown rather than 0."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from price_list import listed

from lm_eval_longctx.backend.prices import Prices, Rate, look_up, prices_for
from lm_eval_longctx.completion import Usage
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.providers.anthropic import AnthropicProvider
from lm_eval_longctx.providers.cascade.provider import Cascade
from lm_eval_longctx.providers.scripted import ScriptedProvider

WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)
VENDORS = {"gemini": "google", "openai": "openai", "anthropic": "anthropic"}
MODELS = [
    ("gemini", "gemini-3.8-flash"),
    ("gemini", "gemini-3.1-pro-preview"),
    ("gemini", "gemini-1.5-pro"),
    ("openai", "gpt-6.1-terra"),
    ("openai", "gpt-audio"),
    ("anthropic", "claude-sonnet-5-5"),
    ("anthropic", "claude-haiku-5-5"),
]


@pytest.fixture(scope="module")
def genai_prices():
    return pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")


def known(provider: str, model: str, about: dict | None = None):
    """Return a price list of one day."""
    return listed(provider, model, about, WHEN)


@pytest.mark.parametrize(("provider", "model"), MODELS)
@given(
    tokens=st.tuples(st.integers(0, 2_000_000), st.integers(0, 65_536)), cached=st.floats(0, 1), written=st.floats(0, 1)
)
def test_costs_agree_with_the_package_they_come_from(genai_prices, provider, model, tokens, cached, written):
    """For any split into fresh, cached and written tokens, on either side of a tier, our cost is the package's."""
    prices, (prompt, output) = known(provider, model), tokens
    read = int(prompt * cached)
    wrote = int((prompt - read) * written) if "cache_write" in prices.rates else 0
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=wrote, output_tokens=output),
        model,
        provider_id=VENDORS[provider],
        genai_request_timestamp=WHEN,
    )
    ours = prices.cost(Usage(prompt, read, wrote, output))
    assert ours == pytest.approx(float(theirs.total_price), rel=1e-9, abs=1e-12)


def test_sound_has_its_own_price(genai_prices):
    """Tokens of a modality with a price of its own cost that price."""
    prices = look_up("openai", "gpt-audio", {}, WHEN)
    usage = Usage(1_000_000, output_tokens=0, by_modality={"text": 400_000, "audio": 600_000})
    assert prices.cost(usage) == pytest.approx(0.4 * 2.5 + 0.6 * 32)


def test_the_facts_of_november_2026_are_reproduced(genai_prices):
    """A prompt of a million tokens costs what the price lists of that day say, and from the day of a change another."""
    million = Usage(1_000_000, 0, 0, 0)
    expected = {"gemini-4-argon": 2.0, "gemini-3.8-flash": 0.75, "gemini-3.1-pro-preview": 4.0}
    assert {m: look_up("gemini", m, {}, WHEN).cost(million) for m in expected} == expected
    assert look_up("gemini", "gemini-4-argon", {}, datetime(2026, 12, 1, tzinfo=timezone.utc)).cost(million) == 4.0
    assert look_up("anthropic", "claude-haiku-5-5", {}, WHEN).cost(million) == pytest.approx(0.5)


def test_an_unknown_model_has_no_price(genai_prices):
    """What the package does not know costs ``None``, never 0, also behind an unknown address."""
    assert look_up("gemini", "no-such-model", {}, WHEN) is None
    assert look_up("openai-compatible", "qwen", {"endpoint": "http://127.0.0.1:8000/v1"}, WHEN) is None
    assert look_up("scripted", "model", {}, WHEN) is None
    assert prices_for(ScriptedProvider("model")) is None


def test_a_known_vendor_behind_a_compatible_address_is_found(genai_prices):
    """OpenRouter and the like are recognised by their address."""
    found = known("openai-compatible", "openai/gpt-6.1-terra", {"endpoint": "https://openrouter.ai/api/v1"})
    assert found.model.startswith("openrouter/")


def test_the_embedded_model_is_free():
    """A model that runs in this process costs nothing, which is not the same as unknown."""
    prices = prices_for(Cascade())
    assert (prices.cost(Usage(10**6, output_tokens=10)), prices.source) == (0.0, "embedded")


def test_a_user_may_give_prices(genai_prices):
    """Given prices win; both directions are needed unless the rest is known; cached tokens cost the input's price."""
    unknown = ScriptedProvider("model")
    prices = prices_for(unknown, price_in=2.0, price_out=8.0)
    assert prices.cost(Usage(1_000_000, 500_000, 0, 1_000_000)) == pytest.approx(10.0)
    cheaper = prices_for(unknown, price_in=2.0, price_out=8.0, price_cached=0.5)
    assert cheaper.cost(Usage(1_000_000, 500_000, 0, 0)) == pytest.approx(1.25)
    assert prices_for(unknown, price_in=0.0, price_out=0.0).cost(Usage(10, 0, 0, 10)) == 0.0
    with pytest.raises(ConfigError, match="price_in= and price_out="):
        prices_for(unknown, price_in=2.0)


def test_a_user_may_change_one_known_price(genai_prices):
    """One given price is laid over the looked-up ones, and the record says so."""

    class Hosted(ScriptedProvider):
        NAME = "gemini"

    prices = prices_for(Hosted("gemini-3.8-flash"), price_cached=0.01)
    assert (prices.rates["cached"].base, prices.rates["input"].base) == (0.01, 0.75)
    assert "changed by the user" in prices.describe()["source"]


def test_the_numbers_that_were_used_are_recorded(genai_prices):
    """The description names the package with its version, the model, the day and every number with its tiers."""
    about = known("openai", "gpt-6.1-terra").describe()
    assert about["source"].startswith("genai-prices ")
    assert (about["model"], about["looked_up"]) == ("openai/gpt-6.1-terra", "2026-11-23")
    assert about["usd_per_million_tokens"]["input"] == {"base": 1.0, "above": {"272000": 2.0}}


def test_a_cost_that_the_provider_reports_wins():
    """Where the server itself says what the call cost, that is the cost."""
    assert Prices.given(1.0, 1.0).cost(Usage(10**6, output_tokens=1, cost=0.125)) == 0.125


def test_unknown_tokens_have_an_unknown_cost():
    """Without both directions of usage there is no cost."""
    assert Prices.given(1.0, 1.0).cost(Usage(10)) is None
    assert Prices.given(1.0, 1.0).cost(Usage(output_tokens=10)) is None


rates = st.builds(
    Rate,
    st.floats(0, 100),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 100)), max_size=3).map(lambda t: tuple(sorted(t))),
)
NAMES = ("cached", "cache_write", "cache_write_1h", "input_audio", "input_video", "cached_audio", "output_reasoning")


@given(
    st.tuples(rates, rates),
    st.dictionaries(st.sampled_from(NAMES), rates),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
    st.tuples(st.integers(0, 10**5), st.integers(0, 10**5)),
    st.dictionaries(st.sampled_from(("text", "audio", "video")), st.integers(0, 10**6)),
    st.integers(0, 10**6),
)
def test_no_usage_costs_more_than_the_worst_case(base, more, parts, output, by_modality, slack):
    """Any usage within the bounds costs at most the worst case, with any prices, tiers and kinds of tokens."""
    prices = Prices({"input": base[0], "output": base[1], **more})
    fresh, read, written = parts
    prompt = fresh + read + written
    usage = Usage(prompt, read, written, sum(output), output[0], by_modality)
    worst = prices.worst(prompt + slack, sum(output))
    assert prices.cost(usage) <= worst * (1 + 1e-12) + 1e-12


@pytest.mark.parametrize(("cache", "times"), [("5m", 1.25), ("1h", 2.0), ("off", 1.0)])
def test_what_is_kept_longer_costs_more_to_store(monkeypatch, cache, times):
    """Storing costs a quarter more than reading fresh, or twice as much for an hour, whoever named the prices."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k" * 40)
    provider = AnthropicProvider("claude-sonnet-5-5", cache=cache)
    looked_up = prices_for(provider)
    for prices in (prices_for(provider, price_in=2.0, price_out=10.0), *([looked_up] if looked_up else [])):
        usage = Usage(prompt_tokens=1_000_000, cache_write_tokens=1_000_000, output_tokens=0)
        assert prices.cost(usage) == pytest.approx(2.0 * times)
        assert prices.worst(1_000_000, 0) == pytest.approx(2.0 * times)


def test_savings_count_the_price_of_writing_the_cache():
    """Reading from the cache saves the difference of prices; writing it may cost more than it saves."""
    prices = Prices({"input": Rate(1.0), "output": Rate(1.0), "cached": Rate(0.1), "cache_write": Rate(1.25)})
    assert prices.saved(Usage(1_000_000, 1_000_000, 0, 0)) == pytest.approx(0.9)
    assert prices.saved(Usage(1_000_000, 0, 1_000_000, 0)) == pytest.approx(-0.25)


def test_a_tier_without_prices_costs_the_highest_of_all_lists():
    """What nobody prices is priced at the highest rate of each kind in any list, at any length."""
    flex = Prices({"input": Rate(0.5), "output": Rate(9.0), "cached": Rate(0.3)})
    usual = Prices(
        {"input": Rate(1.0, ((1000, 2.0),)), "output": Rate(4.0), "cached": Rate(0.1)}, others={"flex": flex}
    )
    highest = usual.of_tier("ultrafast")
    assert {name: rate.base for name, rate in highest.rates.items()} == {"input": 2.0, "output": 9.0, "cached": 0.3}
    assert usual.of_tier("flex") is flex
    assert usual.of_tier("") is usual


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_what_is_no_price_is_refused(price):
    """A price below 0, or none at all, is an error wherever it is given: it would open every cap."""
    with pytest.raises(ConfigError, match="a price must be"):
        Prices.given(price, 1.0)
    with pytest.raises(ConfigError, match="a price must be"):
        prices_for(ScriptedProvider("model"), price_in=1.0, price_out=1.0, price_cached=price)


@pytest.mark.parametrize(
    "usage", [Usage(-10, output_tokens=5), Usage(10, output_tokens=-5), Usage(10, output_tokens=5, cost=-120.0)]
)
def test_numbers_below_nothing_have_no_price(usage):
    """A bill of less than nothing costs nobody knows what; it never gives money back."""
    assert Prices.given(1.0, 1.0).cost(usage) is None
