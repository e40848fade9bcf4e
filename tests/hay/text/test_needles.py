"""Keys, values and templates."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.hay.text.keys import ADJECTIVES, CITIES, KINDS, NOUNS, check_template, draw, listed
from lm_eval_longctx.plan import Rng


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(seed=st.integers(0, 10**6))
def test_draws_are_different_and_repeatable(kind, seed):
    """A hundred draws differ from each other and are the same every time."""
    first = draw(kind, Rng(f"{seed}"), 100, "", "hay")
    assert first == draw(kind, Rng(f"{seed}"), 100, "", "hay")
    assert len(set(first)) == 100


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_patterns_find_what_is_drawn(kind):
    """What a kind draws is what its pattern finds in hay."""
    for text in draw(kind, Rng("find"), 50, "", "hay"):
        found = {match[0].decode() for match in kind.pattern.finditer(f"before {text}, after".encode())}
        assert text in found


def test_shapes():
    """Numbers have seven digits, UUIDs are of version 4, words are two with a hyphen."""
    number, uuid, words = (draw(KINDS[name], Rng("s"), 1, "", "hay")[0] for name in ("numbers", "uuids", "words"))
    assert re.fullmatch(r"[1-9]\d{6}", number)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)
    assert re.fullmatch(r"[a-z]+-[a-z]+", words)


def test_what_the_hay_holds_is_not_drawn():
    """A key that stands in the hay, or within one of its words, is passed over."""
    free = draw(KINDS["cities"], Rng("x"), 5, "", "hay")
    again = draw(KINDS["cities"], Rng("x"), 5, listed((free[0], f"New {free[2]}ville")), "hay")
    assert again[:3] == [free[1], free[3], free[4]]


def test_too_few_are_left():
    """Hay that holds nearly all cities is an error that says how many there are."""
    with pytest.raises(CorpusError, match="only 3 cities are not in the haystack hay, 10 are needed; use another kind"):
        draw(KINDS["cities"], Rng("x"), 10, listed(CITIES[3:]), "hay")


def test_lists_have_no_doubles():
    """Words and cities are different, and no city is part of another one's name."""
    for words in (CITIES, ADJECTIVES, NOUNS):
        assert len(set(words)) == len(words)
        assert all(word.strip() == word for word in words)
    assert len(CITIES) > 250
    assert not [(a, b) for a in CITIES for b in CITIES if a != b and a in b]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{city}, {number} and {what}", r"needle has unknown blanks \{what\}; it may have \{key\}, \{value\}"),
        ("{key", "needle cannot be read as a template"),
        ("{}", "needle has unknown blanks"),
        ("no value: {key}", r"needle must have the blanks \{value\}"),
    ],
)
def test_templates_are_checked(template, message):
    """A wrong blank in a template is told before anything is built."""
    with pytest.raises(ConfigError, match=message):
        check_template("needle", template, ("key", "value"), required=("value",))
