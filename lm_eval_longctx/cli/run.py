"""``lm-eval-longctx run``: lm-eval's own ``run``, with our tasks and model in it for certain."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = {"-h", "--help"}


def run(args: argparse.Namespace) -> int:
    """Hand everything to lm-eval; below its help stands what our model takes."""
    from lm_eval_longctx.harness.command_line import run_lm_eval

    status = run_lm_eval(with_retry(args.rest))
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


def model_help() -> str:
    """Return the arguments of ``--model longctx``."""
    from lm_eval_longctx.cli.table import option_table
    from lm_eval_longctx.harness.model_args import MODEL, OPTIONS
    from lm_eval_longctx.plugins.manager import registry

    providers = ", ".join(record.name for record in registry().providers())
    return (
        "\n--model longctx takes --model_args NAME=VALUE,NAME=VALUE,...\n\n"
        f"{option_table((MODEL, *OPTIONS), 'model_args')}\n\n"
        f"and those of the model's provider (lm-eval-longctx plugins NAME lists them): {providers}\n"
        "lm-eval-longctx tasks NAME lists what --metadata may set on a task"
    )
