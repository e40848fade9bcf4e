"""Around lm-eval's evaluate: what a model cannot take stands aside, and metrics stand by length."""

from __future__ import annotations

import copy
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.dummy import DummyLM
from lm_eval.tasks.manager import TaskManager
from lm_eval.utils import make_table

from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.harness.ending import ENDING
from lm_eval_longctx.harness.evaluation import in_order
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.report.terminal import as_comparison, as_text
from lm_eval_longctx.results.reading import read_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = """
task: {name}
tag: [kinds_tag]
class: !function lm_eval_longctx.harness.tasks.LongctxTask
output_type: generate_until
generation_kwargs: {{max_gen_toks: 32, until: []}}
metadata: {{version: 1, builder: {builder}, scorer: retrieval, depths: 2, {rest}}}
"""
TEXT = 'haystack: repeat, context_lengths: ["10k", "2k", 512]'
GROUP = """
group: both_kinds
task: [mixed_image, mixed_text]
aggregate_metric_list: [{metric: recall, weight_by_size: false}]
"""


class Seeing(DummyLM):
    """A text-only model of lm-eval's that answers from the prompt, so that its score is not 0."""

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Repeat the sentence of the needle."""
        return [request.args[0].split(" number is: ")[1].split(".")[0] for request in requests]


class TemplateAPI(Seeing):
    """Named as the base of lm-eval's clients, which send pictures."""

    MULTIMODAL = True


class Unknown(Seeing):
    """A multimodal model of somebody's own."""

    MULTIMODAL = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One task of text and one of pictures, with a tag and a group that hold both."""
    made = {"mixed_text": ("needle", TEXT), "mixed_image": ("image_needle", "haystack: film, context_lengths: [8]")}
    for name, (builder, rest) in made.items():
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, builder=builder, rest=rest), encoding="utf-8")
    (tmp_path / "both_kinds.yaml").write_text(GROUP, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Callable[..., Any]:
    """Run what is asked as lm-eval's command line does: patterns are matched, then all is loaded."""

    def go(lm: Any, *asked: str, **settings: Any) -> Any:
        manager = TaskManager(include_defaults=False, include_path=str(folder))
        names = [name for pattern in asked for name in manager.match_tasks([pattern])]
        tasks = list(dict.fromkeys(names))
        return simple_evaluate(lm, tasks=tasks, task_manager=manager, bootstrap_iters=0, **settings)

    return go


def table_of(results: Any) -> list[list[str]]:
    """Return the cells of lm-eval's table."""
    return [line.split("|") for line in make_table(results).splitlines()]


def blind(server_address: str = "http://127.0.0.1:9") -> LongctxLM:
    """Our own model on a server that takes text only; never asked here."""
    return LongctxLM("openai-compatible/tiny", base_url=server_address, ledger="none", progress=False)


