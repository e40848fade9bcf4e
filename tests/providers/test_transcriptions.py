"""Speech services behind one endpoint: the form that goes out, what comes back, its bill, and what is refused."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
import soundfile

from lm_eval_longctx.backend.prices import Prices, Rate, prices_for
from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.errors import ConfigError, ProviderError, UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, Turn, file_digest
from lm_eval_longctx.providers.base import Raw, Request, Settings
from lm_eval_longctx.providers.transcriptions import BY_THE_SECOND, UNSENT, TranscriptionsProvider
from lm_eval_longctx.testing import contract
from lm_eval_longctx.testing.contract import ask, run
from lm_eval_longctx.testing.server import KEY
from lm_eval_longctx.testing.state import Asked

ASK = "Transcribe the following recording in English."
SECONDS = 3


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Three seconds of a tone, as FLAC."""
    path = tmp_path_factory.mktemp("sound") / "tone.flac"
    soundfile.write(path, 0.3 * np.sin(np.arange(16000 * SECONDS) / 8), 16000)
    return AudioPart(str(path), file_digest(path), "audio/flac", float(SECONDS), 16000)


@pytest.fixture
def make(server):
    """Make the provider; keyword arguments are its own."""
    return lambda model="whisper-1", **args: server.provider("transcriptions", model, key_env="OPENAI_API_KEY", **args)


def spoken(part, words=ASK, repeat=0):
    """Return a request to write a recording down."""
    return Request(Prompt.user(TextPart(words), part), Settings(max_output_tokens=64, temperature=0.0), repeat)


def decoded(body, model="whisper-1", status=200, part=None):
    """Read a response's body."""
    provider = TranscriptionsProvider(model)
    raw = Raw(
        status, {"content-type": "application/json"}, body if isinstance(body, bytes) else json.dumps(body).encode()
    )
    return provider.decode(raw, spoken(part) if part else None)


@pytest.mark.parametrize("promise", contract.PROMISES, ids=contract.name_of)
def test_a_speech_service_keeps_every_promise(promise, make, sound, monkeypatch):
    """What all providers promise holds here too, with questions that are recordings."""
    words = lambda text="What is said?", repeat=0: spoken(sound, f"Transcribe. {text}", repeat)  # noqa: E731
    monkeypatch.setattr(contract, "question", words)
    promise(contract.Subject(make))


FORMS = [
    ("whisper-1", {}, {"temperature": "0.0", "response_format": "json"}),
    (
        "whisper-1",
        {"language": "de", "prompt": "Käthe, Łódź", "response_format": "verbose_json"},
        {"temperature": "0.0", "language": "de", "prompt": "Käthe, Łódź", "response_format": "verbose_json"},
    ),
    ("gpt-4o-transcribe", {"refuses": ["temperature"]}, {"response_format": "json"}),
    (
        "Systran/faster-whisper-small",
        {"extra_body": {"vad_filter": True, "seed": 3, "hotwords": "Ada"}},
        {"temperature": "0.0", "response_format": "json", "vad_filter": "true", "seed": "3", "hotwords": "Ada"},
    ),
]


@pytest.mark.parametrize(("model", "args", "fields"), FORMS)
def test_the_form_holds_what_was_set_and_nothing_else(server, make, sound, model, args, fields):
    """Model, fields and the file's very bytes go out; the question's words stay, and the completion says so."""
    found = run(lambda: make(model, **args), lambda p: ask(p, spoken(sound)))[1].completion
    assert found.outcome is Outcome.COMPLETE, found.detail
    assert server.state.requests[-1]["body"] == {"model": model, **fields}
    hint = fields.get("prompt")
    pieces = (("audio", 1, sound.digest), *((("text", 1, hint),) if hint else ()))
    assert server.state.bills[-1].digest == Asked(model, pieces, 1).digest()
    assert UNSENT in found.notes


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
def test_the_makers_own_client_sends_the_same(server, make, sound, model):
    """OpenAI's client, told the same, sends the same fields and file, and reads the same text."""
    openai = pytest.importorskip("openai", reason="the oracle needs pip install openai")

    async def theirs():
        async with openai.AsyncOpenAI(api_key=KEY, base_url=server.url + "/v1", max_retries=0) as sdk:
            with open(sound.path, "rb") as file:  # noqa: ASYNC230, PTH123 - their own example
                return await sdk.audio.transcriptions.create(
                    model=model, file=file, language="en", prompt="Ada", response_format="json", temperature=0.0
                )

    answer = asyncio.run(theirs())
    found = run(lambda: make(model, language="en", prompt="Ada"), lambda p: ask(p, spoken(sound)))[1].completion
    one, other = server.state.requests[-2:]
    assert one["body"] == other["body"]
    assert one["path"] == other["path"]
    assert one["headers"]["authorization"] == other["headers"]["authorization"]
    first, second = server.state.bills[-2:]
    assert first.digest == second.digest  # of the file's bytes, the model and the hint
    assert str(found) == answer.text
    assert found.usage.prompt_tokens == (answer.usage.seconds if model == "whisper-1" else answer.usage.input_tokens)


