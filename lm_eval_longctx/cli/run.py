"""``lm-eval-longctx run``: lm-eval's own ``run``, with our tasks and model in it for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Hand everything to lm-eval."""
    from lm_eval_longctx.harness.command_line import run_lm_eval

    return run_lm_eval(args.rest)
