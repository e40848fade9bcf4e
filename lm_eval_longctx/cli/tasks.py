"""``lm-eval-longctx tasks``: our tasks, quickly, and all that can be set on one of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import SETTING_HEADS, setting_cells, table
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.settings import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from lm_eval_longctx.harness.listing import Listed, Setting

_HEADS = ("task", "tags", "lengths", "depths", "haystack", "scorer", "needs extra")
_KEYS = ("context_lengths", "depths", "haystack", "scorer")
_NONE = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show everything that can be set on this task")
    parser.add_argument(
        "--include_path", action="append", default=[], metavar="DIR", help="search here too; may repeat"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the tasks with what they do by default; 1 if a file in a given folder is no task that can run."""
    from lm_eval_longctx.harness.listing import find_task, listed_tasks, settings_of
    from lm_eval_longctx.harness.task_yaml import broken_files

    broken = list(broken_files(args.include_path))
    for file in broken:
        print(f"{file.path}: {file.reason}", file=sys.stderr)
    if args.name:
        task = find_task(args.name, args.include_path)
        settings = settings_of(task)
        told = {**_as_json(task), "settings": [_setting_as_json(setting) for setting in settings]}
        print(json.dumps(told, indent=2, default=str) if args.json else settings_as_text(task, settings))
        return 0
    tasks = listed_tasks(args.include_path)
    print(json.dumps([_as_json(task) for task in tasks], indent=2) if args.json else as_text(tasks))
    return 1 if broken else 0


def as_text(tasks: Sequence[Listed]) -> str:
    """Return one line for each task or group."""
    if not tasks:
        return "no tasks found; lm-eval-longctx doctor tells why"
    return table([_row(task) for task in tasks], _HEADS)


def settings_as_text(task: Listed, settings: Sequence[Setting]) -> str:
    """Return a table of all that can be set on a task, with what it uses unless told otherwise."""
    plugins, presets = registry(), task.metadata.get("presets") or {}
    parts = (plugins.builder(task.metadata["builder"]), plugins.scorer(task.metadata["scorer"]))
    return "\n".join(
        [
            f"{task.name}  ({task.path})",
            *(f"  {part.KIND:<9}{part.name}: {part.help}" for part in parts),
            f"  presets  {', '.join(presets) or _NONE}",
            "",
            *(_block(settings, part) for part in dict.fromkeys(setting.part for setting in settings)),
            "set them with --metadata '{\"KEY\": VALUE}', or with metadata: in a YAML that names the task",
        ]
    )


def _block(settings: Sequence[Setting], part: str) -> str:
    rows = [
        setting_cells(one.option, shown(one.default) if one.has_effect else "(no effect)")
        for one in settings
        if one.part == part
    ]
    return table(rows, (part, *SETTING_HEADS)) + "\n"


def _setting_as_json(setting: Setting) -> dict[str, Any]:
    told = {**setting.option.to_dict(), "default": setting.default}
    return {**told, "part": setting.part, "has_effect": setting.has_effect}


def _row(task: Listed) -> list[str]:
    if task.kind == "group":
        return [task.name, "(group)", *[_NONE] * (len(_HEADS) - 2)]
    return [task.name, _short(list(task.tags)), *(_short(task.default(key)) for key in _KEYS), _extra(task)]


def _extra(task: Listed) -> str:
    """Return the extra that the haystack needs."""
    known = {record.name: record.extra for record in registry().sources()}
    return known.get(str(task.default("haystack")).partition(":")[0]) or _NONE


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
