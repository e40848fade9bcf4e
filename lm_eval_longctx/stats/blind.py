"""What a solver scores that never sees the context: the floor under a task's scores.

A floor is found by trying. Solvers see a question, its options and its length,
and have learned from samples of other seeds; none sees the document, nor
anything of a sample but what the prompt shows after it. The best of them is
chosen on one half of the samples and scored on the other, and the other way
round, so that trying many solvers does not raise the floor by luck.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Sample = Mapping[str, Any]
Score = Callable[[Sample, str], "float | None"]
"""Gives the score of an answer, where more is better; ``None`` where the sample does not count."""

OPEN = 0.10
"""The most that a blind solver may score on a question whose answer the prompt does not list."""

_SURE = 2.33
_COMMONEST = 12
_NEIGHBOURS = 15
_WIDEST = 20_000
_FIXED = ("not told", "It is not there.", "1", "2", "3", "yes", "no")
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?:the )?[A-Z][\w'-]*(?: (?:of |at |near |the )*[A-Z][\w'-]*)*")
_ASKING = frozenset(("Who", "What", "Where", "When", "Which", "Whom", "How", "In", "Off", "For", "The", "Is", "Does"))


@dataclass(frozen=True)
class Floor:
    """How well one kind of question is answered blindly at one length.

    Attributes:
        kind: The kind of question; empty where a task has one kind only.
        length: The context length as people write it.
        solver: The solver that does best.
        score: Mean score of the solvers that were chosen on the other half of the samples.
        chance: What a guess among the listed answers scores; 0 where none are listed.
        bound: The most that the floor may be: chance where that is more than ``OPEN``, else that.
        samples: How many samples the score is a mean of.
    """

    kind: str
    length: str
    solver: str
    score: float
    chance: float
    bound: float
    samples: int

    @property
    def exceeds(self) -> bool:
        """Whether the score lies above its bound by more than luck explains (one side, 1 in 100)."""
        spread = math.sqrt(self.bound * (1 - self.bound) / self.samples)
        return self.score > self.bound + _SURE * spread

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "exceeds": self.exceeds}


def blind_floor(train: Sequence[Sample], test: Sequence[Sample], score: Score) -> list[Floor]:
    """Return the floor of each kind of question at each length, in the order of the samples.

    Args:
        train: Samples of other seeds, with their targets.
        test: Samples to answer, with their targets; the solvers do not read them.
        score: Scores an answer.
    """
    learned: dict[str, list[Sample]] = defaultdict(list)
    for sample in train:
        learned[kind_of(sample)].append(sample)
    cells: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in test:
        cells[kind_of(sample), length_of(sample)].append(sample)
    school = {kind: Solvers(samples) for kind, samples in learned.items()}
    floors = (_floor(cell, samples, school.get(cell[0]) or Solvers([]), score) for cell, samples in cells.items())
    return [floor for floor in floors if floor is not None]


def pooled(floors: Sequence[Floor]) -> list[Floor]:
    """Return the floor of each length over all kinds of question; each sample counts once."""
    of: dict[str, list[Floor]] = defaultdict(list)
    for floor in floors:
        of[floor.length].append(floor)
    return [_pooled(length, some) for length, some in of.items()]


def _pooled(length: str, floors: Sequence[Floor]) -> Floor:
    weights = np.array([floor.samples for floor in floors])
    values = np.array([(floor.score, floor.chance, floor.bound) for floor in floors])
    score, chance, bound = (float(value) for value in np.average(values, axis=0, weights=weights))
    return Floor("", length, "the best of each kind", score, chance, bound, int(weights.sum()))


def kind_of(sample: Sample) -> str:
    """Return the kind of a sample's question: its ``kind``, else its variant."""
    return str(sample.get("kind") or sample.get("variant") or "")


def length_of(sample: Sample) -> str:
    """Return a sample's length as people write it."""
    return str(sample.get("context_label") or sample.get("context_length") or "")


def chance_of(sample: Sample) -> float:
    """Return what a guess among the answers that the prompt lists scores; 0 where it lists none."""
    if "chance" in sample:
        return float(sample["chance"])
    options = options_of(sample)
    return 1 / len(options) if options else 0.0


