"""A judge's verdicts, as a table, sentences and a figure, from the file that ``lm-eval-longctx judge`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.report.figures.figure import Figure
from lm_eval_longctx.report.figures.series import GREY, SPAN, WIDE, hover
from lm_eval_longctx.report.wording import counts, number, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]

_NONE = "··"
_HEADS = ("who", "strength", "95 %", "won", "claims supported", "corrected", "rating")


def shown(record: Record) -> tuple[list[list[str]], list[str]]:
    """Return the rows and heads of the table: a row for each player, the strongest first, and what was asked for."""
    found = _rows(record)
    kept = [place for place in range(len(_HEADS)) if any(row[place] not in {"", _NONE} for row in found) or not place]
    return [[row[place] for place in kept] for row in found], [_HEADS[place] for place in kept]


def _rows(record: Record) -> list[list[str]]:
    ranked = {row["player"]: row for row in record.get("ranking", {}).get("players", ())}
    held = {row["player"]: row for row in record.get("support", {}).get("players", ())}
    tells = record.get("support", {}).get("judge", {}).get("tells")
    rated = {row["player"]: row for row in record.get("ratings", {}).get("players", ())}
    return [
        [player, *_strength(ranked.get(player)), *_support(held.get(player), tells=tells), _rating(rated.get(player))]
        for player in dict.fromkeys((*ranked, *rated, *held, *record["answers"]))
    ]


def _rating(row: Record | None) -> str:
    return "" if row is None else f"{number(row['value'])} {span(row['interval'])} of {row['n']}"


def _strength(row: Record | None) -> list[str]:
    if row is None:
        return [_NONE, "", ""]
    mark = " (all)" if row["boundless"] else ""
    return [number(row["value"]), _ends(row["interval"]), f"{row['won']:.0%} of {row['duels']}{mark}"]


def _ends(interval: Record | None) -> str:
    """Write a strength's interval, which may have no upper end."""
    if interval and interval["high"] is None:
        return f"[{number(interval['low'])}, ∞)"
    return span(interval)


def _support(row: Record | None, *, tells: bool | None) -> list[str]:
    """Return two cells; a judge that cannot tell true claims from false ones has no share to show."""
    if row is None:
        return ["", ""]
    if tells is False:
        return ["judge cannot tell", _NONE]
    fixed = f"{number(row['corrected'])} {span(row['corrected_interval'])}".rstrip()
    return [f"{number(row['value'])} {span(row['interval'])} of {row['n']}", fixed]


def sentences(record: Record) -> Iterator[str]:
    """Yield what has to be known to read the table."""
    judge = record["judge"]
    if "ratings" in record:
        yield from _of_ratings(record["ratings"])
    if judge["name"] == "people":
        return
    told = "shown" if judge["shown_known"] else "not shown"
    yield f"Judge: {judge['name']}, {told} what is known to be right; {record['questions']} questions."
    if "ranking" in record:
        yield from _of_ranking(record["ranking"])
        ranked = {row["player"] for row in record["ranking"]["players"]}
        if ranked and (alone := [player for player in record["answers"] if player not in ranked]):
            yield f"In no comparison: {', '.join(alone)}; nobody else answered the same questions with a verdict."
    if "support" in record:
        yield from _of_support(record["support"])
    for one in record.get("agreement", {}).get("judge", ()):
        yield f"Judge and {one['sheet']}{_unfilled(one)}: {_agreed(one)}."
    for one in record.get("agreement", {}).get("people", ()):
        yield f"{one['sheets'][0]} and {one['sheets'][1]}: {_agreed(one)}."
    if record["left_out"]:
        yield "Answers left out: " + "; ".join(f"{n} ({why})" for why, n in record["left_out"].items()) + "."


def _of_ranking(ranking: Record) -> Iterator[str]:
    yield (
        "Strengths are Bradley and Terry's, their geometric mean 1: the odds that one answer is found better than "
        "another are those of the strengths. Intervals: profile likelihood, with the spread between questions."
    )
    order, length = ranking["order"], ranking["length"]
    if order["consistent"] is not None:
        yield f"Both orders agree in {order['consistent']:.0%} of the pairs; the others count as ties."
    if order["first_wins"] is not None:
        share = f"{number(order['first_wins'])} {span(order['interval'])}"
        yield f"Of decided calls the answer shown first wins {share}; 0.50 if the order does not matter."
    yield from _of_length(length)
    if ranking["same_text"]:
        yield f"{ranking['same_text']} of {ranking['pairs']} pairs say the same to the letter: ties without a call."
    if ranking["without_verdict"]:
        lost = f"{ranking['pairs_without_verdict']} of {ranking['pairs']} pairs are left out"
        yield f"Calls without a verdict: {counts(ranking['without_verdict'])}; {lost}."
        if ranking["same_text"] and ranking["players"]:
            yield "Pairs of the same text are all in, so that strengths lean towards 1 until the judge has been heard."


