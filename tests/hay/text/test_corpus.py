"""Corpora on disk: written once, grown by whole segments, the same for everybody."""

from __future__ import annotations

import hashlib
import multiprocessing
from itertools import islice, pairwise
from threading import Thread

import numpy as np
import pytest
from text_kit import SOURCES, builder_for, written

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.estimating import MARGIN, TEXT, estimating
from lm_eval_longctx.hay.records.source import RecordsSource
from lm_eval_longctx.hay.text import corpus as corpus_module
from lm_eval_longctx.hay.text import index, store
from lm_eval_longctx.hay.text.corpus import ENOUGH, Corpus
from lm_eval_longctx.hay.text.measure import _kept_between
from lm_eval_longctx.hay.text.sources import FixedSource
from lm_eval_longctx.hay.text.tokenizers import TiktokenTokenizer, load_tokenizer
from lm_eval_longctx.tasks.mrcr.conversation import RoundsSource


def corpus_of(folder, text: str, kind: str = "sentences", tokenizer: str = "o200k_base") -> Corpus:
    """Make a corpus of a text."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Corpus(FixedSource("test", digest, lambda: [text], kind), tokenizer, folder)


def chronicle_in(folder) -> Corpus:
    """Make the corpus of the endless chronicle."""
    context = BuildContext(resolve_source=SOURCES.__getitem__, cache_dir=folder)
    return Corpus(context.source("chronicle"), "o200k_base", folder)


@pytest.fixture
def small_segments(monkeypatch):
    """Close segments early, so that small texts have many."""
    monkeypatch.setattr(store, "segment_limit", lambda _number: 3000)
    monkeypatch.setattr(store, "ROLLED_OUT", 20_000)
    monkeypatch.setattr(index, "PIECE", 1000)


def test_text_is_kept_as_it_is(tmp_path, small_segments):
    """What is stored is the source's text, cut where its units end, over many segments."""
    text = written("emoji", 30_000)
    corpus = corpus_of(tmp_path, text)
    assert len(corpus.store.segments) > 5
    assert corpus.read(0, len(text.encode())) == text
    starts = [corpus.unit_start(unit) for unit in range(corpus.store.units)]
    assert starts == sorted(set(starts))
    assert [corpus.unit_at(start) for start in starts] == list(range(corpus.store.units))


def test_places_go_on_after_the_end(tmp_path, small_segments):
    """Bytes and units beyond a text are those of its next round."""
    text = written("english", 25_000)
    corpus = corpus_of(tmp_path, text)
    size, units = corpus.store.size, corpus.store.units
    assert corpus.unit_start(units) == size
    assert corpus.unit_start(3 * units + 5) == 3 * size + corpus.unit_start(5)
    assert corpus.unit_at(2 * size + corpus.unit_start(7)) == 2 * units + 7
    assert corpus.read(size - 50, size + 50) == text[-50:] + text[:50]
    assert corpus.repeats(0, len(text)) == 0
    assert corpus.repeats(10, 10 + 3 * len(text)) == 2


def test_short_texts_are_rolled_out(tmp_path):
    """A short text is stored several times but counted as what it is."""
    corpus = corpus_of(tmp_path, "One two. Three four.\n")
    assert corpus.store.size >= store.ROLLED_OUT
    assert (corpus.store.period_bytes, corpus.store.period_units) == (21, 2)
    assert corpus.repeats(0, 210) == 9


@pytest.mark.parametrize("script", ["english", "japanese", "emoji", "spaces"])
def test_index_agrees_with_full_tokenisation(tmp_path, small_segments, script):
    """At every remembered place the count is that of tokenising all text before it."""
    text = written(script, 25_000)
    corpus = corpus_of(tmp_path, text)
    corpus.tokens_before(corpus.store.size - 1)
    starts = load_tokenizer("o200k_base").starts(text)
    parts = [np.load(path) for path in sorted(tmp_path.rglob("o200k*/*.npy"))] or corpus.index._parts
    places = np.concatenate(parts, axis=1)
    within = places[0] < len(text.encode())
    assert within.sum() > 20
    assert (np.searchsorted(starts, places[0][within]) == places[1][within]).all()