def options_of(sample: Sample) -> tuple[str, ...]:
    """Return the answers among which a question lets choose: its options, else what it lists with ``or``."""
    if sample.get("options") or sample.get("labels"):
        return tuple(map(str, sample.get("options") or sample["labels"]))
    _, colon, listed = str(sample.get("question", "")).rpartition(": ")
    first, found, last = listed.rstrip("?").rpartition(" or ")
    return (*first.rstrip(";").split("; "), last) if colon and found else ()


def _floor(cell: tuple[str, str], samples: Sequence[Sample], solvers: Solvers, score: Score) -> Floor | None:
    counted: list[tuple[Sample, dict[str, float]]] = []
    for sample in samples:
        answers = solvers.answers(sample)
        values = {answer: score(sample, answer) for answer in set(answers.values())}
        if None not in values.values():
            counted.append((sample, {name: float(values[answer] or 0) for name, answer in answers.items()}))
    if not counted:
        return None
    chances = [chance_of(sample) for sample, _ in counted]
    names = sorted({name for _, scored in counted for name in scored})
    table = np.array([[scored.get(name, 0.0) for name in names] for _, scored in counted])
    halves = table[::2], table[1::2]
    chosen = [table[i::2][:, int(np.argmax(_means(halves[1 - i])))] for i in range(2)]
    return Floor(
        kind=cell[0],
        length=cell[1],
        solver=names[int(np.argmax(_means(table)))],
        score=float(np.concatenate(chosen).mean()),
        chance=float(np.mean(chances)),
        bound=float(np.mean([max(chance, OPEN) for chance in chances])),
        samples=len(counted),
    )


