"""Every flag of lm-eval works with our tasks, or is refused with a reason before anything is asked."""

from __future__ import annotations

import argparse
import functools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval._cli.run import Run
from lm_eval.tasks.manager import TaskManager

from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.command_line import run_lm_eval
from lm_eval_longctx.harness.lm import LongctxLM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = """
task: flagged
class: !function lm_eval_longctx.harness.tasks.LongctxTask
output_type: generate_until
generation_kwargs: {max_gen_toks: 64, until: []}
metadata: {version: 1, builder: needle, scorer: retrieval, haystack: repeat, depths: 2, context_lengths: [512, 1k]}
"""
CONFIG = """
model: longctx
model_args: {ledger: none, progress: false}
tasks: [flagged]
metadata: {depths: 3}
"""

WORKS: dict[str, list[str]] = {
    "config": ["--config", "{folder}/run.yaml"],
    "tasks": ["--tasks", "flag*"],
    "model": ["--model", "longctx"],
    "model_args": ["--model_args", "concurrency=2"],
    "metadata": ["--metadata", '{"seed": 3}'],
    "include_path": ["--include_path", "{folder}"],
    "limit": ["--limit", "1"],
    "samples": ["--samples", '{"flagged": [1, 3]}'],
    "num_fewshot": ["--num_fewshot", "0"],
    "fewshot_as_multiturn": ["--apply_chat_template", "--fewshot_as_multiturn"],
    "apply_chat_template": ["--apply_chat_template"],
    "system_instruction": ["--system_instruction", "Be brief."],
    "gen_kwargs": ["--gen_kwargs", "do_sample=True,temperature=0.5,max_gen_toks=99"],
    "seed": ["--seed", "7"],
    "batch_size": ["--batch_size", "auto"],
    "max_batch_size": ["--max_batch_size", "4"],
    "device": ["--device", "cpu"],
    "use_cache": ["--use_cache", "{folder}/cache"],
    "cache_requests": ["--cache_requests", "true"],
    "output_path": ["--output_path", "{folder}/elsewhere"],
    "log_samples": ["--log_samples"],
    "predict_only": ["--predict_only"],
    "write_out": ["--write_out"],
    "show_config": ["--show_config"],
    "verbosity": ["--verbosity", "INFO"],
    "trust_remote_code": ["--trust_remote_code"],
    "confirm_run_unsafe_code": ["--confirm_run_unsafe_code"],
}
REFUSED: dict[str, tuple[list[str], str]] = {
    "check_integrity": (["--check_integrity"], "lm-eval-longctx check TASK"),
    "num_fewshot": (["--num_fewshot", "5"], "hold their whole prompt"),
    "limit": (["--limit", "0"], "no samples are left"),
    "apply_chat_template": (["--apply_chat_template", "chatml"], "applies its own template"),
    "gen_kwargs": (["--gen_kwargs", "top_p=0.9"], "top_p"),
    "metadata": (["--metadata", '{"depth": 3}'], "depths"),
    "output_path": (["--output_path", "{folder}/flagged.yaml/out"], "cannot be written"),
    "model_args": (["--model_args", "concurency=2"], "concurrency"),
}
ELSEWHERE = {
    "wandb_args": "tests/harness/test_trackers.py",
    "wandb_config_args": "tests/harness/test_trackers.py",
    "trackio_args": "tests/harness/test_trackers.py",
    "hf_hub_log_args": "needs the network: lm-eval pushes its own files",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run lm-eval's command with some flags on a task of four short samples; return its result file."""
    (tmp_path / "flagged.yaml").write_text(TASK, encoding="utf-8")
    (tmp_path / "run.yaml").write_text(CONFIG, encoding="utf-8")
    original = TaskManager.__init__

    @functools.wraps(original)
    def init(self: TaskManager, *args: Any, **kwargs: Any) -> None:
        original(self, *args, include_defaults=False, **kwargs)  # lm-eval's own thousands take half a minute

    monkeypatch.setattr(TaskManager, "__init__", init)

    def go(flags: list[str]) -> dict[str, Any]:
        said = [flag.replace("{folder}", str(tmp_path)) for flag in flags]
        usual = {
            "--model": "longctx",
            "--model_args": "ledger=none,progress=False",
            "--tasks": "flagged",
            "--include_path": str(tmp_path),
            "--output_path": str(tmp_path / "out"),
        }
        given = {flag: value for flag, value in usual.items() if flag not in said or flag == "--model_args"}
        if "--config" in said:
            given = {flag: given[flag] for flag in ("--include_path", "--output_path")}
        assert run_lm_eval([*(word for pair in given.items() for word in pair), *said]) == 0
        (file,) = tmp_path.rglob("results_*.json")
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found

    return go


@pytest.mark.parametrize("flag", WORKS)
def test_a_flag_works(run: Callable[..., dict[str, Any]], flag: str) -> None:
    """The run ends well, with a sweep block over as many samples as the flag leaves, all answered by the oracle."""
    results = run(WORKS[flag])
    block = results["configs"]["flagged"]["metadata"]["longctx"]
    samples = {"limit": 1, "samples": 2, "config": 6}.get(flag, 4)
    assert block["summary"]["n"] == samples
    assert block["summary"]["outcomes"] == {"complete": samples}
    assert block["specification"]["seed"] == (3 if flag == "metadata" else 0)
    assert block["predict_only"] is (flag == "predict_only")
    if flag != "predict_only":
        assert results["results"]["flagged"]["recall,none"] == 1.0


@pytest.mark.parametrize("flag", REFUSED)
def test_a_flag_is_refused(run: Callable[..., dict[str, Any]], flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told, and nothing has been asked."""
    asked: list[Any] = []
    monkeypatch.setattr(LongctxLM, "backend", property(asked.append))
    flags, says = REFUSED[flag]
    with pytest.raises(LongctxError, match=re.escape(says)):
        run(flags)
    assert not asked


def test_every_flag_has_its_case_and_its_row(repo_root: Path) -> None:
    """Each flag of the installed lm-eval is tried here, or said to be tried elsewhere, and stands in the page."""
    subparsers = argparse.ArgumentParser().add_subparsers()
    parser = Run(subparsers)._parser
    flags = {action.dest for action in parser._actions} - {"help"}
    assert flags == WORKS.keys() | REFUSED.keys() | ELSEWHERE.keys()
    page = (repo_root / "docs" / "flags.md").read_text(encoding="utf-8")
    rows = page.partition("<!-- flags")[2].partition("<!-- end of flags")[0]
    told = {name for row in re.findall(r"^\| (.*?) \|", rows, re.MULTILINE) for name in re.findall(r"`--(\w+)`", row)}
    assert told == flags
