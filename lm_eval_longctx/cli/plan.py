"""``lm-eval-longctx plan``: what a run will cost, before it is paid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lm_eval_longctx.backend.estimate import total, wall_seconds
from lm_eval_longctx.backend.prices import unknown_price
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.harness.pricing import REASONING, make_plan
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    import argparse

    from lm_eval_longctx.backend import Limits
    from lm_eval_longctx.backend.estimate import Cell
    from lm_eval_longctx.harness.pricing import Plan

MODELS = ("longctx", "longctx-hosted")
_HEADS = ("task", "length", "calls", "prompt tokens", "cached", "output", "USD", "USD at most", "left out")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, spelt as ``lm-eval run`` spells them."""
    parser.add_argument("--model", "-M", default="longctx", choices=MODELS, help="our model (the default)")
    parser.add_argument("--model_args", "-a", default="", metavar="ARGS", help="such as model=gemini/NAME,max_cost=20")
    parser.add_argument("--tasks", "-t", required=True, help="names, tags or patterns, separated by commas")
    parser.add_argument("--metadata", default="", metavar="JSON", help='such as \'{"context_lengths": ["4k", "1M"]}\'')
    parser.add_argument("--limit", "-L", type=float, help="samples of each task")
    parser.add_argument(
        "--include_path", action="append", default=[], metavar="DIR", help="search here too; may repeat"
    )
    parser.add_argument(
        "--reasoning",
        type=int,
        default=REASONING,
        metavar="TOKENS",
        help=f"hidden reasoning that a call is expected to use, where the model reasons (default {REASONING})",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Print calls, tokens, money and time; 0 if the run would stay within its ``max_cost``."""
    from lm_eval_longctx.harness.planning import make_model, planned_calls

    model = make_model(args.model_args)
    asked = planned_calls(
        model,
        [name.strip() for name in args.tasks.split(",") if name.strip()],
        metadata=args.metadata,
        limit=args.limit,
        include_path=args.include_path,
    )
    plan = make_plan(model, list(asked), max(0, args.reasoning))
    print(json.dumps(plan.to_dict(), indent=2) if args.json else as_text(plan))
    return 0


def as_text(plan: Plan) -> str:
    """Return a table with a line for each task and length, a total, and what was assumed."""
    everything = total(plan.cells)
    rows = [_row(cell) for cell in plan.cells]
    return f"{table([*rows, _row(everything, 'total')], _HEADS)}\n\n{fitted(_notes(plan, everything))}"


def _row(cell: Cell, name: str = "") -> list[str]:
    prompt = sum(cell.tokens.values())
    left_out = [f"{cell.known} in the ledger"] if cell.known else []
    left_out += [f"{cell.beyond} beyond the window"] if cell.beyond else []
    left_out += [f"{cell.refused} not taken"] if cell.refused else []
    return [
        name or cell.task,
        cell.label,
        str(cell.calls),
        "~" * (cell.estimated > 0)
        + (" ".join(f"{count:,} {kind}" for kind, count in cell.tokens.items() if count) or "0"),
        f"{100 * cell.cached / prompt:.0f} %" if prompt else "-",
        f"{cell.output:,}",
        money(cell.expected),
        money(cell.most),
        ", ".join(left_out),
    ]


def money(amount: float | None) -> str:
    """Write US dollars, or that nobody knows them."""
    return "unknown" if amount is None else f"{amount:,.2f}"


def _notes(plan: Plan, everything: Cell) -> list[str]:
    hours = wall_seconds(everything, plan.limits, plan.concurrency) / 3600
    at_once = plan.limits.concurrency or plan.concurrency
    time = f"about {duration(hours)} at {at_once} calls at once{_rates(plan.limits)}"
    time = "within a day, in batches" if plan.batch else time
    lines = [
        f"model          {plan.model}",
        f"prices         {_price_line(plan)}",
        f"time           {time}",
        f"text           {everything.bytes / 1e6:,.1f} MB to send",
        f"ledger         {_ledger_line(plan, everything)}",
        "assumed        tokens as the task counts them; answers as long as the right one"
        + (f" and {plan.reasoning} tokens of hidden reasoning" if plan.reasoning else ""),
        "at most        no cache, a token for each byte of text (four times what English makes), every token at its",
        "               highest price, the whole output budget used; where the provider counts, a run sets aside less",
    ]
    lines += [f"sent           {name}: {'; '.join(forms)}" for name, forms in plan.sent.items() if forms]
    if plan.estimated:
        lines += [
            "estimated      where ~ stands: speech of our voices from its letters, endless text from its beginning;",
            "               a run makes and counts everything, and what it costs at most is no more than said here",
        ]
    for task, (budget, of) in plan.adaptive.items():
        lines.append(f"adaptive       {task}: {budget} of {of} calls at most; the table is of all of them")
    cap = plan.limits.max_cost
    if cap is not None and everything.expected is not None and everything.expected > cap:
        lines.append(f"max_cost       {cap:,.2f} USD is less than expected: what does not fit will be skipped_budget")
    if everything.refused:
        lines.append(f"not taken      {everything.refused} of {everything.samples} will not be sent: {everything.why}")
    if everything.beyond:
        lines.append(f"window         {plan.window:,} tokens; longer prompts are refused and not billed")
    return lines


def _price_line(plan: Plan) -> str:
    prices = plan.prices
    if prices is None:
        return unknown_price(plan.about)
    numbers = ", ".join(f"{name} {rate}" for name, rate in sorted(prices.rates.items()))
    day = f" on {prices.looked_up}" if prices.looked_up else ""
    return f"{numbers} (USD per million tokens; {prices.source}{day})"


def _ledger_line(plan: Plan, everything: Cell) -> str:
    if not everything.known:
        return f"{plan.ledger} has none of these answers"
    return f"{plan.ledger} has {everything.known} of {everything.samples} answers, if prompts and settings are the same"


def _rates(limits: Limits) -> str:
    rates = [(limits.requests_per_minute, "requests"), (limits.tokens_per_minute, "tokens")]
    named = [f"{limit:,} {unit} a minute" for limit, unit in rates if limit]
    return ", " + " and ".join(named) if named else ", no rate limit known"


def duration(hours: float) -> str:
    """Write how long something takes in the unit that people would use."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h"
