"""Several processes that evaluate together give one result, over all samples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.aggregation import refuse_uneven
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.report.terminal import as_text
from lm_eval_longctx.results.reading import read_runs

TASK = """
task: {name}
class: !function lm_eval_longctx.harness.tasks.LongctxTask
output_type: generate_until
repeats: {repeats}
generation_kwargs: {{max_gen_toks: 32, until: []}}
metadata: {{version: 1, builder: needle, scorer: retrieval, depths: 3, haystack: repeat}}
"""
GROUP = "group: both\ntask: [shared_a, shared_b]\naggregate_metric_list: [{metric: recall, weight_by_size: true}]\n"


LENGTHS = {"context_lengths": ["1k", "2k", 512]}
CASES: dict[str, dict[str, Any]] = {
    "even": {"metadata": {**LENGTHS, "samples_per_cell": 2}},
    "odd": {"metadata": LENGTHS, "limit": 7},
    "each process has a length of its own": {"metadata": {"context_lengths": [512, "1k"]}, "limit": 2},
    "named samples": {"metadata": LENGTHS, "samples": {"shared_a": [0, 2, 5, 7]}},
    "without a log": {"metadata": LENGTHS, "log_samples": False},
    "answers only": {"metadata": LENGTHS, "predict_only": True},
    "a group, one asked twice": {"metadata": LENGTHS, "limit": 8, "tasks": ["both"]},
}
REFUSED = {"too few": {"metadata": LENGTHS, "limit": 1}, "nothing": {"metadata": LENGTHS, "limit": 0}}


@pytest.fixture(scope="module")
def folders(repo_root: Path, tmp_path_factory: pytest.TempPathFactory, warm: Path) -> dict[int, Path]:
    """All cases, evaluated by one, two and three processes; a folder for each, with what they found."""
    tasks = tmp_path_factory.mktemp("tasks")
    for name, repeats in (("shared_a", 1), ("shared_b", 2)):
        (tasks / f"{name}.yaml").write_text(TASK.format(name=name, repeats=repeats), encoding="utf-8")
    (tasks / "both.yaml").write_text(GROUP, encoding="utf-8")
    cases = {
        name: {"tasks": ["shared_a"], "include_path": str(tasks), **case} for name, case in (CASES | REFUSED).items()
    }
    script = [str(warm / "python"), str(repo_root / "tests" / "support" / "several_processes.py")]
    environment = {**os.environ, "TQDM_DISABLE": "1", "LM_EVAL_LONGCTX_CACHE": str(tmp_path_factory.mktemp("cache"))}
    found, running = {}, []
    for processes in (1, 2, 3):
        found[processes] = tmp_path_factory.mktemp(f"shared-{processes}")
        for rank in range(processes):
            command = [*script, str(rank), str(processes), str(found[processes]), json.dumps(cases)]
            running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=600)[1] for process in running]
    assert not any(process.returncode for process in running), "\n".join(said)
    return found


def results(folder: Path, case: str) -> dict[str, Any]:
    """Return what lm-eval found."""
    found: dict[str, Any] = json.loads((folder / f"{case}.json").read_text(encoding="utf-8"))
    return found


def told(folder: Path, case: str) -> list[str]:
    """Return what each process says: how much it was asked, or its error."""
    return [json.loads(file.read_text(encoding="utf-8"))[case] for file in sorted(folder.glob("told-*"))]


def numbers(found: dict[str, Any]) -> dict[str, Any]:
    """Return all that results say, but when, and by how many processes."""
    kept = {part: value for part, value in found.items() if part not in {"date", "samples"}}
    for config in kept["configs"].values():
        del config["metadata"]["longctx"]["world_size"]
    return kept


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_several_processes_say_what_one_says(folders: dict[int, Path], case: str, processes: int) -> None:
    """Numbers, tables, blocks, configurations and logs of several processes are those of one, to the last digit."""
    if told(folders[processes], case)[0].startswith("shared_a"):
        pytest.skip("two samples for three processes: refused, see below")
    alone, shared = results(folders[1], case), results(folders[processes], case)
    blocks = [config["metadata"]["longctx"] for config in shared["configs"].values()]
    assert {block["world_size"] for block in blocks} == {processes}
    assert all(int(asked) > 0 for asked in told(folders[processes], case))
    for task, lines in alone.get("samples", {}).items():
        logs = [[(line["doc_id"], line["resps"]) for line in log] for log in (lines, shared["samples"][task])]
        assert logs[0] == logs[1]
    assert numbers(shared) == numbers(alone)


def test_the_report_is_about_all_samples(folders: dict[int, Path]) -> None:
    """Our own report of a run of two processes counts every sample, and no length is lost."""
    text = as_text(read_runs([folders[2] / "odd.json"])[0])
    assert "of 7 samples" in text
    assert all(label in text for label in ("512", "1k", "2k"))
    row = results(folders[2], "each process has a length of its own")["results"]["shared_a"]
    assert {"recall@512,none", "recall@1k,none"} <= row.keys()


@pytest.mark.parametrize(
    ("processes", "case", "says"),
    [
        (2, "too few", "1 samples cannot be shared among 2 processes"),
        (3, "each process has a length of its own", "2 samples cannot be shared among 3 processes"),
        (2, "nothing", "no samples are left"),
    ],
)
def test_what_cannot_be_shared_ends_every_process(
    folders: dict[int, Path], processes: int, case: str, says: str
) -> None:
    """Where a process would have nothing to do, all end with the same error, and none waits for ever."""
    said = told(folders[processes], case)
    assert len(said) == processes
    assert all(says in error for error in said)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Path:
    """A model for lm-eval's ``hf``."""
    for needed in ("torch", "transformers", "accelerate"):
        pytest.importorskip(needed, reason="lm-eval's hf needs it")
    folder = tmp_path_factory.mktemp("tiny-model")
    maker = str(repo_root / "tests" / "support" / "tiny_llama.py")
    subprocess.run([sys.executable, maker, "make", str(folder)], check=True, capture_output=True, timeout=400)
    return folder


