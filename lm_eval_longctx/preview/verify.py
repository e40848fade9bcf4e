"""Is a prompt that was made again the one that was sent? And if not, what differs?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LongctxError, ResultsError
from lm_eval_longctx.sample import planned, recipe_digest
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lm_eval_longctx.preview.recipes import Recipes
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sample import Sample

_CALLED = frozenset({"context_label", "label_length", "asked_label", "own_tokens", "recipe_digest"})
"""Keys of a sample that the harness writes or changes after the builder made it."""

_SHOWN = 60


def made_again(
    recipes: Recipes, sample: Sample, recorded: str, *, software: str = "", installed: Callable[[], str] = str
) -> Prompt:
    """Return a sample's prompt, which is the one that was sent.

    Args:
        recipes: Of the run.
        sample: As the log of samples has it.
        recorded: The digest of the prompt that was sent; empty where nobody recorded it.
        software: The version of this package that ran, if it is known.
        installed: Tells the task's version as it is installed now; asked only if something differs.

    Raises:
        ResultsError: It cannot be made, or is another one; says what differs.
    """
    why: LongctxError | None = None
    try:
        prompt = recipes.prompt(sample)
        same = recorded in {"", prompt.digest}
        if same and not _changed(recipes, sample):
            return prompt
        told = "its recipe is another" if same else f"its digest is {prompt.digest[:16]}, recorded is {recorded[:16]}"
    except LongctxError as error:
        why, told = error, str(error)
    reasons = list(_differences(recipes, sample, software, installed()))
    cause = "; ".join(reasons) or "nothing of what was recorded differs, so the software or the machine does"
    raise ResultsError(f"sample {sample['id']} cannot be shown as it was sent ({told}). What differs: {cause}") from why


def _changed(recipes: Recipes, sample: Sample) -> bool:
    """Whether a sample, or the options of its run, are others than when it was made."""
    recorded = sample.get("recipe_digest")
    return recorded is not None and recorded != recipe_digest(sample, recipes.sweep.options)


def _differences(recipes: Recipes, sample: Sample, software: str, version: str) -> Iterator[str]:
    if _changed(recipes, sample):
        yield "recipe: the sample, or the options of its run, were changed after the run"
    if sample["seed"] != recipes.sweep.seed:
        yield f"seed: {sample['seed']} in the sample, {recipes.sweep.seed} in the run"
    if version and version != sample["version"]:
        yield f"version of the task: {sample['version']} then, {version} now"
    if software and software != __version__:
        yield f"version of lm-eval-longctx: {software} then, {__version__} now"
    yield from _planned_anew(recipes, sample)


def _planned_anew(recipes: Recipes, sample: Sample) -> Iterator[str]:
    """Yield in what a sample differs from the one that is made in its place now."""
    try:
        anew: dict[str, Any] = json.loads(json.dumps(recipes.builder(sample).sample(planned(sample)), default=str))
    except LongctxError as error:
        yield str(error)
        return
    then: dict[str, Any] = dict(sample)
    hay, now = then.get("haystack") or {}, anew.get("haystack") or {}
    if hay.get("digest") != now.get("digest"):
        yield f"corpus: {hay.get('spec')} had digest {str(hay.get('digest'))[:16]}, now {str(now.get('digest'))[:16]}"
    for key in sorted((anew.keys() | then.keys()) - _CALLED - {"haystack"}):
        if then.get(key) != anew.get(key):
            yield f"{key}: {_short(then.get(key))} then, {_short(anew.get(key))} now"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
