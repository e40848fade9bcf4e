"""PG-19 in the shapes in which it is published: tables with four columns, and plain text files with a list of them."""

from __future__ import annotations

import csv
import json

import pytest
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

pytest.importorskip("pyppmd")

TITLES = {10146: "The Old Bell", 10321: "Letters from the Naïve North", 10356: "A Miller's Tale"}


def book(number):
    """Write a book: its own words, some of them with accents."""
    places = ("bell", "mill", "café", "ford", "garden")
    return "\n\n".join(
        f"CHAPTER {chapter}.\n\n"
        + " ".join(
            f"On day {day * number % 997} the {places[day % 5]} of house {day * chapter % 89} was shut, said {number}."
            for day in range(60)
        )
        for chapter in range(1, 6)
    )


def as_tables(folder):
    """Lay it out as emozilla/pg19 does: Parquet, a file a split, with the columns of deepmind/pg19."""
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    (folder / "data").mkdir(parents=True)
    for split, numbers in (("train", [1]), ("validation", [2]), ("test", list(TITLES))):
        rows = {
            "short_book_title": [TITLES.get(n, "Another") for n in numbers],
            "publication_date": arrow.array([1850 + n % 50 for n in numbers], arrow.int32()),
            "url": [f"http://www.gutenberg.org/ebooks/{n}" for n in numbers],
            "text": [book(n) for n in numbers],
        }
        parquet.write_table(arrow.table(rows), folder / "data" / f"{split}-00000-of-00001-0a1b2c3d4e5f6071.parquet")
    return f"hub:{folder}?split=test&column=text"


def as_files(folder):
    """Lay it out as in DeepMind's bucket: a folder a split, a file a book by its number, and a list of them."""
    for split in ("train", "validation", "test"):
        (folder / split).mkdir(parents=True)
    for number in TITLES:
        (folder / "test" / f"{number}.txt").write_text(book(number), encoding="utf-8")
    (folder / "train" / "1.txt").write_text("Not this one. " * 50, encoding="utf-8")
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [n, title, 1850, f"http://www.gutenberg.org/ebooks/{n}"] for n, title in TITLES.items()
        )
    return f"books:{folder}/test"


@pytest.mark.parametrize("layout", [as_tables, as_files])
def test_books_of_the_test_split_are_read_and_measured(layout, tmp_path, monkeypatch):
    """The text of the test split's books, and nothing of other splits and columns, is what is measured."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    settings = {
        "haystack": layout(tmp_path / "pg19"),
        "context_lengths": ["256", "1k", "4k"],
        "samples_per_cell": 2,
        "shuffle": False,
    }
    done = simple_evaluate(
        "longctx",
        model_args="ledger=none,progress=False",
        tasks=["pg19_nll"],
        task_manager=TaskManager(include_defaults=False, metadata=settings),
        log_samples=True,
        bootstrap_iters=0,
    )
    lines = done["samples"]["pg19_nll"]
    assert len(lines) == 6
    assert {line["reading"][0]["outcome"] for line in lines} == {"complete"}
    whole = "".join(book(number) for number in TITLES).split()
    for line in lines:
        words = line["doc"]["target"].split()[1:-1]
        assert " ".join(words) in " ".join(whole)
    block = done["configs"]["pg19_nll"]["metadata"]["longctx"]
    assert json.dumps(block["curve"])
    assert [point["length"] for point in block["curve"]] == ["256", "1k", "4k"]


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path, monkeypatch):
    """Whoever names a wrong column is told the four that PG-19 has."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    named = as_tables(tmp_path / "pg19").replace("column=text", "column=book")
    manager = TaskManager(include_defaults=False, metadata={"haystack": named})
    with pytest.raises(Exception, match=r"no column 'book'.*short_book_title, publication_date, url, text"):
        simple_evaluate("longctx", model_args="ledger=none", tasks=["pg19_nll"], task_manager=manager)
