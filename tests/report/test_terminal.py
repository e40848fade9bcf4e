"""The table in the terminal."""

from __future__ import annotations

import io
import re

import pytest
from made_sweeps import TARGET, block, guessed, write_results

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.report.terminal import as_comparison, as_text
from lm_eval_longctx.report.wording import number, sentences
from lm_eval_longctx.results import read_runs
from lm_eval_longctx.screen import wants_colour

EXPECTED = """\
longctx_text_niah · fake/model · exact by context length in tokens (along) and depth (down)

   depth │      1k            8k           128k
  ───────┼──────────────────────────────────────────
     0 % │     1.00          1.00          1.00
    25 % │     1.00           ··           1.00
    50 % │     1.00          0.00           ··
    75 % │     1.00          1.00           ··
   100 % │     1.00          1.00           ··
  ───────┼──────────────────────────────────────────
     all │     1.00         0.75*         1.00*
    95 % │ [0.37, 1.00]  [0.17, 0.99]  [0.29, 1.00]
  scored │    10/10          8/10          4/10
  ·· ran, not scored

  exact 0.91 [0.32, 0.999] over 22 of 30 samples (coverage 73.3 %)
  with the unscored samples counted as wrong 0.67, as right 0.93
  not complete: 6 context exceeded, 2 refused
  128k is beyond the model: 6 of 10 prompts were refused as too long
"""


def test_table_shows_scores_dots_and_counts(runs):
    """Scored cells show their score, unscored ones dots and never 0, and the foot how many were scored."""
    text = "\n".join(line.rstrip() for line in as_text(runs[0]).splitlines())
    assert text.startswith(EXPECTED)
    assert runs[0].signature in text


def test_colours_only_where_asked(runs):
    """Without colour there is no escape; with it the text is the same and grey marks what was not scored."""
    plain, painted = as_text(runs[0]), as_text(runs[0], coloured=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == plain
    assert re.findall(r"48;2;158;158;158m +·· +\x1b", painted)
    assert not re.findall(r"48;2;158;158;158m +\d", painted)


def test_colour_follows_the_terminal(monkeypatch):
    """A file gets no colour; NO_COLOR and FORCE_COLOR decide otherwise."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(io.StringIO())


def test_cells_that_were_not_run_are_blank(tmp_path):
    """Cells of the specification without samples (``--limit``) are blank, and the legend says so."""
    made = block()
    made["cells"] = [row for row in made["cells"] if row["depth"] != 0.5]
    write_results(tmp_path, {"t": made})
    text = as_text(read_runs([tmp_path])[0])
    row = next(line for line in text.splitlines() if line.strip().startswith("50 %"))
    assert row.split("│")[1].strip() == ""
    assert "blank: not run" in text


def test_another_metric_can_be_shown(runs):
    """``--metric`` chooses; an unknown one names the nearest."""
    assert "exact by context length" in as_text(runs[0], "exact")
    with pytest.raises(UnknownOptionError, match="did you mean 'recall'"):
        as_text(runs[0], "recal")


def test_a_task_without_depth_has_one_line(tmp_path):
    """Without depths the table is the line of totals."""
    made = block()
    for row in made["cells"]:
        row["depth"] = None
    made["specification"]["depths"] = []
    write_results(tmp_path, {"t": made})
    text = as_text(read_runs([tmp_path])[0])
    assert "depth" not in text.splitlines()[0]
    assert "all │" in text


def test_comparison_puts_models_side_by_side(runs):
    """One line a model, one column a length, coverage and effective length last."""
    lines = as_comparison(runs).splitlines()
    assert lines[0].split() == ["model", "1k", "8k", "128k", "coverage", "effective"]
    assert lines[2].split() == ["fake/model", "1.00", "0.75", "1.00", "73.3", "%", "1k"]
    assert lines[3].split() == ["perfect/model", "1.00", "1.00", "1.00", "100", "%", "≥", "128k"]


def test_seeds_of_a_model_have_their_mean_and_their_range(tmp_path):
    """Beside its seeds stands a model's mean over them; of a length that one of them lacks nothing is told."""

    def reader(right, beyond):
        def answer(sample):
            if sample.length.label in beyond:
                return Completion("", Outcome.CONTEXT_EXCEEDED)
            return Completion(TARGET if sample.index < right else "no idea")

        return answer

    sizes = {"context_lengths": ["1k", "8k"], "depths": 1, "samples_per_cell": 20}
    for seed, right, beyond in ((1, 10, ()), (2, 14, ()), (3, 18, ("8k",))):
        write_results(tmp_path / str(seed), {"t": block(reader(right, beyond), seed=seed, **sizes)}, model="a/b")
    write_results(tmp_path / "other", {"t": block(reader(20, ()), seed=1, **sizes)}, model="one/seed")
    lines = [line.split("  ") for line in as_comparison(read_runs([tmp_path])).splitlines()]
    told = {
        cells[0]: cells[1:] for cells in ([cell.strip() for cell in line if cell.strip()] for line in lines) if cells
    }
    assert told["a/b, mean of 3 seeds"] == ["0.70"]
    assert told["a/b, lowest to highest seed"] == ["0.50 to 0.90"]
    assert not any("one/seed," in name for name in told)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "··"), (1.0, "1.00"), (0.0, "0.00"), (0.9999, "0.999"), (0.0001, "0.001"), (0.996, "0.996"), (0.5, "0.50")],
)
def test_almost_is_not_rounded_away(value, text):
    """What is almost 1 is not shown as 1, nor what is almost 0 as 0."""
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(48.04, "48.0"), (1.25, "1.25"), (-0.5, "-0.50"), (1.001, "1.001")])
def test_other_ranges(value, text):
    """Percentages, rates above 1 and differences are written too."""
    assert number(value) == text


