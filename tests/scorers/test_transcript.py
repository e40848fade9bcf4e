"""Word errors: how many, which, and where."""

from __future__ import annotations

import json
import pickle
import random
from itertools import islice
from typing import TYPE_CHECKING

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.answers.texts import read_transcript
from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.hay.speech import reading_matter
from lm_eval_longctx.scorers.transcript import Ratio, TranscriptScorer, compare, pooled
from lm_eval_longctx.scorers.transcript_shape import repeated_words
from lm_eval_longctx.scorers.transcript_text import NORMALIZERS, normalizer

if TYPE_CHECKING:
    from collections.abc import Callable

words = st.lists(st.sampled_from("a b c d e the of".split()), max_size=30).map(" ".join)


def _score(said: str, written: str, name: str = "none", **sample):
    scorer = TranscriptScorer({"normalizer": name})
    return scorer.score({"target": said, **sample}, written), scorer.details({"target": said, **sample}, written)


@given(said=words.filter(bool), written=words)
def test_rates_are_jiwers(said, written):
    """WER, its three parts and CER are those of jiwer."""
    values, _ = _score(said, written)
    theirs = jiwer.process_words(said, written)
    assert values["wer"] == theirs.wer
    assert values["cer"] == jiwer.cer(said, written)
    parts = (theirs.insertions, theirs.deletions, theirs.substitutions)
    ours = (values[k].errors for k in ("insertions", "deletions", "substitutions"))
    assert tuple(ours) == parts


@pytest.mark.parametrize(("vocabulary", "noise"), [(20, 0.1), (20, 0.5), (2000, 0.1), (2000, 0.9)])
def test_long_texts_have_jiwers_rates(vocabulary, noise):
    """Thousands of words, alike or not, have the very errors that jiwer finds, kind by kind."""
    source = random.Random(1)  # noqa: S311 - reproducible, not secret
    draw = lambda: f"w{source.randrange(vocabulary)}"  # noqa: E731
    said = [draw() for _ in range(4000)]
    written = [draw() if source.random() < noise else w for w in said if source.random() > noise / 3]
    theirs = jiwer.process_words(" ".join(said), " ".join(written))
    ours = compare(" ".join(said), " ".join(written), "none")
    assert ours.errors == theirs.insertions + theirs.deletions + theirs.substitutions
    assert (ours.insertions, ours.deletions) == (theirs.insertions, theirs.deletions)
    assert ours.cer == jiwer.cer(" ".join(said), " ".join(written))


@pytest.mark.parametrize(
    ("said", "written", "rate"),
    [  # jiwer's own examples, from its README and its tests (jiwer 4.0.0)
        ("hello world", "hello duck", 0.5),
        ("This is a test", "This is a test", 0.0),
        ("short one here", "shoe order one", 1.0),
        ("X X X", "X X Y Y", 2 / 3),
        ("X", "X X Y Y", 3.0),
        ("X", "Y Y", 2.0),
        ("X Y Z", "", 1.0),
    ],
)
def test_examples_of_jiwer(said, written, rate):
    """The rates that jiwer's own documents give come out."""
    assert _score(said, written)[0]["wer"] == pytest.approx(rate)
    assert jiwer.wer(said, written) == pytest.approx(rate)


@given(pairs=st.lists(st.tuples(words, words), min_size=1, max_size=6))
def test_pooled_rates_are_jiwers_over_all_sentences(pairs):
    """The rate of several samples is errors of all by words of all, as jiwer's for lists."""
    said, written = zip(*pairs, strict=True)
    rates = [_score(a, b)[0]["wer"] for a, b in pairs]
    assert pooled(rates) == jiwer.wer(list(said), list(written))
    assert pooled([pooled(rates[:1]), pooled(rates[1:])]) == pooled(rates)


@pytest.mark.parametrize(("said", "written", "rate"), [("", "", 0.0), ("", "two words", 2.0), ("two words", "", 1.0)])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_empty_texts_are_defined(said, written, rate, name):
    """Nothing said and nothing written is 0, n words of nothing are n, nothing written is 1."""
    values, details = _score(said, written, name)
    assert values["wer"] == rate
    assert details["words"] == len(said.split())


