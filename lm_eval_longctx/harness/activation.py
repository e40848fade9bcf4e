"""Adds our tasks and our model to an lm-eval that is being imported.

The hook module calls ``activate`` right after lm-eval's own module has run.
All steps are safe to repeat, and tasks and model step aside where lm-eval finds
plugins by itself. What goes wrong is one line on standard error: lm-eval goes on.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.ctrl_c import GOES_ON, lose_no_ctrl_c
from lm_eval_longctx.errors import ConfigError, LongctxError, disk_fault, disk_told
from lm_eval_longctx.harness import origin
from lm_eval_longctx.harness.ending import COMMAND_MODULE, tell_the_end
from lm_eval_longctx.harness.evaluation import watch_evaluate, watch_names
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType, TracebackType

    from lm_eval_longctx.harness.task_yaml import Broken

TASKS_MODULE = "lm_eval.tasks.manager"
MODELS_MODULE = "lm_eval.models"
MODEL_TARGET = "lm_eval_longctx.harness.lm:LongctxLM"
_MARK = "_lm_eval_longctx"
_COMMANDS = {"lm-eval", "lm_eval"}
_OURS = {"lm_eval_longctx.harness.tasks", "lm_eval_longctx.harness.lm"}


def activate(module: ModuleType) -> None:
    """Do what an lm-eval module, just imported, is the place for.

    Args:
        module: One that the hook waits for.
    """
    if module.__name__ == TASKS_MODULE:
        add_tasks(module)
    elif module.__name__ == MODELS_MODULE:
        add_models()
        tell_errors_in_one_line()
    elif module.__name__ == COMMAND_MODULE:
        tell_the_end(module)
        tell_errors_in_one_line()
    elif module.__name__ == origin.CONFIG_MODULE:
        origin.watch_config(module)
    elif module.__name__ == origin.EVALUATOR_MODULE:
        origin.watch_evaluator(module)
        watch_evaluate(module)


def activate_now() -> None:
    """Import lm-eval and add everything, with or without the hook; safe to repeat."""
    activate_tasks()
    activate(importlib.import_module(MODELS_MODULE))
    for name in (origin.CONFIG_MODULE, origin.EVALUATOR_MODULE, COMMAND_MODULE):
        with suppress(ModuleNotFoundError):  # not in every lm-eval that we may meet
            activate(importlib.import_module(name))


def activate_tasks() -> None:
    """Import what finds lm-eval's tasks, and add ours: all that listing and planning need, in a third of the time."""
    activate(importlib.import_module(TASKS_MODULE))


def add_models() -> None:
    """Register the model under its names, by a target that is loaded on use.

    Only after ``lm_eval.models`` has run: lm-eval skips its own models if the
    registry is not empty before. Names that are there already (lm-eval read
    our entry points) stay as they are.
    """
    models = importlib.import_module("lm_eval.api.registry").model_registry
    for name in origin.OUR_MODELS:
        if name not in models:
            models.register(name, target=MODEL_TARGET)


def add_tasks(manager: ModuleType) -> None:
    """Make every ``TaskManager`` search our task folders, before the user's ``include_path``."""
    cls = getattr(manager, "TaskManager", None)
    if cls is None or hasattr(cls.__init__, _MARK):
        return
    original = cls.__init__
    signature = inspect.signature(original)
    if "include_path" not in signature.parameters:
        _say("this lm-eval's TaskManager takes no include_path; use: lm-eval-longctx run, or lm-eval>=0.4.12,<0.5")
        return

    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *args, **kwargs)
        asked = given.arguments.get("include_path")
        given.arguments["include_path"] = with_user_paths(_folders(manager), asked)
        if "metadata" in given.arguments:
            given.arguments["metadata"] = origin.mixed(given.arguments["metadata"])
        original(*given.args, **given.kwargs)
        self.include_path = asked
        _tell_broken_files(asked)

    setattr(init, _MARK, True)
    cls.__init__ = init
    if hasattr(cls, "load"):  # not in every lm-eval that we may meet
        cls.load = _load_whole_specs(cls.load)
    watch_names(cls)


def _tell_broken_files(include_path: object) -> None:
    """Name the user's files that are no tasks: lm-eval leaves them out, and says that the task was not found."""
    for broken in _broken_files(include_path):
        _say(f"{broken.path} is left out: {broken.reason}")


