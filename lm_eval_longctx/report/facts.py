"""What a row of the sweep block says, as names and values for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.wording import counts, depth_label, number, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Row = Mapping[str, Any]


def facts(row: Row) -> list[list[str]]:
    """Return name and value of each fact about a row of the sweep block that is known."""
    return [fact for part in _PARTS for fact in part(row)]


def _scores(row: Row) -> Iterator[list[str]]:
    if row.get("variant"):
        yield ["variant", str(row["variant"])]
    yield ["samples", f"{row['scored']} of {row['n']} scored"]
    for name, found in row["metrics"].items():
        if found["n"]:
            yield [name, f"{number(found['value'])} (over {found['n']})"]
    if row["interval"]:
        yield ["interval", f"{span(row['interval'])} ({row['interval']['method'].replace('_', ' ')})"]
    if row.get("floor"):
        yield ["not reading", f"{number(row['floor'])} (corrected for it: {number(row['corrected'])})"]
    yield ["outcomes", counts(row["outcomes"])]


def _place(row: Row) -> Iterator[list[str]]:
    realised = row["realised_length"]
    if realised:
        low, high = (f"{realised[key]:,.6g}" for key in ("min", "max"))
        spread = low if low == high else f"{low} to {high}"
        yield ["realised length", f"{spread} {row['unit']} (asked: {row['amount']:,.6g})"]
    if row["realised_depth"] is not None:
        yield ["realised depth", depth_label(row["realised_depth"])]
    if row["corpus_repeats"] is not None:
        yield ["haystack repeats", f"{row['corpus_repeats']:g}"]


def _spending(row: Row) -> Iterator[list[str]]:
    tokens = {name: count for name, count in row["tokens"].items() if count is not None and name != "billed_samples"}
    if tokens:
        yield ["tokens", counts(tokens)]
    if row["cost"] is not None:
        yield ["cost", f"{row['cost']:.4g} US dollars"]
    yield ["seconds", f"{row['seconds']:,.6g}"]


_PARTS: tuple[Callable[[Row], Iterator[list[str]]], ...] = (_scores, _place, _spending)