READ = [
    # OpenAI's documented answers.
    ({"text": "Hi there.", "usage": {"type": "duration", "seconds": 3}}, "complete", "Hi there.", 3, None),
    (
        {
            "text": "Imagine.",
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 10, "audio_tokens": 4},
                "output_tokens": 101,
                "total_tokens": 115,
            },
        },
        "complete",
        "Imagine.",
        14,
        101,
    ),
    (
        {
            "task": "transcribe",
            "language": "english",
            "duration": 2.47,
            "text": "The beach.",
            "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 2.4, "text": " The beach.", "tokens": [1]}],
            "usage": {"type": "duration", "seconds": 9},
        },
        "complete",
        "The beach.",
        9,
        None,
    ),
    # Speaches and whisper.cpp: a text alone; older verbose forms tell the duration, as a text at times.
    ({"text": "words"}, "complete", "words", None, None),
    ({"text": "words", "duration": "8.47", "language": "en"}, "complete", "words", 9, None),
    ({"segments": [{"text": " a"}, {"text": " b"}]}, "complete", " a b", None, None),
    ({"text": "", "usage": {"type": "duration", "seconds": 3}}, "complete", "", 3, None),
    ({"text": "   "}, "complete", "   ", None, None),
    # What cannot be is unknown, and no transcript is no answer.
    ({"text": "words", "usage": {"type": "duration", "seconds": -1}}, "complete", "words", None, None),
    ({"text": "words", "usage": {"type": "duration", "seconds": "many"}}, "complete", "words", None, None),
    ({"text": "words", "usage": []}, "complete", "words", None, None),
    ({"text": None}, "malformed", "", None, None),
    ({}, "malformed", "", None, None),
    ({"text": {"a": 1}}, "malformed", "", None, None),
    (b'{"text": "wor', "possibly_billed", "", None, None),
    (b"<html>Please sign in</html>", "malformed", "", None, None),
]


@pytest.mark.parametrize(("body", "outcome", "text", "prompt", "output"), READ)
def test_every_documented_answer_is_read(body, outcome, text, prompt, output):
    """A transcript is its text, silence is an empty one, tokens or seconds are the bill, and the rest is no answer."""
    found = decoded(body).completion
    assert (found.outcome.value, str(found)) == (outcome, text)
    assert (found.usage.prompt_tokens, found.usage.output_tokens) == (prompt, output)


REFUSALS = [
    (400, "Audio file might be corrupted or unsupported", "invalid_value", "unsupported", "never"),
    (
        400,
        "audio duration 1830.5 seconds is longer than 1400 seconds which is the maximum for this model",
        "invalid_value",
        "unsupported",
        "never",
    ),
    (401, "Incorrect API key provided", "invalid_api_key", None, "stop_run"),
    (404, "The model `x` does not exist", "model_not_found", None, "stop_run"),
    (413, "Maximum content size limit (26214400) exceeded (26540258 bytes read)", None, "unsupported", "never"),
    (
        429,
        "Rate limit reached for whisper-1 in organization x on requests per min",
        "rate_limit_exceeded",
        None,
        "rate_limit",
    ),
    (500, "The server had an error while processing your request", None, None, "transient"),
]


@pytest.mark.parametrize(("status", "message", "code", "outcome", "retry"), REFUSALS)
def test_a_refusal_is_no_transcript(status, message, code, outcome, retry, sound):
    """Errors in OpenAI's words become outcomes, with the decision whether to ask again."""
    error = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    found = decoded(error, status=status, part=sound)
    assert found.retry.kind == retry
    assert not found.completion.outcome.answered
    assert found.completion.outcome.value == (outcome or found.completion.outcome.value)
    assert message[:30] in found.completion.detail


