"""Published dictionaries become translation tests without leaks, whoever published them."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path  # noqa: TC003 - pytest reads annotations
from typing import Any

import pytest

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.language.cldf import read_cldf
from lm_eval_longctx.hay.language.grammar import plain_from_latex, read_grammar
from lm_eval_longctx.hay.language.library import HeldOut, grams, words
from lm_eval_longctx.hay.language.mtob import read_mtob
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.tasks.translation.published import HIDDEN, PublishedLanguageBuilder


@pytest.fixture(scope="session")
def small_cldf(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a small valid CLDF dictionary of another language with ``pycldf``."""
    from pycldf import Dictionary

    folder = tmp_path_factory.mktemp("cldf")
    dataset = Dictionary.in_dir(folder)
    dataset.add_component("ExampleTable")
    dataset.add_component("LanguageTable")
    dataset.properties["dc:license"] = "CC0"
    entries = [{"ID": str(i), "Language_ID": "x", "Headword": f"wo{i}"} for i in range(30)]
    senses = [{"ID": str(i), "Description": f"meaning {i}", "Entry_ID": str(i)} for i in range(30)]
    examples = [
        {
            "ID": str(i),
            "Language_ID": "x",
            "Primary_Text": f"ta wo{i} ka wo{i + 1} mi nu so{i}",
            "Translated_Text": f"the man of place {i} saw thing {i + 1} there",
        }
        for i in range(29)
    ]
    examples.append({"ID": "99", "Language_ID": "x", "Primary_Text": "ohne", "Translated_Text": "Kein Englisch"})
    dataset.write(
        EntryTable=entries, SenseTable=senses, ExampleTable=examples, LanguageTable=[{"ID": "x", "Name": "Xish"}]
    )
    return str(folder / "Dictionary-metadata.json")


@pytest.fixture(scope="session")
def kalamang(shared_data: Path) -> dict[str, str]:
    """Where the real dictionary and grammar are."""
    root = shared_data / "kalamang"
    return {"haystack": f"translation:{root / 'cldf' / 'cldf-metadata.json'}", "grammar": str(root / "grammar")}


def test_any_cldf_dictionary_loads(make: Any, small_cldf: str) -> None:
    """A dictionary made a moment ago works without a change in code, and says what was left out."""
    builder = make(PublishedLanguageBuilder, haystack=f"translation:{small_cldf}", held_out=5)
    samples = builder.samples()
    assert (samples[0]["licence"], samples[0]["removed"]["examples not in English"]) == ("CC0", 1)
    text = builder.render(samples[0]).text()
    assert "Xish" in text
    assert "wo3: meaning 3" in text


@pytest.mark.parametrize("label", ["1k", "16k", "400k"])
def test_kalamang_contexts_have_no_test_sentence_in_them(make: Any, kalamang: dict[str, str], label: str) -> None:
    """At every length, no six words in a row of a held-out sentence stand in the context."""
    builder = make(PublishedLanguageBuilder, context_lengths=[label], skip=["glossary*"], **kalamang)
    sample = builder.samples()[0]
    shown = [part.text for part in builder.render(sample).parts() if part.shared]
    tests = [text for pair in builder.shelf.tests["to_english"] for text in (pair.theirs, pair.ours)]
    runs = {run for text in tests for run in grams(text)}
    told = words(" ".join(shown))
    assert not any(tuple(told[i : i + 6]) in runs for i in range(len(told)))
    assert len(tests) == 100
    assert sample["realised_length"] == load_tokenizer("o200k_base").count(builder.render(sample).text())
    assert sample["realised_length"] <= sample["context_length"]


def test_kalamang_is_long_and_quotes_were_removed(make: Any, kalamang: dict[str, str]) -> None:
    """All of the material is shown where the length allows, without what quoted the test."""
    builder = make(PublishedLanguageBuilder, context_lengths=["400k"], skip=["glossary*"], **kalamang)
    sample = builder.samples()[0]
    assert sample["realised_length"] > 200_000
    assert sample["removed"]["sentences"] >= 50


