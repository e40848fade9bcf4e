"""An adaptive sweep asks a fraction of the grid, and says how it chose."""

from __future__ import annotations

import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.model import LM

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.harness.adaptive import Chooser
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.stats.adaptive import Posterior
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.units import Unit

LENGTHS = ["1k", "2k", "4k", "8k", "16k"]
GRID = {"context_lengths": LENGTHS, "depths": 11, "samples_per_cell": 3}


def reading_up_to(tokens: int, asked: list[int], **more) -> LongctxLM:
    """A model that finds what stands within its reach, and nothing beyond."""

    def reply(request):
        size = request.prompt.text_bytes // 4
        asked.append(size)
        return re.search(r"\d{6,}", request.prompt.text())[0] if size <= tokens else "I do not know."

    return LongctxLM("scripted/any", script=reply, progress=False, **{"ledger": "none", **more})


def block_of(results: dict) -> dict:
    (config,) = results["configs"].values()
    return config["metadata"]["longctx"]


@pytest.mark.parametrize(("reach", "expected"), [(10**9, "16k"), (9000, "8k"), (2500, "2k")])
def test_it_finds_where_a_model_ends_with_a_fraction_of_the_calls(niah, evaluate, reach, expected):
    """The interval holds the truth, which took less than a third of the grid's calls, and few long ones."""
    asked: list[int] = []
    block = block_of(evaluate(reading_up_to(reach, asked), niah(**GRID, adaptive=True)))
    found = block["adaptive"]
    low, high = (LENGTHS.index(found["effective_length"][end]) for end in ("low_label", "high_label"))
    assert low <= LENGTHS.index(expected) <= high
    assert len(asked) == found["asked"] <= found["of"] / 2
    assert found["of"] == 5 * 11 * 3
    assert found["ended"] in {"interval", "budget"}


def test_cells_are_asked_whole_and_once(niah, evaluate):
    """Whether a cell is asked never depends on its own answers: every sample of it was asked, or none."""
    block = block_of(evaluate(reading_up_to(9000, []), niah(**GRID, adaptive=True)))
    assert {cell["n"] for cell in block["cells"]} == {3}
    order = [(cell["length"], cell["depth"]) for cell in block["adaptive"]["order"]]
    assert len(order) == len(set(order)) == len(block["cells"])


def test_what_was_not_asked_is_in_no_number(niah, evaluate):
    """Coverage and scores are about what was asked; the rest is neither wrong nor a failure."""
    results = evaluate(reading_up_to(10**9, []), niah(**GRID, adaptive={"budget": 24}))
    summary = block_of(results)["summary"]
    assert summary["n"] == summary["scored"] == 24
    assert summary["outcomes"] == {"complete": 24}
    assert results["results"]["longctx_text_niah"]["coverage,none"] == 1.0
    assert results["results"]["longctx_text_niah"]["exact,none"] == 1.0


def test_the_same_command_again_pays_for_nothing(niah, evaluate, ledger):
    """A repeated run chooses the same cells in the same order, and has all its answers from the ledger."""
    first, again = [], []
    one = block_of(evaluate(reading_up_to(9000, first, ledger=ledger), niah(**GRID, adaptive=True)))
    two = block_of(evaluate(reading_up_to(9000, again, ledger=ledger), niah(**GRID, adaptive=True)))
    assert first
    assert not again
    assert one["adaptive"] == two["adaptive"]


def test_a_window_ends_the_search(niah, evaluate):
    """What is beyond the model is no score of 0: nothing longer is asked, and the length says so."""
    lm = reading_up_to(10**9, [], window=6000)
    found = block_of(evaluate(lm, niah(**GRID, adaptive=True)))["adaptive"]
    assert found["effective_length"]["beyond"] == "8k"
    assert found["effective_length"]["high_label"] == "4k"
    assert found["effective_length"]["high_open"] is False
    assert len([cell for cell in found["order"] if cell["length"] in {"8k", "16k"}]) <= 4


