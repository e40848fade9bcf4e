"""The tables of scorers on the pages on answers and metrics, made from the scorers' own declarations.

``python tests/support/scorer_tables.py`` writes both anew; ``tests/metrics``
fails where a page says something else.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.plugins.defaults import SCORERS
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    from lm_eval_longctx.scorers.base import Scorer

DOCS = Path(__file__).resolve().parents[2] / "docs"


def scorers() -> dict[str, type[Scorer]]:
    """Return our own scorers by name, in the order of their names."""
    return {record.name: registry().load(record) for record in sorted(SCORERS, key=lambda record: record.name)}


def accepted(scorer: type[Scorer]) -> str:
    """Return the paragraph of a scorer's docstring that says what it accepts, on one line."""
    paragraphs = inspect.cleandoc(scorer.__doc__ or "").split("\n\n")
    told = next(paragraph for paragraph in paragraphs if paragraph.startswith("Accepts "))
    return " ".join(told.removeprefix("Accepts ").split())


def answers_table() -> str:
    """Return what each scorer accepts and reports."""
    rows = ["| scorer | what it accepts | headline | beside it |", "| --- | --- | --- | --- |"]
    for name, scorer in scorers().items():
        main, *others = scorer.METRICS
        beside = "; ".join(f"`{metric.name}`: {_short(metric.help)}" for metric in others if metric.name != "abstained")
        rows.append(f"| `{name}` | {accepted(scorer)} | `{main.name}`: {_short(main.help)} | {beside} |")
    return "\n".join(rows)


def metrics_table() -> str:
    """Return the columns, settings and results of each configuration."""
    rows = ["| configuration | reads | settings | gives |", "| --- | --- | --- | --- |"]
    for name, scorer in scorers().items():
        named = [("references" if c.name == "target" else c.name, c.required) for c in scorer.READS]
        named += [("keys", False)] if any(c.kind == "pairs" for c in scorer.READS) else []
        reads = ", ".join(f"`{column}`" if required else f"[`{column}`]" for column, required in named)
        settings = ", ".join(f"`{option.name}`" for option in scorer.OPTIONS) or "none"
        gives = ", ".join(f"`{metric.name}`" for metric in scorer.METRICS)
        rows.append(f"| `{name}` | {reads} | {settings} | {gives} |")
    return "\n".join(rows)


def _short(text: str) -> str:
    return text.replace("|", "\\|")


TABLES = {"answers.md": ("scorers", answers_table), "metrics.md": ("configurations", metrics_table)}


def written(page: str) -> str:
    """Return a page with its table as it should be."""
    name, table = TABLES[page]
    head = f"<!-- {name}: made by tests/support/scorer_tables.py -->"
    text = (DOCS / page).read_text(encoding="utf-8")
    pattern = rf"(?<={re.escape(head)}\n).*?(?=<!-- end of {name} -->)"
    return re.sub(pattern, lambda _: f"{table()}\n", text, flags=re.DOTALL)


if __name__ == "__main__":
    for page in TABLES:
        (DOCS / page).write_text(written(page), encoding="utf-8")
