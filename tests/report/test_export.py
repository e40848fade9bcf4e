"""Results as rows and tables for other programs."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess

import datasets
import pandas as pd
import pytest
from made_sweeps import block, write_results

from lm_eval_longctx.cli import main
from lm_eval_longctx.errors import UnknownOptionError
from lm_eval_longctx.report.export import CELLS, FORMATS, SAMPLES, cells, exported, samples
from lm_eval_longctx.results import read_runs

HOSTILE = '=HYPERLINK("x")|a & b_c%$#{}~^\\<i>[*]`\u202e\ud800'


@pytest.fixture
def folder(runs, tmp_path, out):
    """A folder with all tables of both runs, written by the command."""
    formats = ",".join(FORMATS)
    assert main(["report", str(out), "--output", str(tmp_path), "--format", formats]) == 0
    return tmp_path


def read(file):
    """Read a table with pandas, whatever its form."""
    how = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}
    return how[file.suffix](file, **({"dtype": {"task_version": str, "target": str}} if file.suffix == ".csv" else {}))


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_every_form_has_the_same_rows(folder, runs, suffix):
    """Rows of cells and samples load in pandas and in datasets, with every column, and say what the block says."""
    found, answers = read(folder / f"cells.{suffix}"), read(folder / f"samples.{suffix}")
    assert list(found.columns) == [column.name for column in CELLS]
    assert list(answers.columns) == [column.name for column in SAMPLES]
    assert len(found) == sum(len(run.block["cells"]) for run in runs) == 30
    assert len(answers) == 60
    unscored = found[found.score.isna()]
    assert list(unscored.scored) == [0] * 4
    assert json.loads(unscored.iloc[0].outcomes)
    assert found[found.model == "perfect/model"].score.mean() == 1
    loaded = datasets.Dataset.from_pandas(found)
    assert loaded.num_rows == 30
    logged = answers[answers.model == "fake/model"]
    assert set(logged.outcome) == {"complete", "refused", "context_exceeded"}
    assert logged[logged.outcome == "complete"].answer.str.contains("3141592|know").all()


def test_rows_of_samples_stand_for_their_cells(runs):
    """The mean score of a cell's samples is the cell's score, and as many have one."""
    of_cells = {(row["model"], row["length"], row["depth"]): row for row in cells(runs)}
    groups = {}
    for row in samples(runs):
        if row["model"] == "fake/model" and row["score"] is not None:
            groups.setdefault((row["model"], row["length"], row["depth"]), []).append(row["score"])
    for place, scores in groups.items():
        assert sum(scores) / len(scores) == pytest.approx(of_cells[place]["score"])
        assert len(scores) == of_cells[place]["scored"]


def hostile(tmp_path):
    """Return the runs of a model whose name is a formula, markup and LaTeX."""
    write_results(tmp_path, {"t": block()}, model=HOSTILE)
    return read_runs([tmp_path])


def test_a_name_is_no_formula(tmp_path):
    """In CSV, which spreadsheets run, a text that begins like a formula gets an apostrophe; numbers stay numbers."""
    files = dict(exported(hostile(tmp_path), "csv"))
    rows = list(csv.DictReader(io.StringIO(files["cells.csv"].decode())))
    assert all(row["model"].startswith("'=HYPERLINK") for row in rows)
    assert {row["score"] for row in rows} == {"1.0", "0.0", ""}
    for begin in "=+-@\t\r":
        changed = read_runs([tmp_path])
        changed[0].block["cells"][0]["variant"] = f"{begin}1"
        first = next(csv.DictReader(io.StringIO(dict(exported(changed, "csv"))["cells.csv"].decode(), newline="")))
        assert first["variant"] == f"'{begin}1"


@pytest.mark.parametrize("form", FORMATS)
def test_any_name_can_be_written(tmp_path, form):
    """Half a character, a mark that turns writing round and markup break no form."""
    for name, content in exported(hostile(tmp_path), form):
        assert content, name


def test_tables_for_papers_hold_their_columns(tmp_path):
    """In LaTeX and Markdown each row has as many cells as its head, whatever stands in a name; braces are balanced."""
    runs = hostile(tmp_path)
    latex = dict(exported(runs, "latex"))["results.tex"].decode()
    bodies = re.findall(r"\\begin\{tabular\}\{(l+)\}\n(.*?)\\end\{tabular\}", latex, re.DOTALL)
    assert len(bodies) == 2
    for columns, body in bodies:
        rows = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(columns)}
        assert not any(row.startswith(("[", "*")) for row in rows)
    bare = re.sub(r"\\[{}\\]", "", latex)
    assert bare.count("{") == bare.count("}")
    markdown = dict(exported(runs, "md"))["results.md"].decode()
    for table in markdown.split("\n\n"):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table.splitlines() if line.startswith("|")}) <= 1
    assert "<i>" not in markdown


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex (texlive-latex-recommended)")
def test_latex_compiles(tmp_path, runs):
    """The tables compile with pdflatex and booktabs."""
    body = dict(exported(runs, "latex"))["results.tex"].decode()
    text = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}%\n"
    (tmp_path / "x.tex").write_text(f"{text}{body}\\end{{document}}", encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "x.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_unknown_formats_are_named(runs, out, capsys):
    """A format that there is not, and a metric that no sweep has, are errors that name the nearest."""
    assert main(["report", str(out), "--format", "cvs"]) == 1
    assert "did you mean 'csv'" in capsys.readouterr().err
    with pytest.raises(UnknownOptionError, match="recall"):
        list(exported(runs, "csv", "recal"))


@pytest.mark.parametrize(("name", "columns"), [("cells", CELLS), ("samples", SAMPLES)])
def test_columns_are_documented(repo_root, name, columns):
    """docs/results.md has a row for each column, with what stands in it."""
    page = (repo_root / "docs" / "results.md").read_text(encoding="utf-8")
    table = page.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0].strip().splitlines()
    assert table[2:] == [f"| `{column.name}` | {column.kind} | {column.help} |" for column in columns]