def test_estimates_are_close(tmp_path):
    """Estimated counts and places are within a few tokens of the truth."""
    text = written("english", 1_100_000)
    corpus, tokenizer = corpus_of(tmp_path, text), load_tokenizer("o200k_base")
    for stop in (1000, 50_000, 200_000):
        full = tokenizer.count(text.encode()[:stop].decode(errors="ignore"))
        assert abs(corpus.tokens_before(stop) - full) < 12
        assert abs(corpus.advance(0, full) - stop) < 60


def test_tokenised_once(tmp_path, monkeypatch):
    """A corpus that was counted before is never tokenised again: only small windows are."""
    path = tmp_path / "book.txt"
    path.write_bytes(written("english", 400_000).encode())
    builder_for(tmp_path / "cache", f"books:{path}", context_lengths=["64k"]).samples()
    _kept_between.cache_clear()  # as in a new process
    fed = []
    whole = TiktokenTokenizer.starts
    monkeypatch.setattr(TiktokenTokenizer, "starts", lambda self, text: fed.append(len(text)) or whole(self, text))
    again = builder_for(tmp_path / "cache", f"books:{path}", context_lengths=["64k"])
    for sample in again.samples():
        again.render(sample)
    assert fed
    assert max(fed) < 4000


def test_endless_text_grows_as_far_as_asked(tmp_path):
    """A chronicle is generated and counted only as far as a context needs."""
    corpus = chronicle_in(tmp_path)
    corpus.read(0, 1000)
    assert len(corpus.store.segments) == 1
    corpus.advance(0, 100_000)
    assert 100_000 < corpus.index.last[1] < 300_000
    assert corpus.repeats(0, 10**9) == 0


def test_long_text_is_counted_as_far_as_needed(tmp_path):
    """Of a long book only what a context needs is tokenised."""
    corpus = corpus_of(tmp_path, written("english", 2_000_000))
    corpus.advance(0, 5000)
    assert corpus.index.segments == 1
    assert len(corpus.store.segments) > 2


