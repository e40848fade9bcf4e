"""Many needles, all asked for in one turn: how many of them does the answer give?

The headline, ``found``, takes wrong values off: found / (hidden + wrong), where
a value that is denied, or is one of two under the same key, is not found. The
report's measure (Gemini 1.5, arXiv 2403.05530, section 5.2.1.2) stands beside
it: ``recall`` is found / hidden. Where an answer gives keys and values, a value
counts only under its own key; an answer that lists bare values is taken as the
report takes it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains, affirms, denies
from lm_eval_longctx.answers.matching import Kind, Mention, canonical, kind_of, mentions, numbers, uuids
from lm_eval_longctx.answers.thoughts import MOST
from lm_eval_longctx.answers.values import text_of
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MARKER = re.compile(r"^([ ]*)\(?(\d{1,3})([.):])(?=[ ])", re.MULTILINE)
_MOST_OF_A_VALUE = 120
"""Characters that an answer in one line may take for each of its values; more is prose."""

Run = tuple[bool, list[Mention]]
"""Neighbouring mentions of one sort: whether they are keys, and which."""


class MultiNeedleScorer(Scorer):
    """Compares an answer with the values of many needles.

    Accepts keys with values in any usual layout (lines, tables, JSON, sentences), or bare values.

    Reads from the sample: ``target``, ``{key: value}`` or a list of values, and,
    where there, ``distractors`` (needles that were not asked for, or their
    values) and ``absent`` (true where none of the needles was hidden: the right
    answer says so and names no value).
    """

    METRICS = (
        Metric("found", "values claimed under their own keys, of those hidden and the wrong ones; 0 to 1"),
        Metric("recall", "the report's: share of the hidden values that the answer gives; 0 to 1"),
        Metric("ruler", "RULER's: share of the hidden values whose characters stand in the answer; 0 to 1"),
        Metric("extra", "share of the values named that are wrong or under a wrong key", higher_is_better=False),
        Metric("complete", "1 if every hidden value is given, else 0"),
        ABSTAINED,
    )
    READS = (
        Column("target", "the hidden values, in the order of their keys", "pairs", required=True),
        Column("absent", "whether none of the needles was hidden", "flag"),
        Column("distractors", "values of needles that were not asked for", "texts"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the target is a dictionary or list of texts that is not empty."""
        target = sample.get("target")
        values = list(target.values()) if isinstance(target, dict) else target
        if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise ConfigError(f"the target of many needles must be a dictionary or a list of texts, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; an empty answer scores 0 on all of them."""
        if sample.get("absent"):
            return _judge_absent(sample, text_of(answer))
        report, ours = _judge(sample, answer, strict=False), _judge(sample, answer, strict=True)
        named = len(report.right) + report.wrong
        low = answer.lower()
        values = list(_pairs(sample).values())
        return {
            "found": len(ours.right) / (ours.hidden + ours.wrong),
            "recall": len(report.right) / report.hidden,
            "ruler": sum(value.lower() in low for value in values) / len(values),
            "extra": report.wrong / named if named else 0.0,
            "complete": float(len(report.right) == report.hidden),
            "abstained": float(not ours.right and not ours.wrong and _gone(text_of(answer))),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return how many needles were hidden and found, and how many values were wrong."""
        if sample.get("absent"):
            return {"hidden": 0, "found_needles": 0, "unparsed": float(not denies(text_of(answer)))}
        ours = _judge(sample, answer, strict=True)
        nothing = not ours.right and not ours.wrong and not _gone(text_of(answer))
        counts = {"hidden": ours.hidden, "found_needles": len(ours.right), "wrong": ours.wrong}
        return {**counts, "unparsed": float(nothing)}


class Judged(NamedTuple):
    """How many needles were hidden, the keys of those found, and how many values were wrong."""

    hidden: int
    right: set[str]
    wrong: int


def _pairs(sample: Mapping[str, Any]) -> dict[str, str]:
    target = sample["target"]
    return dict(target) if isinstance(target, dict) else {value: value for value in dict.fromkeys(target)}


def _gone(text: str) -> bool:
    return abstains(text) or abstains(text.replace("\n", " "))


def _judge(sample: Mapping[str, Any], answer: str, *, strict: bool) -> Judged:
    """Compare what an answer names, or, strictly, what it claims."""
    text, pairs = _without_markers(text_of(answer)), _pairs(sample)
    text = claims.without_echo(text, "") if strict else text
    named = _named([*pairs.values(), *_unasked(sample)], text)
    if strict:
        named = [m for m in named if not claims.denied(text, m)]
        named = [m for m in named if not _in_prose(text, m, len(named))]
    keys = _keys(pairs, text, named) if isinstance(sample["target"], dict) else []
    if not keys or _one_heading(text, keys, named):
        given = {mention.value for mention in named}
        right = {key for key, value in pairs.items() if canonical(value) in given}
        return Judged(len(pairs), right, len(given - {canonical(value) for value in pairs.values()}))
    return _tied(pairs, list(_ties(text, keys, named)), strict=strict)


def _tied(pairs: Mapping[str, str], ties: list[tuple[tuple[str, ...], Mention]], *, strict: bool) -> Judged:
    """Count values under their keys; strictly, a key with two values has none."""
    by_key: dict[str, list[str]] = {}
    for key in pairs:
        by_key.setdefault(canonical(key), []).append(key)
    right, wrong = set(), set()
    for group, mention in ties:
        hits = {key for spelt in group for key in by_key[spelt] if canonical(pairs[key]) == mention.value}
        right |= hits
        if not hits:
            wrong.add((group, mention.value))
    if strict:
        hedged = {key for group, _ in wrong if len(group) == 1 for key in by_key[group[0]]}
        right -= hedged
    return Judged(len(pairs), right, len(wrong))


def _one_heading(text: str, keys: Sequence[Mention], named: Sequence[Mention]) -> bool:
    """Whether one key only introduces a list of bare values ("starting with Osaka:")."""
    if len({key.value for key in keys}) != 1 or len({m.value for m in named}) < 2:  # noqa: PLR2004 - a list
        return False
    lines = {text.count("\n", 0, m.start) for m in named}
    return len(lines) > 1 or "starting with" in text or "beginning with" in text


def _in_prose(text: str, mention: Mention, count: int) -> bool:
    """Whether a value stands somewhere in a long stretch of prose, as in an echo of the context."""
    most = _MOST_OF_A_VALUE * max(count, claims.LONG // 20)
    start = text.rfind("\n", max(0, mention.start - most - 1), mention.start) + 1 or max(0, mention.start - most - 1)
    end = text.find("\n", mention.end, mention.end + most + 1)
    return (end if end >= 0 else min(len(text), mention.end + most + 1)) - start > most


def _judge_absent(sample: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Judge an answer where nothing was hidden."""
    invented = bool(_named([*_pairs(sample).values(), *_unasked(sample)], text)) or affirms(text)
    right = float(denies(text) and not invented)
    told = dict.fromkeys(("found", "recall", "complete"), right)
    return {**told, "ruler": None, "extra": float(invented), "abstained": None}


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
    starts, ends = [m.start for m in named], [m.end for m in named]

    def inside(mark: Mention) -> bool:
        last = bisect_right(starts, mark.end - 1) - 1  # the only value that can reach into the key, or hold it
        return last >= 0 and ends[last] > mark.start

    return [m for m in mentions(pairs, text) if not inside(m)]


def _ties(text: str, keys: list[Mention], values: list[Mention]) -> Iterator[tuple[tuple[str, ...], Mention]]:
    """Yield each value with the keys that it may belong to (more than one only where the answer leaves it open).

    A line that holds keys and values is read by itself; lines that hold only
    one of the two (a key above its value) are read together.
    """
    loose: list[tuple[bool, Mention]] = []
    breaks = [m.start() for m in re.finditer("\n", text)]
    marks = sorted([*((True, m) for m in keys), *((False, m) for m in values)], key=lambda mark: mark[1].start)
    for _, line in groupby(marks, key=lambda mark: bisect_right(breaks, mark[1].start)):
        here = list(line)
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
