"""A cascade of two models: one hears, the other reads what was heard; two local servers of two wire formats."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tone_words import heard, recording, word

from lm_eval_longctx.errors import BudgetError, ConfigError, LongctxError, SecretError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import planned_calls
from lm_eval_longctx.harness.pricing import make_plan
from lm_eval_longctx.harness.tasks import LongctxTask
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import file_digest
from lm_eval_longctx.testing.server import KEY_VARIABLES, LocalServer

WORDS = 75


@pytest.fixture
def folder(tmp_path):
    """A recording of 75 words that are tones, about a minute long."""
    recording(tmp_path / "in", "call", list(range(WORDS)), [0.35] * WORDS)
    return tmp_path / "in"


@pytest.fixture
def servers(monkeypatch):
    """A server that hears the sound that it is sent (Gemini's wire), and one that repeats transcripts (Anthropic's)."""
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, "test-key")
    with LocalServer() as ears, LocalServer() as eyes:
        ears.state.answer = lambda asked: f"Here is the transcript:\n\n{listen(asked)}"
        eyes.state.answer = lambda asked: re.search(r"<transcript>\n(.*?)\n</transcript>", asked.text, re.DOTALL)[1]
        yield ears, eyes


def listen(asked):
    """Write down the tones of the one recording in a request."""
    return " ".join(map(word, heard(sound_of(asked))))


def cascade(servers, **more):
    """Make the model as `--model_args` would."""
    ears, eyes = servers
    settings = {
        "transcriber": "gemini/gemini-3.8-flash",
        "transcriber_base_url": ears.base_url("gemini"),
        "base_url": eyes.base_url("anthropic"),
        "max_wait": 0,
        "transcriber_max_wait": 0,
        "ledger": "none",
        **more,
    }
    return LongctxLM("anthropic/claude-sonnet-5-5", progress=False, **settings)


def task(folder, **metadata):
    """Make the task that asks for a folder's words."""
    settings = {"haystack": f"speech:{folder}", "normalizer": "none", **metadata}
    return LongctxTask(
        {
            "task": "asr_folder",
            "output_type": "generate_until",
            "generation_kwargs": {"until": [], "max_gen_toks": 64},
            "metadata": {"version": 1.0, "builder": "recordings", "scorer": "transcript", **settings},
        }
    )


