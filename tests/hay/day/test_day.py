"""Days in the life: scripts, their pictures, and questions with exactly one answer."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.day.film import DayFilm
from lm_eval_longctx.hay.day.script import (
    CAPTION,
    DOINGS,
    PASSING,
    SHORTEST,
    TITLES,
    Day,
    Scene,
    write_day,
)
from lm_eval_longctx.hay.film.paint import COLOURS
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.tasks.video_qa.questions import KINDS, LETTERS, Question, ask

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = Look(320, 180, Fraction(1))


@lru_cache(maxsize=1)
def _all_questions() -> list[tuple[Day, Question]]:
    """1,500 questions of all kinds, four of each kind about a day."""
    kinds = sorted(KINDS)
    days = [write_day(f"day {number}", 180) for number in range(1500 // (4 * len(kinds)))]
    return [
        (day, ask(day, kind, number, Rng(f"{day.name}|{kind}"), Rng(f"{day.name}{kind}{number}").below(5)))
        for day in days
        for number in range(4)
        for kind in kinds
    ]


def _questions(count: int) -> list[tuple[Day, Question]]:
    return _all_questions()[:count]


@given(name=st.text(max_size=5), seconds=st.integers(SHORTEST, 8000))
def test_scenes_fill_the_day(name: str, seconds: int) -> None:
    """Scenes follow each other without gap, with rising clock times; what passes by stays within its scene."""
    day = write_day(name, seconds)
    assert day.scenes[0].start == 0
    assert day.scenes[-1].start + day.scenes[-1].seconds == seconds
    assert all(b.start == a.start + a.seconds for a, b in pairwise(day.scenes))
    assert all(a.clock < b.clock and a.place != b.place for a, b in pairwise(day.scenes))
    for scene in day.scenes:
        assert all(
            scene.start + CAPTION <= p.start and p.start + PASSING <= scene.start + scene.seconds for p in scene.passes
        )
        assert all(b.start - a.start >= PASSING for a, b in pairwise(scene.passes))
        assert scene.sign_until <= scene.start + scene.seconds


@given(name=st.text(max_size=5), seconds=st.integers(SHORTEST, 8000))
def test_nothing_in_a_scene_is_ambiguous(name: str, seconds: int) -> None:
    """In a scene people differ in shirt, doing and kind of thing."""
    for scene in write_day(name, seconds).scenes:
        for traits in zip(*((r.shirt, r.doing, r.thing[1]) for r in scene.roles), strict=True):
            assert len(set(traits)) == len(traits)


def test_days_are_frozen() -> None:
    """The same name gives the same day everywhere; a change needs a new VERSION."""
    told = repr([write_day("golden", seconds) for seconds in (90, 3600)])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "38103418da20ced5"


def test_a_day_that_is_too_short_is_refused() -> None:
    """The message says how long it must be."""
    with pytest.raises(LengthError, match="ask for 90s or more"):
        write_day("short", 60)


# -- an oracle that knows the script and the question's words, and nothing of how questions are made


def _scene(day: Day, clock: str, title: str) -> Scene:
    (scene,) = [s for s in day.scenes if s.clock == clock and TITLES[s.place] == title]
    return scene


def _a(thing: tuple[str, str]) -> str:
    return f"{'an' if thing[0][0] in 'aeiou' else 'a'} {thing[0]} {thing[1]}"


_SCENE = r"the scene that begins at (\d\d:\d\d) \(([^)]+)\)"


def _beside(day: Day, shirt: str, clock: str, title: str) -> str:
    return next(_a(r.thing) for r in _scene(day, clock, title).roles if r.shirt == shirt)


def _does(day: Day, shirt: str, clock: str, title: str) -> str:
    return next(DOINGS[r.doing] for r in _scene(day, clock, title).roles if r.shirt == shirt)


def _colour(day: Day, kind: str, clock: str, title: str) -> str:
    return next(r.thing[0] for r in _scene(day, clock, title).roles if r.thing[1] == kind)


def _sign(day: Day, clock: str, title: str) -> str:
    return _scene(day, clock, title).sign


def _passes(day: Day, colour: str, kind: str) -> str:
    return str(sum(p.thing == (colour, kind) for scene in day.scenes for p in scene.passes))


def _sounds(day: Day, sound: str) -> str:
    return str(next(len(heard.times) for heard in day.heard if heard.sound == sound))


def _bridge(day: Day, clock: str, title: str, doing: str, clock2: str, title2: str) -> str:
    (person,) = [r.shirt for r in _scene(day, clock, title).roles if DOINGS[r.doing] == doing]
    return _beside(day, person, clock2, title2)


_READINGS: tuple[tuple[str, Callable[..., str]], ...] = (
    (rf"What stands beside the person in the (\w+) shirt in {_SCENE}\?", _beside),
    (rf"What does the person in the (\w+) shirt do in {_SCENE}\?", _does),
    (rf"What colour is the (\w+) in {_SCENE}\?", _colour),
    (rf"Which word is on the sign in {_SCENE}\?", _sign),
    (r"How many times does an? (\w+) (\w+) pass by in the whole video\?", _passes),
    (r"How many times is a (\w+) heard in the whole video\?", _sounds),
    (rf"In {_SCENE}, somebody ([\w ]+)\. What stands beside the same person in {_SCENE}\?", _bridge),
)


def _oracle(day: Day, question: Question) -> str:
    for pattern, read in _READINGS:
        if match := re.fullmatch(pattern, question.text):
            return read(day, *match.groups())
    when = re.fullmatch(r"Which of these is seen beside a person (first|last) in the video\?", question.text)
    assert when, question.text
    times = {o: [s.start for s in day.scenes for r in s.roles if _a(r.thing) == o] for o in question.options}
    return min(times, key=lambda o: min(times[o])) if when[1] == "first" else max(times, key=lambda o: max(times[o]))


def test_the_oracle_is_always_right() -> None:
    """Answers worked out from the script and the question's words alone are the right ones, each among five options."""
    for day, question in _questions(500):
        assert question.options[question.answer] == _oracle(day, question), question
        assert len(set(question.options)) == 5
        assert all(0 <= at <= day.seconds for at in question.evidence)


