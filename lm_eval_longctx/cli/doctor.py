"""``lm-eval-longctx doctor``: why lm-eval does not show our tasks or our model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.cli.installation import installation_checks
from lm_eval_longctx.harness.checks import Finding, Level, harness_checks

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--include_path",
        action="append",
        default=[],
        metavar="DIR",
        help="does this folder hide tasks of ours? may repeat",
    )


def run(args: argparse.Namespace) -> int:
    """Print every finding as it is made; 1 if anything does not work that should."""
    failed = 0
    for findings in (installation_checks(), harness_checks(args.include_path)):
        for finding in findings:
            print(as_text(finding), flush=True)
            failed += finding.level is Level.FAIL
    print(f"\n{failed} found that must be put right" if failed else "\nall is well")
    return 1 if failed else 0


def as_text(finding: Finding) -> str:
    """Return one line, and a second with the advice."""
    advice = f"\n      -> {finding.advice}" if finding.advice else ""
    return f"{finding.level.value:<4}  {finding.text}{advice}"
