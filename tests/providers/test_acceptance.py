"""What passes the gate, and what only looks like an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Outcome, Usage
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.acceptance import Expected, Reply, accept, fewest_tokens, stop_at
from lm_eval_longctx.providers.base import Raw, Request, Settings

WORDS = 20_000
REQUEST = Request(Prompt.user(TextPart("word " * WORDS)), Settings(max_output_tokens=50))
RAW = Raw(200)
NOTHING = Expected()


def judged(usage: Usage | None, request=REQUEST, outcome=Outcome.COMPLETE, expected=NOTHING, **fields):
    return accept(Reply("yes", outcome, "words", usage, **fields), RAW, request, expected)


@pytest.mark.parametrize(("billed", "outcome"), [(WORDS, Outcome.COMPLETE), (WORDS // 2, Outcome.TRUNCATED_INPUT)])
def test_an_input_that_was_cut_in_silence_is_found_by_its_words(billed, outcome):
    """Fewer tokens than words mean that the input was cut."""
    assert judged(Usage(billed, output_tokens=1)).completion.outcome is outcome


@pytest.mark.parametrize(("billed", "outcome"), [(26_000, Outcome.COMPLETE), (24_000, Outcome.TRUNCATED_INPUT)])
def test_an_input_that_was_cut_in_silence_is_found_by_the_providers_count(billed, outcome):
    """Clearly fewer tokens than the provider itself counted mean that the input was cut."""
    counted = Request(REQUEST.prompt, REQUEST.settings, counted=26_500)
    assert judged(Usage(billed, output_tokens=1), counted).completion.outcome is outcome


@pytest.mark.parametrize(
    ("prompt", "got", "window", "outcome"),
    [
        (WORDS, 50, None, Outcome.CUT_BY_OUTPUT_LIMIT),
        (WORDS, 6, WORDS + 6, Outcome.CONTEXT_EXCEEDED),
        (20_474, 6, None, Outcome.CONTEXT_EXCEEDED),  # together 20 times 1,024: a window that is round
        (20_473, 6, None, Outcome.CONTEXT_EXCEEDED),
        (WORDS, 6, None, Outcome.CUT_BY_OUTPUT_LIMIT),
        (20_474, 6, 32_768, Outcome.CUT_BY_OUTPUT_LIMIT),
    ],
)
def test_an_answer_that_stops_early_is_an_overflow_only_where_it_fills_the_window(prompt, got, window, outcome):
    """An answer below the asked limit ran out of window if it fills it; else the server has a cap, which is noted."""
    expected = Expected(output_budget=50, exact_budget=True, window=window)
    found = judged(Usage(prompt, output_tokens=got), outcome=Outcome.CUT_BY_OUTPUT_LIMIT, expected=expected).completion
    assert found.outcome is outcome
    assert any("stopped at 6 of 50" in note for note in found.notes) == (got < 50)


NOT_GIVEN = [
    (Outcome.COMPLETE, False, 1, (Outcome.MALFORMED, "transient")),
    (Outcome.COMPLETE, True, 64, (Outcome.MALFORMED, "transient")),
    (Outcome.CUT_BY_OUTPUT_LIMIT, True, 50, (Outcome.SPENT_ON_REASONING, "never")),
    (Outcome.CUT_BY_OUTPUT_LIMIT, False, 50, (Outcome.SPENT_ON_REASONING, "never")),
    (Outcome.CUT_BY_OUTPUT_LIMIT, True, None, (Outcome.SPENT_ON_REASONING, "never")),
    (Outcome.CUT_BY_OUTPUT_LIMIT, False, 0, (Outcome.MALFORMED, "never")),
]


@pytest.mark.parametrize("text", [None, "", " ", "\n\n\t"], ids=repr)
@pytest.mark.parametrize(("marked", "reasoned", "spoken", "verdict"), NOT_GIVEN)
def test_an_empty_text_is_an_answer_that_was_not_given(text, marked, reasoned, spoken, verdict):
    """Whatever the finish marker says, an answer without a word in it is never graded."""
    usage = Usage(WORDS, output_tokens=spoken)
    found = accept(Reply(text, marked, "words", usage, reasoned), RAW, REQUEST, Expected(output_budget=50))
    assert (found.completion.outcome, found.retry.kind, str(found.completion)) == (*verdict, "")
    assert not found.completion.outcome.answered


def test_an_answer_that_begins_with_a_stop_text_is_not_given():
    """Where nothing is left before the first stop text, there is nothing to grade, and asking again would not help."""
    request = Request(REQUEST.prompt, Settings(stop=("\n\n",)))
    found = accept(Reply("\n\n4711", Outcome.COMPLETE, "stop", Usage(WORDS, output_tokens=2)), RAW, request, NOTHING)
    assert (found.completion.outcome, found.retry.kind, str(found.completion)) == (Outcome.MALFORMED, "never", "")


@pytest.mark.parametrize(("frames", "outcome"), [(300, Outcome.COMPLETE), (32, Outcome.TRUNCATED_INPUT)])
def test_film_that_was_thinned_out_in_silence_is_found(frames, outcome):
    """Fewer tokens of film than its frames make mean that frames were left out."""
    usage = Usage(WORDS + 70 * frames, output_tokens=1, by_modality={"text": WORDS, "video": 70 * frames})
    expected = Expected({"video": 70 * 300})
    assert judged(usage, expected=expected, all_modalities=True).completion.outcome is outcome


def test_a_modality_that_was_not_billed_at_all_is_found():
    """Film that makes no tokens was not looked at."""
    usage = Usage(WORDS, output_tokens=1, by_modality={"text": WORDS})
    decoded = judged(usage, expected=Expected({"video": 21_000}), all_modalities=True)
    assert decoded.completion.outcome is Outcome.TRUNCATED_INPUT


def test_failures_carry_no_text_and_say_why():
    """What is no answer has no text that could be scored."""
    decoded = judged(Usage(5, output_tokens=1))
    assert (str(decoded.completion), bool(decoded.completion.detail)) == ("", True)
    assert decoded.completion.usage.prompt_tokens == 5


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=3000))
def test_the_fewest_tokens_are_never_more_than_words_or_bytes(text):
    """The lower bound stays below what any tokenizer makes: one token for a word, or for twelve bytes."""
    least = fewest_tokens(Prompt.user(TextPart(text)))
    assert least <= max(len(text.split()), len(text.encode()) // 12)


@given(st.integers(60_000, 200_000), st.sampled_from(["word ", "a somewhat longer sentence. ", "中文字符"]))
def test_the_fewest_tokens_of_long_texts_are_estimated_closely(size, unit):
    """Samples spread over a long text count its words to a few per cent."""
    text = (unit * (size // len(unit) + 1))[:size]
    exact = max(len(text.split()), 0 if text.isascii() else len(text.encode()) // 12)
    assert fewest_tokens(Prompt.user(TextPart(text))) == pytest.approx(exact, rel=0.05)


@given(st.text(max_size=50), st.lists(st.text(min_size=1, max_size=3), max_size=4))
def test_nothing_after_a_stop_text_is_kept(text, stops):
    """The kept text is a beginning of the answer that holds no stop text."""
    kept, cut = stop_at(text, tuple(stops))
    assert text.startswith(kept)
    assert cut == (kept != text)
    assert not any(stop in kept for stop in stops)
