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
    from collections.abc import Collection, Iterator, Mapping, Sequence

Fact = tuple[str, ...]
State = frozenset[Fact]
Step = tuple[str, ...]
"""The name of an action and what it is done with."""
Change = tuple[State, State, State]
"""What a step needs, ends and adds."""


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

    def change(self, words: Sequence[str]) -> Change:
        """Return what it needs, ends and adds where it is done with so many words as it takes."""
        given = dict(zip(self.takes, words, strict=True))
        needs, ends, adds = (
            frozenset((fact[0], *(given.get(word, word) for word in fact[1:])) for fact in facts)
            for facts in (self.needs, self.ends, self.adds)
        )
        return needs, ends, adds


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
        needs, ends, adds = action.change(step[1:])
        return (state - ends) | adds if needs <= state else None

    def run(self, plan: Sequence[Step]) -> tuple[int, State]:
        """Return how many steps can be taken one after the other, and what holds then."""
        state = self.start
        for number, step in enumerate(plan):
            if (following := self.done(state, step)) is None:
                return number, state
            state = following
        return len(plan), state

    @cached_property
    def possible(self) -> list[tuple[Step, Change]]:
        """Every step that can be taken if nothing that ever held ended, in alphabetical order: no others ever can."""
        always = [(name, action) for name, action in self.actions.items() if not action.needs]
        found: dict[Step, Change] = {(name,): action.change(()) for name, action in always}
        waiting = [*self.start, *(fact for _, _, adds in found.values() for fact in adds)]
        held: set[Fact] = set()
        told: dict[str, list[Fact]] = defaultdict(list)
        while waiting:
            if (fact := waiting.pop()) in held:
                continue
            held.add(fact)
            told[fact[0]].append(fact)
            for step, action in self._matching(fact, told):
                if step not in found and (change := action.change(step[1:]))[0] <= held:
                    found[step] = change
                    waiting += change[2]
        return sorted(found.items())

    def _matching(self, fact: Fact, told: Mapping[str, Collection[Fact]]) -> Iterator[tuple[Step, Action]]:
        """Yield steps that need a fact, and beside it others of the shapes that are told."""
        for name, action in self.actions.items():
            for number, need in enumerate(action.needs):
                rest = (*action.needs[:number], *action.needs[number + 1 :])
                for given in _matches((need,), {fact[0]: (fact,)}, {}):
                    for wider in _matches(rest, told, given):
                        yield (name, *(wider[word] for word in action.takes)), action

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        """Yield every step that can be taken, in alphabetical order, with what holds after it.

        Args:
            state: One that can be reached from the beginning.
        """
        for step, (needs, ends, adds) in self.possible:
            if needs <= state:
                yield step, (state - ends) | adds

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
            needs, _, adds = self.actions[step[0]].change(step[1:])
            found |= needs - made
            made |= adds
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
