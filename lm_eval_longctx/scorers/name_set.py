"""Sets of names: which of the right ones does an answer give, and how many others?

The headline, ``f1``, is the harmonic mean of the share of the right names that
are given and of the share of the given names that are right. The answer is
read first: what is announced as the final answer counts, else a list at the
end, else all of it; numbering, bullets and marks come off, and names that are
denied or only repeat the question are not given. ``f1_published`` is
GraphWalks' own (OpenAI, 2025), which reads ``Final Answer: [a, b]`` in the last
line and nothing else; ``ruler`` is RULER's (arXiv 2404.06654), which looks for
each name's characters anywhere in the answer.

Where there is none (``absent``) the right answer says so and names nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains, denies
from lm_eval_longctx.answers.matching import Mention, mentions
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.thoughts import MOST, spoken
from lm_eval_longctx.answers.wrapping import place_of, plain, without_asides
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LIST = re.compile(r"\[([^\[\]]*)\][\s.`*\"']*\Z")
_BETWEEN = re.compile(r"[,;|\n/&]|(?<!\w)and(?!\w)|(?<=\s)(?=\d{1,3}[.)]\s)")
_MARKS = " \t\"'`*_.:!()[]{}<>-#=\u2022"
_NUMBER = re.compile(r"\(?\d{1,3}[.):]\s*")
_FINAL = re.compile(r"(?<!\w)final (?:answer|list|set)(?!\w)\W{0,6}(?:(?:is|are)\b\W{0,3})?", re.IGNORECASE)
_ANSWER = re.compile(
    r"(?:^|(?<=[.!?] ))\W*(?:(?:so|therefore|thus|hence)\W+)?(?:the |my )?(?:(?:correct|right|corrected) )?"
    r"(?:answer|list|set)\b\W{0,6}(?:is|are|:)\W{0,6}"
    r"|^\W*(?:conclusion|in conclusion|answer|result)\b\W*"
    r"|\b(?:wait|(?:that|this) (?:is|was) wrong|i made a mistake)[,.]\s",
    re.IGNORECASE | re.MULTILINE,
)
_NOTHING = re.compile(r".*?\b(?:none|nothing|nobody|no one|empty|null)\W*")
_PUBLISHED = re.compile(r"Final Answer: ?\[.*\]")
_MOST_WORDS = 3
"""Words of a name, where nobody says what names look like."""


class NameSetScorer(Scorer):
    """Compares the names that an answer gives with a set of right ones.

    Accepts lists of any usual layout (in brackets, with commas, one a line, numbered, JSON), sentences with the names
    in them, and a final answer after any reasoning.

    Reads from the sample: ``target`` (all right names, as a list or a text with commas), and, where there, ``names``
    (a pattern of what all names look like, by which wrong ones are found in prose too), ``question`` and ``absent``.
    """

    METRICS = (
        Metric("f1", "harmonic mean of precision and recall of the names that are given; 0 to 1"),
        Metric("exact", "1 if all right names are given and no others, else 0"),
        Metric("recall", "share of the right names that are given; 0 to 1"),
        Metric("f1_published", "GraphWalks' own F1: of the list after Final Answer: in the last line; 0 to 1"),
        Metric("ruler", "RULER's: share of the right names whose characters stand in the answer; 0 to 1"),
        ABSTAINED,
    )
    READS = (
        Column("target", "all right names", "texts", required=True),
        Column("absent", "whether there is none", "flag"),
        Column("names", "what all names look like, as a regular expression"),
        Column("question", "what was asked: names in it are not given as an answer"),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless there are right names, or there are to be none."""
        target = sample.get("target")
        if not isinstance(target, (str, list, tuple)) or bool(_right(sample)) == bool(sample.get("absent")):
            raise ConfigError(f"the target of a set must be names, and none where absent is true, not {target!r}")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; an answer in which nothing can be read scores 0."""
        right, read = _right(sample), _read(sample, answer)
        published = _f1(_published(answer), set(_names(sample)), said=True)
        if not right:
            withheld = float(read.nothing)
            values = dict.fromkeys(("f1", "exact", "recall"), withheld)
            return {**values, "f1_published": published, "ruler": None, "abstained": None}
        return {
            "f1": _f1(read.names, right, said=True),
            "exact": float(read.names == right),
            "recall": len(read.names & right) / len(right),
            "f1_published": published,
            "ruler": sum(name.lower() in answer.lower() for name in _names(sample)) / len(_names(sample)),
            "abstained": float(not read.names and read.nothing),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the names that were read, and which of the right ones are missing."""
        right, read = _right(sample), _read(sample, answer)
        wrong = sorted(read.names - right)
        return {
            "compared": ", ".join(sorted(read.names))[:200],
            "missing_names": len(right - read.names),
            "wrong_names": len(wrong),
            "unparsed": float(not read.names and not read.nothing),
        }


