"""The catalogue of dialects: what servers really send, and what it must become.

::

    @pytest.mark.parametrize("stream", ["true", "false"])
    @pytest.mark.parametrize("shape", dialects.shapes("chat"), ids=contract.name_of)
    def test_shapes(shape, stream, server):
        make = lambda: server.provider("openai-compatible", "m", stream=stream)
        shape.prove(make, server.state, "chat", stream=stream == "true")

``dialects.jsonl`` has one line a shape: the provider or server that it was
seen at, status, headers and body (or the text, marker and usage, which each
wire writes in its own way), where it is documented, and what it must become:
outcome, whether to ask again, whether it was billed, and a word of the note.
The local server plays it. Add a line for what yours sends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.verdict import verdict_on
from lm_eval_longctx.testing.contract import ask, question, run
from lm_eval_longctx.testing.played import as_bytes, as_stream, body_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lm_eval_longctx.backend.verdict import Verdict
    from lm_eval_longctx.providers.base import Provider, Raw
    from lm_eval_longctx.testing.state import State

WIRES: Mapping[str, str] = {
    "chat": "openai-compatible",
    "responses": "openai",
    "messages": "anthropic",
    "gemini": "gemini",
}
"""The four wires, and which of our providers speaks each."""

PATH = Path(__file__).with_name("dialects.jsonl")
_SUCCESS = range(200, 300)


@dataclass(frozen=True)
class Shape:
    """One line of the catalogue.

    Attributes:
        row: The line: ``id``, ``provider``, ``wires``, ``status``, ``headers``,
            ``body`` or ``says_text``, ``finish``, ``usage`` and ``thought``;
            ``source`` (where it is documented); and what it must become:
            ``outcome``, ``retry``, ``billing``, ``after``, ``text``, ``note``
            (a word of the completion's notes), ``says`` (a word of its
            detail), and ``streamed`` where a stream differs. ``only`` is
            ``whole`` or ``streamed`` for what comes in one form only.
    """

    row: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The line's name."""
        return str(self.row["id"])

    def plays(self, *, stream: bool) -> bool:
        """Whether servers send it in this form."""
        return self.row.get("only") in {None, "streamed" if stream else "whole"}

    def sent(self, wire: str, *, stream: bool) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body as they go out."""
        body, kind = body_of(wire, self.row), "application/json"
        events = as_stream(wire, body) if stream and self.row["status"] in _SUCCESS else None
        if events is not None:
            body, kind = events, "text/event-stream"
        headers = {name.title(): value for name, value in self.row.get("headers", {}).items()}
        return self.row["status"], {"Content-Type": kind, **headers}, as_bytes(body)

    def expected(self, *, stream: bool) -> dict[str, Any]:
        """Return what it must become."""
        return {**self.row, **(self.row.get("streamed") or {} if stream else {})}

    def prove(self, make: Callable[[], Provider], state: State, wire: str, *, stream: bool) -> None:
        """Let the local server play it, and check what a provider makes of it.

        Args:
            make: Makes the provider; it asks for a stream if ``stream``.
            state: The server's.
            wire: Which of ``WIRES`` the provider speaks.
            stream: Whether it is played as a stream.
        """
        status, headers, body = self.sent(wire, stream=stream)
        state.fail("recorded", status=status, headers=headers, body=body)
        provider = make()
        raw, _ = run(lambda: provider, lambda p: ask(p, question()))
        self.judge(provider, raw, stream=stream)

    def judge(self, provider: Provider, raw: Raw, *, stream: bool) -> None:
        """Check what a provider makes of a response that it received."""
        verdict = verdict_on(provider, None, raw, question())
        assert verdict is not None, f"{self.name}: the reader failed"
        found, expected = _plain(verdict), self.expected(stream=stream)
        wanted = {name: expected.get(name, found[name]) for name in ("outcome", "retry", "billing", "after", "text")}
        if not verdict.completion.outcome.answered:
            wanted["text"] = ""
        assert found == wanted, f"{self.name}: {verdict.completion.detail} {verdict.completion.notes}"
        self._explained(verdict, expected)

    def _explained(self, verdict: Verdict, expected: Mapping[str, Any]) -> None:
        completion = verdict.completion
        notes, note, says = "; ".join(completion.notes), expected.get("note", ""), expected.get("says", "")
        assert note in notes, f"{self.name}: no note says {note!r}: {notes}"
        assert says in completion.detail, f"{self.name}: nobody says {says!r}: {completion.detail}"
        assert completion.detail or completion.outcome.value == "complete", f"{self.name}: nobody says why"


def _plain(verdict: Verdict) -> dict[str, Any]:
    retry = verdict.retry
    return {
        "outcome": verdict.completion.outcome.value,
        "retry": retry.kind,
        "billing": verdict.billing,
        "after": retry.after,
        "text": str(verdict.completion),
    }


@lru_cache(maxsize=1)
def catalogue() -> tuple[Shape, ...]:
    """Return the whole catalogue."""
    return tuple(Shape(json.loads(line)) for line in PATH.read_bytes().splitlines() if line)


def shapes(wire: str) -> list[Shape]:
    """Return what a wire can carry."""
    return [shape for shape in catalogue() if wire in shape.row["wires"]]
