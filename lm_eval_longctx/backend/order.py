"""The order of calls: what shares a beginning goes one after the other, longest shared part first.

Two prompts of one group differ from where the earlier needle stands. A prefix
cache therefore serves a prompt up to its own needle if any earlier prompt had
its needle at least as far in. Sending the farthest first makes every later
one of the group a hit, up to its needle.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.backend.jobs import Job

WORTH_WAITING = 1024
"""Planned tokens of a prompt from which prefix caches begin to work."""


@dataclass
class Group:
    """Jobs that share their hay.

    Attributes:
        waiting: Positions of the jobs that were not handed out, in order.
        leads: Whether the first goes ahead alone, to fill the cache.
        leading: The job that is ahead just now.
    """

    waiting: deque[int] = field(default_factory=deque)
    leads: bool = False
    leading: int | None = None


class Queue:
    """Hands out positions of jobs: group by group, each group's leader ahead.

    Attributes:
        led: Groups whose leader is ahead just now.
    """

    def __init__(self, jobs: Sequence[Job], *, prefix_cache: bool, minimum: int = 0) -> None:
        """Sort the jobs.

        Args:
            jobs: As given.
            prefix_cache: Whether the provider reads repeated beginnings from a cache.
            minimum: Tokens that a beginning needs for that.
        """
        self._jobs, self._least = jobs, max(WORTH_WAITING, minimum)
        self._groups: dict[str, Group] = {}
        self._of: list[Group] = []
        for position, job in enumerate(jobs):
            name = job.group or f"alone {position}"
            group = self._groups.setdefault(name, Group())
            group.waiting.append(position)
            self._of.append(group)
        for group in self._groups.values():
            group.waiting = deque(sorted(group.waiting, key=lambda i: _shared_first(jobs[i], i)))
            large = jobs[group.waiting[0]].tokens >= self._least
            group.leads = prefix_cache and large and len(group.waiting) > 1
        self._ready: deque[Group] = deque(self._groups.values())
        self.led = 0

    def __len__(self) -> int:
        """How many jobs were not handed out."""
        return sum(len(group.waiting) for group in self._groups.values())

    def take(self) -> int | None:
        """Hand out a position, or ``None`` while every group waits for its leader or nothing is left."""
        while self._ready:
            group = self._ready[0]
            if not group.waiting:
                self._ready.popleft()
                continue
            position = group.waiting.popleft()
            if group.leads:
                group.leading = position
                self.led += 1
                self._ready.popleft()
            return position
        return None

    def leads(self, position: int) -> bool:
        """Whether a job goes ahead of another that is planned to share a beginning with it that is worth caching."""
        group = self._of[position]
        if group.leading != position or not group.waiting:
            return False
        follower = self._jobs[group.waiting[0]]
        return follower.order * follower.tokens >= self._least

    def done(self, position: int, *, sent: bool) -> None:
        """Note that a job is done; its group follows at once, while the cache is warm.

        Args:
            position: As handed out.
            sent: Whether the provider saw it. A replayed answer warms no cache,
                so the next of the group leads.
        """
        group = self._of[position]
        if group.leading == position:
            group.leading = None
            self.led -= 1
            group.leads = not sent
            self._ready.appendleft(group)


def _shared_first(job: Job, position: int) -> tuple[float, int, int]:
    return (-job.order * max(job.tokens, job.size, 1), -max(job.tokens, job.size), position)
