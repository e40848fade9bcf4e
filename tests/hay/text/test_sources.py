"""Sources of hay: what is read, what is left out, and clear words when it cannot be read."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from lm_eval_longctx.errors import CorpusError, LongctxError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.text import index, sources
from lm_eval_longctx.hay.text.reading import PIECE
from lm_eval_longctx.hay.text.sources import NOISE, SHUFFLED, books, chronicle, code, hub, repeat, shuffled
from lm_eval_longctx.hay.text.splitting import units_of

GUTENBERG = (
    "\ufeffThe Project Gutenberg EBook of Nothing\n\n*** START OF THIS PROJECT GUTENBERG EBOOK NOTHING ***\n\n\n"
    "Produced by Nobody and\nothers\n\n\nCHAPTER I\n\nIt began.\n\nIt ended.\n\n\n"
    "End of the Project Gutenberg EBook of Nothing\n\n*** END OF THIS PROJECT GUTENBERG EBOOK NOTHING ***\n\nlicence\n"
)


@pytest.fixture
def context(tmp_path) -> BuildContext:
    """A context whose cache is this test's own."""
    return BuildContext(resolve_source={}.__getitem__, cache_dir=tmp_path / "cache")


def text_of(source) -> str:
    """Join all of a source's text."""
    return "".join(source.texts())


def test_gutenberg_is_stripped(tmp_path, context):
    """Header, credits and licence of Project Gutenberg are no part of a book."""
    path = tmp_path / "book.txt"
    path.write_text(GUTENBERG, encoding="utf-8")
    assert text_of(books(str(path), context)) == "CHAPTER I\n\nIt began.\n\nIt ended.\n\n"


def test_a_real_gutenberg_book(shared_data, context):
    """The real novel begins with its title and ends with its last words."""
    text = text_of(books(str(shared_data / "books" / "les-miserables.txt"), context))
    assert text.startswith("LES MIS\u00c9RABLES\n\nBy Victor Hugo")
    assert "Gutenberg" not in text
    assert len(text.encode()) > 3_200_000


def test_large_files_are_read_in_pieces(tmp_path, context):
    """A file of several megabytes comes in pieces, with line ends of one kind and no character torn."""
    paragraphs = [f"Paragraph {i} caf\u00e9 \u4e2d\u6587 \U0001f44d goes on.\r\n\r\n" for i in range(60_000)]
    path = tmp_path / "long.txt"
    path.write_bytes("".join(paragraphs).encode())
    pieces = list(books(str(path), context).texts())
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= 2 * PIECE
    assert "".join(pieces) == "".join(paragraphs).replace("\r\n", "\n").rstrip() + "\n\n"


