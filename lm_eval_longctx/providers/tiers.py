"""Service tiers: the same answer, faster or later, at another price.

The tier that was asked for is priced before the call. What served it in the
end stands in the response, and may be another one: that one's price is paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD = "standard"

_NAMES = {
    "": STANDARD,
    "auto": STANDARD,
    "batch": STANDARD,
    "default": STANDARD,
    "fast": "priority",
    "standard_only": STANDARD,
    "unspecified": STANDARD,
}
"""One name for each tier; a batch has its own price list, and OpenAI calls what ``fast`` asks for ``priority``."""


def tier_name(value: Any) -> str:
    """Return the one name of a tier; what nobody named is the standard one."""
    name = value.lower() if isinstance(value, str) else ""
    return _NAMES.get(name, name)


def asked_tier(given: str, extra: Mapping[str, Any]) -> str:
    """Return the tier that requests ask for.

    Args:
        given: Our own argument; empty without it.
        extra: The user's fields, which are laid over ours. Anthropic calls it ``speed``.
    """
    named = next((extra[name] for name in ("service_tier", "serviceTier", "speed") if extra.get(name)), given)
    return tier_name(named)


def served_tier(response: Mapping[str, Any]) -> str:
    """Return the tier that a response names; empty if it names none."""
    usages = [table for table in (response.get("usage"), response.get("usageMetadata")) if isinstance(table, dict)]
    named = [table.get(name) for table in (response, *usages) for name in ("service_tier", "serviceTier", "speed")]
    found = [tier_name(value) for value in named if isinstance(value, str)]
    return next((tier for tier in found if tier != STANDARD), found[0] if found else "")


def surprise(asked: str, served: str) -> str:
    """Say that another tier served than was asked for; empty if not, or if nobody says."""
    return "" if served in {"", asked} else f"served in the tier {served}, not {asked}"
