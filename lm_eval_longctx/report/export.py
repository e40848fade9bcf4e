"""Results as tables for other programs and for papers: tidy rows of cells and samples, and tables by length."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.answers import answers_of, lines_of
from lm_eval_longctx.report.compare import by_task, comparison, names
from lm_eval_longctx.report.grid import chosen_metric, metric_names
from lm_eval_longctx.report.wording import number, percent, span
from lm_eval_longctx.results import interval_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lm_eval_longctx.results import Run

    Row = dict[str, Any]

_WHOLE = 10**12
"""Characters that are kept of a text: all."""


@dataclass(frozen=True)
class Column:
    """One column of a table of rows.

    Attributes:
        name: Its name.
        kind: ``text``, ``number`` or ``count``.
        help: What stands in it.
    """

    name: str
    kind: str
    help: str


_RUN = (
    Column("task", "text", "the task's name"),
    Column("task_version", "text", "the version of its prompts"),
    Column("model", "text", "the model, as it was asked for"),
    Column("date", "text", "when the run ended; sorts by time"),
)
_PLACE = (
    Column("length", "text", "label of the context length, such as `128k`"),
    Column("amount", "number", "the same as a number"),
    Column("unit", "text", "of what: `tokens`, `seconds`, `images` or `shots`"),
    Column("depth", "number", "asked share of the hay before the needle"),
    Column("variant", "text", "the kind of question, where there are kinds"),
)
_MEASURE = (
    Column("metric", "text", "the metric: the main one, or `--metric`"),
    Column("score", "number", "its value; empty if there is none, which is not 0"),
)
_SPENT = (
    Column("prompt_tokens", "count", "as billed, cached ones included"),
    Column("output_tokens", "count", "those of hidden reasoning included"),
    Column("cost", "number", "in US dollars; empty if nobody said"),
    Column("seconds", "number", "of the calls that gave the answers"),
)
CELLS = (
    *_RUN,
    *_PLACE,
    *_MEASURE,
    Column("low", "number", "lower end of the main metric's interval"),
    Column("high", "number", "its upper end"),
    Column("floor", "number", "what is scored without reading the context"),
    Column("n", "count", "samples that ran"),
    Column("scored", "count", "how many of them have a score"),
    Column("outcomes", "text", "how many ended how, as JSON"),
    Column("metrics", "text", "all metrics of the cell, as JSON"),
    *_SPENT,
    Column("signature", "text", "what exactly the scores are scores of"),
)
"""A row is a cell: a length, depth and variant of a run."""

SAMPLES = (
    *_RUN,
    Column("sample", "text", "the sample's id; `lm-eval-longctx show` makes its prompt again"),
    Column("answer_number", "count", "which of its answers, from 1 (with `repeats`)"),
    *_PLACE,
    Column("realised_length", "number", "what came out, in `unit`"),
    Column("realised_depth", "number", "where the needle lies exactly"),
    Column("cluster", "text", "samples with the same share their hay and are not independent"),
    *_MEASURE,
    Column("outcome", "text", "how the answer ended"),
    Column("question", "text", "what was asked"),
    Column("target", "text", "the right answer"),
    Column("answer", "text", "the answer, as it came"),
    Column("metrics", "text", "all values of the sample, as JSON"),
    *_SPENT,
    Column("key", "text", "where the ledger has the call"),
)
"""A row is an answer to a sample; without a log (``--log_samples``) a scored sample, and what the log has is empty."""


def cells(runs: Sequence[Run], metric: str | None = None) -> Iterator[Row]:
    """Yield one row a cell.

    Raises:
        UnknownOptionError: A sweep has no such metric.
    """
    for run in runs:
        name = str(chosen_metric(run.block, metric)["name"])
        for row in run.block["cells"]:
            interval = interval_of(row, name, run.block["summary"]["metric"]) or {}
            yield {
                **_of_run(run),
                **{key: row[key] for key in ("length", "amount", "unit", "depth", "variant", "n", "scored")},
                "metric": name,
                "score": row["metrics"].get(name, {}).get("value"),
                **{key: interval.get(key) for key in ("low", "high")},
                "floor": row.get("floor"),
                "outcomes": _plain(row["outcomes"]),
                "metrics": _plain({key: found["value"] for key, found in row["metrics"].items()}),
                "prompt_tokens": row["tokens"]["billed"],
                "output_tokens": row["tokens"]["output"],
                **{key: row[key] for key in ("cost", "seconds")},
                "signature": run.signature,
            }


def samples(runs: Sequence[Run], metric: str | None = None) -> Iterator[Row]:
    """Yield one row an answer.

    Raises:
        ResultsError: A samples file is damaged.
        UnknownOptionError: A sweep has no such metric.
    """
    for run in runs:
        name = str(chosen_metric(run.block, metric)["name"])
        yield from _logged(run, name) if run.samples_file else _scored(run, name)


def _logged(run: Run, metric: str) -> Iterator[Row]:
    known = [metric, *(name for name in metric_names(run.block) if name != metric)]
    for logged in lines_of(run.samples_file) if run.samples_file else ():
        sample = logged["doc"]
        place = {key: sample.get(key) for key in ("unit", "depth", "variant", "realised_length", "realised_depth")}
        cluster = sample.get("cluster") or f"{sample.get('index', 0)}|{sample.get('variant', '')}"
        amount = sample.get("label_length", sample.get("context_length"))
        for count, told in enumerate(answers_of(logged, known, _WHOLE), 1):
            yield {
                **_of_run(run),
                **place,
                "sample": told["id"],
                "answer_number": count,
                "length": sample["context_label"],
                "amount": amount,
                "cluster": str(cluster),
                "metric": metric,
                "score": told["score"],
                "outcome": told["outcome"],
                **{key: _joined(told[key]) for key in ("question", "target", "answer")},
                "metrics": _plain(told["values"]),
                "prompt_tokens": told["tokens"].get("prompt_tokens"),
                "output_tokens": told["tokens"].get("output_tokens"),
                **{key: told[key] for key in ("cost", "seconds", "key")},
            }


def _scored(run: Run, metric: str) -> Iterator[Row]:
    """Yield what the result file itself keeps of samples: the main metric of those that are scored."""
    kept = run.block.get("scores") or {}
    if metric != run.block["summary"]["metric"] or not kept:
        return
    rows = {row["length"]: row for row in run.block["lengths"]}
    for name, cluster, length, value in zip(
        *(kept[k] for k in ("samples", "clusters", "lengths", "values")), strict=True
    ):
        place = (
            {key: rows[length][key] for key in ("length", "amount", "unit")} if length in rows else {"length": length}
        )
        yield {**_of_run(run), **place, "sample": name, "cluster": cluster, "metric": metric, "score": value}


def _of_run(run: Run) -> Row:
    return {"task": run.task, "task_version": str(run.block.get("version", "")), "model": run.model, "date": run.stamp}


def _joined(pieces: Any) -> str:
    return pieces if isinstance(pieces, str) else "".join(text for _, text in pieces)


def _plain(values: Mapping[str, Any]) -> str:
    known = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
    return json.dumps(known, ensure_ascii=False)


def _typed(row: Mapping[str, Any], columns: Sequence[Column]) -> Row:
    """Return a row with each column, of its kind; unknown is ``None``, never NaN."""
    return {column.name: _value(row.get(column.name), column.kind) for column in columns}


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "text":
        return str(value).encode("utf-8", "backslashreplace").decode()
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if kind == "count" else float(value)


_FORMULA = re.compile(r"^[=+\-@\t\r]")


def _csv(rows: Iterator[Row], columns: Sequence[Column]) -> bytes:
    """Write rows for spreadsheets, too: these run a text that begins like a formula, so that it gets an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(column.name for column in columns)
    for row in rows:
        values = _typed(row, columns).values()
        writer.writerow(f"'{v}" if isinstance(v, str) and _FORMULA.match(v) else v for v in values)
    return text.getvalue().replace("\0", "\\x00").encode()


