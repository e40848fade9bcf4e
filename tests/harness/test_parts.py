"""Recordings asked in pieces: a request each, and one score of what is written down of all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tone_words import RATE, heard, recording, word

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.parts import joined, takes
from lm_eval_longctx.harness.tasks import LongctxTask


@pytest.fixture
def folder(tmp_path):
    """Two recordings of words that are tones, 95 and 20 seconds long."""
    pauses = np.random.default_rng(5).uniform(0.3, 0.6, 100).tolist()
    for name, count in (("long", 100), ("short", 20)):
        recording(tmp_path / "in", name, list(range(count)), pauses[:count])
    return tmp_path / "in"


def task(folder, repeats=1, **metadata):
    """Make the task that asks a folder's recordings, whole and in segments."""
    settings = {"haystack": f"speech:{folder}", "arms": ["whole", "segments"], "normalizer": "none", **metadata}
    return LongctxTask(
        {
            "task": "asr_folder",
            "output_type": "generate_until",
            "repeats": repeats,
            "generation_kwargs": {"until": [], "max_gen_toks": 64},
            "metadata": {"version": 1.0, "builder": "recordings", "scorer": "transcript", **settings},
        }
    )


def listening(change=lambda words, number, part: " ".join(words), **more):
    """A model that writes down the tones that it is really sent; a change may spoil the answer to one request."""
    asked = []

    def reply(request):
        (part,) = request.prompt.media()
        asked.append(part)
        return change([word(number) for number in heard(part.path)], len(asked), part)

    settings = {"ledger": "none", "concurrency": 1, **more}
    return LongctxLM("scripted/any", script=reply, progress=False, **settings), asked


def block_of(results):
    """Return the sweep block of the one task that ran."""
    (config,) = results["configs"].values()
    return config["metadata"]["longctx"]


def test_pieces_hold_every_word_once_and_are_scored_as_one(folder, evaluate):
    """What an ear hears of pieces of 30 s at most, joined, is the whole transcript; each recording is one sample."""
    model, asked = listening()
    results = evaluate(model, task(folder), log_samples=True)
    assert len(asked) == 2 + 4 + 1
    assert max(p.seconds for p in asked) > 90
    assert all(p.seconds <= 30 for p in asked if p.mime == "audio/flac")
    scores = results["results"]["asr_folder"]
    assert (scores["wer,none"], scores["wer_segments,none"], scores["coverage,none"]) == (0, 0, 1)
    logged = [line for line in results["samples"]["asr_folder"] if line["doc"].get("arm") == "segments"]
    assert len(logged) == 2
    assert sorted(len(line["resps"]) for line in logged) == [1, len(asked) - 3]
    assert max(len(line["doc"]["cuts"]) for line in logged) == len(asked) - 4
    assert all(level < -30 for line in logged for _, level in line["doc"]["cuts"])


def test_a_wrong_word_counts_once_against_all_words(folder, evaluate):
    """The joined text is scored against the whole transcript, prefaces and fences of each piece taken off."""

    def spoil(words, number, part):
        if part.mime == "audio/wav":
            return " ".join(words)
        wrong = " ".join(["wrong", *words[1:]])
        return f"Here is the transcript:\n\n{wrong}" if number % 2 else f"```\n{wrong}\n```"

    model, asked = listening(spoil)
    scores = evaluate(model, task(folder))["results"]["asr_folder"]
    pieces = len(asked) - 2
    assert scores["wer,none"] == 0
    assert scores["wer_segments,none"] == pytest.approx(pieces / 120)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ({"outcome": "refused", "text": "I cannot help with that."}, "refused"),
        ({"outcome": "transport_failed"}, "transport_failed"),
        ({"outcome": "blocked", "detail": "a filter"}, "blocked"),
        ("<think>I begin and never end", "spent_on_reasoning"),
    ],
)
@pytest.mark.parametrize("place", [3, 4])
def test_a_recording_that_lacks_a_piece_is_unscored_and_says_which(folder, evaluate, reply, outcome, place):
    """An error or refusal of one piece leaves its recording without a score, and the others with theirs."""
    model, _ = listening(lambda words, n, part: reply if n == place else " ".join(words), max_attempts=1)
    results = evaluate(model, task(folder), log_samples=True)
    block = block_of(results)
    assert block["summary"]["outcomes"] == {"complete": 3, outcome: 1}
    scores = results["results"]["asr_folder"]
    assert (scores["wer,none"], scores["wer_segments,none"], scores["coverage,none"]) == (0, 0, 0.75)
    (lost,) = [line for line in results["samples"]["asr_folder"] if line["reading"][0]["outcome"] == outcome]
    assert lost["doc"]["arm"] == "segments"
    assert lost["wer_segments"] is None


