"""``plan``'s sum at most is what its name says: no bill of any task, provider and tokenizer is above it."""

from __future__ import annotations

import json
import wave

import pytest

from lm_eval_longctx.backend.estimate import total
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.harness.pricing import make_plan
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.testing.server import KEY, LocalServer

TOKENIZERS = {
    "o200k": lambda text: load_tokenizer("o200k_base").count(text),
    "an old one, and a long template": lambda text: 24 + int(1.3 * load_tokenizer("cl100k_base").count(text)),
    "every byte": lambda text: len(text.encode()),
}

MODELS = {
    "gemini": ("gemini-3.8-flash", {}),
    "openai": ("gpt-6.1-terra", {}),
    "anthropic": ("claude-sonnet-5-5", {}),
    "openai-compatible": ("tiny", {"modalities": "text+image+audio+video", "video_frame_tokens": 2}),
}

TEXTS = {
    "longctx_text_niah": {"context_lengths": ["512", "2k"], "depths": 2},
    "longctx_text_niah_multi": {"context_lengths": ["2k"]},
    "longctx_text_manyshot": {"context_lengths": [8, 64]},
    "longctx_text_mrcr": {"context_lengths": ["2k"]},
    "longctx_text_docqa": {"context_lengths": ["8k"]},
    "longctx_text_translation": {"context_lengths": ["8k"]},
    "niah_code_longctx": {"context_lengths": ["1k"], "depths": 1},
    "niah_uuid_longctx": {"context_lengths": ["1k"], "depths": 1},
}

FILMS = {
    "longctx_image_niah": {"context_lengths": [4], "depths": 1},
    "longctx_video_niah": {"context_lengths": ["20s"], "depths": 1},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Make hay once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def server(monkeypatch, cache):
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(cache))
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "OPENAI_COMPATIBLE"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
    with LocalServer() as running:
        yield running


def billed_and_planned(server, name: str, task: str, metadata: dict, which: str = "") -> tuple[float, float]:
    """Run a task, and plan it; return what the server billed in US dollars, and the plan's sum at most."""
    model, args = MODELS[name]
    prices = {"price_in": 2.0, "price_out": 8.0, "price_cached": 2.0, "probe": False, "base_url": server.base_url(name)}
    lm = LongctxLM(f"{name}/{which or model}", ledger="none", progress=False, **prices, **args)
    asked = list(planned_calls(lm, [task], metadata=json.dumps(metadata), limit=3))
    most = total(make_plan(lm, asked, 0).cells).most
    found = lm.backend.run([call.job for call in asked])
    assert all(answer.outcome.answered for answer in found), [answer.detail for answer in found][:1]
    return lm.backend.totals()["cost"], most


@pytest.mark.parametrize("tokenizer", sorted(TOKENIZERS))
@pytest.mark.parametrize("name", sorted(MODELS))
def test_no_text_is_billed_above_the_most(server, name, tokenizer):
    """Every text task, asked of every provider and billed by every tokenizer, costs no more than planned at most."""
    server.state.tokens = TOKENIZERS[tokenizer]
    for task, metadata in TEXTS.items():
        billed, most = billed_and_planned(server, name, task, metadata)
        assert 0 < billed <= most, task


@pytest.mark.media
@pytest.mark.parametrize("name", sorted(MODELS))
def test_no_picture_and_no_film_is_billed_above_the_most(server, name):
    """Pictures, and film as film or as frames, cost no more than planned at most."""
    server.state.tokens = TOKENIZERS["every byte"]
    for task, metadata in FILMS.items():
        billed, most = billed_and_planned(server, name, task, metadata)
        assert 0 < billed <= most, task


@pytest.mark.parametrize(("name", "which"), [("gemini", ""), ("openai", "gpt-audio"), ("openai-compatible", "")])
def test_a_folder_of_recordings_is_planned_with_its_sound(server, tmp_path, name, which):
    """Recordings of one's own have tokens of sound in the plan of every provider, and no bill above the most."""
    for number in range(2):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((b"\0\x20" * 20 + b"\0\xe0" * 20) * 400 * (3 + number))
        (tmp_path / f"{number}.txt").write_text("what is said here")
    billed, most = billed_and_planned(server, name, "asr_folder", {"haystack": f"speech:{tmp_path}"}, which)
    assert 7 * 5 * 2e-6 < billed <= most
