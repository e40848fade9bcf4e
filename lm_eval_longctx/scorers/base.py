"""The seam between an answer and its numbers.

A scorer sees a sample and the model's own text, never an error: calls that did
not give an answer are "not measured" and do not get here. ``judge`` is the one
way from an answer as it came to numbers, for tasks and for metrics alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.answers.thoughts import without_thoughts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.settings import Option


class Unparsed(Exception):  # noqa: N818 - a verdict about an answer, not a fault of the program
    """The answer cannot be read as an answer: it scores 0 and is counted as unparsed, never guessed.

    Its message is kept with the sample.
    """


class NoKey(Exception):  # noqa: N818 - a fact about the data, not a fault of the program
    """Nobody knows the right answer (a data set that keeps its key secret): the sample is a prediction only."""


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean of one value per sample."""
    return fmean(values)


@dataclass(frozen=True)
class Metric:
    """One number that a scorer gives.

    Attributes:
        name: Such as ``recall``.
        help: One line that says what it is, with its range.
        higher_is_better: Which way is good.
        aggregate: From one value per sample to one number. ``mean`` unless the
            metric is a ratio of sums (word error rate) or of whole corpora
            (chrF), where a sample's value is whatever the function needs.
    """

    name: str
    help: str
    higher_is_better: bool = True
    aggregate: Callable[[Sequence[Any]], float] = mean


SCORING = 6
"""The version of scoring, raised whenever the same answer may get another number.

Prompts do not depend on it: a task's own ``version`` is for them. 1: answers as
they came; 2: answers are read first; 3: answers of any length, transcripts too;
4: transcripts that go on with something else have stopped, and loops may vary;
5: corrections, conclusions, what is added after an answer, JSON within prose; 6:
tags, labels, leads and offers round translations and transcripts.
"""

UNPARSED = "unparsed"
"""The detail that every scorer of ours reports: 1 if nothing can be read in the answer; else 0."""

ABSTAINED = Metric(
    "abstained", "1 if the answer says that it cannot be told, where it can; else 0", higher_is_better=False
)
"""Every scorer of ours reports it: abstaining scores 0 and is told apart from being wrong."""


@dataclass(frozen=True)
class Column:
    """A key of a sample that a scorer reads, for those who score answers of their own.

    Attributes:
        name: The sample's key; ``target`` is the right answer.
        help: One line that says what it is.
        kind: ``text``, ``texts`` (one or several), ``pairs`` (texts, with or without keys), ``flag`` or ``number``.
        required: Whether every sample must have it.
    """

    name: str
    help: str
    kind: str = "text"
    required: bool = False