def test_a_later_run_asks_only_the_piece_that_was_lost(folder, evaluate, ledger):
    """The ledger knows each piece: after a failure of one, the same command sends that one alone."""
    first, sent = listening(
        lambda w, n, part: {"outcome": "transport_failed"} if n == 4 else " ".join(w), ledger=ledger, max_attempts=1
    )
    assert block_of(evaluate(first, task(folder)))["summary"]["scored"] == 3
    second, again = listening(ledger=ledger)
    results = evaluate(second, task(folder))
    assert block_of(results)["summary"]["scored"] == 4
    assert [part.digest for part in again] == [sent[3].digest]
    assert results["results"]["asr_folder"]["wer_segments,none"] == 0


def test_segments_alone_have_a_rate_of_their_own(folder, evaluate):
    """With the arm in segments alone, its rate is there and none of whole recordings."""
    model, asked = listening()
    scores = evaluate(model, task(folder, arms=["segments"]))["results"]["asr_folder"]
    assert scores["wer_segments,none"] == 0
    assert "wer,none" not in scores
    assert all(part.seconds <= 30 and part.sample_rate == RATE for part in asked)


def test_repeats_are_joined_each_for_itself(folder, evaluate):
    """Asked twice, each time gives one joined answer."""
    model, asked = listening()
    scores = evaluate(model, task(folder, repeats=2, arms=["segments"]))["results"]["asr_folder"]
    assert scores["wer_segments,none"] == 0
    assert len({part.digest for part in asked}) * 2 == len(asked)


OK = Completion("a", usage=Usage(prompt_tokens=3, output_tokens=1, cost=0.5), seconds=1, counted_tokens=3)


@pytest.mark.parametrize(
    ("outcomes", "expected", "says"),
    [
        ("complete complete", "complete", ""),
        ("complete cut_by_output_limit", "cut_by_output_limit", "part 2 of 2"),
        ("cut_by_output_limit blocked", "blocked", "part 2 of 2: why"),
        ("refused complete transport_failed", "refused", "part 1 and 1 more of 3: why"),
        ("complete truncated_input", "truncated_input", "part 2 of 2: why"),
    ],
)
def test_the_worst_part_gives_the_outcome(outcomes, expected, says):
    """One part without a score leaves all without; what was used and paid is added up all the same."""
    parts = [OK.changed(outcome=Outcome(o), detail="" if o == "complete" else "why") for o in outcomes.split()]
    found = joined(parts, lambda outcome: outcome.answered)
    assert (found.outcome.value, found.usage.cost) == (expected, 0.5 * len(parts))
    assert found.detail.startswith(says)
    assert bool(found.detail) == bool(says)
    assert (found.counted_tokens, found.seconds) == (3 * len(parts), len(parts))
    assert json.dumps(found.to_dict())


def test_answers_are_told_apart_by_part_and_by_time():
    """Without repeats there is one answer for each part; with repeats as many rows as times."""
    assert takes(["a", "b"]) == [("a", "b")]
    assert takes([["a", "A"], ["b", "B"]]) == [("a", "b"), ("A", "B")]
