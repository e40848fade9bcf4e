"""Our scorers as metrics of ``evaluate``: the same numbers, by import and by path, offline."""

from __future__ import annotations

from pathlib import Path

import evaluate
import pytest

from lm_eval_longctx import metrics
from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.metrics.mrcr_match import MrcrMatch
from lm_eval_longctx.metrics.transcript_errors import TranscriptErrors
from lm_eval_longctx.scorers.sequence_match import SequenceMatchScorer
from lm_eval_longctx.scorers.transcript import TranscriptScorer, pooled

CLASSES = {"transcript_errors": TranscriptErrors, "mrcr_match": MrcrMatch}
SAID, WRITTEN = ["यह मेरी किताब है", "साल २०२४"], ["यह मेरा किताब है", "साल 2024"]
MRCR = {"predictions": ["abc a tale", "a tale"], "references": ["a tale", "a tale"], "prefixes": ["abc", "abc"]}


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    monkeypatch.setattr("evaluate.config.HF_METRICS_CACHE", str(tmp_path / "metrics"))
    monkeypatch.setattr("evaluate.config.HF_MODULES_CACHE", str(tmp_path / "modules"))


@pytest.mark.parametrize("name", CLASSES)
def test_every_metric_is_described(name):
    """Each metric says what it is, what it reads, what it returns and whom to cite."""
    metric = CLASSES[name](keep_in_memory=True)
    assert metric.name == name
    assert all((metric.description, metric.citation, metric.inputs_description, metric.features))


def test_the_room_holds_what_is_tested():
    """Every module of the room is a metric that these tests know."""
    files = Path(metrics.__file__).parent.glob("[a-z]*.py")
    assert {file.stem for file in files} == set(CLASSES)
    with pytest.raises(UnknownOptionError, match="did you mean 'mrcr_match'"):
        metrics.path("mrcr_matches")


def test_transcripts_are_scored_as_ours_are():
    """All rates are those of the scorer, pooled over texts, and the normaliser is told."""
    found = TranscriptErrors().compute(predictions=WRITTEN, references=SAID, language="hi")
    scorer = TranscriptScorer({"language": "hi"})
    values = [scorer.score({"target": s}, w) for s, w in zip(SAID, WRITTEN, strict=True)]
    for name in ("wer", "cer", "insertions", "deletions", "substitutions"):
        assert found[name] == pooled([value[name] for value in values])
    assert (found["wer"], found["normalizer"]) == (1 / 6, "whisper-marks")


def test_repeated_texts_are_graded_as_ours_are():
    """The match of several answers is the mean of the scorer's."""
    found = MrcrMatch().compute(**MRCR)
    scorer = SequenceMatchScorer({"grading": "v2"})
    rows = zip(*MRCR.values(), strict=True)
    each = [scorer.score({"target": t, "prefix": p}, a)["match"] for a, t, p in rows]
    assert found == {"match": sum(each) / 2, "prefix": 0.5}


def test_batches_add_up():
    """Answers added in batches score as answers given at once."""
    metric = TranscriptErrors()
    for said, written in zip(SAID, WRITTEN, strict=True):
        metric.add_batch(predictions=[written], references=[said])
    assert metric.compute(language="hi") == TranscriptErrors().compute(
        predictions=WRITTEN, references=SAID, language="hi"
    )


def test_metrics_load_by_path():
    """``evaluate.load`` reads each metric from its file, without a network, and it scores the same."""
    loaded = evaluate.load(metrics.path("mrcr_match"))
    assert loaded.compute(**MRCR) == MrcrMatch().compute(**MRCR)
    loaded = evaluate.load(metrics.path("transcript_errors"))
    assert loaded.compute(predictions=["今天天汽"], references=["今天天气"], language="zh")["cer"] == 0.25


def test_wrong_settings_are_refused():
    """An unknown normaliser, an unknown grading and a pair that does not fit are errors, not numbers."""
    with pytest.raises(UnknownOptionError, match="whisper-basic"):
        TranscriptErrors().compute(predictions=["a"], references=["a"], normalizer="whisper-basics")
    with pytest.raises(UnknownOptionError, match="v2"):
        MrcrMatch().compute(**MRCR, grading="v3")
    with pytest.raises(ConfigError, match="by-language"):
        TranscriptErrors().compute(predictions=["a"], references=["a"], language="de", normalizer="whisper-english")