def _json(rows: Iterator[Row], columns: Sequence[Column]) -> bytes:
    lines = ",\n".join(json.dumps(_typed(row, columns), ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n".encode()


def _parquet(rows: Iterator[Row], columns: Sequence[Column]) -> bytes:
    import pyarrow as pa  # comes with datasets; heavy
    from pyarrow import parquet

    kinds = {"text": pa.string(), "number": pa.float64(), "count": pa.int64()}
    schema = pa.schema([(column.name, kinds[column.kind]) for column in columns])
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([_typed(row, columns) for row in rows], schema), buffer)
    return buffer.getvalue()


_HEADS = ("model", "task", "metric", "score", "interval", "effective length", "coverage", "cost (US$)")

Table = tuple[str, "Sequence[str]", "list[list[str]]"]
"""What it shows, heads and rows."""


def _tables(runs: Sequence[Run], metric: str | None) -> Iterator[Table]:
    """Yield the tables for people: all runs, then each task by length."""
    yield "Every model on every task", _HEADS, [_summary(run, metric) for run in runs]
    for task, group in by_task(runs).items():
        name = chosen_metric(group[0].block, metric)["name"]
        yield f"{task}: {name} by context length", *comparison(group, metric)


def _summary(run: Run, metric: str | None) -> list[str]:
    name, summary = str(chosen_metric(run.block, metric)["name"]), run.block["summary"]
    main = name == summary["metric"]
    found = summary["effective_length"].get("relative") if main else None
    label = ("≥ " if found["at_least"] else "") + (found["length_label"] or "none") if found else "–"
    cost = "–" if summary["cost"] is None else f"{summary['cost']:,.4g}"
    score = number(summary["metrics"][name]["value"])
    interval = span(interval_of(summary, name, summary["metric"]))
    return [names([run])[0], run.task, name, score, interval, label, percent(summary["coverage"]), cost]


_MARKED = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def _markdown(tables: Iterator[Table]) -> bytes:
    """Write tables for Markdown; nothing in a name is markup."""

    def cell(text: str) -> str:
        return _MARKED.sub(r"\\\1", re.sub(r"\s+", " ", text)).replace("&", "&amp;")

    def line(cells_: Sequence[str]) -> str:
        return f"| {' | '.join(map(cell, cells_))} |"

    parts = [
        "\n".join([f"**{cell(title)}**", "", line(heads), "|" + " --- |" * len(heads), *map(line, rows)])
        for title, heads, rows in tables
    ]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after the end of a row it would be a length
    "]": "{]}",
    "*": "{*}",
    '"': r"\textquotedbl{}",
    "≥": r"$\geq$",
    "·": r"\textperiodcentered{}",
    "…": r"\ldots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _latex(tables: Iterator[Table]) -> bytes:
    r"""Write tables with booktabs; names in other scripts than Latin's need XeLaTeX or LuaLaTeX."""

    def cell(text: str) -> str:
        return "".join(_TEX.get(sign, sign if sign.isprintable() else "?") for sign in re.sub(r"\s+", " ", text))

    def line(cells_: Sequence[str]) -> str:
        return " & ".join(map(cell, cells_)) + r" \\"

    parts = [r"% \usepackage{booktabs}" + "\n" + r"% \usepackage[T1]{fontenc}"]
    for title, heads, rows in tables:
        begin = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{cell(title)}}}",
            rf"\begin{{tabular}}{{{'l' * len(heads)}}}",
        ]
        body = [r"\toprule", line(heads), r"\midrule", *map(line, rows), r"\bottomrule"]
        parts.append("\n".join([*begin, *body, r"\end{tabular}", r"\end{table}"]))
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")


_ROWS: dict[str, Callable[[Iterator[Row], Sequence[Column]], bytes]] = {"csv": _csv, "json": _json, "parquet": _parquet}
_TABLES: dict[str, tuple[str, Callable[[Iterator[Table]], bytes]]] = {"md": ("md", _markdown), "latex": ("tex", _latex)}
FORMATS = (*_ROWS, *_TABLES)
"""What results can be written as."""


def exported(runs: Sequence[Run], form: str, metric: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files that hold results in one of ``FORMATS``."""
    if form in _ROWS:
        yield f"cells.{form}", _ROWS[form](cells(runs, metric), CELLS)
        yield f"samples.{form}", _ROWS[form](samples(runs, metric), SAMPLES)
    else:
        suffix, write = _TABLES[form]
        yield f"results.{suffix}", write(_tables(runs, metric))
