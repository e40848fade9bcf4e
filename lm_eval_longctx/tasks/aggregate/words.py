"""How questions about records are put into words, written and spoken alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.aggregate.questions import NUMERIC, Question

if TYPE_CHECKING:
    from collections.abc import Callable

THREE = 3
"""So many names are told in the question; of all names of a world none is."""

_BY = {"who": "person", "what": "kind of goods", "where": "place"}


def worded(question: Question, when: Callable[[int], str]) -> str:
    """Return a question with how it is to be answered.

    Args:
        question: What is asked.
        when: How a day is written.
    """
    days = f"{when(question.first)} to {when(question.last)}" if question.first else ""
    scope = f"Only entries from {days} count, both days included. " if days else ""
    return f"{scope}{_ASKED[question.kind](question, when)} {_form(question)}"


def _form(question: Question) -> str:
    if question.kind in NUMERIC:
        return "Answer with one number in digits and nothing else."
    if question.kind == "before":
        return 'Answer with one word, "before" or "after", and nothing else.'
    return "Answer with the name and nothing else."


def _count(question: Question, when: Callable[[int], str]) -> str:
    del when
    return f"How many {question.of.words} are there in the records?"


def _total(question: Question, when: Callable[[int], str]) -> str:
    del when
    measures = "barrels, sacks, crates, bales, rolls and jars alike"
    return f"What do the amounts of all {question.of.words} add up to, {measures}?"


def _changes(question: Question, when: Callable[[int], str]) -> str:
    del when
    return (
        f"How many times did the condition of {question.of.what} change? The first report is not a change, "
        "nor is a report of the same condition as the one before it."
    )


def _leader(question: Question, when: Callable[[int], str]) -> str:
    del when
    extreme = "most" if question.kind == "most" else "fewest"
    if len(question.names) == THREE:
        one, two, three = question.names
        return f"Which of {one}, {two} and {three} is named in the {extreme} {question.of.words}?"
    return f"Which {_BY[question.by]} is named in the {extreme} {question.of.words}?"


def _pair(question: Question, when: Callable[[int], str]) -> str:
    del when
    one, two = question.names
    return f"Which is named in more {question.of.words}, {one} or {two}?"


def _before(question: Question, when: Callable[[int], str]) -> str:
    day = when(question.day)
    return f"Are there more {question.of.words} before {day} or after it? Entries of that day do not count."


_ASKED: dict[str, Callable[[Question, Callable[[int], str]], str]] = {
    "count": _count,
    "total": _total,
    "changes": _changes,
    "most": _leader,
    "least": _leader,
    "pair": _pair,
    "before": _before,
}
