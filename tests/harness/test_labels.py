"""Labels of context lengths say what was sent."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sweeps import write_results

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.labels import labelled
from lm_eval_longctx.harness.planning import make_model, planned_calls
from lm_eval_longctx.report.compare import comparison
from lm_eval_longctx.report.terminal import as_text
from lm_eval_longctx.results import read_runs
from lm_eval_longctx.units import Length, Unit, parse_length

if TYPE_CHECKING:
    from pathlib import Path


class Fixed:
    """A builder whose material has a length of its own."""

    HAS_LENGTH = False
    LENGTH_CLASSES = False


class Cut(Fixed):
    """A builder that cuts to the asked length, where there is as much."""

    HAS_LENGTH = True


class Classes(Cut):
    """A builder whose labels are classes of lengths."""

    LENGTH_CLASSES = True


def sample(asked: str | int, came_out: float, unit: Unit = Unit.TOKENS) -> dict[str, Any]:
    """Make what labels are made from."""
    length = parse_length(asked, unit)
    place = {"context_length": length.amount, "context_label": length.label, "unit": unit.value}
    return {**place, "realised_length": came_out}


def labels(builder: Any, *samples: dict[str, Any]) -> list[str]:
    """Return the labels that samples get."""
    return [one["context_label"] for one in labelled(samples, builder)]


@pytest.mark.parametrize(
    ("builder", "asked", "came_out", "label"),
    [
        (Cut, "512k", 106_594, "107k"),  # half a grammar
        (Cut, "512k", 75, "75"),  # no document
        (Cut, "128k", 106_594, "107k"),
        (Cut, "64k", 65_530, "64k"),  # cut to fit
        (Cut, "4k", 3_990, "4k"),
        (Cut, "4k", 3_700, "3.7k"),
        (Cut, "512", 470, "512"),  # a sentence short
        (Classes, "16k", 9_000, "16k"),
        (Fixed, 786_123, 786_150, "786k"),
        (Fixed, 786_123, 1_411_000, "1.41M"),
        (Fixed, 999, 999, "999"),
        (Fixed, 1_000, 999.9, "1k"),
    ],
)
def test_a_label_is_what_came_out_where_less_came_out(builder: Any, asked: Any, came_out: float, label: str) -> None:
    """What is cut to the asked length is called by it; what falls short of it, or was never asked, by its own."""
    assert labels(builder, sample(asked, came_out)) == [label]


def test_durations_are_labelled_like_tokens() -> None:
    """A recording that is shorter than asked is called by its own duration."""
    assert labels(Cut, sample("1h", 1800.0, Unit.SECONDS)) == ["30m"]
    assert labels(Cut, sample("1h", 3600.0, Unit.SECONDS)) == ["1h"]


def test_contexts_of_different_size_have_different_labels() -> None:
    """Book, passages and no document of one asked length are three rows; questions of one size share theirs."""
    whole, passages, none = [106_590, 106_602, 106_594], [6_010, 6_050, 5_990], [60, 75, 83]
    found = labels(Cut, *(sample("512k", size) for size in (*whole, *passages, *none)))
    assert found == ["107k"] * 3 + ["6.01k"] * 3 + ["75"] * 3


def test_what_was_asked_is_kept() -> None:
    """A sample with a label of its own says what it stands for and what was asked."""
    (one,) = labelled([sample("512k", 106_594)], Cut)
    assert (one["label_length"], one["asked_label"], one["context_length"]) == (106_594, "512k", 512 * 1024)


@given(st.lists(st.tuples(st.sampled_from(["1k", "8k", "128k", "1M"]), st.floats(0.001, 1.0)), min_size=1, max_size=30))
def test_no_label_is_far_from_what_was_sent(pairs: list[tuple[str, float]]) -> None:
    """Samples that share a label differ in length by less than half for each one more, and lie near what it says."""
    made = [sample(asked, max(1.0, parse_length(asked).amount * share)) for asked, share in pairs]
    rows: dict[str, list[Any]] = {}
    for one in labelled(made, Cut):
        rows.setdefault(one["context_label"], []).append(one)
    for label, group in rows.items():
        sizes = sorted(float(one["realised_length"]) for one in group if "label_length" in one)
        assert all(b <= 1.5 * a * 1.01 for a, b in pairwise(sizes)), label
        for one in group:
            if "label_length" not in one:
                assert label == Length(one["context_length"]).label


@pytest.fixture
def tasks() -> Any:
    """Make generated tasks whose contexts do not all have the asked length."""
    activate_now()
    from lm_eval.tasks.manager import TaskManager

    metadata = {"context_lengths": ["8k", "16k"], "depths": 1}
    names = ["docqa_retrieved_longctx", "translation_book_longctx", "translation_none_longctx"]
    return TaskManager(include_defaults=False, metadata=metadata).load(names)["tasks"]


def answered(task: Any) -> Any:
    """Answer every question wrongly; return the numbers that lm-eval gets, and the sweep block."""
    numbers = [task.process_results(doc, ["I do not know"]) for doc in task.test_docs()]
    return numbers, task.dump_config()["metadata"]["longctx"]


def test_metrics_rows_and_report_follow_the_label(tasks: Any, tmp_path: Path) -> None:
    """Metric names, the block's rows, table and comparison have realised lengths, and no column of asked ones."""
    numbers, block = answered(tasks["translation_book_longctx"])
    (row,) = block["lengths"]
    assert row["length"].endswith("k")
    assert row["asked"] == ["16k", "8k"]
    assert row["amount"] == pytest.approx(row["realised_length"]["mean"], rel=0.05)
    assert {name for one in numbers for name, _ in one.items() if "@" in name} >= {f"chrf@{row['length']}"}
    assert not [name for one in numbers for name, _ in one.items() if name.endswith(("@8k", "@16k"))]
    assert tasks["translation_book_longctx"].higher_is_better()[f"chrf@{row['length']}"] is True
    write_results(tmp_path, {"t": block})
    runs = read_runs([tmp_path])
    head = next(line for line in as_text(runs[0]).splitlines() if "│" in line)
    assert head.split("│")[1].split() == [row["length"]]
    assert comparison(runs)[0] == ["model", row["length"], "coverage", "effective"]