BLIND: dict[str, Callable[[Question], int]] = {
    **{f"always {letter}": lambda _, i=i: i for i, letter in enumerate(LETTERS)},
    "longest": lambda q: max(range(5), key=lambda i: len(q.options[i])),
    "shortest": lambda q: min(range(5), key=lambda i: len(q.options[i])),
    "first by name": lambda q: min(range(5), key=lambda i: q.options[i]),
    "last by name": lambda q: max(range(5), key=lambda i: q.options[i]),
    "middle": lambda q: sorted(range(5), key=lambda i: (len(q.options[i]), q.options[i]))[2],
    "words of the question": lambda q: max(range(5), key=lambda i: sum(w in q.text for w in q.options[i].split())),
    "most like the others": lambda q: max(
        range(5), key=lambda i: sum(w in o for w in q.options[i].split() for o in q.options)
    ),
}


@pytest.mark.parametrize("strategy", sorted(BLIND))
def test_blind_strategies_are_at_chance(strategy: str) -> None:
    """Over 500 questions no strategy without the film beats chance: one fifth lies in its 99.9 % interval."""
    questions = [question for _, question in _questions(500)]
    right = sum(BLIND[strategy](question) == question.answer for question in questions)
    interval = binomtest(right, len(questions)).proportion_ci(0.999, method="wilson")
    assert interval.low <= 0.2 <= interval.high, right


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_right_options_lie_anywhere(kind: str) -> None:
    """Each letter is right about as often as any other."""
    letters = Counter(q.letter for _, q in _questions(1500) if q.kind == kind)
    assert set(letters) == set(LETTERS)
    assert max(letters.values()) < 2 * min(letters.values())


def test_questions_about_one_day_differ() -> None:
    """The numbers of a kind give different questions."""
    day = write_day("many", 600)
    for kind in KINDS:
        texts = [(q.text, q.options) for q in (ask(day, kind, n, Rng(kind), n) for n in range(4))]
        assert len(set(texts)) == 4


def _near(picture: np.ndarray, colour: str) -> int:
    """How many pixels have nearly a named colour."""
    return int((np.abs(picture.astype(int) - COLOURS[colour]).max(axis=2) < 12).sum())


def test_pictures_show_what_the_script_says() -> None:
    """Shirts, things and what passes by are there in their colours; captions and signs come and go."""
    day = write_day("shown", 180)
    film = DayFilm(day, SMALL)
    for scene in day.scenes[:6]:
        drawn = [np.asarray(p) for p in film.pictures(scene.start, scene.start + scene.seconds)]
        quiet = drawn[-1]
        for role in scene.roles:
            assert _near(quiet, role.shirt) > 60
            assert _near(quiet, role.thing[0]) > 40
        for passing in scene.passes:
            here = [_near(p, passing.thing[0]) for p in drawn[passing.start - scene.start :][: PASSING - 1]]
            assert max(here) > _near(drawn[passing.start - scene.start - 1], passing.thing[0]) + 20


def test_captions_stand_at_the_beginning_of_scenes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without captions exactly the first seconds of each scene look otherwise, in the upper left corner."""
    day = write_day("captions", 90)
    with_captions = [np.asarray(p) for p in DayFilm(day, SMALL).pictures(0, 90)]
    monkeypatch.setattr("lm_eval_longctx.hay.day.film.CAPTION", 0)
    without = [np.asarray(p) for p in DayFilm(day, SMALL).pictures(0, 90)]
    different = {i for i in range(90) if not np.array_equal(with_captions[i], without[i])}
    assert different == {scene.start + i for scene in day.scenes for i in range(CAPTION)}
    assert all(np.array_equal(with_captions[i][40:], without[i][40:]) for i in different)


def test_any_moment_of_a_day_can_be_drawn_alone() -> None:
    """A picture is the same whether or not those before it are drawn."""
    film = DayFilm(write_day("a", 90), SMALL)
    whole = [p.tobytes() for p in film.pictures(10, 20)]
    assert [next(film.pictures(i, i + 1)).tobytes() for i in range(10, 20)] == whole
