"""Transcripts in many languages and scripts: verdicts counted by hand, and what may never change them."""

from __future__ import annotations

import csv
import logging
import unicodedata
from pathlib import Path

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.transcript import TranscriptScorer
from lm_eval_longctx.scorers.transcript_text import NORMALIZERS, chosen, is_unspaced, normalizer

TABLE = Path(__file__).with_name("transcript_verdicts.tsv")


def _rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = _rows()
BY_NAME = pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['language']}" for i, row in enumerate(ROWS)])


@BY_NAME
def test_errors_are_those_counted_by_hand(row):
    """Errors and what they are divided by (words, or characters where there are no spaces) are as in the table."""
    scorer = TranscriptScorer({"language": row["language"]})
    main = scorer.METRICS[0].name
    found = scorer.score({"target": row["said"]}, row["written"])[main]
    assert main == ("cer" if is_unspaced(row["language"]) else "wer")
    assert f"{found.errors}/{found.words}" == row["rate"], row["why"]


@BY_NAME
def test_canonical_forms_are_one(row):
    """Composed and decomposed spellings of both texts give the same rate, under every normalizer of the language."""
    for name in ("by-language", "none", "whisper-basic"):
        scorer = TranscriptScorer({"language": row["language"], "normalizer": name})
        rates = {
            scorer.score({"target": unicodedata.normalize(a, row["said"])}, unicodedata.normalize(b, row["written"]))[
                scorer.METRICS[0].name
            ]
            for a in ("NFC", "NFD")
            for b in ("NFC", "NFD")
        }
        assert len(rates) == 1, name


@BY_NAME
def test_what_is_written_as_said_has_no_error(row):
    """A text compared with itself has rate 0."""
    scorer = TranscriptScorer({"language": row["language"]})
    assert scorer.score({"target": row["said"]}, row["said"])[scorer.METRICS[0].name] == 0


@BY_NAME
def test_marks_never_split_words(row):
    """Normalising a single word of any language but English with its marks gives a single word."""
    normal = normalizer("whisper-marks", row["language"])
    for word in row["said"].split():
        letters = "".join(c for c in word if unicodedata.category(c)[0] in "LM")
        assert len(normal(letters).split()) <= 1


@BY_NAME
def test_rates_are_jiwers_on_normalised_texts(row):
    """Where words are separated by spaces, jiwer gives the same rate for the normalised texts."""
    if is_unspaced(row["language"]):
        return
    normal = normalizer(chosen("by-language", row["language"]), row["language"])
    found = TranscriptScorer({"language": row["language"]}).score({"target": row["said"]}, row["written"])["wer"]
    assert found == jiwer.wer(normal(row["said"]), normal(row["written"]))


def test_english_is_whispers():
    """English texts are normalised exactly as by whisper-normalizer."""
    theirs, ours = EnglishTextNormalizer(), normalizer("whisper-english", "en")
    for row in ROWS:
        if row["language"].startswith("en"):
            assert ours(row["said"]) == " ".join(theirs(row["said"]).split())


def test_the_table_is_wide():
    """The table has 60 rows or more, in twelve languages and seven scripts at least."""
    scripts = {unicodedata.name(c).split()[0] for row in ROWS for c in row["said"] if c.isalpha()}
    assert len(ROWS) >= 60
    assert len({row["language"] for row in ROWS}) >= 12
    assert len(scripts) >= 7


def test_english_rules_for_other_languages_are_refused():
    """Whisper's English normalizer for speech in German is an error that names the way out."""
    with pytest.raises(ConfigError, match="by-language"):
        TranscriptScorer({"normalizer": "whisper-english", "language": "de"})
    assert TranscriptScorer({"normalizer": "whisper-english", "language": "en-GB"}).normalizer == "whisper-english"


def test_breaking_words_is_said(caplog):
    """Whisper's basic normalizer on Hindi is warned of once; on Spanish it is not."""
    with caplog.at_level(logging.WARNING):
        TranscriptScorer({"normalizer": "whisper-basic", "language": "es"}).validate({"target": "¿qué pasó?"})
        assert not caplog.records
        scorer = TranscriptScorer({"normalizer": "whisper-basic", "language": "hi"})
        for _ in range(2):
            scorer.validate({"target": "हिन्दी में"})
    assert ["vowel signs" in record.getMessage() for record in caplog.records] == [True]


def test_half_of_the_words_wrong_is_a_half():
    """Ten Hindi words of twenty written wrong are a rate of .5 by language, and less under Whisper's basic rules."""
    said = " ".join(["किताब", "पानी"] * 10)
    written = " ".join(["किताब", "घर"] * 10)
    rate = {n: TranscriptScorer({"language": "hi", "normalizer": n}).score({"target": said}, written) for n in NAMES}
    assert rate["by-language"]["wer"] == 0.5
    assert rate["whisper-basic"]["wer"] != 0.5


NAMES = ("by-language", *(name for name in NORMALIZERS if name != "whisper-english"))


@pytest.mark.parametrize("name", NAMES)
def test_samples_name_what_was_done(name):
    """Each sample tells the normalizer that was used, never 'by-language', and the unit of its counts."""
    told = TranscriptScorer({"language": "ja", "normalizer": name}).details({"target": "あ"}, "あ")
    assert told["normalizer"] == ("whisper-marks" if name == "by-language" else name)
    assert told["unit"] == "character"
