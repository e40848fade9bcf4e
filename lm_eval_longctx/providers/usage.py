"""What a server reports of usage, taken with caution: a number that cannot be is unknown, and the completion says so.

A right answer stays a right answer, whatever its bill looks like. What is
unknown is not guessed: the call counts as billed at an unknown price, and
nobody claims that its input was checked.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.completion import Usage, whole

if TYPE_CHECKING:
    from lm_eval_longctx.providers.base import Request

UNCHECKED = "no prompt tokens were reported, so nobody could check whether the input was cut"

_FAR = 100
"""How many tokens a byte of a prompt, or an output token asked for, may make before a report is a defect."""

_ROOM = 1_000_000
"""Tokens that any report may hold beside: the least of what counts as far off."""


class Most(NamedTuple):
    """What a call can have used at most, with a wide margin.

    Attributes:
        prompt: Input tokens, or ``None`` if nobody can say.
        output: Output tokens, or ``None`` if nobody can say.
    """

    prompt: int | None = None
    output: int | None = None

    @classmethod
    def of(cls, request: Request | None, output_budget: int | None) -> Most:
        """Return what a request can have used; media make as many tokens as the server likes."""
        output = None if output_budget is None else output_budget * _FAR + _ROOM
        if request is None or any(request.prompt.media()):
            return cls(output=output)
        return cls(request.prompt.text_bytes * _FAR + _ROOM, output)


def added(*values: Any) -> Any:
    """Add numbers of a report; one that cannot be is returned instead, to be found odd by ``checked``."""
    given = [value for value in values if value is not None]
    numbers = [whole(value) for value in given]
    if None in numbers:
        return given[numbers.index(None)]
    return sum(n for n in numbers if n is not None) if numbers else None


def checked(usage: Usage | None, text: str, most: Most) -> tuple[Usage | None, tuple[str, ...]]:
    """Return what can be believed of a report, and a note for all that cannot.

    Args:
        usage: As the dialect read it; its fields may hold anything.
        text: The answer.
        most: What the call can have used at most.
    """
    if usage is None:
        return None, ()
    read, notes = _typed(usage)
    known, more = _possible(read, text, most)
    return known, (*notes, *more)


_NUMBERS = tuple(f.name for f in fields(Usage) if f.name not in {"by_modality", "cost"})


def _typed(usage: Usage) -> tuple[Usage, list[str]]:
    notes: list[str] = []
    numbers: dict[str, Any] = {}
    for name in _NUMBERS:
        value = getattr(usage, name)
        if value is None:
            continue
        numbers[name] = whole(value)
        if numbers[name] is None:
            notes.append(f"{_words(name)} reported as {_short(value)} cannot be, and count as unknown")
        elif type(value) is not int:
            notes.append(f"{_words(name)} reported as {_short(value)} are read as {numbers[name]}")
    parts = {str(kind): whole(n) for kind, n in usage.by_modality.items()}
    if None in parts.values():
        notes.append(f"tokens by kind reported as {_short(usage.by_modality)} cannot be, and count as unknown")
        parts = {}
    if not notes and parts == usage.by_modality:  # nearly always
        return usage, notes
    return replace(usage, **numbers, by_modality={k: n for k, n in parts.items() if n is not None}), notes


def _possible(usage: Usage, text: str, most: Most) -> tuple[Usage, list[str]]:
    """Make unknown what contradicts itself, the answer, or what was asked."""
    prompt, output, doubts = usage.prompt_tokens, usage.output_tokens, dict[str, str]()
    stored = (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
    if prompt is not None and stored > prompt:  # perhaps the uncached part alone; nobody can say
        words = f"{stored} cached tokens of {prompt} prompt tokens reported, which cannot be: both count as unknown"
        doubts |= dict.fromkeys(("prompt_tokens", "cached_tokens", "cache_write_tokens"), words)
    if prompt == 0 or (prompt is not None and most.prompt is not None and prompt > most.prompt):
        doubts["prompt_tokens"] = f"prompt tokens reported as {prompt} cannot be, and count as unknown"
    if (output == 0 and text) or (output is not None and most.output is not None and output > most.output):
        doubts["output_tokens"] = f"output tokens reported as {output} cannot be, and count as unknown"
    if output is not None and (usage.reasoning_tokens or 0) > output:
        words = f"{usage.reasoning_tokens} reasoning tokens of {output} output tokens reported"
        doubts.setdefault("output_tokens", f"{words}, which cannot be: the output counts as unknown")
    unknown: dict[str, Any] = dict.fromkeys(doubts)
    known = replace(usage, **unknown) if unknown else usage
    kinds = sum(known.by_modality.values())
    if kinds and (known.prompt_tokens is None or kinds > known.prompt_tokens):
        return replace(known, by_modality={}), [*dict.fromkeys(doubts.values()), _kinds(kinds, known.prompt_tokens)]
    return known, list(dict.fromkeys(doubts.values()))


def _kinds(kinds: int, prompt: int | None) -> str:
    return f"{kinds} tokens by kind of {'unknown' if prompt is None else prompt} prompt tokens: they count as unknown"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(value: Any) -> str:
    try:
        return repr(value)[:60]
    except (RecursionError, ValueError):  # nested too deeply, or a whole number of many thousand digits
        return f"a {type(value).__name__}"
