"""Every scorer as a metric of ``evaluate``: the same numbers, by import and by path, offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bleurt_kit
import evaluate
import pytest
from scorer_tables import DOCS, TABLES, written

from lm_eval_longctx import metrics
from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.metrics.longctx import Longctx
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.scorers.base import judge

VERDICTS = Path(__file__).resolve().parent.parent / "scorers" / "verdicts"
NAMES = [record.name for record in registry().scorers()]
FORMS = {
    "retrieval": ("value", "absent"),
    "exact_f1": ("text", "text_absent"),
    "long_answer": ("text", "text_absent"),
    "choice": ("choice",),
    "choice_or_time": ("choice",),
    "label": ("label",),
    "tally": ("label",),
    "table_rows": ("long",),
    "translation": ("translation",),
    "translation_bleurt": ("translation",),
    "multi_needle": ("keyed",),
    "sequence_match": ("long",),
}
"""Which rows of the tables of verdicts each scorer is asked about; transcripts have a table of their own."""

SAID, WRITTEN = ["यह मेरी किताब है", "साल २०२४"], ["यह मेरा किताब है", "साल 2024"]
CELLS = ("1\tcup\tred\n2\tcar\tblue", "2, car, blue", "cup | red\ncar | blue", "nothing to see", "")
GIVEN: dict[str, list[dict[str, Any]]] = {
    "transcript": [{"target": said, "answer": written} for said, written in zip(SAID, WRITTEN, strict=True)],
    "table_cells": [{"target": CELLS[0], "answer": answer} for answer in CELLS],
}
"""Samples with answers of scorers that the tables of verdicts do not hold."""

MRCR = {"predictions": ["abc a tale", "a tale"], "references": ["a tale", "a tale"], "prefix": ["abc", "abc"]}


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("evaluate.config.HF_METRICS_CACHE", str(tmp_path / "metrics"))
    monkeypatch.setattr("evaluate.config.HF_MODULES_CACHE", str(tmp_path / "modules"))


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the samples with answers that a scorer is asked about."""
    if name in GIVEN:
        return GIVEN[name]
    if name == "plan":
        world = '{"actions":{"go":["A B","at A, way A B","at B","at A"]},"start":["at x","way x y"],"goal":["at y"]}'
        return [
            {"target": "go(x, y)", "world": world, "answer": answer} for answer in ("go(x, y)", "go(y, x)", "", "no")
        ]
    if name == "name_set":
        given = ("Rome, Paris", "Final Answer: [Rome]", "none", "")
        return [{"target": ["Rome", "Paris"], "question": "Which?", "answer": answer} for answer in given]
    if name == "likelihood":
        told = ({"nats": [7.5]}, {"nats": [40.0, 900.0]}, {"nats": []})
        return [
            {"target": "some text", "window_tokens": 3, "window_bytes": 9, "repeated": share, "answer": json.dumps(one)}
            for share, one in zip((0.0, 0.5, 1.0), told, strict=True)
        ]
    if name == "repeat":
        copies = ("owl owl owls owl", "owl owls owl", "owl owl owl owl owl", "")
        return [{"target": "owl owl owls owl", "odd": "owls", "answer": copy} for copy in copies]
    lines = [line for table in ("made", "by_hand") for line in (VERDICTS / f"{table}.jsonl").read_text().splitlines()]
    rows = [json.loads(line) for line in lines]
    return [
        {**row, "absent": row["form"].endswith("absent"), "distractors": list((row.get("distractors") or {}).values())}
        for row in rows
        if row["form"] in FORMS[name]
    ]