HF = {"tasks": ["longctx_text_niah"], "limit": 5, "gen_kwargs": {"max_gen_toks": 4}}
HF_METADATA = {"context_lengths": [256, 512], "haystack": "repeat"}


def test_hf_shares_samples_out_under_torchrun(tiny_model: Path, repo_root: Path, tmp_path: Path) -> None:
    """lm-eval's own class with torch's own gathering: two processes say what one says."""
    script = str(repo_root / "tests" / "support" / "torch_processes.py")
    found = []
    for processes in (1, 2):
        file = tmp_path / f"{processes}.json"
        told = json.dumps({**HF, "metadata": HF_METADATA})
        run_torch([f"--nproc_per_node={processes}", script, str(tiny_model), str(file), told], repo_root)
        found.append(json.loads(file.read_text(encoding="utf-8")))
    logs = [[(line["doc_id"], line["resps"]) for line in one["samples"]["longctx_text_niah"]] for one in found]
    assert len(logs[0]) == HF["limit"]
    assert logs[0] == logs[1]
    shares = [one["configs"]["longctx_text_niah"]["metadata"]["longctx"]["world_size"] for one in found]
    assert shares == [1, 2]
    kept = [numbers(one) for one in found]
    for one in kept:
        del one["config"], one["git_hash"], one["pretty_env_info"]
    assert kept[0] == kept[1]


def test_where_every_process_answers_all_one_result_is_written(
    tiny_model: Path, repo_root: Path, tmp_path: Path
) -> None:
    """lm-eval's command on processors, where ``hf`` shares nothing out: one result, over all samples."""
    command = ["--no-python", str(Path(sys.executable).with_name("lm-eval")), "run", "--model", "hf", "--device", "cpu"]
    command += ["--model_args", f"pretrained={tiny_model}", "--tasks", "longctx_text_niah", "--limit", "3"]
    command += ["--metadata", json.dumps(HF_METADATA), "--output_path", str(tmp_path / "out"), "--log_samples"]
    run_torch(["--nproc_per_node=2", *command, "--gen_kwargs", "max_gen_toks=4"], repo_root)
    (run,) = read_runs([tmp_path / "out"])
    assert (run.block["summary"]["n"], run.block["world_size"]) == (3, 1)
    assert len(list((tmp_path / "out").rglob("results_*.json"))) == 1


def run_torch(arguments: list[str], folder: Path) -> None:
    """Start processes as ``torchrun`` does."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", *arguments]
    path = os.pathsep.join((str(folder), os.environ["PYTHONPATH"]))
    environment = {**os.environ, "TQDM_DISABLE": "1", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize(
    ("samples", "asked", "says"),
    [
        (6, {"limit": 0}, "no samples are left"),
        (6, {"limit": -1}, "no samples are left"),
        (6, {"limit": 2, "world_size": 3}, "2 samples cannot be shared among 3"),
        (6, {"samples": [1, 1, 1], "world_size": 2}, "1 samples cannot be shared among 2"),
        (2, {"world_size": 4}, "2 samples cannot be shared among 4"),
    ],
)
def test_what_cannot_be_shared_is_refused(samples: int, asked: dict[str, Any], says: str) -> None:
    """Shares of nothing are errors, also where lm-eval would take a limit of 0 for none at all."""
    with pytest.raises(ConfigError, match=says):
        refuse_uneven("task", samples, asked)


def test_without_our_hook_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody would bring the shares together, the run is refused before it begins."""
    import lm_eval.evaluator

    monkeypatch.setattr(lm_eval.evaluator, "_process_results", lambda *_: None)
    with pytest.raises(ConfigError, match="cannot be brought together"):
        refuse_uneven("task", 6, {"world_size": 2})


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}, True),
        ({"WORLD_SIZE": "1", "LOCAL_RANK": "0"}, False),
        ({"WORLD_SIZE": "2"}, False),
        ({}, False),
    ],
)
def test_our_own_model_is_one_process(
    environment: dict[str, str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by a launcher as several processes, it is refused: each would pay for everything."""
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if refused:
        with pytest.raises(ConfigError, match="each of which would pay"):
            LongctxLM()
    else:
        LongctxLM()
