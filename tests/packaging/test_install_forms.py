"""Each way to install and to launch in which lm-eval must show our tasks and our model.

A stand-in for lm-eval keeps this quick; ``test_real_lm_eval.py`` has the real one.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest
from environments import BUILDER, borrow
from packaging.version import Version

pytestmark = pytest.mark.install

LOOK = """
from lm_eval.api.registry import get_model, model_registry
get_model("dummy")
from lm_eval.tasks import TaskManager
"""
TELL = """
import json, sys
manager = TaskManager()
hooks = [finder for finder in sys.meta_path if type(finder).__module__ == "_lm_eval_longctx_hook"]
seen = {"tasks": manager.all_tasks, "searched": manager.searched, "models": sorted(model_registry), "hooks": len(hooks)}
print(json.dumps(seen))
"""
PROBE = LOOK + TELL
LATE = LOOK + "import lm_eval_longctx\n" + TELL
MODELS_SEEN = ["dummy", "longctx", "longctx-hosted"]
SWITCH = "LM_EVAL_LONGCTX_DISABLE"


@pytest.fixture(scope="module")
def our_tasks(repo_root):
    """The names that the stand-in gives to our YAMLs."""
    found = sorted({path.stem for path in (repo_root / "task_configs").glob("**/*.yaml")})
    assert found
    return found


@pytest.fixture
def is_active(our_tasks):
    """Tells whether tasks and model are there, once each."""

    def check(seen):
        assert seen["models"] in (MODELS_SEEN, ["dummy"])
        assert (seen["tasks"], len(seen["searched"])) in ((our_tasks, 1), ([], 0))
        assert bool(seen["tasks"]) == ("longctx" in seen["models"])
        return bool(seen["tasks"])

    return check


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["-I"],
        ["-E"],
        ["-s"],
        pytest.param(["-P"], marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="-P is new in Python 3.11")),
        ["-O"],
        ["-W", "error"],
    ],
    ids=" ".join,
)
def test_a_wheel_is_seen_however_python_is_launched(installed, is_active, flags):
    """After pip install of the wheel, tasks and model are there under every flag that reads site directories."""
    seen = installed.ask(PROBE, *flags)
    assert is_active(seen)
    assert seen["hooks"] == 1


def test_python_m_lm_eval_sees_us(installed):
    """``python -m lm_eval`` shows the model."""
    assert "longctx-hosted" in installed.run("-m", "lm_eval").stdout


def test_spawned_processes_see_us(installed, tmp_path, is_active):
    """A process that multiprocessing spawns shows tasks and model."""
    (tmp_path / "probe.py").write_text(
        "import multiprocessing\n"
        f"def look():\n    exec({PROBE!r}, {{}})\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=look)\n"
        "    child.start()\n    child.join()\n",
        encoding="utf-8",
    )
    assert is_active(json.loads(installed.run(tmp_path / "probe.py").stdout))


def test_nothing_is_imported_before_lm_eval(installed):
    """A start of Python loads the hook module and nothing else of ours."""
    program = "import sys; loaded = [m for m in sys.modules if 'longctx' in m or m == 'pluggy']"
    assert installed.ask(f"{program}; import json; print(json.dumps(loaded))") == ["_lm_eval_longctx_hook"]


def test_the_switch_turns_everything_off(installed, is_active):
    """With LM_EVAL_LONGCTX_DISABLE=1 lm-eval shows its own models and tasks only, and with 0 ours too."""
    assert not is_active(installed.ask(PROBE, **{SWITCH: "1"}))
    assert is_active(installed.ask(PROBE, **{SWITCH: "0"}))


def test_run_works_in_spite_of_the_switch(installed, our_tasks):
    """``lm-eval-longctx run`` shows tasks and model where the hook is switched off, and hands all arguments on."""
    done = installed.run("-m", "lm_eval_longctx", "run", "--tasks", "longctx_*", **{SWITCH: "1"})
    seen = json.loads(done.stdout)
    assert seen == {"argv": ["lm-eval", "run", "--tasks", "longctx_*"], "tasks": our_tasks, "models": MODELS_SEEN}


@pytest.mark.parametrize("given", ["{!r}", "[{!r}]", "({!r},)", "None"])
def test_the_users_folder_comes_last_and_stays_theirs(installed, tmp_path, given):
    """lm-eval searches our folder before the user's, so the user's wins, and shows include_path as it was given."""
    asked = given.format(str(tmp_path))
    tell = (
        f"m = TaskManager(include_path={asked}); n = TaskManager(None, {asked}, False); assert m.searched == n.searched"
    )
    tell = f"{LOOK}{tell}; import json; print(json.dumps([m.searched[1:], m.include_path == {asked}]))"
    assert installed.ask(tell) == [[] if asked == "None" else [str(tmp_path)], True]


def test_editable(make, few_libraries, repo_root, tmp_path, is_active):
    """After pip install -e, tasks and model are there and come from the checkout."""
    environment = make(few_libraries, borrow(tmp_path / "builder", BUILDER))
    environment.install("-e", repo_root)
    seen = environment.ask(PROBE)
    assert is_active(seen)
    assert seen["searched"] == [str(repo_root / "task_configs")]


def test_user_site(make, wheel, is_active):
    """After pip install --user, tasks and model are there, except under -s and -I, which leave the user site out."""
    environment = make(flags=["--system-site-packages"])
    environment.install("--user", wheel)
    assert is_active(environment.ask(PROBE))
    assert not is_active(environment.ask(PROBE, "-s"))
    assert not is_active(environment.ask(PROBE, "-I"))


def test_two_copies_are_one_hook(make, wheel, is_active):
    """Installed in the user site and in the environment, there is one hook, and each folder is searched once."""
    environment = make(flags=["--system-site-packages"])
    environment.install("--user", wheel)
    environment.install("--ignore-installed", wheel)
    assert len(list(environment.folder.rglob("lm_eval_longctx.pth"))) == 2
    seen = environment.ask(PROBE)
    assert is_active(seen)
    assert seen["hooks"] == 1


def test_uninstalling_leaves_nothing(make, wheel, is_active):
    """After pip uninstall every file is gone and Python starts without a word."""
    environment = make()
    before = environment.files()
    environment.install(wheel)
    assert is_active(environment.ask(PROBE))
    environment.pip("uninstall", "-y", "lm-eval-longctx")
    assert environment.files() == before
    assert not is_active(environment.ask(PROBE))


def test_a_target_folder_needs_an_import(make, wheel, tmp_path, is_active):
    """With --target and PYTHONPATH the .pth is not read; ``import lm_eval_longctx``, early or late, does the same."""
    environment = make()
    environment.install("--target", tmp_path / "target", wheel)
    path = {"PYTHONPATH": str(tmp_path / "target")}
    assert not is_active(environment.ask(PROBE, **path))
    assert is_active(environment.ask("import lm_eval_longctx\n" + PROBE, **path))
    assert is_active(environment.ask(LATE, **path))
    assert "longctx" in environment.run("-m", "lm_eval_longctx", "run", "x", **path).stdout


def test_bundles_that_add_a_site_directory_see_us(make, wheel, tmp_path, is_active):
    """Where a bundle calls site.addsitedir, as shiv and pex do, tasks and model are there."""
    environment = make()
    environment.install("--target", tmp_path / "bundle", wheel)
    assert is_active(environment.ask(f"import site; site.addsitedir({str(tmp_path / 'bundle')!r})\n{PROBE}"))


def test_late_activation_in_a_running_kernel(installed, is_active):
    """``import lm_eval_longctx`` in a process that had lm-eval before the installation adds tasks and model."""
    program = "import sys; sys.meta_path = [f for f in sys.meta_path if 'longctx' not in type(f).__module__]\n"
    assert not is_active(installed.ask(program + PROBE))
    assert is_active(installed.ask(program + LATE))


def other_interpreters():
    """Return other versions of Python that are on this machine and run."""
    found = {}
    for minor in range(10, 16):
        on_path = shutil.which(f"python3.{minor}")
        homes = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        candidates = [*map(str, homes), *([on_path] if on_path else [])]
        if minor != sys.version_info.minor and candidates:
            found[f"3.{minor}"] = candidates[0]
    return found


@pytest.mark.parametrize(
    ("version", "interpreter"),
    [pytest.param(*found, id=found[0]) for found in other_interpreters().items() or [("none", None)]],
)
def test_other_versions_of_python(make, wheel, is_active, version, interpreter):
    """The hook and the activation work on every supported Python that this machine has."""
    if interpreter is None:
        pytest.skip("no other Python here")
    if Version(metadata.version("pip")) < Version("23.2") and Version(version) >= Version("3.12"):
        pytest.skip("the pip of this Python cannot run on that one")
    environment = make(interpreter=interpreter)
    environment.install(wheel)
    assert environment.ask("import sys; print('\"%d.%d\"' % sys.version_info[:2])") == version
    assert is_active(environment.ask(PROBE))
    assert is_active(environment.ask(PROBE, "-I"))
    assert "longctx" in environment.run("-m", "lm_eval_longctx", "run", "x").stdout