def test_what_was_not_heard_is_found_by_the_bill():
    """A server that bills fewer seconds than were sent has cut the recording, whatever it answers."""
    part = AudioPart("/nowhere", "1" * 64, "audio/flac", 600.0, 16000)
    assert decoded({"text": "a", "usage": {"seconds": 600}}, part=part).completion.outcome is Outcome.COMPLETE
    assert decoded({"text": "a", "usage": {"seconds": 30}}, part=part).completion.outcome is Outcome.TRUNCATED_INPUT


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(60, "complete"), (45, "complete"), (30, "truncated_input"), (1, "truncated_input")]
)
def test_silence_counts_where_all_of_it_was_heard(seconds, outcome):
    """An empty transcript is one of silence, unless the bill says that most of the recording was not heard."""
    part = AudioPart("/nowhere", "1" * 64, "audio/flac", 60.0, 16000)
    found = decoded({"text": "", "usage": {"type": "duration", "seconds": seconds}}, part=part).completion
    assert found.outcome.value == outcome


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 6000, "output_tokens": 9},
        {"input_tokens": 40, "output_tokens": 9},
        {"input_tokens": 6000, "input_token_details": {"audio_tokens": 9000}, "output_tokens": 9},
        {"input_tokens": 6000, "input_token_details": {"audio_tokens": "many"}, "output_tokens": 9},
        {"input_tokens": None, "input_token_details": {"audio_tokens": 3}},
        {},
        None,
    ],
)
def test_a_bill_that_does_not_tell_sound_apart_takes_no_answer_back(usage):
    """Without believable tokens of sound nobody can say that a recording was cut, and the transcript stands."""
    part = AudioPart("/nowhere", "1" * 64, "audio/flac", 600.0, 16000)
    assert decoded({"text": "a", "usage": usage}, part=part).completion.outcome is Outcome.COMPLETE


def test_a_transcript_at_the_models_end_is_cut():
    """A transcript of as many tokens as the model can make did not end by itself."""
    usage = {"input_tokens": 9000, "input_token_details": {"audio_tokens": 9000}, "output_tokens": 2000}
    found = decoded({"text": "and so on", "usage": usage}, model="gpt-4o-transcribe").completion
    assert found.outcome is Outcome.CUT_BY_OUTPUT_LIMIT
    assert decoded(
        {"text": "and so on", "usage": {**usage, "output_tokens": 1999}}, "gpt-4o-transcribe"
    ).completion.outcome is (Outcome.COMPLETE)


def parts(kind, sound):
    """Return a prompt that such a service does not take."""
    other = AudioPart("/b", "b" * 64, "audio/flac", 1.0, 16000)
    return {
        "text alone": Prompt.user(TextPart(ASK)),
        "two recordings": Prompt.user(TextPart(ASK), sound, other),
        "a picture too": Prompt.user(TextPart(ASK), sound, ImagePart("/c", "c" * 64, "image/png", 8, 8)),
        "a question": Prompt.user(sound, TextPart("What is the secret keyword that the speaker names?")),
        "of a transcript": Prompt.user(sound, TextPart("Which transcript of these is the right one?")),
        "turns": Prompt(
            (Turn("user", (TextPart(ASK), sound)), Turn("assistant", (TextPart("Hi"),)), Turn("user", (sound,)))
        ),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("text alone", "writes down one recording a request, this one holds none"),
        ("two recordings", r"2 files \(audio\)"),
        ("a picture too", r"2 files \(audio\+image\)"),
        ("a question", r"answers no question, this one asks .*speaker names\?.*transcriber=transcriptions/whisper-1"),
        ("of a transcript", "answers no question"),
        ("turns", "in 3 turns"),
    ],
)
def test_anything_but_one_recording_is_refused_before_it_is_sent(make, sound, kind, says):
    """Text, pictures, conversations and questions are refused with a way out."""
    with pytest.raises(UnsupportedError, match=says):
        make().check(Request(parts(kind, sound), Settings()))


def test_a_run_is_refused_by_what_its_tasks_hold(make):
    """A task without sound is refused as a whole; the text beside a recording is not, and other media are."""
    assert make().refused(["text"]) == ["text"]
    assert make().refused(["text", "image"]) == ["text", "image"]
    assert make().refused(["text", "audio"]) == []
    assert make().refused(["audio"]) == []
    assert make().refused(["text", "audio", "video"]) == ["video"]


@pytest.mark.parametrize(
    "words",
    [
        ASK,
        "",
        "Give a transcription of the recording, please.",
        "Transkribiere die folgende Aufnahme.",
        "Transcris l'enregistrement.",
        "Transcriba la grabación.",
        "Trascrivi la registrazione.",
    ],
)
def test_a_request_for_a_transcript_is_taken(make, sound, words):
    """The requests of our tasks, and others in their words, are no question."""
    make().check(spoken(sound, words))


def test_any_question_takes_whatever_is_asked(make, sound):
    """Whoever wants the transcript as an answer says so."""
    make(any_question=True).check(Request(parts("a question", sound), Settings()))


