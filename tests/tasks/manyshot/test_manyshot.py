"""Many-shot learning: the examples decide, and nothing else does."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.scorers.label import LabelScorer
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.manyshot import builder as manyshot
from lm_eval_longctx.tasks.manyshot.builder import PROPERTIES, ManyShotBuilder, conclusions
from lm_eval_longctx.units import Unit

EXAMPLE = re.compile(r"Input: an? (\w+) (\w+) (\w+) of (\w+) from (\w+), (\w+)\nLabel:(?: (\w+))?")
GOLDEN = "4c999f775789672c6431031d8d27ee61023b630277217a6a6dc8a3f3525e3733"


def make(tmp_path, **metadata):
    given = {"version": 1, "context_lengths": [10, 100], **metadata}
    options = (*ManyShotBuilder.OPTIONS, *LabelScorer.OPTIONS)
    sweep = parse_sweep(given, task="longctx_text_manyshot", unit=Unit.SHOTS, options=options, has_depth=False)
    return ManyShotBuilder(sweep, BuildContext(resolve_source=str, cache_dir=tmp_path))


def read(prompt):
    """Return the examples with their labels, and the open input, as a reader sees them."""
    found = [(match[:6], match[6]) for match in EXAMPLE.findall(prompt)]
    return found[:-1], found[-1][0]


@pytest.mark.parametrize("deciding", [1, 2, 3])
def test_oracle_is_right_and_blind_guessing_is_at_chance(tmp_path, deciding):
    """Over 200 samples the examples allow the right label only; the commonest and the first label are at chance."""
    builder = make(tmp_path, context_lengths=[10, 30, 100, 300], samples_per_cell=50, deciding=deciding)
    scorer, right = LabelScorer({}), Counter()
    for sample in builder.samples():
        shots, asked = read(builder.render(sample).text())
        assert len(shots) == sample["context_length"]
        assert asked not in [thing for thing, _ in shots]
        (label,) = conclusions(shots, asked, deciding)
        commonest = Counter(label for _, label in shots).most_common(1)[0][0]
        for name, said in (("oracle", label), ("commonest", commonest), ("first", sample["labels"][0])):
            right[name] += scorer.score(sample, said)["accuracy"]
    assert right["oracle"] == 200
    assert 25 < right["first"] < 75
    assert 25 < right["commonest"] < 100


def test_more_shots_are_more_of_the_same(tmp_path):
    """The examples of an index at a small number of shots are the first of those at a larger one."""
    builder = make(tmp_path, samples_per_cell=2)
    texts = {(r["context_length"], r["index"]): read(builder.render(r).text())[0] for r in builder.samples()}
    for index in (0, 1):
        assert texts[100, index][:10] == texts[10, index]
    assert texts[10, 0] != texts[10, 1]


def test_the_examples_of_an_index_are_made_once_for_all_lengths(tmp_path, monkeypatch):
    """Samples of five lengths and their prompts need one world an index, whichever length comes first."""
    made, make_world = [], manyshot.make_world
    monkeypatch.setattr(
        manyshot, "make_world", lambda rng, *rest: (made.append(rng.identity), make_world(rng, *rest))[1]
    )
    builder = make(tmp_path, context_lengths=[300, 10, 30, 100, 20], samples_per_cell=3, seed=77)
    for sample in builder.samples():
        builder.render(sample)
    assert (len(made), len(set(made))) == (3, 3)


def test_labels_are_spread_evenly(tmp_path):
    """Over many samples each label is right about equally often."""
    builder = make(tmp_path, context_lengths=[100], samples_per_cell=200)
    places = Counter(sample["labels"].index(sample["target"]) for sample in builder.samples())
    assert all(30 < places[i] < 70 for i in range(4))


def test_every_word_is_of_one_property():
    """No word occurs in two properties, so that a description can be read back."""
    words = [word for values in PROPERTIES for word in values]
    assert len(words) == len(set(words))


def test_the_same_sample_gives_the_same_bytes(tmp_path):
    """A prompt is a function of seed and version: its digest never changes."""
    sample = make(tmp_path).samples()[1]
    assert make(tmp_path).render(sample).digest == GOLDEN


def test_bad_settings_are_refused(tmp_path, monkeypatch):
    """Too many shots, and too few to decide anything, get one clear line each."""
    with pytest.raises(LengthError, match="at most 10,000 shots"):
        make(tmp_path, context_lengths=["16k"])
    monkeypatch.setattr(manyshot, "_TRIES", 1)
    with pytest.raises(LengthError, match="decide nothing"):
        make(tmp_path, context_lengths=[10], deciding=3).samples()
