"""The pages on providers and errors say what the code does."""

from __future__ import annotations

import pytest

from lm_eval_longctx import errors
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.providers.acceptance import COUNTED_TOLERANCE, MEDIA_TOLERANCE, WORDS_TOLERANCE
from lm_eval_longctx.providers.capabilities import DEFAULT_ROOM, ROOM
from lm_eval_longctx.testing.server import KEY_VARIABLES, provider_classes


@pytest.fixture(scope="module")
def pages(repo_root):
    """Both pages by name."""
    return {name: (repo_root / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("providers", "errors")}


@pytest.mark.parametrize("name", sorted(provider_classes()))
def test_every_argument_is_documented_in_its_own_words(pages, name):
    """The table of arguments holds each argument of each provider with its help."""
    for option in provider_classes()[name].OPTIONS:
        kind = option.kind.replace(" | ", ", ")
        assert f"| `{option.name}` | {kind} | {option.shown_default} | {option.help} |" in pages["providers"]


def test_every_argument_in_the_page_exists(pages):
    """The table holds no argument that nobody takes."""
    section = pages["providers"].partition("## Arguments")[2]
    named = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert named == {option.name for cls in provider_classes().values() for option in cls.OPTIONS}


def test_every_key_variable_is_documented(pages):
    """Whoever looks for a key's name finds it."""
    assert all(f"`{name}`" in pages["providers"] for name in (*KEY_VARIABLES, "GOOGLE_API_KEY"))


@pytest.mark.parametrize("name", ["anthropic", "gemini", "openai"])
def test_the_limits_of_batches_in_the_page_are_those_that_are_kept(pages, name):
    """The table of batches holds each provider that has them, with the numbers by which batches are divided."""
    batches = provider_classes()[name]("model").batches()
    size = getattr(batches, "limit", batches.most_bytes)
    words = f"{size // 10**9} GB" if size >= 10**9 else f"{size // 10**6} MB"
    assert f"| `{name}` | {batches.most_requests:,} requests, {words} |" in pages["providers"]


def test_every_outcome_is_documented(pages):
    """Each outcome has a row that says what to do and whether the call is asked again."""
    rows = {
        line.split("`")[1] for line in pages["errors"].splitlines() if line.startswith("| `") and line.count("|") == 4
    }
    assert rows == {outcome.value for outcome in Outcome}


def test_the_tolerances_in_the_page_are_those_of_the_gate(pages):
    """The numbers that people read are the numbers that decide."""
    for tolerance, words in (
        (COUNTED_TOLERANCE, "input"),
        (WORDS_TOLERANCE, "text"),
        (MEDIA_TOLERANCE, "film and sound"),
    ):
        assert f"billed {words} at most {tolerance * 100:.0f} % below" in pages["errors"]


def test_the_room_for_reasoning_in_the_page_is_the_real_one(pages):
    """The budgets that people read are those that are asked for."""
    flat = " ".join(pages["providers"].split())
    assert f"{ROOM['low']:,} tokens for `low`, {DEFAULT_ROOM:,} for `medium` and by default" in flat
    assert f"{ROOM['high']:,} for `high`, {ROOM['max']:,} above" in flat


def test_every_error_in_the_page_exists(pages):
    """The errors that are named are ours."""
    for line in pages["errors"].partition("## Errors before")[2].splitlines():
        if line.startswith("| `"):
            assert all(hasattr(errors, name) for name in line.partition("|")[2].partition("|")[0].split("`")[1::2])
