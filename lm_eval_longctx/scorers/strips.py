"""Small worlds in which actions have preconditions and effects (STRIPS), to be run and to be searched.

A world is plain values: actions with variables, the facts that hold in the
beginning, and those that are to hold in the end. A fact is a list of words, the
predicate first; whatever is not told is not so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

Fact = tuple[str, ...]
State = frozenset[Fact]
Step = tuple[str, ...]
"""The name of an action and what it is done with."""


@dataclass(frozen=True)
class Action:
    """What can be done.

    Attributes:
        takes: Its variables, in the order in which a plan gives them.
        needs: Facts that must hold.
        adds: Facts that hold from then on.
        ends: Facts that hold no longer.
    """

    takes: tuple[str, ...]
    needs: tuple[Fact, ...]
    adds: tuple[Fact, ...]
    ends: tuple[Fact, ...]

    @classmethod
    def of(cls, takes: str, needs: str, adds: str, ends: str) -> Action:
        """Read an action as it is written down: ``"x y", "at x, open x y", "at y", "at x"``."""
        facts = (tuple(tuple(fact.split()) for fact in part.split(",") if fact.strip()) for part in (needs, adds, ends))
        return cls(tuple(takes.split()), *facts)

    def bound(self, facts: Iterable[Fact], given: Mapping[str, str]) -> Iterator[Fact]:
        """Yield facts with what stands for their variables."""
        return ((fact[0], *(given.get(word, word) for word in fact[1:])) for fact in facts)


@dataclass(frozen=True)
class World:
    """A world with something to be reached in it.

    Attributes:
        actions: What can be done, by name.
        start: What holds in the beginning.
        goal: What is to hold in the end.
    """

    actions: Mapping[str, Action]
    start: State
    goal: State = frozenset()

    @classmethod
    def read(cls, text: str) -> World:
        """Return the world that ``written`` gave.

        Raises:
            ConfigError: The text is none.
        """
        try:
            plain = json.loads(text)
            actions = {name: Action.of(*parts) for name, parts in plain["actions"].items()}
            start, goal = (frozenset(tuple(fact.split()) for fact in plain[key]) for key in ("start", "goal"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"this is no world to run a plan in ({error!r}): {str(text)[:80]!r}") from error
        return cls(actions, start, goal)

    def written(self) -> str:
        """Return the world as JSON, in which facts and actions are short texts."""
        actions = {name: _parts(action) for name, action in self.actions.items()}
        start, goal = (sorted(map(" ".join, facts)) for facts in (self.start, self.goal))
        return json.dumps({"actions": actions, "start": start, "goal": goal}, separators=(",", ":"))

    @cached_property
    def names(self) -> frozenset[str]:
        """Everything that a fact is about."""
        return frozenset(word for fact in (*self.start, *self.goal) for word in fact[1:])

    def done(self, state: State, step: Step) -> State | None:
        """Return what holds after a step; ``None`` where it cannot be taken."""
        action = self.actions.get(step[0])
        if action is None or len(action.takes) != len(step) - 1:
            return None
        given = dict(zip(action.takes, step[1:], strict=True))
        if not state.issuperset(action.bound(action.needs, given)):
            return None
        return state.difference(action.bound(action.ends, given)).union(action.bound(action.adds, given))

    def run(self, plan: Sequence[Step]) -> tuple[int, State]:
        """Return how many steps can be taken one after the other, and what holds then."""
        state = self.start
        for number, step in enumerate(plan):
            if (following := self.done(state, step)) is None:
                return number, state
            state = following
        return len(plan), state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """Yield every step that can be taken, in alphabetical order, with what holds after it."""
        told: dict[str, list[Fact]] = defaultdict(list)
        for fact in state:
            told[fact[0]].append(fact)
        for name, action in sorted(self.actions.items()):
            found = {tuple(given[word] for word in action.takes) for given in _matches(action.needs, told, {})}
            for words in sorted(found):
                step = (name, *words)
                if (following := self.done(state, step)) is not None:
                    yield step, following

    def search(self, most: int) -> Iterator[tuple[list[Step], State]]:
        """Yield every state that can be reached in so many steps, the nearest first, with a shortest way to it."""
        ways: dict[State, list[Step]] = {self.start: []}
        edge = [self.start]
        yield [], self.start
        for _ in range(most):
            beyond = []
            for state in edge:
                for step, following in self.steps(state):
                    if following not in ways:
                        ways[following] = [*ways[state], step]
                        beyond.append(following)
                        yield ways[following], following
            edge = beyond

    def shortest(self, most: int) -> list[Step] | None:
        """Return a shortest plan of at most so many steps; ``None`` where there is none."""
        return next((way for way, state in self.search(most) if self.goal <= state), None)

    def used(self, plan: Sequence[Step]) -> set[Fact]:
        """Return the facts of the beginning that a plan rests on."""
        found: set[Fact] = set()
        made: set[Fact] = set()
        for step in plan:
            action = self.actions[step[0]]
            given = dict(zip(action.takes, step[1:], strict=True))
            found |= set(action.bound(action.needs, given)) - made
            made |= set(action.bound(action.adds, given))
        return found & self.start


def _parts(action: Action) -> list[str]:
    parts = (", ".join(map(" ".join, facts)) for facts in (action.needs, action.adds, action.ends))
    return [" ".join(action.takes), *parts]


def _matches(
    needs: Sequence[Fact], told: Mapping[str, Collection[Fact]], given: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Yield what can stand for the variables, so that all facts are told."""
    if not needs:
        yield given
        return
    first, rest = needs[0], needs[1:]
    for fact in told.get(first[0], ()):
        wider = dict(given)
        if len(fact) == len(first) and all(
            wider.setdefault(word, value) == value for word, value in zip(first[1:], fact[1:], strict=True)
        ):
            yield from _matches(rest, told, wider)
