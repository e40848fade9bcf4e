"""One setting is declared once, and read from texts and plain values alike."""

from __future__ import annotations

from typing import Any

import pytest

from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.settings import Option, read_settings

DECLARED = (
    Option("count", 1, "how many", minimum=1),
    Option("share", 0.5, "a share", minimum=0, maximum=1),
    Option("cap", None, "a cap", kinds=(float,), above=0),
    Option("switch", default=False, help="on or off"),
    Option("way", "auto", "which way", choices=("auto", "true", "false")),
    Option("takes", ["text"], "what is taken", choices=("text", "image", "audio")),
    Option("places", [], "places"),
    Option("body", {}, "a mapping"),
    Option("needles", 4, "needles", choices=(1, 2, 4)),
    Option("snr", 20.0, "one or a ladder", kinds=(list, tuple)),
    Option("half", 2, "read in a way of its own", reader=lambda value: int(value) // 2),
)


def read(**given: Any) -> dict[str, Any]:
    """Read what is given of the options above."""
    return read_settings(DECLARED, given, "argument of the test")


@pytest.mark.parametrize(
    ("name", "text", "plain"),
    [
        ("count", "3", 3),
        ("count", "3", 3.0),
        ("share", "0.25", 0.25),
        ("share", "1", 1),
        ("cap", "2.5", 2.5),
        ("switch", "True", True),
        ("switch", "false", False),
        ("way", "true", True),
        ("takes", "text+audio", ["text", "audio"]),
        ("places", '["a", "b"]', ["a", "b"]),
        ("body", '{"a": 1}', {"a": 1}),
        ("needles", "2", 2),
        ("snr", "[10, 5]", [10, 5]),
        ("half", "8", 8),
    ],
)
def test_a_text_and_a_plain_value_mean_the_same(name, text, plain):
    """What a command line spells as a text is read as the value that JSON and Python give."""
    assert read(**{name: text})[name] == read(**{name: plain})[name]


def test_absence_is_none_and_defaults_fill_the_rest():
    """What nobody sets has its default, which is None where there is none, and is read like a given value."""
    found = read()
    assert (found["cap"], found["count"], found["half"], read(cap=None)["cap"]) == (None, 1, 1, None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"count": "many"}, "count must be a whole number, 1 or more, not 'many'"),
        ({"count": 1.5}, "must be a whole number"),
        ({"count": True}, "must be a whole number"),
        ({"count": None}, "must be a whole number"),
        ({"share": "nan"}, "must be a number"),
        ({"share": float("nan")}, "between 0 and 1"),
        ({"share": 1.1}, "between 0 and 1"),
        ({"cap": 0}, "above 0"),
        ({"cap": float("inf")}, "above 0"),
        ({"cap": -1}, "above 0"),
        ({"switch": 1}, "true or false"),
        ({"switch": "yes"}, "true or false"),
        ({"needles": True}, "value of needles 'True'"),
        ({"needles": 3}, "valid: 1, 2, 4"),
        ({"takes": "text+sound"}, "value of takes 'sound'"),
        ({"body": "[1]"}, "must be a mapping"),
        ({"places": "a"}, "must be a list"),
    ],
)
def test_a_bad_value_says_what_would_be_right(given, says):
    """A value of another kind or outside the range is an error that names the option and what it takes."""
    with pytest.raises(ConfigError) as caught:
        read(**given)
    assert says in str(caught.value)


def test_an_unknown_name_is_an_error_that_names_the_nearest():
    """A misspelt name is refused with the name that was probably meant."""
    with pytest.raises(UnknownOptionError, match=r"unknown argument of the test 'cuont'; did you mean 'count'"):
        read(cuont=3)


@pytest.mark.parametrize(
    ("option", "kind", "default"),
    [
        (DECLARED[0], "a whole number, 1 or more", "1"),
        (DECLARED[1], "a number, between 0 and 1", "0.5"),
        (DECLARED[2], "a number, above 0", "-"),
        (DECLARED[3], "true or false", "false"),
        (DECLARED[4], "auto | true | false", "auto"),
        (DECLARED[5], "a list of text, image, audio", '["text"]'),
        (Option("word", "w" * 100, ""), "a text", "w" * 45 + "..."),
    ],
)
def test_a_listing_says_kind_and_default(option, kind, default):
    """Each option tells in words what it takes, and its default in the width of a table."""
    assert (option.kind, option.shown_default) == (kind, default)
