"""The table of ``python -m tests.benchmarks``: medians, ratios of rounds, verdicts, and its place in the docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from workloads import WORKLOADS, Figure, chosen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table():
    """The command, as a module."""
    spec = importlib.util.spec_from_file_location("speed_table", ROOT / "tests" / "benchmarks" / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_medians_and_the_ratio_is_that_of_rounds(table):
    """A neighbour that slows one round for both sides changes neither the medians' order nor the ratio."""
    rounds = [[Figure("ms", 2.0, 1.0, 0.5)], [Figure("ms", 20.0, 10.0, 5.0)], [Figure("ms", 3.0, 1.0, 0.5)]]
    ((one, ratio),) = table.middle(rounds)
    assert (one.ours, one.peer, one.limit, ratio) == (3.0, 1.0, 0.5, 2.0)


@pytest.mark.parametrize(
    ("figure", "ratio", "verdict"),
    [
        (Figure("s", 5.0, most=5.0), None, "yes"),
        (Figure("s", 5.1, most=5.0), None, "no"),
        (Figure("ms", 1.0, 1.0, ratio=1.2), 1.3, "no"),
        (Figure("rate", 1.0, 1.0, ratio=1.0, more=True), 1.3, "yes"),
        (Figure("rate", 1.0, 1.0, ratio=1.0, more=True), 0.9, "no"),
        (Figure("s", 1.0), None, ""),
    ],
)
def test_a_figure_is_what_was_asked_for_or_not(table, figure, ratio, verdict):
    """A bound on the figure, or on the ratio in its direction, decides; without one there is no verdict."""
    assert table.met(figure, ratio) == verdict


@pytest.fixture
def page(table, tmp_path, monkeypatch):
    """A copy of the page, into which the command writes."""
    page = tmp_path / "speed.md"
    page.write_text((ROOT / "docs" / "speed.md").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(table, "PAGE", page)
    return page


def rows_of(table, page):
    """Return the rows of the page's table: workload, figure, ours."""
    inside = page.read_text(encoding="utf-8").split(table.BEGIN)[1].split(table.END)[0]
    return [tuple(cell.strip() for cell in line.split("|")[1:4]) for line in inside.splitlines() if "|" in line][2:]


def made(table, name, *figures):
    """Return rows of a workload."""
    (workload,) = chosen([name], quick=False)
    return [table.row(workload, 1, Figure(figure, ours), None) for figure, ours in figures]


def test_a_part_of_the_table_is_written_and_the_others_stay(table, page):
    """Each workload's rows take their place in the order of the workloads; all other rows and all text stay."""
    text = page.read_text(encoding="utf-8")
    table.write(made(table, "report", ("seconds", 8.0), ("memory", 3.0)))
    table.write(made(table, "small", ("rate", 7.0)))
    before = rows_of(table, page)
    table.write(made(table, "report", ("seconds", 4.0)))
    names = {name: one.what for name in ("small", "report") for one in chosen([name], quick=False)}
    found = rows_of(table, page)
    assert [one for one in found if one[0] == names["report"]] == [(names["report"], "seconds", "4")]
    assert [one for one in found if one[0] == names["small"]] == [(names["small"], "rate", "7")]
    assert [one for one in found if one[0] != names["report"]] == [one for one in before if one[0] != names["report"]]
    order = [one.what for one in WORKLOADS]
    assert [order.index(one[0]) for one in found] == sorted(order.index(one[0]) for one in found)
    after = page.read_text(encoding="utf-8")
    assert (after.split(table.BEGIN)[0], after.split(table.END)[1]) == (
        text.split(table.BEGIN)[0],
        text.split(table.END)[1],
    )


def test_quick_leaves_out_what_takes_minutes_and_names_are_known():
    """Quick has no slow workload, the tests run only when they are named, and an unknown name lists those there are."""
    assert not any(one.slow or one.apart for one in chosen([], quick=True))
    assert [one.name for one in chosen(["tests"], quick=True)] == ["tests"]
    assert len({one.name for one in WORKLOADS}) == len(WORKLOADS)
    with pytest.raises(SystemExit, match="there are small, large"):
        chosen(["smal"], quick=False)
