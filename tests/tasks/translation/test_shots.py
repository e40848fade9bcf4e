"""Translation from examples alone: the same examples at all lengths, no test sentence among them, any user's file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.hay.language.library import HeldOut, words
from lm_eval_longctx.hay.language.parallel import read_parallel
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.tasks.translation import shots

if TYPE_CHECKING:
    from pathlib import Path

MADE, OWN = "longctx_text_manyshot_translation", "parallel_shots"


def prompts(task: Any) -> dict[tuple[str, int, str], str]:
    """Return the prompts of a task by length, index and direction."""
    return {
        (doc["context_label"], doc["index"], doc["variant"]): task.builder.render(doc).text()
        for doc in task.test_docs()
    }


def test_more_shots_are_more_of_the_same() -> None:
    """The examples of a shorter prompt begin those of a longer one, and are the same for all test sentences."""
    task = one_task(MADE, {"context_lengths": [4, 16], "samples_per_cell": 2})
    found = prompts(task)
    for direction in ("to_english", "from_english"):
        few, many = found["4", 0, direction], found["16", 1, direction]
        examples = few.split("\n\n")[1:-1]
        assert len(examples) == 4
        assert many.split("\n\n")[1:5] == examples
        assert len(many.split("\n\n")[1:-1]) == 16


def test_no_test_sentence_is_among_the_examples() -> None:
    """Six words in a row of a test sentence, in either language, stand in no example of a made language."""
    task = one_task(MADE, {"context_lengths": [300], "samples_per_cell": 50})
    material = task.builder.material
    tests = material.tests["to_english"][:50]
    held = HeldOut(text for pair in tests for text in (pair.theirs, pair.ours))
    assert not [pair for pair in material.shots(300) if held.gives_away(pair.theirs, pair.ours)]


def test_the_words_of_examples_are_counted_once(monkeypatch) -> None:
    """Whatever lengths are planned in whatever order, an example's words are counted once, and no example's twice."""
    given = [16, 3, 16, 1, 40, 0]
    material = one_task(MADE, {"context_lengths": [1]}).builder.material
    each = [len(words(f"{pair.theirs} {pair.ours}")) for pair in material.shots(40)]
    counted = []
    monkeypatch.setattr(shots, "words", lambda text: (counted.append(text), words(text))[1])
    assert [material.told(count) for count in given] == [sum(each[:count]) for count in given]
    assert counted == [f"{pair.theirs} {pair.ours}" for pair in material.shots(40)]


NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The same 80 pairs in all forms."""
    words = [f"{a}{b}" for a in NUMBERS for b in NUMBERS]
    drawn = [Rng(f"pair {n}").sample(words, 7) for n in range(80)]
    pairs = [
        (f'the "{" ".join(some)}" of {n}', " ".join(["za", *(w[::-1] for w in some)])) for n, some in enumerate(drawn)
    ]
    (tmp_path / "ours.txt").write_text("".join(f"{ours}\n" for ours, _ in pairs))
    (tmp_path / "theirs.txt").write_text("".join(f"{theirs}\n" for _, theirs in pairs))
    (tmp_path / "pairs.tsv").write_text("".join(f"{ours}\t{theirs}\n" for ours, theirs in pairs))
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps({"b": t, "a": o}) + "\n" for o, t in pairs))
    quoted = ((ours.replace('"', '""'), theirs) for ours, theirs in pairs)
    (tmp_path / "pairs.csv").write_text("id,a,b\n" + "".join(f'{n},"{o}","{t}"\n' for n, (o, t) in enumerate(quoted)))
    return {
        "lines": f"{tmp_path}/ours.txt|{tmp_path}/theirs.txt",
        "tsv": f"{tmp_path}/pairs.tsv",
        "jsonl": f"{tmp_path}/pairs.jsonl",
        "csv": f"{tmp_path}/pairs.csv",
    }


