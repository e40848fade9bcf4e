"""``lm-eval-longctx plugins``: what is plugged in, from where, and under which licence voices speak."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import SETTING_HEADS, table
from lm_eval_longctx.errors import MissingExtraError, unknown_option
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.screen import fitted
from lm_eval_longctx.settings import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.plugins.registry import Record, Registry

_NO_EXTRA = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this item, and the options that it takes")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print plugins, and the items that they bring."""
    known = registry()
    if args.name:
        found = [_item(known, record) for record in _named(known, args.name)]
        print(json.dumps(found, indent=2) if args.json else "\n\n".join(_item_as_text(item) for item in found))
        return 0
    print(json.dumps(as_json(known), indent=2) if args.json else as_text(known))
    return 0


def as_json(known: Registry) -> dict[str, Any]:
    """Return plugins, items and task folders as plain values."""
    items = {title: [{**asdict(r), "plugin": known.owner(r).name} for r in records] for title, records in _items(known)}
    items["voices"] = [asdict(voice) for voice in _voices()]
    return {"plugins": known.describe(), **items, "task_paths": [str(path) for path in known.task_paths()]}


def as_text(known: Registry) -> str:
    """Return one table of plugins and one of each kind of item."""
    plugins = [[p.name, p.version, " ".join(hook.removeprefix("longctx_") for hook in p.hooks)] for p in known.plugins]
    blocks = [table(plugins, ("plugin", "version", "adds"))]
    for title, records in _items(known):
        rows = [[r.name, known.owner(r).name, r.extra or _NO_EXTRA, r.help] for r in records]
        blocks.append(table(rows, (title, "plugin", "needs extra", "")))
    voices = [[v.name, v.language, v.source, v.licence] for v in _voices()]
    blocks.append(table(voices, ("voices", "language", "from", "licence")))
    blocks.append(fitted(["task folders", *(f"  {path}" for path in known.task_paths())]))
    return "\n\n".join(blocks)


def _named(known: Registry, name: str) -> list[Record]:
    """Return the items of a name; there may be one of each kind."""
    records = [record for _, records in _items(known) for record in records]
    found = [record for record in records if record.name == name]
    if not found:
        raise unknown_option("item of a plugin", name, {record.name for record in records})
    return found


def _item(known: Registry, record: Record) -> dict[str, Any]:
    """Return an item as plain values, with what it takes."""
    told = {"kind": record.KIND, **asdict(record), "plugin": known.owner(record).name}
    try:
        loaded = known.load(record)
    except MissingExtraError as error:
        return {**told, "options": [], "note": str(error)}
    return {**told, "options": [option.to_dict() for option in getattr(loaded, "OPTIONS", ())]}


def _item_as_text(item: Mapping[str, Any]) -> str:
    lines = [f"{item['kind']} {item['name']}: {item['help']}"]
    lines += [f"  {key:<9}{item[key]}" for key in ("plugin", "extra", "modality", "licence", "note") if item.get(key)]
    told = fitted(lines)
    if item["options"]:
        rows = [[o["name"], o["kind"], shown(o["default"]), o["help"]] for o in item["options"]]
        where = "model_args" if item["kind"] == "provider" else "metadata"
        told += "\n\n" + table(rows, (where, *SETTING_HEADS))
    return told


def _voices() -> tuple[Voice, ...]:
    from lm_eval_longctx.hay.speech.voices import VOICES

    return VOICES


def _items(known: Registry) -> list[tuple[str, tuple[Record, ...]]]:
    return [
        ("providers", known.providers()),
        ("sources", known.sources()),
        ("builders", known.builders()),
        ("scorers", known.scorers()),
    ]
