"""What tokens cost: numbers from the user, or from the package genai-prices (extra ``prices``).

All prices are US dollars for a million tokens. An unknown price is ``None``
and never 0. The numbers that were used are recorded with the results.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.budget import is_money
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.providers.tiers import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.completion import Usage
    from lm_eval_longctx.providers.base import Provider

_MILLION = 1_000_000
_VENDORS = {"gemini": "google", "openai": "openai", "anthropic": "anthropic"}
_NAMES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_image_mtok": "input_image",
    "input_audio_mtok": "input_audio",
    "input_video_mtok": "input_video",
    "cache_image_read_mtok": "cached_image",
    "cache_audio_read_mtok": "cached_audio",
    "cache_video_read_mtok": "cached_video",
    "output_reasoning_mtok": "output_reasoning",
}
"""The package's price keys that concern us, and our names for them."""

_HOUR = 3600
"""Seconds, for speech services that bill by the hour of sound: a second is what they report as a token."""

WRITE, WRITE_1H = 1.25, 2.0
"""How many times the price of input writing a cache costs that has to be told, where a price list does not say."""

_TIERS = (STANDARD, "flex", "priority")
"""Service tiers that may serve in each other's place; the package holds OpenAI's prices of them since October 2026."""

HOW_TO_GIVE = "give price_in= and price_out= (US dollars per million tokens; price_cached= if it differs)"


