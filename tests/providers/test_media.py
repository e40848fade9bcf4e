"""Pictures, sound and film on their way: frames, conversions, uploads, and what was quietly left out."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_media import film, picture, sound

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, VideoPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.frames import FramePolicy, MediaCache, frame_times, frames_of, stamp
from lm_eval_longctx.providers.media_store import Handle, MediaStore
from lm_eval_longctx.testing.contract import ask, run

ASK = Settings(max_output_tokens=32)


def about(*media, words="What is this?"):
    return Request(Prompt.user(*media, TextPart(words)), ASK)


def asked(make, request):
    return run(make, lambda provider: ask(provider, request))[1].completion


def shades(parts):
    """The grey of each picture in a list of parts."""
    return [np.asarray(Image.open(part.path)).mean() for part in parts]


@pytest.mark.parametrize(("fps", "frames"), [(1.0, [0, 5, 10, 15]), (2.5, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])])
def test_frames_are_those_on_screen_at_their_times(tmp_path, fps, frames):
    """Each picture shows what the film shows at its time, and no other frame."""
    clip = film(tmp_path, seconds=4.0, rate=5, fps=fps)
    pictures = frames_of(clip, FramePolicy(), MediaCache(tmp_path / "cache"))
    assert len(frame_times(clip)) == len(pictures)
    assert shades(pictures) == pytest.approx([10 * i for i in frames], abs=6)


def test_frames_are_decoded_once_and_the_cache_is_bounded(tmp_path):
    """The same film and policy give the same files; what was used longest ago is thrown away."""
    clip, cache = film(tmp_path), MediaCache(tmp_path / "cache", limit=1)
    first = frames_of(clip, FramePolicy(), cache)
    written = [time.stat().st_mtime_ns for time in map(_path, first)]
    assert [time.stat().st_mtime_ns for time in map(_path, frames_of(clip, FramePolicy(), cache))] == written
    os.utime(_path(first[0]).parent, (1.0, 1.0))
    small = frames_of(clip, FramePolicy(longest_side=32), cache)
    assert (small[0].width, small[0].height) == (32, 32)
    assert not _path(first[0]).exists()
    assert _path(small[0]).exists()


def _path(part):
    from pathlib import Path

    return Path(part.path)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (61, "01:01"), (0.5, "00:00.5"), (3600, "01:00:00"), (37_859.9, "10:30:59.9")]
)
def test_times_are_spelt_as_people_do(seconds, text):
    """A frame's time is minutes and seconds, with hours and tenths where there are any."""
    assert stamp(seconds) == text


@pytest.mark.parametrize("video", ["frames", "native"])
def test_many_questions_share_one_film(make, name, tmp_path, video):
    """32 questions at once about one film and one recording, with nothing in the cache, are all answered."""
    films_only = name in {"openai", "anthropic"}
    if video == "native" and films_only:
        pytest.skip(f"{name} takes no film")
    takes = {"modalities": "text+image+audio+video"} if name == "openai-compatible" else {}
    media = [film(tmp_path, seconds=6.0), *([] if films_only else [sound(tmp_path, kind="flac")])]
    questions = [about(*media, words=f"What is this, {i}?") for i in range(32)]

    async def together(provider):
        return await asyncio.gather(*(ask(provider, question) for question in questions))

    answers = run(lambda: make(video=video, **takes), together)
    assert [decoded.completion.outcome for _, decoded in answers] == [Outcome.COMPLETE] * 32


@pytest.mark.parametrize(("name", "model"), [("openai", "gpt-6.1-terra"), ("anthropic", "claude-sonnet-5-5")])
def test_film_becomes_timestamped_pictures_for_models_without_eyes_for_film(server, tmp_path, name, model):
    """Frames go in order, each after its time, and the completion says so."""
    clip = film(tmp_path, seconds=3.0)
    completion = asked(lambda: server.provider(name, model, stream="false"), about(clip))
    body = server.state.requests[-1]["body"]
    content = (body.get("input") or body["messages"])[0]["content"]
    assert [part["text"] for part in content if "text" in part] == ["[00:00]", "[00:01]", "[00:02]", "What is this?"]
    urls = [part.get("image_url") or part["source"]["data"] for part in content if "text" not in part]
    sent = [Image.open(io.BytesIO(base64.b64decode(url.rpartition(",")[2]))) for url in urls]
    assert [np.asarray(image).mean() for image in sent] == pytest.approx([0, 50, 100], abs=6)
    assert completion.notes == ("film sent as timestamped frames (jpeg90-768px)",)
    assert completion.outcome is Outcome.COMPLETE


