"""Tables in answers: every usual shape is read, and rows, order and the first error are what they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.table_rows import TableRowsScorer, cell, common, read_rows

COLUMNS = ["date", "person", "amount", "goods", "place"]
ROWS = [
    ["1897-01-12", "Rose Cooper", "8", "lamp oil", "south quay"],
    ["1897-01-13", "Benjamin Gardner", "3", "tar", "smithy"],
    ["1897-02-25", "Walter Archer", "8", "tar", "south quay"],
]
TARGET = "\n".join("\t".join(row) for row in ROWS)
SAMPLE = {"target": TARGET, "columns": COLUMNS}
BOATS = {"target": "Heron\nSwan\nPuffin", "columns": ["boat"]}


def lines(join, before="", after="", number=""):
    rows = [number.format(n) + join.join(row) for n, row in enumerate(ROWS, start=1)]
    return "\n".join([*([before] if before else []), *rows, *([after] if after else [])])


MARKDOWN = "\n".join(
    [
        "| Date | Person | Amount | Goods | Place |",
        "|---|:--:|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in ROWS),
    ]
)


@pytest.mark.parametrize(
    "answer",
    [
        TARGET,
        f"```\n{TARGET}\n```",
        f"```tsv\n{TARGET}\n```",
        f"Here is the table:\n\n```\n{TARGET}\n```\n\nLet me know if you need more.",
        f"<think>first, the 12th, then</think>{TARGET}",
        lines("\t", before="\t".join(COLUMNS)),
        lines("\t", before="Date\tPerson\tAmount\tGoods\tPlace"),
        lines(", "),
        lines(","),
        lines("; "),
        lines(" | "),
        lines("   "),
        lines("\t", number="{}. "),
        lines(", ", number="{}) "),
        lines(", ", number="- "),
        lines("\t", number="{}\t"),
        lines(", ", before="Sure, here they are:", after="That is all."),
        MARKDOWN,
        f"Here is the table:\n\n{MARKDOWN}\n\nIn total there are three.",
        MARKDOWN.replace("lamp oil", "**lamp oil**"),
        json.dumps(ROWS),
        f"```json\n{json.dumps(ROWS)}\n```",
        json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS]),
        json.dumps({"rows": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}),
        TARGET.replace("1897-01-12", "12 January 1897").replace("1897-02-25", "February 25, 1897"),
        TARGET.replace("\t3\t", "\tthree\t"),
        TARGET.replace("south quay", "the South Quay"),
        TARGET.upper(),
        "\n\n".join(TARGET.split("\n")),
        TARGET.replace("\n", "\r\n"),
        "\n".join('"' + '","'.join(row) + '"' for row in ROWS),
    ],
)
def test_every_usual_shape_of_a_table_is_read(answer):
    """Delimiters, headings, numbers, fences, sentences around, JSON and other spellings of a cell change nothing."""
    verdict = judge(TableRowsScorer({}), SAMPLE, answer)
    assert verdict.values["exact"] == 1, verdict.values
    assert verdict.values["f1"] == verdict.values["in_order"] == verdict.values["until_error"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        "Heron\nSwan\nPuffin",
        "the Heron\nthe Swan\nthe Puffin",
        "1. Heron\n2. Swan\n3. Puffin",
        "- Heron\n- Swan\n- Puffin",
        "Heron, Swan, Puffin",
        "Heron, Swan and Puffin",
        "Heron → Swan → Puffin",
        "Boat\nHeron\nSwan\nPuffin",
        "The list is:\nHeron\nSwan\nPuffin",
        "| boat |\n|---|\n| Heron |\n| Swan |\n| Puffin |",
        "| 1 | Heron |\n| 2 | Swan |\n| 3 | Puffin |",
        '["Heron", "Swan", "Puffin"]',
        "```\nHeron\nSwan\nPuffin\n```",
    ],
)
def test_a_column_is_read_in_every_usual_shape(answer):
    """A list of names may be lines, one line, numbered, a table or JSON."""
    assert TableRowsScorer({}).score(BOATS, answer)["exact"] == 1


@pytest.mark.parametrize(
    ("rows", "f1", "in_order", "until_error"),
    [
        ([0, 1, 2], 1, 1, 1),
        ([0, 2], 0.8, 2 / 3, 1 / 3),
        ([1, 0, 2], 1, 2 / 3, 0),
        ([2, 1, 0], 1, 1 / 3, 0),
        ([0, 0, 1, 2], 6 / 7, 3 / 4, 1 / 3),
        ([0, 1, 2, 2], 6 / 7, 3 / 4, 1),
        ([], 0, 0, 0),
    ],
)
def test_rows_order_and_first_error_are_told_apart(rows, f1, in_order, until_error):
    """F1 sees which rows are there, ``in_order`` their order, ``until_error`` where the first wrong one stands."""
    answer = "\n".join("\t".join(ROWS[n]) for n in rows)
    values = TableRowsScorer({}).score(SAMPLE, answer)
    assert values["f1"] == pytest.approx(f1)
    assert values["in_order"] == pytest.approx(in_order)
    assert values["until_error"] == pytest.approx(until_error)
    assert values["exact"] == float(rows == [0, 1, 2])


@pytest.mark.parametrize(
    "change", [("\t8\t", "\t7\t"), ("1897-01-13", "1897-01-14"), ("tar", "tarn"), ("\tsmithy", ""), ("3", "33")]
)
def test_a_wrong_cell_is_a_wrong_row(change):
    """A row with another number, day, name or number of cells is wrong as a whole."""
    assert TableRowsScorer({}).score(SAMPLE, TARGET.replace(*change, 1))["f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "abstained", "unparsed"),
    [("", 0, 1), ("I don't know.", 1, 0), ("The records are long and cannot be listed here in full today.", 0, 1)],
)
def test_what_is_no_table_scores_nothing(answer, abstained, unparsed):
    """Nothing, an abstention and prose are 0 on all metrics, and told apart."""
    values = judge(TableRowsScorer({}), SAMPLE, answer).values
    assert (values["f1"], values["in_order"], values["until_error"], values["exact"]) == (0, 0, 0, 0)
    assert (values["abstained"], values["unparsed"]) == (abstained, unparsed)


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 4), max_size=12))
def test_the_longest_common_order_is_that_of_the_textbook(one, two):
    """The fast count agrees with plain dynamic programming."""
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(two):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    assert common([(str(n),) for n in one], [(str(n),) for n in two]) == table[-1][-1]


@pytest.mark.parametrize("target", ["", None, "a\tb\nc", 3])
def test_a_target_that_is_no_table_is_refused(target):
    """Targets have rows of one width."""
    with pytest.raises(ConfigError, match="same number of tabs"):
        TableRowsScorer({}).validate({"target": target})


def test_a_very_long_answer_is_read():
    """Twenty thousand rows, and a loop of one, are read and scored in a moment."""
    many = [["1897-01-12", f"Person {n}", "8", "tar", "smithy"] for n in range(20_000)]
    text = "\n".join("\t".join(row) for row in many)
    assert len(read_rows(text, 5, COLUMNS)) == 20_000
    assert TableRowsScorer({}).score(SAMPLE, f"{TARGET}\n{text}")["until_error"] == 1
    assert cell("**The South Quay**.") == "south quay"
