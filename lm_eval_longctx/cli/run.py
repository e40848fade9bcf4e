"""``lm-eval-longctx run``: lm-eval's own ``run``, with our tasks and model in it for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_HELP = {"-h", "--help"}


def run(args: argparse.Namespace) -> int:
    """Hand everything to lm-eval; below its help stands what our model takes."""
    from lm_eval_longctx.harness.command_line import run_lm_eval

    status = run_lm_eval(args.rest)
    if _HELP.intersection(args.rest):
        print(model_help())
    return status


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