def test_a_folder_is_read_in_order_of_paths(tmp_path, context):
    """A folder's books come in the order of their paths, hidden files and other files left out."""
    for name in ("b/2.txt", "a.txt", "b/10.txt", ".hidden.txt", "picture.png", "c.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    text = text_of(books(str(tmp_path), context))
    assert re.findall(r"text of (\S+)", text) == ["a.txt", "b/10.txt", "b/2.txt", "c.md"]


def test_digest_is_of_the_content(tmp_path, context):
    """A book has the same digest wherever it lies, and another one when a letter changes."""
    for name, text in (("one.txt", "Same."), ("two.txt", "Same."), ("three.txt", "Other")):
        (tmp_path / name).write_text(text)
    one, two, three = (books(str(tmp_path / name), context).digest for name in ("one.txt", "two.txt", "three.txt"))
    assert one == two != three


def test_code_folder(tmp_path, context):
    """Source files are read by path; what tools put beside them is not."""
    for name in ("pkg/a.py", "pkg/__pycache__/a.py", "pkg/b.go", "node_modules/c.js", "README.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    source = code(str(tmp_path), context)
    assert text_of(source) == "# pkg/a.py\n\n# pkg/b.go\n\n"
    assert source.kind == "lines"


def test_standard_library(context):
    """Python's own library is there without any argument, and what is not UTF-8 in it is left out."""
    source = code("stdlib", context)
    assert "import" in next(source.texts())
    assert source.spec == "code:stdlib"


def test_noise_and_chronicle(context):
    """Noise is RULER's line; a chronicle never ends and differs by its number."""
    assert text_of(repeat("", context)) == NOISE + "\n"
    assert text_of(repeat("My own words.", context)) == "My own words.\n"
    first, other = chronicle("", context), chronicle("7", context)
    assert first.digest != other.digest
    assert list(itertools.islice(first.texts(), 5)) != list(itertools.islice(other.texts(), 5))
    assert first.endless


@pytest.mark.parametrize(
    ("factory", "argument", "message"),
    [
        (books, "", r"books needs a path: books:/path/to/book.txt"),
        (books, "/nowhere/book.txt", r"the haystack books:/nowhere/book.txt does not exist"),
        (code, "/nowhere", r"the haystack code:/nowhere does not exist"),
        (chronicle, "seven", r"chronicle takes a whole number as its seed, not 'seven'"),
        (hub, "", r"cannot read hub:; write hub:<data set>"),
        (hub, "x?max_mb=much", r"cannot read hub:x"),
    ],
)
def test_what_cannot_be_read(context, factory, argument, message):
    """A haystack that is not there is one line that says what to do."""
    with pytest.raises(CorpusError, match=message) as raised:
        factory(argument, context)
    assert "\n" not in str(raised.value)


def test_empty_folder(tmp_path, context):
    """A folder without books says which files are read."""
    with pytest.raises(CorpusError, match=r"holds no books; files that end with \.txt"):
        books(str(tmp_path), context)


def test_not_utf8(tmp_path, context):
    """A file in another encoding is named with its first wrong byte, also far into the file."""
    path = tmp_path / "latin.txt"
    path.write_bytes(b"a" * (PIECE + 5) + "caf\u00e9".encode("latin-1") + b" noir")
    with pytest.raises(
        CorpusError, match=rf"latin\.txt is not UTF-8 \(byte {PIECE + 8} is 0xe9\); convert it, .*iconv"
    ):
        text_of(books(str(path), context))


@pytest.fixture
def data_set(tmp_path):
    """A small data set on disk."""
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [{"text": f"Document {i} is here. " * 20, "title": i} for i in range(50)]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_hub_reads_a_column(data_set, context):
    """A data set's text column becomes hay, kept for the next time."""
    source = hub(str(data_set), context)
    assert text_of(source).count("Document 3 is here.") == 20
    (data_set / "test.jsonl").unlink()
    again = hub(str(data_set), context)
    assert again.digest == source.digest


def test_hub_errors(data_set, context):
    """Wrong columns, splits, settings and names are told in one line each."""
    cases = {
        "?column=body": r"has no column 'body'; add \?column= and one of text, title",
        "?column=title": r"holds no text",
        "?split=train": r"cannot read the data set .*, split train",
    }
    for query, message in cases.items():
        with pytest.raises(CorpusError, match=message) as raised:
            hub(str(data_set) + query, context)
        assert "\n" not in str(raised.value)
    with pytest.raises(UnknownOptionError, match="did you mean 'column'"):
        hub(str(data_set) + "?colum=text", context)
    with pytest.raises(CorpusError, match="cannot read the data set no-such-owner/set"):
        hub("no-such-owner/set", context)


def test_hub_stops_at_its_limit(data_set, context, monkeypatch, caplog):
    """A data set larger than the limit is read up to it, and that is told."""
    texts = sources._limited(itertools.repeat("x" * 1000), 10_000)
    assert len(list(texts)) == 10
    assert "set max_mb for more" in caplog.text


def test_cache_below_a_file(make, tmp_path):
    """A cache folder that cannot exist is an error that names the variable to set."""
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(LongctxError, match="set LM_EVAL_LONGCTX_CACHE"):
        make("repeat").samples()


def test_empty_book(make, book):
    """A corpus without text is one clear error."""
    with pytest.raises(CorpusError, match="holds no text; give another"):
        make(book("\n\n  \n")).samples()


def test_text_without_places_to_cut(make, book, monkeypatch):
    """What is no text at all is refused, not tokenised for ever."""
    monkeypatch.setattr(index, "LARGEST_PIECE", 1 << 20)
    with pytest.raises(CorpusError, match="has 1 MB without a space or line end after byte 0; is it text"):
        make(book("x" * (2 << 20)), tokenizer="cl100k_base").samples()


@pytest.fixture
def any_source(tmp_path) -> BuildContext:
    """A context that knows all our sources."""
    return BuildContext(resolve_source=lambda name: getattr(sources, name), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("inner", ["chronicle", "chronicle:7", "code", "books", "repeat:A b. C d. E f."])
def test_shuffled_hay_says_the_same_in_another_order(inner, any_source, tmp_path):
    """Shuffled hay holds the other's sentences, each once, and its paragraphs and headings where they were."""
    texts = {
        "code": "\n".join(f"    x{n} = {n}\n" for n in range(50)),
        "books": "".join(f"One {n}. Two {n}, \nthen.\n\n" for n in range(90)),
    }
    if inner in texts:
        path = tmp_path / ("a.py" if inner == "code" else "a.txt")
        path.write_text(texts[inner], encoding="utf-8")
        inner = f"{inner}:{path}"
    plain, mixed = any_source.source(inner), shuffled(inner, any_source)
    before, after = (list(itertools.islice(units_of(s.texts(), s.kind), SHUFFLED)) for s in (plain, mixed))
    parted = [sorted(word for unit in units for word in unit.split()) for units in (before, after)]
    assert parted[0] == parted[1]
    assert len("".join(before)) == len("".join(after))
    assert re.sub(r"\S+", "", "".join(before)).count("\n\n") == re.sub(r"\S+", "", "".join(after)).count("\n\n")
    assert before != after
    assert (mixed.digest != plain.digest, mixed.endless) == (True, plain.endless)
    assert not re.search(r"[.!?][\"']?[A-Z]", "".join(after))


def test_shuffled_hay_goes_on_and_on(any_source):
    """Later sentences are shuffled too, are others, and are the same each time."""
    source = any_source.source("shuffled:chronicle")
    first, again = (list(itertools.islice(source.texts(), SHUFFLED + 500)) for _ in range(2))
    later = list(itertools.islice(any_source.source("chronicle").texts(), SHUFFLED + 500))[SHUFFLED:]
    assert first == again
    assert not set(map(str.strip, later)) & set(map(str.strip, first[:SHUFFLED]))


@pytest.mark.parametrize("argument", ["", " "])
def test_shuffled_needs_another_haystack(argument, any_source):
    """What is to be shuffled must be named."""
    with pytest.raises(CorpusError, match="shuffled:chronicle"):
        shuffled(argument, any_source)
