"""What a finish marker means, in the words of servers that each have their own.

A dialect knows the markers of its documentation. Servers that only resemble it
say ``eos``, ``STOP`` or ``stop_sequence``, and many name the kind of end in
words that speak for themselves. A marker that nobody can read makes no answer.
"""

from __future__ import annotations

import re
from typing import Any

from lm_eval_longctx.completion import Outcome

UNMARKED = "no finish marker came, but the response itself came whole"

_NOTHING = frozenset({"", "none", "null", "undefined"})

_MEANINGS: tuple[tuple[str, Outcome | None], ...] = (
    ("error|abort|cancel|fail|time_?out|interrupt|tool|function|malformed|unexpected|unspecified|unknown", None),
    (
        "(?:rate|time|quota)_?limit|resource|unavailable|overload|disconnect|not_?(?:stop|finish|complete)|incomplete|unfinish",
        None,
    ),
    ("context.{0,12}(?:exceed|window|overflow)", Outcome.CONTEXT_EXCEEDED),
    ("refus", Outcome.REFUSED),
    ("filter|safety|block|prohibited|sensitive|moderation|recitation|guardrail|policy", Outcome.BLOCKED),
    ("length|max_?len|max_?(?:new_?|output_?|completion_?)?tokens?|limit", Outcome.CUT_BY_OUTPUT_LIMIT),
    ("stop|eo[sgd]|eot|end_?of|end_?turn|im_end|^end(?:ed)?$|hit_?end", Outcome.COMPLETE),
    ("done|finish|complete|natural|normal|success", Outcome.COMPLETE),
)
"""From words in a marker to its meaning, most special first; ``None`` where it is no end of an answer."""


def marker(value: Any) -> str:
    """Return a finish marker as text; empty where there is none."""
    text = "" if value is None or value is False else str(value)
    return "" if text.strip().lower() in _NOTHING else text


def meaning(value: Any) -> Outcome | None:
    """Return what a marker means that the dialect's own table does not know."""
    words = marker(value).lower()
    return next((outcome for pattern, outcome in _MEANINGS if words and re.search(pattern, words)), None)
