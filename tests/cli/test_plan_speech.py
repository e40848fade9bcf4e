"""Plans of sound: made without making any."""

from __future__ import annotations

import json

import pytest

from lm_eval_longctx.cli.parser import main

PRESETS = {
    "longctx_audio_niah": ("default", "gemini-1.5", "gemini-1.5-107h", "snr-ladder"),
    "longctx_audio_niah_multi": ("default",),
    "longctx_audio_asr": ("default", "long"),
    "longctx_audio_qa": ("default", "blind", "long"),
}


@pytest.mark.parametrize(("task", "preset"), [(task, preset) for task, all_ in PRESETS.items() for preset in all_])
def test_plans_of_sound_make_none(task, preset, capsys, monkeypatch):
    """A plan of any preset of sound is counted without a word being spoken, and says what was reckoned."""
    monkeypatch.setattr("lm_eval_longctx.hay.speech.engine_joe.say", lambda *_: pytest.fail("a plan spoke"))
    assert main(["plan", "--tasks", task, "--metadata", json.dumps({"preset": preset}), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["estimated"] is True
    audio = plan["total"]["tokens"].get("audio", 0)
    assert (audio == 0) == (preset == "blind")
