"""Our tasks as lm-eval sees them, without the seconds that indexing all of lm-eval's own takes.

Also what can be set on a task, and on any other item that is plugged in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.harness.activation import activate_tasks
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.sweep import SWEEP_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.settings import Option


BASED_ON = "based_on"
"""The key in ``metadata`` that names the task of which a YAML in another folder is a variant."""


@dataclass(frozen=True)
class Listed:
    """One task or group.

    Attributes:
        name: As ``--tasks`` takes it.
        kind: ``task`` or ``group``.
        tags: Sorted.
        path: Of its YAML.
        metadata: As the YAML has it.
    """

    name: str
    kind: str
    tags: tuple[str, ...]
    path: Path
    metadata: Mapping[str, Any]

    def default(self, key: str) -> Any:
        """Return what the task uses unless told otherwise: its own key, or its default preset's; else ``None``."""
        preset: Mapping[str, Any] = (self.metadata.get("presets") or {}).get("default") or {}
        return self.metadata.get(key, preset.get(key))


@dataclass(frozen=True)
class Setting:
    """One key that ``--metadata`` may set on a task.

    Attributes:
        option: As it is declared.
        part: Who reads it: ``sweep``, ``builder NAME`` or ``scorer NAME``.
        default: What this task uses unless told otherwise.
        has_effect: Whether it changes anything on this task; a key that all
            tasks take may not.
    """

    option: Option
    part: str
    default: Any
    has_effect: bool = True


def listed_tasks(include_path: Sequence[str] = ()) -> list[Listed]:
    """Return the tasks and groups of all plugins, by name.

    Args:
        include_path: Further folders, as ``--include_path`` takes them; theirs win.
    """
    activate_tasks()
    from lm_eval.tasks.manager import TaskManager

    index = TaskManager(include_defaults=False, include_path=list(include_path)).task_index
    return [_listed(entry) for _, entry in sorted(index.items()) if entry.yaml_path is not None]


def _listed(entry: Any) -> Listed:
    config = entry.cfg or {}
    kind = "group" if "group" in config else "task"
    path = Path(entry.yaml_path)
    metadata = with_base({"metadata": yaml_metadata(path)})["metadata"]
    return Listed(entry.name, kind, tuple(sorted(entry.tags)), path, metadata)


def task_files() -> list[Path]:
    """Return the YAMLs of all plugins, in lm-eval's own order."""
    return sorted(path for folder in registry().task_paths() for path in folder.glob("**/*.yaml"))


def yaml_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a YAML file, laid over those of the files that it includes."""
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(path, resolve_func=False, recursive=False)
    included = config.get("include") or []
    below: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        below.update(yaml_metadata(path.parent / name))
    return {**below, **(config.get("metadata") or {})}


def with_base(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration laid over that of the task which its metadata is based on.

    Raises:
        UnknownOptionError: There is no such task.
    """
    metadata = dict(config.get("metadata") or {})
    name = metadata.pop(BASED_ON, None)
    if name is None:
        return dict(config)
    base = with_base(_config_of(str(name)))
    own = {key: value for key, value in config.items() if key != "metadata"}
    return {**base, **own, "metadata": {**base["metadata"], **metadata}}


def _config_of(name: str) -> dict[str, Any]:
    files = {path.stem: path for path in task_files()}
    if name not in files:
        raise unknown_option("task in based_on", name, files)
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(files[name], resolve_func=False)
    if "builder" not in (config.get("metadata") or {}):
        raise ConfigError(f"based_on names {name}, which is a group; name one of its tasks")
    return {key: value for key, value in config.items() if key not in {"task", "tag", "class", "include"}}


def find_task(name: str, include_path: Sequence[str] = ()) -> Listed:
    """Return one of our tasks.

    Raises:
        UnknownOptionError: There is none of that name; says the nearest.
        ConfigError: It is a group, on which nothing can be set.
    """
    tasks = {task.name: task for task in listed_tasks(include_path)}
    if name not in tasks:
        raise unknown_option("task", name, [name for name, task in tasks.items() if task.kind == "task"])
    if tasks[name].kind == "group":
        raise ConfigError(f"{name} is a group; name one of its tasks (lm-eval-longctx tasks lists them)")
    return tasks[name]


def settings_of(task: Listed) -> list[Setting]:
    """Return everything that ``--metadata`` may set on a task.

    Raises:
        MissingExtraError: The task's builder or scorer cannot be loaded.
    """
    plugins = registry()
    builder, scorer = task.metadata["builder"], task.metadata["scorer"]
    kind = plugins.load(plugins.builder(builder))
    parts = (
        ("sweep", SWEEP_OPTIONS),
        (f"builder {builder}", kind.OPTIONS),
        (f"scorer {scorer}", plugins.load(plugins.scorer(scorer)).OPTIONS),
    )
    return [
        Setting(option, part, _effective(task, option), option.name not in kind.unread())
        for part, options in parts
        for option in options
    ]


def _effective(task: Listed, option: Option) -> Any:
    own = task.default(option.name)
    return option.default if own is None else own
