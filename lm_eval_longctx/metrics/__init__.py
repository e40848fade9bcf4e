"""Our scorers, and those of plugins, as metrics of Hugging Face's ``evaluate``: one metric, a configuration a scorer.

By import, ``lm_eval_longctx.metrics.longctx.Longctx("retrieval")``; by path,
``evaluate.load(lm_eval_longctx.metrics.path(), "retrieval")``.
"""

from __future__ import annotations

from pathlib import Path


def path() -> str:
    """Return the file of the metric, as ``evaluate.load`` wants it."""
    return str(Path(__file__).with_name("longctx.py"))
