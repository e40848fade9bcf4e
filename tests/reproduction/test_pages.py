"""The page of a repeated paper: what has something to say is shown once, and nothing else."""

from __future__ import annotations

from lm_eval_longctx.papers import Arm, Paper, Part, Point, Published
from lm_eval_longctx.reproduction import Finished, Ran, Step, sections
from lm_eval_longctx.reproduction import pages as made
from lm_eval_longctx.reproduction.comparing import Ours, Row


def finished(monkeypatch, parts, rows, errors=()):
    """Return a paper whose parts have these rows, without result files; each error is of a condition of the first."""
    monkeypatch.setattr(made, "table_rows", lambda part, _, others: [*rows.get(part.id, ()), *others])
    done = [Ran(Step(part, Arm("task"))) for part in parts if not part.mean_of]
    done += [Ran(Step(parts[0], Arm("task", name)), error=error) for name, error in errors]
    return Finished(Paper("own", "Own", "arXiv 1", tuple(parts)), "small", "model", tuple(done))


def row(length, amount, value, condition="", published=()):
    """Return a row of ours."""
    return Row(condition, length, amount, Ours(value, n=1, scored=1), published)


def one(name, **more):
    """Return a part."""
    return Part(name, name.title(), "1", "recall", **more)


def test_published_has_a_column_only_where_there_is_something(monkeypatch):
    """A table beside which nothing was published has no empty column for it."""
    beside = ((Published("Some", (), "", (), "x"), Point(None, 0.5)),)
    rows = {"bare": [row("1k", 1024.0, 1.0)], "known": [row("1k", 1024.0, 1.0, published=beside)]}
    bare, known = sections(finished(monkeypatch, [one("bare"), one("known")], rows))
    assert "published" not in bare.heads
    assert (known.heads[-1], known.rows[0][-1]) == ("published", "Some 0.5")


def test_what_lacks_the_same_stands_together(monkeypatch):
    """Conditions of a table that were not run for one reason are told in one note."""
    errors = [("no book", "needs a book"), ("half book", "needs a book"), ("full book", "too long")]
    (section,) = sections(finished(monkeypatch, [one("text")], {}, errors))
    assert section.notes == ("not run: no book; half book: needs a book", "not run: full book: too long")


def test_one_length_is_not_short_beside_long(monkeypatch):
    """Only a condition of several lengths has a line there, each end once."""
    rows = {
        "planning": [row("4", 4.0, 0.1, "blocks"), row("4", 4.0, 0.2, "trips")],
        "needle": [row("1k", 1024.0, 1.0), row("4k", 4096.0, 0.5)],
    }
    *_, last = sections(finished(monkeypatch, [one("planning"), one("needle")], rows))
    assert last.rows == (("needle", "recall", "1.00", "1k", "0.50", "4k"),)
    (only,) = sections(finished(monkeypatch, [one("planning")], rows))
    assert only.title.startswith("planning")


def test_a_heading_has_one_pair_of_brackets(monkeypatch):
    """The section stands in brackets behind a title, or within those with which the title ends."""
    plain, named = Part("a", "A needle", "5.2", "recall"), Part("b", "A needle (niah)", "3.1, haystack", "recall")
    titles = [section.title for section in sections(finished(monkeypatch, [plain, named], {}))]
    assert titles == ["a: A needle (5.2)", "b: A needle (niah; 3.1, haystack)"]


def test_a_mean_of_some_tables_is_not_shown(monkeypatch):
    """Where only some of the tables of a mean were run, it would be another mean under the same name."""
    mean = one("mean", mean_of=("a", "b"))
    rows = {"a": [row("1k", 1024.0, 1.0)], "b": [row("1k", 1024.0, 0.0)]}
    whole = finished(monkeypatch, [one("a"), one("b"), mean], rows)
    assert [part.id for part in whole.parts] == ["a", "b", "mean"]
    assert whole.rows(mean)[0].ours.value == 0.5
    some = Finished(whole.paper, "small", "model", whole.done[:1])
    assert [part.id for part in some.parts] == ["a"]