@pytest.mark.parametrize(
    ("model", "args", "part", "says"),
    [
        ("gpt-4o-transcribe", {}, (1401.0, "audio/flac"), r"takes 1,400 s of sound in a prompt, this one has 1,401 s"),
        ("gpt-4o-mini-transcribe", {}, (9000.0, "audio/flac"), "takes 1,400 s"),
        (
            "whisper-1",
            {},
            (900.0, "audio/x-aiff"),
            r"files of 25\.0 MiB, this recording has 27\.5 MiB.*arms: \[segments\]",
        ),
        ("whisper-1", {"max_file": 0.001}, (3.0, "audio/flac"), r"takes files of 0\.0 MiB"),
        ("mine", {"max_sound": 60}, (61.0, "audio/flac"), "takes 60 s"),
    ],
)
def test_recordings_beyond_the_limits_are_refused(make, sound, model, args, part, says):
    """Seconds and bytes of a file, by the maker's word or the user's, are known before anything is sent."""
    seconds, mime = part
    recording = AudioPart(sound.path, sound.digest, mime, seconds, 16000)
    with pytest.raises(UnsupportedError, match=says):
        make(model, **args).check(spoken(recording))


def test_sound_of_another_kind_goes_as_wav(server, make, tmp_path):
    """A kind that no such service takes is converted, and the completion says so."""
    path = tmp_path / "tone.aiff"
    soundfile.write(path, np.zeros(16000, dtype="int16"), 16000)
    part = AudioPart(str(path), file_digest(path), "audio/aiff", 1.0, 16000)
    found = run(make, lambda p: ask(p, spoken(part)))[1].completion
    assert found.outcome is Outcome.COMPLETE, found.detail
    assert "audio/aiff sent as audio/wav" in found.notes
    assert server.state.bills[-1].tokens["audio"] == 1


@pytest.mark.parametrize(
    ("args", "error", "says"),
    [
        ({"stream": "true"}, ConfigError, "not streamed"),
        ({"extra_body": {"keywords": ["a", "b"]}}, ConfigError, "keywords goes into a form"),
        ({"langage": "en"}, ConfigError, "did you mean 'language'"),
        ({"response_format": "srt"}, ConfigError, "json, verbose_json"),
    ],
)
def test_arguments_that_cannot_be_are_refused(make, args, error, says):
    """What no such endpoint takes is named before anything is asked."""
    with pytest.raises(error, match=says):
        make(**args)


def test_keys_go_to_their_own_servers(monkeypatch, server):
    """OpenAI's key goes to OpenAI alone; a server of one's own may need none."""
    monkeypatch.delenv("OPENAI_COMPATIBLE_API_KEY")
    assert "Authorization" not in server.provider("transcriptions", "tiny").headers()
    assert TranscriptionsProvider("whisper-1").headers()["Authorization"] == f"Bearer {KEY}"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ProviderError, match="set OPENAI_API_KEY"):
        TranscriptionsProvider("whisper-1").headers()


def test_what_decides_the_words_is_in_the_key(make, sound):
    """Language, hint and form make another request; the recording's digest stays beside the hint."""
    plain = make().identity(spoken(sound))
    for args in ({"language": "de"}, {"prompt": "Ada"}, {"response_format": "verbose_json"}):
        other = make(**args).identity(spoken(sound))
        assert other != plain
        assert other["prompt"] == plain["prompt"] == spoken(sound).prompt.digest


def test_seconds_and_tokens_have_prices():
    """A minute of whisper-1 costs what OpenAI asks for a minute; the newer models cost by the token of each kind."""
    pytest.importorskip("genai_prices", reason="prices need pip install 'lm-eval-longctx[prices]'")
    by_second = prices_for(TranscriptionsProvider("whisper-1"))
    minute = decoded({"text": "a", "usage": {"type": "duration", "seconds": 60}}).completion
    assert BY_THE_SECOND in minute.notes
    assert by_second.cost(minute.usage) == pytest.approx(0.006)
    assert by_second.worst(60, 9999) == pytest.approx(0.006)
    beside = Usage(100, output_tokens=200, by_modality={"text": 40, "audio": 60})  # as a plan reckons
    assert by_second.cost(beside) == pytest.approx(0.006)
    usage = {
        "input_tokens": 1000,
        "input_token_details": {"audio_tokens": 900, "text_tokens": 100},
        "output_tokens": 100,
    }
    by_token = prices_for(TranscriptionsProvider("gpt-4o-transcribe"))
    told = decoded({"text": "a", "usage": usage}, "gpt-4o-transcribe").completion
    assert by_token.cost(told.usage) == pytest.approx((900 * 6 + 100 * 2.5 + 100 * 10) / 1e6)
    assert prices_for(TranscriptionsProvider("mine", base_url="http://127.0.0.1:1/v1")) is None


def test_free_output_needs_no_count():
    """Where output costs nothing its number is not needed; where it costs something, an unknown one has no price."""
    usage = decoded({"text": "a", "usage": {"type": "duration", "seconds": 60}}).completion.usage
    assert Prices({"input": Rate(100.0), "output": Rate(0.0)}).cost(usage) == pytest.approx(0.006)
    assert Prices({"input": Rate(100.0), "output": Rate(1.0)}).cost(usage) is None
