"""Needles and questions in every language that a voice speaks: the table, the voices, and how answers are scored."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from lm_eval_longctx.errors import ConfigError, UnknownOptionError
from lm_eval_longctx.hay.speech.voices import default_voices, engine, speak
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.hay.speech.wordings import WORDINGS, wording
from lm_eval_longctx.scorers.base import judge
from lm_eval_longctx.scorers.multi_needle import MultiNeedleScorer
from lm_eval_longctx.scorers.retrieval import RetrievalScorer

LANGUAGES = sorted(WORDINGS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_all_its_texts_and_a_voice(language):
    """Each place in a template is filled, words and ordinals are different, and a voice speaks the language."""
    words = wording(language)
    assert default_voices(language)
    assert words.needle.count("{word}") == words.numbered.count("{word}") == words.distractor.count("{word}") == 1
    assert words.numbered.count("{ordinal}") == 1
    assert all(words.several.count(f"{{{name}}}") == 1 for name in ("first", "second", "count", "ordinal"))
    assert words.one.count("{said}") == 1
    assert "'There is no secret keyword'" in words.maybe
    assert len(words.ordinals) == len(set(words.ordinals)) == 10
    assert len(words.words) == len(set(words.words)) >= 12
    assert not set(words.words) & {*words.colours, *words.ordinals} or language == "es"


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_said_in_one_way_and_hide_in_no_other(language):
    """No word is in a template, or in another word; none changes under normalisation, where spellings would differ."""
    words = wording(language)
    frames = f"{words.needle} {words.numbered} {words.distractor} {words.one} {words.several}".casefold()
    for word in (*words.words, *words.ordinals):
        assert word == unicodedata.normalize("NFC", word)
    for word in words.words:
        assert word.casefold() not in frames.split()
        alone = [other for other in words.words if other != word and f" {word} " in f" {other} "]
        assert alone == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_whole(language):
    """A sentence begins with a capital where the script has them, ends with its mark, and is quoted without it."""
    words = wording(language)
    for number in (None, *range(10)):
        text = words.sentence(words.words[0], number)
        assert text[0] == text[0].upper()
        assert text[-1] in ".。।"
        assert words.words[0] in text
        assert words.said(number)[-1] not in ".。।"
        assert "X" in words.said(number)


def ways(words, word):
    """Return answers that name a word, as models put it."""
    return [word, f"{word}.", f"**{word}**", words.sentence(word), f"X = {word}", f"'{word}'"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_right_answer_is_right_in_every_language(language):
    """The word, marked or in its sentence, scores 1; another word of the list scores 0."""
    words, scorer = wording(language), RetrievalScorer({})
    for place, word in enumerate(words.words):
        sample = {"target": word, "value_kind": "word", "question": words.one.format(said=words.said()), "needles": []}
        other = words.words[place - 1]
        for way in ways(words, word):
            assert judge(scorer, sample, way).values["recall"] == 1, way
        for way in ways(words, other):
            assert judge(scorer, sample, way).values["recall"] == 0, way


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_right_answers_are_right_in_every_language(language):
    """Lines of an ordinal and its word are all right; two words that change places are two mistakes."""
    words, scorer = wording(language), MultiNeedleScorer({})
    chosen = words.words[:6]
    target = dict(zip(words.ordinals, chosen, strict=False))
    sample = {"target": target, "value_kind": "word", "question": words.several, "needles": []}
    right = "\n".join(f"{key}: {value}" for key, value in target.items())
    swapped = "\n".join(f"{k}: {v}" for k, v in zip(target, (chosen[1], chosen[0], *chosen[2:]), strict=True))
    assert judge(scorer, sample, right).values["recall"] == 1
    assert judge(scorer, sample, swapped).values["recall"] == pytest.approx(4 / 6)
    assert (
        judge(scorer, sample, "\n".join(f"- **{k.capitalize()}**: {v}" for k, v in target.items())).values["recall"]
        == 1
    )


@pytest.mark.usefixtures("_speech")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_voice_says_each_sentence(language, tmp_path):
    """Every kind of sentence is a second and more of sound that is no silence, and different words sound different."""
    of, words = default_voices(language)[0], wording(language)
    if not engine(of).installed():
        pytest.skip(f"the voice {of.name} is not installed")
    waves = [speak(words.sentence(word), of, tmp_path)[1] for word in words.words[:3]]
    waves += [speak(words.sentence(words.words[0], n), of, tmp_path)[1] for n in (0, 1)]
    assert all(0.7 * SAMPLE_RATE < len(wave) < 8 * SAMPLE_RATE for wave in waves)
    assert all(float(np.abs(wave).max()) > 0.05 for wave in waves)
    assert len({wave.tobytes() for wave in waves}) == len(waves)


def test_a_language_without_a_voice_is_refused():
    """A language that nobody here speaks is refused with those that there are."""
    with pytest.raises(UnknownOptionError, match="language of needles 'ja'"):
        wording("ja")
    with pytest.raises(ConfigError, match="no voice speaks 'ja'; languages: de, en"):
        default_voices("ja")
