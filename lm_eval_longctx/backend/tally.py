"""Counting what a run did: plain sums, for the progress bar and for the results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome, Usage, counted, same_reason
from lm_eval_longctx.ledger.schema import BILLED

if TYPE_CHECKING:
    from lm_eval_longctx.backend.verdict import Verdict
    from lm_eval_longctx.completion import Completion

DRIFT = 0.02
"""Share by which billed tokens may differ from counted ones without a word."""


@dataclass
class Drift:
    """How far the bill is from the count.

    Attributes:
        calls: Calls whose prompt was counted before and billed after.
        beyond: How many of them differ by more than ``DRIFT``.
        largest: The largest relative difference, with its sign (positive: billed more).
        counted: Tokens counted, in all.
        billed: Tokens billed, in all.
    """

    calls: int = 0
    beyond: int = 0
    largest: float = 0.0
    counted: int = 0
    billed: int = 0

    def add(self, counted: int | None, billed: int | None) -> None:
        """Compare one call."""
        if not counted or billed is None:
            return
        off = billed / counted - 1.0
        self.calls, self.counted, self.billed = self.calls + 1, self.counted + counted, self.billed + billed
        self.beyond += abs(off) > DRIFT
        self.largest = off if abs(off) > abs(self.largest) else self.largest

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "calls_compared": self.calls,
            "beyond_2_percent": self.beyond,
            "largest": round(self.largest, 4),
            "counted_tokens": self.counted,
            "billed_tokens": self.billed,
        }


@dataclass
class Tally:
    """What a backend did so far.

    Attributes:
        samples: Jobs that have their completion.
        calls: Requests that went out.
        retries: How many of them were not the first for their job.
        replayed: Answers that the ledger had.
        reread: Responses that were in the ledger unread, and cost nothing now.
        lost_before: Calls of ended processes that may have been billed.
        outcomes: Completions by outcome.
        reasons: For each outcome without an answer, why its first job ended so, in the provider's words.
        unsent: Jobs that were not asked, because the run stopped or the money would not have sufficed.
        usage: Of all calls that were billed in this run.
        cost: US dollars billed in this run, as far as known.
        unpriced: Billed calls whose cost nobody knows.
        replayed_cost: US dollars that replayed answers had cost.
        cache_saved: US dollars that the provider's cache saved.
        possibly_billed: Calls of this run that may have been billed.
        possibly_billed_cost: What those cost at most.
        drift: Counted against billed tokens.
        seconds: Wall time of all runs.
        stopped: Why sending stopped early, if it did.
        uncounted: Prompts that the provider was asked to count and did not.
        why_uncounted: Of the first of them.
    """

    samples: int = 0
    calls: int = 0
    retries: int = 0
    replayed: int = 0
    reread: int = 0
    lost_before: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    unsent: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    unpriced: int = 0
    replayed_cost: float = 0.0
    cache_saved: float = 0.0
    possibly_billed: int = 0
    possibly_billed_cost: float = 0.0
    drift: Drift = field(default_factory=Drift)
    seconds: float = 0.0
    stopped: str = ""
    uncounted: int = 0
    why_uncounted: str = ""

    def not_counted(self, why: str) -> None:
        """Count a prompt whose length the provider did not tell."""
        self.uncounted += 1
        self.why_uncounted = self.why_uncounted or why

    def attempted(self, verdict: Verdict, worst: float | None) -> None:
        """Count the money and the tokens of an attempt."""
        usage = verdict.completion.usage
        if verdict.doubtful:
            self.doubted(worst)
        elif verdict.billing == BILLED:
            self.usage = self.usage + usage  # its cost is left out when it is shown: unknown ones are not in it
            self.cost += verdict.cost or 0.0
            self.unpriced += verdict.cost is None
            self.cache_saved += verdict.saved
            self.drift.add(verdict.completion.counted_tokens, usage.prompt_tokens)

    def doubted(self, worst: float | None) -> None:
        """Count a call of which nobody can say whether it is billed."""
        self.possibly_billed += 1
        self.possibly_billed_cost += worst or 0.0

    def finished(self, completion: Completion) -> None:
        """Count a job that has its completion."""
        outcome = completion.outcome
        self.samples += 1
        self.outcomes[outcome.value] += 1
        if not outcome.answered:
            self.reasons.setdefault(outcome.value, completion.detail)
            self.unsent += completion.attempts == 0 and not outcome.final
        if completion.replayed:
            self.replayed += 1
            self.replayed_cost += completion.usage.cost or 0.0

    def changed(self, before: Completion, after: Completion) -> None:
        """Count a job otherwise than when it was finished."""
        self.outcomes[before.outcome.value] -= 1
        self.outcomes += Counter()  # leaves out what is 0 now
        if before.outcome.value not in self.outcomes:
            self.reasons.pop(before.outcome.value, None)
        self.outcomes[after.outcome.value] += 1
        if not after.outcome.answered:
            self.reasons.setdefault(after.outcome.value, after.detail)

    @property
    def unanswered(self) -> int:
        """Jobs that have no answer."""
        return sum(self.outcomes[name] for name in self.reasons)

    def words(self) -> str:
        """Say in a few lines how the jobs ended: counts, the first reason of each failure, and why sending stopped.

        Why sending stopped is told once, and in one line with the rest where nothing was answered: a refused key.
        """
        good = ", ".join(f"{count:,} {name}" for name, count in self.outcomes.items() if name not in self.reasons)
        lines = [f"{self.samples - self.unanswered:,} of {self.samples:,} questions answered" + (good and f": {good}")]
        failed = sorted(self.reasons, key=lambda name: (-self.outcomes[name], name))
        lines += [
            counted(name, self.outcomes[name], self.reasons[name])
            for name in failed
            if not same_reason(self.reasons[name], self.stopped)
        ]
        if self.stopped:
            lines.append(f"sending stopped early: {self.stopped}")
        elif self.uncounted:  # a refused key refuses to count, too, and is told once
            told = f"{self.uncounted:,} prompts were not counted by the provider, so that their length is estimated"
            lines.append(f"{told}; the first: {self.why_uncounted}")
        again = sum(self.outcomes[name] for name in failed if not Outcome(name).final or Outcome(name).mendable)
        if again:
            lines.append(
                f"run the same command again: it asks {again:,} of these once more, and pays for no answer twice"
            )
        return ("; " if self.stopped and not good else "\n").join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the results; ``cost`` is ``None`` where no billed call has a known price."""
        known = self.cost > 0 or not self.unpriced
        return {
            "samples": self.samples,
            "calls": self.calls,
            "retries": self.retries,
            "replayed": self.replayed,
            "reread": self.reread,
            "outcomes": dict(sorted(self.outcomes.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "unsent": self.unsent,
            "usage": replace(self.usage, cost=None).to_dict(),
            "cost": round(self.cost, 9) if known else None,
            "unpriced_calls": self.unpriced,
            "replayed_cost": round(self.replayed_cost, 9),
            "saved_by_prefix_cache": round(self.cache_saved, 9),
            "possibly_billed": {
                "calls": self.possibly_billed,
                "cost_at_most": round(self.possibly_billed_cost, 9),
                "of_ended_processes": self.lost_before,
            },
            "drift": self.drift.to_dict(),
            "seconds": round(self.seconds, 3),
            "stopped": self.stopped,
        }
