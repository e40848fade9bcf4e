"""Many needles, all asked for in one turn: how many of them does the answer give?

The Gemini 1.5 report's measure (arXiv 2403.05530, section 5.2.1.2): recall is
found / hidden. Where an answer gives keys and values, a value counts only under
its own key; an answer that lists bare values is taken as the report takes it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric, Scorer
from lm_eval_longctx.scorers.matching import (
    Kind,
    Mention,
    affirms,
    canonical,
    denies,
    kind_of,
    mentions,
    normalise,
    numbers,
    uuids,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MARKER = re.compile(r"^([ ]*)\(?(\d{1,3})([.):])(?=[ ])", re.MULTILINE)
_LINES = re.compile(r"[^\n]+")

Run = tuple[bool, list[Mention]]
"""Neighbouring mentions of one sort: whether they are keys, and which."""


class MultiNeedleScorer(Scorer):
    """Compares an answer with the values of many needles.

    Reads from the sample: ``target``, ``{key: value}`` or a list of values, and,
    where there, ``distractors`` (needles that were not asked for, or their
    values) and ``absent`` (true where none of the needles was hidden: the right
    answer says so and names no value).
    """

    METRICS = (
        Metric("recall", "share of the hidden values that the answer gives, each under its own key; 0 to 1"),
        Metric("extra", "share of the values named that are wrong or under a wrong key", higher_is_better=False),
        Metric("complete", "1 if every hidden value is given, else 0"),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a dictionary or list of texts that is not empty."""
        target = sample.get("target")
        values = list(target.values()) if isinstance(target, dict) else target
        if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise ConfigError(f"the target of many needles must be a dictionary or a list of texts, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``recall``, ``extra`` and ``complete``; an empty answer scores 0, 0 and 0."""
        if sample.get("absent"):
            return _judge_absent(sample, normalise(answer))
        hidden, right, wrong = _judge(sample, answer)
        named = len(right) + wrong
        recall = len(right) / hidden
        return {"recall": recall, "extra": wrong / named if named else 0.0, "complete": float(len(right) == hidden)}

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many needles were hidden and found, and how many values were wrong."""
        if sample.get("absent"):
            return {"hidden": 0, "found": 0}
        hidden, right, wrong = _judge(sample, answer)
        return {"hidden": hidden, "found": len(right), "wrong": wrong}


def _judge(sample: Mapping[str, Any], answer: str) -> tuple[int, set[str], int]:
    """Return the number of hidden needles, those that were found, and the number of wrong values."""
    text, target = _without_markers(normalise(answer)), sample["target"]
    pairs = dict(target) if isinstance(target, dict) else {value: value for value in dict.fromkeys(target)}
    values = {canonical(value) for value in pairs.values()}
    named = _named([*pairs.values(), *_unasked(sample)], text)
    keys = _keys(pairs, text, named) if isinstance(target, dict) else []
    if not keys:
        given = {mention.value for mention in named}
        found = {key for key, value in pairs.items() if canonical(value) in given}
        return len(pairs), found, len(given - values)
    by_key: dict[str, list[str]] = {}
    for key in pairs:
        by_key.setdefault(canonical(key), []).append(key)
    ties = [(keys_of, mention.value) for keys_of, mention in _ties(text, keys, named)]
    found = {k for group, value in ties for c in group for k in by_key[c] if canonical(pairs[k]) == value}
    wrong = {(g, v) for g, v in ties if not any(canonical(pairs[k]) == v for c in g for k in by_key[c])}
    return len(pairs), found, len(wrong)


def _judge_absent(sample: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Judge an answer where nothing was hidden."""
    target = sample["target"]
    values = list(target.values()) if isinstance(target, dict) else list(target)
    invented = bool(_named([*values, *_unasked(sample)], text)) or affirms(text)
    right = float(denies(text) and not invented)
    return {"recall": right, "extra": float(invented), "complete": right}


def _unasked(sample: Mapping[str, Any]) -> list[str]:
    """Return the values of needles that were not asked for."""
    given = sample.get("distractors") or ()
    return list(given.values()) if isinstance(given, dict) else list(given)


def _without_markers(text: str) -> str:
    """Blank out the numbers of a numbered list, so that ``12. Paris`` does not name the value 12."""
    markers = [int(m[2]) for m in _MARKER.finditer(text)]
    rising = len(markers) > 1 and all(b == a + 1 for a, b in pairwise(markers))
    return _MARKER.sub(lambda m: " " * len(m[0]), text) if rising else text


def _named(values: list[str], text: str) -> list[Mention]:
    """Return what looks like a value: the hidden ones, and others of their shape."""
    kinds = {kind_of(value) for value in values}
    found = {(m.start, m.value): m for m in mentions(values, text)}
    taken = {start for start, _ in found}
    if Kind.NUMBER in kinds:
        shortest = min(len(canonical(v)) for v in values if kind_of(v) is Kind.NUMBER)
        found |= {(m.start, m.value): m for m in numbers(text) if len(m.value) >= shortest and m.start not in taken}
    if Kind.UUID in kinds:
        found |= {(m.start, m.value): m for m in uuids(text) if m.start not in taken}
    return sorted(found.values(), key=lambda m: m.start)


def _keys(pairs: Mapping[str, str], text: str, named: Sequence[Mention]) -> list[Mention]:
    """Return where keys stand, outside of values."""
    spans = [(m.start, m.end) for m in named]
    return [m for m in mentions(pairs, text) if not any(m.start < end and start < m.end for start, end in spans)]


def _ties(text: str, keys: list[Mention], values: list[Mention]) -> Iterator[tuple[tuple[str, ...], Mention]]:
    """Yield each value with the keys that it may belong to (more than one only where the answer leaves it open).

    A line that holds keys and values is read by itself; lines that hold only
    one of the two (a key above its value) are read together.
    """
    loose: list[tuple[bool, Mention]] = []
    for line in _LINES.finditer(text):
        start, end = line.span()
        marks = [*((True, m) for m in keys), *((False, m) for m in values)]
        here = sorted((mark for mark in marks if start <= mark[1].start < end), key=lambda mark: mark[1].start)
        if len({is_key for is_key, _ in here}) == 1:
            loose += here
        else:
            yield from _tie(here)
    yield from _tie(loose)


def _tie(marks: list[tuple[bool, Mention]]) -> Iterator[tuple[tuple[str, ...], Mention]]:
    """Tie values to keys within a stretch: by its only key, or by order."""
    all_keys = tuple(dict.fromkeys(m.value for is_key, m in marks if is_key))
    if len(all_keys) == 1:
        yield from ((all_keys, m) for is_key, m in marks if not is_key)
        return
    runs = _runs(marks)
    key_first = not runs or runs[0][0]
    ordered = runs if key_first else [(is_key, list(reversed(run))) for is_key, run in reversed(runs)]
    current: list[str] = []
    for is_key, run in ordered:
        if is_key:
            current = list(dict.fromkeys(m.value for m in run))
        elif len(run) == len(current):
            yield from (((key,), m) for key, m in zip(current, run, strict=True))
        else:
            yield from ((tuple(current), m) for m in run)


def _runs(marks: list[tuple[bool, Mention]]) -> list[Run]:
    """Join neighbouring marks of one sort."""
    runs: list[Run] = []
    for is_key, mention in marks:
        if runs and runs[-1][0] is is_key:
            runs[-1][1].append(mention)
        else:
            runs.append((is_key, [mention]))
    return runs
