"""What fits into a model is counted with its own means, pictures and sound included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lm_eval_longctx.harness.window import Window


class Model:
    """A model that counts words, and takes what it is told."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update({"max_length": 1000, **attributes})

    @staticmethod
    def tok_encode(text: str) -> list[int]:
        """Take each word for a token."""
        return [1] * len(text.split())


class Seeing(Model):
    """One whose processor spends ten tokens on a picture, and one on each side that is longer than a hundred."""

    def tok_batch_multimodal_encode(self, texts: list[str], pictures: list[list[Any]]) -> dict[str, Any]:
        """Count a batch of one."""
        (text,), (shown,) = texts, pictures
        return {"input_ids": [[1] * (len(text.split()) + sum(10 + (p.width > 100) for p in shown))]}


def picture(width: int = 8) -> Any:
    """Make a picture."""
    return Image.new("RGB", (width, 8))


@given(words=st.integers(1, 300), window=st.integers(1, 300), room=st.integers(1, 300))
def test_a_prompt_fits_exactly_if_it_and_its_answer_do(words: int, window: int, room: int) -> None:
    """Neither one token too many is sent, nor one too few."""
    fit = Window(Model(max_length=window)).fit("word " * words, {"max_gen_toks": room}, {})
    assert fit.tokens == words
    assert bool(fit.too_long) == (words + room > window)


ROOMS: list[tuple[dict[str, Any], dict[str, Any], int]] = [
    ({}, {"max_gen_toks": 10}, 10),
    ({}, {"max_new_tokens": 20}, 20),
    ({}, {"max_tokens": 30, "max_gen_toks": None}, 30),
    ({}, {"max_completion_tokens": 40}, 40),
    ({}, {"max_gen_toks": 10, "max_tokens": 400}, 10),
    ({"max_gen_toks": 77}, {}, 77),
    ({}, {}, 256),
    ({"backend": "seq2seq"}, {"max_gen_toks": 10}, 0),
]


@pytest.mark.parametrize(("attributes", "settings", "room"), ROOMS)
def test_room_for_the_answer_is_kept_as_lm_eval_asks_for_it(
    attributes: dict[str, Any], settings: dict[str, Any], room: int
) -> None:
    """All names of lm-eval's for it are known, and so is a model's own default; an encoder's answer needs none."""
    window = Window(Model(**attributes))
    assert not window.fit("word " * (1000 - room), settings, {}).too_long
    assert window.fit("word " * (1001 - room), settings, {}).too_long


def test_pictures_count_as_the_model_counts_them() -> None:
    """A model with a processor counts text and pictures together, at the size at which it sees them."""
    for attributes, width, tokens in (({}, 8, 12), ({}, 500, 13), ({"image_width": 50, "image_height": 8}, 500, 12)):
        window = Window(Seeing(max_length=tokens + 5, **attributes))
        fit = window.fit("two <image>", {"max_gen_toks": 5}, {"visual": [picture(width)]})
        assert (fit.tokens, fit.too_long, fit.unsure) == (tokens, "", "")
        assert window.fit("two <image>", {"max_gen_toks": 6}, {"visual": [picture(width)]}).too_long


def test_pictures_that_nobody_counts_are_said_to_be_unsure() -> None:
    """Without a processor the text is counted, which may already be too long, and the rest is told as unknown."""
    window = Window(Model())
    short = window.fit("two words", {}, {"visual": [picture()]})
    assert (short.tokens, short.too_long) == (None, "")
    assert "does not count what pictures and sound take" in short.unsure
    assert window.fit("word " * 1000, {}, {"visual": [picture()]}).too_long


@pytest.mark.parametrize(("kind", "name"), [("visual", "max_images"), ("audio", "max_audios")])
def test_media_that_would_be_dropped_are_named_with_the_number_to_give(kind: str, name: str) -> None:
    """lm-eval drops pictures and sounds beyond a number: that is told with the argument that mends it."""
    window = Window(Model(**{name: 2}))
    assert window.tells(media=True)
    assert not window.fit("two words", {}, {kind: [picture()] * 2}).dropped
    assert f"say {name}=3 in --model_args" in window.fit("two words", {}, {kind: [picture()] * 3}).dropped


def test_nothing_is_rendered_in_vain() -> None:
    """Where a model tells no window, prompts of text are not worth to be made twice; those with media may be."""
    window = Window(Model(max_length=None, max_images=1))
    assert not window.tells(media=False)
    assert window.tells(media=True)
    assert not Window(Model(max_length=None)).tells(media=True)


def test_a_tokenizer_that_cuts_by_itself_is_heeded() -> None:
    """``truncation=true`` of lm-eval's hf also cuts where the tokenizer ends, whatever the model takes."""
    tokenizer = type("Tokenizer", (), {"model_max_length": 100})()
    for truncation, fits in ((True, False), (False, True)):
        window = Window(Model(tokenizer=tokenizer, truncation=truncation))
        assert bool(window.fit("word " * 101, {"max_gen_toks": 10}, {}).too_long) == (not fits)