@dataclass(frozen=True)
class Rate:
    """A price that may depend on the length of the whole prompt.

    Attributes:
        base: US dollars for a million tokens.
        tiers: Pairs (tokens, price), ascending: prompts longer than so many
            tokens cost this price for all their tokens.
    """

    base: float
    tiers: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no price: one below 0 would open every cap."""
        for price in (self.base, *(price for _, price in self.tiers)):
            if not is_money(price):
                raise ConfigError(f"a price must be a finite number of US dollars, 0 or more, not {price}")

    def at(self, prompt_tokens: int) -> float:
        """Return the price for a prompt of this length."""
        return next((price for start, price in reversed(self.tiers) if prompt_tokens > start), self.base)

    def __mul__(self, times: float) -> Rate:
        """Return a price that is so many times as high."""
        return Rate(self.base * times, tuple((start, price * times) for start, price in self.tiers))

    def highest(self, prompt_tokens: int) -> float:
        """Return the highest price of any prompt up to this length."""
        return max([self.base, *(price for start, price in self.tiers if prompt_tokens > start)])

    def __str__(self) -> str:
        """Return the number, and those for longer prompts, for people."""
        tiers = "".join(f", {price:g} above {start:,} tokens" for start, price in self.tiers)
        return f"{self.base:g}" + (f" ({tiers.removeprefix(', ')})" if tiers else "")

    def to_plain(self) -> Any:
        """Return plain values for results."""
        return {"base": self.base, "above": {str(s): p for s, p in self.tiers}} if self.tiers else self.base


@dataclass(frozen=True)
class Prices:
    """The price list of one model.

    Attributes:
        rates: By ``input``, ``output``, ``cached``, ``cache_write``, and by
            modality such as ``input_audio`` where that differs.
        source: Where the numbers come from.
        model: The model as the source names it.
        looked_up: The day, ``YYYY-MM-DD``.
        per_request: US dollars for each request, whatever its size.
        others: The price lists of other service tiers, where they are known.
    """

    rates: Mapping[str, Rate] = field(default_factory=dict)
    source: str = "user"
    model: str = ""
    looked_up: str = ""
    per_request: float = 0.0
    others: Mapping[str, Prices] = field(default_factory=dict)

    @classmethod
    def free(cls) -> Prices:
        """Return the prices of a model that runs here."""
        return cls({"input": Rate(0.0), "output": Rate(0.0)}, "embedded")

    @classmethod
    def given(cls, price_in: float, price_out: float, price_cached: float | None = None) -> Prices:
        """Return a user's own prices."""
        cached = price_in if price_cached is None else price_cached
        return cls({"input": Rate(price_in), "output": Rate(price_out), "cached": Rate(cached)}, "user")

    def of_tier(self, served: str) -> Prices:
        """Return the price list of the service tier that served; empty for the one that was asked for.

        A tier that no list prices costs the highest price of all lists, so that it opens no cap.
        """
        return (self.others.get(served) or self._highest()) if served else self

    def _highest(self) -> Prices:
        """Return the price list whose every rate is the highest of all lists, whatever the prompt's length."""
        lists = (self, *self.others.values())
        most: dict[str, Rate] = {}
        for name, rate in ((name, rate) for prices in lists for name, rate in prices.rates.items()):
            top = rate.highest(sys.maxsize)
            most[name] = Rate(max(top, most[name].base) if name in most else top)
        return replace(self, rates=most, per_request=max(prices.per_request for prices in lists), others={})

    def cost(self, usage: Usage) -> float | None:
        """Return what a call cost in US dollars, or ``None`` where its tokens are not known.

        A cost that the provider itself reported wins. Numbers below 0, or
        without end, are no bill: what they cost is unknown.
        """
        if usage.cost is not None:
            return usage.cost if is_money(usage.cost) else None
        silent = usage.output_tokens is None and self._rate("output") == Rate(0.0)  # its number changes nothing
        if not (is_money(usage.prompt_tokens) and (silent or is_money(usage.output_tokens))):
            return None
        return self.input_cost(usage) + self._output_cost(usage) + self.per_request

    def input_cost(self, usage: Usage, *, cached: bool = True) -> float:
        """Return what the prompt cost, or would have cost without a cache."""
        prompt = usage.prompt_tokens or 0
        read = (usage.cached_tokens or 0) if cached else 0
        written = (usage.cache_write_tokens or 0) if cached else 0
        fresh = max(0, prompt - read - written)
        total = written * self._rate("cache_write", "input").at(prompt)
        for modality, share in _shares(usage.by_modality, prompt):
            total += fresh * share * self._rate(f"input_{modality}", "input").at(prompt)
            total += read * share * self._rate(f"cached_{modality}", "cached", "input").at(prompt)
        return total / _MILLION

    def _output_cost(self, usage: Usage) -> float:
        output, prompt = usage.output_tokens or 0, usage.prompt_tokens or 0
        reasoning = min(usage.reasoning_tokens or 0, output)
        rate, hidden = self._rate("output"), self._rate("output_reasoning", "output")
        return ((output - reasoning) * rate.at(prompt) + reasoning * hidden.at(prompt)) / _MILLION

    def saved(self, usage: Usage) -> float:
        """Return the US dollars that cached tokens saved; below 0 where writing the cache cost more."""
        return self.input_cost(usage, cached=False) - self.input_cost(usage)

    def worst(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return what a call costs at most: every token at its highest price.

        Args:
            prompt_tokens: Upper bound of the prompt.
            output_tokens: Upper bound of the output, reasoning included.
        """
        inputs = [rate for name, rate in self.rates.items() if not name.startswith("output")]
        outputs = [rate for name, rate in self.rates.items() if name.startswith("output")]
        dearest_in = max(rate.highest(prompt_tokens) for rate in inputs)
        dearest_out = max(rate.highest(prompt_tokens) for rate in outputs)
        return (prompt_tokens * dearest_in + output_tokens * dearest_out) / _MILLION + self.per_request

    def describe(self) -> dict[str, Any]:
        """Return the numbers and where they come from, as plain values."""
        return {
            "source": self.source,
            "model": self.model,
            "looked_up": self.looked_up,
            "usd_per_million_tokens": _plain(self.rates),
            **({"other_service_tiers": {t: _plain(p.rates) for t, p in self.others.items()}} if self.others else {}),
            **({"usd_per_request": self.per_request} if self.per_request else {}),
        }

    def _rate(self, *names: str) -> Rate:
        return next(self.rates[name] for name in names if name in self.rates)


def _plain(rates: Mapping[str, Rate]) -> dict[str, Any]:
    return {name: rate.to_plain() for name, rate in sorted(rates.items())}


def _shares(by_modality: Mapping[str, int], prompt: int) -> list[tuple[str, float]]:
    """Split a prompt by modality; what nobody named is text."""
    named = sum(by_modality.values())
    if not by_modality or not prompt or named > prompt:
        return [("text", 1.0)]
    shares = [(name, tokens / prompt) for name, tokens in by_modality.items()]
    return [*shares, ("text", (prompt - named) / prompt)]


def prices_for(
    provider: Provider,
    *,
    price_in: float | None = None,
    price_out: float | None = None,
    price_cached: float | None = None,
    batch: bool = False,
) -> Prices | None:
    """Find the prices of a provider's model.

    Args:
        provider: Its model is looked up.
        price_in: US dollars for a million input tokens; ``None`` looks it up.
        price_out: The same for output tokens.
        price_cached: The same for cached input tokens.
        batch: Whether to look up the prices of the provider's batch mode.

    Returns:
        The prices, or ``None`` if nobody knows them.

    Raises:
        ConfigError: Some numbers are given, and the others are not known.
    """
    about = provider.describe()
    known = Prices.free() if about.get("embedded") else _in_tier(provider, about, batch=batch)
    given = {"input": price_in, "output": price_out, "cached": price_cached}
    mine = {name: Rate(float(price)) for name, price in given.items() if price is not None}
    if known is None and mine and not {"input", "output"} <= set(mine):
        raise ConfigError(f"the price of {provider.NAME}/{provider.model} is not known in full; {HOW_TO_GIVE}")
    if {"input", "output"} <= set(mine):
        known = Prices({"cached": mine["input"], **mine}, "user")
    elif known is not None and mine:
        known = replace(known, rates={**known.rates, **mine}, source=f"{known.source}, changed by the user", others={})
    told = provider.capabilities.prefix_cache == "explicit"
    return _writing(known, str(about.get("cache", ""))) if known is not None and told else known


def unknown_price(about: Mapping[str, Any]) -> str:
    """Say that nobody knows the price of a provider's model, and what to do about it."""
    tier, installed = about.get("service_tier"), find_spec("genai_prices") is not None
    hint = "" if installed else ", or pip install 'lm-eval-longctx[prices]'"
    return f"unknown{f' in the tier {tier}' if tier else ''}; {HOW_TO_GIVE}{hint}"


def _in_tier(provider: Provider, about: Mapping[str, Any], *, batch: bool) -> Prices | None:
    """Look up the prices of the service tier that is asked for, and of those that may serve in its place."""
    look = partial(look_up, provider.NAME, provider.model, about)
    if batch:
        return look(batch=True)
    asked = str(about.get("service_tier", STANDARD))
    found = look(tier=asked)
    if found is None:
        return None
    others = {tier: look(tier=tier) for tier in _TIERS if tier != asked}
    return replace(found, others={tier: prices for tier, prices in others.items() if prices is not None})


def _writing(prices: Prices, kept: str) -> Prices:
    """Price the writing of a cache that has to be told, by how long it keeps what it is told: one price remains."""
    name, times = ("cache_write_1h", WRITE_1H) if kept == "1h" else ("cache_write", WRITE)
    rates = {key: rate for key, rate in prices.rates.items() if not key.startswith("cache_write")}
    if kept != "off":
        rates["cache_write"] = prices.rates.get(name) or prices.rates["input"] * times
    others = {tier: _writing(other, kept) for tier, other in prices.others.items()}
    return replace(prices, rates=rates, others=others)


def look_up(
    provider: str,
    model: str,
    about: Mapping[str, Any],
    when: datetime | None = None,
    *,
    batch: bool = False,
    tier: str = STANDARD,
) -> Prices | None:
    """Ask the package genai-prices, if it is installed.

    Args:
        provider: Our name of the provider.
        model: The model's name there.
        about: The provider's description; its ``endpoint`` names a vendor
            behind an OpenAI-compatible endpoint.
        when: The moment of the call; now by default. Some prices change on a day.
        batch: Whether the call is part of a batch. Where the package knows no
            other prices for that, the usual ones are given.
        tier: The service tier. Where the package knows no prices of it, there
            are none: the usual ones would be wrong.
    """
    try:
        import genai_prices  # optional, and takes a third of a second
    except ImportError:
        return None
    when = when or datetime.now(timezone.utc)
    known_vendor = provider in _VENDORS
    vendor: Any = (
        {"provider_id": _VENDORS[provider]} if known_vendor else {"provider_api_url": str(about.get("endpoint"))}
    )
    context = {"processing": "batch"} if batch else {"service_tier": tier} if tier != STANDARD else {}
    ask = partial(genai_prices.calc_price, genai_prices.Usage(), model, genai_request_timestamp=when, **vendor)
    try:
        found = ask()
    except LookupError:
        return None
    varies = _varies(found.model, context, when)
    if tier != STANDARD and not varies:
        return None
    found = ask(price_context=context) if varies else found
    rates = {ours: _rate(getattr(found.model_price, key, None)) for key, ours in _NAMES.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    hour = getattr(found.model_price, "input_audio_hours", None)
    if hour is not None and not known:
        known = {"input": Rate(0.0), "input_audio": Rate(float(hour) / _HOUR * _MILLION), "output": Rate(0.0)}
    if not {"input", "output"} <= set(known):
        return None
    source = f"genai-prices {version('genai-prices')}{''.join(f', {name}' for name in context.values() if varies)}"
    per_request = float(getattr(found.model_price, "requests_kcount", None) or 0) / 1000
    return Prices(known, source, f"{found.provider.id}/{found.model.id}", when.date().isoformat(), per_request)


def _varies(model: Any, context: Mapping[str, str], when: datetime) -> bool:
    """Tell whether the package holds prices for just these circumstances: without, it gives the usual ones."""
    variants = (v for v in getattr(model, "price_variants", None) or () if v.when == context)
    return any(v.constraint is None or v.constraint.active(when) for v in variants)


def _rate(price: Any) -> Rate | None:
    if price is None:
        return None
    tiers = tuple((int(tier.start), float(tier.price)) for tier in getattr(price, "tiers", ()))
    return Rate(float(getattr(price, "base", price)), tiers)