_BOUNDLESS = {
    **{
        way: f"Strengths apart, the {way} answer wins throughout: whether it wins by its length or is the better one "
        "cannot be told apart here, so there is no number for twice the length."
        for way in ("longer", "shorter")
    },
    "unknown": "Who answers explains all verdicts: what the length does to them cannot be told from these.",
}


def _of_length(length: Record) -> Iterator[str]:
    """Say what length does to verdicts, and what that does not show."""
    if length.get("boundless"):
        yield _BOUNDLESS[length["boundless"]]
    if length["odds"] is None:
        return
    ends = length["interval"]
    odds = f"{number(length['odds'])} {span(ends)}".rstrip()
    lone = "" if ends else "; a single question's verdicts are all that bounds it"
    yield f"Twice the length multiplies the odds of winning by {odds}, strengths apart{lone}."
    if ends and not ends["low"] <= 1 <= ends["high"]:
        way = "more" if length["odds"] > 1 else "less"
        yield f"That is the judge's liking only if right answers do not say {way} anyway; people's verdicts would tell."


def _of_support(support: Record) -> Iterator[str]:
    sides = ", ".join(
        f"{number(row['value'])} {span(row['interval'])} of the {row['n']} known {name} claims"
        for name, row in (("true", support["judge"]["sensitivity"]), ("false", support["judge"]["specificity"]))
        if row
    )
    yield (
        f"A claim is a sentence of an answer, checked against the {support['passages']} passages most like it. "
        + (f"The judge is right on {sides}." if sides else "The judge was not measured: no claim is known.")
    )
    if support["judge"]["tells"]:
        yield "Corrected is the share that a judge without these errors would find."
    elif sides:
        yield "This judge cannot tell: on known claims it is not surely better than guessing, so no share is shown."
    if support["without_verdict"]:
        yield f"Claims without a verdict: {support['without_verdict']}; they are left out."


def _of_ratings(ratings: Record) -> Iterator[str]:
    yield f"Ratings: people's, from 0 to {ratings['most']}, blind; means, with intervals over questions."
    for one in ratings.get("sheets", ()):
        yield f"{one['sheet']}: {one['n']} of {one['of']} answers rated."
    for one in ratings["people"]:
        told = (
            "nothing in common"
            if not one["n"]
            else (f"{one['equal']:.0%} equal ratings of {one['n']} answers, weighted kappa {number(one['kappa'])}")
        )
        yield f"{one['sheets'][0]} and {one['sheets'][1]}: {told}."


def _unfilled(row: Record) -> str:
    """Say how much of a sheet came back, where it is not all."""
    filled, of = row.get("filled", 0), row.get("of", 0)
    return f", {filled} of its {of} lines filled in" if filled < of else ""


def _agreed(row: Record) -> str:
    if not row["n"]:
        return "nothing in common"
    return f"{row['equal']:.0%} equal verdicts on {row['n']} pair{'s'[: row['n'] != 1]}, kappa {number(row['kappa'])}"


def strength_figure(record: Record) -> Figure | None:
    """Describe the strengths with their intervals, the strongest on top; ``None`` where nothing was compared."""
    players = record.get("ranking", {}).get("players", ())
    table = [
        {
            "player": row["player"],
            "value": row["value"],
            "low": row["interval"]["low"] if row["interval"] else None,
            "high": row["interval"]["high"] if row["interval"] else None,
            "shown": f"{number(row['value'])} {_ends(row['interval'])}".rstrip(),
            "won": f"{row['won']:.0%}",
        }
        for row in players
    ]
    if not table:
        return None
    scale = {"type": "log", "nice": False, "padding": 14}
    x = {"field": "value", "type": "quantitative", "title": "strength (geometric mean 1)", "scale": scale}
    x["axis"] = {"format": "~g", "tickCount": 6}
    y = {"field": "player", "type": "nominal", "sort": [row["player"] for row in table], "title": None}
    tips = hover(("player", "who"), ("shown", "strength"), ("won", "won"))
    layers = [
        {"mark": {"type": "rule", "color": GREY}, "encoding": {"x": {"datum": 1}}},
        {
            "transform": [{"filter": "datum.low !== null"}],
            "mark": SPAN,
            "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {"mark": "point", "encoding": {"y": y, "x": x, "tooltip": tips}},
    ]
    tasks = ", ".join(record["tasks"])
    spec = {
        "title": {"text": f"{tasks} · whose answers are better", "subtitle": f"judge: {record['judge']['name']}"},
        "width": WIDE - 120,
        "height": {"step": 22},
        "data": {"name": "strengths"},
        "layer": layers,
    }
    title = f"Bradley-Terry strengths: {tasks}"
    return Figure(f"{tasks} strengths", title, "strengths", spec, {"strengths": table}, notes=tuple(sentences(record)))
