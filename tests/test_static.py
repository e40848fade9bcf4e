"""What ruff and mypy say about the whole repository."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join)
def test_nothing_is_found(repo_root, command):
    """The linter, the formatter and the type checker have nothing to say."""
    if command == ["mypy"] and sys.version_info[:2] != (3, 11):
        pytest.skip("types are checked with the numpy and PyAV of Python 3.11: others describe theirs otherwise")
    done = subprocess.run([sys.executable, "-m", *command], cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
