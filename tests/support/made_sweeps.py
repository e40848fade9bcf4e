"""Makes sweeps with known answers, for tests of results and reports."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.plan import expand
from lm_eval_longctx.results import SampleResult, sweep_block
from lm_eval_longctx.sample import planned_part
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.sweep import Sweep, parse_sweep
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lm_eval_longctx.plan import PlannedSample

TARGET = "3141592"
HAY = {"spec": "books:/somewhere/novel.txt", "digest": "ab12cd34" * 8, "repeats": 0}
SCORER = RetrievalScorer({})


def make_sweep(**metadata: Any) -> Sweep:
    """Parse a small text sweep."""
    given = {"version": 1, "context_lengths": ["1k", "8k", "128k"], "depths": 5, "samples_per_cell": 2, **metadata}
    return parse_sweep(given, task="longctx_text_niah", unit=Unit.TOKENS)


def make_sample(sample: PlannedSample, sweep: Sweep) -> dict[str, Any]:
    """Make a sample as builders do."""
    realised = {"realised_length": sample.length.amount - 3, "realised_depth": sample.depth}
    return {
        **planned_part(sample, sweep.tokenizer),
        **realised,
        "target": TARGET,
        "question": "Which number?",
        "haystack": HAY,
    }


def judge(sample: Mapping[str, Any], answer: Completion) -> SampleResult:
    """Score as the harness does."""
    if not answer.outcome.answered or answer.outcome is Outcome.REFUSED:
        return SampleResult(sample, answer, None, answer.outcome.value)
    return SampleResult(sample, answer, SCORER.score(sample, str(answer)))


def run(sweep: Sweep, answer: Callable[[PlannedSample], Completion]) -> list[SampleResult]:
    """Answer every sample of a sweep."""
    return [judge(make_sample(sample, sweep), answer(sample)) for sample in expand(sweep)]


def lost_in_the_middle(sample: PlannedSample) -> Completion:
    """Miss what lies in the middle of long contexts, refuse one cell, and overflow at 128k from depth 0.5 on."""
    usage = Usage(prompt_tokens=int(sample.length.amount) + 20, cached_tokens=100, output_tokens=5, cost=0.001)
    if sample.length.label == "128k" and (sample.depth or 0) >= 0.5:
        return Completion("", Outcome.CONTEXT_EXCEEDED, detail="too long", seconds=0.1)
    if sample.length.label == "8k" and sample.depth == 0.25:
        return Completion("I cannot help with that.", Outcome.REFUSED, usage, seconds=0.5)
    missed = sample.length.label == "8k" and sample.depth == 0.5
    return Completion("I do not know." if missed else f"It is {TARGET}.", usage=usage, seconds=0.5)


def block(answer: Callable[[PlannedSample], Completion] = lost_in_the_middle, **metadata: Any) -> dict[str, Any]:
    """Make a sweep block."""
    sweep = make_sweep(**metadata)
    return sweep_block(sweep, SCORER.METRICS, run(sweep, answer), plugins=[{"name": "lm_eval_longctx"}])


def guessed(scores: Mapping[str, float], floor: float, count: int = 40) -> dict[str, Any]:
    """Make a sweep block whose shares of right answers are given by length, all with the same floor."""
    sweep = make_sweep(context_lengths=list(scores), depths=1, samples_per_cell=count)
    answered = run(sweep, lambda s: Completion(TARGET if s.index < scores[s.length.label] * count else "no idea"))
    return sweep_block(sweep, SCORER.METRICS, [replace(result, floor=floor) for result in answered])


def write_results(
    folder: Path, blocks: Mapping[str, Any], *, model: str = "fake/model", stamp: str = "2026-01-01T00"
) -> Path:
    """Write a result file as lm-eval does."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"results_{stamp}.json"
    configs = {task: {"task": task, "metadata": {"longctx": one}} for task, one in blocks.items()}
    data = {"results": {}, "configs": configs, "config": {"model": "longctx"}, "model_name": model, "date": 1.0}
    file.write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
    return file