def _means(table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return table.mean(axis=0) if len(table) else np.zeros(table.shape[1])


class Solvers:
    """All blind solvers for one kind of question, taught by samples of other seeds."""

    def __init__(self, train: Sequence[Sample]) -> None:
        """Learn from samples whose targets are known."""
        self._train = list(train)
        self._targets = [_as_answer(sample) for sample in self._train]
        self._common = [answer for answer, _ in Counter(self._targets).most_common(_COMMONEST)]
        self._by_length = _commonest(map(length_of, self._train), self._targets)
        self._by_form = _commonest(map(form_of, self._train), self._targets)
        self._by_both = _commonest(((form_of(s), length_of(s)) for s in self._train), self._targets)
        self._texts = _Texts([question_of(sample) for sample in self._train])
        self._ranker = _OptionRanker(self._train)

    def answers(self, sample: Sample) -> dict[str, str]:
        """Return each solver's answer, by the solver's name; with what the prompt tells to begin with before it."""
        lead = str(sample.get("prefix", ""))
        found = {
            **{f"always {answer[:40]!r}": answer for answer in (*_FIXED, *self._common)},
            **self._learned(sample),
            **_from_question(sample),
            **self._from_options(sample),
        }
        return {name: lead + answer for name, answer in found.items()}

    def _learned(self, sample: Sample) -> dict[str, str]:
        if not self._train:
            return {}
        near = self._texts.nearest(question_of(sample), _NEIGHBOURS)
        fallback = self._common[0]
        form, length = form_of(sample), length_of(sample)
        return {
            "commonest at this length": self._by_length.get(length, fallback),
            "commonest for this wording": self._by_form.get(form, fallback),
            "commonest for this wording and length": self._by_both.get((form, length), fallback),
            "answer of the most similar question": self._targets[near[0]],
            "vote of similar questions": Counter(self._targets[i] for i in near).most_common(1)[0][0],
        }

    def _from_options(self, sample: Sample) -> dict[str, str]:
        options = options_of(sample)
        if not options:
            return {}
        order = range(len(options))
        numbers = [_first_number(option) for option in options]
        chosen = {
            **{f"option {i + 1}": i for i in order},
            "last option": len(options) - 1,
            "longest option": max(order, key=lambda i: len(options[i])),
            "shortest option": min(order, key=lambda i: len(options[i])),
            "option with the least number": min(order, key=lambda i: numbers[i]),
            "option with the greatest number": max(order, key=lambda i: numbers[i]),
            "first option of the alphabet": min(order, key=lambda i: options[i]),
            "option of other samples' right words": self._ranker.best(sample, options),
        }
        lettered = bool(sample.get("options"))
        return {name: chr(ord("A") + i) if lettered else options[i] for name, i in chosen.items()}


def question_of(sample: Sample) -> str:
    """Return what a prompt shows of a question: its words and its options."""
    return " ".join([str(sample.get("question", "")), *map(str, sample.get("options") or ())])


def form_of(sample: Sample) -> str:
    """Return a question's wording, with a mark in the place of names and numbers."""
    return _NAME.sub(lambda m: m[0] if m[0] in _ASKING else "#", _NUMBER.sub("#", str(sample.get("question", ""))))


def _as_answer(sample: Sample) -> str:
    """Return a sample's target as an answer that scores in full."""
    target = sample.get("target")
    if isinstance(target, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in target.items())
    if isinstance(target, (list, tuple)):
        return str(target[0]) if target else ""
    return str(target)


def _commonest(keys: Any, targets: Sequence[str]) -> dict[Any, str]:
    """Return the most frequent target for each key."""
    counts: dict[Any, Counter[str]] = defaultdict(Counter)
    for key, target in zip(keys, targets, strict=True):
        counts[key][target] += 1
    return {key: found.most_common(1)[0][0] for key, found in counts.items()}


def _from_question(sample: Sample) -> dict[str, str]:
    """Return answers that are made of the question's own words."""
    question = str(sample.get("question", ""))
    names = [name for name in _NAME.findall(question) if name not in _ASKING]
    numbers = _NUMBER.findall(question)
    found = {"the question": question}
    if names:
        found |= {"first name of the question": names[0], "last name of the question": names[-1]}
        found["place in the question"] = re.split(r" (?:of|at|near) ", names[-1])[-1]
    if numbers:
        year = int(numbers[-1])
        found |= {f"number of the question {by:+d}": str(year + by) for by in (-1, 0, 1)}
    return found


def _first_number(text: str) -> int:
    found = _NUMBER.search(text)
    return int(found[0]) if found else 0


class _Texts:
    """Finds the most similar of some texts (TF-IDF over words and pairs of words)."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._known: Any = None
        if any(re.search(r"\w\w", text) for text in texts):
            from sklearn.feature_extraction.text import TfidfVectorizer

            self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), max_features=_WIDEST, dtype=np.float32)
            self._known = self._vectorizer.fit_transform(texts)

    def nearest(self, text: str, most: int) -> list[int]:
        """Return the numbers of the most similar texts, the best first; the earlier of equals first."""
        if self._known is None:
            return [0]
        likeness = (self._known @ self._vectorizer.transform([text]).T).toarray()[:, 0]
        return [int(n) for n in np.argsort(-likeness, kind="stable")[:most]]


class _OptionRanker:
    """Learns which words make an option right: their share of right ones, over other samples."""

    def __init__(self, train: Sequence[Sample]) -> None:
        self._seen: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        for sample in train:
            options, answer = options_of(sample), _as_answer(sample)
            for place, option in enumerate(options):
                marks = set(_marks(place, option, options))
                self._seen.update(marks)
                right = answer == chr(ord("A") + place) if sample.get("options") else answer == option
                self._right.update(marks if right else ())

    def best(self, sample: Sample, options: Sequence[str]) -> int:
        """Return the option whose words were right most often."""
        del sample
        return max(range(len(options)), key=lambda place: self._value(_marks(place, options[place], options)))

    def _value(self, marks: Sequence[str]) -> float:
        """Return the mean log odds of some marks, drawn towards even where little was seen."""
        return float(np.mean([math.log((self._right[m] + 1) / (self._seen[m] - self._right[m] + 2)) for m in marks]))


def _marks(place: int, option: str, options: Sequence[str]) -> list[str]:
    """Return what may tell an option: its words, its place, and where its number stands among the others'."""
    rank = sorted(map(_first_number, options)).index(_first_number(option))
    return [*re.findall(r"\w+", option.lower()), f"place {place}", f"rank {rank}"]
