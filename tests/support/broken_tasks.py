"""A small task that is as it should be, and one for each way in which a task can be broken.

The context is a list of notes; a letter in it names a town, and the town's
number is asked for. The module is a plugin: ``install`` makes a distribution
of it that this and other processes find.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lm_eval_longctx import hookimpl
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.plugins.records import BuilderRecord, ScorerRecord
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import planned_part
from lm_eval_longctx.scorers.retrieval import RetrievalScorer
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "ash bark clay dew elm fern gorse heath iris jute kelp loam moss nut oak peat quill reed sage thorn".split()
TOWNS = "Abling Borrow Cressing Dunmow Elmstead Foxearth Gosfield Halstead".split()
QUESTION = "What is the number of the town that the letter names? Answer with the number only."


class Healthy(Builder):
    """Notes with a letter and a number, half of the context apart."""

    SCORER = "retrieval"
    OPTIONS = (Option("digits", 7, "digits of the number", minimum=3, maximum=12),)

    def rng(self, plan, label):
        return plan.rng(label)

    def sample(self, plan):
        if self.sweep.haystack != "notes":
            raise ConfigError(f"{self.sweep.task} makes its own notes; leave haystack out")
        lines, depth, letter = self.lines(plan)
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": "notes", "digest": "notes 1", "repeats": 0},
            "question": QUESTION,
            "target": self.value(plan),
            "lines": len(lines),
            "evidence": [["letter", letter], ["number", depth]],
            "realised_length": load_tokenizer(self.sweep.tokenizer).count(self.text(lines)),
            "realised_depth": depth,
        }

    def render(self, sample):
        from lm_eval_longctx.sample import planned

        lines, _, _ = self.lines(planned(sample))
        return Prompt.user(TextPart("\n".join(lines), shared=True), TextPart(f"\n\n{QUESTION}"))

    def text(self, lines):
        return "\n".join(lines) + f"\n\n{QUESTION}"

    def value(self, plan):
        digits = self.sweep.options["digits"]
        return str(10 ** (digits - 1) + self.rng(plan, "value").below(9 * 10 ** (digits - 1)))

    def lines(self, plan):
        """Return the notes, and the depths of the number and of the letter."""
        count = load_tokenizer(self.sweep.tokenizer).count
        rng, town = self.rng(plan, "hay"), self.rng(plan, "town").choice(TOWNS)
        needles = [f"The letter names {town}.", f"The number of {town} is {self.value(plan)}."]
        room = plan.length.amount - count(self.text(needles)) - 8
        notes, used = [], 0
        while used < room - 24:
            notes.append(f"Note: {' '.join(rng.choice(WORDS) for _ in range(9))}.")
            used += count(notes[-1] + "\n")
        return self.placed(notes, needles, plan.depth)

    def placed(self, notes, needles, depth):
        at = [round(place * len(notes)) for place in (self.letter_depth(depth), depth)]
        lines = list(notes)
        for place, line in sorted(zip(at, needles, strict=True), reverse=True):
            lines.insert(place, line)
        number, letter = lines.index(needles[1]), lines.index(needles[0])
        return lines, number / len(lines), letter / len(lines)

    def answer_from(self, sample, first, last):
        return sample["target"] if all(first <= depth < last for _, depth in sample["evidence"]) else None

    def letter_depth(self, depth):
        return (depth + 0.5) % 1 if depth != 0.5 else 0.0


class Refuses(Healthy):
    def samples(self):
        raise ConfigError("there are no notes today")


class IgnoresAnOption(Healthy):
    def value(self, plan):
        return str(10**6 + self.rng(plan, "value").below(9 * 10**6))


class TakesAnyHay(Healthy):
    def sample(self, plan):
        object.__setattr__(self.sweep, "haystack", "notes")
        return super().sample(plan)


class Deaf(RetrievalScorer):
    """Finds no answer right."""

    def score(self, sample, answer):
        return {**super().score(sample, answer), "exact": 0.0}


class IsNeverRight(Healthy):
    SCORER = "deaf"


class AlwaysTheSameAnswer(Healthy):
    def value(self, _):
        return "4711471"


class NearTogether(Healthy):
    def letter_depth(self, depth):
        return depth


class NeedsNoLetter(Healthy):
    """The number alone gives the answer, since it is the only one."""

    def answer_from(self, sample, first, last):
        number = dict(sample["evidence"])["number"]
        return sample["target"] if first <= number < last else None


class SaysItTwice(Healthy):
    def placed(self, notes, needles, depth):
        return super().placed([*notes[:-1], f"Mind {needles[1].split()[-1]}"], needles, depth)


class SaysAnotherDepth(Healthy):
    def sample(self, plan):
        made = super().sample(plan)
        return {**made, "realised_depth": 1 - made["realised_depth"] if plan.depth != 0.5 else 0.0}


class SaysAnotherLength(Healthy):
    def sample(self, plan):
        return {**super().sample(plan), "realised_length": plan.length.amount}


class TooLong(Healthy):
    def sample(self, plan):
        return {**super().sample(plan), "context_length": plan.length.amount // 2}


class CallsItLonger(Healthy):
    def sample(self, plan):
        return {**super().sample(plan), "context_label": "64k"}


class SameHay(Healthy):
    def rng(self, plan, label):
        return Rng("always") if label == "hay" else plan.rng(label)


class IgnoresTheIndex(Healthy):
    def rng(self, plan, label):
        return Rng(f"{label}{plan.seed}{plan.length}{plan.depth}")


class IgnoresTheSeed(Healthy):
    def rng(self, plan, label):
        return Rng(f"{label}{plan.index}{plan.length}{plan.depth}")


class HangsOnHashes(Healthy):
    def rng(self, plan, label):
        return Rng(f"{plan.identity}{label}{hash(plan.identity)}")


KINDS = {
    kind.__name__.lower(): kind
    for kind in (Healthy, *(k for k in list(globals().values()) if isinstance(k, type)))
    if issubclass(kind, Healthy)
}


@hookimpl
def longctx_builders():
    """Name every kind as a builder."""
    return [BuilderRecord(name, f"{__name__}:{kind.__name__}", help=str(kind.__doc__)) for name, kind in KINDS.items()]


@hookimpl
def longctx_scorers():
    """Name the broken scorer."""
    return [ScorerRecord("deaf", f"{__name__}:Deaf")]


def install(folder: Path) -> None:
    """Make a distribution of this plugin in a folder that is on the path."""
    info = folder / "broken_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-tasks\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[lm_eval_longctx]\nbroken_tasks = broken_tasks\n", encoding="utf-8")


def write_task(folder: Path, kind: str, *, readme: bool = True, **metadata: Any) -> None:
    """Write the YAML of a task of some kind, and a page that names it."""
    folder.mkdir(exist_ok=True)
    preset = {"context_lengths": ["1k"], "depths": 3, "haystack": "notes", "digits": 7}
    plain = {"version": 1, "builder": kind, "scorer": KINDS[kind].SCORER, "presets": {"default": preset}, **metadata}
    head = f"task: notes_{kind}\nclass: !function lm_eval_longctx.harness.tasks.LongctxTask\n"
    head += "output_type: generate_until\ngeneration_kwargs: {until: [], max_gen_toks: 64}\n"
    rest = f"metadata: {json.dumps(plain)}\n"
    (folder / f"notes_{kind}.yaml").write_text(head + rest, encoding="utf-8")
    if readme:
        (folder / "README.md").write_text("# Notes\n\n" + "\n".join(f"* notes_{name}" for name in KINDS), "utf-8")
