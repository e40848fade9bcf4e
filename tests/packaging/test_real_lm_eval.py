"""The built wheel beside the real lm-eval, outside the checkout: what users type."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from environments import TIMEOUT, make_environment

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def real(wheel, all_libraries, tmp_path_factory):
    """An environment with the wheel, the real lm-eval and its command."""
    made = make_environment(tmp_path_factory.mktemp("real") / "venv", all_libraries)
    made.install(wheel)
    original = Path(shutil.which("lm-eval", path=sysconfig.get_path("scripts")) or "")
    _, _, body = original.read_text(encoding="utf-8").partition("\n")
    command = made.python.with_name("lm-eval")
    command.write_text(f"#!{made.python}\n{body}", encoding="utf-8")
    command.chmod(0o755)
    return made


@pytest.fixture
def lm_eval(real, tmp_path):
    """Runs the command ``lm-eval`` in an empty folder."""

    def run(*arguments, **variables):
        done = subprocess.run(
            [str(real.python.with_name("lm-eval")), *arguments],
            env={**real.variables, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_ls_tasks_lists_ours(lm_eval, kept):
    """``lm-eval ls tasks`` lists our tasks among lm-eval's own."""
    printed = lm_eval("ls", "tasks", **kept)
    assert "longctx_text_niah" in printed
    assert "hellaswag" in printed


def test_validate_passes(lm_eval, kept):
    """``lm-eval validate`` accepts our task."""
    assert "longctx_text_niah" in lm_eval("validate", "--tasks", "longctx_text_niah", **kept)


def test_run_needs_no_flag(lm_eval, tmp_path):
    """``lm-eval run --model longctx --tasks 'longctx_text_*'`` works in quotes and leaves a result file.

    Here lm-eval reads its own task files itself.
    """
    arguments = ["--tasks", "longctx_text_*", "--limit", "2", "--output_path", "out"]
    printed = lm_eval("run", "--model", "longctx", *arguments)
    assert "|longctx_text_niah" in printed
    (path,) = (tmp_path / "out").rglob("results_*.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["configs"]["longctx_text_niah"]["metadata"]["longctx"]["plugins"][0]["name"] == "lm-eval-longctx"


def test_the_doctor_is_content(real, tmp_path):
    """``lm-eval-longctx doctor`` finds nothing wrong in this environment."""
    path = f"{real.python.parent}:{real.variables.get('PATH', '')}"
    done = real.run("-m", "lm_eval_longctx", "doctor", cwd=tmp_path, check=False, PATH=path)
    assert done.returncode == 0, done.stdout
    assert "all is well" in done.stdout
    assert f"{real.python.with_name('lm-eval')} runs with the hook" in " ".join(done.stdout.split())
