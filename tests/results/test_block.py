"""The sweep block: what a result file keeps of a sweep."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sweeps import HAY, TARGET, block, judge, lost_in_the_middle, make_sample, make_sweep, run

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.plan import expand
from lm_eval_longctx.results import SCHEMA, SCHEMA_VERSION, SampleResult, check_block, interval_of, sweep_block
from lm_eval_longctx.scorers.base import SCORING, Metric
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.scorers.transcript import Ratio, TranscriptScorer

ROW_KEYS = {
    "n",
    "scored",
    "coverage",
    "metrics",
    "interval",
    "floor",
    "corrected",
    "worst_case",
    "best_case",
    "outcomes",
    "context_exceeded",
    "tokens",
    "cost",
    "seconds",
    "corpus_repeats",
}


@pytest.fixture(scope="module")
def made():
    """A sweep with a refused cell, a missed cell and an overflow."""
    return block()


def cell(made, length, depth):
    return next(row for row in made["cells"] if (row["length"], row["depth"]) == (length, depth))


def test_block_is_plain_json_and_reads_back(made):
    """The block survives strict JSON and the schema check."""
    again = json.loads(json.dumps(made, allow_nan=False))
    assert check_block(again, "here") == made
    assert (made["schema"], made["schema_version"]) == (SCHEMA, SCHEMA_VERSION)


def test_one_row_a_cell_and_one_a_length(made):
    """Rows come shortest and shallowest first, each with all keys that docs/results.md lists."""
    assert [(row["length"], row["depth"]) for row in made["cells"]] == [
        (label, depth) for label in ("1k", "8k", "128k") for depth in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert [row["length"] for row in made["lengths"]] == ["1k", "8k", "128k"]
    place = {"length", "amount", "unit", "asked", "realised_length"}
    assert all(set(row) == ROW_KEYS | place | {"depth", "realised_depth", "variant"} for row in made["cells"])
    assert all(set(row) == ROW_KEYS | place for row in made["lengths"])
    assert set(made["summary"]) >= ROW_KEYS


def test_a_cell_tells_length_tokens_and_money(made):
    """A cell holds the length as asked and as it came out, and what it cost."""
    row = cell(made, "8k", 0)
    assert (row["amount"], row["unit"]) == (8192, "tokens")
    assert row["realised_length"] == {"min": 8189, "mean": 8189, "max": 8189}
    assert row["tokens"]["billed"] == 2 * 8212
    assert (row["tokens"]["cached"], row["tokens"]["counted"], row["tokens"]["billed_samples"]) == (200, None, 2)
    assert (row["cost"], row["seconds"], row["corpus_repeats"]) == (0.002, 1.0, 0)


def test_unscored_is_neither_zero_nor_one(made):
    """A cell without scored answers has no score and no interval; its outcomes say why."""
    refused, beyond = cell(made, "8k", 0.25), cell(made, "128k", 1)
    for row, kind in ((refused, "refused"), (beyond, "context_exceeded")):
        assert row["metrics"]["recall"] == {"value": None, "n": 0}
        assert (row["scored"], row["coverage"], row["interval"]) == (0, 0, None)
        assert row["outcomes"] == {kind: 2}
        assert (row["worst_case"], row["best_case"]) == (0, 1)


def test_summary_counts_unscored_samples_as_worst_and_best(made):
    """The mean is over scored samples; the bounds count all 30."""
    summary = made["summary"]
    assert (summary["n"], summary["scored"]) == (30, 22)
    assert summary["metrics"]["recall"]["value"] == pytest.approx(20 / 22)
    assert (summary["worst_case"], summary["best_case"]) == (pytest.approx(20 / 30), pytest.approx(28 / 30))
    assert summary["outcomes"] == {"complete": 22, "context_exceeded": 6, "refused": 2}


def test_overflow_marks_the_length_as_beyond_the_model(made):
    """A length at which the provider said "too long" is listed, with how often."""
    assert made["summary"]["beyond_model"] == [{"length": "128k", "context_exceeded": 6, "n": 10}]


def test_effective_length_and_position_bias_are_there(made):
    """The summary has the effective length by both rules, spelt as lengths, and the position test."""
    effective = made["summary"]["effective_length"]
    assert effective["relative"]["length_label"] == "1k"
    assert effective["relative"]["at_least"] is False
    assert effective["absolute"]["rule"] == "absolute"
    bias = made["summary"]["position_bias"]
    assert bias["lost_in_the_middle"]["estimate"] == pytest.approx(0.5)


def test_lengths_beyond_the_model_are_never_effective():
    """A model that is perfect up to its window is effective up to its window, and there is an end, which has a name."""
    made = block(lambda s: Completion("", Outcome.CONTEXT_EXCEEDED) if s.length.label == "128k" else Completion(TARGET))
    effective = made["summary"]["effective_length"]["relative"]
    assert (effective["length_label"], effective["length"], effective["beyond"]) == ("8k", 8192, "128k")
    assert not effective["at_least"]
    assert not effective["high_open"]
    reached = block(lambda _: Completion(TARGET))["summary"]["effective_length"]["relative"]
    assert (reached["length_label"], reached["at_least"], reached["beyond"]) == ("128k", True, None)


def test_no_length_is_effective_behind_one_that_is_too_long():
    """Where a length is too long for some prompts, a longer one is no longer looked at, whatever it scored."""
    made = block(lambda s: Completion("", Outcome.CONTEXT_EXCEEDED) if s.length.label == "8k" else Completion(TARGET))
    assert made["summary"]["effective_length"]["relative"] is None  # one length is no curve


def test_signature_says_what_was_asked(made):
    """The signature names task, lengths, depths, seed, hay by digest (never by path) and scorer."""
    line = made["summary"]["signature"]
    for part in (
        "longctx_text_niah@1",
        "len:1k,8k,128k:o200k_base",
        "n:2",
        "seed:0",
        "novel.txt#ab12cd34",
        f"score:exact@{SCORING}",
    ):
        assert part in line
    assert "somewhere" not in line
    assert line != block(seed=1)["summary"]["signature"]


def test_order_of_samples_changes_nothing():
    """The block depends on the samples, not on the order in which answers came in."""
    sweep = make_sweep()
    samples = run(sweep, lost_in_the_middle)
    assert sweep_block(sweep, RetrievalScorer.METRICS, samples) == sweep_block(
        sweep, RetrievalScorer.METRICS, list(reversed(samples))
    )


def test_unparsed_is_an_outcome_of_its_own():
    """An answer that the scorer cannot read is unscored and counted as unparsed."""
    sweep = make_sweep(context_lengths=["1k"], depths=1)
    sample = make_sample(next(iter(expand(sweep))), sweep)
    made = sweep_block(
        sweep, RetrievalScorer.METRICS, [SampleResult(sample, Completion("?"), None, "unparsed: no letter")]
    )
    assert made["summary"]["outcomes"] == {"unparsed": 1}


def test_a_metric_with_its_own_aggregate_keeps_it():
    """A ratio of sums is aggregated as such, jackknifed, and has no bounds, thresholds or position test."""
    wer = Metric(
        "wer",
        "errors over words",
        higher_is_better=False,
        aggregate=lambda pairs: sum(e for e, _ in pairs) / sum(n for _, n in pairs),
    )
    sweep = make_sweep(context_lengths=["1k", "8k"], depths=2, samples_per_cell=4)
    samples = [
        SampleResult(make_sample(s, sweep), Completion("x"), {"wer": (s.index, 10 * (s.index + 1))})
        for s in expand(sweep)
    ]
    summary = sweep_block(sweep, [wer], samples)["summary"]
    assert summary["metrics"]["wer"] == {"value": pytest.approx(6 / 100), "n": 16}
    assert summary["interval"]["low"] < 6 / 100 < summary["interval"]["high"]
    assert (summary["worst_case"], summary["best_case"]) == (None, None)
    assert summary["effective_length"] == {"relative": None, "absolute": None}
    assert summary["position_bias"] is None


def test_a_rate_beside_the_main_metric_has_the_interval_that_it_has_as_the_main_one():
    """Of two pooled rates each has one interval, in every row of lengths too, whichever of them is the main one."""
    of = {metric.name: metric for metric in TranscriptScorer.METRICS}
    sweep = make_sweep(context_lengths=["1k", "8k"], depths=1, samples_per_cell=6)
    samples = [
        SampleResult(
            make_sample(s, sweep), Completion("x"), {"wer": Ratio(s.index, 10 + s.index), "cer": Ratio(s.index, 50)}
        )
        for s in expand(sweep)
    ]
    first, second = (
        sweep_block(sweep, [of[name] for name in names], samples) for names in (("wer", "cer"), ("cer", "wer"))
    )
    for rows in zip((first["summary"], *first["lengths"]), (second["summary"], *second["lengths"]), strict=True):
        for name in of.keys() & {"wer", "cer"}:
            one, other = (interval_of(row, name, main) for row, main in zip(rows, ("wer", "cer"), strict=True))
            assert one == other
            assert one["low"] < rows[0]["metrics"][name]["value"] < one["high"]


def test_a_metric_that_some_samples_lack_has_its_own_count():
    """``invented`` is measured on needle-absent samples only, and says on how many."""
    sweep = make_sweep(context_lengths=["1k"], depths=2, samples_per_cell=1)
    first, second = (make_sample(sample, sweep) for sample in expand(sweep))
    samples = [judge(first, Completion(TARGET)), judge({**second, "absent": True}, Completion("It is not there."))]
    metrics = sweep_block(sweep, RetrievalScorer.METRICS, samples)["summary"]["metrics"]
    assert metrics["recall"] == {"value": 1, "n": 2}
    assert metrics["invented"] == {"value": 0, "n": 1}


def test_variants_have_rows_of_their_own():
    """Kinds of question within a cell get a row each, and a row over the whole sweep."""
    sweep = make_sweep(context_lengths=["1k"], depths=1, samples_per_cell=1)
    samples = [judge(make_sample(s, sweep), Completion(TARGET)) for s in expand(sweep, variants=("count", "bridge"))]
    made = sweep_block(sweep, RetrievalScorer.METRICS, samples)
    assert [row["variant"] for row in made["cells"]] == ["bridge", "count"]
    assert [(row["variant"], row["n"]) for row in made["variants"]] == [("bridge", 1), ("count", 1)]
    assert made["factors"] == []


@pytest.mark.parametrize(
    ("variants", "rows"),
    [
        (
            ["needle=a,around=x", "needle=a,around=y", "needle=b,around=x"],
            "needle a 2, needle b 1, around x 2, around y 1",
        ),
        (["needle=a,around=x", "needle=b,around=x"], ""),
        (["needle=a", "needle=b"], ""),
        (["text+image", "text, audio"], ""),
        (["size=3%,contrast=1", "size=7%,contrast=0.3"], "size 3% 1, size 7% 1, contrast 0.3 1, contrast 1 1"),
    ],
)
def test_parts_of_variants_have_rows_of_their_own(variants, rows):
    """Where variants are made of several parts that differ, each value of each part has a row; else there are none."""
    sweep = make_sweep(context_lengths=["1k"], depths=1, samples_per_cell=1)
    samples = [judge(make_sample(s, sweep), Completion(TARGET)) for s in expand(sweep, variants=variants)]
    made = sweep_block(sweep, RetrievalScorer.METRICS, samples)["factors"]
    assert ", ".join(f"{row['factor']} {row['value']} {row['n']}" for row in made) == rows


def paired(variants, right, index=6):
    """Return the contrast rows of a sweep whose samples are right where a function of them says so."""
    sweep = make_sweep(context_lengths=["1k", "8k"], depths=2, samples_per_cell=index)
    plans = list(expand(sweep, variants=variants))
    done = [judge(make_sample(plan, sweep), Completion(TARGET if right(plan) else "no idea")) for plan in plans]
    return sweep_block(sweep, RetrievalScorer.METRICS, done)["contrasts"]


def test_values_of_a_factor_are_compared_in_pairs():
    """Each value of a factor is set against the first one, over samples that differ in nothing else."""
    variants = [f"fact={fact},hay={hay}" for fact in ("b", "a") for hay in ("like", "shuffled", "unlike")]
    rows = paired(variants, lambda plan: plan.variant != "fact=a,hay=unlike" and plan.index > 0)
    told = [(row["factor"], row["value"], row["against"], row["pairs"], round(row["estimate"], 6)) for row in rows]
    assert told == [
        ("fact", "b", "a", 72, round(20 / 72, 6)),
        ("hay", "shuffled", "like", 48, 0),
        ("hay", "unlike", "like", 48, round(-20 / 48, 6)),
    ]
    assert rows[2]["interval"]["low"] < -20 / 48 < rows[2]["interval"]["high"] < 0


@pytest.mark.parametrize("variants", [["count", "bridge"], ["hay=like"], [""], ["a=1,b", "a=2,b"]])
def test_variants_without_factors_are_not_compared(variants):
    """Kinds of question with other names, and a factor with one value, have no contrasts."""
    assert paired(variants, lambda _: True) == []


def test_only_what_both_have_is_paired():
    """A place that one of two values has no sample for is no pair, and without any there is no row."""
    uneven = paired(["hay=a,fact=x", "hay=b,fact=x", "hay=b,fact=y"], lambda plan: "fact=x" in plan.variant)
    assert [(row["factor"], row["pairs"], row["estimate"]) for row in uneven] == [("hay", 24, 0), ("fact", 24, -1)]
    assert paired(["hay=a,fact=x", "hay=b,fact=y"], lambda _: True) == []


def test_one_hay_gives_no_interval():
    """With a single index a difference is told without an interval: its samples share their hay."""
    (row,) = paired(["hay=a", "hay=b"], lambda plan: plan.depth == 0, index=1)
    assert (row["estimate"], row["interval"]) == (0, None)


def test_a_task_without_lengths_and_depths_is_grouped_by_its_labels():
    """Where the data fix the lengths, rows follow the samples' own labels."""
    sweep = make_sweep()
    samples = [{**make_sample(s, sweep), "depth": None, "realised_depth": None} for s in expand(sweep)]
    made = sweep_block(sweep, RetrievalScorer.METRICS, [judge(r, Completion(TARGET)) for r in samples])
    assert [(row["length"], row["depth"], row["n"]) for row in made["cells"]] == [
        ("1k", None, 10),
        ("8k", None, 10),
        ("128k", None, 10),
    ]
    assert made["summary"]["position_bias"] is None


