"""Checks of everything that lm-eval must find: tasks, model, plugins."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import LongctxError, MissingExtraError
from lm_eval_longctx.harness.activation import TASKS_MODULE, activate_now
from lm_eval_longctx.harness.listing import listed_tasks, task_files
from lm_eval_longctx.harness.origin import OUR_MODELS
from lm_eval_longctx.harness.task_yaml import broken_files
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from lm_eval_longctx.plugins.registry import Record


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        level: ``FAIL`` only if something does not work that should.
        text: What is the case.
        advice: What to do, if there is anything to do.
    """

    level: Level
    text: str
    advice: str = ""


def ok(text: str) -> Finding:
    """Make a finding that all is well."""
    return Finding(Level.OK, text)


def note(text: str, advice: str = "") -> Finding:
    """Make a finding that the user may want to know."""
    return Finding(Level.NOTE, text, advice)


def fail(text: str, advice: str) -> Finding:
    """Make a finding that something does not work."""
    return Finding(Level.FAIL, text, advice)


_RIGHT_VERSION = "pip install 'lm-eval>=0.4.12,<0.5'"


def harness_checks(include_path: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what is found, the most basic first; stop where nothing further can work.

    Args:
        include_path: Folders that the user gives to lm-eval: do they hide tasks of ours?
    """
    usable = yield from _lm_eval()
    loaded = yield from _plugins()
    if usable and loaded:
        yield from _model()
        yield from _task_files(include_path)
        yield from _task_names(include_path)


def _lm_eval() -> Generator[Finding, None, bool]:
    try:
        manager = importlib.import_module(TASKS_MODULE)
        activate_now()
    except Exception as error:  # noqa: BLE001 - the doctor reports whatever is wrong
        yield fail(f"lm-eval cannot be used: {error!r}", _RIGHT_VERSION)
        return False
    if "include_path" not in inspect.signature(manager.TaskManager.__init__).parameters:
        yield fail(f"lm-eval {version('lm-eval')} takes no folders of tasks from us", _RIGHT_VERSION)
        return False
    how = "through its own entry points" if hasattr(manager, "discover_plugin_task_paths") else "through our hook"
    yield ok(f"lm-eval {version('lm-eval')} gets our tasks {how}")
    return True


def _plugins() -> Generator[Finding, None, bool]:
    try:
        known = registry()
    except LongctxError as error:
        yield fail(str(error), "until then no task of ours can run")
        return False
    yield ok("plugins: " + ", ".join(f"{plugin.name} {plugin.version}" for plugin in known.plugins))
    records: list[Record] = [*known.providers(), *known.sources(), *known.builders(), *known.scorers()]
    for record in records:
        try:
            known.load(record)
        except MissingExtraError as error:
            yield note(str(error))
        except LongctxError as error:
            yield fail(str(error), f"re-install {known.owner(record).name}")
    return True


def _model() -> Iterator[Finding]:
    from lm_eval.api.registry import get_model

    for name in OUR_MODELS:
        try:
            found = get_model(name)
        except Exception as error:  # noqa: BLE001 - the doctor reports whatever is wrong
            yield fail(f"the model {name} cannot be loaded: {error!r}", "pip install --force-reinstall lm-eval-longctx")
            continue
        if found.__module__.startswith("lm_eval_longctx."):
            yield ok(f"the model {name} is {found.__module__}:{found.__qualname__}")
        else:
            yield fail(f"the model {name} is {found.__module__}:{found.__qualname__}, not ours", "uninstall that one")


def _task_files(include_path: Sequence[str]) -> Iterator[Finding]:
    """Load every YAML of ours and of the user: lm-eval itself skips a broken one without a word."""
    files = task_files()
    for broken in broken_files([*files, *include_path]):
        yield fail(f"{broken.path}: {broken.reason}", "no task is made of it until the file is mended")
    yield ok(f"{len(files)} task files read") if files else fail("no task files found", "re-install lm-eval-longctx")


def _task_names(include_path: Sequence[str]) -> Iterator[Finding]:
    ours = {task.name: task.path for task in listed_tasks()}
    seen = {task.name: task.path for task in listed_tasks(include_path)}
    hidden = {name: seen[name] for name, path in ours.items() if seen[name] != path}
    for name, path in hidden.items():
        yield note(f"{path} takes the place of our task {name}", "rename it, unless that is what you want")
    yield (
        ok(f"{len(ours)} tasks and groups, such as {', '.join(list(ours)[:3])}")
        if ours
        else fail("no tasks", "re-install lm-eval-longctx")
    )