class _Read(NamedTuple):
    """The names that an answer gives, and whether it says that there is none."""

    names: set[str]
    nothing: bool


def _names(sample: Mapping[str, Any]) -> list[str]:
    """Return the right names as they are spelt."""
    target = sample.get("target") or ()
    if isinstance(target, str):
        return [name.strip() for name in target.split(",") if name.strip()]
    return [str(name) for name in target if str(name).strip()]


def _right(sample: Mapping[str, Any]) -> set[str]:
    return {_canonical(name) for name in _names(sample)}


def _canonical(name: str) -> str:
    return " ".join(normalise(name).strip(_MARKS).split())


def _f1(given: set[str] | None, right: set[str], *, said: bool) -> float:
    """Return the F1 of two sets; of two empty ones 1, if it was said that there is none."""
    if given is None or (not given and not right):
        return float(given is not None and said)
    shared = len(given & right)
    return 2 * shared / (len(given) + len(right))


def _published(answer: str) -> set[str] | None:
    """Return the list of the last line as GraphWalks' own program reads it; ``None`` where there is none."""
    line = spoken(answer).split("\n")[-1]
    found = _PUBLISHED.search(line)
    if found is None:
        return None
    listed = found[0].partition("Final Answer:")[2].strip().strip("[]")
    return {item.strip() for item in listed.split(",") if item.strip()}


def _read(sample: Mapping[str, Any], answer: str) -> _Read:
    shape = str(sample.get("names") or "")
    text, listed = _place(answer, shape)
    low = normalise(text)
    right, asked = _right(sample), normalise(str(sample.get("question", "")))
    # Names in prose are told from common words of the same form by their capital.
    capitals = {name.casefold() for name in re.findall(rf"\b(?:{shape})\b", text)} if shape else set()
    known = mentions(right, low)
    if not shape and not known and abstains(low):  # its words are no names, whatever stands between commas
        return _Read(set(), nothing=True)
    # A short sentence about a right name is not another name.
    listed_names = (m for m in _items(low, shape) if m.value in right or not any(_holds(m, one) for one in known))
    found = {
        mention.value
        for mention in (*listed_names, *_in_prose(low, shape, capitals), *known)
        if not claims.denied(low, mention)
    }
    names = {name for name in found if name in right or not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", asked)}
    return _Read(names, not names and (_says_none(low) if low.strip() else listed))


def _holds(item: Mention, name: Mention) -> bool:
    return item.start <= name.start and name.end <= item.end


def _place(answer: str, shape: str) -> tuple[str, bool]:
    """Return what is announced as final, the list at the end, or all of an answer, and whether it is a list."""
    place = place_of(answer)
    if place.how in {"json", "tag", "boxed", "null"}:
        return place.text, place.how == "null"
    text = without_asides(plain(spoken(answer)))
    marks = [mark for mark in _FINAL.finditer(text) if text[mark.end() :].strip()]
    text = text[marks[-1].end() :] if marks else _announced(text, shape)
    listed = _LIST.search(text)
    return (listed[1], True) if listed else (text, False)


def _announced(text: str, shape: str) -> str:
    """Return what follows the last words that announce an answer, or take one back, if it names anything."""
    for mark in reversed(list(_ANSWER.finditer(text))):
        if re.search(shape or r"\w", text[mark.end() :]):
            return text[mark.end() :]
    return text


def _items(low: str, shape: str) -> Iterator[Mention]:
    """Yield what stands alone between commas, bullets or line ends."""
    start = 0
    for end in (*(mark.start() for mark in _BETWEEN.finditer(low)), len(low)):
        bare = _canonical(_NUMBER.sub("", low[start:end].strip(_MARKS)))
        if re.fullmatch(shape.casefold(), bare) if shape else _is_name(bare, low[start:end]):
            yield Mention(start, end, bare)
        mark = _BETWEEN.match(low, end)
        start = mark.end() if mark else end


def _is_name(bare: str, written: str) -> bool:
    """Whether an item may be a name: a heading is none, nor is a number that stands for itself, as in a table."""
    heading = written.rstrip(" \t*_`").endswith(":")
    return not heading and not bare.isdecimal() and 0 < len(bare.split()) <= _MOST_WORDS and not _says_none(bare)


def _in_prose(low: str, shape: str, capitals: set[str]) -> Iterator[Mention]:
    for mark in re.finditer(rf"(?<!\w)(?:{shape.casefold()})(?!\w)", low) if shape else ():
        if mark[0] in capitals:
            yield Mention(*mark.span(), mark[0])


def _says_none(low: str) -> bool:
    return _NOTHING.fullmatch(low.strip()) is not None or abstains(low) or denies(low)
