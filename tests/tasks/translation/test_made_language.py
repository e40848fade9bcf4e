"""A made language can be translated from its book alone, and from nothing less."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rule_translator

from lm_eval_longctx.errors import ConfigError, LengthError
from lm_eval_longctx.hay.language.book import chapters, word_list
from lm_eval_longctx.hay.language.library import HeldOut
from lm_eval_longctx.hay.language.tongue import Tongue
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.tasks.translation.builder import MadeLanguageBuilder


@pytest.mark.parametrize("difficulty", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_reader_of_the_book_translates_everything(make: Any, seed: int, difficulty: int) -> None:
    """A program that reads the printed tables and word list gets every sentence right, both ways: 204 in all."""
    builder = make(MadeLanguageBuilder, seed=seed, difficulty=difficulty, samples_per_cell=17)
    samples = builder.samples()
    prompt = builder.render(samples[0]).text()
    for sample in samples:
        to_english = sample["variant"] == "to_english"
        assert rule_translator.translate(prompt, sample["source"], to_english=to_english) == sample["target"]


def test_languages_differ_and_each_is_the_same_everywhere() -> None:
    """Each seed and difficulty is its own language, with golden bytes."""
    written = {}
    for seed, difficulty in (("0", 1), ("0", 2), ("0", 3), ("1", 2)):
        tongue = Tongue(seed, difficulty)
        text = "\n".join([*chapters(tongue, Rng("book")), *word_list(tongue)])
        written[seed, difficulty] = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert len(set(written.values())) == 4
    assert written["0", 3] == "2816defb8f8c7b50"


def test_no_two_words_or_endings_are_alike() -> None:
    """Every word has its own form, and so has every ending."""
    tongue = Tongue("7", 3)
    assert len(set(tongue.words.values())) == len(tongue.words)
    forms = [form for ending in tongue.endings.values() for form in (ending.back, ending.front)]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize("label", ["8k", "16k", "100k"])
def test_the_context_has_the_asked_length(make: Any, label: str) -> None:
    """Parallel sentences fill the context up to the asked length, measured by tokenising all of it."""
    builder = make(MadeLanguageBuilder, context_lengths=[label])
    for sample in builder.samples():
        measured = load_tokenizer("o200k_base").count(builder.render(sample).text())
        assert measured == sample["realised_length"] <= sample["context_length"]
        assert sample["context_length"] - measured <= max(16, sample["context_length"] * 0.005)


def test_test_sentences_are_nowhere_in_the_context(make: Any) -> None:
    """No test sentence, nor six words in a row of one, stands in book, word list or parallel sentences."""
    builder = make(MadeLanguageBuilder, context_lengths=["64k"], samples_per_cell=50)
    samples = builder.samples()
    held = HeldOut(text for sample in samples for text in (sample["source"], sample["target"]))
    shared = [part.text for part in builder.render(samples[0]).parts() if part.shared]
    assert shared
    assert not any(held.gives_away(line) for text in shared for line in text.split("\n"))


def test_resources_decide_what_is_in_the_context(make: Any) -> None:
    """Each resource brings its own part, and none brings nothing."""
    texts = {}
    for resources in ("none", "wordlist", "sentences", "half_book", "book", "all"):
        builder = make(MadeLanguageBuilder, resources=resources)
        texts[resources] = builder.render(builder.samples()[0]).text()
    assert "grammar book" not in texts["none"] + texts["wordlist"]
    assert "(verb): see" in texts["wordlist"]
    assert "(verb): see" not in texts["book"]
    assert "Chapter 10" in texts["book"]
    assert "Chapter 10" not in texts["half_book"]
    assert all(text in texts["all"] for text in ("Chapter 10", "(verb): see", "with their English translations"))


def test_the_source_stands_before_each_resource_and_at_the_end(make: Any) -> None:
    """As in the report, the sentence is repeated before each resource."""
    builder = make(MadeLanguageBuilder)
    sample = builder.samples()[0]
    assert builder.render(sample).text().count(sample["source"]) == 4


def test_more_samples_or_lengths_change_no_other(make: Any) -> None:
    """A larger sweep starts with the same sentences in the same contexts."""
    small = {r["id"]: r for r in make(MadeLanguageBuilder, samples_per_cell=2).samples()}
    large = {r["id"]: r for r in make(MadeLanguageBuilder, samples_per_cell=5, context_lengths=["8k", "16k"]).samples()}
    assert small.items() <= large.items()


def test_impossible_wishes_are_errors(make: Any) -> None:
    """Too short a context and too many samples say what is possible."""
    with pytest.raises(LengthError, match="ask for a context of"):
        make(MadeLanguageBuilder, context_lengths=["1k"]).samples()
    with pytest.raises(ConfigError, match="1000 test sentences"):
        make(MadeLanguageBuilder, samples_per_cell=1001)