def test_sentences_of_a_perfect_run(runs):
    """A perfect run is said to reach at least the end of the grid."""
    said = " ".join(sentences(runs[1].block))
    assert "at least 128k" in said
    assert "not complete" not in said
    assert "no effect of depth was found" in said


def test_kinds_of_questions_are_told_apart(tmp_path):
    """Where a task has variants, each one's score and count are said."""
    made = block()
    found = {"exact": {"value": 0.5, "n": 4}}
    made["variants"] = [{**made["lengths"][0], "variant": kind, "metrics": found} for kind in ("bridge", "count")]
    made["factors"] = [{**made["variants"][0], "factor": "needle", "value": kind} for kind in ("audio", "image")]
    write_results(tmp_path, {"t": made})
    told = as_text(read_runs([tmp_path])[0])
    assert "exact by kind: bridge 0.50 (over 4), count 0.50 (over 4)" in told
    assert "exact by needle: audio 0.50 (over 4), image 0.50 (over 4)" in told


def test_paired_differences_are_said(tmp_path):
    """What a factor changes is said with its interval, beside the value that it is compared with."""
    made = block()
    row = {"factor": "hay", "value": "shuffled", "against": "like", "pairs": 24, "estimate": -0.25}
    ends = {"low": -0.4, "high": -0.1, "level": 0.95, "method": "cluster_t"}
    made["contrasts"] = [{**row, "interval": ends}, {**row, "value": "unlike", "estimate": 0.0, "interval": None}]
    write_results(tmp_path, {"t": made})
    told = as_text(read_runs([tmp_path])[0])
    assert "exact by hay, paired with like: shuffled -0.250 [-0.400, -0.100] (over 24 pairs), unlike +0.000" in told


def test_reach_is_said_once_where_both_ends_are_the_same(tmp_path):
    """An interval whose ends are the same length is written as one length."""
    made = block()
    ends = {"low": 8192, "high": 8192, "low_label": "8k", "high_label": "8k"}
    rules = made["summary"]["effective_length"]
    rules["relative"] |= {"high_open": True, **ends}
    rules["absolute"] |= {
        "length": None,
        "low": None,
        "high": None,
        "low_label": None,
        "high_label": None,
        "high_open": False,
    }
    write_results(tmp_path, {"t": made})
    text = as_text(read_runs([tmp_path])[0])
    assert "interval: 8k or more)" in text
    assert "interval: below the shortest)" in text


def test_the_floor_is_shown_beside_the_scores(tmp_path):
    """Where an answer gets something without reading, table, sentences and comparison say how much."""
    write_results(tmp_path, {"t": guessed({"1k": 1.0, "4k": 0.25}, floor=0.25)}, model="a/b")
    write_results(tmp_path, {"t": guessed({"1k": 1.0, "4k": 0.25}, floor=0.0)}, model="c/d", stamp="2026-01-02T00")
    blind, plain = read_runs([tmp_path])
    parts = [line.partition(" │") for line in as_text(blind).splitlines() if "│" in line]
    lines = {head.strip(): rest.split() for head, _, rest in parts}
    assert lines["not reading"] == ["0.25", "0.25"]
    assert lines["corrected"] == ["1.00", "0.00"]
    assert "never reads the context gets 0.25 on average: corrected for that, exact is 0.50" in as_text(blind)
    assert "reading" not in as_text(plain)
    assert as_comparison([blind, plain]).splitlines()[-1].split() == ["not", "reading", "0.25", "0.25"]
    assert "reading" not in as_comparison([plain, plain])


@pytest.mark.parametrize(
    ("scores", "floor", "said"),
    [
        ({"1k": 0.0, "4k": 1.0}, 0.0, "none, the shortest length scores 0"),
        ({"1k": 0.3, "4k": 1.0}, 0.0, "none, the shortest length is no baseline, a longer one scores much better ("),
        ({"1k": 0.5, "4k": 0.5}, 0.5, "none, the shortest length is not surely above what an answer gets"),
    ],
)
def test_no_effective_length_says_why(tmp_path, scores, floor, said):
    """A bad shortest length is never "at least": that it is bad, no baseline or at its floor is said."""
    write_results(tmp_path, {"t": guessed(scores, floor)})
    relative = next(line for line in as_text(read_runs([tmp_path])[0]).splitlines() if "85 %" in line)
    assert said in relative
    assert "at least" not in relative.partition("):")[2]
