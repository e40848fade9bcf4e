"""Lists of words: as many as fit, and the words that are asked for stand more often than all others."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_kit import builder_for

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.estimating import TEXT, estimating
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.tasks.text_words.builder import WordListBuilder


def made(folder, hay="chronicle", **metadata):
    """Make a builder of this task."""
    return builder_for(folder, hay, WordListBuilder, **metadata)


def entries_of(text):
    """Return the entries of the list of a prompt, without their numbers."""
    listed = text.split("<context>\n")[1].split("\n</context>")[0]
    return re.findall(r"\d+\. (\w+)", listed) if listed.startswith("1. ") else listed.split()


@given(
    length=st.integers(1200, 9000),
    seed=st.integers(0, 9),
    often=st.integers(4, 12),
    seldom=st.integers(1, 3),
    common=st.integers(2, 8),
)
@settings(max_examples=5, deadline=None)
def test_what_is_asked_for_stands_most_often(tmp_path_factory, length, seed, often, seldom, common):
    """A list is as long as asked, and its counts are the options'; the words asked for are its most frequent."""
    folder = tmp_path_factory.getbasetemp() / "words"
    options = {"often": often, "seldom": seldom, "common": common, "context_lengths": [length], "seed": seed}
    builder = made(folder, **options)
    for sample in builder.samples():
        text = builder.render(sample).text()
        assert load_tokenizer("o200k_base").count(text) == sample["realised_length"]
        assert 0 <= length - sample["realised_length"] < 16
        counts, right = Counter(entries_of(text)), sample["target"].split(", ")
        ranked = [word for word, _ in counts.most_common() if word != "..."]
        assert set(ranked[: len(right)]) == set(right)
        runner_up = counts[ranked[len(right)]]
        assert sample["times"] == [*(counts[word] for word in right), runner_up]
        assert min(sample["times"][:-1]) > runner_up
        assert sample["entries"] == counts.total()
        if sample["kind"] == "common":
            assert {counts[word] / often for word in right} == {runner_up / seldom}
            assert sorted(counts.values())[1:-common] == [runner_up] * (len(counts) - common - 1)
            assert runner_up == seldom or counts.total() > 1200 * seldom  # nearly all words there are
        else:
            assert counts["..."] > counts[right[0]] > counts[right[1]] > counts[right[2]]


def test_where_words_run_out_all_stand_more_often(tmp_path):
    """A list that needs more words than there are keeps the proportion of common words to others."""
    (sample,) = made(tmp_path, context_lengths=["64k"], kinds=["common"]).samples()
    assert sample["times"] == [90] * 10 + [9]
    assert 65_536 - 16 < sample["realised_length"] <= 65_536


def test_no_word_is_part_of_another(tmp_path):
    """Letters of a word stand in an answer only where the word itself does."""
    words = made(tmp_path)._hay[1]
    joined = "\n".join(words)
    assert all(joined.count(word) == 1 for word in words)
    assert len(words) > 1400
    assert not {"most", "often", "words", "list", "which"} & set(words)


def test_the_example_is_another_list(tmp_path):
    """The list before the question's has its answer, none of whose words is asked for; it can be left out."""
    builder = made(tmp_path, context_lengths=["4k"], kinds=["common"])
    (sample,) = builder.samples()
    text = builder.render(sample).text()
    example, answer = text.split("\n</example>\n")[0], text.split(" list are: ")[1].splitlines()[0]
    counts = Counter(re.findall(r"\d+\. (\w+)", example))
    assert {counts[word] for word in answer.split(", ")} == {10}
    assert sorted(counts.values())[:30] == [3] * 30
    assert not set(answer.split(", ")) & set(sample["target"].split(", "))
    builder = made(tmp_path, context_lengths=["4k"], kinds=["common"], example=False)
    assert "<example>" not in builder.render(builder.samples()[0]).text()


def test_plans_reckon_but_runs_count(tmp_path):
    """While a plan is made, one list of a cell is counted and the others are taken to be like it, and say so."""
    options = {"context_lengths": ["8k"], "samples_per_cell": 3, "kinds": ["common"]}
    with estimating(TEXT):
        reckoned = made(tmp_path, **options).samples()
    counted = made(tmp_path, **options).samples()
    assert [bool(sample["haystack"].get("estimated")) for sample in reckoned] == [False, True, True]
    assert not any(sample["haystack"].get("estimated") for sample in counted)
    for one, other in zip(reckoned, counted, strict=True):
        assert abs(one["realised_length"] - other["realised_length"]) < 16


@pytest.mark.parametrize("kind", ["common", "coded"])
def test_what_a_plan_measures_has_as_many_bytes_as_what_is_sent(tmp_path, kind):
    """A reckoned list is not mixed: it has the very entries, and so the bytes, of the list that a run would send."""
    builder = made(tmp_path, context_lengths=["4k", "8k"], samples_per_cell=3, kinds=[kind])
    with estimating(TEXT):
        reckoned = [sample for sample in builder.samples() if sample["haystack"].get("estimated")]
    assert len(reckoned) == 4
    for sample in reckoned:
        sent = {**sample, "haystack": {**sample["haystack"], "estimated": False}}
        measured, mixed = (builder.render(one).text() for one in (sample, sent))
        assert measured != mixed
        assert len(measured.encode()) == len(mixed.encode())
        assert Counter(entries_of(measured)) == Counter(entries_of(mixed))


@pytest.mark.parametrize(
    ("metadata", "error", "told"),
    [
        ({"context_lengths": ["1k"]}, LengthError, "too few"),
        ({"often": 3}, ConfigError, "seldom: 3"),
        ({"kinds": []}, ConfigError, "common, coded"),
        ({"hay": "repeat"}, CorpusError, "too few for a list"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, metadata, error, told):
    """Lists without room, without a difference, without a kind or without words are errors that say so."""
    hay = metadata.pop("hay", "chronicle")
    with pytest.raises(error, match=told):
        made(tmp_path, hay, **{"context_lengths": ["4k"], **metadata}).samples()


def test_another_text_is_noticed(tmp_path):
    """A sample is rendered with the words of its own text only."""
    (sample,) = made(tmp_path, context_lengths=["4k"], kinds=["common"]).samples()
    with pytest.raises(CorpusError, match="is not the one"):
        made(tmp_path, "chronicle:7").render(sample)
