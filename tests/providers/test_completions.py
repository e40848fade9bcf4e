"""A prompt that comes back with log-probabilities: where each token stands, in the dialects of several servers."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Raw, Request
from lm_eval_longctx.providers.completions import laid_out
from lm_eval_longctx.testing.server import provider_classes

TEXT = "The naïve bell 東京 rang.\n\n  It was 🙂 late, and cold."
MARK = "\N{REPLACEMENT CHARACTER}"


def pieces(text, size):
    """Cut a text's bytes into tokens of words, blanks before them, of at most so many bytes; letters without mixing."""
    cut = [token for word in re.findall(r"\s?[!-~]+|\s?\S|\s", text) for token in _chunks(word.encode(), size)]
    assert b"".join(cut) == text.encode()
    return cut


def _chunks(word, size):
    return [word[place : place + size] for place in range(0, len(word), size)]


def whole_at_the_end(tokens):
    """Spell tokens as vLLM does now: a character that is cut stands whole in the token of its last byte."""
    spelt, kept = [], b""
    for token in tokens:
        kept += token
        text = kept.decode(errors="ignore")
        spelt.append(text)
        kept = kept[len(text.encode()) :]
    return spelt


def replaced(tokens):
    """Spell each token by itself, as older servers do: a piece of a character is a mark of replacement."""
    return [token.decode(errors="replace") for token in tokens]


DIALECTS = {
    "whole": whole_at_the_end,
    "replaced": replaced,
    "a mark of the beginning": lambda tokens: ["<s>", *whole_at_the_end(tokens)],
    "blanks left off": lambda tokens: [text.lstrip(" ") for text in whole_at_the_end(tokens)],
}


def decoded(text, tokens, ranges, logs=None, **changes):
    """Let the provider read an echo in which each token's log-probability is minus its number."""
    request = Request(Prompt.user(TextPart(text)), scored=tuple(ranges))
    numbers = [None, *(-float(n) for n in range(1, len(tokens)))] if logs is None else logs
    choice = {"index": 0, "text": "", "logprobs": {"tokens": tokens, "token_logprobs": numbers, **changes}}
    body = {"object": "text_completion", "model": "m", "choices": [choice], "usage": {"prompt_tokens": len(tokens) - 1}}
    provider = provider_classes()["openai-compatible"]("m", base_url="http://127.0.0.1:9/v1", prompt_logprobs=True)
    return provider.decode(Raw(200, body=json.dumps(body).encode()), request).completion


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_tokens_stand_where_their_words_are(dialect, size):
    """In each dialect every word's tokens begin where the word does, whether or not characters are cut."""
    cut = pieces(TEXT, size)
    spelt = DIALECTS[dialect](cut)
    spans = laid_out(TEXT, [*spelt, "x"])
    assert len(spans) == len(spelt)
    before = len(spelt) - len(cut)
    place = 0
    for token, (low, _) in zip(cut, spans[before:], strict=True):
        if token.startswith(b" ") and token.strip():
            there = len(TEXT.encode()[:place].decode())
            assert low in ({there - 1, there, there + 1} if dialect == "blanks left off" else {there})
        place += len(token)


@given(st.text(alphabet="aé東🙂. \n", min_size=1, max_size=60), st.integers(1, 5), st.sampled_from(sorted(DIALECTS)))
def test_every_token_has_a_place_in_order(text, size, dialect):
    """Whatever the text, no token is lost, and places never go back."""
    text += "a"  # as windows do, it ends with a word
    spelt = DIALECTS[dialect](pieces(text, size))
    spans = laid_out(text, [*spelt, "x"])
    assert len(spans) in {len(spelt), len(spelt) - 1}
    assert all(low <= high for low, high in spans)
    assert [low for low, _ in spans] == sorted(low for low, _ in spans)


@pytest.mark.parametrize("offsets", [None, [-1] * 99, list(range(3, 102))])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_windows_are_summed_by_words_not_by_offsets(dialect, offsets):
    """A window's loss is that of its own tokens, whatever a server says of offsets; ranges are in bytes."""
    spelt = DIALECTS[dialect](pieces(TEXT, 3))
    start, stop = TEXT.encode().index(b" bell"), TEXT.encode().index(b" late")
    first = next(n for n, token in enumerate(spelt) if token.strip() in {"be", "bell"})
    last = next(n for n, token in enumerate(spelt) if token.strip() in {"la", "lat"})
    answer = decoded(TEXT, [*spelt, "x"], [(start, stop), (0, len(TEXT.encode()))], text_offset=offsets)
    assert answer.outcome is Outcome.COMPLETE
    window, whole = json.loads(answer)["nats"]
    assert math.isclose(window, sum(range(first, last)))
    assert math.isclose(whole, sum(range(len(spelt))))
    assert answer.notes == ()


def test_an_end_within_a_token_is_said():
    """A window that ends within a token counts the token where it begins, and says so."""
    answer = decoded("one two three", ["one", " two three", "x"], [(3, 7), (0, 7)])
    assert json.loads(answer)["nats"] == [1.0, 1.0]
    assert answer.notes == ("1 ends of windows are within a token, which is counted where it begins",)


WRONG = {
    "its end only": (["two", " three", " four", "x"], Outcome.TRUNCATED_INPUT, "the end of the prompt only"),
    "its beginning only": (["one", " two", "x"], Outcome.TRUNCATED_INPUT, "of 18 characters the server read 7"),
    "its beginning, gone on with": (["one", " two", " three"], Outcome.TRUNCATED_INPUT, "server read 13"),
    "nothing": (["x"], Outcome.TRUNCATED_INPUT, "of 18 characters the server read 0"),
    "other letters": (["one", " TWO", " three", " four", "x"], Outcome.UNSUPPORTED, "another text from character 3 on"),
    "no tokens": ([], Outcome.TRUNCATED_INPUT, "of 18 characters the server read 0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_the_prompt_is_not_measured(what):
    """A text that was cut at either end, or changed, has no likelihood, and words that say why."""
    tokens, outcome, words = WRONG[what]
    answer = decoded("one two three four", tokens, [(3, 18)])
    assert answer.outcome is outcome
    assert words in answer.detail


@pytest.mark.parametrize(
    "logs", [[None, None, -1.0, -1.0], [None, -1.0], [None, "a", -1.0, -1.0], None], ids=["hole", "few", "words", "no"]
)
def test_tokens_without_numbers_are_no_likelihood(logs):
    """Where a token has no log-probability, nothing is summed as if it were certain."""
    changes = {"token_logprobs": None} if logs is None else {}
    answer = decoded("one two three", ["one", " two", " three", "x"], [(3, 13)], logs, **changes)
    assert answer.outcome is Outcome.UNSUPPORTED
    assert "echoes no log-probabilities" in answer.detail
