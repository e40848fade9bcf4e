"""Tables with numbered rows: cells, whole rows, the first error, and rows that stand anywhere or have no number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.table_rows import TableCellsScorer

ROWS = [("1", "cup", "red", "3", "K47"), ("2", "car", "blue", "1", "A10"), ("3", "dog", "black", "4", "W99")]
SAMPLE = {
    "target": "\n".join(map("\t".join, ROWS)),
    "columns": ["picture", "thing", "colour", "count", "code"],
}
SCORER = TableCellsScorer({})
LINES = SAMPLE["target"].split("\n")

ANSWERS = [
    (SAMPLE["target"], (1, 1, 1, 1)),
    (SAMPLE["target"].replace("\t", ", "), (1, 1, 1, 1)),
    ("picture,thing,colour,count,code\n" + SAMPLE["target"].replace("\t", ","), (1, 1, 1, 1)),
    (
        "| picture | thing | colour | count | code |\n|---|---|---|---|---|\n"
        + "\n".join(f"| {' | '.join(r)} |" for r in ROWS),
        (1, 1, 1, 1),
    ),
    ("Here is the table:\n```\n" + SAMPLE["target"] + "\n```", (1, 1, 1, 1)),
    ("\n".join("\t".join((f"Picture {r[0]}", *r[1:])) for r in ROWS), (1, 1, 1, 1)),
    ("\n".join("\t".join(r[1:]) for r in ROWS), (1, 1, 1, 1)),
    ("\n".join(f"{r[0]}. {', '.join(r[1:])}" for r in ROWS), (1, 1, 1, 1)),
    (SAMPLE["target"].replace("\t3\t", "\tthree\t").replace("cup", "a Cup"), (1, 1, 1, 1)),
    (str([dict(zip(SAMPLE["columns"], r, strict=True)) for r in ROWS]).replace("'", '"'), (1, 1, 1, 1)),
    ("\n".join(reversed(LINES)), (1, 1, 1, 1)),
    (SAMPLE["target"].replace("blue", "green"), (2 / 3, 11 / 12, 1 / 3, 0)),
    ("\n".join(LINES[1:]), (2 / 3, 8 / 12, 0, 0)),
    ("\n".join(LINES[:2]), (2 / 3, 8 / 12, 2 / 3, 0)),
    (SAMPLE["target"] + "\n4\tcat\tred\t1\tC11", (1, 1, 1, 0)),
    (LINES[0] + "\n1\tcar\tred\t1\tX11\n" + "\n".join(LINES[1:]), (1, 1, 1, 0)),
    # Rows that slipped by one are wrong, though each of them is somewhere in the table.
    ("\n".join("\t".join((str(n + 2), *r[1:])) for n, r in enumerate(ROWS)), (0, 0, 0, 0)),
    ("", (0, 0, 0, 0)),
    ("I cannot see the pictures.", (0, 0, 0, 0)),
    ("1\n2\n3", (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("answer", "wanted"), ANSWERS)
def test_a_table_is_scored_row_by_row_and_cell_by_cell(answer, wanted):
    """Whatever the form, rows and cells count by their number, and the first error is found."""
    found = SCORER.score(SAMPLE, answer)
    assert tuple(found[name] for name in ("rows_right", "cells_right", "until_error", "exact")) == pytest.approx(wanted)


def test_the_details_say_where_the_first_error_is_and_which_column_fails():
    """The log names the first wrong row, as it was given, and the share of right cells of each column."""
    told = SCORER.details(SAMPLE, SAMPLE["target"].replace("blue", "green"))
    assert told["first_wrong"] == "2: car | green | 1 | a10"
    assert [told[f"right_{name}"] for name in SAMPLE["columns"][1:]] == pytest.approx([1, 2 / 3, 1, 1])
    assert SCORER.details(SAMPLE, LINES[0])["first_wrong"] == "2: missing"
    assert SCORER.details(SAMPLE, "It shows things.")["unparsed"] == 1
    assert SCORER.details(SAMPLE, SAMPLE["target"])["unparsed"] == 0


CELL = st.sampled_from(["red", "blue", "cup", "car", "K47", "3"])
TABLE = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12)


@given(TABLE, st.data())
def test_each_wrong_cell_costs_its_share(table, data):
    """Changing some cells of a perfect answer costs just those cells, and just their rows."""
    rows = [(str(n), *row) for n, row in enumerate(table, 1)]
    sample = {"target": "\n".join(map("\t".join, rows))}
    wrong = data.draw(st.sets(st.tuples(st.integers(0, len(rows) - 1), st.integers(1, 3))))
    given_ = [
        "\t".join("wrong" if (n, k) in wrong else cell for k, cell in enumerate(row)) for n, row in enumerate(rows)
    ]
    found = SCORER.score(sample, "\n".join(given_))
    broken = {n for n, _ in wrong}
    assert found["cells_right"] == pytest.approx(1 - len(wrong) / (3 * len(rows)))
    assert found["rows_right"] == pytest.approx(1 - len(broken) / len(rows))
    assert found["until_error"] == pytest.approx(min(broken, default=len(rows)) / len(rows))


@pytest.mark.parametrize("target", ["", None, "a\tb", "1\tx\n1\ty", "1\tx\n2", "1\n2"])
def test_a_target_without_numbers_of_its_own_is_refused(target):
    """Rows that cannot be told apart are an error of the task, before any answer."""
    with pytest.raises(ConfigError):
        SCORER.validate({"target": target})
