"""The YAML files of the sound tasks."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml

from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.sweep import parse_sweep

CONFIGS = Path(__file__).resolve().parents[3] / "task_configs"
TASKS = {
    "longctx_audio_niah": "audio_needle",
    "longctx_audio_niah_multi": "audio_needle",
    "longctx_audio_asr": "audio_transcript",
    "librispeech_long": "recordings",
    "earnings22_long": "recordings",
    "asr_folder": "recordings",
}


def _metadata(task: str) -> dict:
    (path,) = CONFIGS.glob(f"*/{task}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]


@pytest.mark.parametrize("task", TASKS)
def test_every_preset_can_be_used(task):
    """Each preset of each sound task has only keys and values that its builder and scorer understand."""
    metadata = _metadata(task)
    module, _, name = registry().builder(metadata["builder"]).target.partition(":")
    builder = getattr(importlib.import_module(module), name)
    plugins = registry()
    scorer = plugins.load(plugins.scorer(metadata["scorer"]))
    assert metadata["builder"] == TASKS[task]
    for preset in metadata["presets"]:
        sweep = parse_sweep(
            {**metadata, "preset": preset},
            task=task,
            unit=builder.UNIT,
            options=(*builder.OPTIONS, *scorer.OPTIONS),
            has_depth=builder.HAS_DEPTH,
            has_length=builder.HAS_LENGTH,
        )
        assert sweep.preset == preset
        assert bool(sweep.context_lengths) == builder.HAS_LENGTH


def test_the_reports_range_can_be_asked():
    """The presets named after the report go from 12 minutes to 107 hours."""
    presets = _metadata("longctx_audio_niah")["presets"]
    assert presets["gemini-1.5"]["context_lengths"][0] == "12m"
    assert presets["gemini-1.5-107h"]["context_lengths"][-1] == "107h"