def test_nothing_scored_at_all():
    """A run in which every call failed gives a block without scores, not an error."""
    made = block(lambda _: Completion("", Outcome.TRANSPORT_FAILED))
    summary = made["summary"]
    assert (summary["scored"], summary["coverage"], summary["interval"]) == (0, 0, None)
    assert summary["metrics"]["recall"]["value"] is None
    assert (summary["worst_case"], summary["best_case"]) == (0, 1)
    assert summary["effective_length"] == {"relative": None, "absolute": None}


def test_no_samples_at_all():
    """A process without samples (many ranks, few samples) gives an empty block."""
    made = sweep_block(make_sweep(), RetrievalScorer.METRICS, [])
    assert (made["cells"], made["lengths"], made["summary"]["n"]) == ([], [], 0)
    json.dumps(made, allow_nan=False)


def numbers_in(value):
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers_in(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers_in(item)]
    return [value] if isinstance(value, float) else []


outcomes = st.sampled_from(list(Outcome))


@given(st.lists(st.tuples(outcomes, st.booleans()), min_size=12, max_size=12))
def test_any_mix_of_outcomes_gives_finite_numbers_between_the_bounds(mix):
    """Whatever happens to the calls, numbers are finite and the score lies within its bounds and interval."""
    sweep = make_sweep(context_lengths=["1k", "8k"], depths=3, samples_per_cell=2)
    answers = iter([Completion(TARGET if right else "?", outcome, Usage(prompt_tokens=7)) for outcome, right in mix])
    made = sweep_block(sweep, RetrievalScorer.METRICS, run(sweep, lambda _: next(answers)))
    assert all(math.isfinite(number) for number in numbers_in(made))
    for row in (*made["cells"], *made["lengths"], made["summary"]):
        score = row["metrics"]["recall"]["value"]
        assert sum(row["outcomes"].values()) == row["n"]
        assert (score is None) == (row["scored"] == 0)
        if score is not None:
            assert row["worst_case"] - 1e-9 <= score <= row["best_case"] + 1e-9
            assert row["interval"]["low"] - 1e-9 <= score <= row["interval"]["high"] + 1e-9


