"""One real run of a task with long answers, and models of known quality made from its logs."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = "docqa_long_longctx"


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> Path:
    """The folder of a run that only echoes: its questions, targets and recipes are real."""
    out = tmp_path_factory.mktemp("asked")
    metadata = {"context_lengths": ["4k"], "depths": 1, "samples_per_cell": 2, "contexts": ["full"]}
    command = [
        *(str(warm / "lm-eval-longctx"), "run", "--model", "longctx", "--log_samples", "--tasks", TASK),
        *("--model_args", f"model=echo/digest,ledger={out / 'ledger'}", "--output_path", str(out)),
        *("--metadata", json.dumps({**metadata, "questions": ["single", "bridge"]})),
    ]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def players(asked: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write the results of models that answer each question as a function of its sample does."""

    def made(**models: Callable[[Any], str | None]) -> Path:
        (results,) = asked.rglob("results_*.json")
        (log,) = asked.rglob("samples_*.jsonl")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for name, answer in models.items():
            folder = tmp_path / "players" / name
            folder.mkdir(parents=True)
            data = json.loads(results.read_text())
            data["config"]["longctx"]["name"] = name
            (folder / results.name).write_text(json.dumps(data))
            written = [_answered(line, answer(line["doc"])) for line in lines]
            (folder / log.name).write_text("".join(json.dumps(line) + "\n" for line in written))
        return tmp_path / "players"

    return made


def _answered(line: dict[str, Any], text: str | None) -> dict[str, Any]:
    """Return a line of a log with another answer; ``None`` is a call that failed."""
    arguments = json.loads(json.dumps(line["arguments"]))
    calls = next(iter([list(first.values())[-1] for first in arguments.values()]))["completions"]
    calls[0]["outcome"] = "complete" if text is not None else "transport_failed"
    return {**line, "arguments": arguments, "resps": [[text or ""]], "filtered_resps": [text or ""]}