def test_native_film_and_frames_are_different_settings(server, tmp_path):
    """The way in which film is sent is part of a request's identity, and so is the frames' size."""
    request = about(film(tmp_path))
    ways = [{"video": "native"}, {"video": "frames"}, {"video": "frames", "frame_size": 512}]
    made = [server.provider("gemini", "gemini-3.8-flash", **way).identity(request) for way in ways]
    assert len({str(identity) for identity in made}) == 3
    plain = [server.provider("gemini", "gemini-3.8-flash", **way).identity(about()) for way in ways]
    assert len({str(identity) for identity in plain}) == 1


def test_sound_that_is_not_taken_goes_as_wav(server, tmp_path):
    """FLAC for a model that takes WAV is decoded without loss, and the completion says so."""
    tone = sound(tmp_path, kind="flac")
    completion = asked(lambda: server.provider("openai", "gpt-audio", stream="false"), about(tone))
    sent = server.state.requests[-1]["body"]["messages"][0]["content"][0]["input_audio"]
    assert sent["format"] == "wav"
    got, _ = soundfile.read(io.BytesIO(base64.b64decode(sent["data"])), dtype="int16")
    assert np.array_equal(got, soundfile.read(tone.path, dtype="int16")[0])
    assert completion.notes == ("audio/flac sent as audio/wav",)


def test_a_sound_track_is_not_dropped_in_silence(server, tmp_path):
    """Film with sound that matters is refused by a provider that would send frames."""
    clip = film(tmp_path)
    loud = VideoPart(clip.path, clip.digest, clip.mime, clip.seconds, clip.fps, 64, 64, has_audio=True)
    with pytest.raises(UnsupportedError, match="the sound track is part of this question"):
        server.provider("anthropic", "claude-sonnet-5-5").check(about(loud))


@pytest.mark.parametrize(("name", "model"), [("openai", "gpt-6.1-terra"), ("anthropic", "claude-sonnet-5-5")])
def test_sound_that_does_not_matter_is_left_out_and_named(server, tmp_path, name, model):
    """Film whose question is about what is seen goes as frames, and the completion says that its sound stayed here."""
    clip = film(tmp_path)
    shown = VideoPart(
        clip.path, clip.digest, clip.mime, clip.seconds, clip.fps, 64, 64, has_audio=True, silent_too=True
    )
    completion = asked(lambda: server.provider(name, model), about(shown))
    assert completion.outcome is Outcome.COMPLETE
    assert any("without its sound" in note for note in completion.notes)


def test_too_many_frames_are_an_error_before_anything_is_sent(server):
    """A film that makes more pictures than a model takes is refused with both numbers."""
    hour = VideoPart("none", "0" * 64, "video/mp4", 3600.0, 1.0, 64, 64)
    with pytest.raises(UnsupportedError, match="takes 100 images in a prompt, this one makes 3600"):
        server.provider("anthropic", "claude-older").check(about(hour))
    server.provider("anthropic", "claude-sonnet-5-5", max_images=4000).check(about(hour))


LIMITED = [
    ("gemini", "gemini-3.8-flash", 900, {"video": "frames"}),
    ("gemini", "gemini-4-argon", 3000, {"video": "frames"}),
    ("openai", "gpt-6.1-terra", 1500, {}),
    ("anthropic", "claude-sonnet-5-5", 600, {}),
]