def test_few_scores_between_0_and_1_get_a_safe_interval():
    """Five scores just below 1 do not make a model sure: the interval is as wide as for five right answers."""
    share = Metric("share", "0 to 1")
    sweep = make_sweep(context_lengths=["1k"], depths=5, samples_per_cell=1)
    samples = [SampleResult(make_sample(s, sweep), Completion("x"), {"share": 0.999}) for s in expand(sweep)]
    interval = sweep_block(sweep, [share], samples)["summary"]["interval"]
    assert interval["method"] == "cluster_beta"
    assert interval["low"] < 0.6


def test_a_word_error_rate_of_0_is_not_sure():
    """Ten recordings without an error leave a rate above 0 open; loops above 1 are jackknifed."""
    wer = TranscriptScorer.METRICS[0]
    sweep = make_sweep(context_lengths=["1k"], depths=1, samples_per_cell=10)
    asked = [make_sample(s, sweep) for s in expand(sweep)]

    def interval(errors):
        samples = [SampleResult(r, Completion("x"), {"wer": Ratio(errors(i), 1000 + i)}) for i, r in enumerate(asked)]
        return sweep_block(sweep, [wer], samples)["summary"]["interval"]

    none, few, looped = interval(lambda _: 0), interval(lambda i: 40 + i), interval(lambda i: 3000 * (i == 2))
    assert (none["low"], none["method"]) == (0, "cluster_beta")
    assert none["high"] > 0.1
    assert 0.01 < few["low"] < few["high"] < 0.1
    assert looped["method"] == "jackknife"


def test_unknown_repeats_stay_unknown():
    """A source that cannot count its repeats leaves them ``None``, not 0."""
    sweep = make_sweep(context_lengths=["1k"], depths=1, samples_per_cell=1)
    sample = {**make_sample(next(iter(expand(sweep))), sweep), "haystack": {**HAY, "repeats": None}}
    made = sweep_block(sweep, RetrievalScorer.METRICS, [judge(sample, Completion(TARGET))])
    assert made["haystacks"][0]["repeats"] is None
    assert made["summary"]["corpus_repeats"] is None
