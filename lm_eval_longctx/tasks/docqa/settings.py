"""Checks of settings that both builders share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_listed(option: str, given: Any, valid: Iterable[str]) -> None:  # noqa: ANN401 - as users write it
    """Refuse an empty list and unknown names.

    Raises:
        ConfigError: The list is empty.
        UnknownOptionError: A name is unknown.
    """
    known = list(valid)
    if not given:
        raise ConfigError(f"{option} must name at least one of: {', '.join(known)}")
    for name in given:
        if name not in known:
            raise unknown_option(f"name in {option}", str(name), known)
