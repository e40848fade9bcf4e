"""Refusals in words that nobody can read: for their length, if shorter prompts pass and longer ones do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Job
from lm_eval_longctx.backend.lengths import probably_too_long
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider

NO = "400: code E{n} (0x1F)"


def made(tokens: int, word: str, detail: str = NO) -> tuple[Job, Completion]:
    job = Job(f"{tokens}{word}", "task", lambda: Prompt.user(TextPart("q")), Settings(), tokens=tokens)
    if word == "yes":
        return job, Completion("yes")
    return job, Completion("", Outcome(word), detail=detail.format(n=tokens))


def judged(*pairs: tuple[Job, Completion]) -> list[int]:
    jobs, completions = [job for job, _ in pairs], [completion for _, completion in pairs]
    return sorted(jobs[position].tokens for position in probably_too_long(jobs, completions))


CASES = [
    ([(1000, "yes"), (4000, "yes"), (8000, "unsupported"), (16000, "unsupported")], [8000, 16000]),
    ([(1000, "yes"), (8000, "unsupported")], [8000]),
    ([(1000, "yes"), (1200, "unsupported")], []),  # one alone, hardly longer: a fact of the question
    ([(1000, "yes"), (4000, "unsupported"), (8000, "yes")], []),
    ([(1000, "unsupported"), (4000, "unsupported")], []),  # nothing passes: a setting, perhaps
    ([(1000, "yes"), (4000, "yes")], []),
    ([(1000, "yes"), (8000, "unsupported"), (8000, "blocked")], [8000]),
]


@pytest.mark.parametrize(("seen", "expected"), CASES)
def test_a_refusal_is_for_the_length_if_all_longer_ones_are_refused(seen, expected):
    """Only refusals above everything that was answered, in the same words, are for their length."""
    assert judged(*(made(tokens, word) for tokens, word in seen)) == expected


@pytest.mark.parametrize(
    "words", ["400: too many images in the request", "not sent: the model takes no film", "403: no", "400: quota"]
)
def test_other_refusals_stay_what_they_are(words):
    """What names another limit, or was never sent, is no matter of length."""
    assert judged(made(1000, "yes"), *(made(n, "unsupported", words) for n in (8000, 16000))) == []


def test_different_words_are_different_reasons():
    """Two refusals in different words say nothing about lengths."""
    assert judged(made(1000, "yes"), made(8000, "unsupported"), made(9000, "unsupported", "400: other")) == []


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["yes", "unsupported"])), max_size=20))
def test_nothing_below_an_answered_length_is_too_long(seen):
    """Whatever was answered, no refusal at its length or below is read as too long."""
    found = judged(*(made(tokens, word) for tokens, word in seen))
    assert all(tokens > max((t for t, word in seen if word == "yes"), default=0) for tokens in found)


def test_a_run_says_probably_too_long_with_the_words(tmp_path):
    """A run reports such refusals as beyond the context, probably, with the server's words, asked once each."""

    def reply(request):
        if len(request.prompt.text()) > 3000:
            return {"outcome": "unsupported", "status": 400, "detail": "400: E42"}
        return {"text": "yes"}

    jobs = [
        Job(str(n), "task", lambda n=n: Prompt.user(TextPart("word " * n)), Settings(), tokens=n)
        for n in (100, 200, 1000, 2000)
    ]
    provider = ScriptedProvider("model", script=reply)
    for _ in range(2):
        backend = Backend(provider, ledger=Ledger.open(tmp_path / "ledger"), progress=False)
        found, totals = backend.run(jobs), json.loads(json.dumps(backend.totals()))
        backend.close()
        assert [f.outcome.value for f in found] == ["complete", "complete", "context_exceeded", "context_exceeded"]
        assert "probably too long" in found[2].detail
        assert "400: E42" in found[2].detail
        assert totals["outcomes"] == {"complete": 2, "context_exceeded": 2}
        assert set(totals["reasons"]) == {"context_exceeded"}
