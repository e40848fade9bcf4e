"""Many-shot learning: an artificial classification, learned from examples in the context.

After many-shot in-context learning (Gemini 1.5 report, arXiv 2403.05530,
section 5.2.6 in its later version; Agarwal et al., arXiv 2404.11018). Things
are described by six properties; some of them, which differ from index to
index, decide the label, and the labels are made-up words. Nothing but the
examples tells the rule.

The examples of an index are the same at all lengths: more shots are more of
the same, so accuracy by number of shots is a learning curve.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from operator import getitem, itemgetter
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

VERSION = "1"
"""Raise this whenever the same sample would come out differently."""

HEADER = (
    "Each input below has a label. Some of the input's properties decide the label, always in the same way. Learn "
    "from the examples and give the label of the last input: one word, nothing else.\n\n"
)
PROPERTIES: tuple[tuple[str, ...], ...] = (
    tuple("tiny small narrow broad tall heavy flat long stout slender hollow massive".split()),
    tuple("ochre crimson teal ivory violet amber indigo olive scarlet grey turquoise white".split()),
    tuple("kettle lantern flute basket anchor mask drum comb ladle bell chest sledge".split()),
    tuple("slate copper oak glass wool bone clay tin leather marble straw wax".split()),
    tuple("Lanmouth Garsby Ostrava Tolmin Perth Bergen Cadiz Izmir Varna Turku Ghent Assisi".split()),
    tuple("cracked polished damp painted burnt frosted dented gilded dusty mended carved rusty".split()),
)
VALUES = 6
"""How many values of each property occur with one index."""

FORM = "a {0} {1} {2} of {3} from {4}, {5}"
MOST = 10_000
_TRIES = 5000
_TOKENS_A_SHOT = 20
_SYLLABLES = tuple(a + b for a, b in product("bdfgklmnprstvz", "aeiou"))

Thing = tuple[int, ...]
"""A value's number for each property."""


@dataclass(frozen=True)
class World:
    """What the examples of one index come from.

    Attributes:
        values: For each property, the words that occur.
        deciding: Which properties decide, ascending.
        labels: The made-up words.
        rule: The label's number for each combination of the deciding values.
    """

    values: tuple[tuple[str, ...], ...]
    deciding: tuple[int, ...]
    labels: tuple[str, ...]
    rule: Mapping[Thing, int]

    def text(self, thing: Thing) -> str:
        """Describe a thing."""
        return FORM.format(*map(getitem, self.values, thing))


def make_world(rng: Rng, deciding: int, labels: int) -> World:
    """Draw words, deciding properties, labels and an evenly spread rule."""
    values = tuple(tuple(rng.sample(words, VALUES)) for words in PROPERTIES)
    chosen = tuple(sorted(rng.sample(range(len(PROPERTIES)), deciding)))
    names = tuple("".join(rng.sample(_SYLLABLES, 3)) for _ in range(labels))
    if len(set(names)) < labels:
        return make_world(rng, deciding, labels)
    places = list(product(range(VALUES), repeat=deciding))
    rng.shuffle(places)
    return World(values, chosen, names, {place: i % labels for i, place in enumerate(places)})


@lru_cache(maxsize=1)
def _things() -> list[Thing]:
    """Return all things there can be; the first property changes from one to the next."""
    return [thing[::-1] for thing in product(range(VALUES), repeat=len(PROPERTIES))]


def _values(chosen: Sequence[int]) -> Callable[[Thing], Thing]:
    """Return what takes the values of some properties from a thing."""
    # A single index would give the value itself and no tuple of it
    return itemgetter(*chosen) if len(chosen) > 1 else itemgetter(slice(chosen[0], chosen[0] + 1))


def conclusions(shots: Sequence[tuple[Thing, str]], thing: Thing, deciding: int) -> set[str]:
    """Return the labels that the examples allow for a thing.

    Each choice of deciding properties that no two examples contradict, and
    under which an example has the thing's own values, concludes one label.

    Args:
        shots: Things with their labels.
        thing: What is asked about.
        deciding: How many properties decide.
    """
    found = set()
    for chosen in combinations(range(len(PROPERTIES)), deciding):
        seen: dict[Thing, str] = {}
        values = _values(chosen)
        agreed = all(seen.setdefault(values(other), label) == label for other, label in shots)
        wanted = values(thing)
        if agreed and wanted in seen:
            found.add(seen[wanted])
    return found


