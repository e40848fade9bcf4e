"""What ``lm-eval-longctx new`` writes, built, installed beside our wheel, tested and run as a new user would."""

from __future__ import annotations

import pytest
from environments import make_environment

from lm_eval_longctx.cli.new import KINDS, task_name

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def made(wheel, all_libraries, build_wheel, tmp_path_factory):
    """An environment with one package of each kind, and the folder where they were made."""
    folder = tmp_path_factory.mktemp("new")
    environment = make_environment(folder / "venv", all_libraries)
    environment.install(wheel)
    for kind in KINDS:
        environment.run("-m", "lm_eval_longctx", "new", kind, f"my_{kind}", "--path", str(folder))
    environment.install(*(build_wheel(folder / f"my_{kind}") for kind in KINDS))
    return environment, folder


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass_and_its_task_runs(made, kept, kind):
    """The package's tests pass where it is installed, and lm-eval prints the table of its task."""
    environment, folder = made
    tests = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / f"my_{kind}"))
    assert " passed" in tests.stdout
    task, model = task_name(kind, f"my_{kind}"), "my_provider/any" if kind == "provider" else "cascade"
    arguments = f"model={model},ledger=none,progress=False"
    command = ("-m", "lm_eval", "run", "--model", "longctx", "--model_args", arguments, "--tasks", task)
    done = environment.run(*command, **kept)
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert task in table[2]
    assert any("coverage" in line and "|    1|" in line for line in table)