@given(text=words.filter(bool))
def test_a_perfect_transcript_has_no_errors(text):
    """Writing down exactly what is said gives 0 everywhere."""
    values, details = _score(text, text)
    assert set(values.values()) - {None} == {0.0}
    assert set(details["wer_by_tenth"]) <= {0.0, None}


def test_normalizers_forgive_what_they_say():
    """Whisper's English evens out numbers, spelling and contractions, its basic only case and signs, none nothing."""
    said, written = "Mister Smith's colour cost twenty dollars.", "mr smith's color cost $20"
    assert _score(said, written, "whisper-english")[0]["wer"] == 0
    assert 0 < _score(said, written, "whisper-basic")[0]["wer"] < _score(said, written, "none")[0]["wer"]
    assert _score("Hello, World!", "hello world", "whisper-basic")[0]["wer"] == 0
    with pytest.raises(UnknownOptionError, match="did you mean 'whisper-basic'"):
        normalizer("whisper-basics", "de")


def test_the_normalizer_is_named_in_the_result():
    """Each sample tells which normalizer its rates belong to."""
    assert _score("a", "a", "whisper-basic")[1]["normalizer"] == "whisper-basic"


def _speech(count: int, seed: int = 0) -> list[str]:
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return [f"w{source.randrange(5000)}" for _ in range(count)]


def test_errors_are_told_by_position():
    """Errors late in a recording show in its late tenths and minutes, and only there."""
    said = _speech(1500)
    written = [*said[:1350], *_speech(150, seed=1)]
    _, details = _score(" ".join(said), " ".join(written), words_by_minute=[100] * 15)
    assert details["wer_by_tenth"][:9] == [0.0] * 9
    assert details["wer_by_tenth"][9] > 0.9
    assert details["wer_by_minute"][12] == 0
    assert details["wer_by_minute"][14] > 0.9
    assert len(details["wer_by_minute"]) == 15


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_transcript_that_stops_early_is_found(share):
    """Leaving out the end is told from errors, with the place where it stopped."""
    said = _speech(1000)
    values, details = _score(" ".join(said), " ".join(said[: int(1000 * share)]))
    assert values["stopped_early"] == 1
    assert details["stopped_at"] == pytest.approx(share, abs=0.005)


def test_errors_are_not_stopping():
    """Scattered deletions, a short wrong end and a missing last word or beginning are no early stop."""
    said = _speech(1000)
    for written in (said[::2], [*said[:970], *_speech(30, seed=2)], said[:-1], said[50:]):
        assert _score(" ".join(said), " ".join(written))[0]["stopped_early"] == 0


def test_a_transcript_that_loops_is_found():
    """A phrase over and over is a loop, unless it was said so."""
    said = _speech(600)
    loop = [*said[:300], *("thank you for watching".split() * 20)]
    values, details = _score(" ".join(said), " ".join(loop))
    assert values["looped"] == 1
    assert details["looped_words"] == 76
    assert _score(" ".join(loop), " ".join(loop))[0]["looped"] == 0
    assert _score(" ".join(said), " ".join(said))[0]["looped"] == 0


def _everyday(count: int) -> list[str]:
    return " ".join(islice(reading_matter.sentences("everyday", "en"), 400)).split()[:count]


def _characters(count: int) -> list[str]:
    """Return characters as frequent as those of Chinese: the first hundred make up 40 % of a text."""
    source = random.Random(5)  # noqa: S311 - reproducible, not secret
    return [chr(0x4E00 + n) for n in source.choices(range(2000), [1 / (n + 20) for n in range(2000)], k=count)]


