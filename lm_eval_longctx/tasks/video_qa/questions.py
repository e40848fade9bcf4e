"""Questions about a day, each with five options of which exactly one is right.

The kinds follow the report's aims for questions over hours of film (Gemini
1.5, section 5.2.2): one moment, an order of events, a count over the whole
film (of things, or of sounds), and two moments far apart. What blind guessing could use is taken away:
wrong options are drawn like right ones, numbers lie evenly around the right
one, and the right option stands in each place equally often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.day.script import CARRIED, COLOURS, DOINGS, Day, Role, Scene, Thing
from lm_eval_longctx.hay.film.needles import WORDS
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTERS = "ABCDE"
_OPTIONS = len(LETTERS)
_FAR = 1 / 3
"""Two moments are far apart if at least this share of the film lies between them."""


@dataclass(frozen=True)
class Question:
    """A question with its answer.

    Attributes:
        kind: A key of ``KINDS``.
        text: The question.
        options: Five texts.
        answer: The right one's index.
        evidence: Seconds from the film's start at which the answer can be seen.
    """

    kind: str
    text: str
    options: tuple[str, ...]
    answer: int
    evidence: tuple[float, ...]

    @property
    def letter(self) -> str:
        """The right option's letter."""
        return LETTERS[self.answer]


@dataclass(frozen=True)
class Draft:
    """A question before its options are laid out.

    Attributes:
        text: The question.
        right: The right option.
        wrong: More than enough others, in order of preference.
        evidence: Seconds from the film's start at which the answer can be seen.
    """

    text: str
    right: str
    wrong: Sequence[str]
    evidence: tuple[float, ...]


Kinds = Mapping[str, Callable[[Any, Rng], Iterator[Draft]]]
"""What makes the questions of each kind, of a script and a random generator."""


def ask(day: Any, kind: str, number: int, rng: Rng, place: int, kinds: Kinds | None = None) -> Question:
    """Return one question about a day.

    Args:
        day: The script.
        kind: A key of ``KINDS``.
        number: Which of the kind's questions; different numbers give
            different questions as long as the day has enough of them.
        rng: Private to the day and the kind; also shuffles the wrong options.
        place: Where the right option stands, from 0.
        kinds: Of what is asked; those of a day unless given.

    Raises:
        LengthError: The day is too short for that kind.
    """
    drafts = _drafts(day, kind, rng, kinds)
    if not drafts:
        raise LengthError(f"a film of {day.seconds} s has no question of the kind {kind!r}; ask for a longer one")
    rng.fork("order").shuffle(drafts)
    draft = drafts[number % len(drafts)]
    shown = rng.fork(f"options {number}").sample(draft.wrong[: _OPTIONS - 1], _OPTIONS - 1)
    shown.insert(place, draft.right)
    return Question(kind, draft.text, tuple(shown), place, draft.evidence)


def supply(day: Any, kind: str, rng: Rng, kinds: Kinds | None = None) -> int:
    """Return how many different questions of a kind a day has; arguments as for ``ask``."""
    return len(_drafts(day, kind, rng, kinds))


def _drafts(day: Any, kind: str, rng: Rng, kinds: Kinds | None) -> list[Draft]:
    """Return a kind's questions, those of the same words with the same answer once."""
    made = (kinds or KINDS)[kind](day, rng.fork("drafts"))
    return list({(draft.text, draft.right): draft for draft in made}.values())


def name_of(thing: Thing) -> str:
    """Return a thing as questions name it."""
    colour, kind = thing
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {kind}"


def others(rng: Rng, pool: Sequence[str], right: str, first: Sequence[str] = ()) -> list[str]:
    """Return wrong options: those that are tempting first, then others at random."""
    tempting = [option for option in dict.fromkeys(first) if option != right][: _OPTIONS - 2]
    rest = [option for option in pool if option != right and option not in tempting]
    return [*tempting, *rng.sample(rest, _OPTIONS - 1 - len(tempting))]


def _other_things(rng: Rng, right: Thing, near: Sequence[Thing]) -> list[str]:
    """Return wrong things, all of different kinds: those nearby first, then others at random."""
    kinds, wrong = {right[1]}, []
    for thing in near[: _OPTIONS - 2]:
        if thing[1] not in kinds:
            kinds.add(thing[1])
            wrong.append(thing)
    rest = rng.sample([kind for kind in CARRIED if kind not in kinds], _OPTIONS - 1 - len(wrong))
    return [name_of(thing) for thing in (*wrong, *((rng.choice(COLOURS), kind) for kind in rest))]


