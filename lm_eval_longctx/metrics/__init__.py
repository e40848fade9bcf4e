"""Our scorers as metrics of Hugging Face's ``evaluate``, one module a metric.

Each can be imported, or loaded by its path:
``evaluate.load(lm_eval_longctx.metrics.path("transcript_errors"))``.
"""

from __future__ import annotations

from pathlib import Path


def path(name: str) -> str:
    """Return the file of a metric, as ``evaluate.load`` wants it.

    Raises:
        UnknownOptionError: There is none of that name.
    """
    from lm_eval_longctx.errors import unknown_option

    known = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py"))
    if name not in known:
        raise unknown_option("metric", name, known)
    return str(Path(__file__).with_name(f"{name}.py"))
