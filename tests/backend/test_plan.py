"""``lm-eval-longctx plan``: the bill of a run, from its own command line."""

from __future__ import annotations

import json

import pytest

from lm_eval_longctx.cli import main

TASK = "longctx_text_niah"
LENGTHS = '{"context_lengths": ["1k", "2k"], "depths": 3}'


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Run the command with a ledger of this test; returns what it printed."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))

    def go(model_args: str, *more: str, metadata: str = LENGTHS) -> str:
        arguments = ["plan", "--model_args", f"{model_args},progress=false", "--tasks", TASK, "--metadata", metadata]
        assert main([*arguments, *more]) == 0
        return capsys.readouterr().out

    return go


def test_it_prints_each_length_and_the_total(plan):
    """The table has a line for each length and a total, the prices used, time, and what was assumed."""
    printed = plan("model=echo/tail,price_in=2,price_out=8")
    rows = [line.split() for line in printed.splitlines() if line.startswith((TASK, "total"))]
    assert [(row[1], row[2]) for row in rows[:2]] == [("1k", "3"), ("2k", "3")]
    assert rows[2][1] == "6"
    for words in ("input 2", "output 8", "USD per million tokens; user", "at once", "has none of these", "assumed"):
        assert words in printed


def test_its_json_holds_the_same(plan):
    """As JSON it gives cells, total, prices, wall time and ledger as plain values."""
    found = json.loads(plan("model=echo/tail,price_in=2,price_out=8,max_cost=5,requests_per_minute=6", "--json"))
    assert [cell["label"] for cell in found["cells"]] == ["1k", "2k"]
    assert found["total"]["calls"] == 6
    assert 3000 * 3 < found["total"]["prompt_tokens"] + 100 < 3 * 3 * 1024 + 200
    assert 0 < found["total"]["expected"] <= found["total"]["most"]
    assert (found["max_cost"], found["wall_seconds"], found["requests_per_minute"]) == (5, 60.0, 6)
    assert found["ledger"].endswith("ledger.sqlite3")


def test_an_unknown_price_is_said_to_be_unknown(plan):
    """Without prices the money is unknown, and the way to give prices is told."""
    printed = plan("model=scripted/any")
    assert "unknown; give price_in= and price_out=" in printed
    assert " 0.00 " not in printed


def test_a_tier_without_a_known_price_is_named(plan, capsys):
    """A plan in a service tier that no list prices says so, and a cap is refused as the run would refuse it."""
    tier = "model=gemini/gemini-3.8-flash,service_tier=priority"
    assert "unknown in the tier priority; give price_in= and price_out=" in plan(tier)
    assert json.loads(plan(tier, "--json"))["service_tier"] == "priority"
    capsys.readouterr()
    assert main(["plan", "--model_args", f"{tier},max_cost=5", "--tasks", TASK, "--metadata", LENGTHS]) == 1
    assert "unknown in the tier priority; give price_in=" in capsys.readouterr().err
    assert "unknown" not in plan(f"{tier},max_cost=5,price_in=2,price_out=8")


def test_it_knows_what_the_ledger_has(plan, tmp_path):
    """After a run of the same command the plan asks for nothing more."""
    from lm_eval_longctx.harness.planning import make_model, planned_calls

    model = make_model("model=echo/tail,progress=false")
    model.backend.run([asked.job for asked in planned_calls(model, [TASK], metadata=LENGTHS)])
    model.backend.close()
    found = json.loads(plan("model=echo/tail,price_in=2,price_out=8", "--json"))
    assert (found["total"]["known"], found["total"]["calls"], found["total"]["expected"]) == (6, 0, 0)
    larger = LENGTHS.replace('"2k"', '"2k", "4k"')
    assert "6 in the ledger" in plan("model=echo/tail,price_in=2,price_out=8", metadata=larger)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "no_such_task"], "no task of ours matches"),
        (["--tasks", TASK, "--metadata", "{"], "--metadata is not JSON"),
        (["--tasks", TASK, "--model_args", "model=nobody/x"], "unknown provider 'nobody'"),
        (["--tasks", TASK, "--model_args", "model=echo/tail,max_cots=3"], "max_cost"),
    ],
)
def test_what_cannot_be_planned_is_one_clear_line(arguments, words, capsys, tmp_path, monkeypatch):
    """A task, setting or model that does not exist ends with 1 and a line that says what to write."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    assert main(["plan", *arguments]) == 1
    assert words in capsys.readouterr().err
