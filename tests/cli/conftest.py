"""One real run, with its results, its log of samples and its ledger."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest
from made_sweeps import block, write_results

from lm_eval_longctx.results import Logged, Run, logged_samples, read_runs

if TYPE_CHECKING:
    from pathlib import Path


class Ran(NamedTuple):
    """A run that came to its end."""

    out: Path
    ledger: Path
    printed: str

    def sample(self, task: str) -> Logged:
        """Return the first sample of a task."""
        return next(one for one in logged_samples([self.out]) if one.sample["task"] == task)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> Ran:
    """The embedded model on a text needle and on pictures, started as users start it."""
    folder = tmp_path_factory.mktemp("ran")
    out, ledger = folder / "out", folder / "ledger.sqlite3"
    metadata = {"context_lengths": ["4"], "longctx_text_niah": {"context_lengths": ["1k"]}, "depths": [0.5]}
    arguments = {
        "--model": "longctx",
        "--model_args": f"ledger={ledger}",
        "--tasks": "longctx_text_niah,longctx_image_niah",
        "--metadata": json.dumps(metadata),
        "--output_path": str(out),
    }
    command = [str(warm / "lm-eval-longctx"), "run", *(part for pair in arguments.items() for part in pair)]
    done = subprocess.run(
        [*command, "--log_samples"], env=dict(os.environ), capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return Ran(out, ledger, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two models' sweeps, drawn from nothing but result files."""
    folder = tmp_path_factory.mktemp("made")
    write_results(folder / "a", {"longctx_text_niah": block()})
    write_results(folder / "b", {"longctx_text_niah": block()}, model="another/model-with-a-long-name")
    return read_runs([folder])