def test_resources_and_shares(make: Any, kalamang: dict[str, str]) -> None:
    """Half of the book is half, none is nothing, and a shorter context shows the beginning of each resource."""
    sizes = {}
    for resources in ("none", "half_book", "book"):
        builder = make(PublishedLanguageBuilder, context_lengths=["400k"], resources=resources, held_out=10, **kalamang)
        sizes[resources] = builder.samples()[0]["realised_length"]
    assert sizes["none"] < 200
    assert 0.35 < sizes["half_book"] / sizes["book"] < 0.65
    with pytest.raises(LengthError, match="question alone"):
        make(PublishedLanguageBuilder, context_lengths=[40], held_out=10, **kalamang).samples()


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({}, ConfigError, "needs a data set"),
        ({"haystack": "translation:/nowhere.json"}, CorpusError, "no CLDF metadata"),
        ({"haystack": "mtob:/nowhere.zip"}, CorpusError, "no MTOB"),
        ({"haystack": "books:/x"}, ConfigError, "needs a data set"),
    ],
)
def test_missing_data_is_said_plainly(make: Any, metadata: dict[str, str], error: type[Exception], says: str) -> None:
    """Without its data a task says which path to give."""
    with pytest.raises(error, match=says):
        make(PublishedLanguageBuilder, **metadata).samples()


def test_wishes_beyond_the_data_are_errors(make: Any, small_cldf: str, tmp_path: Path) -> None:
    """Too many test sentences, a book that is not there and a file that is no dictionary are clear errors."""
    spec = f"translation:{small_cldf}"
    with pytest.raises(CorpusError, match="at most that many held_out"):
        make(PublishedLanguageBuilder, haystack=spec, held_out=500).samples()
    with pytest.raises(ConfigError, match="needs a grammar"):
        make(PublishedLanguageBuilder, haystack=spec, held_out=5, resources="book").samples()
    with pytest.raises(ConfigError, match="5 test sentences"):
        make(PublishedLanguageBuilder, haystack=spec, held_out=5, samples_per_cell=6).samples()
    broken = tmp_path / "x-metadata.json"
    broken.write_text("{}")
    with pytest.raises(CorpusError, match="0 words and 0 translated"):
        read_cldf(str(broken))


def test_latex_becomes_readable() -> None:
    """Headings, examples and styles survive; labels, references, comments and commands do not."""
    tex = r"""\chapter{Nouns}\label{ch:n} % secret
\gll ma \textbf{kit=ko}\\
\textsc{3sg} top=\textsc{loc}\\
\glt `He's up~[there].' \jambox*{x} See \citet{a}."""
    plain = plain_from_latex(tex)
    assert plain.strip().startswith("# Nouns")
    assert "ma kit=ko\n" in plain
    assert "He's up [there]." in plain
    assert not any(gone in plain for gone in ("label", "secret", "\\", "citet", "jambox"))


