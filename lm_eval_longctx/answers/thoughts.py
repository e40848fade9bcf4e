"""Thoughts come off: what a model writes to itself is no part of its answer.

Known are the marks of the common families: ``<think>`` and its relatives in
angle brackets (also with bars, as ``<|begin_of_thought|>``), Magistral's
``[THINK]``, Kimi's triangles, and the channels of gpt-oss, with and without
their special tokens. Case and blanks inside a mark do not matter. A closing
mark without an opening one ends a thought that the template opened; where the end of
the prompt is known, a thought that was opened there and never closed is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = (
    "think thinking thought thoughts reason reasoning reflection analysis scratchpad inner_monologue inner_thoughts "
    "inner_thinking seed:think longcat_think antml:thinking internal_thoughts chain_of_thought cot"
).split()
_CHANNEL = re.compile(r"<\|[ \t]*channel[ \t]*\|>[ \t]*([a-z]+)[^<\n]{0,200}?<\|[ \t]*message[ \t]*\|>", re.IGNORECASE)
_TOKEN = re.compile(r"<\|[ \t]*(?:start|end|return|call|message|channel|constrain)[ \t]*\|>", re.IGNORECASE)
_NEXT = re.compile(
    r"<\|[ \t]*(?:end|return|call)[ \t]*\|>|<\|[ \t]*start[ \t]*\|>|<\|[ \t]*channel[ \t]*\|>", re.IGNORECASE
)
_BARE_START = re.compile(r"\s*(?:assistant)?(?:analysis|commentary)(?=[A-Z\"'(<])")
_BARE_FINAL = "assistantfinal"
_TURN_OVER = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|end_of_text|endoftext|end_of_turn|user|start_header_id|end|eos)\|>|<end_of_turn>|<｜end▁of▁sentence｜>|<eos>",
    re.IGNORECASE,
)
"""What ends a turn: servers that do not know it as a token of the model's pass it on, and what follows it too."""
MOST = 100_000
"""Characters of an answer that are read for what it claims; what is longer is a copy or an endless loop."""

_BREAK_WITHIN = 1000
"""Characters in which a break is looked for where a long answer is cut, so that no word and no number is halved."""

_JOIN = "\n"
"""Stands where a thought stood. No mark may hold a line break, so removing twice is removing once."""


@dataclass(frozen=True)
class Said:
    """An answer without its thoughts.

    Attributes:
        text: The answer proper; the text as it came where there were no thoughts.
        thoughts: What was removed, in order.
        unclosed: Whether a thought was begun and never ended: then there is no answer.
    """

    text: str
    thoughts: tuple[str, ...] = ()
    unclosed: bool = False


@lru_cache(maxsize=8)
def spoken(answer: str) -> str:
    """Return what is read of an answer: thoughts off, and of a very long one its beginning and its end.

    Nothing, if a thought was never closed. The last results are kept, for a scorer asks several times.
    """
    said = without_thoughts(answer)
    return "" if said.unclosed else both_ends(said.text)


