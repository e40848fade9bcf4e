"""Runs to draw."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from made_sweeps import TARGET, block, lost_in_the_middle, make_sweep, run, write_results

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.results import read_runs

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.results import Run

TASK = "longctx_text_niah"


@pytest.fixture(scope="session")
def out(tmp_path_factory) -> Path:
    """A folder with two models' runs, the first with its samples."""
    folder = tmp_path_factory.mktemp("out")
    write_results(folder / "a", {TASK: block()})
    write_results(folder / "b", {TASK: block(lambda _: Completion(TARGET))}, model="perfect/model")
    with (folder / "a" / f"samples_{TASK}_2026-01-01T00.jsonl").open("w", encoding="utf-8") as file:
        for result in run(make_sweep(), lost_in_the_middle):
            ended = {"completions": [result.completion.to_dict()]}
            arguments = {"gen_args_0": {"arg_0": "sample", "arg_1": {}, "arg_2": {}, "arg_3": ended}}
            answer = [[f"<b>{result.completion}</b>"]]
            sample = {"doc": result.sample, "arguments": arguments, "resps": answer, **(result.values or {})}
            file.write(json.dumps(sample) + "\n")
    return folder


@pytest.fixture(scope="session")
def runs(out) -> list[Run]:
    """Both runs: one with unscored cells, one perfect."""
    return read_runs([out])