def test_controls_have_rows_of_their_own(tasks: Any, tmp_path: Path) -> None:
    """Passages in the place of the document are in no row of the document, and the headline shows none of theirs."""
    _, block = answered(tasks["docqa_retrieved_longctx"])
    sizes = {row["length"]: (row["realised_length"]["min"], row["realised_length"]["max"]) for row in block["lengths"]}
    assert all(high <= 1.1 * low for low, high in sizes.values())
    assert {"8k", "16k"} < set(sizes)
    write_results(tmp_path, {"t": block})
    (run,) = read_runs([tmp_path])
    heads = {
        metric: next(line for line in as_text(run, metric).splitlines() if "│" in line).split("│")[1].split()
        for metric in ("exact", "exact_retrieved")
    }
    assert heads == {
        "exact": ["8k", "16k"],
        "exact_retrieved": sorted(set(sizes) - {"8k", "16k"}, key=sizes.__getitem__),
    }


def test_the_plan_follows_the_label(tmp_path: Path) -> None:
    """What a run will cost is told by the labels that its results will have."""
    model = make_model(f"ledger={tmp_path / 'ledger.sqlite3'}")
    asked = list(planned_calls(model, ["translation_none_longctx"], metadata='{"context_lengths": ["16k"]}'))
    (label,) = {call.sample["context_label"] for call in asked}
    assert int(label) < 100


def test_data_of_their_own_length_are_not_cut_to_a_model_s_tokens() -> None:
    """``tokenizer: model`` is refused in words where no length is asked, before the data are opened."""
    activate_now()
    from lm_eval.tasks.manager import TaskManager

    (task,) = TaskManager(include_defaults=False, metadata={"tokenizer": "model"}).load(["lesmis_qa"])["tasks"].values()
    with pytest.raises(ConfigError, match="as long as its data"):
        task.build_all_requests()
