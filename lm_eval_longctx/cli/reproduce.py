"""``lm-eval-longctx reproduce``: a paper's tables with one command, ours beside the published figures."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.cli.plan import MODELS, money
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.pricing import REASONING
from lm_eval_longctx.papers import SCALES, chosen_parts, paper_names, read_paper
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.papers import Paper
    from lm_eval_longctx.reproduction import Choice, Finished, Section, Step

_HEADS = ("part", "condition", "task", "calls", "prompt tokens", "USD", "USD at most", "left out")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those that ``lm-eval run`` has too are spelt as there."""
    add, known = parser.add_argument, ", ".join(paper_names())
    add("paper", metavar="PAPER", nargs="?", help=f"{known}, or the path of a paper's YAML file (docs/reproduce.md)")
    add("--model", "-M", default="longctx", help="ours (the default), or any of lm-eval's, which are not priced")
    add("--model_args", "-a", default="", metavar="ARGS", help="such as model=gemini/NAME")
    add("--only", metavar="PARTS", help="parts that --plan names, such as kalamang,asr (all)")
    add("--scale", default="full", choices=SCALES, help="small: the same protocol in minutes, without data (full)")
    add("--max-cost", type=float, metavar="USD", help="refuse a dearer plan, and spend no more in the whole run")
    add("--data", action="append", default=[], metavar="NAME=PATH", help="where data of yours lie; may repeat")
    add("--output_path", "-o", metavar="DIR", help="the run's folder (default: named after paper, model and scale)")
    add("--limit", "-L", type=float, help="samples of each task")
    add("--include_path", action="append", default=[], metavar="DIR", help="search tasks here too; may repeat")
    add("--reasoning", type=int, default=REASONING, metavar="TOKENS", help=f"as for plan (default {REASONING})")
    add("--plan", "--dry-run", action="store_true", help="only tell what would run and what it costs")
    add("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Tell the plan, run it, and print every table; the first exit status of a part that is not 0 is the command's.

    Raises:
        ConfigError: No paper is named, or what is asked for cannot be.
    """
    from lm_eval_longctx.harness.planning import make_model, refuse_unknown_model
    from lm_eval_longctx.reproduction import Choice, make_steps, refuse_beyond

    if not args.paper:
        raise ConfigError(f"name a paper: {', '.join(paper_names())}, or the path of a paper's YAML file")
    paper = read_paper(args.paper)
    parts = chosen_parts(paper, args.only)
    choice = Choice(args.scale, _data(args.data), _limit(args.limit), tuple(args.include_path), max(0, args.reasoning))
    refuse_unknown_model(args.model)
    model = make_model(args.model_args) if args.model in MODELS else None
    most = _most(args, model)
    steps = make_steps(paper, parts, model, choice, _tell)
    if args.plan or not args.json:
        print(_plan_as_json(paper, steps) if args.json else plan_as_text(paper, steps, _name(args, model)), flush=True)
    refuse_beyond(steps, most)
    return 0 if args.plan else _carry_out(args, paper, steps, choice, model, most)


def _limit(given: float | None) -> float | None:
    if given is not None and not 0 < given < float("inf"):
        raise ConfigError(f"--limit must be more than 0, not {given:g}")
    return given


def _data(given: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=PATH``.

    Raises:
        ConfigError: One has another form.
    """
    pairs = [one.partition("=") for one in given]
    for name, equals, path in pairs:
        if not (name and equals and path):
            raise ConfigError(f"--data {name}{equals}{path}: write NAME=PATH, such as --data mtob=/path/dataset.zip")
    return {name: path for name, _, path in pairs}


def _most(args: argparse.Namespace, model: LongctxLM | None) -> float | None:
    """Return what the whole run may cost, wherever the user says so.

    Raises:
        ConfigError: It is said twice, is no amount, or the model is one whose calls nobody prices.
    """
    said: float | None = model.args.options["max_cost"] if model else None
    given: float | None = args.max_cost
    if given is None:
        return said
    if said is not None:
        raise ConfigError("max_cost stands in --model_args, and --max-cost beside it; leave one of the two out")
    if model is None:
        raise ConfigError(f"--max-cost needs a model that is priced, and {args.model} is none; use --model longctx")
    if not 0 <= given < float("inf"):
        raise ConfigError(f"--max-cost must be a finite number, 0 or more, not {given:g}")
    return given


def _name(args: argparse.Namespace, model: LongctxLM | None) -> str:
    return model.name if model else f"{args.model} {args.model_args}".strip()


def _carry_out(
    args: argparse.Namespace,
    paper: Paper,
    steps: Sequence[Step],
    choice: Choice,
    model: LongctxLM | None,
    most: float | None,
) -> int:
    from lm_eval_longctx.ledger.address import ledger_path
    from lm_eval_longctx.reproduction import Finished, Purse, as_dict, held, readable, refuse_nothing, run_steps

    refuse_nothing(steps)
    name = _name(args, model)
    path = None
    if model is not None and model.args.options["ledger"] != "none":
        path = ledger_path(model.args.options["ledger"])
    purse = Purse.open(most, path, _whose(model))
    output = Path(args.output_path or re.sub(r"[^\w.-]+", "-", f"{paper.name}-{name}-{args.scale}"))
    with held(output):
        done = list(map(readable, run_steps(steps, (args.model, args.model_args), output, purse, choice, _tell)))
        finished = Finished(paper, args.scale, name, tuple(done), purse.spent())
        print(json.dumps(as_dict(finished), indent=2) if args.json else as_text(finished), flush=True)
        _write(finished, output, told=not args.json)  # last, so that a full disk takes no table from the screen
    return next((ran.status for ran in done if ran.status), 0)


def _write(finished: Finished, output: Path, *, told: bool) -> None:
    from lm_eval_longctx.reproduction import write_pages

    written = write_pages(finished, output)
    if told:
        print("\n".join(["wrote", *(f"  {path}" for path in written)]))


def _whose(model: LongctxLM | None) -> dict[str, str]:
    """Return which calls of the ledger are the run's; a cascade's are of two models, so every call is counted."""
    from lm_eval_longctx.providers.cascaded import Cascaded

    if model is None or isinstance(model.provider, Cascaded):
        return {}
    return {"provider": model.args.provider, "model": model.args.model}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def plan_as_text(paper: Paper, steps: Sequence[Step], model: str) -> str:
    """Return what would run, what it costs, and what cannot run and why."""
    from lm_eval_longctx.reproduction import expected

    running = [step for step in steps if not step.lacking]
    rows = [_plan_row(step) for step in running]
    cost = expected(steps)
    told = "unknown" if cost is None else f"{cost:,.2f} USD for what can be priced"
    lines = [
        f"paper     {paper.title}",
        f"model     {model}",
        f"expected  {told}, in {_runs(len(running))}",
    ]
    lines += [f"not run   {called}: {why}" for called, why in _lacking(steps)]
    return "\n\n".join([*([table(rows, _HEADS)] if rows else []), fitted(lines), ""])


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _lacking(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Return what cannot run, and why: conditions of one part that lack the same together."""
    found: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        if step.lacking:
            found.setdefault((step.part.id, step.lacking), []).append(step.condition)
    return [
        (": ".join(filter(None, (part, "; ".join(filter(None, names))))), why) for (part, why), names in found.items()
    ]


def _plan_row(step: Step) -> list[str]:
    cell, task = step.cost, step.arm.task if step.arm else ""
    if cell is None:
        return [step.part.id, step.condition, task, "?", "?", "unknown", "unknown", "not priced"]
    counts = ((cell.known, "in the ledger"), (cell.beyond, "beyond the window"), (cell.refused, "not taken"))
    tokens = f"{sum(cell.tokens.values()):,}"
    left = ", ".join(f"{count} {what}" for count, what in counts if count)
    return [step.part.id, step.condition, task, str(cell.calls), tokens, money(cell.expected), money(cell.most), left]


def _plan_as_json(paper: Paper, steps: Sequence[Step]) -> str:
    from lm_eval_longctx.reproduction import expected

    told = [
        {
            "part": step.part.id,
            "condition": step.condition,
            "task": step.arm.task if step.arm else None,
            "metadata": dict(step.metadata),
            "cost": step.cost.to_dict() if step.cost else None,
            "lacking": step.lacking,
        }
        for step in steps
    ]
    return json.dumps({"paper": paper.name, "expected": expected(steps), "steps": told}, indent=2)


def as_text(finished: Finished) -> str:
    """Return every table with its notes."""
    from lm_eval_longctx.reproduction import sections

    shown = "\n\n".join(_section(section) for section in sections(finished))
    return "\n".join([shown, "", f"spent {finished.spent:,.2f} USD"])


def _section(section: Section) -> str:
    shown = [table(section.rows, section.heads)] if section.rows else []
    return "\n".join([fitted([section.title]), "", *shown, fitted(f"  {note}" for note in section.notes)])
