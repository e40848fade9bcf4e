"""What a provider makes of each of the local server's faults.

::

    @pytest.mark.parametrize("case", faults.CASES, ids=contract.name_of)
    @pytest.mark.parametrize("stream", ["true", "false"])
    def test_faults(case, stream, server):
        provider = lambda: server.provider("openai", "gpt-6.1-terra", stream=stream, **case.args)
        case.prove(provider, server.state, "openai")

``CASES`` is also the table in ``docs/errors.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.testing.contract import RETRIES, ask, question, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lm_eval_longctx.providers.base import Decoded, Provider
    from lm_eval_longctx.testing.state import State

Verdict = tuple[Outcome, str, bool]
"""Outcome, whether to ask again, whether the failed attempt may have been billed."""

_LOST: Verdict = (Outcome.POSSIBLY_BILLED, "transient", True)
_MALFORMED: Verdict = (Outcome.MALFORMED, "transient", True)
_STOP: Verdict = (Outcome.TRANSPORT_FAILED, "stop_run", False)
_AGAIN: Verdict = (Outcome.TRANSPORT_FAILED, "transient", False)
_LATER: Verdict = (Outcome.TRANSPORT_FAILED, "rate_limit", False)


def _final(outcome: Outcome) -> Verdict:
    return outcome, "never", False


@dataclass(frozen=True)
class FaultCase:
    """One fault and what it means.

    Attributes:
        kind: The fault.
        verdict: What every provider makes of it.
        but: What some providers make of it, by name; ``None`` where they cannot meet it.
        details: Other fields of the fault.
        after: Seconds that the decision asks to wait, where the server says so.
        args: Arguments of the provider that make the fault show quickly.
        state: What the server is set to.
    """

    kind: str
    verdict: Verdict
    but: Mapping[str, Verdict | None] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    after: float | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The case in one word."""
        return self.kind + "".join(f"-{k}" for k in (*self.details, *self.state) if k != "seconds")

    def prove(self, make: Callable[[], Provider], state: State, provider: str) -> None:
        """Let the server fail, and check what the provider makes of it.

        Args:
            make: Makes the provider.
            state: The server's.
            provider: Which of the four formats it speaks: the provider's name.
        """
        expected = self.but.get(provider, self.verdict)
        if expected is None:
            return
        for name, value in self.state.items():
            setattr(state, name, value)
        if self.kind:
            state.fail(self.kind, **self.details)
        _, decoded = run(make, lambda p: ask(p, question()))
        self._compare(decoded, expected)

    def _compare(self, decoded: Decoded, expected: Verdict) -> None:
        completion, retry = decoded.completion, decoded.retry
        got = (completion.outcome, retry.kind, retry.billed)
        assert got == expected, f"{self.name}: expected {expected}, got {got} ({completion.detail})"
        assert retry.kind in RETRIES
        assert retry.after == self.after, (
            f"{self.name}: the server asked for {self.after} s, the decision says {retry.after}"
        )
        if completion.outcome is not Outcome.COMPLETE:
            assert completion.detail, f"{self.name}: nobody says why"
        if not completion.outcome.answered:
            assert str(completion) == "", f"{self.name}: the text {str(completion)!r} is no answer"


CASES: tuple[FaultCase, ...] = (
    FaultCase("rate_limit", _LATER),
    FaultCase("rate_limit", _LATER, details={"headers": {"Retry-After": "7"}}, after=7.0),
    FaultCase("rate_limit", _LATER, details={"headers": {"retry-after-ms": "250"}}, after=0.25),
    FaultCase(
        "rate_limit",
        _LATER,
        but=dict.fromkeys(("openai", "anthropic", "openai-compatible")),
        details={"delay": 3.5},
        after=3.5,
    ),
    FaultCase(
        "rate_limit",
        (Outcome.TRANSPORT_FAILED, "never", False),
        details={"headers": {"x-should-retry": "false", "Retry-After-Note": "none"}},
    ),
    FaultCase("quota", _STOP),
    FaultCase(
        "too_large_for_tpm",
        (Outcome.TRANSPORT_FAILED, "never", False),
        but=dict.fromkeys(("gemini", "anthropic")),
    ),
    FaultCase("server_error", _AGAIN),
    FaultCase("unavailable", _AGAIN),
    FaultCase("overloaded", _LATER),
    FaultCase("gateway_timeout", _LOST),
    FaultCase("unauthorized", _STOP),
    FaultCase("forbidden", _STOP),
    FaultCase("no_such_model", _STOP),
    FaultCase("bad_request", _final(Outcome.UNSUPPORTED)),
    FaultCase(
        "too_large_early",
        _final(Outcome.CONTEXT_EXCEEDED),
        but={"openai-compatible": _final(Outcome.UNSUPPORTED)},
    ),
    FaultCase("reset", _LOST),
    FaultCase("reset_mid_body", _LOST),
    FaultCase("hang", _LOST, args={"idle_timeout": 0.1}),
    FaultCase("slow_drip", _LOST, details={"seconds": 0.02}, args={"timeout": 0.2}),
    FaultCase("slow_drip", _final(Outcome.COMPLETE), details={"seconds": 0.0}),
    FaultCase("truncated_json", _LOST),
    FaultCase("html", (Outcome.MALFORMED, "transient", False)),
    FaultCase(
        "error_in_200",
        _AGAIN,
        but={"anthropic": _LATER},
    ),
    FaultCase("empty", _MALFORMED),
    FaultCase("null_content", _MALFORMED),
    FaultCase("blocked", _final(Outcome.BLOCKED), but={"anthropic": _final(Outcome.REFUSED)}),
    FaultCase("refused", _final(Outcome.REFUSED), but={"gemini": _final(Outcome.BLOCKED)}),
    FaultCase("cut", _final(Outcome.CUT_BY_OUTPUT_LIMIT)),
    FaultCase("spent_on_reasoning", _final(Outcome.SPENT_ON_REASONING)),
    FaultCase("unknown_finish", _MALFORMED),
    FaultCase("no_usage", _final(Outcome.COMPLETE)),
    FaultCase("overflow", _final(Outcome.CONTEXT_EXCEEDED)),
    FaultCase("", _final(Outcome.CONTEXT_EXCEEDED), state={"window": 100}),
    FaultCase(
        "",
        _final(Outcome.CONTEXT_EXCEEDED),
        but=dict.fromkeys(("gemini", "openai")),
        args={"context_window": 1320},
        state={"window": 1320, "when_full": "shrink"},
    ),
    FaultCase("cut_input", _final(Outcome.TRUNCATED_INPUT), state={"window": 400, "when_full": "cut"}),
    FaultCase("lost_file", _AGAIN),
    FaultCase("sse_cut", _LOST),
    FaultCase("sse_clean_end", _LOST, args={"stream": "true"}),
    FaultCase(
        "sse_error",
        (Outcome.TRANSPORT_FAILED, "rate_limit", True),
        args={"stream": "true"},
    ),
)
"""Everything that can go wrong on the wire."""