@given(limit=st.integers(0, 4), order=st.permutations(range(5)))
def test_beyond_is_the_shortest_length_that_the_model_did_not_take(limit, order):
    """In whatever order cells are answered, of one round or of several, the shortest refused length is named."""
    amounts = (1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
    posterior = mock.Mock(spec=Posterior)  # what is believed of the rest plays no part, and takes a second to set up
    chooser = Chooser("t", 100, 1, lambda *_: 1.0, posterior, tuple(LENGTHS), amounts, (0.5,))
    for length in order:
        outcome = Outcome.CONTEXT_EXCEEDED if length >= limit else Outcome.COMPLETE
        chooser.learn((LENGTHS[length], 0.5), [({}, Completion("", outcome))])
    assert chooser.beyond == LENGTHS[limit]


@pytest.mark.parametrize("window", [None, 6000])
def test_who_is_right_nowhere_has_no_effective_length(niah, evaluate, window):
    """A model that finds nothing even in the shortest context is not said to reach that; the reason is told."""
    lm = reading_up_to(0, [], **({"window": window} if window else {}))
    found = block_of(evaluate(lm, niah(**GRID, adaptive=True)))["adaptive"]
    assert found["effective_length"]["length"] is None
    assert found["effective_length"]["why_none"] == "floor"
    assert found["probabilities"]["none"] > 0.5


def test_the_summary_shows_the_adaptive_length(niah, evaluate):
    """Where cells were chosen, the effective length is that of the search, with how it was found."""
    block = block_of(evaluate(reading_up_to(9000, []), niah(**GRID, adaptive=True)))
    shown, found = block["summary"]["effective_length"]["relative"], block["adaptive"]["effective_length"]
    assert {key: shown[key] for key in found if key in shown} == found
    assert shown["method"] == "adaptive"


def test_another_model_is_refused(niah, evaluate):
    """lm-eval gives its own models all questions at once, so that nothing could be chosen: an error, no full grid."""

    class Other(LM):
        def generate_until(self, requests, **_):
            return ["" for _ in requests]

        def loglikelihood(self, requests, **_):
            return []

        def loglikelihood_rolling(self, requests, **_):
            return []

    with pytest.raises(ConfigError, match="use --model longctx"):
        evaluate(Other(), niah(**GRID, adaptive=True))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"budgte": 3}, "budget"),
        ({"budget": 0}, "1 or more"),
        ({"budget": 2.5}, "whole number"),
        ("often", "true, a number"),
    ],
)
def test_what_cannot_be_meant_is_an_error(value, error):
    """Unknown keys name the nearest, and numbers that mean nothing are refused before anything is asked."""
    with pytest.raises((ConfigError, UnknownOptionError), match=error):
        parse_sweep({"context_lengths": ["1k"], "adaptive": value}, task="t", unit=Unit.TOKENS)


def test_a_plan_says_how_many_calls_there_are_at_most(tmp_path, capsys):
    """The bill of an adaptive sweep is not that of its grid, and the plan says so."""
    from lm_eval_longctx.cli import main

    metadata = '{"context_lengths": ["1k", "2k"], "depths": 5, "adaptive": {"budget": 4}}'
    arguments = ["--model_args", f"model=echo/tail,ledger={tmp_path / 'ledger'}", "--metadata", metadata]
    assert main(["plan", "--tasks", "longctx_text_niah", *arguments]) == 0
    assert "longctx_text_niah: 4 of 10 calls at most" in " ".join(capsys.readouterr().out.split())


def test_a_refused_key_is_not_asked_round_after_round(niah, evaluate):
    """Where sending stops, the sweep ends: no further round asks a server that takes no more calls."""
    asked = []

    def refuse(request):
        asked.append(request)
        return {"outcome": "transport_failed", "retry": "stop_run", "status": 401, "detail": "no such key"}

    lm = LongctxLM("scripted/any", script=refuse, progress=False, ledger="none", concurrency=1)
    found = block_of(evaluate(lm, niah(**GRID, adaptive=True)))["adaptive"]
    assert found["ended"] == "stopped"
    assert len(asked) <= 2  # the next one is let in while the first is on the wire


def test_a_budget_below_a_cell_is_an_error(niah, evaluate):
    """A budget that could ask nothing is refused before anything is asked."""
    asked: list[int] = []
    with pytest.raises(ConfigError, match="has 3 samples"):
        evaluate(reading_up_to(9000, asked), niah(**GRID, adaptive={"budget": 2}))
    assert not asked


def test_failures_of_other_samples_stay(niah, evaluate):
    """Without an adaptive sweep nothing is ever "not asked", least of all an answer without a text."""
    grid = {**GRID, "depths": 2, "samples_per_cell": 1}
    outcomes = block_of(evaluate(reading_up_to(10**9, [], window=3000), niah(**grid)))["summary"]["outcomes"]
    assert outcomes == {"complete": 4, "context_exceeded": 6}


def test_a_run_says_how_far_the_model_reads(niah, evaluate, caplog):
    """Whoever paid sees the effective length when the run ends, why it ended, and that the means are no grid's."""
    with caplog.at_level("INFO", logger="lm_eval_longctx.harness.adaptive"):
        block = block_of(evaluate(reading_up_to(9000, []), niah(**GRID, adaptive=True)))
    (told,) = (r.getMessage() for r in caplog.records if "effective length" in r.getMessage())
    found = block["adaptive"]
    assert f"effective length {found['effective_length']['length_label']} (95% interval: " in told
    assert f"{found['asked']} of {found['of']} samples asked, ended when the " in told
    assert "not of the grid" in told
