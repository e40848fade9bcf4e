"""Plans: is the goal reached when the steps of an answer are taken one after the other?

A plan is checked by running it, never by comparing it with another plan: any
plan counts all of whose steps can be taken and after which the goal holds. The
steps are read first: ``verb(a, b)``, or a verb at the beginning of a line with
its names behind it, numbered or not, in a fence or not; what is said before a
final plan does not count, nor do words of the format in the place of names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.structured import structured
from lm_eval_longctx.answers.thoughts import MOST, spoken
from lm_eval_longctx.answers.wrapping import place_of
from lm_eval_longctx.scorers.base import ABSTAINED, Column, Metric, Scorer
from lm_eval_longctx.scorers.strips import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.scorers.strips import Step

_FENCED = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*\n(.*?)^[ \t]*(?:```|~~~)", re.MULTILINE | re.DOTALL)
_FINAL = re.compile(
    r"(?<!\w)(?:final|complete|shortest|full|corrected|my) (?:plan|answer|sequence|steps)(?!\w)", re.IGNORECASE
)
_TAG = re.compile(r"<(answer|plan)>(.*?)(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_NEXT = re.compile(r"^[ \t]*(?:Problem|Goal):", re.MULTILINE)
"""Where a model goes on with a further problem, in the form of solved ones."""

_CALL = r"(?<![\w])({verbs})[*_`\"']*\s*\(([^()\n]*)\)"
_BULLET = re.compile(r"^[\s>*+\-\u2022(\[\"'`_]*(?:(?:step\s*)?\d{1,3}\s*[.):\]-]+)?[\s*_`\"'(]*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[-_][^\W_]+|:\d\d)*")
_LEAD = 2
"""Words before the first step of a line: its number, *step 3*, *then*; more is prose that speaks of a step."""

_MARKS = " \t\"'`*_"


class PlanScorer(Scorer):
    """Runs the plan of an answer in the world that it is for.

    Accepts any plan that works, as ``verb(a, b)`` or as a verb with its names, a step a line or several, numbered, with
    bullets, in a fence, in JSON, with words before and after.

    Reads from the sample: ``world`` (as ``World.written`` gives it) and ``target`` (a shortest plan, a step a line).
    """

    METRICS = (
        Metric("solved", "1 if all steps can be taken and the goal holds after them, else 0"),
        Metric("valid", "share of the steps before the first that cannot be taken; 0 to 1"),
        Metric(
            "excess",
            "solved only: steps beyond the shortest plan, as a share of its steps; 0 or more",
            higher_is_better=False,
        ),
        ABSTAINED,
    )
    READS = (
        Column("target", "a shortest plan, a step a line", required=True),
        Column("world", "actions, what holds in the beginning, and the goal, as JSON", required=True),
    )
    LONGEST = MOST

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless there is a world to run plans in."""
        World.read(str(sample.get("world")))

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric; an answer without a step scores 0."""
        world = _world(str(sample["world"]))
        plan = steps_of(answer, world)
        taken, state = world.run(plan)
        solved = bool(plan) and taken == len(plan) and world.goal <= state
        shortest = len(str(sample["target"]).splitlines())
        return {
            "solved": float(solved),
            "valid": taken / len(plan) if plan else 0.0,
            "excess": (len(plan) - shortest) / shortest if solved else None,
            "abstained": float(not plan and _abstains(answer)),
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the plan as it was read, and which of its steps is the first that cannot be taken, from 1."""
        world = _world(str(sample["world"]))
        plan = steps_of(answer, world)
        taken, _ = world.run(plan)
        return {
            "compared": "; ".join(map(as_text, plan))[:400],
            "steps": len(plan),
            "first_wrong_step": taken + 1 if taken < len(plan) else None,
            "unparsed": float(not plan and not _abstains(answer)),
        }


def _abstains(answer: str) -> bool:
    return place_of(answer).how == "null" or abstains(normalise(place_of(answer).text))


@lru_cache(maxsize=16)
def _world(text: str) -> World:
    return World.read(text)


def as_text(step: Step) -> str:
    """Return a step as a plan has it."""
    return f"{step[0]}({', '.join(step[1:])})"


def steps_of(answer: str, world: World) -> list[Step]:
    """Return the steps of the plan that an answer gives, in their order; none where there is no plan."""
    text = spoken(answer).replace("\r\n", "\n")
    parts = [one for part in (*_announced(text), text) for one in _NEXT.split(part)]
    for part in parts:
        if steps := list(_calls(part, world)) or list(_lines(part, world)):
            return steps
    return []


def _announced(text: str) -> Iterator[str]:
    """Yield what is marked as the plan, the last first: between tags, in a fence, after words that announce it."""
    yield from (mark[2] for mark in reversed(list(_TAG.finditer(text))))
    marks = list(_FINAL.finditer(text))
    fences = list(_FENCED.finditer(text))
    last = marks[-1].end() if marks else len(text)
    yield from (fence[1] for fence in fences if fence.start() >= last)
    yield text[last:]
    yield from (fence[1] for fence in reversed(fences))


def _calls(text: str, world: World) -> Iterator[Step]:
    """Yield what is written as ``verb(a, b)``: in lines that begin so, else anywhere: prose speaks of steps."""
    verbs = "|".join(map(re.escape, world.actions))
    call = re.compile(_CALL.format(verbs=verbs), re.IGNORECASE)
    lines = [(line, list(call.finditer(line))) for line in text.split("\n")]
    led = [marks for line, marks in lines if marks and len(_WORD.findall(line[: marks[0].start()])) <= _LEAD]
    for mark in chain.from_iterable(led or (marks for _, marks in lines)):
        verb, words = mark[1].lower(), [word for word in mark[2].split(",") if word.strip(_MARKS)]
        if not _is_format(words, world, verb):
            yield (verb, *(_name(word, world) for word in words))


def _lines(text: str, world: World) -> Iterator[Step]:
    """Yield lines that begin with a verb and name as many things as it takes."""
    known = {name.lower(): name for name in world.names}
    for line in _from_json(text, world) or re.split(r"[\n;]", text):
        words = _WORD.findall(_BULLET.sub("", line))
        verb = words[0].lower() if words else ""
        named = [known[word.lower()] for word in words[1:] if word.lower() in known]
        if verb in world.actions and len(named) == len(world.actions[verb].takes):
            yield (verb, *named)


def _from_json(text: str, world: World) -> list[str]:
    """Return the steps of a list in JSON, each as one line that begins with its verb."""
    plain = structured(text).value
    while isinstance(plain, dict) and plain:
        plain = next((value for value in plain.values() if isinstance(value, list)), next(iter(plain.values())))
    return [_from_verb(list(_texts(step)), world) for step in plain] if isinstance(plain, list) else []


def _from_verb(words: list[str], world: World) -> str:
    """Return a step without the number that stands before its verb."""
    verb = next((place for place, word in enumerate(words) if word.lower() in world.actions), 0)
    return " ".join(words[verb:])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)


def _is_format(words: Sequence[str], world: World, verb: str) -> bool:
    """Whether a call only repeats the format: its words are those that stand for names."""
    takes = {word.lower() for word in world.actions[verb].takes}
    return not words or all(word.strip(_MARKS + "<>[]{}.").lower() in {*takes, ""} for word in words)


def _name(word: str, world: World) -> str:
    """Return the name that a word of a call means: its last one, after ``room`` or ``from=``; as it is if none is."""
    known = {name.lower(): name for name in world.names}
    parts = _WORD.findall(word)
    return known.get(parts[-1].lower(), parts[-1]) if parts else word.strip()
