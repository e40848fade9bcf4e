"""Builders of translation tasks, made as the harness makes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.sweep import parse_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.tasks.base import Builder

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def make() -> Callable[..., Any]:
    """Make a builder of a class with some metadata."""

    def build(cls: type[Builder], **metadata: Any) -> Any:
        settings = {"version": 1, "context_lengths": ["8k"], **metadata}
        sweep = parse_sweep(settings, task="t", unit=cls.UNIT, options=cls.OPTIONS, has_depth=cls.HAS_DEPTH)
        return cls(sweep, BuildContext(resolve_source=lambda name: name))  # type: ignore[arg-type, return-value]

    return build
