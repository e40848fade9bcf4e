"""The rules that a user meets, as tables: when a question is asked again, and when a run stops.

``docs/errors.md`` prints them; a test compares. What is true of an outcome is
read from the outcome itself, so that table and behaviour cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lm_eval_longctx.completion import Outcome

OURS = tuple(outcome for outcome in Outcome if outcome not in {Outcome.NO_ANSWER, Outcome.NOT_ASKED})
"""Outcomes that calls of ours can have."""

_LATER = {
    Outcome.CONTEXT_EXCEEDED: "once: the window may have been raised; not at a provider's own address, whose window is "
    "a fact",
    Outcome.TRUNCATED_INPUT: "once: the window may have been raised",
    Outcome.UNSUPPORTED: "once: a template, a setting or an account may have been put right",
}


def asked_again(outcome: Outcome) -> tuple[str, str]:
    """Say whether a question with an outcome is asked again, in the same run and in the next."""
    if outcome.answered:
        return "no", "no: replayed from the ledger"
    if outcome.mendable:
        return "no", _LATER[outcome]
    if outcome.final:
        return "no", "no: it is a fact of the question"
    if outcome is Outcome.SKIPPED_BUDGET:
        return "no", "yes, if the cap allows"
    if outcome is Outcome.TRANSPORT_FAILED:
        return "yes, where the provider says that it may help, up to `max_attempts`", "yes"
    return "yes, but once only if it was or may have been billed", "yes"


def asking_table() -> str:
    """Return the rule for asking again as a table."""
    rows = (f"| `{outcome.value}` | {same} | {later} |" for outcome in OURS for same, later in [asked_again(outcome)])
    return "\n".join(["| outcome | asked again in the same run | in the next run |", "| --- | --- | --- |", *rows])


@dataclass(frozen=True)
class Reason:
    """Why a run stops.

    Attributes:
        words: For the completions of what is not sent; the details take the place of ``{}``.
        means: When that is so, for the table.
        then: What becomes of questions that were not sent, for the table.
        status: The exit status, for the table.
        ended: Whether the ledger is not even asked for what is left.
    """

    words: str
    means: str
    then: str
    status: str
    ended: bool


_REPLAYED = "what the ledger has is replayed, the rest is not sent"
_LEFT = "nothing is looked up any more"
_PART = "4, or 3 where a task has no score"


class Stop(Enum):
    """Everything that stops a run; in each case what is in flight is waited for and recorded."""

    ACCOUNT = Reason(
        "the provider takes no more calls ({})",
        "a key is refused, money or a day's quota is used up, there is no such model or address, a certificate is not "
        "trusted",
        _REPLAYED,
        _PART,
        ended=False,
    )
    OUTAGE = Reason(
        "the server has answered none of the last {}",
        "ten calls in a row got no answer, and no probe does for `max_outage` seconds",
        _REPLAYED,
        _PART,
        ended=False,
    )
    LEDGER = Reason(
        "nothing can be recorded ({})",
        "the disk is full, or the ledger was deleted or is damaged",
        _LEFT,
        "1",
        ended=True,
    )
    PERSON = Reason(
        "stopped by {}",
        "Ctrl-C, SIGTERM or SIGHUP; a second one abandons what is in flight",
        _LEFT,
        "130, 143, 129",
        ended=True,
    )
    DEFECT = Reason(
        "an error ended the run ({})",
        "anything unexpected, such as a prompt that fails to render",
        _LEFT,
        "1",
        ended=True,
    )

    def text(self, details: str) -> str:
        """Return the reason in words."""
        return self.value.words.replace("{}", details, 1)


def stopping_table() -> str:
    """Return the rule for stopping as a table."""
    rows = (
        f"| {s.value.words.replace('{}', '...')} | {s.value.means} | {s.value.then} | {s.value.status} |" for s in Stop
    )
    heads = ("a run stops, and says", "when", "questions that were not sent", "exit status")
    return "\n".join([f"| {' | '.join(heads)} |", "| --- | --- | --- | --- |", *rows])