def _half_wrong(said: list[str]) -> list[str]:
    return [word if i // 3 % 2 else f"{'x' if word.isascii() else chr(0x3400 + i)}" for i, word in enumerate(said)]


SAID = {"words": _speech(1000), "few phrases": _everyday(1200), "characters": _characters(1200)}
GOES_ON: dict[str, tuple[Callable[[list[str], int], list[str]], int, int]] = {
    "ends": (lambda _, __: [], 0, 1),
    "other prose, as long": (lambda said, at: _speech(len(said) - at, seed=3), 0, 1),
    "other prose, shorter": (lambda said, at: _speech((len(said) - at) // 3, seed=3), 0, 1),
    "other prose, longer": (lambda said, at: _speech(2 * (len(said) - at), seed=3), 0, 1),
    "a word": (lambda _, __: ["you"] * 200, 1, 1),
    "a phrase": (lambda _, __: "thank you for watching".split() * 60, 1, 1),
    "a numbered phrase": (lambda _, __: [w for i in range(60) for w in ("the", "next", "one", "is", f"n{i}")], 1, 1),
    "the last sentence": (lambda said, at: said[at - 15 : at] * 30, 1, 1),
    "the last passage": (lambda said, at: said[at - 90 : at] * 6, 1, 1),
    "the last passage, thrice": (lambda said, at: said[at - 90 : at] * 2, 1, 1),
    "the beginning again": (lambda said, at: said[:at], 0, 1),
    "the rest": (lambda said, at: said[at:], 0, 0),
    "the rest, every fifth word wrong": (
        lambda said, at: [w if i % 5 else f"x{i}" for i, w in enumerate(said[at:])], 0, 0
    ),
    "the rest, half of it wrong": (lambda said, at: _half_wrong(said[at:]), 0, 0),
    "the rest after a gap": (lambda said, at: said[at + len(said) // 5 :], 0, 0),
    "a loop and then the rest": (lambda said, at: ["and so on"] * 40 + said[at:], 1, 0),
}  # fmt: skip
"""What is written after the words that were heard; whether it loops, whether it has stopped."""


@pytest.mark.parametrize("share", [0.2, 0.4, 0.75])
@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("after", GOES_ON)
def test_what_follows_the_last_word_that_was_heard_is_told(after, kind, share):
    """A transcript that ends, loops or turns to other prose has stopped where it did; one that errs has not."""
    said, (go_on, looped, stopped) = SAID[kind], GOES_ON[after]
    at = int(len(said) * share)
    language = "zh" if kind == "characters" else "en"
    scorer = TranscriptScorer({"normalizer": "none", "language": language})
    sample, answer = {"target": " ".join(said)}, " ".join([*said[:at], *go_on(said, at)])
    values = scorer.score(sample, answer)
    assert (values["looped"], values["stopped_early"]) == (looped, stopped)
    if stopped:
        assert scorer.details(sample, answer)["stopped_at"] == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("wrong", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_recogniser_that_errs_evenly_has_not_stopped(wrong):
    """However many words are wrong, as long as they are wrong all over, nothing is called a stop or a loop."""
    for seed, said in enumerate([SAID["words"], SAID["few phrases"]] * 5):
        source = random.Random(seed)  # noqa: S311 - reproducible, not secret
        written = [word if source.random() > wrong else f"x{source.randrange(900)}" for word in said]
        values, _ = _score(" ".join(said), " ".join(written))
        assert (values["looped"], values["stopped_early"]) == (0, 0)


@given(phrase=st.integers(1, 30), times=st.integers(1, 12))
def test_loops_are_counted(phrase, times):
    """A phrase that stands n times in a row loops (n - 1) times its words, from four times and twelve words on."""
    text = [f"p{i}" for i in range(phrase)] * times
    repeats = (times - 1) * phrase
    assert repeated_words(["x", *text, "y"]) == (repeats if repeats >= max(3 * phrase, 12) else 0)


def test_rates_carry_their_counts():
    """A rate is a number for tables and logs, and survives pickling with its counts."""
    rate = Ratio(3, 4)
    again = pickle.loads(pickle.dumps(rate))  # noqa: S301 - our own
    assert json.dumps({"wer": rate}) == '{"wer": 0.75}'
    assert (again, again.errors, again.words) == (0.75, 3, 4)
    with pytest.raises(TypeError, match="carry their counts"):
        pooled([0.5])
    assert pooled([]) == 0


def test_a_target_that_is_no_text_is_refused():
    """The scorer reads one text."""
    with pytest.raises(ConfigError, match="must be a text, not list"):
        TranscriptScorer({"normalizer": "none"}).validate({"target": ["a"]})


def test_very_long_transcripts_are_scored_in_seconds():
    """Twenty thousand words take no time worth mentioning (the benchmark does 150,000)."""
    said = _speech(20_000)
    written = [w for i, w in enumerate(said) if i % 20]
    found = compare(" ".join(said), " ".join(written), "none")
    assert found.rate(found.deletions) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "answer",
    [
        "Sure! Here is the transcription of the audio:\n\nThe cat sat on the mat.",
        "**Transcript:**\nThe cat sat on the mat.\n[End of transcript]",
        "```\nthe cat sat on the mat\n```",
        '{"transcript": "The cat sat on the mat."}',
        "Transcripción: the cat sat on the mat",
    ],
)
def test_what_announces_a_transcript_is_none_of_its_words(answer):
    """A polite line, a heading, a fence and JSON cost nothing; without them the same words are scored the same."""
    scorer = TranscriptScorer({"language": "en"})
    assert scorer.score({"target": "The cat sat on the mat."}, answer)["wer"] == 0
    spoken = {"target": answer}
    assert scorer.score(spoken, answer)["wer"] == 0, "a speech may begin with such words"


@pytest.mark.parametrize("answer", ["I'm sorry, but I can't transcribe audio files.", "I cannot listen to recordings."])
def test_an_abstention_is_an_empty_transcript(answer):
    """Who cannot hear writes nothing down: a rate of 1 and not more, and counted; the same words said are a speech."""
    scorer = TranscriptScorer({"language": "en"})
    found = scorer.score({"target": "The cat."}, answer)
    assert (found["wer"], found["insertions"], found["abstained"]) == (1, 0, 1)
    found = scorer.score({"target": answer}, answer)
    assert (found["wer"], found["abstained"]) == (0, 0)


SUNG = "we went down to the river and sang all night long"
INTRODUCED = (
    "",
    "The speaker says: ",
    "The audio says: ",
    "The recording says:\n\n",
    "In the recording, the speaker says: ",
    "Sure, here's what is said in the audio: ",
    "This is what I hear: ",
    "Okay. The audio contains the following speech: ",
    "Speaker 1: ",
    "**Speaker A:** ",
    "**Transcript**\n\n",
    "Here is the transcript:\n\n",
)
OFFERED = (
    "",
    "\n\nLet me know if you need anything else!",
    "\n\n---\n\nLet me know if you would like a summary.",
    "\n\n(Note: some words were hard to hear.)",
    "\n\nI hope this helps!",
    "\n\n[End of recording]",
)
TAGGED = (
    ("", ""),
    ('"', '"'),
    ("<transcript>", "</transcript>"),
    ("<transcription>\n", "\n</transcription>"),
    ("<answer>", "</answer>"),
)


@pytest.mark.parametrize("before", INTRODUCED)
def test_what_stands_round_a_transcript_is_no_part_of_it(before):
    """Whoever is said to speak, tags, notes and offers come off, whatever their combination."""
    answers = [f"{before}{left}{SUNG}{right}{after}" for left, right in TAGGED for after in OFFERED]
    scorer = TranscriptScorer({})
    assert [
        answer for answer in answers if scorer.score({"id": "x", "target": SUNG, "seconds": 4}, answer)["wer"]
    ] == []


@pytest.mark.parametrize(
    "said",
    [
        "Speaker 1: hello there\nSpeaker 2: good day",
        "do come in.\nLet me know if you need anything",
        "The speaker says: order, order",
        "That is all.\nIf you have questions, ask them now.",
        "Would you like some tea",
        "This is what I hear: nothing at all",
    ],
)
def test_what_was_really_said_is_never_taken_off(said):
    """A speech that itself begins or ends so is compared whole."""
    assert TranscriptScorer({}).score({"id": "x", "target": said, "seconds": 4}, said)["wer"] == 0


@pytest.mark.parametrize("end", ["Let me know if you have questions.", "Is there anything else?", "I hope this helps."])
def test_nothing_comes_off_where_nobody_knows_what_was_said(end):
    """What a recogniser hears for a model that reads keeps its speakers and its last words."""
    heard = f"Speaker 1: we begin at nine.\nSpeaker 2: good.\n{end}"
    assert read_transcript(heard).text == heard