@pytest.mark.parametrize("form", ["lines", "tsv", "jsonl", "csv"])
def test_a_users_pairs_are_read_in_every_form(files, form) -> None:
    """Two text files, a table and JSON lines give the same task: tests held out, all else examples."""
    columns = {"columns": ["a", "b"]} if form in {"csv", "jsonl"} else {}
    metadata = {"context_lengths": [8], "samples_per_cell": 3, "held_out": 10, "names": ["English", "Zali"], **columns}
    task = one_task(OWN, {**metadata, "haystack": f"parallel:{files[form]}"})
    docs = list(task.test_docs())
    assert len(docs) == 3
    for doc in docs:
        text = task.builder.render(doc).text()
        assert text.startswith("Translate the last English sentence into Zali.")
        assert text.endswith(f"English: {doc['source']}\nZali:")
        assert doc["target"] not in text
        assert doc["target"].startswith("za ")
    assert len(task.builder.material.shots(1000)) + docs[0]["removed"]["pairs"] == 80


def test_tests_of_their_own_are_kept_out_of_the_examples(files, tmp_path) -> None:
    """With a second file of test sentences these are asked in its order, and examples that quote them are left out."""
    lines = (tmp_path / "pairs.tsv").read_text().splitlines()
    (tmp_path / "test.tsv").write_text("\n".join(lines[5:8]) + "\n")
    metadata = {"context_lengths": [8], "samples_per_cell": 3, "haystack": f"parallel:{files['tsv']}"}
    task = one_task(OWN, {**metadata, "test": str(tmp_path / "test.tsv")})
    docs = sorted(task.test_docs(), key=lambda doc: doc["index"])
    assert [doc["source"] for doc in docs] == [line.split("\t")[0] for line in lines[5:8]]
    assert docs[0]["removed"]["pairs"] >= 3


@pytest.mark.parametrize(
    ("metadata", "error", "why"),
    [
        ({"context_lengths": [200]}, LengthError, "ask for at most that many shots"),
        ({"samples_per_cell": 11}, ConfigError, "has 10 test sentences"),
        ({"held_out": 79}, LengthError, "examples"),
        ({"columns": ["a"]}, ConfigError, "ours and theirs"),
        ({"columns": ["a", "zz"]}, CorpusError, "no column a"),
        ({"test": "missing.tsv"}, CorpusError, "cannot read"),
        ({"haystack": "chronicle"}, ConfigError, "takes parallel:"),
    ],
)
def test_what_cannot_be_asked_is_said_before(files, metadata, error, why) -> None:
    """Too many shots or sentences, other columns and other hay are errors that say what there is."""
    base = {"context_lengths": [8], "samples_per_cell": 3, "held_out": 10, "haystack": f"parallel:{files['tsv']}"}
    with pytest.raises(error, match=why):
        one_task(OWN, {**base, **metadata}).test_docs()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("x.tsv", "one column\n", "line 1: 1 columns"),
        ("x.jsonl", '{"a": 1}\n', "line 1"),
        ("x.jsonl", "[]\n", "line 1"),
        ("x.txt", "a\n", "not .tsv"),
        ("x.tsv", "\t\n", "no pair"),
        ("x.tsv", b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_foreign_files_are_refused_with_the_line(tmp_path, name, text, why) -> None:
    """A file of another form is one clear error."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CorpusError, match=why):
        read_parallel(str(path), lambda given: tmp_path / given)


def test_files_of_different_length_are_not_parallel(tmp_path) -> None:
    """Two texts with different numbers of lines are never paired up to the shorter one."""
    (tmp_path / "a").write_text("x\ny\n")
    (tmp_path / "b").write_text("x\n")
    with pytest.raises(CorpusError, match=r"2 lines and .* 1"):
        read_parallel("a|b", lambda given: tmp_path / given)


cells = st.text("ab\"',;|\u2028\x85\u00a0\\#x\u0915\u4e00", min_size=1, max_size=8).map(lambda text: f"<{text}>")


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6, unique=True))
def test_nothing_in_a_sentence_changes_how_it_is_read(tmp_path_factory, pairs) -> None:
    """Quotes, commas and foreign line marks within a sentence stay part of it, in tables and in texts."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "p.tsv").write_bytes("".join(f"{a}\t{b}\n" for a, b in pairs).encode())
    (folder / "a.txt").write_bytes("".join(f"{a}\n" for a, _ in pairs).encode())
    (folder / "b.txt").write_bytes("".join(f"{b}\n" for _, b in pairs).encode())
    for spec in ("p.tsv", "a.txt|b.txt"):
        found, _ = read_parallel(spec, lambda given: folder / given)
        assert [(pair.ours, pair.theirs) for pair in found] == pairs
