"""Odd reports of usage: unknown with a note, on every wire, and never the end of a run or of a ledger."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.backend.verdict import verdict_on
from lm_eval_longctx.completion import MOST_TOKENS, Completion, Outcome, Usage, whole
from lm_eval_longctx.ledger import Call, Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Raw, Request, Settings
from lm_eval_longctx.providers.usage import UNCHECKED, Most, checked
from lm_eval_longctx.testing.server import provider_classes

REQUEST = Request(Prompt.user(TextPart("word " * 1300)), Settings(max_output_tokens=64))
PRICES = Prices.given(1.0, 2.0)

NAMES = {
    "openai-compatible": ("prompt_tokens", "completion_tokens", ("prompt_tokens_details", "cached_tokens")),
    "openai": ("input_tokens", "output_tokens", ("input_tokens_details", "cached_tokens")),
    "anthropic": ("input_tokens", "output_tokens", ()),
    "gemini": ("promptTokenCount", "candidatesTokenCount", ("cachedContentTokenCount",)),
}
"""What each wire calls prompt, output and cached tokens."""

ODD = ("many", [], [1356], {"n": 1}, True, -5, 1.5, 1e12, 10**30, "1e3", "-1", float("nan"), float("inf"), "9" * 5000)
"""Values that are no number of tokens."""

PLAIN = (("1356", 1356), (1356.0, 1356), (1356, 1356))
"""Numbers as servers write them, and what they mean."""


def body(name: str, usage: object) -> dict:
    said = {"type": "message", "content": [{"type": "output_text", "text": "4821973"}]}
    return {
        "openai-compatible": {
            "model": "m",
            "choices": [{"message": {"content": "4821973"}, "finish_reason": "stop"}],
            "usage": usage,
        },
        "openai": {"model": "m", "status": "completed", "output": [said], "usage": usage},
        "anthropic": {
            "model": "m",
            "content": [{"type": "text", "text": "4821973"}],
            "stop_reason": "end_turn",
            "usage": usage,
        },
        "gemini": {
            "candidates": [{"content": {"parts": [{"text": "4821973"}]}, "finishReason": "STOP"}],
            "usageMetadata": usage,
        },
    }[name]


def usage_with(name: str, prompt: object = 1356, output: object = 12, cached: object = None) -> dict:
    asked, spoken, place = NAMES[name]
    usage: dict = {asked: prompt, spoken: output}
    if cached is not None and place:
        inner = usage
        for step in place[:-1]:
            inner = inner.setdefault(step, {})
        inner[place[-1]] = cached
    return usage


def verdict(name: str, usage: object):
    provider = provider_classes()[name]("m", base_url="http://127.0.0.1:1/v1")
    raw = Raw(200, {"content-type": "application/json"}, json.dumps(body(name, usage)).encode())
    found = verdict_on(provider, PRICES, raw, REQUEST)
    assert found is not None, "our reader failed"
    return found


@pytest.mark.parametrize("wire", sorted(NAMES))
@pytest.mark.parametrize("value", [*ODD, None, 0], ids=lambda v: repr(v)[:20])
def test_odd_prompt_tokens_are_unknown_and_the_answer_stays(value, wire):
    """A right answer with odd prompt tokens is a right answer, asked once, at an unknown price and with a note."""
    found = verdict(wire, usage_with(wire, prompt=value))
    assert (str(found.completion), found.completion.outcome, found.retry.kind) == (
        "4821973",
        Outcome.COMPLETE,
        "never",
    )
    assert (found.completion.usage.prompt_tokens, found.billing, found.cost) == (None, "billed", None)
    assert UNCHECKED in found.completion.notes
    assert value is None or any("cannot be" in note for note in found.completion.notes)


@pytest.mark.parametrize("wire", sorted(NAMES))
@pytest.mark.parametrize("value", [*ODD, 0], ids=lambda v: repr(v)[:20])
def test_odd_output_tokens_are_unknown_and_the_answer_stays(value, wire):
    """A right answer with odd output tokens keeps what is known of its prompt."""
    found = verdict(wire, usage_with(wire, output=value))
    assert (str(found.completion), found.completion.outcome) == ("4821973", Outcome.COMPLETE)
    usage = found.completion.usage
    assert (usage.prompt_tokens, usage.output_tokens, found.cost) == (1356, None, None)


@pytest.mark.parametrize("wire", ["openai-compatible", "openai", "gemini"])
@pytest.mark.parametrize("value", [*ODD, 1357])
def test_odd_cached_tokens_never_make_a_price(value, wire):
    """Cached tokens that cannot be, or are more than the prompt's, are unknown; the answer stays."""
    found = verdict(wire, usage_with(wire, cached=value))
    assert (found.completion.outcome, found.completion.usage.cached_tokens) == (Outcome.COMPLETE, None)


