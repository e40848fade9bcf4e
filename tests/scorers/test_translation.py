"""Translations are scored as sacrebleu scores them, and logs keep references to themselves."""

from __future__ import annotations

from typing import Any

import pytest
import sacrebleu

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.translation import TranslationScorer, signatures

PAIRS = [
    ("The hunter sees the dog.", "The hunter saw the dogs."),
    ("We sing in the old house.", "We sing in the old house."),
    ("bird", "The black birds did not follow my brother to the river."),
]


def scored(pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Score pairs as samples."""
    scorer = TranslationScorer({})
    return [scorer.score({"target": target, "source": "a b c", "words_in_list": 1.0}, said) for said, target in pairs]


def total(name: str, rows: list[dict[str, Any]]) -> float:
    """Aggregate one metric as lm-eval does."""
    metric = next(m for m in TranslationScorer.METRICS if m.name == name)
    return metric.aggregate([row[name] for row in rows])


def test_corpus_scores_are_sacrebleus() -> None:
    """chrF, chrF++ and BLEU over the corpus equal sacrebleu's own functions."""
    said, told = [p[0] for p in PAIRS], [[p[1] for p in PAIRS]]
    rows = scored(PAIRS)
    assert total("chrf", rows) == pytest.approx(sacrebleu.corpus_chrf(said, told).score)
    assert total("chrf_pp", rows) == pytest.approx(sacrebleu.corpus_chrf(said, told, word_order=2).score)
    assert total("bleu", rows) == pytest.approx(sacrebleu.corpus_bleu(said, told).score)


def test_perfect_is_100_and_nothing_is_0() -> None:
    """Equal texts score 100 and an empty answer 0."""
    assert total("chrf", scored([(t, t) for _, t in PAIRS])) == pytest.approx(100)
    assert total("chrf", scored([("", t) for _, t in PAIRS])) == 0


def test_only_the_first_line_is_the_translation() -> None:
    """An explanation below the translation does not count, blank lines above it neither."""
    row = scored([("\n\n We sing. \nThis means that we sing.", "We sing!")])[0]
    assert row["exact"] == 1.0


def test_samples_belong_to_parts_of_the_test_set() -> None:
    """Short or long, listed or not: each sample counts for its own parts only."""
    scorer = TranslationScorer({})
    row = scorer.score({"target": "x", "source": "a b c d e f g", "words_in_list": 0.5}, "x")
    assert {"chrf_long", "chrf_unlisted"} <= set(row)
    assert not {"chrf_short", "chrf_listed"} & set(row)


def test_logged_values_do_not_tell_the_reference() -> None:
    """A sample's value prints as a digest."""
    assert "birds" not in str(scored(PAIRS))


def test_signatures_name_everything() -> None:
    """Each metric has sacrebleu's signature with its version."""
    told = signatures()
    assert set(told) == {"chrf", "chrf++", "bleu"}
    assert all(f"version:{sacrebleu.__version__}" in text for text in told.values())


def test_a_sample_without_reference_is_an_error() -> None:
    """A reference must be a text."""
    with pytest.raises(ConfigError, match="no reference"):
        TranslationScorer({}).validate({"id": "x", "target": ""})


SOURCE, MEANT = "Mu kahetpan nanet.", "They all cut the rope near the river."
BEFORE = (
    "",
    "Here is the translation:\n",
    "Here's the translation of the sentence:\n\n",
    "Sure! Here is the translation:\n",
    "The translation is: ",
    "**Translation:** ",
    "English: ",
    f"Kalamang: {SOURCE}\nEnglish: ",
    f"**Kalamang:** {SOURCE}\n\n**English:** ",
    f"{SOURCE}\n",
    f"{SOURCE} = ",
    f'The English translation of "{SOURCE}" is: ',
    f"The translation of the sentence {SOURCE} is: ",
    'Based on the word list, "mu" means they.\n\nTranslation: ',
    "I would translate this as: ",
    "I'd translate the sentence as: ",
    "This translates to: ",
    "This can be translated as: ",
    "The sentence means: ",
    "In English, this is: ",
    "In English, the sentence would be: ",
    "So this would be translated into English as: ",
    "Let me look at the words:\n- mu: they\n- nanet: rope\n\nSo the translation is:\n",
    "Step 1: look up words.\nStep 2: combine.\n\nFinal translation: ",
)
ROUND = (
    *(
        ("", ""),
        ('"', '"'),
        ("**", "**"),
        ("`", "`"),
        ("\u201c", "\u201d"),
        ("> ", ""),
        ("\\boxed{", "}"),
        ("\u00ab", "\u00bb"),
    ),
    *(
        (f"<{tag}>", f"</{tag}>")
        for tag in ("answer", "translation", "final_answer", "translated_text", "final_translation")
    ),
    ("<translation>\n", "\n</translation>"),
)
AFTER = (
    "",
    "\n\nLet me know if you need anything else!",
    "\n\n(Note: nanet can also mean fish.)",
    "\n\nExplanation: mu = they, kahetpan = cut.",
    "\n\nConfidence: high",
    "\n\n**Notes:**\n- mu: they\n- nanet: rope",
    "\n\nI hope this helps!",
)


@pytest.mark.parametrize("before", BEFORE)
def test_what_stands_round_a_translation_is_no_part_of_it(before: str) -> None:
    """Leads, labels, the sentence itself, quotes, tags, notes and offers come off, whatever their combination."""
    scorer = TranslationScorer({})
    sample = {"target": MEANT, "source": SOURCE, "question": f"Translate this Kalamang sentence into English: {SOURCE}"}
    wrong = [
        answer
        for left, right in ROUND
        for after in AFTER
        if scorer.score(sample, answer := f"{before}{left}{MEANT}{right}{after}")["exact"] != 1
    ]
    assert wrong == []


@pytest.mark.parametrize("language", ["Hanuyu", "Swahili", "Welsh", "Quechua"])
def test_a_label_of_the_language_that_was_asked_for_comes_off(language: str) -> None:
    """Examples are written with the language's name, so models write it too; another name belongs to the sentence."""
    sample = {
        "target": "Tehastur sang.",
        "question": f"Translate this English sentence into {language}: The soldier sang.",
    }
    scorer = TranslationScorer({})
    assert scorer.score(sample, f"{language}: Tehastur sang.")["exact"] == 1
    assert scorer.score({**sample, "target": "Mother: come here"}, "Mother: come here")["exact"] == 1


@pytest.mark.parametrize(
    "said",
    [
        "After we had walked a while, he said: look at the river.",
        "It is the woman who said in English: come.",
        "This is my house: the big one.",
        "I put it on the table: the knife, the cup and the bread.",
        "They say that it is good.",
        "That means we can go.",
        "The sentence was long: he went to prison for ten years.",
    ],
)
def test_a_sentence_that_looks_like_a_lead_is_kept(said: str) -> None:
    """What a translation itself says is not taken for words that lead to it."""
    assert TranslationScorer({}).score({"target": said, "source": SOURCE}, said)["exact"] == 1