@pytest.mark.parametrize(("arm", "metric"), [("whole", "wer,none"), ("segments", "wer_segments,none")])
def test_a_speech_service_writes_recordings_down(monkeypatch, folder, evaluate, arm, metric):
    """A service with one endpoint is a model of the transcription task, whole or in pieces, billed by the second."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "test-key")
    with LocalServer() as ears:
        ears.state.answer = lambda asked: " ".join(map(word, heard(sound_of(asked, folder))))
        lm = LongctxLM(
            "transcriptions/tiny", base_url=ears.base_url("transcriptions"), price_in=100, price_out=0, progress=False
        )
        results = evaluate(lm, task(folder, arms=[arm]))
        seconds = sum(bill.prompt for bill in ears.state.bills)
    assert results["results"]["asr_folder"][metric] == 0
    assert block_of(results)["summary"]["cost"] == pytest.approx(seconds * 1e-4)


def test_a_speech_service_is_the_ears_of_a_cascade(servers, folder, evaluate):
    """A reader gets what a speech service wrote down; the service hears each piece and none of the question."""
    ears, eyes = servers
    ears.state.answer = lambda asked: " ".join(map(word, heard(sound_of(asked, folder))))
    whole = next(folder.glob("*.wav")).stat().st_size
    lm = cascade(
        servers,
        transcriber="transcriptions/tiny",
        transcriber_base_url=ears.base_url("transcriptions"),
        transcriber_max_file=0.9 * whole / (1 << 20),  # which holds for each piece, not for the whole
    )
    results = evaluate(lm, task(folder), log_samples=True)
    assert results["results"]["asr_folder"]["wer,none"] == 0
    assert {request["path"] for request in ears.state.requests} == {"/v1/audio/transcriptions"}
    assert [set(bill.tokens) for bill in eyes.state.bills] == [{"text"}]
    assert lm.name == "transcriptions/tiny+anthropic/claude-sonnet-5-5"


def sound_of(asked, *folders):
    """Return the file of the one recording in a request, found by the digest of what came over the wire."""
    (digest,) = [content for kind, _, content in asked.pieces if kind == "audio"]
    files = [
        *Path(os.environ["LM_EVAL_LONGCTX_CACHE"]).rglob("audio/**/*.flac"),
        *(file for folder in folders for file in folder.glob("*.wav")),
    ]
    return next(path for path in files if file_digest(path) == digest)


def block_of(results):
    """Return the sweep block of the one task that ran."""
    (config,) = results["configs"].values()
    return config["metadata"]["longctx"]


def test_one_hears_and_the_other_reads(servers, folder, evaluate, ledger):
    """Pieces of 30 s at most go to the one, their joined text and no sound to the other; the log tells them apart."""
    ears, eyes = servers
    lm = cascade(servers, ledger=ledger)
    results = evaluate(lm, task(folder), log_samples=True)
    assert results["results"]["asr_folder"]["wer,none"] == 0
    (line,) = results["samples"]["asr_folder"]
    kept = line["arguments"][0][-1]
    (told,) = kept["heard"]
    assert told["text"].split() == [word(number) for number in range(WORDS)]
    assert "Here is" not in told["text"]
    assert [len(told["pieces"])] == [len(ears.state.bills)]
    assert max(last - first for first, last in told["pieces"]) <= 30
    assert {"audio", "text"} <= set(ears.state.bills[0].tokens)
    assert [set(bill.tokens) for bill in eyes.state.bills] == [{"text"}]
    (call,) = kept["completions"]
    assert "in pieces of 30 s at most" in call["notes"][-1]
    assert lm.name == "gemini/gemini-3.8-flash+anthropic/claude-sonnet-5-5"


def test_both_are_in_the_ledger_and_on_the_bill_once(servers, folder, evaluate, ledger):
    """Each model has its own calls, tokens and prices; two questions about one recording pay for one hearing."""
    ears, _ = servers
    lm = cascade(servers, ledger=ledger)
    block = block_of(evaluate(lm, task(folder, samples_per_cell=2)))
    totals = lm.get_model_info()["longctx"]["totals"]
    heard_cost, read_cost = totals["transcriber"]["cost"], totals["cost"]
    assert heard_cost > 0
    assert read_cost > 0
    assert block["summary"]["cost"] == pytest.approx(heard_cost + 2 * read_cost)  # equal questions are sent once
    with Ledger.open(Path(ledger), create=False) as opened:
        calls = opened.calls("")
    providers = [call["request"]["provider"] for call in calls]
    assert set(providers) == {"gemini", "anthropic"}
    assert providers.count("gemini") == len(ears.state.bills)


def test_a_second_run_hears_nothing_again(servers, folder, evaluate, ledger):
    """What was heard and read is in the ledger; another reader's run pays for no hearing."""
    ears, eyes = servers
    evaluate(cascade(servers, ledger=ledger), task(folder))
    before = len(ears.state.bills), len(eyes.state.bills)
    results = evaluate(cascade(servers, ledger=ledger), task(folder))
    assert (len(ears.state.bills), len(eyes.state.bills)) == before
    assert results["results"]["asr_folder"]["wer,none"] == 0


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize(("fault", "outcome"), [("server_error", "transport_failed"), ("bad_request", "unsupported")])
def test_an_error_of_either_is_an_error(servers, folder, evaluate, who, fault, outcome):
    """A failed call of the transcriber or of the reader leaves the sample without a score, and says whose it was."""
    servers[who].state.fail(fault)
    lm = cascade(servers, max_attempts=1, transcriber_max_attempts=1, concurrency=1, transcriber_concurrency=1)
    results = evaluate(lm, task(folder), log_samples=True)
    assert block_of(results)["summary"]["outcomes"] == {outcome: 1}
    assert results["results"]["asr_folder"]["coverage,none"] == 0
    (line,) = results["samples"]["asr_folder"]
    detail = line["arguments"][0][-1]["completions"][0]["detail"]
    assert bool(re.match(r"the transcriber gemini/gemini-3.8-flash, part \d of 3: ", detail)) == (who == 0)
    assert not (who == 0 and servers[1].state.bills)