def columns_of(name: str, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return rows as the columns of the metric."""
    given: dict[str, list[Any]] = {"predictions": [row["answer"] for row in rows]}
    targets = [row["target"] for row in rows]
    if name == "multi_needle":
        given["keys"] = [list(target) if isinstance(target, dict) else [] for target in targets]
        targets = [list(target.values()) if isinstance(target, dict) else target for target in targets]
    for column in registry().load(registry().scorer(name)).READS:
        if any(column.name in row for row in rows):
            empty = False if column.kind == "flag" else [] if column.kind == "texts" else ""
            given[column.name] = [row.get(column.name, empty) for row in rows]
    return {**{key: value for key, value in given.items() if key != "target"}, "references": targets}


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_is_a_metric_that_is_described(name: str) -> None:
    """Each configuration says what it is, what it reads, what it returns and whom to cite."""
    metric = Longctx(name, keep_in_memory=True)
    assert metric.name == "longctx"
    assert metric.config_name if hasattr(metric, "config_name") else metric.info.config_name == name
    assert all((metric.description, metric.citation, metric.inputs_description, metric.features))
    scorer = registry().load(registry().scorer(name))
    for told in (*scorer.METRICS, *scorer.OPTIONS, *scorer.READS):
        assert ("references" if told.name == "target" else told.name) in metric.inputs_description


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_its_scorer(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the tables of verdicts, each number of the metric is the scorer's, aggregated in the scorer's own way."""
    rows = rows_of(name)
    assert rows
    settings = {"language": "hi"} if name == "transcript" else {}
    if name == "translation_bleurt":
        settings = {"bleurt": bleurt_kit.googles(tmp_path / "checkpoint", monkeypatch)}
    metric = Longctx(name)
    given = columns_of(name, rows)
    half = len(rows) // 2
    for part in (slice(half), slice(half, None)):
        metric.add_batch(**{column: values[part] for column, values in given.items()})
    found = metric.compute(**settings)
    scorer = metric.scorer_class({**{o.name: o.fallback() for o in metric.scorer_class.OPTIONS}, **settings})
    judged = [judge(scorer, row, row["answer"]).values or {} for row in rows]
    for told in scorer.METRICS:
        values = [one for each in judged if (one := each.get(told.name)) is not None]
        assert found[told.name] == (pytest.approx(float(told.aggregate(values))) if values else None), told.name
    assert found["scored"] == sum(map(bool, judged))
    assert found["settings"] == scorer.options


def test_a_configuration_that_does_not_exist_is_refused() -> None:
    """A misspelt scorer names the nearest one, and so does none at all."""
    with pytest.raises(UnknownOptionError, match="did you mean 'retrieval'"):
        Longctx("retrievals")
    with pytest.raises(UnknownOptionError, match="retrieval"):
        Longctx()


def test_transcripts_in_a_language_tell_their_normalizer() -> None:
    """The word error rate is pooled over texts, and the settings say which normalizer was chosen."""
    found = Longctx("transcript").compute(predictions=WRITTEN, references=SAID, language="hi")
    assert (found["wer"], found["settings"]["normalizer"]) == (1 / 6, "whisper-marks")


@pytest.mark.parametrize("page", TABLES)
def test_the_pages_tell_what_the_scorers_declare(page: str) -> None:
    """The tables of scorers are those that their docstrings, metrics, settings and columns make."""
    assert (DOCS / page).read_text(encoding="utf-8") == written(page)


def test_single_answers_add_up() -> None:
    """Answers added one by one score as answers given at once, and optional columns may be missing."""
    metric = Longctx("retrieval")
    metric.add(prediction="It is 2345027.", reference="2345027")
    metric.add(prediction="It is not 2345027.", reference=["2345027"])
    found = metric.compute()
    assert (found["exact"], found["recall"], found["scored"]) == (0.5, 1, 2)


def test_thoughts_are_taken_off_and_an_endless_one_is_no_answer() -> None:
    """As in a task, what was only thought is not scored; marks can be named."""
    answers = ["<think>7654321</think>2345027", "<think>2345027", "<ponder>7654321</ponder>2345027"]
    found = Longctx("retrieval").compute(predictions=answers, references=["2345027"] * 3, reasoning_tags=["ponder"])
    assert (found["exact"], found["scored"]) == (1, 2)


def test_metrics_load_by_path() -> None:
    """``evaluate.load`` reads the metric from its file, without a network, and it scores the same."""
    loaded = evaluate.load(metrics.path(), "sequence_match")
    assert loaded.compute(**MRCR) == Longctx("sequence_match").compute(**MRCR)
    loaded = evaluate.load(metrics.path(), "transcript")
    assert loaded.compute(predictions=["今天天汽"], references=["今天天气"], language="zh")["cer"] == 0.25


def test_wrong_settings_and_missing_columns_are_refused() -> None:
    """An unknown setting or value, a pair that does not fit and a column that must be there are errors, not numbers."""
    with pytest.raises(UnknownOptionError, match="whisper-basic"):
        Longctx("transcript").compute(predictions=["a"], references=["a"], normalizer="whisper-basics")
    with pytest.raises(UnknownOptionError, match="did you mean 'grading'"):
        Longctx("sequence_match").compute(**MRCR, gradings="v2")
    with pytest.raises(ConfigError, match="by-language"):
        Longctx("transcript").compute(predictions=["a"], references=["a"], language="de", normalizer="whisper-english")
    with pytest.raises(ConfigError, match="needs options"):
        Longctx("choice").compute(predictions=["a"], references=["A"])
    with pytest.raises(ConfigError, match="letter of an option"):
        Longctx("choice").compute(predictions=["a"], references=["E"], options=[["x", "y"]])
