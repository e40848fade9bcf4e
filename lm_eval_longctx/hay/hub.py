"""Data sets of the Hugging Face hub, or folders and files that ``datasets`` reads: one way to name and to open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from lm_eval_longctx.errors import CorpusError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 200
"""Characters of an error's first line; some hold a whole web page."""


def named(argument: str, settings: Iterable[str], example: str) -> tuple[str, dict[str, str]]:
    """Read ``<data set>?split=test&config=en``.

    Args:
        argument: What stands after ``hub:``.
        settings: Those that may follow the question mark.
        example: How to write it, for the message.

    Raises:
        CorpusError: No data set is named.
        UnknownOptionError: A setting is not one of them.
    """
    name, _, query = argument.partition("?")
    given = {key.strip(): value.strip() for key, value in parse_qsl(query, keep_blank_values=True)}
    for setting in given:
        if setting not in settings:
            raise unknown_option("setting of hub", setting, settings)
    if not name.strip():
        raise CorpusError(f"cannot read hub:{argument}; write {example}")
    return name.strip(), given


def opened(name: str, advice: str, *, split: str, config: str | None = None, **how: Any) -> Any:
    """Open a split of a data set.

    Args:
        name: On the hub, a folder, or a kind of files.
        advice: What to do where it cannot be read.
        split: Which split.
        config: Which configuration; none or empty for the only one.
        **how: As ``datasets.load_dataset`` has it.

    Raises:
        CorpusError: It cannot be read.
    """
    import datasets

    try:
        return datasets.load_dataset(name, config or None, split=split, **how)
    except Exception as error:  # datasets and the hub raise many kinds, not all of them their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST]
        where = ", ".join(how.get("data_files") or ()) or f"the data set {name}, split {split}"
        raise CorpusError(f"cannot read {where} ({reason}); {advice}") from error
