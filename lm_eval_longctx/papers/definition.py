"""A paper as plain frozen values: its tables and figures, what we run for each, and what it published."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE = re.compile(r"\{(\w[\w-]*)\}")
"""A place in the metadata where the path of a user's data goes: ``mtob:{mtob}``."""


STATISTICS = {
    "mean": "over the paper's lengths; weights are equal, increasing (1, 2, 3, ...) or decreasing with length",
    "best_to": "the best score at lengths up to this one",
    "at_least": "the longest length whose score is at least this, or, with of, this share of another statistic",
}
"""What a paper may make of scores by length."""

WEIGHTS = ("equal", "increasing", "decreasing")
"""How a mean over lengths weighs them."""


@dataclass(frozen=True)
class Point:
    """A published figure.

    Attributes:
        length: The context length in the task's unit (tokens, seconds, shots);
            ``None`` where the figure is over several lengths.
        value: The score, in the metric's own range.
        bound: Empty for a figure, ``>`` for "more than", ``~`` for one read off a plot or told roughly.
    """

    length: float | None
    value: float
    bound: str = ""


@dataclass(frozen=True)
class Published:
    """One model's published figures in one condition of a table.

    Attributes:
        model: As the source calls it.
        points: Shortest first.
        condition: The condition they belong to; empty where the table has one only.
        tasks: Names of our tasks that ask the same.
        source: Where they stand.
        note: What to know about them.
    """

    model: str
    points: tuple[Point, ...]
    condition: str
    tasks: tuple[str, ...]
    source: str
    note: str = ""


@dataclass(frozen=True)
class Arm:
    """One run of one task: a condition of a table.

    Attributes:
        task: The name of one of our tasks, or of any of lm-eval's own.
        condition: What the table calls it; empty where it has one only.
        metadata: As ``--metadata`` takes it; ``{NAME}`` stands for the path of the data of that name.
        metric: Of the task; the part's metric unless given.
        model_args: Further arguments of the model, such as how it hears a recording.
        percent: Whether the task gives shares where the paper gives per cent.
    """

    task: str
    condition: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    metric: str = ""
    model_args: str = ""
    percent: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the data that a user has to give, in order."""
        return tuple(dict.fromkeys(_PLACE.findall(" ".join(_texts(self.metadata)))))

    def with_data(self, paths: Mapping[str, str]) -> dict[str, Any]:
        """Return the metadata with paths in their places."""
        return {key: _filled(value, paths) for key, value in self.metadata.items()}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _filled(value: Any, paths: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: paths[found[1]], value)
    if isinstance(value, dict):
        return {key: _filled(inner, paths) for key, inner in value.items()}
    return [_filled(inner, paths) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Statistic:
    """A number that a paper makes of a model's scores by length.

    Attributes:
        name: As the paper's table calls it.
        kind: Of ``STATISTICS``.
        value: ``equal``, ``increasing`` or ``decreasing`` for a mean; else a length or a score.
        of: For a threshold that is a share of another statistic, that one's name.
    """

    name: str
    kind: str
    value: str | float
    of: str = ""


@dataclass(frozen=True)
class Part:
    """One table or figure of a paper.

    Attributes:
        id: As ``--only`` takes it.
        title: In a few words.
        section: Where it stands in the paper.
        metric: The metric that is shown, by our scorer's name.
        unit: What context lengths count.
        by: Kinds of questions of a task that are conditions of the table: for a part of their names (``frames``), what
            the table calls each value.
        differences: How our protocol differs from the paper's, each in a sentence.
        published: What the paper published.
        arms: What is run, by scale.
        lacking: Why nothing is run at a scale, by scale.
        by_length: Whether there is a row for each length; else a row for each condition.
        short: Whether it is of short contexts: a core capability that long context should not cost.
        mean_of: Ids of parts whose mean by length it is; then it runs nothing of its own.
        statistics: What the paper makes of a model's scores. A part that has any is shown with a row for each model.
    """

    id: str
    title: str
    section: str
    metric: str
    unit: str = "tokens"
    by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    arms: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    by_length: bool = True
    short: bool = False
    mean_of: tuple[str, ...] = ()
    statistics: tuple[Statistic, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of all our tasks that the paper's figures belong to."""
        return tuple(dict.fromkeys(task for row in self.published for task in row.tasks))


@dataclass(frozen=True)
class Data:
    """Data that a user has to bring.

    Attributes:
        name: As ``--data NAME=PATH`` takes it.
        holds: What it is.
        get: How to get it.
    """

    name: str
    holds: str
    get: str


@dataclass(frozen=True)
class Paper:
    """A paper whose tables can be repeated.

    Attributes:
        name: As the command takes it.
        title: Of the paper.
        source: How its figures are cited.
        parts: Its tables and figures, in the paper's order.
        data: What users have to bring, by name.
    """

    name: str
    title: str
    source: str
    parts: tuple[Part, ...]
    data: Mapping[str, Data] = field(default_factory=dict)