def test_growth_goes_on_in_another_run(tmp_path):
    """A text that grew in two runs is the one that grew in one, and what was there is untouched."""
    first = chronicle_in(tmp_path / "a")
    first.read(0, store.FIRST_SEGMENT // 2)
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    second = chronicle_in(tmp_path / "a")
    stop = store.FIRST_SEGMENT * 2
    assert second.read(0, stop) == chronicle_in(tmp_path / "b").read(0, stop)
    assert all(path.read_bytes() == content for path, content in before.items())


def _grow(folder, queue) -> None:
    corpus = chronicle_in(folder)
    corpus.advance(0, 100_000)
    queue.put((hashlib.sha256(corpus.read(0, 300_000).encode()).hexdigest(), corpus.index.at_tokens(90_000)))


def test_two_processes_may_race(tmp_path):
    """Processes that make the same corpus at the same time end with the same files and leave nothing behind."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_grow, args=(tmp_path, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    results = [queue.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    assert results[0] == results[1]
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]


def test_threads_share_a_corpus(tmp_path):
    """Threads that ask one corpus at the same time get the same text."""
    corpus, texts = chronicle_in(tmp_path), []
    threads = [Thread(target=lambda: texts.append(corpus.read(0, 400_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 1
    assert len(texts) == 4


def test_half_written_corpus_is_finished(tmp_path, small_segments):
    """A run that was killed while it read a book leaves nothing that confuses the next one."""
    text = written("english", 30_000)
    whole = corpus_of(tmp_path / "a", text).store
    broken = corpus_of(tmp_path / "b", text).store
    for path in [broken.folder / "complete.json", *islice(sorted(broken.folder.glob("0*/*"), reverse=True), 4)]:
        path.unlink()
    for folder in broken.folder.glob("0*"):
        if not any(folder.iterdir()):
            folder.rmdir()
    again = corpus_of(tmp_path / "b", text).store
    assert again.read(0, again.size) == whole.read(0, whole.size)
    assert again.period_units == whole.period_units


@pytest.mark.parametrize(("tokens", "count"), [(1500, 12), (5000, 3), (7000, 2), (16_000, 1)])
def test_samples_of_a_book_share_nothing_while_it_has_enough(tmp_path, tokens, count):
    """As many contexts as a book has room for lie side by side; from then on the shared part is told."""
    corpus = corpus_of(tmp_path, written("english", 75_000))
    total = corpus.tokens_before(corpus.store.period_bytes)
    assert total // tokens == count
    found = [corpus.stretch(index, tokens) for index in range(count + 2)]
    assert [overlap for _, overlap in found[:count]] == [0] * count
    assert all(overlap > 0 for _, overlap in found[count:])
    places = sorted(corpus.tokens_before(corpus.unit_start(unit)) for unit, _ in found[:count])
    assert all(two - one > tokens - 100 for one, two in pairwise([*places, total]))


def test_samples_of_a_very_long_text_share_nothing(tmp_path):
    """A very long text is not tokenised to find where samples begin, and they share nothing."""
    corpus = corpus_of(tmp_path, written("english", 600_000))
    found = [corpus.stretch(index, 1000) for index in range(64)]
    assert corpus._index is None
    starts = sorted(corpus.unit_start(unit) for unit, _ in found)
    assert {overlap for _, overlap in found} == {0}
    assert all(len(corpus.tokenizer.starts(corpus.read(*pair))) > 1000 for pair in pairwise(starts))


def test_samples_of_an_endless_text_share_nothing(tmp_path):
    """Of a chronicle each index reads on where the one before it has ended, at every length."""
    corpus = chronicle_in(tmp_path)
    for tokens in (2000, 30_000):
        found = [corpus.stretch(index, tokens) for index in range(4)]
        places = [corpus.tokens_before(corpus.unit_start(unit)) for unit, _ in found]
        assert {overlap for _, overlap in found} == {0}
        assert all(two - one > tokens for one, two in pairwise(places))


def even_sources() -> list:
    """Return sources without end, of which plans read the beginning alone."""
    return [SOURCES["chronicle"]("", None), RecordsSource.seeded("mixed", "0.0.0"), RoundsSource.seeded(0)]


@pytest.mark.parametrize("source", even_sources(), ids=lambda source: source.spec)
def test_what_follows_in_even_text_is_like_its_beginning(source):
    """Of even text a token has as many bytes farther on as in the beginning that plans read, to within the margin."""
    text = load_tokenizer("o200k_base")
    parts = [b"".join(units) for units in batched(source.texts(), 3 * ENOUGH // 2, 2)]
    first, second = (len(part) / text.count(part.decode()) for part in parts)
    assert source.even
    assert first == pytest.approx(second, rel=MARGIN / 2)


def batched(texts, size: int, count: int):
    """Yield lists of encoded texts, each list of at least so many bytes."""
    for _ in range(count):
        left, units = size, []
        while left > 0:
            units.append(next(texts).encode())
            left -= len(units[-1])
        yield units


def test_plans_let_even_text_begin_again_and_runs_do_not(tmp_path, monkeypatch):
    """While plans are made, text without end stops growing, keeps its places, and says so; a run writes on."""
    monkeypatch.setattr(corpus_module, "ENOUGH", 1 << 17)
    planned, plain = chronicle_in(tmp_path / "planned"), chronicle_in(tmp_path / "plain")
    with estimating(TEXT):
        stop = planned.advance(0, 200_000)
        assert planned.store.size < 300_000
        assert planned.stretch(3, 50_000)[1] == 0
        assert planned.described(0, stop) == {**plain.described(0, stop), "estimated": True}
        assert planned.described(0, 1000) == plain.described(0, 1000)
        assert planned.read(0, 90_000) == plain.read(0, 90_000)
    anew = chronicle_in(tmp_path / "planned")
    assert anew.read(0, 700_000) == plain.read(0, 700_000)
    assert anew.advance(0, 200_000) == pytest.approx(stop, rel=MARGIN)
