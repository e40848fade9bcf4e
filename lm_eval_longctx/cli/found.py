"""Which sample is meant: by its id in results or logs, or by a key of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, ResultsError
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.ledger.address import is_shared, ledger_path
from lm_eval_longctx.preview import Recipes
from lm_eval_longctx.results import logged_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.results import Logged

_KEY = 64
"""Characters of a ledger's key; a sample's id has sixteen."""


@dataclass(frozen=True)
class Found:
    """A sample with what is known of how it was sent.

    Attributes:
        recipes: Make its prompt.
        sample: Its recipe.
        digest: Of the prompt that was sent; empty where nobody recorded it.
        recorded: Where the digest is from, in words.
        software: The version of this package that ran, if it is known.
        logged: Its lines in the logs, the newest first.
    """

    recipes: Recipes
    sample: Any
    digest: str
    recorded: str
    software: str = ""
    logged: Sequence[Logged] = field(default=())


def find(name: str, places: Sequence[str], ledger: str | None, metadata: str = "") -> Found:
    """Return the sample that a name means.

    Args:
        name: A sample's id, or a call's key in the ledger; the beginning is enough where it is clear.
        places: Result files, folders and logs to look in; may be empty for a key.
        ledger: The file; ``None`` for that of the run, or the usual one.
        metadata: Settings of the run as ``--metadata`` had them, where only the ledger knows of it.

    Raises:
        ResultsError: Nobody knows of it, or several are meant.
    """
    lines = [one for one in logged_samples(places, name) if _is_meant(one, name)]
    ids = list(dict.fromkeys(str(one.sample["id"]) for one in lines))
    if len(ids) > 1:
        raise ResultsError(f"{name} begins several ids: {', '.join(ids[:5])}; write more of the one that is meant")
    if lines:
        return _logged(lines, ledger)
    call = _call(name, ledger)
    if call is None:
        where = " ".join(places) or "the ledger"
        raise ResultsError(f"{where} has no sample {name}; lm-eval-longctx show RESULTS lists those of a run")
    lines = [one for one in logged_samples(places, call["sample"]) if one.sample["id"] == call["sample"]]
    digest = str(call["request"].get("prompt", ""))
    found = _logged(lines, ledger) if lines else _planned(call, metadata)
    return Found(found.recipes, found.sample, digest, "the ledger", found.software, found.logged)


def _is_meant(one: Logged, name: str) -> bool:
    return str(one.sample["id"]).startswith(name) or any(str(call["key"]).startswith(name) for call in one.calls)


def recipes_of(one: Logged) -> Recipes:
    """Return what makes the prompts of a logged sample's run."""
    block = one.run.block
    return Recipes(one.run.metadata, block["specification"], str((block.get("sent") or {}).get("sys", "")))


def _logged(lines: Sequence[Logged], ledger: str | None) -> Found:
    one = lines[0]
    ours = one.run.config.get("longctx") or {}
    software = str((ours.get("versions") or {}).get("lm-eval-longctx", ""))
    digest, where = one.prompt, "the log of samples"
    if not digest and one.calls and not one.in_parts:
        named = (ours.get("options") or {}).get("ledger")
        call = _call(str(one.calls[0]["key"]), ledger or named)
        digest, where = str(call["request"].get("prompt", "")) if call else "", "the ledger"
    return Found(recipes_of(one), one.sample, digest, where if digest else "", software, lines)


def _call(key: str, ledger: str | None) -> dict[str, Any] | None:
    """Return the call in the ledger whose key begins so, if there is one."""
    path = ledger_path(ledger)
    if not is_shared(path) and not Path(path).is_file():
        if ledger is not None:
            raise ConfigError(f"{path} is no ledger; leave --ledger out for the one that runs use")
        return None
    with Ledger.open(path, create=False) as opened:
        calls = opened.calls(key)
    if len(calls) > 1:
        raise ResultsError(f"{key} begins the keys of {len(calls)} calls; write more of the one that is meant")
    return calls[0] if calls else None


def _planned(call: Mapping[str, Any], metadata: str) -> Found:
    """Plan a call's task to find its sample: the ledger keeps its name and the prompt's digest, not the recipe."""
    from lm_eval_longctx.harness.planning import one_task, read_metadata

    task = one_task(str(call["task"]), read_metadata(metadata))
    asked = (part for one in task.test_docs() for part in task.builder.parts(one))
    sample = next((one for one in asked if one["id"] == call["sample"]), None)
    if sample is not None:
        recipes = Recipes(task.config.metadata, task.sweep.to_dict(), task.config.description or "")
        return Found(recipes, sample, "", "")
    raise ResultsError(
        f"the ledger knows call {call['key'][:16]} as sample {call['sample']} of {call['task']}, which this task does "
        "not ask as it stands: name the results too (lm-eval-longctx show KEY RESULTS), or --metadata as in the run"
    )
