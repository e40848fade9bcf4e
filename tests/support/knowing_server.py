"""A model behind the local server that knows a paper's questions: it answers right, wrong, or not, by a fixed rule."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.answers import right_answers
from lm_eval_longctx.harness.planning import make_model, one_task
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.scorers.base import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.papers import Arm, Part
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.scorers.base import Scorer
    from lm_eval_longctx.testing.state import Asked

MANNERS = ("right", "right", "wrong", "abstaining")
SAID = {"wrong": "The answer is 1000003.", "abstaining": "I cannot tell: it is not in the text."}


@dataclass(frozen=True)
class Known:
    """A question of a paper, with what the model says to it."""

    part: Part
    arm: Arm
    scorer: Scorer
    sample: Mapping[str, Any]
    answer: str
    values: Mapping[str, Any]


class KnowingModel:
    """What the server's model says: ``state.answer = KnowingModel(parts, "small", model_args)``.

    Attributes:
        known: The questions by what is sent for them.
        unknown: Beginnings of what was sent besides.
    """

    def __init__(self, parts: Iterable[Part], scale: str, model_args: str) -> None:
        """Plan every run of the parts, as a model of these arguments would be asked."""
        self.known: dict[str, Known] = {}
        self.unknown: list[str] = []
        model = make_model(model_args)
        for part in parts:
            for arm in part.arms.get(scale, ()):
                task = one_task(arm.task, arm.metadata)
                task.build_all_requests(limit=None, rank=model.rank, world_size=1)
                if task.OUTPUT_TYPE == "generate_until":  # others ask for no answer
                    for instance in task.instances:
                        prompt = model._job(instance, 0).render()
                        self.known[_key(*_sent(prompt))] = _known(part, arm, task, instance.doc)

    def __call__(self, asked: Asked) -> str:
        """Return the answer to a question."""
        found = self.found(asked)
        if found is None:
            self.unknown.append(f"{asked.text[:200]} ... {asked.text[-200:]}")
        return found.answer if found else ""

    def found(self, asked: Asked) -> Known | None:
        """Return what is known of a question."""
        return self.known.get(_key(asked.text, [content for kind, _, content in asked.pieces if kind != "text"]))

    def rows(self, part: Part, *, without: frozenset[str] = frozenset()) -> dict[tuple[str, str], float]:
        """Return what a table should have, by condition and length: its metric over what the model said.

        Args:
            part: The table.
            without: Ids of samples that got no answer.
        """
        groups: dict[tuple[str, str], list[Any]] = {}
        aggregates = {}
        for one in (one for one in self.known.values() if one.part.id == part.id and one.sample["id"] not in without):
            length = one.sample["context_label"] if part.by_length else ""
            for metric, condition in _shown(part, one):
                if (value := one.values.get(metric)) is not None:
                    groups.setdefault((condition, length), []).append(value)
                    aggregates[condition] = next(m.aggregate for m in one.scorer.METRICS if m.name == metric)
        return {place: aggregates[place[0]](values) for place, values in groups.items()}


def _shown(part: Part, one: Known) -> list[tuple[str, str]]:
    """Return the metrics of a question that the table shows, each with what the table calls it."""
    if metrics := part.by.get("metric"):
        return list(metrics.items())
    for factor, names in part.by.items():
        value = dict(piece.partition("=")[::2] for piece in one.sample["variant"].split(","))[factor]
        return [(one.arm.metric, names[value])]
    return [(one.arm.metric, one.arm.condition)]


def _known(part: Part, arm: Arm, task: LongctxTask, sample: Any) -> Known:
    revealed = task.builder.reveal(sample)
    manner = Rng(f"manner|{sample['id']}").choice(MANNERS)
    answer = SAID.get(manner) or right_answers(revealed)[0]
    values = judge(task.scorer, revealed, answer).values
    return Known(part, arm, task.scorer, sample, answer, values or {})


def _sent(prompt: Prompt) -> tuple[str, list[str]]:
    parts = list(prompt.parts())
    text = "".join(part.text for part in parts if isinstance(part, TextPart)) + (prompt.answer_prefix or "")
    return text, [part.digest for part in parts if not isinstance(part, TextPart)]


def _key(text: str, media: Iterable[str]) -> str:
    plain = "".join(text.split()) + "".join(media)
    return hashlib.sha256(plain.encode()).hexdigest()
