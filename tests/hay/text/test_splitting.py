"""Units: whole sentences and lines that join to the text they came from."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_kit import WORDS, written

from lm_eval_longctx.hay.text.splitting import LINES, LONGEST, PIECES, SENTENCES, blocks_of, unit_ends


def units(text: str, kind: str = SENTENCES) -> list[str]:
    """Cut a text into its units."""
    ends = [0, *unit_ends(text, kind)]
    return [text[low:high] for low, high in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One.", " Two."]),
        ("Wait... what? Yes!", ["Wait... what?", " Yes!"]),
        ('He said "Go." She went.', ['He said "Go."', " She went."]),
        ("M. Madeleine met Dr. Who. They spoke.", ["M. Madeleine met Dr. Who.", " They spoke."]),
        ("J. K. Rowling wrote. So did I. We rest.", ["J. K. Rowling wrote.", " So did I.", " We rest."]),
        ("It cost 3.14 pounds.\nThen more.", ["It cost 3.14 pounds.\n", "Then more."]),
        ("a line\nthat goes on. End.", ["a line\nthat goes on.", " End."]),
        ("TITLE\n\nText here.", ["TITLE\n\n", "Text here."]),
        ("Contents\n  ONE\n  TWO\n", ["Contents\n", "  ONE\n", "  TWO\n"]),
        ("\u4ed6\u8d70\u4e86\u3002\u5979\u6765\u4e86\uff01", ["\u4ed6\u8d70\u4e86\u3002", "\u5979\u6765\u4e86\uff01"]),
        ("\u0630\u0647\u0628\u061f \u0639\u0627\u062f.", ["\u0630\u0647\u0628\u061f", " \u0639\u0627\u062f."]),
        ("\u0928\u0926\u0940\u0964 \u0918\u0930\u0964", ["\u0928\u0926\u0940\u0964", " \u0918\u0930\u0964"]),
        ("", []),
        ("no end", ["no end"]),
    ],
)
def test_sentences(text, expected):
    """Prose is cut between sentences, not after titles, initials or numbers."""
    assert units(text) == expected


def test_lines():
    """Code is cut between lines; empty lines belong to the line before them."""
    assert units("def f():\n    return 1\n\n\nx = 2", LINES) == ["def f():\n", "    return 1\n\n\n", "x = 2"]


def test_pieces():
    """Pieces are units as they come."""
    assert units("One. Two.", PIECES) == ["One. Two."]


@given(
    text=st.text(st.sampled_from("aB. \n!?\u3002\u0301\u00e9'\")"), max_size=300),
    kind=st.sampled_from([SENTENCES, LINES]),
)
def test_units_join_to_the_text(text, kind):
    """Nothing is lost or added by cutting, and no unit is empty."""
    parts = units(text, kind)
    assert "".join(parts) == text
    assert all(parts)


@pytest.mark.parametrize("script", WORDS)
def test_no_unit_is_too_long(script):
    """Even text without any sentence's end is cut after a while, never before a mark that belongs to a letter."""
    text = written(script, 9000).translate(dict.fromkeys(map(ord, ".!?\n\u3002\uff01\uff1f\u061f\u0964")))
    parts = units(text)
    assert "".join(parts) == text
    assert max(map(len, parts)) <= LONGEST
    assert not any(part[0] in "\u0301\u0303\u200d\u0308" for part in parts)


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["x = 1\n", "\n\n\n", "\u00e9t\u00e9\r\n", "a" * 700, "No end. "]), st.integers(1, 90)
        ),
        max_size=6,
    ),
    kind=st.sampled_from([SENTENCES, LINES, PIECES]),
)
def test_units_in_bytes_are_those_in_characters(parts, kind):
    """A text cut in UTF-8, all lines at once where that can be done, has the units of the text cut in characters."""
    texts = ["".join(part * times for part, times in parts), "", "One. Two.\n"]
    blocks = blocks_of(texts, kind)
    cut = [data[low:high].decode() for data, ends in blocks for low, high in pairwise([0, *ends])]
    assert cut == [unit for text in texts for unit in units(text, kind)]