class Scorer(ABC):
    """Turns an answer into numbers.

    Attributes:
        METRICS: The metrics, the main one first: tables and heatmaps show it.
        OPTIONS: The metadata keys that this scorer understands.
        READS: What it reads from a sample.
        LONGEST: Characters of an answer that this scorer reads: of a longer one its
            beginning and its end, and the samples say how much lies between.
            ``None`` where all of any answer is read.
    """

    METRICS: ClassVar[tuple[Metric, ...]]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    READS: ClassVar[tuple[Column, ...]] = (Column("target", "the right answer", required=True),)
    LONGEST: ClassVar[int | None] = None

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Keep the settings (complete, checked)."""
        self.options = dict(options)

    def validate(self, sample: Mapping[str, Any]) -> None:  # noqa: B027 - nothing to check by default
        """Raise ``ConfigError`` if a sample's target is not of the kind that this scorer reads."""

    def chance(self, sample: Mapping[str, Any]) -> float:
        """Return what the main metric is on average for who answers without the context.

        It is what the builder says (``chance``); else 1 where the right answer
        is that nothing is there, since saying so always is one way of not
        reading; else 0.

        Args:
            sample: As for ``score``.
        """
        return float(sample.get("chance", bool(sample.get("absent"))))

    @abstractmethod
    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric.

        Args:
            sample: The sample; ``sample["target"]`` is the right answer.
            answer: The model's own text, thoughts taken off.

        Raises:
            Unparsed: The answer cannot be read: see ``nothing``.
            NoKey: There is nothing to compare the answer with.
        """

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:  # noqa: ARG002
        """Return further plain values to keep with the sample (errors by position and the like)."""
        return {}

    def joined(self, sample: Mapping[str, Any], parts: Sequence[tuple[Mapping[str, Any], str]]) -> dict[str, Any]:
        """Return all values of a sample that was asked in parts, each a request of its own.

        Args:
            sample: The sample.
            parts: In order, what each request asked (its ``target`` is its own, ``None`` where nobody knows it) and
                the model's own text, thoughts taken off.

        Raises:
            Unparsed, NoKey: As for ``score``.
        """
        text = "\n".join(text for _, text in parts)
        return {**self.score(sample, text), **self.details(sample, text)}

    def nothing(self) -> dict[str, Any]:
        """Return the numbers of an answer in which nothing can be read: 0 on all metrics of which more is better."""
        return {m.name: 0.0 for m in self.METRICS if m.higher_is_better and m.aggregate is mean}


@dataclass(frozen=True)
class Verdict:
    """What a scorer makes of an answer.

    Attributes:
        values: One value for each metric, and details; ``None`` if the answer is not scored.
        note: Why it is not scored, or ``unparsed: <reason>``; empty for most.
        removed: What the scorer did not read: the answer's ``thoughts``, and how many characters in the middle of a
            very long one are ``unread``.
        unfinished: Whether a thought was begun and never ended: then nothing was answered.
    """

    values: Mapping[str, Any] | None
    note: str = ""
    removed: Mapping[str, Any] = field(default_factory=dict)
    unfinished: bool = False


def judge(
    scorer: Scorer,
    sample: Mapping[str, Any],
    answer: str,
    tags: Sequence[str] = (),
    end_token: str = "",
    opening: str = "",
) -> Verdict:
    """Score an answer as it came.

    Args:
        scorer: Makes the numbers.
        sample: What was asked.
        answer: What the model wrote, thoughts and all.
        tags: Further names of marks of thoughts.
        end_token: The mark that ends this model's thoughts, where it is known.
        opening: What the chat template wrote between question and answer, where it is known: it may open a thought.
    """
    said = without_thoughts(answer, tags, end_token, opening)
    removed: dict[str, Any] = {"thoughts": list(said.thoughts)} if said.thoughts else {}
    if said.unclosed:
        return Verdict(None, "a thought was begun and never ended", removed, unfinished=True)
    if scorer.LONGEST is not None and len(said.text) > scorer.LONGEST:
        removed["unread"] = len(said.text) - scorer.LONGEST
    return _verdict(scorer, lambda: {**scorer.score(sample, said.text), **scorer.details(sample, said.text)}, removed)


@dataclass(frozen=True)
class Answered:
    """A part of a sample with its answer.

    Attributes:
        part: What was asked.
        answer: What the model wrote, thoughts and all.
        opening: As for ``judge``.
    """

    part: Mapping[str, Any]
    answer: str
    opening: str = ""


def judge_parts(
    scorer: Scorer, sample: Mapping[str, Any], parts: Sequence[Answered], tags: Sequence[str] = (), end_token: str = ""
) -> Verdict:
    """Score a sample that was asked in parts by the answers to all of them; see ``judge``."""
    said = [without_thoughts(one.answer, tags, end_token, one.opening) for one in parts]
    thoughts = [thought for one in said for thought in one.thoughts]
    removed: dict[str, Any] = {"thoughts": thoughts} if thoughts else {}
    if unclosed := [number for number, one in enumerate(said, 1) if one.unclosed]:
        why = f"a thought was begun and never ended in part {unclosed[0]} of {len(said)}"
        return Verdict(None, why, removed, unfinished=True)
    pairs = [(one.part, read.text) for one, read in zip(parts, said, strict=True)]
    return _verdict(scorer, lambda: scorer.joined(sample, pairs), removed)


def _verdict(scorer: Scorer, score: Callable[[], dict[str, Any]], removed: Mapping[str, Any]) -> Verdict:
    try:
        values = score()
    except NoKey as reason:
        return Verdict(None, str(reason), removed)
    except Unparsed as reason:
        return Verdict({**scorer.nothing(), UNPARSED: 1.0}, f"{UNPARSED}: {reason}", removed)
    note = f"{UNPARSED}: {values.get('why') or 'nothing to read'}" if values.get(UNPARSED) else ""
    return Verdict(values, note, removed)