@pytest.mark.parametrize(("reader", "lacks"), [("openai-compatible/r", "a server"), ("anthropic/claude-x", "a key")])
def test_nothing_is_heard_for_a_reader_that_cannot_be_asked(servers, monkeypatch, folder, evaluate, reader, lacks):
    """A reader without a server at its address, or without a key, ends the run before a recording is paid for."""
    ears, eyes = servers
    address = eyes.base_url("anthropic")
    if lacks == "a server":
        with LocalServer() as gone:
            address = gone.base_url("openai-compatible")
    else:
        monkeypatch.delenv("ANTHROPIC_API_KEY")
    hears = {"transcriber": "gemini/gemini-3.8-flash", "transcriber_base_url": ears.base_url("gemini")}
    lm = LongctxLM(reader, base_url=address, ledger="none", progress=False, **hears)
    with pytest.raises(LongctxError, match=r"API_KEY|no connection"):
        evaluate(lm, task(folder))
    assert not ears.state.bills


def test_a_refusal_to_hear_is_no_answer(folder, evaluate):
    """What the transcriber refuses is not the reader's answer, and never wrong words of a transcript."""
    heard_by = {"replies": [{"outcome": "refused", "text": "I cannot listen to that."}]}
    lm = LongctxLM("echo", transcriber="scripted/ears", transcriber_script=heard_by, ledger="none", progress=False)
    results = evaluate(lm, task(folder))
    assert block_of(results)["summary"]["outcomes"] == {"blocked": 1}


def test_one_cap_holds_for_both(servers, folder, evaluate):
    """`max_cost` is the money of both models together, and a price that nobody knows is told before the first call."""
    lm = cascade(servers, max_cost=1e-5)
    results = evaluate(lm, task(folder))
    assert block_of(results)["summary"]["outcomes"] == {"skipped_budget": 1}
    assert lm.hearing.backend.budget is lm.backend.budget
    with pytest.raises(BudgetError, match=r"max_cost needs a price.*openai-compatible/tiny"):
        evaluate(
            cascade(servers, transcriber="openai-compatible/tiny", transcriber_modalities="text+audio", max_cost=1.0),
            task(folder),
        )


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"transcriber_base_url": "http://x"}, ConfigError, "name the model too, transcriber=provider/model"),
        ({"transcriber": "gemni/x"}, ConfigError, "did you mean 'gemini'"),
        ({"transcriber": "scripted/x", "transcriber_scrpt": 1}, ConfigError, "transcriber scripted/x.*did you mean"),
        ({"transcriber": "scripted/x", "transcriber_ledger": "none"}, ConfigError, "give it once, as ledger="),
        ({"transcriber": "anthropic/claude-sonnet-5-5"}, ConfigError, "no audio; name a model that hears"),
        ({"transcriber": "gemini/gemini-3.8-flash", "transcriber_api_key": "sk-1"}, SecretError, "GEMINI_API_KEY"),
    ],
)
def test_a_cascade_that_cannot_be_is_refused(monkeypatch, arguments, error, says):
    """Arguments without a transcriber, of the wrong model, shared ones, and a transcriber that is deaf are named."""
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, "test-key")
    with pytest.raises(error, match=says):
        LongctxLM("echo", **arguments)


def test_a_plan_of_a_cascade_is_refused_in_words(folder):
    """A plan prices one model, and says so rather than leave one of them out."""
    lm = LongctxLM("echo", transcriber="scripted/x", ledger="none")
    asked = list(planned_calls(lm, ["asr_folder"], metadata=f'{{"haystack": "speech:{folder}"}}'))
    with pytest.raises(ConfigError, match="a plan is for one model"):
        make_plan(lm, asked, 0)
