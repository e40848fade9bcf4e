"""Many needles in one answer: found / hidden, each value under its own key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer

SCORER = MultiNeedleScorer({})
CITIES = ["Paris", "Rome", "York", "New York", "Cape Town", "San José", "Oslo", "St. Gallen", "Lima", "Aix-en-Provence"]
PAIRS = {"Paris": "1234567", "Rome": "2223334", "New York": "5556667", "York": "1112223"}

needles = st.lists(st.integers(1_000_000, 9_999_999), min_size=2, max_size=10, unique=True).map(
    lambda numbers: {city: str(number) for city, number in zip(CITIES, numbers, strict=False)}
)
FORMS = {
    "lines": lambda pairs: "\n".join(f"{k}: {v}" for k, v in pairs),
    "numbered": lambda pairs: "\n".join(f"{i}. **{k}** - {int(v):,}" for i, (k, v) in enumerate(pairs, 1)),
    "sentence": lambda pairs: ", ".join(f"{k} is {v}" for k, v in pairs) + ".",
    "value first": lambda pairs: "; ".join(f"{v} for {k}" for k, v in pairs),
    "value first, lines": lambda pairs: "\n".join(f"- {v} ({k})" for k, v in pairs),
    "json": lambda pairs: json.dumps(dict(pairs), ensure_ascii=False),
    "pretty json": lambda pairs: json.dumps({k: int(v) for k, v in pairs}, indent=2, ensure_ascii=False),
    "table": lambda pairs: "| city | number |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in pairs),
    "above": lambda pairs: "\n\n".join(f"{k.upper()}\n{v}" for k, v in pairs),
    "respectively": lambda pairs: f"{', '.join(k for k, _ in pairs)} have {', '.join(v for _, v in pairs)}.",
    "asked first": lambda pairs: (
        f"You asked about {' and '.join(CITIES)}.\n" + "\n".join(f"{k}: {v}" for k, v in pairs)
    ),
}


def score(target, answer):
    found = SCORER.score({"target": target}, answer)
    return found["recall"], found["extra"], found["complete"]


@pytest.mark.parametrize("form", FORMS)
@given(pairs=needles, seed=st.integers(0, 99))
def test_perfect_answer_scores_one_in_any_form_and_order(form, pairs, seed):
    """All needles in any order and any usual layout give recall 1 and no extra."""
    shuffled = list(pairs.items())
    Rng(str(seed)).shuffle(shuffled)
    assert score(pairs, FORMS[form](shuffled)) == (1, 0, 1)
    assert score(pairs, FORMS[form](shuffled).upper()) == (1, 0, 1)


@given(needles)
def test_bare_values_count_as_in_the_report(pairs):
    """Values without keys count wherever they stand, for dictionaries and lists alike."""
    bare = " ".join(reversed(pairs.values()))
    assert score(pairs, bare) == (1, 0, 1)
    assert score(list(pairs.values()), bare) == (1, 0, 1)


@given(needles)
def test_empty_answer_scores_zero(pairs):
    """An empty answer finds nothing and adds nothing."""
    assert score(pairs, "") == (0, 0, 0)


@given(needles, st.data())
def test_recall_is_found_over_hidden(pairs, data):
    """Naming k of n needles gives recall k / n."""
    kept = data.draw(st.lists(st.sampled_from(sorted(pairs)), unique=True))
    answer = "\n".join(f"{key}: {pairs[key]}" for key in kept)
    assert score(pairs, answer) == (len(kept) / len(pairs), 0, float(len(kept) == len(pairs)))


@given(needles)
def test_values_under_wrong_keys_do_not_count(pairs):
    """Values that are rotated among the keys give recall 0, and all of them are extra."""
    keys, values = list(pairs), list(pairs.values())
    answer = "\n".join(f"{key}: {value}" for key, value in zip(keys, values[1:] + values[:1], strict=True))
    assert score(pairs, answer) == (0, 1, 0)


def test_longer_keys_win():
    """New York's value is not York's."""
    assert score(PAIRS, "New York: 1112223") == (0, 1, 0)
    assert score(PAIRS, "York: 1112223") == (0.25, 0, 0)


def test_invented_values_are_extra():
    """A value that nobody hid lowers no recall and is extra."""
    assert score(PAIRS, "Paris: 1234567\nRome: 9999999") == (0.25, 0.5, 0)
    assert score(list(PAIRS.values()), "1234567, 9999999") == (0.25, 0.5, 0)


def test_list_numbers_are_not_values():
    """The numbers of a numbered list are no values, even where a value is as small."""
    assert score({"Paris": "2", "Rome": "7"}, "1. Rome: 7\n2. Paris: 3") == (0.5, 0.5, 0)


def test_small_figures_in_prose_are_not_extra():
    """Figures shorter than every hidden value are no values."""
    assert score(PAIRS, "In chapter 12, Paris: 1234567") == (0.25, 0, 0)


def test_repeating_an_answer_changes_nothing():
    """The same needle told twice counts once."""
    assert score(PAIRS, "Paris: 1234567\nParis: 1234567\nAgain, Paris: 1234567") == (0.25, 0, 0)


def test_hedging_is_extra():
    """A key with its own and another value is found, and the other value is extra."""
    assert score(PAIRS, "Paris: 1234567 or 2223334") == (0.25, 0.5, 0)


def test_words_and_uuids_are_values_too():
    """Words and UUIDs are tied to their keys like numbers."""
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert score({"Paris": "otter", "Rome": uuid}, f"Rome = {uuid.upper()}, Paris = Otter") == (1, 0, 1)
    assert score({"Paris": "otter", "Rome": "badger"}, "Paris: badger\nRome: otter") == (0, 1, 0)


def test_details_count():
    """The details say how many were hidden, found and wrong."""
    assert SCORER.details({"target": PAIRS}, "Paris: 1234567\nRome: 1") == {
        "hidden": 4,
        "found_needles": 1,
        "wrong": 0,
        "unparsed": 0,
    }


@pytest.mark.parametrize("target", [None, "12", {}, [], {"Paris": 12}, [""]])
def test_targets_of_another_kind_are_refused(target):
    """A target that is no dictionary or list of texts is refused before anything is sent."""
    with pytest.raises(ConfigError, match="dictionary or a list of texts"):
        SCORER.validate({"target": target})


def test_needles_that_were_not_asked_for_are_extra():
    """The value of a distractor is extra, be it a word or a number."""
    sample = {
        "target": {"Paris": "red-otter", "Rome": "1234567"},
        "distractors": {"Oslo": "blue-badger", "Bonn": "7654321"},
    }
    right = "Paris: red-otter\nRome: 1234567"
    assert SCORER.score(sample, right)["extra"] == 0
    for unasked in (sample["distractors"], list(sample["distractors"].values())):
        answer = f"{right}\nOslo: blue-badger\nBonn: 7654321"
        assert SCORER.score({**sample, "distractors": unasked}, answer)["extra"] == 0.5


@pytest.mark.parametrize(
    ("answer", "right", "extra"),
    [("None of these numbers is in the text.", 1, 0), ("Paris: 1234567", 0, 1), ("Paris: 7654321", 0, 1), ("", 0, 0)],
)
def test_where_nothing_is_hidden_the_right_answer_says_so(answer, right, extra):
    """On needle-absent samples a denial is right, any value is invented, and silence is wrong."""
    found = SCORER.score({"target": PAIRS, "absent": True}, answer)
    none = {"ruler": None, "abstained": None}
    assert found == {"found": right, "recall": right, "extra": extra, "complete": right, **none}