@pytest.mark.parametrize("wire", sorted(NAMES))
@pytest.mark.parametrize("usage", [None, [], "none", 5, {}], ids=repr)
def test_no_report_at_all_is_unknown(usage, wire):
    """Without a report of usage an answer is an answer, and says that nobody could check the input."""
    found = verdict(wire, usage)
    assert (found.completion.outcome, found.billing, found.cost) == (Outcome.COMPLETE, "billed", None)
    assert UNCHECKED in found.completion.notes


@pytest.mark.parametrize("wire", sorted(NAMES))
@pytest.mark.parametrize(("value", "number"), PLAIN)
def test_numbers_in_other_clothes_are_read(value, number, wire):
    """A whole number as text, or with a fraction of 0, is that number."""
    assert verdict(wire, usage_with(wire, prompt=value)).completion.usage.prompt_tokens == number


@pytest.mark.parametrize(
    ("spoken", "thought", "total", "output"), [(0, 64, 1420, 64), (12, 64, 1432, 76), (76, 64, 1432, 76)]
)
def test_reasoning_beside_the_answer_is_added_where_the_total_says_so(spoken, thought, total, output):
    """Reasoning that a server counts beside the answer belongs to the output; reasoning within it is not added."""
    usage = {**usage_with("openai-compatible", output=spoken), "total_tokens": total}
    usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    assert verdict("openai-compatible", usage).completion.usage.output_tokens == output


@given(st.from_type(object) | st.sampled_from(ODD))
def test_a_number_of_tokens_is_whole_and_possible(value):
    """Whatever is read as a number of tokens is a whole number from 0 to the largest."""
    number = whole(value)
    assert number is None or (type(number) is int and 0 <= number <= MOST_TOKENS)


ANY = st.none() | st.integers() | st.floats() | st.text() | st.booleans() | st.lists(st.integers()) | st.just({})


@given(st.builds(Usage, ANY, ANY, ANY, ANY, ANY, st.dictionaries(st.text(max_size=3), ANY, max_size=3)))
def test_what_is_believed_can_be_priced_and_added(usage):
    """Whatever was reported, what remains is consistent and makes a price of 0 or more."""
    known, _ = checked(usage, "yes", Most(10_000, 10_000))
    cost = PRICES.cost(known)
    assert cost is None or 0 <= cost < MOST_TOKENS
    assert (known + known).prompt_tokens in {None, 2 * (known.prompt_tokens or 0)}
    assert sum(known.by_modality.values()) <= (known.prompt_tokens or 0)


@given(ANY, ANY, st.dictionaries(st.text(max_size=3), ANY, max_size=3) | ANY, ANY)
def test_stored_usage_is_read_whatever_it_holds(prompt, output, kinds, cost):
    """Usage that an earlier version stored as a server had sent it is read, adds up and is never paid back."""
    usage = Usage.of({"prompt_tokens": prompt, "output_tokens": output, "by_modality": kinds, "cost": cost, "x": 1})
    total = usage + usage
    assert (total.prompt_tokens or 0) >= 0
    assert (total.cost or 0.0) >= 0
    assert all(type(n) is int for n in total.by_modality.values())


def test_a_ledger_with_odd_usage_opens(tmp_path):
    """A ledger into which an earlier version wrote a text as a number of tokens is summed up."""
    odd = Completion("yes", usage=Usage("1356", by_modality={"text": "5"}, cost=-120.0))  # type: ignore[arg-type, dict-item]
    with Ledger.open(tmp_path / "ledger") as ledger:
        begun = ledger.begin(Call("key", "p", "m", "task", "sample"), 1, 1.0).result()
        ledger.received(begun.attempt, Raw(200)).result()
        ledger.decided(begun.attempt, odd, "billed", None).result()
        assert ledger.look_up("key").answer.usage == Usage(1356, by_modality={"text": 5})
        assert ledger.summary().usage.prompt_tokens == 1356
