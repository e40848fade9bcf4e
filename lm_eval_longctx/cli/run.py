"""``lm-eval-longctx run``: lm-eval's own ``run``, with our tasks and model in it for certain."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = {"-h", "--help"}


def run(args: argparse.Namespace) -> int:
    """Hand everything to lm-eval; below its help stands what our model takes."""
    from lm_eval_longctx.harness.command_line import run_lm_eval

    status = run_lm_eval(with_adaptive(with_retry(args.rest)))
    if _HELP.intersection(args.rest):
        print(model_help())
    return status


def with_retry(arguments: Sequence[str]) -> list[str]:
    """Return lm-eval's arguments, with our own ``--retry OUTCOME`` made an argument of the model.

    Raises:
        ConfigError: The model's arguments stand in a file, where ours would take their place.
    """
    parser = argparse.ArgumentParser(prog="lm-eval-longctx run", add_help=False, allow_abbrev=False)
    parser.add_argument("--retry", action="append", default=[])
    found, rest = parser.parse_known_args(list(arguments))
    if not found.retry:
        return rest
    if any(word.partition("=")[0] in {"--config", "-C"} for word in rest):
        raise ConfigError("--retry does not go with --config; write retry=OUTCOME in the file's model_args")
    return [*rest, "--model_args", f"retry={'+'.join(found.retry)}"]


def with_adaptive(arguments: Sequence[str]) -> list[str]:
    """Return lm-eval's arguments, with our own ``--adaptive [CALLS]`` made a part of the metadata.

    Raises:
        ConfigError: The number of calls is none.
    """
    rest = list(arguments)
    place = next((i for i, word in enumerate(rest) if word.partition("=")[0] == "--adaptive"), None)
    if place is None:
        return rest
    calls = rest[place].partition("=")[2] or (rest[place + 1] if rest[place + 1 : place + 2] else "")
    given = calls.isdigit()
    if "=" in rest[place] and not given:
        raise ConfigError(f"--adaptive takes a number of calls, such as --adaptive 200, not {calls!r}")
    del rest[place : place + (2 if given and "=" not in rest[place] else 1)]
    return _with_metadata(rest, "adaptive", int(calls) if given else True)


def _with_metadata(arguments: list[str], name: str, value: Any) -> list[str]:
    """Add a key to ``--metadata``, whichever of lm-eval's two spellings it has."""
    for i, word in enumerate(arguments):
        flag, equals, text = word.partition("=")
        if flag == "--metadata":
            text = text if equals else arguments[i + 1]
            added = json.dumps({**json.loads(text), name: value}) if text.lstrip().startswith("{") else None
            rest = arguments[i + (1 if equals else 2) :]
            return [*arguments[:i], "--metadata", added or f"{text},{name}={str(value).lower()}", *rest]
    return [*arguments, "--metadata", json.dumps({name: value})]


def model_help() -> str:
    """Return the arguments of ``--model longctx``."""
    from lm_eval_longctx.cli.table import option_table
    from lm_eval_longctx.harness.model_args import MODEL, OPTIONS
    from lm_eval_longctx.plugins.manager import registry
    from lm_eval_longctx.screen import fitted

    providers = ", ".join(record.name for record in registry().providers())
    return fitted(
        [
            "",
            "--adaptive [CALLS] asks only what tells how far the model reads (the metadata key adaptive; docs/cost.md)",
            "",
            "--model longctx takes --model_args NAME=VALUE,NAME=VALUE,...",
            "",
            *option_table((MODEL, *OPTIONS), "model_args").splitlines(),
            "",
            f"and those of the model's provider (lm-eval-longctx plugins NAME lists them): {providers}",
            "lm-eval-longctx tasks NAME lists what --metadata may set on a task",
        ]
    )
