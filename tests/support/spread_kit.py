"""Builders of spread statements as the harness makes them, and a run of lm-eval with a model that knows the answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import lm_eval
from text_kit import SOURCES

from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lm_eval_longctx.tasks.spread import SpreadBuilder


def builder_of(kind: type[SpreadBuilder[Any]], cache: Path, **metadata: Any) -> Any:
    """Make a builder with its cache in a folder."""
    given = {"version": 1, "context_lengths": ["2k"], "depths": 1, **metadata}
    sweep = parse_sweep(given, task=f"longctx_{kind.__name__}", unit=Unit.TOKENS, options=kind.OPTIONS, has_depth=True)
    return kind(sweep, BuildContext(resolve_source=SOURCES.__getitem__, cache_dir=cache))


def scripted_scores(
    task: str, folder: Path, answer: Callable[[dict[str, Any]], str], **metadata: Any
) -> tuple[dict[str, Any], int]:
    """Run lm-eval with a model that gives one answer to each question; return its results and how many were asked."""
    docs: list[Any] = one_task(task, metadata, ()).test_docs()
    replies = [{"contains": doc["question"], "text": answer(doc)} for doc in docs]
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": replies}))
    found = lm_eval.simple_evaluate(
        model="longctx",
        model_args={"model": "scripted/any", "script": str(script), "ledger": str(folder / "ledger.sqlite3")},
        tasks=[{"task": task, "metadata": metadata}],
        bootstrap_iters=0,
    )
    return dict(found["results"][task]), len(docs)
