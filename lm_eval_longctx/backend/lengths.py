"""Whether refusals in words that nobody can read are those of a length: by what is paid already.

A server may refuse what is too long with a code and words of its own, or with
none. Where all prompts of a task up to a length are answered, and all from a
greater length on are refused in the same words, those are probably too long.
Nothing is asked for this: the lengths of a sweep are the bisection.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.providers.phrases import OTHER_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.completion import Completion

_REFUSED = re.compile(r"(?:400|413|422): ")
_APART = 1.5
"""How much longer a single refused prompt is than the longest that was answered, to be refused for it."""

_WITNESSES = 2


def probably_too_long(jobs: Sequence[Job], completions: Sequence[Completion | None]) -> dict[int, Completion]:
    """Return, by their positions, the refused completions that are probably for their length, as that outcome.

    Args:
        jobs: With their lengths.
        completions: In the jobs' order.
    """
    by_task: dict[str, list[int]] = defaultdict(list)
    for position, job in enumerate(jobs):
        if job.tokens and completions[position] is not None:
            by_task[job.task].append(position)
    changed: dict[int, Completion] = {}
    for positions in by_task.values():
        changed |= _of_task({p: (jobs[p].tokens, found) for p in positions if (found := completions[p]) is not None})
    return changed


def _of_task(seen: dict[int, tuple[int, Completion]]) -> dict[int, Completion]:
    answered = [tokens for tokens, found in seen.values() if found.outcome.answered]
    refused = {position: tokens for position, (tokens, found) in seen.items() if _is_refused(found)}
    if not answered or not refused or max(answered) >= min(refused.values()):
        return {}
    words = {re.sub(r"\d+", "#", seen[position][1].detail) for position in refused}
    apart = len(refused) >= _WITNESSES or min(refused.values()) >= _APART * max(answered)
    if len(words) > 1 or not apart:
        return {}
    why = (
        f"probably too long: prompts of up to {max(answered):,} tokens pass, all of {min(refused.values()):,} and more"
    )
    return {
        position: seen[position][1].changed(
            outcome=Outcome.CONTEXT_EXCEEDED, detail=f"{why} are refused with {seen[position][1].detail}"
        )
        for position in refused
    }


def _is_refused(completion: Completion) -> bool:
    """Whether a server refused a question, and not for another limit that it names."""
    refused = completion.outcome is Outcome.UNSUPPORTED and _REFUSED.match(completion.detail)
    return bool(refused) and not OTHER_LIMIT.search(completion.detail)
