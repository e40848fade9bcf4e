"""BLEURT where a user has it: asked for by name, looked for before anything is asked, never fetched."""

from __future__ import annotations

import json

import bleurt_kit
import lm_eval
import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.bleurt import TranslationBleurtScorer
from lm_eval_longctx.scorers.translation import TranslationScorer

SAMPLE = {"target": "the dogs sleep here", "source": "a b c"}
FORMS = [bleurt_kit.googles, bleurt_kit.converted]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("answer", "rating"),
    [
        ("the dogs sleep here", 100),
        ("the dogs sleep here and there too", 100),  # the other way round it would be 57
        ("the cats sleep", 50),
        ("Here is the translation:\n\nthe dogs run", 50),
        ("", 0),
        ("I cannot translate this.", 0),
    ],
)
def test_a_rating_is_of_reference_and_translation_in_that_order(tmp_path, monkeypatch, form, answer, rating):
    """Both forms of checkpoints are asked with the reference first and the translation alone, times a hundred."""
    scorer = TranslationBleurtScorer({"bleurt": form(tmp_path / "checkpoint", monkeypatch)})
    scorer.validate(SAMPLE)
    found = scorer.score(SAMPLE, answer)
    assert found["bleurt"] == pytest.approx(rating)
    assert {name: str(value) for name, value in found.items() if name != "bleurt"} == {
        name: str(value) for name, value in TranslationScorer({}).score(SAMPLE, answer).items()
    }


def test_nothing_but_the_headline_is_added():
    """BLEURT is the headline where it is asked for, and translations know nothing of it elsewhere."""
    names = [metric.name for metric in TranslationBleurtScorer.METRICS]
    assert names == ["bleurt", *(metric.name for metric in TranslationScorer.METRICS)]
    assert TranslationScorer.OPTIONS == ()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "is no folder"),
        ({}, "has neither bleurt_config.json nor a config.json of a bleurt model"),
        ({"config.json": {"model_type": "bert"}}, "has neither"),
        ({"config.json": "[1"}, "has neither"),
        ({"bleurt_config.json": {}}, r"read by the package bleurt, which is missing: pip install git\+https"),
        (
            {"config.json": {"model_type": "bleurt"}},
            "read by the package bleurt_pytorch, which is missing: pip install",
        ),
    ],
)
def test_what_is_missing_is_told_with_a_remedy(tmp_path, files, says):
    """No folder, no checkpoint in it, or no package for it are errors when the task is made."""
    folder = tmp_path / "checkpoint"
    if files is not None:
        folder.mkdir()
        for name, holds in files.items():
            (folder / name).write_text(holds if isinstance(holds, str) else json.dumps(holds))
    with pytest.raises(ConfigError, match=says):
        TranslationBleurtScorer({"bleurt": str(folder)})


def run(folder, **metadata):
    """Ask a task of translation for BLEURT through lm-eval, of a model that says the same to every sentence."""
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [{"text": "the dog sees the house"}]}))
    args = {"model": "scripted/any", "script": str(script), "ledger": str(folder / "ledger.sqlite3")}
    asked = {
        "task": "translation_none_longctx",
        "metadata": {"preset": "smoke", "direction": "to_english", "samples_per_cell": 1, **metadata},
    }
    found = lm_eval.simple_evaluate(model="longctx", model_args=args, tasks=[asked], bootstrap_iters=0)
    return found["results"]["translation_none_longctx"]


def test_a_task_shows_bleurt_where_it_is_asked_for(tmp_path, monkeypatch):
    """`scorer: translation_bleurt` and a folder add the metric to a real run."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    folder = bleurt_kit.googles(tmp_path / "checkpoint", monkeypatch)
    told = run(tmp_path, scorer="translation_bleurt", bleurt=folder)
    assert 0 <= told["bleurt,none"] <= 100
    assert told["chrf,none"] > 0


def test_bleurt_without_a_checkpoint_is_an_error_before_anything_is_asked(tmp_path, monkeypatch):
    """Who asks for BLEURT and has none is told so, and no model was asked."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match="needs a checkpoint of yours"):
        run(tmp_path, scorer="translation_bleurt")
    assert not (tmp_path / "ledger.sqlite3").exists()
