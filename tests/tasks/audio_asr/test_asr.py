"""Recordings to be written down."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from tone_words import recording

from lm_eval_longctx.errors import CorpusError, MediaError
from lm_eval_longctx.hay.speech import cutting
from lm_eval_longctx.prompt import AudioPart, TextPart, file_digest
from lm_eval_longctx.scorers.transcript import TranscriptScorer
from lm_eval_longctx.tasks.audio_asr.arms import answer_budget
from lm_eval_longctx.tasks.audio_asr.builder import words_by_minute

RATE = 16_000


def test_the_target_is_what_is_said_in_the_file(build):
    """The transcript holds the words of each utterance in the order in which the file plays them."""
    builder = build("transcript", context_lengths=["90s"])
    (sample,) = builder.samples()
    _, timeline = builder._laid(next(iter(builder.plans())))
    texts = [builder._pool.utterances[i].text for i in timeline.hay]
    assert sample["target"] == " ".join(texts)
    assert sample["depth"] is None
    ask, sound = builder.render(sample).parts()
    assert isinstance(ask, TextPart)
    assert ask.text.startswith("Transcribe the following speech segment in English.")
    assert isinstance(sound, AudioPart)
    assert soundfile.info(sound.path).frames == 90 * RATE


def test_noise_may_be_a_ladder(build):
    """Each step of noise is a recording of its own with the same words."""
    samples = build("transcript", context_lengths=["20s"], snr_db=[30, 0]).samples()
    assert [r["snr_db"] for r in samples] == [30.0, 0.0]
    assert len({r["target"] for r in samples}) == 1
    assert len({r["id"] for r in samples}) == 2


def test_a_recording_is_asked_in_pieces_too(build):
    """Pieces of 30 s at most hold together the words and the sound of the whole; no word is cut or left out."""
    builder = build("transcript", context_lengths=["90s"], arms=["whole", "segments"])
    whole, cut = builder.samples()
    pieces = builder.parts(cut)
    assert (whole["arm"], whole.get("control"), builder.parts(whole)) == ("whole", None, (whole,))
    assert whole == {**build("transcript", context_lengths=["90s"]).samples()[0]}
    assert (cut["target"], cut["realised_length"]) == (whole["target"], whole["realised_length"])
    assert {(p["arm"], p["control"], p["cluster"]) for p in (cut, *pieces)} == {("segments", True, whole["id"])}
    assert " ".join(p["target"] for p in pieces) == whole["target"]
    assert all(20 < p["realised_length"] <= 30 for p in pieces[:-1])
    assert all(builder.parts(p) == (p,) for p in pieces)
    sounds = [soundfile.read(next(builder.render(p).media()).path)[0] for p in (whole, *pieces)]
    joined = np.concatenate(sounds[1:])
    assert len(joined) == sum(round(p["realised_length"] * RATE) for p in pieces)
    assert (joined == sounds[0][: len(joined)]).all()
    assert build("transcript", context_lengths=["90s"], arms=["segments"]).samples() == [cut]
    assert [p.digest for p in builder.render(cut).media()] == [next(builder.render(p).media()).digest for p in pieces]


def test_pieces_of_made_speech_keep_their_names(build):
    """What a piece is called, and so what a ledger knows it by, is what it was when pieces were samples."""
    builder = build("transcript", context_lengths=["90s"], arms=["segments"], snr_db=[30, 0])
    names = [piece["variant"] for sample in builder.samples() for piece in builder.parts(sample)]
    assert names[0] == "snr=30dB,piece=0"
    assert (
        build("transcript", context_lengths=["60s"]).parts(
            build("transcript", context_lengths=["60s"], arms=["segments"]).samples()[0]
        )[1]["variant"]
        == ",piece=1"
    )


KNOWN = [({"target": "a b c d"}, "a b c x"), ({"target": "e f"}, ""), ({"target": "g h"}, "h")]
UNKNOWN = [({"target": None}, text) for _, text in KNOWN]


@pytest.mark.parametrize(("parts", "errors"), [(KNOWN, 4), (UNKNOWN, 4)])
def test_pieces_are_scored_together_and_in_no_other_rate(parts, errors):
    """Errors of pieces make one rate of their own, whether or not somebody knows what is said in each."""
    scorer = TranscriptScorer({"normalizer": "none", "language": "en"})
    found = scorer.joined({"target": "a b c d e f g h", "control": True}, parts)
    whole = scorer.score({"target": "a b c d"}, "a b c x")
    named = {metric.name for metric in scorer.METRICS}
    assert {name for name in named if found[name] is not None} == {"wer_segments"}
    assert (found["wer_segments"].errors, found["wer_segments"].words, found["words"]) == (errors, 8, 8)
    assert whole["wer_segments"] is None


def test_known_pieces_count_as_they_always_did():
    """Where the words of each piece are known, errors are counted piece by piece: none mends another."""
    scorer = TranscriptScorer({"normalizer": "none", "language": "en"})
    texts = ["a b", "b c d"]
    known = scorer.joined(
        {"target": "a b c d"}, [({"target": t}, w) for t, w in zip(["a b", "c d"], texts, strict=True)]
    )
    unknown = scorer.joined({"target": "a b c d"}, [({"target": None}, w) for w in ["a", "b c d"]])
    assert (known["wer_segments"].errors, unknown["wer_segments"].errors) == (1, 0)


@pytest.mark.parametrize(
    ("said", "answer", "errors"),
    [
        ("well i do not know what to say", "I do not know", 4),
        ("the ships left the harbour at noon", "I do not know", 7),
        ("the ships left the harbour at noon", '{"transcript": null}', 7),
    ],
)
def test_a_piece_that_abstains_is_empty_unless_the_speech_has_its_words(said, answer, errors):
    """That it cannot be told is no wrong words; where the recording has these very words they are heard."""
    scorer = TranscriptScorer({"normalizer": "whisper-basic", "language": "en"})
    found = scorer.joined({"target": said}, [({"target": None}, answer), ({"target": None}, "")])
    assert found["wer_segments"].errors == errors


def test_words_are_counted_by_minute():
    """Each word counts in the minute in which its utterance begins."""
    assert words_by_minute(["a b", "c", "d e f"], [30 * RATE, 100 * RATE, 5 * RATE]) == [3, 0, 3]
    assert words_by_minute(["今天", "天气 好"], [70 * RATE, 5 * RATE], "zh") == [2, 3]


def test_the_answer_is_given_room_for_its_duration(build):
    """The output budget grows with the duration: a transcript is never cut by our own limit."""
    short, long = (build("transcript", context_lengths=[s]).samples()[0]["max_gen_toks"] for s in ("60s", "10m"))
    assert short == answer_budget(60) == 600 + 512
    assert long == 6000 + 512


@pytest.fixture
def folder(tmp_path):
    """Three recordings: a flac, a stereo wav at another rate, and an aiff that no provider takes."""
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.flac", 0.1 * rng.standard_normal(RATE * 2), RATE)
    soundfile.write(tmp_path / "b.wav", 0.1 * rng.standard_normal((44_100, 2)), 44_100)
    soundfile.write(tmp_path / "c.aiff", 0.1 * rng.standard_normal(RATE), RATE)
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"words of {name}")
    return tmp_path


def test_recordings_are_sent_as_they_are(build, folder):
    """A file in a common format goes out untouched, another as FLAC; each is one sample."""
    builder = build("recordings", haystack=f"speech:{folder}")
    samples = builder.samples()
    parts = [next(builder.render(r).media()) for r in samples]
    assert [r["target"] for r in samples] == ["words of a", "words of b", "words of c"]
    assert [p.digest for p in parts[:2]] == [file_digest(folder / "a.flac"), file_digest(folder / "b.wav")]
    assert [p.mime for p in parts] == ["audio/flac", "audio/wav", "audio/flac"]
    assert [p.sample_rate for p in parts] == [RATE, 44_100, RATE]
    assert [r["context_length"] for r in samples] == [2.0, 1.0, 1.0]
    assert {r["haystack"]["repeats"] for r in samples} == {0}
    assert {r["context_label"] for r in samples} == {"<1m"}
    assert all(str(folder) not in str(r) for r in samples)


def test_recordings_can_be_chosen(build, folder):
    """The shortest and the number of recordings can be bounded."""
    assert len(build("recordings", haystack=f"speech:{folder}", max_recordings=2).samples()) == 2
    assert len(build("recordings", haystack=f"speech:{folder}", shortest=1.5).samples()) == 1
    with pytest.raises(CorpusError, match="no recording of 60 s or more"):
        build("recordings", haystack=f"speech:{folder}", shortest=60).samples()


def test_recordings_without_words_are_refused(build, folder):
    """A missing transcript and an empty one are errors that name the recording."""
    (folder / "b.txt").write_text(" ")
    with pytest.raises(MediaError, match=r"b\.wav has an empty transcript"):
        build("recordings", haystack=f"speech:{folder}").samples()
    (folder / "b.txt").unlink()
    with pytest.raises(MediaError, match=r"b\.wav has no transcript"):
        build("recordings", haystack=f"speech:{folder}").samples()


def test_recordings_must_be_named(build):
    """Without a folder, the task says how to name one."""
    with pytest.raises(CorpusError, match="speech:/path/to/folder"):
        build("recordings", haystack="").samples()


def test_a_recording_of_hours_is_cut_once(build, tmp_path, monkeypatch):
    """Where a recording is cut is found once, and kept with its sound; pieces are read without the rest of it."""
    recording(tmp_path, "a", list(range(90)), [0.4] * 90)
    builder = build("recordings", haystack=f"speech:{tmp_path}", arms=["segments"])
    (sample,) = builder.samples()
    pieces = builder.parts(sample)
    assert [piece["piece"][0] for piece in pieces] == [0, *(at for at, _ in sample["cuts"])]
    assert {piece["target"] for piece in pieces} == {None}
    assert len({piece["id"] for piece in (sample, *pieces)}) == len(pieces) + 1
    monkeypatch.setattr(cutting, "at_pauses", None)
    again = build("recordings", haystack=f"speech:{tmp_path}", arms=["segments"])
    assert again.samples() == [sample]
    sounds = [soundfile.read(part.path)[0] for part in again.render(sample).media()]
    assert sum(map(len, sounds)) == 90 * 0.9 * RATE
