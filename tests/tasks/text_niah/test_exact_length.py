"""Realised length: exact, never above what was asked, close below it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_kit import LOCAL, WORDS, builder_for, written

from lm_eval_longctx.errors import LengthError
from lm_eval_longctx.hay.text import fit
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.measure import Span, count_tokens
from lm_eval_longctx.hay.text.sources import FixedSource
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.tasks.text_niah.builder import MultiNeedleBuilder

REFERENCES = ("o200k_base", "cl100k_base")
LENGTHS = [1500, 20_000]


def check(builder) -> None:
    """Compare every sample of a builder with an independent tokenisation of its whole prompt."""
    tokenizer = load_tokenizer(builder.sweep.tokenizer)
    for sample in builder.samples():
        full = tokenizer.count(builder.render(sample).text())
        assert sample["realised_length"] == full
        assert 0 <= sample["context_length"] - full < 16


@pytest.mark.parametrize("script", WORDS)
@pytest.mark.parametrize("tokenizer", REFERENCES)
def test_references_in_every_script(make, book, script, tokenizer):
    """A context has the asked length within 15 tokens, in prose, in code and in every script."""
    haystack = book(written(script, 30_000))
    check(make(haystack, tokenizer=tokenizer, context_lengths=LENGTHS, depths=2))
    check(make(haystack, MultiNeedleBuilder, tokenizer=tokenizer, context_lengths=LENGTHS, needles=20))


@pytest.mark.parametrize("script", ["english", "chinese", "emoji", "code"])
@pytest.mark.parametrize("family", LOCAL)
def test_local_tokenizers(make, book, local_tokenizers, script, family):
    """A context has the asked length under tokenizers of four families from Hugging Face's library."""
    path = local_tokenizers[family]
    check(make(book(written(script, 9000)), tokenizer=path, context_lengths=[4000], depths=2))


def test_real_code(make):
    """Lines of real code give contexts of the asked length."""
    check(make(f"code:{Path(json.__file__).parent}", context_lengths=[1000, 30_000], samples_per_cell=2))


def test_a_real_book(make, shared_data):
    """A real novel gives contexts of the asked length, also where it begins again."""
    check(make(f"books:{shared_data / 'books' / 'les-miserables.txt'}", context_lengths=["1k", "128k", "1M"], depths=2))


def test_noise_and_chronicle(make):
    """Generated hay gives contexts of the asked length."""
    check(make("repeat", context_lengths=[500, 70_000]))
    check(make("chronicle", context_lengths=[500, 20_000], samples_per_cell=2))


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """A corpus that changes its script every few sentences, under each reference tokenizer."""
    folder = tmp_path_factory.mktemp("torn")
    text = "".join(written(script, 300, seed) for seed in range(12) for script in WORDS)
    source = FixedSource("torn", "0" * 64, lambda: [text])
    return {name: (text, Corpus(source, name, folder)) for name in REFERENCES}


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("tokenizer", REFERENCES)
def test_any_pieces(torn, tokenizer, data):
    """Counting around the joints equals tokenising everything, wherever a text is cut and whatever is put between."""
    text, corpus = torn[tokenizer]
    letters = st.text(st.sampled_from("aZ1 .\n\t'/\u4e2d\u3002\u0301\u200d\U0001f44d\u00a0"), max_size=12)
    cuts = st.integers(0, len(text)).map(lambda place: len(text[:place].encode()))
    ranges = st.tuples(cuts, cuts).map(lambda ends: Span(min(ends), max(ends)))
    pieces = data.draw(st.lists(st.one_of(letters, ranges), min_size=1, max_size=6))
    raw = text.encode()
    whole = "".join(p if isinstance(p, str) else raw[p.start : p.stop].decode() for p in pieces)
    assert count_tokens(corpus, pieces) == load_tokenizer(tokenizer).count(whole)


@settings(max_examples=12)
@given(
    script=st.sampled_from(sorted(WORDS)),
    limit=st.integers(200, 9000),
    depth=st.floats(0, 1),
    index=st.integers(0, 3),
)
def test_any_length_and_depth(tmp_path_factory, script, limit, depth, index):
    """Any length and depth can be asked for; what is realised is stored."""
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    path = folder / f"{script}.txt"
    path.write_bytes(written(script, 12_000).encode())
    builder = builder_for(
        folder / "cache", f"books:{path}", context_lengths=[limit], depths=[depth], samples_per_cell=index + 1
    )
    check(builder)
    assert all(0 <= sample["realised_depth"] <= 1 for sample in builder.samples())


def test_a_text_of_giant_words(make, book):
    """Text without spaces for thousands of characters is cut, and the length is still close."""
    check(make(book("\n".join("ab" * 1500 for _ in range(30))), context_lengths=[1000, 5000]))


def test_length_below_question(make):
    """A length shorter than question plus needle is an error that says how long it must be."""
    with pytest.raises(
        Exception, match=r"a context of 40 tokens is too short: .* ask for context_lengths well above \d+"
    ):
        make("repeat", context_lengths=[40]).samples()


def test_shortest_lengths_do_not_overflow(make):
    """Every length that is not refused is kept, down to the shortest."""
    built = []
    for length in range(40, 140, 3):
        builder = make("repeat", context_lengths=[length], depths=[0.5])
        try:
            built += [sample["realised_length"] <= length for sample in builder.samples()]
        except LengthError:
            assert not built
    assert built
    assert all(built)


@pytest.mark.parametrize("surplus", [1, 3, 40])
def test_a_context_that_came_out_too_long_is_shortened(make, book, monkeypatch, surplus):
    """However the search ends, units of hay are taken away until the prompt is no longer than asked."""
    stretched = fit._Search._stretched

    def too_far(self, layout):
        right = stretched(self, layout)
        return self._kept(right, right.units + surplus, 0)

    monkeypatch.setattr(fit._Search, "_stretched", too_far)
    builder = make(book(written("english", 30_000)), context_lengths=[1500, 1600, 1700], depths=[0.5, 1])
    for sample in builder.samples():
        full = load_tokenizer(builder.sweep.tokenizer).count(builder.render(sample).text())
        assert sample["realised_length"] == full
        assert sample["context_length"] - 200 < full <= sample["context_length"]
