"""``lm-eval-longctx plugins``: what is plugged in, from where, and under which licence voices speak."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import table
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    import argparse

    from lm_eval_longctx.hay.speech.voices import Voice
    from lm_eval_longctx.plugins.registry import Record, Registry

_NO_EXTRA = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print plugins, and the items that they bring."""
    known = registry()
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
    blocks.append("task folders\n" + "\n".join(f"  {path}" for path in known.task_paths()))
    return "\n\n".join(blocks)


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