class ManyShotSample(Sample):
    """A thing whose label the examples decide.

    Attributes:
        thing: A value for each property.
        labels: All labels.
        deciding: Which properties decide.
        evidence: Examples that share the deciding values.
    """

    thing: list[int]
    labels: list[str]
    deciding: list[int]
    evidence: int


class ManyShotBuilder(Builder[ManyShotSample]):
    """Examples of a made-up rule, and one input whose label they decide."""

    UNIT = Unit.SHOTS
    HAS_DEPTH = False
    IDLE: ClassVar[tuple[str, ...]] = ("haystack",)
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("deciding", 2, "how many of the six properties decide the label", minimum=1, maximum=3),
        Option("labels", 4, "how many labels there are", minimum=2, maximum=6),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the numbers of shots.

        Raises:
            LengthError: More shots than there are different things.
        """
        super().__init__(sweep, context)
        if any(length.amount > MOST for length in sweep.context_lengths):
            raise LengthError(f"{sweep.task} has at most {MOST:,} shots; ask for fewer")
        self._deciding, self._labels = int(sweep.options["deciding"]), int(sweep.options["labels"])
        self._most = max(int(length.amount) for length in sweep.context_lengths)

    def sample(self, plan: PlannedSample) -> ManyShotSample:
        """Choose an input whose label follows from the examples; see ``Builder.sample``.

        Raises:
            LengthError: So few examples decide nothing.
        """
        world, shots = self._examples(plan)
        thing, label, evidence = self._asked(plan, world, shots)
        key = f"manyshot|{VERSION}|{self._deciding}|{self._labels}"
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": "made", "digest": hashlib.sha256(key.encode()).hexdigest(), "repeats": 0},
            "question": world.text(thing),
            "thing": list(thing),
            "target": label,
            "labels": list(world.labels),
            "deciding": list(world.deciding),
            "evidence": evidence,
            "realised_length": len(shots),
            "realised_depth": None,
            "planned_tokens": len(shots) * _TOKENS_A_SHOT + 64,
        }

    def render(self, sample: ManyShotSample) -> Prompt:
        """Write the examples down, and the open one."""
        world, shots = self._examples(planned(sample))
        told = "".join(f"Input: {world.text(thing)}\nLabel: {label}\n\n" for thing, label in shots)
        return Prompt.user(TextPart(HEADER + told, shared=True), TextPart(f"Input: {sample['question']}\nLabel:"))

    def _examples(self, plan: PlannedSample) -> tuple[World, Sequence[tuple[Thing, str]]]:
        """Return the world of an index and its first examples, which are made once for all lengths."""
        identity, count = plan.hay_rng(f"manyshot|{VERSION}").identity, int(plan.length.amount)
        world, shots = _examples(identity, self._deciding, self._labels, max(count, self._most))
        return world, shots[:count]

    def _asked(self, plan: PlannedSample, world: World, shots: Sequence[tuple[Thing, str]]) -> tuple[Thing, str, int]:
        """Draw an unseen thing for which the examples allow the right label only.

        Returns:
            The thing, its label, and how many examples share its deciding values.
        """
        rng, values = plan.rng("asked"), _values(world.deciding)
        known, alike = {thing for thing, _ in shots}, Counter(values(thing) for thing, _ in shots)
        for _ in range(_TRIES):
            thing = rng.choice(_things())
            evidence, label = alike[values(thing)], world.labels[world.rule[values(thing)]]
            if thing not in known and evidence and conclusions(shots, thing, self._deciding) == {label}:
                return thing, label, evidence
        raise LengthError(f"{len(shots)} shots decide nothing with {self._deciding} deciding properties; ask for more")


@lru_cache(maxsize=16)
def _examples(identity: str, deciding: int, labels: int, count: int) -> tuple[World, list[tuple[Thing, str]]]:
    """Return the world of an index and its first so many examples."""
    world = make_world(Rng(f"{identity}|world"), deciding, labels)
    things = Rng(f"{identity}|things").sample(_things(), count)  # fewer are the first of more
    names, values = {place: world.labels[number] for place, number in world.rule.items()}, _values(world.deciding)
    return world, [(thing, names[values(thing)]) for thing in things]
