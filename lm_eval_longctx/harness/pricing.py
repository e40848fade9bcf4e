"""What a planned run costs: its calls, priced, with what the ledger has of them and what the model does not take."""

from __future__ import annotations

import math
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
from lm_eval_longctx.backend.refusals import refusal, stand_ins
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.estimating import MARGIN
from lm_eval_longctx.prompt import Prompt
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.cascaded import Cascaded
from lm_eval_longctx.providers.media import MediaRoute, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.backend import Limits
    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.harness.planning import Asked
    from lm_eval_longctx.providers.base import Provider

REASONING = 1000
"""Tokens of hidden reasoning that a call is expected to use, where the model reasons and nobody says otherwise."""


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
        estimated: Whether any prompt tokens were reckoned rather than counted; each cell says of how many calls.
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


def make_plan(
    model: LongctxLM, asked: Sequence[Asked], reasoning: int, texts: dict[tuple[str, str], int] | None = None
) -> Plan:
    """Price the calls of a run.

    Args:
        model: As it would be asked.
        asked: Every call.
        reasoning: Tokens of hidden reasoning that each call is expected to use, where the model reasons.
        texts: What plans of several models share: how many bytes of text a sample is, by its id and its recipe, so
            that none is rendered again.
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
    texts = {} if texts is None else texts
    calls = [_planned(a, provider, hidden, texts) for a in asked]
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
        any(call.estimated for call in calls),
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


def _planned(asked: Asked, provider: Provider, hidden: int, texts: dict[tuple[str, str], int]) -> PlannedCall:
    sample, job = asked.sample, asked.job
    tokens = prompt_tokens(sample, asked.modality, provider.capabilities, asked.size)
    room = job.settings.max_output_tokens
    budget = provider.output_budget(Request(Prompt.user(), job.settings))
    answer = answer_tokens(sample, room) + min(hidden, budget - room)
    names = (job.task, str(sample["context_label"]), job.sample, job.repeat, job.group)
    reckoned = bool(sample["haystack"].get("estimated"))
    content = (sample["id"], str(sample["recipe_digest"]))
    text = texts.get(content)
    if text is None:
        rendered = set(job.modalities) == {"text"} and not (reckoned and "bytes" in sample)
        text = texts[content] = most_text(sample, job.render() if rendered else None)
    text = math.ceil(text * (1 + MARGIN)) if reckoned else text
    return PlannedCall(*names, job.order, tokens, text, answer, budget, refusal(sample, job, provider), reckoned)
