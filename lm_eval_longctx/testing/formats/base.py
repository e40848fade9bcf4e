"""What a wire format has to say about itself."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.testing.state import Asked, Bill, Fault, State
    from lm_eval_longctx.testing.strict import Refused


@dataclass(frozen=True)
class Failed:
    """An error as it goes out.

    Attributes:
        status: The HTTP status.
        body: The JSON.
        headers: Further headers.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Format(ABC):
    """One wire format: requests in, answers out."""

    def __init__(self, state: State) -> None:
        """Speak for a server."""
        self.state = state

    @abstractmethod
    def authorized(self, headers: Mapping[str, str]) -> Failed | None:
        """Return the error for a missing or wrong key, or ``None``."""

    @abstractmethod
    def read(self, body: Any, headers: Mapping[str, str], model: str) -> Asked:
        """Understand a request.

        Raises:
            Refused: The real server would not take it.
        """

    @abstractmethod
    def error(self, status: int, message: str, code: str = "", where: str = "") -> Failed:
        """Return an error in this format."""

    @abstractmethod
    def fault(self, fault: Fault, asked: Asked | None) -> Failed | None:
        """Return the error that a fault makes in this format, or ``None`` if it makes none."""

    @abstractmethod
    def overflow(self, tokens: int, window: int, asked: Asked) -> Failed:
        """Return the error for a context that is too long."""

    @abstractmethod
    def answer(self, asked: Asked, text: str, bill: Bill, kind: str) -> dict[str, Any]:
        """Return a complete answer; ``kind`` is a fault that shows in it, or empty."""

    @abstractmethod
    def chunks(self, answer: dict[str, Any]) -> list[bytes]:
        """Return the same answer as server-sent events, the finish marker in the last ones.

        The event that carries the finish marker, and all after it, come after
        an event that is ``FINISH``.
        """

    def refused(self, refused: Refused) -> Failed:
        """Return a refusal in this format."""
        return self.error(refused.status, str(refused), refused.code, refused.where)


FINISH = b""
"""Stands in a list of events where the finish marker begins."""


def event(data: Any, name: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def pieces_of(text: str) -> list[str]:
    """Cut a text into what a stream sends."""
    return [text[i : i + 8] for i in range(0, len(text), 8)] or [""]
