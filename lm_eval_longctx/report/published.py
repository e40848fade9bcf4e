"""Figures that others published for the same families of tasks, from the data files of their papers.

They are drawn beside a user's results, dashed and labelled, never mixed with
them: each was measured by its authors with their own hay, prompts and token
counts. ``difference`` says how a family's protocol differs from ours.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lm_eval_longctx.papers import paper_names, read_paper

if TYPE_CHECKING:
    from lm_eval_longctx.papers import Part, Published


@cache
def published_parts() -> tuple[Part, ...]:
    """Return the tables of all papers that have figures."""
    return tuple(part for name in paper_names() for part in read_paper(name).parts if part.published)


def published_for(task: str, metric: str) -> list[Published]:
    """Return the published rows of a task's own family and metric."""
    parts = [part for part in published_parts() if part.metric == metric]
    return [row for part in parts for row in part.published if task in row.tasks]


def difference(task: str) -> str:
    """Return how the published protocol of a task's family differs from ours; empty if nothing is known."""
    parts = [part for part in published_parts() if task in part.tasks]
    return "; ".join(dict.fromkeys(told for part in parts for told in part.differences))
