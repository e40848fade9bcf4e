"""What follows from a request's settings alone; worked out once for all requests that share them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.providers.checks import left_out

if TYPE_CHECKING:
    from lm_eval_longctx.providers.base import Settings
    from lm_eval_longctx.providers.capabilities import WireCapabilities


class Terms(NamedTuple):
    """What follows from settings.

    Attributes:
        settings: With the provider's own filled in.
        budget: Output tokens to ask for, hidden reasoning included.
        left_out: Which settings are not sent, and why.
        named: The settings as they stand in a request's identity.
    """

    settings: Settings
    budget: int
    left_out: tuple[str, ...]
    named: dict[str, Any]

    @classmethod
    def of(cls, settings: Settings, budget: int, capabilities: WireCapabilities) -> Terms:
        """Work out what a model with these capabilities is sent."""
        unsent = left_out(settings, capabilities)
        named = {**settings.to_dict(), "output_budget": budget, **{n.partition("=")[0]: None for n in unsent}}
        return cls(settings, budget, unsent, named)


def filled(settings: Settings, reasoning: str | None, reasoning_tokens: int) -> Settings:
    """Fill a provider's own settings in where a request leaves them open."""
    return replace(
        settings,
        reasoning=reasoning if settings.reasoning is None else settings.reasoning,
        reasoning_tokens=settings.reasoning_tokens or reasoning_tokens,
    )
