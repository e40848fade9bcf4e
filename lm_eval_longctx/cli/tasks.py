"""``lm-eval-longctx tasks``: our tasks, quickly, and all that can be set on one of them."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import SETTING_HEADS, setting_cells, table
from lm_eval_longctx.errors import LongctxError, unknown_option
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.screen import fitted
from lm_eval_longctx.settings import shown
from lm_eval_longctx.sweep import SWEEP_KEYS, TASK_KEYS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from lm_eval_longctx.harness.listing import Listed, Setting

_HEADS = ("task", "what it asks", "needs")
_LONG_HEADS = ("task", "tags", "lengths", "depths", "haystack", "scorer", "needs")
_KEYS = ("context_lengths", "depths", "haystack", "scorer")
_NONE = "-"
_PUBLIC = "longctx-public"
KINDS = ("text", "image", "audio", "video", "mixed")

EPILOG = """\
examples:
  lm-eval-longctx tasks                        each task in a line
  lm-eval-longctx tasks text                   those of text; also image, audio, video, mixed
  lm-eval-longctx tasks '*niah*' --long        by pattern, with lengths, depths and hay
  lm-eval-longctx tasks --public               published benchmarks, which need their data
  lm-eval-longctx tasks longctx_text_niah      all that can be set on one task
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"a task, to show all that can be set on it; or which to list: {', '.join(KINDS)}, a tag, a pattern",
    )
    parser.add_argument("--public", action="store_true", help="only published benchmarks")
    parser.add_argument("--long", action="store_true", help="with tags, lengths, depths, haystack and scorer")
    parser.add_argument(
        "--include_path", action="append", default=[], metavar="DIR", help="search here too; may repeat"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the tasks with what they ask; 1 if a file in a given folder is no task that can run."""
    from lm_eval_longctx.harness.listing import find_task, listed_tasks, settings_of
    from lm_eval_longctx.harness.task_yaml import broken_files

    broken = list(broken_files(args.include_path))
    for file in broken:
        print(f"{file.path}: {file.reason}", file=sys.stderr)
    tasks = listed_tasks(args.include_path)
    if len(args.names) == 1 and args.names[0] in {task.name for task in tasks}:
        task = find_task(args.names[0], args.include_path)
        settings = settings_of(task)
        whole = {**_as_json(task), "settings": [_setting_as_json(setting) for setting in settings]}
        print(json.dumps(whole, indent=2, default=str) if args.json else settings_as_text(task, settings))
        return 0
    some = [task for task in chosen(tasks, args.names) if not args.public or _PUBLIC in task.tags]
    told = [{**_as_json(task), "about": about(task, tasks), "needs": needs(task)} for task in some]
    print(json.dumps(told, indent=2) if args.json else as_text(some, tasks, long=args.long))
    return 1 if broken else 0


def chosen(tasks: Sequence[Listed], names: Sequence[str]) -> list[Listed]:
    """Return the tasks that names stand for: tasks, kinds of content, tags and patterns; all if there are none.

    Raises:
        UnknownOptionError: Nothing has such a name; says the nearest.
    """
    found: set[str] = set()
    for name in names:
        some = {task.name for task in tasks if name in task.tags or fnmatchcase(task.name, name)}
        some |= {task.name for task in tasks if name in KINDS and kind_of(task) == name}
        if not some and name not in KINDS:
            tags = {tag for task in tasks for tag in task.tags}
            raise unknown_option("task", name, {*KINDS, *tags, *(task.name for task in tasks)})
        found |= some
    return [task for task in tasks if task.name in found or not names]


def kind_of(task: Listed) -> str:
    """Return what a task's prompts are made of; empty for groups, and where its code cannot be loaded."""
    if task.kind == "group":
        return ""
    try:
        return str(registry().load(registry().builder(task.metadata["builder"])).MODALITY)
    except (LongctxError, KeyError):
        return ""


def about(task: Listed, tasks: Sequence[Listed]) -> str:
    """Say in a line what a task asks: its kind, and how it differs from others of that kind.

    Args:
        task: The task.
        tasks: All tasks.
    """
    if task.kind == "group":
        return "all generated tasks at once"
    builder = task.metadata.get("builder")
    known = {record.name: record.help for record in registry().builders()}
    alike = [_options(other) for other in tasks if other.metadata.get("builder") == builder]
    own = [(key, value) for key, value in _options(task).items() if any(other.get(key) != value for other in alike)]
    differs = ", ".join(value if isinstance(value, str) else f"{key} {value}" for key, value in own)
    return ": ".join(filter(None, (known.get(str(builder), _NONE), differs)))


def _options(task: Listed) -> dict[str, Any]:
    """Return the plain options of builder and scorer that a task's YAML sets, at its own level or by default."""
    preset = (task.metadata.get("presets") or {}).get("default") or {}
    own = {**preset, **{key: value for key, value in task.metadata.items() if key not in TASK_KEYS}}
    return {key: v for key, v in own.items() if key not in SWEEP_KEYS and isinstance(v, (str, int, float)) and v != ""}


def as_text(tasks: Sequence[Listed], every: Sequence[Listed] = (), *, long: bool = False) -> str:
    """Return one line for each task or group.

    Args:
        tasks: Which to list.
        every: All tasks, from which each is told apart; those that are listed, unless given.
        long: With what each does by default, in place of what it asks.
    """
    if not tasks:
        return "no tasks found; lm-eval-longctx doctor tells why"
    if long:
        return table([_long_row(task) for task in tasks], _LONG_HEADS)
    return table([[task.name, about(task, every or tasks), needs(task)] for task in tasks], _HEADS)


def settings_as_text(task: Listed, settings: Sequence[Setting]) -> str:
    """Return a table of all that can be set on a task, with what it uses unless told otherwise."""
    plugins, presets = registry(), task.metadata.get("presets") or {}
    parts = (plugins.builder(task.metadata["builder"]), plugins.scorer(task.metadata["scorer"]))
    return fitted(
        [
            f"{task.name}  ({task.path})",
            *(f"  {part.KIND:<9}{part.name}: {part.help}" for part in parts),
            f"  presets  {', '.join(presets) or _NONE}",
            "",
            *(line for part in dict.fromkeys(one.part for one in settings) for line in [*_block(settings, part), ""]),
            "set them with --metadata '{\"KEY\": VALUE}', or with metadata: in a YAML that names the task",
        ]
    )


def _block(settings: Sequence[Setting], part: str) -> list[str]:
    rows = [
        setting_cells(one.option, shown(one.default) if one.has_effect else "(no effect)")
        for one in settings
        if one.part == part
    ]
    return table(rows, (part, *SETTING_HEADS)).splitlines()


def _setting_as_json(setting: Setting) -> dict[str, Any]:
    told = {**setting.option.to_dict(), "default": setting.default}
    return {**told, "part": setting.part, "has_effect": setting.has_effect}


def _long_row(task: Listed) -> list[str]:
    if task.kind == "group":
        return [task.name, "(group)", *[_NONE] * (len(_LONG_HEADS) - 2)]
    return [task.name, _short(list(task.tags)), *(_short(task.default(key)) for key in _KEYS), needs(task)]


def needs(task: Listed) -> str:
    """Return what a task needs beside this package: an extra for its hay, or data that nobody may ship."""
    known = {record.name: record.extra for record in registry().sources()}
    extra = known.get(str(task.default("haystack")).partition(":")[0])
    if extra:
        return f"[{extra}]"
    return "its data" if _PUBLIC in task.tags else _NONE


def _short(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return _NONE if value in (None, "", []) else text


def _as_json(task: Listed) -> dict[str, Any]:
    return {
        "name": task.name,
        "kind": task.kind,
        "tags": list(task.tags),
        "path": str(task.path),
        "metadata": dict(task.metadata),
    }
