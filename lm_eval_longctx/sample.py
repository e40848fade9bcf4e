"""A sample: what a task asks, as plain values from which the prompt follows.

This is the product's central value, and lm-eval's *doc*: about 1 kB, so that a
sweep to ten million tokens fits in memory, logs stay small and a run resumes
by sample. Samples stay dictionaries, because lm-eval logs, hashes and stores
them as JSON; their keys and types are declared here and, for what one family
of tasks adds, in that family's ``builder.py``. A test compares every generated
task's samples with what is declared.

The form has no number of its own: a sample is known by ``task`` and
``version``, and whatever changes one of its values raises the task's version.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, TypedDict

from lm_eval_longctx.plan import PlannedSample
from lm_eval_longctx.units import Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Mapping


class _HaystackFacts(TypedDict):
    """What every sample says of its hay."""

    spec: str
    digest: str
    repeats: float


class Haystack(_HaystackFacts, total=False):
    """The hay of a sample.

    Attributes:
        overlap: Share of it that samples of the same cell with a lower index have too, 0 to 1; 0 where it is their own.
        spec: The source as the user wrote it, such as ``books:/path``.
        digest: Of its content; a sample is rendered from this hay and no other.
        repeats: How often the hay begins again in this context; 0 where nothing occurs twice.
        licence: Of the hay, where it is known.
        pool_seconds: Sound that there is before it begins again, in seconds.
        voices: Who speaks, where that is made.
        reading: The version of what made voices read.
        folder: Where recordings lie.
        films: The user's own films, by name.
        estimated: How long it is was only reckoned, as for plans; such a sample is never sent.
    """

    overlap: float
    licence: str
    pool_seconds: float
    voices: list[str]
    reading: str
    folder: str
    films: list[str]
    estimated: bool


class Planned(TypedDict):
    """Where in the sweep a sample stands: all that its name and its random numbers depend on.

    Attributes:
        id: Sixteen hexadecimal digits; the same wherever and whenever the sample is made.
        task: The task's name.
        version: The task's version.
        seed: The sweep's seed.
        context_length: Asked length of the whole prompt, in ``unit``.
        context_label: The same as people write it, such as ``128k``.
        unit: A ``Unit``'s value, such as ``tokens`` or ``seconds``.
        tokenizer: What measures tokens; empty for other units.
        depth: Asked fraction of the hay before the needle, in [0, 1], or ``None``.
        index: Which of its cell's samples, from 0.
        variant: Tells samples apart that share everything above; may be empty.
    """

    id: str
    task: str
    version: str
    seed: int
    context_length: float
    context_label: str
    unit: str
    tokenizer: str
    depth: float | None
    index: int
    variant: str


class _Asked(Planned):
    """What every sample has beside its place in the sweep."""

    haystack: Haystack
    question: str
    target: Any
    realised_length: float
    realised_depth: float | None


class Sample(_Asked, total=False):
    """One sample of a task; families add keys of their own.

    Attributes:
        haystack: The hay.
        question: What is asked, for people to read.
        target: What the scorer compares with: a text, texts, or a mapping of texts.
        realised_length: What came out, in ``unit``; never more than asked where a length is asked.
        realised_depth: Exact fraction of the hay before the needle, or ``None``.
        absent: The right answer is that it is not there.
        chance: What a guess scores on average, where the question leaves few answers, such as 0.5.
        kind: The kind of question.
        control: Asked to compare with, such as without the document; in no headline.
        cluster: Samples that share their hay have the same, and are not independent.
        private: The texts of this benchmark must not be logged; ``Builder.reveal`` has them.
        licence: Of the material, where it is not the hay's.
        media_tokens: What pictures, sound and film are expected to cost, in tokens.
        tokens_by_kind: Expected tokens of each kind of content, where a prompt mixes several.
        media: Of such a prompt, how many pictures, recordings and films it has: for each kind its number, and the
            seconds and looks a second of one.
        planned_tokens: The whole prompt's expected tokens, where ``unit`` is none of tokens.
        bytes: The whole prompt's expected bytes, where tokens would mislead.
        max_gen_toks: The least room for the answer, in tokens.
        label_length: What ``context_label`` stands for, where less came out than was asked; in ``unit``.
        asked_label: What the label would be by what was asked; where there is a ``label_length``.
        own_tokens: How lengths in the model's own tokens were reckoned.
        unasked: Why no model is asked it, where none is: it is ``unsupported`` and has no score.
        recipe_digest: Of all that decides the sample's content; the harness adds it.
    """

    absent: bool
    chance: float
    kind: str
    control: bool
    cluster: str
    private: bool
    licence: str
    media_tokens: int
    tokens_by_kind: dict[str, int]
    media: dict[str, list[float]]
    planned_tokens: int
    bytes: int
    max_gen_toks: int
    label_length: float
    asked_label: str
    own_tokens: dict[str, Any]
    unasked: str
    recipe_digest: str


def planned_part(plan: PlannedSample, tokenizer: str) -> Planned:
    """Return what a sample has of its plan; ``planned`` is the way back."""
    return {
        "id": plan.id,
        "task": plan.task,
        "version": plan.version,
        "seed": plan.seed,
        "context_length": plan.length.amount,
        "context_label": plan.length.label,
        "unit": plan.length.unit.value,
        "tokenizer": tokenizer,
        "depth": plan.depth,
        "index": plan.index,
        "variant": plan.variant,
    }


def planned(sample: Planned) -> PlannedSample:
    """Return the planned sample that a sample was made from."""
    return PlannedSample(
        task=sample["task"],
        version=sample["version"],
        seed=sample["seed"],
        length=parse_length(sample["context_length"], Unit(sample["unit"]), sample["tokenizer"]),
        depth=sample["depth"],
        index=sample["index"],
        variant=sample["variant"],
    )


_LATER = ("label_length", "asked_label", "recipe_digest")
"""What is written into a sample once its recipe is complete."""


def recipe_digest(sample: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return the digest of all that decides a sample's content: the same before and after it was called otherwise.

    Args:
        sample: The sample.
        options: Those of its sweep.
    """
    recipe = {key: value for key, value in sample.items() if key not in _LATER}
    if "asked_label" in sample:
        recipe["context_label"] = sample["asked_label"]
    plain = json.dumps([recipe, dict(options)], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
