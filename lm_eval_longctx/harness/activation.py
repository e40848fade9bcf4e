"""Adds our tasks and our model to an lm-eval that is being imported.

The hook module calls ``activate`` right after lm-eval's own module has run.
Both steps are safe to repeat, and both step aside where lm-eval finds plugins
by itself. What goes wrong is one line on standard error: lm-eval goes on.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.harness.command_line import tell_errors_in_one_line
from lm_eval_longctx.harness.paths import task_folders, with_user_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

TASKS_MODULE = "lm_eval.tasks.manager"
MODELS_MODULE = "lm_eval.models"
MODEL_NAMES = ("longctx", "longctx-hosted")
MODEL_TARGET = "lm_eval_longctx.harness.lm:LongctxLM"
_MARK = "_lm_eval_longctx"


def activate(module: ModuleType) -> None:
    """Do what an lm-eval module, just imported, is the place for.

    Args:
        module: ``lm_eval.tasks.manager`` or ``lm_eval.models``.
    """
    if module.__name__ == TASKS_MODULE:
        add_tasks(module)
    elif module.__name__ == MODELS_MODULE:
        add_models()
        tell_errors_in_one_line()


def activate_now() -> None:
    """Import lm-eval and add everything, with or without the hook; safe to repeat."""
    for name in (TASKS_MODULE, MODELS_MODULE):
        activate(importlib.import_module(name))


def add_models() -> None:
    """Register the model under its names, by a target that is loaded on use.

    Only after ``lm_eval.models`` has run: lm-eval skips its own models if the
    registry is not empty before. Names that are there already (lm-eval read
    our entry points) stay as they are.
    """
    models = importlib.import_module("lm_eval.api.registry").model_registry
    for name in MODEL_NAMES:
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
    def init(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever lm-eval's own takes
        given = signature.bind(self, *args, **kwargs)
        asked = given.arguments.get("include_path")
        given.arguments["include_path"] = with_user_paths(_folders(manager), asked)
        original(*given.args, **given.kwargs)
        self.include_path = asked

    setattr(init, _MARK, True)
    cls.__init__ = init
    if hasattr(cls, "load"):  # not in every lm-eval that we may meet
        cls.load = _load_whole_specs(cls.load)


def _load_whole_specs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``simple_evaluate`` take a task of ours with changes, as groups do: lm-eval itself drops all but these."""

    @functools.wraps(original)
    def load(self: Any, task_list: Any) -> Any:  # noqa: ANN401 - whatever lm-eval's own takes
        asked = task_list if isinstance(task_list, list) else [task_list]
        if any(isinstance(spec, dict) for spec in asked):
            whole_spec = importlib.import_module("lm_eval_longctx.harness.tasks").whole_spec
            asked = [whole_spec(spec, self.task_index) for spec in asked]
        return original(self, asked)

    return load


def _folders(manager: ModuleType) -> list[str]:
    try:
        return task_folders(manager)
    except Exception as error:  # noqa: BLE001 - a broken plugin must not take lm-eval's own tasks away
        _say(f"no tasks of ours: {error}")
        return []


def _say(text: str) -> None:
    print(f"lm-eval-longctx: {text} (lm-eval-longctx doctor tells more)", file=sys.stderr)  # noqa: T201 - no logger is set up yet
