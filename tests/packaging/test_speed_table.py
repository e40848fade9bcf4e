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


def test_the_table_takes_its_place_in_the_page_and_nothing_else(table, tmp_path, monkeypatch):
    """Writing twice leaves one table between the marks and all other text as it was."""
    page = tmp_path / "speed.md"
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(table, "PAGE", page)
    table.write(table.as_table([["first"]]), 3)
    table.write(table.as_table([["second"]]), 3)
    found = page.read_text(encoding="utf-8")
    assert "second" in found
    assert "first |" not in found
    assert (found.split(table.BEGIN)[0], found.split(table.END)[1]) == (
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