@pytest.mark.parametrize(("name", "model", "most", "args"), LIMITED)
def test_each_model_has_a_number_of_pictures_and_frames(server, name, model, most, args):
    """As many pictures or frames as the table says pass, one more is refused, whichever of both they are."""
    provider = server.provider(name, model, **args)
    frames = lambda n: VideoPart("none", "0" * 64, "video/mp4", float(n), 1.0, 64, 64)  # noqa: E731 - one line says it
    image = ImagePart("none", "0" * 64, "image/png", 64, 64)
    provider.check(about(frames(most)))
    provider.check(about(*[image] * most))
    for media in ([frames(most + 1)], [image] * (most + 1), [frames(most), image]):
        with pytest.raises(UnsupportedError, match=f"takes {most} images in a prompt, this one makes {most + 1}"):
            provider.check(about(*media))


@pytest.mark.parametrize(
    ("count", "side", "taken"), [(20, 8000, True), (20, 8001, False), (21, 2000, True), (21, 2001, False)]
)
def test_pictures_may_be_large_where_there_are_few(server, count, side, taken):
    """A picture beyond the pixels that the maker allows beside so many others is refused before anything is sent."""
    media = [ImagePart("none", "0" * 64, "image/png", 64, 64)] * (count - 1)
    large = ImagePart("none", "0" * 64, "image/png", 64, side)
    provider = server.provider("anthropic", "claude-sonnet-5-5")
    if taken:
        return provider.check(about(*media, large))
    with pytest.raises(UnsupportedError, match=f"pixels a side where a prompt holds {count}, this one has {side:,}"):
        provider.check(about(*media, large))
    return None


def test_sound_that_makes_too_large_a_body_is_refused_before_it_is_converted(server, tmp_path):
    """Sound that is converted counts as it will be sent: 30 minutes in 16 bits are beyond 50 MB, whatever the file."""
    provider = server.provider("openai", "gpt-audio")
    half_hour = AudioPart(sound(tmp_path).path, "0" * 64, "audio/flac", 1800.0, 16_000)
    with pytest.raises(UnsupportedError, match=r"takes 50\.0 MB in a request .*, this one makes 76\.8 MB"):
        provider.check(about(half_hour))
    provider.check(about(replace(half_hour, seconds=1000.0)))


@pytest.mark.parametrize(("name", "model", "args"), [case[:2] + case[3:] for case in LIMITED])
@pytest.mark.parametrize("upload", ["auto", "never"])
def test_what_goes_inline_stays_below_the_limit(server, tmp_path, name, model, args, upload):
    """Pictures beyond a request's bytes are uploaded; where that is forbidden the answer is `unsupported`, unasked."""
    pictures = [picture(tmp_path, shade=shade, size=300) for shade in range(40)]

    async def small(provider):
        provider.known = replace(provider.known, inline_bytes=8_000)
        return await ask(provider, about(*pictures))

    provider = server.provider(name, model, upload=upload, probe=False, **args)
    if upload == "auto":
        assert run(lambda: provider, small)[1].completion.outcome is Outcome.COMPLETE
        assert len(server.state.files) == len(pictures)
    else:
        provider.known = replace(provider.known, inline_bytes=8_000)
        with pytest.raises(UnsupportedError, match="MB in a request that carries media"):
            provider.check(about(*pictures))
        assert not server.state.requests


def test_frames_that_make_too_large_a_body_are_not_sent(server, tmp_path):
    """Frames are weighed once they are made: a body beyond the limit is `unsupported` and never reaches the server."""
    provider = server.provider("gemini", "gemini-3.8-flash", video="frames", upload="never", probe=False)
    provider.known = replace(provider.known, inline_bytes=1_000)
    _, decoded = run(lambda: provider, lambda p: ask(p, about(film(tmp_path))))
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.UNSUPPORTED, "never")
    assert "MB in a request that carries media" in decoded.completion.detail
    assert not server.state.bills


@pytest.mark.parametrize(("name", "model"), [("gemini", "gemini-3.8-flash"), ("openai", "gpt-6.1-terra")])
def test_a_file_beyond_the_limit_of_files_is_refused(server, tmp_path, name, model):
    """A file that is uploaded must not be larger than the provider's files may be."""
    provider = server.provider(name, model, upload="always")
    provider.known = replace(provider.known, file_bytes=100)
    large = picture(tmp_path, size=300)
    with pytest.raises(UnsupportedError, match="MB in a file"):
        provider.check(about(large))


