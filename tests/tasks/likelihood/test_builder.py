"""Documents with a window at each position: nested, disjoint, and what has been read before."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from lm_eval_longctx.errors import CorpusError, LengthError
from lm_eval_longctx.harness import assembly
from lm_eval_longctx.harness.listing import find_task
from lm_eval_longctx.harness.tasks import LongctxTask
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plugins.manager import registry


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make the task with some metadata changed, with a cache of its own."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))

    def made(**metadata):
        own = find_task("longctx_text_nll").metadata
        settings = {**own, "context_lengths": ["256", "1k", "4k"], "samples_per_cell": 3, **metadata}
        return LongctxTask({"task": "longctx_text_nll", "output_type": "loglikelihood", "metadata": settings})

    return made


def test_positions_of_a_document_share_its_beginning(make):
    """Each shorter prefix, with its window, begins the longer ones; realised lengths are never more than asked."""
    task = make()
    texts = {}
    for doc in task.test_docs():
        text = task.doc_to_text(doc)
        assert text.endswith(doc["target"])
        assert doc["realised_length"] <= doc["context_length"]
        assert len(text.encode()) == doc["prefix_bytes"] + doc["window_bytes"]
        texts.setdefault(doc["index"], []).append((doc["context_length"], text))
    for document in texts.values():
        ordered = [text for _, text in sorted(document)]
        assert all(longer.startswith(shorter) for shorter, longer in pairwise(ordered))
    assert len({min(document)[1] for document in texts.values()}) == 3


def test_a_text_that_ends_gives_what_it_has(make, tmp_path, caplog):
    """Positions beyond the end of a document are left out with a line, and another document changes none."""
    book = tmp_path / "book.txt"
    book.write_text("".join(f"Sentence number {i} says something of its own. " for i in range(900)), encoding="utf-8")
    task = make(haystack=f"books:{book}", context_lengths=["256", "1k", "8k"])
    places = {(doc["index"], doc["context_label"]): doc["start"] for doc in task.test_docs()}
    assert (0, "8k") in places
    assert (1, "8k") not in places
    assert "document 1 ends before 8k" in caplog.text
    fewer = make(haystack=f"books:{book}", context_lengths=["256", "1k"], samples_per_cell=2)
    assert all(places[doc["index"], doc["context_label"]] == doc["start"] for doc in fewer.test_docs())


def test_files_are_shuffled_by_seed_and_copies_can_be_left_out(make, tmp_path):
    """The order of files belongs to the seed; ``unique`` reads equal files once."""
    for i in range(12):
        text = "".join(f"value_{i % 6}_{j} = {i % 6 * 1000 + j}\n" for j in range(300))
        (tmp_path / f"{i:02d}.py").write_text(text, encoding="utf-8")
    made = {
        name: make(haystack=f"code:{tmp_path}", context_lengths=["1k"], samples_per_cell=1, **settings).test_docs()[0]
        for name, settings in {
            "plain": {"shuffle": False},
            "zero": {},
            "again": {},
            "one": {"seed": 1},
            "unique": {"unique": True},
        }.items()
    }
    digests = {name: doc["haystack"]["digest"] for name, doc in made.items()}
    assert digests["zero"] == digests["again"]
    assert len({digests[name] for name in ("plain", "zero", "one", "unique")}) == 4


@pytest.mark.parametrize(("copies", "length", "low", "high"), [(0, "2k", 0.0, 0.05), (1, "4k", 0.9, 1.0)])
def test_what_was_read_before_is_measured(make, tmp_path, copies, length, low, high):
    """What stands before a window already is nearly all of it where the text comes again, and nearly none elsewhere."""
    words = "".join(
        f"The {i * 7919 % 100_003}th bell of {i * 104_729 % 99_991} rang {i * 31 % 977}. " for i in range(200)
    )
    book = tmp_path / "book.txt"
    book.write_text(words + words * copies + "The end is here, with other words. " * 3, encoding="utf-8")
    task = make(haystack=f"books:{book}", context_lengths=[length], samples_per_cell=1)
    doc = task.builder.reveal(task.test_docs()[0])
    assert low <= doc["repeated"] <= high


def test_revealed_samples_are_not_logged_with_it(make):
    """How much was read before is worked out for the scorer only: planning makes no such work."""
    assert "repeated" not in make().test_docs()[0]


@pytest.mark.parametrize("length", ["16", "64", "100", "128"])
def test_a_position_without_room_before_its_window_is_refused(make, length):
    """Where a window would reach the beginning or beyond, an error says what to change."""
    with pytest.raises(LengthError, match=f"{length} has no room for anything before the window; give longer lengths"):
        make(context_lengths=[length]).test_docs()


def test_documents_of_one_text_say_what_they_share(make, tmp_path):
    """Of a text that ends, documents overlap where they must, and each says how much of it earlier ones hold too."""
    book = tmp_path / "book.txt"
    book.write_text("".join(f"Sentence number {i} says something of its own. " for i in range(900)), encoding="utf-8")
    docs = make(haystack=f"books:{book}", context_lengths=["512", "4k"]).test_docs()
    shares = {(doc["index"], doc["context_label"]): doc["haystack"]["overlap"] for doc in docs}
    assert {shares[index, "512"] for index in range(3)} == {0.0}
    assert shares[0, "4k"] == 0.0
    starts = {doc["index"]: doc["start"] for doc in docs}
    last = next(doc for doc in docs if (doc["index"], doc["context_label"]) == (2, "4k"))
    size = last["prefix_bytes"] + last["window_bytes"]
    held = {byte for start in (starts[0], starts[1]) for byte in range(start, start + size)}
    own = range(starts[2], starts[2] + size)
    assert 0.5 < shares[2, "4k"] < 1
    assert shares[2, "4k"] == pytest.approx(len(held.intersection(own)) / size)


def test_an_endless_text_that_is_no_chronicle_has_one_document(make, monkeypatch, caplog):
    """The same text again is no second document: it is left out, and that is logged."""
    source = registry().load(registry().source("chronicle"))

    def other(_, context):
        return replace(source("", context), spec="other")

    monkeypatch.setattr(assembly, "_source", lambda _: other)
    docs = make(haystack="other").test_docs()
    assert {doc["index"] for doc in docs} == {0}
    assert "document 1 ends before 256" in caplog.text


def test_a_chronicle_that_cannot_be_is_refused_in_words(make):
    """A misspelt seed is the source's own error."""
    with pytest.raises(CorpusError, match="chronicle takes a whole number"):
        make(haystack="chronicle:old").test_docs()