def _moments(day: Day, rng: Rng) -> Iterator[Draft]:
    """Ask what one scene shows: what somebody has or does, a colour, a sign."""
    for scene in day.scenes:
        middle = (scene.start + scene.seconds / 2,)
        for role in scene.roles:
            who, near = f"the person in the {role.shirt} shirt", [r.thing for r in scene.roles if r is not role]
            colour, kind = role.thing
            yield Draft(
                f"What stands beside {who} in {scene.named}?",
                name_of(role.thing),
                _other_things(rng, role.thing, near),
                middle,
            )
            yield Draft(
                f"What does {who} do in {scene.named}?",
                DOINGS[role.doing],
                [text for doing, text in DOINGS.items() if doing != role.doing],
                middle,
            )
            yield Draft(f"What colour is the {kind} in {scene.named}?", colour, others(rng, COLOURS, colour), middle)
        if scene.sign:
            asked = f"Which word is on the sign in {scene.named}?"
            signs = [s.sign for s in day.scenes if s.sign and s.sign != scene.sign]
            wrong = others(rng, WORDS, scene.sign, rng.sample(signs, min(3, len(signs))))
            yield Draft(asked, scene.sign, wrong, ((scene.sign_from + scene.sign_until) / 2,))


def _orders(day: Day, rng: Rng) -> Iterator[Draft]:
    """Ask which of five things beside people is seen first, or last, in the whole film."""
    first: dict[str, Scene] = {}
    last: dict[str, Scene] = {}
    for scene in day.scenes:
        for role in scene.roles:
            first.setdefault(name_of(role.thing), scene)
            last[name_of(role.thing)] = scene
    for seen, when, extreme in ((first, "first", min), (last, "last", max)):
        numbers = sorted({scene.number for scene in seen.values()})
        for _ in range(len(day.scenes) if len(numbers) >= _OPTIONS else 0):
            chosen = rng.sample(numbers, _OPTIONS)
            five = [rng.choice(sorted(t for t, scene in seen.items() if scene.number == n)) for n in chosen]
            right = five[chosen.index(extreme(chosen))]
            scene = seen[right]
            yield Draft(
                f"Which of these is seen beside a person {when} in the video?",
                right,
                [thing for thing in five if thing != right],
                (scene.start + scene.seconds / 2,),
            )


def _counts(day: Day, rng: Rng) -> Iterator[Draft]:
    """Ask how often something passes by in the whole film."""
    del rng
    for counted in day.counted:
        passes = [p.start for scene in day.scenes for p in scene.passes if p.thing == counted.thing]
        yield Draft(
            f"How many times does {name_of(counted.thing)} pass by in the whole video?",
            str(counted.count),
            [str(n) for n in range(counted.lowest, counted.lowest + _OPTIONS) if n != counted.count],
            tuple(float(start) for start in passes),
        )


def _sounds(day: Day, rng: Rng) -> Iterator[Draft]:
    """Ask how often a sound is heard in the whole film."""
    del rng
    for heard in day.heard:
        yield Draft(
            f"How many times is a {heard.sound} heard in the whole video?",
            str(len(heard.times)),
            [str(n) for n in range(heard.lowest, heard.lowest + _OPTIONS) if n != len(heard.times)],
            tuple(float(at) for at in heard.times),
        )


def _far(day: Day, rng: Rng) -> Iterator[Draft]:
    """Ask what somebody, known by what they did in one scene, has beside them in another one far away."""
    for scene in day.scenes:
        for other in day.scenes:
            if abs(other.start - scene.start) < _FAR * day.seconds:
                continue
            for role in scene.roles:
                again = next((r for r in other.roles if r.shirt == role.shirt), None)
                if again is not None:
                    yield _bridge(rng, (scene, role), (other, again))


def _bridge(rng: Rng, here: tuple[Scene, Role], there: tuple[Scene, Role]) -> Draft:
    (scene, role), (other, again) = here, there
    near = [*(r.thing for r in other.roles if r is not again), role.thing]
    return Draft(
        f"In {scene.named}, somebody {DOINGS[role.doing]}. What stands beside the same person in {other.named}?",
        name_of(again.thing),
        _other_things(rng, again.thing, near),
        (scene.start + scene.seconds / 2, other.start + other.seconds / 2),
    )


KINDS: dict[str, Callable[[Any, Rng], Iterator[Draft]]] = {
    "moment": _moments,
    "order": _orders,
    "count": _counts,
    "far": _far,
    "sound": _sounds,
}
"""All kinds of question; ``sound`` needs the film with its sound track."""