def _broken_files(include_path: object) -> list[Broken]:
    folders = with_user_paths((), include_path)
    task_yaml = importlib.import_module("lm_eval_longctx.harness.task_yaml") if folders else None
    return list(task_yaml.unreadable_files(folders)) if task_yaml else []


def _load_whole_specs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``simple_evaluate`` take a task of ours with changes, as groups do: lm-eval itself drops all but these."""

    @functools.wraps(original)
    def load(self: Any, task_list: Any) -> Any:
        asked = task_list if isinstance(task_list, list) else [task_list]
        if any(isinstance(spec, dict) for spec in asked):
            whole_spec = importlib.import_module("lm_eval_longctx.harness.tasks").whole_spec
            asked = [whole_spec(spec, self.task_index) for spec in asked]
        try:
            return original(self, asked)
        except LongctxError:
            raise
        except Exception as error:
            for broken in _broken_files(self.include_path):
                if any(str(name) in broken.path.read_text(encoding="utf-8", errors="replace") for name in asked):
                    raise ConfigError(f"{broken.path}: {broken.reason}") from error
            raise

    return load


def _folders(manager: ModuleType) -> list[str]:
    try:
        return task_folders(manager)
    except Exception as error:  # noqa: BLE001 - a broken plugin must not take lm-eval's own tasks away
        _say(f"no tasks of ours: {error}")
        return []


@functools.cache  # lm-eval makes several task managers in one run, and each meets the same files
def _say(text: str) -> None:
    print(f"lm-eval-longctx: {text} (lm-eval-longctx doctor tells more)", file=sys.stderr)  # noqa: T201 - no logger is set up yet


def task_folders(manager: ModuleType) -> list[str]:
    """Return the folders of all plugins that lm-eval does not find by itself.

    Args:
        manager: ``lm_eval.tasks.manager``. Newer versions have
            ``discover_plugin_task_paths``, which reads the entry points
            ``lm_eval.tasks``; what that finds is left to it.
    """
    discover = getattr(manager, "discover_plugin_task_paths", None)
    found = {Path(path).resolve() for path in discover()} if discover else set()
    return [str(path) for path in registry().task_paths() if path.resolve() not in found]


def with_user_paths(ours: Sequence[str], include_path: object) -> list[object]:
    """Return our folders and then the user's: lm-eval lets the later win."""
    if not include_path:
        return list(ours)
    theirs = include_path if isinstance(include_path, (list, tuple)) else [include_path]
    return [*ours, *theirs]


def is_lm_eval(command: Sequence[str]) -> bool:
    """Whether a command line is lm-eval's own: its script, or ``python -m lm_eval``."""
    program = Path(command[0] if command else "")
    return program.stem in _COMMANDS or program.parts[-2:] == ("lm_eval", "__main__.py")


def _is_ours(fault: OSError) -> bool:
    """Whether it is about a file in our cache."""
    from lm_eval_longctx.files import default_cache_dir  # where something failed, and not each time that lm-eval starts

    return Path(str(fault.filename or "")).is_relative_to(default_cache_dir())


def _is_ours_that_runs() -> bool:
    """Whether the run has a task or a model of ours: their modules are loaded, or it has not got that far."""
    return bool(_OURS & sys.modules.keys()) or any("longctx" in word for word in sys.argv)


def tell_errors_in_one_line() -> None:
    """End lm-eval's own command with our error's one line, or that of Ctrl-C in a run of ours, without the traceback.

    Other errors stay as they are.
    """
    if not is_lm_eval(sys.argv) or hasattr(sys.excepthook, _MARK):
        return
    lose_no_ctrl_c()
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, LongctxError):
            print(f"lm-eval-longctx: {error}", file=sys.stderr)  # noqa: T201 - what lm-eval's user sees
        elif (fault := disk_fault(error)) and _is_ours(fault):
            print(f"lm-eval-longctx: {disk_told(fault)}", file=sys.stderr)  # noqa: T201 - likewise
        elif isinstance(error, KeyboardInterrupt) and _is_ours_that_runs():
            print(f"\nlm-eval-longctx: {GOES_ON}", file=sys.stderr)  # noqa: T201 - likewise
        else:
            before(kind, error, trace)

    setattr(tell, _MARK, True)
    sys.excepthook = tell
