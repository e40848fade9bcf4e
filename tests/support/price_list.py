"""The installed price list, as far as it goes: on Python 3.10 it is an older one, which knows no newest models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.backend.prices import look_up

if TYPE_CHECKING:
    from lm_eval_longctx.backend.prices import Prices


def listed(provider: str, model: str, about: dict[str, Any] | None = None, *args: Any, **how: Any) -> Prices:
    """Return what a model costs, and skip the test where the installed list cannot know.

    Args:
        provider: As it is named in ``--model_args``.
        model: Its name there.
        about: What else is known of the model, such as its endpoint.
        *args: The date, as ``look_up`` takes it.
        **how: Batches or a tier, likewise.
    """
    pytest.importorskip("genai_prices", reason="the extra 'prices' is not installed")
    return look_up(provider, model, about or {}, *args, **how) or pytest.skip(
        f"the installed table does not know {model}"
    )
