"""One wheel for all tests here, and environments to install it into."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import kept_index
import pytest
from environments import CLEAN, Environment, borrow, make_environment
from stand_in import write_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def build_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Builds a wheel from a folder or an archive, with what is installed here; nothing is downloaded."""

    def build(source: Path) -> Path:
        folder = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*command, "-w", str(folder), str(source)], check=True, env=CLEAN)
        return next(folder.glob("*.whl"))

    return build


@pytest.fixture(scope="session")
def kept() -> dict[str, str]:
    """Variables with which the real lm-eval does not read its 14,000 task files again (tests/support/at_start)."""
    return {name: os.environ[name] for name in ("PYTHONPATH", kept_index.PLACE)}


@pytest.fixture(scope="session")
def wheel(repo_root: Path, build_wheel: Callable[[Path], Path]) -> Path:
    """The wheel, built from the checkout."""
    return build_wheel(repo_root)


@pytest.fixture(scope="session")
def few_libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin library and a stand-in for lm-eval."""
    return write_stand_in(borrow(tmp_path_factory.mktemp("few"), {"pluggy"}))


@pytest.fixture(scope="session")
def all_libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every library of this environment, the real lm-eval among them, but not our own package."""
    return borrow(tmp_path_factory.mktemp("all"))


@pytest.fixture
def make(tmp_path: Path, few_libraries: Path) -> Callable[..., Environment]:
    """Makes an environment with few libraries, and whatever else is asked for."""

    def made(*libraries: Path, name: str = "venv", **options: object) -> Environment:
        return make_environment(tmp_path / name, *(libraries or (few_libraries,)), **options)

    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, few_libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel in it; tests leave it as it is."""
    made = make_environment(tmp_path_factory.mktemp("installed") / "venv", few_libraries)
    made.install(wheel)
    return made
