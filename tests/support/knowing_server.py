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
    from lm_eval_longctx.testing.state import Asked

MANNERS = ("right", "right", "wrong", "abstaining")
SAID = {"wrong": "The answer is 1000003.", "abstaining": "I cannot tell: it is not in the text."}


@dataclass(frozen=True)
class Known:
    """A question of a paper, with what the model says to it."""

    part: Part
    arm: Arm
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
        text = "".join(content for kind, _, content in asked.pieces if kind == "text")
        media = [content for kind, _, content in asked.pieces if kind != "text"]
        found = self.known.get(_key(text, media))
        if found is None:
            self.unknown.append(f"{text[:200]} ... {text[-200:]} {media}")
        return found.answer if found else ""


def _known(part: Part, arm: Arm, task: LongctxTask, sample: Any) -> Known:
    revealed = task.builder.reveal(sample)
    manner = Rng(f"manner|{sample['id']}").choice(MANNERS)
    answer = SAID.get(manner) or right_answers(revealed)[0]
    values = judge(task.scorer, revealed, answer).values
    return Known(part, arm, sample, answer, values or {})


def _sent(prompt: Prompt) -> tuple[str, list[str]]:
    parts = list(prompt.parts())
    text = "".join(part.text for part in parts if isinstance(part, TextPart)) + (prompt.answer_prefix or "")
    return text, [part.digest for part in parts if not isinstance(part, TextPart)]


def _key(text: str, media: Iterable[str]) -> str:
    plain = "".join(text.split()) + "".join(media)
    return hashlib.sha256(plain.encode()).hexdigest()