def both_ends(text: str) -> str:
    """Return a text of at most ``MOST`` characters; of a longer one the first and the last half of them."""
    if len(text) <= MOST:
        return text
    head, tail = text[: MOST // 2], text[-(MOST // 2) :]
    last, first = head[-_BREAK_WITHIN:], tail[:_BREAK_WITHIN]
    ends = list(re.finditer(r"\s", last)) or list(re.finditer(r"\W", last))
    begins = re.search(r"\s", first) or re.search(r"\W", first)
    kept = head[: len(head) - len(last) + (ends[-1].start() if ends else 0)]
    return f"{kept}{_JOIN}{tail[begins.end() if begins else len(first) :]}"


def without_thoughts(answer: str, tags: Sequence[str] = (), end_token: str = "", opening: str = "") -> Said:
    """Take the thoughts out of an answer.

    Args:
        answer: The model's own text.
        tags: Further names of marks, such as ``ponder`` for ``<ponder>``.
        end_token: The mark that ends this model's thoughts, where it is known.
        opening: What the chat template wrote between question and answer, where it is known. If it opens a thought,
            all is thought up to a closing mark.
    """
    return _parted(str(answer), tuple(tags), end_token, opening)


@lru_cache(maxsize=4)
def _parted(text: str, tags: tuple[str, ...], end_token: str, opening: str) -> Said:
    removed = []
    if end_token and end_token in text:
        before, _, text = text.rpartition(end_token)
        removed, text = [before], text.lstrip()
    elif opening and _parted(opening, tags, "", "").unclosed:
        text = f"<{_NAMES[0]}>{text}"  # any closing mark ends it, whatever its name
    said = _by_channel(text) if "<|" in text else Said(text)
    said = Said(_own_turn(said.text), said.thoughts, said.unclosed)
    marked = _by_marks(said.text, tags) if _may_hold_marks(said.text, tags) else Said(said.text)
    bare = _bare(marked.text)
    thoughts = (*removed, *said.thoughts, *marked.thoughts, *bare.thoughts)
    return Said(bare.text, thoughts, said.unclosed or marked.unclosed or bare.unclosed)


def _names(tags: tuple[str, ...]) -> tuple[str, ...]:
    return (*_NAMES, *(tag.strip("<>[]/ ") for tag in tags))


@lru_cache(maxsize=16)
def _marks(tags: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds all marks; group 1, 2 or 3 is not empty in a closing one."""
    names = "|".join(sorted(map(re.escape, _names(tags)), key=len, reverse=True))
    blank = r"[ \t]*"
    # Lengths are bounded, so that a text of nothing but "<" takes linear time.
    return re.compile(
        rf"<{blank}(/?){blank}\|?{blank}(?:(?:begin|start)(?:_of)?_|(end(?:_of)?_))?(?:{names})"
        rf"(?:[ \t][^<>\n]{{0,80}})?{blank}\|?{blank}>"
        rf"|\[{blank}(/?){blank}(?:think|thinking){blank}\]"
        rf"|◁{blank}(/?){blank}(?:{names}){blank}▷",
        re.IGNORECASE,
    )


def _may_hold_marks(text: str, tags: tuple[str, ...]) -> bool:
    """Whether the name of a mark stands anywhere: a loop of nothing but "<" needs no closer look."""
    low = text.casefold()
    return any(name.casefold() in low for name in _names(tags))


def _by_marks(text: str, tags: tuple[str, ...]) -> Said:
    kept: list[str] = []
    thoughts: list[str] = []
    place, opened = 0, -1
    for mark in _marks(tags).finditer(text):
        closing = any(mark.groups())
        if closing and opened < 0:  # the template wrote the opening mark: all so far was thought
            thoughts.append("".join((*kept, text[place : mark.start()])))
            kept, place = [], mark.end()
        elif closing:
            thoughts.append(text[opened : mark.start()])
            opened, place = -1, mark.end()
        elif opened < 0:
            kept.append(text[place : mark.start()])
            opened = mark.end()
    if opened >= 0:
        return Said(_joined(kept), (*thoughts, text[opened:]), unclosed=True)
    if not thoughts:
        return Said(text)
    return Said(_joined([*kept, text[place:]]), tuple(thoughts))


def _joined(pieces: Sequence[str]) -> str:
    return _JOIN.join(piece for piece in pieces if piece.strip()).strip()


def _own_turn(text: str) -> str:
    """Return a text up to the token that ends the turn; as it is where nothing stands before that."""
    text = (
        text.removesuffix("\n").removesuffix("</s>")
        if text.endswith(("</s>", "</s>\n")) and "<s>" not in text
        else text
    )
    over = _TURN_OVER.search(text) if "<" in text else None
    return text[: over.start()] if over and text[: over.start()].strip() else text


def _by_channel(text: str) -> Said:
    """Keep the final channel of gpt-oss; without one nothing was said to the user."""
    heads = list(_CHANNEL.finditer(text))
    if not heads:
        return Said(text)
    finals: list[str] = []
    thoughts = [text[: heads[0].start()]] if text[: heads[0].start()].strip() else []
    for head in heads:
        end = _NEXT.search(text, head.end())
        body = text[head.end() : end.start() if end else len(text)]
        (finals if head[1].lower() == "final" else thoughts).append(body)
    thoughts = [thought for thought in (_TOKEN.sub("", t).removesuffix("assistant") for t in thoughts) if thought]
    return Said(_TOKEN.sub(_JOIN, _joined(finals)), tuple(thoughts), unclosed=not finals)


def _bare(text: str) -> Said:
    """Read channels whose special tokens were dropped: ``analysisThe user ...assistantfinalIt is 7.``."""
    head = _BARE_START.match(text)
    if head is None:
        return Said(text)
    thought, found, rest = text.rpartition(_BARE_FINAL)
    if not found or _BARE_START.match(rest):
        return Said("", (text,), unclosed=True)
    return Said(rest.strip(), (thought[head.end() :],))
