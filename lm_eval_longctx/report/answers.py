"""The samples behind the cells, where ``--log_samples`` kept them: each as the few facts that people ask for."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.report.pieces import in_pieces, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.report.pieces import Pieces

    Line = Mapping[str, Any]

LONGEST = 6000
"""Characters that are kept of a question, a right answer and each piece of an answer."""

_MADE = ("how", "claimed", "given", "chosen", "compared")
"""What a scorer notes of an answer that it read."""

_NOTHING: Line = MappingProxyType({})
_NUMBERS = {int, float}
"""What JSON makes of numbers; a truth value is none."""

Place = tuple[str, Any]
"""Length label and depth."""


class Answer(NamedTuple):
    """One answer: what finds it again, and everything that is shown of it.

    Attributes:
        id: The sample's id.
        line: Its line in the log, from 1.
        score: By the metric that is shown; ``None`` if it has none.
        plain: Everything, as JSON (``docs/reading-a-report.md``): a hundred thousand of them take a tenth of the
            memory that objects would.
    """

    id: str
    line: int
    score: float | None
    plain: bytes


def read_answers(file: Path, metrics: Sequence[str], longest: int = LONGEST) -> dict[Place, list[Answer]]:
    """Read a samples file.

    Args:
        file: lm-eval's ``samples_<task>_<date>.jsonl``.
        metrics: The metrics whose values are kept, the one that is shown first.
        longest: Characters that are kept of a text.

    Returns:
        All answers by cell, in the order of the file.

    Raises:
        ResultsError: A line is not what lm-eval writes.
    """
    answers: dict[Place, list[Answer]] = {}
    for count, logged in enumerate(lines_of(file), 1):
        place = (str(logged["doc"]["context_label"]), logged["doc"].get("depth"))
        try:
            found = answers.setdefault(place, [])
            for one in answers_of(logged, metrics, longest):
                one["line"] = count
                found.append(Answer(one["id"], count, one["score"], as_json(one)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # a value of a kind that nobody writes
            raise ResultsError(f"{file}, line {count}: not a sample of lm-eval; run the task again") from error
    return answers


def lines_of(file: Path) -> Iterator[Line]:
    """Yield the lines of a samples file, one a sample, as plain values.

    Raises:
        ResultsError: A line is not what lm-eval writes.
    """
    with file.open("rb") as lines:
        for count, line in enumerate(lines, 1):
            try:
                logged = _parsed(line)
                logged["doc"]["context_label"], logged["doc"].get("depth")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ResultsError(f"{file}, line {count}: not a sample of lm-eval; run the task again") from error
            yield logged


def as_json(plain: Any) -> bytes:
    """Return plain values as compact JSON, lone surrogates too, which only Python's own writer takes."""
    try:
        return bytes(
            memoryview(orjson.dumps(plain))
        )  # a copy: what orjson returns holds eight kilobytes, however short
    except TypeError:
        return json.dumps(plain).encode()


def _parsed(line: bytes) -> Any:
    """Read a line quickly; NaN and lone surrogates, which lm-eval writes, are read by Python's own reader."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)


def answers_of(logged: Line, metrics: Sequence[str], longest: int) -> Iterator[dict[str, Any]]:
    """Yield what is told of each answer to a sample: several with ``repeats``, else one.

    A hundred thousand samples pass here: what is the same for all answers of a sample is worked out once, and each
    answer is one dictionary that nothing is copied into.
    """
    recipe, calls = _asked(logged)
    sample = logged["doc"]
    values = {name: value for name in metrics if type(value := logged.get(name)) in _NUMBERS}
    readings = logged.get("reading") or ()
    said = _responses(logged)
    for index, text in enumerate(said):
        reading = readings[index] if index < len(readings) else _NOTHING
        answer = {
            "id": str(sample.get("id", "")),
            "variant": str(sample.get("variant") or ""),
            "question": _short(sample.get("question", ""), longest),
            "target": _short(sample.get("target", ""), longest),
            "score": values.get(metrics[0]),
            "values": values,
            "recipe": recipe,
        }
        if len(said) > 1:
            answer["answer_of"] = [index + 1, len(said)]
        answer["answer"] = in_pieces(text, reading, longest)
        answer["why"] = str(reading.get("note") or "")
        answer["read"] = {key: found for key in _MADE if (found := reading.get(key))}
        answer["abstained"] = bool(reading.get("abstained"))
        _add_call(answer, calls[index] if index < len(calls) else _NOTHING, reading)
        yield answer


def _short(value: Any, longest: int) -> Pieces:
    text = value if isinstance(value, str) else _text(value)
    return text if len(text) <= longest else shortened(text, longest)


def _add_call(answer: dict[str, Any], call: Line, reading: Line) -> None:
    """Add how a call went: our harness keeps it among the arguments."""
    usage = call.get("usage") or _NOTHING
    tokens = {name: n for name, n in usage.items() if name.endswith("_tokens")}
    if counted := call.get("counted_tokens"):
        tokens["counted"] = counted
    answer["outcome"] = str(reading.get("outcome") or call.get("outcome") or "")
    answer["detail"] = str(call.get("detail") or "")
    answer["tokens"] = tokens
    answer["cost"] = usage.get("cost")
    answer["seconds"] = call.get("seconds")
    answer["attempts"] = call.get("attempts")
    answer["replayed"] = bool(call.get("replayed"))
    answer["notes"] = list(map(str, call.get("notes") or ()))
    answer["key"] = str(call.get("key") or "")


def _asked(logged: Line) -> tuple[str, Sequence[Line]]:
    """Return the line that names the sample, from which its prompt can be made again, and what our model answered.

    Our harness keeps both among the arguments; where another model answered, its completions are not there. Of a
    sample that was asked in parts, the calls of one part are not those of the sample.
    """
    kept = logged.get("arguments")
    in_parts = isinstance(kept, dict) and len(kept) > 1
    found = kept.get("gen_args_0") if isinstance(kept, dict) else None
    if not isinstance(found, dict) or not found:
        return "", ()
    given = list(found.values())
    first, last = given[0], given[-1]
    recipe = first if isinstance(first, str) and first.startswith("longctx:") else ""
    return recipe, (last.get("completions") or ()) if isinstance(last, dict) and not in_parts else ()


def _responses(logged: Line) -> list[str]:
    """Return the answers to a sample as texts; one empty text where none was kept."""
    kept = logged.get("resps") or logged.get("filtered_resps")
    if isinstance(kept, list) and len(kept) > 1 and all(isinstance(part, list) for part in kept):  # asked in parts
        return ["\n".join(map(_text, parts)) for parts in zip(*kept, strict=False)] or [""]
    first = kept[0] if isinstance(kept, list) and kept else kept
    answers = first if isinstance(first, list) else [first]
    return [_text(answer) for answer in answers] or [""]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