def test_gemini_gets_pinned_film_and_bills_its_frames(server, tmp_path):
    """Frame rate, layers and static processing go with the film, and the billed frames are those of the task."""
    clip = film(tmp_path, seconds=4.0, rate=5, fps=2.0)
    completion = asked(lambda: server.provider("gemini", "gemini-3.8-flash", stream="false"), about(clip))
    part = server.state.requests[-1]["body"]["contents"][0]["parts"][0]
    assert part["videoMetadata"] == {"fps": 2.0, "contentLayers": ["FRAMES"]}
    assert part["mediaProcessing"] == "STATIC"
    assert completion.usage.by_modality["video"] == 8 * 70


def test_gemini_that_thins_film_out_is_caught(server, tmp_path):
    """Fewer frames than were sent make the answer no answer."""
    clip = film(tmp_path, seconds=10.0, rate=10, fps=10.0)
    server.state.fail("thin_media")
    completion = asked(lambda: server.provider("gemini", "gemini-3.8-flash"), about(clip))
    assert completion.outcome is Outcome.TRUNCATED_INPUT
    assert completion.detail == "billed for 64 tokens of video, but what was sent makes 7000"


@pytest.mark.parametrize(("pinned", "outcome"), [(True, Outcome.COMPLETE), (False, Outcome.TRUNCATED_INPUT)])
def test_a_compatible_server_that_uses_32_frames_is_caught(server, tmp_path, pinned, outcome):
    """All frames are asked for by name; a server that uses the first 32 anyway is found out by its bill."""
    clip = film(tmp_path, seconds=10.0, rate=20, fps=20.0)
    undo = {} if pinned else {"extra_body": {"media_io_kwargs": {"video": {"num_frames": 32}}}}
    make = lambda: server.provider(  # noqa: E731 - one line says it
        "openai-compatible", "tiny", modalities="text+video", video_frame_tokens=2, **undo
    )
    assert asked(make, about(clip)).outcome is outcome


def test_two_frame_rates_in_one_request_are_refused_where_the_server_takes_one(server, tmp_path):
    """A compatible server takes one frame rate for a request; two are not mixed in silence."""
    one, other = film(tmp_path, fps=1.0), film(tmp_path, seconds=3.0, fps=2.0)
    provider = server.provider("openai-compatible", "tiny", modalities="text+video")
    with pytest.raises(UnsupportedError, match="several frame rates"):
        provider.check(about(one, other))


def uploading(server, **args):
    """A Gemini provider that uploads everything and waits for nothing."""
    provider = server.provider("gemini", "gemini-3.8-flash", upload="always", stream="false", **args)
    provider.files.poll_seconds = 0.001
    return provider


def test_a_file_is_uploaded_once_for_many_questions_and_runs(server, tmp_path):
    """The same content is uploaded once, and a later run remembers it."""
    clip = film(tmp_path)
    server.state.polls_until_ready = 2

    async def five(provider):
        answers = await asyncio.gather(*(ask(provider, about(clip, words=f"{i}?")) for i in range(5)))
        return {decoded.completion.outcome for _, decoded in answers}

    assert run(lambda: uploading(server), five) == {Outcome.COMPLETE}
    assert run(lambda: uploading(server), five) == {Outcome.COMPLETE}
    assert len(server.state.files) == 1


def test_a_file_that_the_provider_dropped_is_uploaded_again(server, tmp_path):
    """A lost handle is a passing failure: asking again uploads again and gets the answer."""
    clip = film(tmp_path)
    assert asked(lambda: uploading(server), about(clip)).outcome is Outcome.COMPLETE
    server.state.files.clear()

    async def twice(provider):
        return [(await ask(provider, about(clip)))[1] for _ in range(2)]

    lost, found = run(lambda: uploading(server), twice)
    assert (lost.completion.outcome, lost.retry.kind) == (Outcome.TRANSPORT_FAILED, "transient")
    assert found.completion.outcome is Outcome.COMPLETE
    assert len(server.state.files) == 1


