"""Input that was cut in silence is no answer, whatever the server's tokenizer, template and window."""

from __future__ import annotations

import pickle
from functools import cache
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.backend import Job
from lm_eval_longctx.backend.cuts import SHORTEST, Cuts, Reading, _chain, counted, reading
from lm_eval_longctx.backend.verdict import Verdict
from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.hay.chronicle import pieces
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import ImagePart, Prompt, TextPart
from lm_eval_longctx.providers.base import Request, Retry, Settings
from lm_eval_longctx.testing.server import KEY, LocalServer

ROOM = 64

COUNTS = {
    "o200k": lambda text: load_tokenizer("o200k_base").count(text),
    "cl100k": lambda text: load_tokenizer("cl100k_base").count(text),
    "four bytes": lambda text: -(-len(text.encode()) // 4),
    "an old one": lambda text: int(1.25 * load_tokenizer("cl100k_base").count(text)),
}
"""Tokenizers, real and rough; the last makes as many tokens as those of 2023 did."""


@cache
def prose() -> str:
    """Return a megabyte of English that reads like a chronicle."""
    return "".join(islice(pieces(7), 12_000))


def text(tokens: int, place: int = 0) -> str:
    """Return about so many tokens of it."""
    start = (place * 7919 * 41) % (len(prose()) - tokens * 4)
    return prose()[start : start + tokens * 4]


@cache
def measured(tokens: int, place: int, tokenizer: str) -> tuple[int, int, bool, int]:
    """Return a text's bytes, own tokens, whether it is ASCII, and how the server counts it."""
    return (*counted(Prompt.user(TextPart(text(tokens, place)))), COUNTS[tokenizer](text(tokens, place)))


def readings(lengths, tokenizer: str, window: int | None = None, added: int = 20, each: int = 3) -> dict[str, Reading]:
    """Return what a server bills for prompts of some lengths, cut to its window without a word."""
    found = {}
    for n in lengths:
        for place in range(each):
            size, own, plain, full = measured(n, place, tokenizer)
            billed = full + added if window is None else min(full + added, window - ROOM)
            found[f"{n}/{place}"] = Reading(f"{n}/{place}", "t", size, own, plain, billed, ROOM)
    return found


def judged(found: dict[str, Reading]) -> dict[str, str]:
    """Return which of them are called cut, alone or together."""
    cuts, verdict = Cuts(), Verdict(Completion("x"), Retry(), "billed", 0.0)
    alone = {
        key for key, r in found.items() if cuts.judge(r, Completion("x", key=key), 1, verdict).outcome != "complete"
    }
    return {**dict.fromkeys(alone, "alone"), **cuts.among()}


lengths = st.lists(st.sampled_from((400, 1000, 2000, 4000, 8000, 16_000)), min_size=1, max_size=6, unique=True)


@given(lengths=lengths, tokenizer=st.sampled_from(sorted(COUNTS)), added=st.sampled_from((0, 7, 70, 400)))
def test_what_was_read_whole_is_never_called_cut(lengths, tokenizer, added):
    """No bill of any tokenizer, with any words around the prompt, is taken for a cut, at whatever lengths."""
    assert judged(readings(lengths, tokenizer, added=added)) == {}


@given(
    tokenizer=st.sampled_from(sorted(COUNTS)),
    window=st.integers(1500, 15_000) | st.sampled_from((2048, 4096, 8192)),
    added=st.sampled_from((0, 20, 70)),
)
def test_a_window_that_cuts_is_found_by_the_runs_own_bills(tokenizer, window, added):
    """In a sweep over lengths every cut of more than 5 % is seen, and what fits is left alone, at any window."""
    whole = readings((400, 1000, 2000, 4000, 8000, 16_000), tokenizer, added=added)
    cut = readings((400, 1000, 2000, 4000, 8000, 16_000), tokenizer, window, added=added)
    found = judged(cut)
    lost = {key: 1 - cut[key].billed / whole[key].billed for key in cut}
    assert {key: share for key, share in lost.items() if share > 0.05 and key not in found} == {}
    assert [key for key in found if lost[key] == 0] == []


@pytest.mark.parametrize(
    ("tokens", "window"), [(5000, 4096), (6000, 4096), (7000, 4096), (1024, 512), (2300, 2048), (40_000, 32_768)]
)
@pytest.mark.parametrize("tokenizer", ["o200k", "cl100k", "four bytes"])
def test_one_call_shows_a_cut_to_a_usual_window(tokens, window, tokenizer):
    """A single prompt that is cut to a window as servers have them is seen without any other call."""
    (one,) = readings((tokens,), tokenizer, window, each=1).values()
    assert one.alone()
    assert not readings((tokens,), tokenizer, each=1)[one.key].alone()


@pytest.mark.parametrize("keep", [0.35, 0.5, 0.7, 0.8])
@pytest.mark.parametrize("tokenizer", ["o200k", "cl100k"])
def test_one_call_shows_a_large_cut(keep, tokenizer):
    """A single prompt of which a fifth or more is gone is seen without any other call, from 1k tokens on."""
    for tokens in (1000, 8000, 64_000):
        size, own, plain, full = measured(tokens, 0, tokenizer)
        assert Reading("k", "t", size, own, plain, int(full * keep), ROOM).alone()


@pytest.mark.parametrize("window", [3333, 4100])
def test_the_same_bill_for_growing_prompts_is_a_cut(window):
    """Where all prompts are cut, so that nothing tells how the server counts, equal bills tell enough."""
    found = readings((4500, 5500, 7000), "an old one", window, each=1)
    assert set(judged(found)) >= {"5500/0", "7000/0"}


def test_a_servers_own_window_is_an_edge():
    """A bill at the very edge of the window that a server names is a cut, where the same bill alone tells nothing."""
    size, own, plain, _ = measured(3200, 0, "cl100k")
    known = Reading("k", "t", size, own, plain, 3100 - ROOM, ROOM, window=3100)
    assert "just what a window of 3100 lets in" in known.alone()
    assert not Reading("k", "t", size, own, plain, 3100 - ROOM, ROOM).alone()


def test_texts_of_another_kind_teach_nothing():
    """A task whose long prompts are other texts than its short ones is not judged by them."""
    short = readings((400, 1000, 2000, 4000), "cl100k")
    other = {
        key: Reading(key, "t", int(r.size * 1.2), r.own, r.ascii, int(r.billed * 0.955), ROOM)
        for key, r in readings((8000,), "cl100k").items()
    }
    assert judged({**short, **other}) == {}


def job(tokens: int, place: int = 0) -> Job:
    return Job(
        f"{tokens}/{place}",
        "t",
        lambda: Prompt.user(TextPart(text(tokens, place)), TextPart("\nWho?")),
        Settings(ROOM),
        tokens=tokens,
    )


@pytest.mark.parametrize("tokenizer", sorted(COUNTS))
def test_a_run_against_a_server_that_cuts(monkeypatch, run, tokenizer):
    """Answers to cut prompts are none, in the run, in its totals and in the ledger; the others stand."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    jobs = [job(n, place) for n in (6000, 4400, 1000, 2000, 3000) for place in range(3)]
    with LocalServer() as server:
        server.state.window, server.state.when_full, server.state.tokens = 4096, "cut", COUNTS[tokenizer]
        provider = server.provider("openai-compatible", "tiny", tokenize=False, probe=False)
        found, totals = run(provider, jobs)
        fits = {j.sample: COUNTS[tokenizer](j.render().text()) + ROOM <= 4096 for j in jobs}
        assert {j.sample: f.outcome.answered for j, f in zip(jobs, found, strict=True)} == fits
        assert totals["outcomes"] == {"complete": sum(fits.values()), "truncated_input": len(jobs) - sum(fits.values())}
        assert totals["input"]["compared_with"] == {"our own count": len(jobs)}
        # A text unlike the others is judged by itself: an old tokenizer's quarter more of tokens hides that much.
        assert totals["input"]["largest_unseen_cut"] < (0.35 if tokenizer == "an old one" else 0.2)
        server.state.window = None
        again, totals = run(server.provider("openai-compatible", "tiny", tokenize=False, probe=False), jobs)
        assert totals["calls"] == len(jobs) - sum(fits.values())
        assert {f.outcome for f in again} == {Outcome.COMPLETE}


def test_where_nothing_is_reported_nobody_can_tell(monkeypatch, run):
    """An answer without usage says plainly that a cut would not have been seen."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    with LocalServer() as server:
        server.state.fail("no_usage")
        (found,), totals = run(server.provider("openai-compatible", "tiny", probe=False), [job(1000)])
    assert found.outcome is Outcome.COMPLETE
    assert any("whether the input was cut" in note for note in found.notes)
    assert totals["input"]["compared_with"] == {"nothing": 1}


def test_media_hide_what_was_billed_for_text(scripted):
    """Where a bill does not part text from media nobody can tell; where it does, text is judged alone."""
    picture = ImagePart("a.png", "0" * 64, "image/png", 8, 8)
    request = Request(Prompt.user(picture, TextPart(text(1000))), Settings(ROOM))
    joint = reading(scripted(), request, Completion("x", usage=Usage(1300)), "t")
    assert joint == "the bill does not part text from media"
    parted = reading(scripted(), request, Completion("x", usage=Usage(758, by_modality={"image": 258})), "t")
    assert parted.billed == 500
    assert parted.alone()


def test_short_prompts_and_counted_ones_need_no_count_of_ours():
    """What a provider counted, and what is too short to judge, is not counted again."""
    cuts = Cuts()
    short = Prompt.user(TextPart("x" * (SHORTEST - 1)))
    assert not cuts.judges(Request(short), Completion("x", usage=Usage(3)), "t", new=True)
    long = Request(Prompt.user(TextPart("x" * SHORTEST)))
    assert cuts.judges(long, Completion("x"), "t", new=True)
    assert not cuts.judges(long, Completion("x", counted_tokens=9), "t", new=True)
    assert cuts.to_dict()["compared_with"] == {"the provider's own count": 1}


@pytest.mark.parametrize("shared", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("tells", ["the rest", "a window"])
def test_a_bill_for_the_uncached_part_only_is_unknown_and_no_cut(scripted, shared, tells):
    """What a cache did not hold of a prompt as long as one that was billed whole is no cut; a constant window is."""
    cuts, provider, hay = Cuts(), scripted(), text(6000)
    place = int(len(hay) * shared)
    whole, other = hay, hay[:place] + text(6000, 5)[place:]
    window = int(COUNTS["o200k"](other[place:]) + 20)
    found = []
    for key, asked, billed in (("a", whole, COUNTS["o200k"](whole)), ("b", other, window)):
        paid = min(billed, window) if tells == "a window" else billed
        answer = Completion("x", usage=Usage(paid), key=key)
        seen = reading(provider, Request(Prompt.user(TextPart(asked)), Settings(ROOM)), answer, "t")
        found.append(cuts.judge(seen, answer, 1, Verdict(answer, Retry(), "billed", None)))
    judged_as = [(one.outcome, any("cache did not hold" in note for note in one.notes)) for one in found]
    if tells == "the rest":
        assert judged_as == [(Outcome.COMPLETE, False), (Outcome.COMPLETE, True)]
        assert cuts.review(found) == {}
    else:
        assert {outcome for outcome, noted in judged_as if not noted} == {Outcome.TRUNCATED_INPUT}
        assert not any(noted for _, noted in judged_as)


@given(st.lists(st.integers(0, 90_000), min_size=2, max_size=4), st.integers(0, 80_000))
@settings(max_examples=20, deadline=None)
def test_what_two_prompts_have_in_common_is_told_to_a_kilobyte(places, changed):
    """However a text lies in parts, what follows the beginning that two prompts share is told to a kilobyte."""
    hay = prose()[:45_000] + "\N{EM DASH}" + prose()[45_000:90_000]
    bounds, other = [0, *sorted(places), len(hay)], hay[:changed] + "\0" + hay[changed + 1 :]
    in_parts = Prompt.user(*(TextPart(hay[a:b]) for a, b in pairwise(bounds)))
    one, two = (
        Reading("x", "t", *counted(prompt), 20_000, ROOM, chain=_chain(prompt))
        for prompt in (in_parts, Prompt.user(TextPart(other)))
    )
    same = len(hay[:changed].encode()) // 1024 * 1024
    assert two.after(one) == pytest.approx(two.own * (1 - same / two.size) if same else 0.0)


def test_what_is_kept_of_a_prompt_does_not_grow_with_it(scripted):
    """To the end of a run only numbers are kept of each prompt, whatever its length."""
    cuts, provider, sizes = Cuts(), scripted(), []
    for key, tokens in (("short", 1000), ("long", 100_000)):
        answer = Completion("x", usage=Usage(tokens), key=key)
        request = Request(Prompt.user(TextPart(prose()[: 4 * tokens])), Settings(ROOM))
        cuts.judge(reading(provider, request, answer, "t"), answer, 1, Verdict(answer, Retry(), "billed", None))
        sizes.append(len(pickle.dumps(cuts._readings[key])))
    assert sizes[1] < sizes[0] + 64