@pytest.mark.parametrize("asked", [["both_kinds"], ["kinds_tag"], ["mixed_*e*"], ["mixed_text", "mixed_i*"]])
def test_what_was_brought_along_stands_aside(
    run: Callable[..., Any], asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A group, a tag and a pattern run what the model takes; the rest is in every part of the results, unscored."""
    with caplog.at_level(logging.WARNING, logger="lm_eval_longctx"):
        results = run(Seeing(), *asked, log_samples=True)
    assert results["results"]["mixed_text"]["recall,none"] == 1.0
    assert results["results"]["mixed_image"]["unsupported,none"] == "image"
    assert not [key for key in results["results"]["mixed_image"] if key.startswith(("recall", "coverage"))]
    parts = ("configs", "versions", "n-shot", "higher_is_better", "n-samples", "samples")
    assert all({"mixed_image", "mixed_text"} <= results[part].keys() for part in parts)
    said = [record.getMessage() for record in caplog.records if "unsupported" in record.getMessage()]
    assert said == ["not run, because this model does not take what they hold (unsupported): mixed_image (image)"]
    assert ["unsupported", "", "image"] in [[cell.strip() for cell in row[5:8]] for row in table_of(results)]


def test_what_stands_aside_does_not_fail_the_run(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run is about the tasks that ran: one that was never asked is no task without a score."""
    monkeypatch.setattr(ENDING, "tasks", {})
    run(Seeing(), "mixed_*")
    assert set(ENDING.tasks) == {"mixed_text"}


def test_it_has_no_weight_in_a_groups_mean(run: Callable[..., Any]) -> None:
    """A group's mean is that of the tasks that ran."""
    results = run(Seeing(), "both_kinds")
    assert results["groups"]["both_kinds"]["recall,none"] == 1.0


@pytest.mark.parametrize("asked", [["mixed_image"], ["mixed_image", "mixed_text"], ["mixed_image", "mixed_*e*"]])
@pytest.mark.parametrize(("lm", "error"), [(Seeing, ValueError), (blind, UnsupportedError)], ids=["lm-eval's", "ours"])
def test_what_was_named_is_refused(run: Callable[..., Any], lm: Any, error: type[Exception], asked: list[str]) -> None:
    """Whoever names a task wants it: that the model cannot take it ends the run, also beside a pattern that has it."""
    with pytest.raises(error, match=r"mixed_image"):
        run(lm(), *asked)


@pytest.mark.parametrize("lm", [Seeing, blind])
def test_nothing_left_is_an_error(run: Callable[..., Any], lm: Any) -> None:
    """A pattern of which the model takes nothing ends the run with the reason."""
    with pytest.raises(UnsupportedError, match=r"none of the tasks: mixed_image \(image\)"):
        run(lm(), "mixed_i*")


def test_our_own_model_goes_by_its_provider(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """``--model longctx`` runs what its provider takes of a pattern; the rest is never made into requests."""
    lm = blind()
    asked: list[Any] = []
    monkeypatch.setattr(lm, "generate_until", lambda reqs, **_: asked.extend(reqs) or ["no"] * len(reqs))
    results = run(lm, "mixed_*")
    assert {request.doc["task"] for request in asked} == {"mixed_text"}
    assert results["results"]["mixed_image"]["unsupported,none"] == "image"


def test_a_plan_leaves_out_what_a_run_leaves_out(folder: Path) -> None:
    """Calls are planned, and priced, for what the model takes of a pattern."""
    planned = planned_calls(blind(), ["mixed_*"], include_path=[str(folder)], limit=2)
    assert {asked.sample["task"] for asked in planned} == {"mixed_text"}
    with pytest.raises(UnsupportedError, match="none of the tasks"):
        next(planned_calls(blind(), ["mixed_i*"], include_path=[str(folder)]))


@pytest.mark.parametrize("lm", [TemplateAPI, Unknown])
def test_multimodal_models_of_others_keep_what_they_may_take(run: Callable[..., Any], lm: Any) -> None:
    """Pictures go to a class that is known to read them, and to one of which nothing is known."""
    asked: list[str] = []

    class Asked(lm):  # type: ignore[misc]  # a base that the test chooses
        """Notes what it is asked."""

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            """Note whose request it is."""
            asked.extend(request.doc["task"] for request in requests)
            return ["no"] * len(requests)

    run(Asked(), "mixed_*", limit=1)
    assert set(asked) == {"mixed_image", "mixed_text"}


def test_the_block_and_the_report_say_unsupported(run: Callable[..., Any], tmp_path: Path) -> None:
    """The block names what is lacking, has no number, and each view of the report says so in words."""
    results = run(Seeing(), "mixed_*", log_samples=False)
    path = tmp_path / "results_2026-01-01T00-00-00.json"
    path.write_text(json.dumps(results, default=str), encoding="utf-8")
    runs = {found.task: found for found in read_runs([path])}
    block = runs["mixed_image"].block
    assert (block["unsupported"], runs["mixed_text"].block["unsupported"]) == (["image"], [])
    assert (block["summary"]["n"], block["summary"]["coverage"], block["cells"]) == (0, None, [])
    assert "unsupported: the prompts hold image" in as_text(runs["mixed_image"])
    assert "not run" not in as_text(runs["mixed_image"])
    assert "unsupported" in as_comparison([runs["mixed_image"]])


def test_lengths_stand_in_order_in_table_and_file(run: Callable[..., Any]) -> None:
    """Each metric's lengths go from short to long in lm-eval's table, in the file, and in copies of the results."""
    results = copy.deepcopy(run(Seeing(), "mixed_text"))
    lines = [row[5].strip() for row in table_of(results)]
    assert [name for name in lines if name.startswith("recall")] == ["recall", "recall@512", "recall@2k", "recall@10k"]
    keys = [key for key in json.loads(json.dumps(results["results"]["mixed_text"])) if key.startswith("recall")]
    shown = [key.partition(",")[0] for key in keys if "stderr" not in key]
    assert shown == ["recall", "recall@512", "recall@2k", "recall@10k"]


@given(st.dictionaries(st.sampled_from(["512", "1k", "2k", "10k", "128k", "1m", "90s"]), st.floats(1, 1e7), min_size=1))
def test_order_keeps_every_number(amounts: dict[str, float]) -> None:
    """Ordering changes nothing but the order, whatever the labels stand for."""
    names = [f"{metric}@{label}" for metric in ("recall", "wer") for label in sorted(amounts)]
    row = {"alias": "x", **{f"{name}{end},none": 0.5 for name in (*names, "recall", "wer") for end in ("", "_stderr")}}
    found = in_order(row, amounts)
    assert found == row
    lengths = [
        amounts[key.partition(",")[0].partition("@")[2]]
        for key in sorted(found)
        if "recall@" in key and "_std" not in key
    ]
    assert lengths == sorted(lengths)
