"""``lm-eval-longctx plan``: what a run will cost, before it is paid."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.estimate import (
    Cell,
    PlannedCall,
    answer_tokens,
    estimate,
    most_text,
    prompt_tokens,
    total,
    wall_seconds,
)
from lm_eval_longctx.backend.prices import unknown_price
from lm_eval_longctx.backend.refusals import refusal, stand_ins
from lm_eval_longctx.cli.table import table
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.prompt import Prompt
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.cascaded import Cascaded
from lm_eval_longctx.providers.media import MediaRoute, described
from lm_eval_longctx.screen import fitted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.backend import Limits
    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.harness.planning import Asked
    from lm_eval_longctx.providers.base import Provider

MODELS = ("longctx", "longctx-hosted")
REASONING = 1000
"""Tokens of hidden reasoning that a call is expected to use, where the model reasons and nobody says otherwise."""

_HEADS = ("task", "length", "calls", "prompt tokens", "cached", "output", "USD", "USD at most", "left out")


@dataclass(frozen=True)
class Plan:
    """A priced run.

    Attributes:
        model: ``provider/model``.
        cells: By task and length.
        prices: Of the model, if known.
        limits: Within which the run would go.
        concurrency: Requests in flight.
        reasoning: Tokens of hidden reasoning that each call is expected to use.
        window: The model's, in tokens, if known.
        ledger: The file that was looked into.
        batch: Whether everything goes in batches.
        about: The provider's description of itself.
        sent: For each task and length, in which forms its media would be sent; what is refused is not among them.
        estimated: Whether how long voices speak was only reckoned.
        adaptive: For each task with an adaptive sweep, the calls it makes at most, and those of its whole grid.
    """

    model: str
    cells: Sequence[Cell]
    prices: Prices | None
    limits: Limits
    concurrency: int
    reasoning: int
    window: int | None
    ledger: str
    batch: bool
    about: Mapping[str, Any]
    sent: Mapping[str, Sequence[str]]
    estimated: bool = False
    adaptive: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        everything = total(self.cells)
        return {
            "model": self.model,
            "cells": [cell.to_dict() for cell in self.cells],
            "total": everything.to_dict(),
            "wall_seconds": round(wall_seconds(everything, self.limits, self.concurrency), 1),
            "concurrency": self.limits.concurrency or self.concurrency,
            "requests_per_minute": self.limits.requests_per_minute,
            "tokens_per_minute": self.limits.tokens_per_minute,
            "max_cost": self.limits.max_cost,
            "prices": self.prices.describe() if self.prices else None,
            "context_window": self.window,
            "expected_reasoning_tokens": self.reasoning,
            "ledger": self.ledger,
            "batch": self.batch,
            "service_tier": self.about.get("service_tier"),
            "sent": {name: list(forms) for name, forms in self.sent.items()},
            "estimated": self.estimated,
            "adaptive": {task: {"budget": budget, "of": of} for task, (budget, of) in self.adaptive.items()},
        }


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


def make_plan(model: LongctxLM, asked: Sequence[Asked], reasoning: int) -> Plan:
    """Price the calls of a run.

    Args:
        model: As it would be asked.
        asked: Every call.
        reasoning: Tokens of hidden reasoning that each call is expected to use, where the model reasons.
    """
    if not asked:
        raise ConfigError("the tasks hold no samples; check --limit and --metadata")
    if isinstance(model.provider, Cascaded):
        raise ConfigError(
            "a plan is for one model: leave transcriber= out and plan each by itself, the transcriber with the "
            "arm in segments of a task such as asr_folder; max_cost= holds for both together when they run"
        )
    provider, takes = model.provider, model.provider.capabilities
    hidden = reasoning if takes.reasoning else 0
    backend = model.backend
    known = frozenset(backend.ledger.answered_samples(provider.NAME, provider.model, backend.asked_again))
    if backend.batch:  # nobody says whether prefix caches serve batches
        takes = replace(takes, prefix_cache="")
    calls = [_planned(a, provider, hidden) for a in asked]
    cells = estimate(calls, backend.prices, takes, known)
    return Plan(
        model.name,
        cells,
        backend.prices,
        backend.limits,
        provider.concurrency,
        hidden,
        takes.context_window,
        backend.ledger.path,
        backend.batch,
        provider.describe(),
        _sent(asked, calls, provider),
        any(a.sample["haystack"].get("estimated") for a in asked),
        _adaptive(asked),
    )


def _adaptive(asked: Sequence[Asked]) -> dict[str, tuple[int, int]]:
    """Return how many calls adaptive sweeps make at most, and how many there are."""
    budgets = {one.job.task: one.budget for one in asked if one.budget is not None}
    counts = Counter(one.job.task for one in asked)
    return {task: (min(budget, counts[task]), counts[task]) for task, budget in budgets.items()}


def _sent(asked: Sequence[Asked], calls: Sequence[PlannedCall], provider: Provider) -> dict[str, list[str]]:
    """Say in which forms each task and length would be sent."""
    route, found = getattr(provider, "media", None), defaultdict[str, list[str]](list)
    for one, call in zip(asked, calls, strict=True):
        media = stand_ins(one.sample, one.job.modalities)
        form = route.described(media) if isinstance(route, MediaRoute) else described(media)
        if media and not call.refused and form not in found[f"{call.task} {call.label}"]:
            found[f"{call.task} {call.label}"].append(form)
    return dict(found)


def _planned(asked: Asked, provider: Provider, hidden: int) -> PlannedCall:
    sample, job = asked.sample, asked.job
    tokens = prompt_tokens(sample, asked.modality, provider.capabilities, asked.size)
    room = job.settings.max_output_tokens
    budget = provider.output_budget(Request(Prompt.user(), job.settings))
    answer = answer_tokens(sample, room) + min(hidden, budget - room)
    names = (job.task, str(sample["context_label"]), job.sample, job.repeat, job.group)
    text = most_text(sample, job.render() if set(job.modalities) == {"text"} else None)
    return PlannedCall(*names, job.order, tokens, text, answer, budget, refusal(sample, job, provider))


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
        " ".join(f"{count:,} {kind}" for kind, count in cell.tokens.items() if count) or "0",
        f"{100 * cell.cached / prompt:.0f} %" if prompt else "-",
        f"{cell.output:,}",
        _money(cell.expected),
        _money(cell.most),
        ", ".join(left_out),
    ]


def _money(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"


def _notes(plan: Plan, everything: Cell) -> list[str]:
    hours = wall_seconds(everything, plan.limits, plan.concurrency) / 3600
    at_once = plan.limits.concurrency or plan.concurrency
    time = f"about {_duration(hours)} at {at_once} calls at once{_rates(plan.limits)}"
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
        lines.append("estimated      what is said in speech of our voices, from its letters: nobody speaks for a plan")
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


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.1f} h"