def test_a_handle_is_not_used_shortly_before_it_expires(tmp_path):
    """A handle that ends within half an hour is as good as none; others' handles are not ours."""
    store = MediaStore(tmp_path / "uploads.sqlite", "https://a")
    store.remember("d", "me", Handle("old", time.time() + 60))
    assert store.find("d", "me") is None
    store.remember("d", "me", Handle("new", time.time() + 86_400))
    assert store.find("d", "me").name == "new"
    assert store.find("d", "you") is None
    assert MediaStore(tmp_path / "uploads.sqlite", "https://b").find("d", "me") is None


def test_an_upload_that_breaks_off_goes_on_where_it_stopped(server, tmp_path, monkeypatch):
    """After a break the server is asked how far the bytes came, and only the rest is sent."""
    monkeypatch.setattr("lm_eval_longctx.providers.uploads.CHUNK", 1 << 20)
    long = sound(tmp_path, seconds=200.0, rate=8000)

    class Breaking(dict):
        def __setitem__(self, name, upload):
            super().__setitem__(name, {**upload, "breaks": 2})

    server.state.uploads = Breaking()
    completion = asked(lambda: uploading(server), about(long))
    assert completion.outcome is Outcome.COMPLETE
    assert {file["sha256Hash"] for file in server.state.files.values()} == {long.digest}


def test_a_refused_upload_is_read_like_any_refusal(server, tmp_path, monkeypatch):
    """A wrong key at the upload stops the run and is not billed."""
    monkeypatch.setenv("GEMINI_API_KEY", "wrong")
    _, decoded = run(lambda: _unstarted(uploading(server)), lambda p: ask(p, about(picture(tmp_path))))
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.TRANSPORT_FAILED, "stop_run")
    assert not server.state.bills


def _unstarted(provider):
    provider.probe = False
    return provider


@pytest.mark.parametrize(("name", "model"), [("openai", "gpt-6.1-terra"), ("anthropic", "claude-sonnet-5-5")])
def test_pictures_go_by_name_where_they_would_not_fit(server, tmp_path, name, model):
    """Each different picture is uploaded once, and requests carry names."""
    pictures = [picture(tmp_path, shade=shade) for shade in (10, 20, 10)]
    make = lambda: server.provider(name, model, upload="always", stream="false")  # noqa: E731 - one line says it
    assert asked(make, about(*pictures)).outcome is Outcome.COMPLETE
    assert asked(make, about(*pictures)).outcome is Outcome.COMPLETE
    assert len(server.state.files) == 2
    assert "base64" not in str(server.state.requests[-1]["body"])


def test_what_goes_up_is_what_lies_there(server, tmp_path):
    """Uploaded bytes are the file's bytes."""
    image = picture(tmp_path)
    asked(lambda: server.provider("openai", "gpt-6.1-terra", upload="always"), about(image))
    assert next(iter(server.state.files.values()))["content"] == _path(image).read_bytes()


@pytest.mark.parametrize(("name", "model"), [("gemini", "gemini-3.8-flash"), ("openai", "gpt-6.1-terra")])
def test_a_picture_that_is_gone_is_no_answer_and_not_asked_again(server, tmp_path, name, model):
    """A missing file is a failure of this call, named, unbilled, and not repeated."""
    image = picture(tmp_path)
    _path(image).unlink()
    _, decoded = run(lambda: server.provider(name, model), lambda p: ask(p, about(image)))
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.TRANSPORT_FAILED, "never")
    assert "cannot read the media file" in decoded.completion.detail
    assert not server.state.bills


def test_uploads_work_in_one_event_loop_after_another(server, tmp_path):
    """A provider that waited for an upload in one event loop can wait for another in the next."""
    provider = uploading(server)

    async def together(clip):
        answers = await asyncio.gather(*(ask(provider, about(clip, words=f"{i}?")) for i in range(3)))
        await provider.close()
        return {decoded.completion.outcome for _, decoded in answers}

    for seconds in (2.0, 3.0):
        assert asyncio.run(together(film(tmp_path, seconds=seconds))) == {Outcome.COMPLETE}
    assert len(server.state.files) == 2