def test_a_grammar_must_be_there_and_in_utf8(tmp_path: Path) -> None:
    """A folder without a grammar and a file in another encoding are errors that name them."""
    with pytest.raises(CorpusError, match="no grammar in"):
        read_grammar(str(tmp_path))
    (tmp_path / "a.txt").write_bytes("caf\xe9".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8 \(byte 3\)"):
        read_grammar(str(tmp_path))


def test_hyphens_between_morphemes_do_not_hide_a_quote() -> None:
    """A test sentence quoted with morpheme breaks is still recognised."""
    held = HeldOut(["Siti Kelsaba emun mu Tamisengga sara ladanparin."])
    assert held.contains("(3) Siti Kelsaba emun mu Tami-sengga sara ladan=parin 'Siti'")
    assert not held.contains("Siti Kelsaba emun mu sara")


FILES = {
    "resources/grammar_book.txt": "The verb comes last.\n\nSecond part.",
    "resources/wordlist.json": json.dumps({"ke": {"ka": ["n.", "tree"], "canary": ["", "BIG-bench canary GUID"]}}),
    "splits/train_examples.json": json.dumps(
        [
            {"canary": "GUID"},
            {"original": "ka mu ra ti so la", "translation": "the trees stand tall by water", "original_id": 1},
        ]
    ),
    "splits/test_examples_ek.json": json.dumps(
        [{"original": "Secretly the six tall trees fell", "ground_truth": "ka ka ka ka ka geheim", "original_id": 2}]
    ),
    "splits/test_examples_ke.json": json.dumps(
        [
            {
                "original": "ra ra ra ra ra verborgen",
                "ground_truth": "A hidden reference sentence stands here",
                "original_id": 3,
            }
        ]
    ),
}


def encrypt(data: bytes, password: bytes) -> bytes:
    """Encrypt as old zip programs do (PKWARE's traditional cipher), which is what the archive uses."""
    table = [_crc_step(i) for i in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = table[(keys[0] ^ byte) & 255] ^ (keys[0] >> 8)
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = table[(keys[2] ^ (keys[1] >> 24)) & 255] ^ (keys[2] >> 8)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in data:
        temp = keys[2] | 2
        out.append(byte ^ (((temp * (temp ^ 1)) >> 8) & 255))
        update(byte)
    return bytes(out)


def _crc_step(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
    return value


def encrypted_zip(path: Path, files: dict[str, str], password: bytes) -> None:
    """Write an encrypted archive; Python's own zipfile can read but not write one."""
    body, directory = bytearray(), bytearray()
    for name, text in files.items():
        data, crc, spelt = text.encode(), zlib.crc32(text.encode()), name.encode()
        sealed = encrypt(bytes(11) + bytes([crc >> 24]) + data, password)
        common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 33, crc, len(sealed), len(data), len(spelt), 0)
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + spelt
        )
        body += b"PK\x03\x04" + common + spelt + sealed
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    path.write_bytes(bytes(body + directory + end))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An encrypted archive of the benchmark's shape."""
    path = tmp_path / "dataset.zip"
    encrypted_zip(path, FILES, b"kgv")
    return path


def test_mtob_is_read_from_the_users_encrypted_copy(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the password the archive opens; canary entries are neither words, pairs nor tests."""
    monkeypatch.setenv("MTOB_PASSWORD", "kgv")
    library = read_mtob(str(archive))
    assert library.word_list == (("ka", "tree"),)
    assert [len(pairs) for pairs in library.tests.values()] == [1, 1]
    assert library.hidden


@pytest.mark.parametrize("password", ["", "wrong"])
def test_mtob_without_its_password_says_what_to_set(
    archive: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """A missing or wrong password names the environment variable."""
    monkeypatch.setenv("MTOB_PASSWORD", password)
    with pytest.raises(CorpusError, match="MTOB_PASSWORD"):
        read_mtob(str(archive))


def test_mtob_without_canary_is_not_mtob(tmp_path: Path) -> None:
    """A folder of the right shape without the canary is refused."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("canary", "bird"))
    with pytest.raises(CorpusError, match="no canary"):
        read_mtob(str(tmp_path))


def test_mtob_texts_stay_out_of_samples_and_come_back_for_scoring(
    make: Any, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lm-eval logs of a sample holds neither source nor reference; the scorer gets both."""
    monkeypatch.setenv("MTOB_PASSWORD", "kgv")
    builder = make(PublishedLanguageBuilder, haystack=f"mtob:{archive}")
    for sample in builder.samples():
        logged = json.dumps(sample)
        assert not any(text in logged for text in ("geheim", "verborgen", "hidden reference", "Secretly"))
        assert sample["target"] == HIDDEN
        assert builder.reveal(sample)["target"] in ("ka ka ka ka ka geheim", "A hidden reference sentence stands here")
        assert builder.reveal(sample)["source"] in builder.render(sample).text()


def test_an_archive_that_is_none_is_an_error(tmp_path: Path) -> None:
    """A file that is no archive, or one without the benchmark's files, is an error that names it."""
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(CorpusError, match="cannot be opened"):
        read_mtob(str(tmp_path / "x.zip"))
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as empty:
        empty.writestr("a", "b")
    with pytest.raises(CorpusError, match="get a fresh copy"):
        read_mtob(str(tmp_path / "y.zip"))
