"""Service tiers: asked for by name, priced as what they are, and never at a price that does not apply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from price_list import listed

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import look_up, prices_for
from lm_eval_longctx.errors import BudgetError, ConfigError
from lm_eval_longctx.harness.model_args import parse_model_args
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.tiers import asked_tier, served_tier

MODELS = {"openai": "gpt-6.1-terra", "gemini": "gemini-3.8-flash", "anthropic": "claude-sonnet-5-5"}


def asked(provider, **limits):
    """Ask one question; return the answer and what it all cost."""
    job = Job("s", "t", lambda: Prompt.user(TextPart("Who? " * 1000)), Settings(32))
    backend = Backend(provider, ledger=None, limits=Limits(**limits), prices=prices_for(provider), progress=False)
    (answer,) = backend.run([job])
    return answer, backend.totals()


@pytest.mark.parametrize(
    ("given", "extra", "tier"),
    [
        ("", {}, "standard"),
        ("default", {}, "standard"),
        ("flex", {}, "flex"),
        ("flex", {"service_tier": "auto"}, "standard"),
        ("", {"serviceTier": "PRIORITY"}, "priority"),
        ("", {"service_tier": "fast"}, "priority"),
        ("", {"speed": "fast"}, "priority"),
        ("", {"service_tier": "ultrafast"}, "ultrafast"),
    ],
)
def test_a_tier_has_one_name(given, extra, tier):
    """Our argument and the users' own fields name the same tiers, in each provider's spelling."""
    assert asked_tier(given, extra) == tier


@pytest.mark.parametrize(
    ("response", "tier"),
    [
        ({}, ""),
        ({"service_tier": "default"}, "standard"),
        ({"service_tier": "priority", "usage": {}}, "priority"),
        ({"usage": {"service_tier": "batch"}}, "standard"),
        ({"usage": {"service_tier": "standard", "speed": "fast"}}, "priority"),
        ({"usageMetadata": {"serviceTier": "FLEX"}}, "flex"),
        ({"service_tier": None, "usage": None}, ""),
    ],
)
def test_a_response_names_its_tier(response, tier):
    """Each provider says in a place of its own which tier served."""
    assert served_tier(response) == tier


@pytest.mark.parametrize(("name", "field"), [("openai", "service_tier"), ("gemini", "serviceTier")])
def test_a_tier_is_asked_for_and_changes_no_key(server, name, field):
    """The tier goes with the request; it is no part of the question, so that answers are found again without it."""
    provider = server.provider(name, MODELS[name], service_tier="flex")
    asked(provider)
    assert server.state.requests[-1]["body"][field] == "flex"
    assert provider.describe()["service_tier"] == "flex"
    question = Request(Prompt.user(TextPart("?")))
    assert provider.identity(question) == server.provider(name, MODELS[name]).identity(question)


@pytest.mark.parametrize(("tier", "times"), [("flex", 0.5), ("priority", 2.0), ("default", 1.0)])
def test_a_tier_in_the_price_list_is_priced_as_such(server, tier, times):
    """OpenAI's tiers cost what the list says of them: half for flex, twice as much for priority."""
    listed("openai", MODELS["openai"])
    plain, usual = asked(server.provider("openai", MODELS["openai"]))
    other, totals = asked(server.provider("openai", MODELS["openai"], service_tier=tier), max_cost=1.0)
    assert other.usage.prompt_tokens == plain.usage.prompt_tokens
    assert 0 < totals["cost"] == pytest.approx(usual["cost"] * times)
    assert totals["prices"]["source"].endswith(f", {tier}") == (tier != "default")


def test_a_model_that_the_list_has_not_in_a_tier_has_no_price_there():
    """The usual price of a model is not given for a tier that the list does not hold of it."""
    for model in ("gpt-4.1", "gpt-audio"):
        assert listed("openai", model)
        assert look_up("openai", model, {}, tier="flex") is None


@pytest.mark.parametrize(
    ("name", "args", "tier"),
    [
        ("openai", {"extra_body": {"service_tier": "ultrafast"}}, "ultrafast"),
        ("gemini", {"service_tier": "flex"}, "flex"),
        ("gemini", {"extra_body": {"serviceTier": "priority"}}, "priority"),
        ("anthropic", {"extra_body": {"speed": "fast"}}, "priority"),
    ],
)
def test_a_tier_without_a_known_price_costs_nobody_knows_what(server, name, args, tier):
    """No price is guessed: the cost is unknown, a cap is refused before the first call, and a user's prices hold."""
    provider = server.provider(name, MODELS[name], **args)
    _, totals = asked(provider)
    assert (totals["cost"], totals["unpriced_calls"]) == (None, 1)
    before = len(server.state.requests)
    with pytest.raises(BudgetError, match=f"in the tier {tier}.*price_in="):
        asked(provider, max_cost=1.0)
    assert len(server.state.requests) == before
    assert prices_for(provider, price_in=3.0, price_out=9.0).rates["input"].base == 3.0


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_answer_of_another_tier_is_priced_as_what_it_is(server, name):
    """Another tier than was asked for costs its own price where the list has it, else the highest, with a note."""
    listed(name, MODELS[name])
    usual = asked(server.provider(name, MODELS[name]))[1]
    server.state.tier = "priority"
    answer, totals = asked(server.provider(name, MODELS[name]), max_cost=1.0)
    assert answer.outcome.answered
    assert any("served in the tier priority, not standard" in note for note in answer.notes)
    known = name == "openai"
    assert totals["reserved_or_spent"] == pytest.approx(totals["cost"], abs=1e-8)
    if known:
        assert totals["cost"] == pytest.approx(2 * usual["cost"])
    assert totals["unpriced_calls"] == 0
    assert any("the highest of the list" in note for note in answer.notes) == (not known)
    assert ("priority" in totals["prices"].get("other_service_tiers", {})) == known


def test_a_users_own_prices_are_of_the_tier_that_was_asked_for(server):
    """What a user gives is the highest price that is known, so another tier that serves costs as much, with a note."""
    server.state.tier = "flex"
    provider = server.provider("openai", MODELS["openai"])
    job = Job("s", "t", lambda: Prompt.user(TextPart("Who?")), Settings(32))
    prices = prices_for(provider, price_in=3.0, price_out=9.0)
    backend = Backend(provider, ledger=None, prices=prices, progress=False)
    (answer,) = backend.run([job])
    assert backend.totals()["cost"] == pytest.approx(prices.cost(replace(answer.usage, cost=None)))
    assert "nobody knows the prices of the tier flex: the highest of the list were taken" in answer.notes


def test_anthropics_own_switch_is_sent(server):
    """Anthropic may be told to leave an account's priority capacity alone; that is the usual price."""
    provider = server.provider("anthropic", MODELS["anthropic"], service_tier="standard_only")
    asked(provider)
    assert server.state.requests[-1]["body"]["service_tier"] == "standard_only"
    assert "service_tier" not in provider.describe()


def test_tiers_that_are_unknown_or_do_not_go_with_batches_are_errors():
    """A wrong tier names the nearest right one; a batch has a tier of its own."""
    with pytest.raises(ConfigError, match="flex"):
        parse_model_args("openai/gpt-6.1-terra", {"service_tier": "flx"})
    for tier in ({"service_tier": "flex"}, {"extra_body": {"service_tier": "flex"}}):
        with pytest.raises(ConfigError, match="batch"):
            parse_model_args("openai/gpt-6.1-terra", {**tier, "batch": True})
