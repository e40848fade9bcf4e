"""The rules that a user meets, as tables: when a question is asked again, and when a run stops.

``docs/errors.md`` prints them; a test compares. What is true of an outcome is
read from the outcome itself, so that table and behaviour cannot differ.
"""

from __future__ import annotations

from lm_eval_longctx.completion import Outcome

OURS = tuple(outcome for outcome in Outcome if outcome is not Outcome.NO_ANSWER)
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
