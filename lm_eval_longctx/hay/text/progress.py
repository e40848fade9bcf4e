"""A bar for work that takes more than two seconds; on standard error, gone when done."""

from __future__ import annotations

from typing import Any


def progress(what: str, total: int | None = None) -> Any:  # noqa: ANN401 - tqdm has no types
    """Return a progress bar that counts bytes.

    Args:
        what: Such as ``counting tokens``.
        total: Bytes in all, if known.
    """
    from tqdm import tqdm

    return tqdm(desc=what, total=total, unit="B", unit_scale=True, delay=2, leave=False)