PROSE = "".join(
    f'She said: "{"very " * (i % 5)}well, no. {i}."\n\n' * (i % 3 == 0) + f"The naïve {i}th bell. " for i in range(900)
)
CODE = "".join(f"def value_{i}(x):\n    if x > {i}:\n        return [x,\n            {i}]\n\n\n" for i in range(700))
TABLE = "".join(f"{i:>9} {i * 7919 % 997:>12}   {'ok' if i % 2 else 'no'} so far\n" for i in range(2500))
CLASSIC = "gpt-2's rules"


def tokenizer_with_its_rules(folder):
    """Train a tokenizer that cuts words as GPT-2's and SmolLM's do: blanks but the last are one token."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=2000, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([PROSE, CODE, TABLE], trainer)
    made.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


@pytest.mark.parametrize("tokenizer", ["o200k_base", "cl100k_base", CLASSIC])
@pytest.mark.parametrize(("kind", "text"), [("books", PROSE), ("code", CODE), ("books", TABLE)])
def test_a_window_has_the_same_tokens_in_its_document_as_by_itself(make, tmp_path, kind, text, tokenizer):
    """At both ends of a window a token of the whole text begins: nothing is told of half a token, nothing twice."""
    path = tmp_path / ("hay.py" if kind == "code" else "hay.txt")
    path.write_text(text, encoding="utf-8")
    measure = load_tokenizer(tokenizer_with_its_rules(tmp_path) if tokenizer == CLASSIC else tokenizer)
    lengths = [str(tokens) for tokens in range(300, 3000, 170)]
    task = make(haystack=f"{kind}:{path}", context_lengths=lengths, samples_per_cell=1)
    docs = task.test_docs()
    whole = task.doc_to_text(docs[-1])
    begins = {*measure.starts(whole).tolist(), len(whole.encode())}
    for doc in docs:
        start, stop = doc["prefix_bytes"], doc["prefix_bytes"] + doc["window_bytes"]
        assert {start, stop} <= begins
        assert measure.count(doc["target"]) == len([place for place in begins if start <= place < stop])


def test_a_script_without_blanks_has_windows_of_sentences(make, tmp_path):
    """Where no blank is near, windows begin and end with a sentence, and positions are still kept."""
    book = tmp_path / "book.txt"
    book.write_text("".join(f"第{i}回，鐘聲響了。" for i in range(4000)), encoding="utf-8")
    docs = make(haystack=f"books:{book}", context_lengths=["512", "4k"], samples_per_cell=1).test_docs()
    for doc in docs:
        assert doc["target"].startswith("第")
        assert doc["target"].endswith("。")
        assert doc["context_length"] * 0.95 <= doc["realised_length"] <= doc["context_length"]
