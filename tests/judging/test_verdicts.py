"""What judges write is read in the ways in which they write it; what cannot be read is no verdict and never a tie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.judging.verdicts import claim_verdict, decided, pair_verdict

PAIRS = [
    ("Verdict: A", "a"),
    ("Verdict: B.", "b"),
    ("verdict: tie", "tie"),
    ("**Verdict: A**", "a"),
    ("**Verdict:** B", "b"),
    ("**Verdict**: B", "b"),
    ("### Verdict\n\nAnswer A is better because it names the year.", "a"),
    ("### Verdict: **Answer B**", "b"),
    ("| Verdict | A |", "a"),
    ("> Verdict: A", "a"),
    ("__Verdict:__ A", "a"),
    ("`Verdict: A`", "a"),
    ("Verdict：A", "a"),
    ("Verdict: Ａ", "a"),
    ("VERDICT - B", "b"),
    ("Verdict = A", "a"),
    ("Verdict → B", "b"),
    ("Verdict (final): A", "a"),
    ("Final verdict after comparing both answers: B", "b"),
    ("My verdict is A.", "a"),
    ("Final verdict is: Answer B", "b"),
    ("<verdict>A</verdict>", "a"),
    ("<verdict>tie</verdict>", "tie"),
    ("Verdict: A\n\nAnswer A names the bridge, whereas B is vague. My verdict is based on the year.", "a"),
    ("Verdict: A\n\nB is longer, but order and length do not count.", "a"),
    ("Both answers name the bridge, but B adds a mistake.\n\nVerdict: A", "a"),
    ("A is wrong about the year.\nB is right.\nVerdict: B", "b"),
    ("Verdict: A or B? A is wrong about the year, so:\nVerdict: B", "b"),
    ("Wait, verdict: A? No.\nVerdict: B", "b"),
    ("Verdict: A? No, rather: Verdict: B", "b"),
    ("<think>Verdict: A? No, wait.</think>Verdict: B", "b"),
    ("<think>Verdict: A", None),
    ("<think>Verdict: A</think>", None),
    ("Verdict: A, but B also has merits.", "a"),
    ("Verdict: A (slightly better than B)", "a"),
    ("Verdict: A over B", "a"),
    ("Verdict: A. B is wrong about the mill.", "a"),
    ("Verdict: B, although A is longer", "b"),
    ("Verdict: B because A is wrong", "b"),
    ("Verdict: A because it is right.", "a"),
    ("Verdict: A wins", "a"),
    ("Verdict: a tie", "tie"),
    ("Verdict: A tie", "tie"),
    ("Verdict: A tie, since both name it.", "tie"),
    ("Verdict: It's a tie.", "tie"),
    ("Verdict: draw", "tie"),
    ("Verdict: Tied", "tie"),
    ("Verdict: Equal", "tie"),
    ("Verdict: Both answers are equally good.", "tie"),
    ("Verdict: both", "tie"),
    ("Verdict: Neither", "tie"),
    ("Verdict: neither is better", "tie"),
    ("Verdict: no clear winner", "tie"),
    ("Verdict: No difference", "tie"),
    ("Verdict: The answers are equivalent", "tie"),
    ("Verdict: tie (both wrong)", "tie"),
    ("Verdict: A = B", "tie"),
    ("Verdict: even", "tie"),
    ("Verdict: both have merits, but A is better", "a"),
    ("Verdict: Both have merits, but B", None),
    ("Verdict: A > B", "a"),
    ("Verdict: B > A", "b"),
    ("[[A>>B]]", "a"),
    ("Verdict: A < B", "b"),
    ("[[B>A]]", "b"),
    ("Verdict: [[A]]", "a"),
    ("\\boxed{B}", "b"),
    ("Verdict: $\\boxed{\\text{A}}$", "a"),
    ("Verdict: A is worse", None),
    ("Verdict: not A", None),
    ("Verdict: A is not better", None),
    ("Verdict: B is wrong", None),
    ("Verdict: A or B", None),
    ("Verdict: A/B", None),
    ("Verdict: A and B", None),
    ("Verdict: A (B is better)", None),
    ("Verdict: A, Verdict: B", None),
    ("Verdict: unclear", None),
    ("Verdict: a close call", None),
    ("Verdict: A close call", None),
    ("Verdict: A slight preference", None),
    ("Verdict: A\nVerdict: unclear", None),
    ("Verdict:", None),
    ("Verdict: C", None),
    ("Verdict: Answer C", None),
    ("Verdict: A tie or B", None),
    ("Verdict: tie or A", None),
    ('{"verdict": "A"}', "a"),
    ('{"verdict": "tie", "reason": "Both name B."}', "tie"),
    ('```json\n{"reason": "B is wrong, A is better", "verdict": "A"}\n```', "a"),
    ('{"winner": "B"}', "b"),
    ('{"Verdict": "Answer A"}', "a"),
    ('Here is my judgement:\n{"verdict": "B", "confidence": 0.9}', "b"),
    ('{"verdict": null}', None),
    ('{"verdict": "A or B"}', None),
    ('{"verdict": ["A","B"]}', None),
    ('{"better_answer": "A"}', "a"),
    ('{"scores": {"A": 3, "B": 5}}', None),
    ("{'verdict': 'A'}", "a"),
    ("Verdict: Answer 1", "a"),
    ("Verdict: the second answer", "b"),
    ("Verdict: Response B", "b"),
    ("Verdict: Option A", "a"),
    ("Verdict: Assistant B", "b"),
    ("Verdict: 2", None),
    ("Verdict: First", None),
    ("Urteil: A", "a"),
    ("Urteil: unentschieden", "tie"),
    ("Verdict : A", "a"),
    ("Verdict : égalité", "tie"),
    ("Veredicto: B", "b"),
    ("Veredicto: empate", "tie"),
    ("Verdetto: pareggio", "tie"),
    ("Verdetto: B", "b"),
    ("Вердикт: A", "a"),
    ("Вердикт: В", "b"),
    ("Вердикт: ничья", "tie"),
    ("判定：A", "a"),
    ("判定：A更好", "a"),
    ("結論：引き分け", "tie"),
    ("结论：B", "b"),
    ("결론: 무승부", "tie"),
    ("판정: B", "b"),
    ("Urteil: Antwort B ist besser", "b"),
    ("Verdict: Antwort A ist schlechter", None),
    ("A", "a"),
    ("B", "b"),
    ("a", "a"),
    ("Answer A is better.", "a"),
    ("Answer B", "b"),
    ("Tie.", "tie"),
    ("It's a tie.", "tie"),
    ("**B**", "b"),
    ("A.", "a"),
    ("Neither", "tie"),
    ("Both answers are equally good.", "tie"),
    ("The better answer is A.", "a"),
    ("The answer is A", "a"),
    ("My choice is B.", "b"),
    ("The winner is B because it cites.", "b"),
    ("Final: A", "a"),
    ("Better: A", "a"),
    ("Result: tie", "tie"),
    ("The better one is not A", None),
    ("The answer is A or B", None),
    ("The answer is wrong in A", None),
    ("I prefer Answer B.", "b"),
    ("I choose A", "a"),
    ("Winner: B", "b"),
    ("Better answer: B", "b"),
    ("Final answer: A", "a"),
    ("Answer A wins.", "a"),
    ("Both have merits, but Answer A is better.", "a"),
    ("Both have merits, but B is slightly better on dates.", "b"),
    ("Both have merits.", None),
    ("Both have strengths and weaknesses.", None),
    ("A is better on dates. B is better on names.", None),
    ("If the year matters, A is better.", None),
    ("I don't think A is better.", None),
    ("A good question; both are wrong.", None),
    ("I cannot compare these answers.", None),
    ("I'm sorry, but I can't help with that.", None),
    ("", None),
    ("  \n ", None),
    ("I am unable to determine which answer is better.", None),
    ("Neither answer can be verified without the document.", None),
    ('Reply with one line: "Verdict: A", "Verdict: B", or "Verdict: tie" if neither is.', None),
    (
        'Reply with one line: "Verdict: A", "Verdict: B", or "Verdict: tie" if neither is.\nVerdict: B',
        "b",
    ),
    ("Answer A:\n> The bridge.\n\nAnswer B:\n> A mill.\n", None),
    ("Verdict: supported", None),
    ("The verdict of the court in the story is B.", None),
    ("Verdict: Answer A\n\nReason: Answer B is wrong.", "a"),
    ("Verdict: A\nConfidence: 4/5", "a"),
    ("Verdict: A\n\nIf you need anything else, ask.", "a"),
    ("Verdict: A\n\nVerdict explanation: B is wrong about the year.", "a"),
    ("Verdict: A.\nThe final answer of B is wrong.", "a"),
    ("Even so, A names the year.", None),
    ("The same question was asked in both.", None),
    ("The answers are the same length.", None),
    ("Verdict: the same length, so A", None),
    ("Equal in length, but A is right.", None),
    ("A draw is unlikely.", None),
    ("In both answers the bridge is named.", None),
    ("One thing is clear: A names it.", None),
    ("Answer A: names it. Answer B: does not.", None),
    ("No, A is not better", None),
    ("I would say that A wins", "a"),
    ("The first answer is better.", "a"),
    ("I prefer the second one.", "b"),
    ("Answer: A", "a"),
    ("Answer: tie", "tie"),
]

WORDS_BEHIND = [
    ("Verdict: A and B tie", "tie"),
    ("Verdict: A and B are tied", "tie"),
    ("Verdict: A and B are equally good", "tie"),
    ("A and B tie.", "tie"),
    ("Verdict: A & B tie", "tie"),
    ("Verdict: Both A and B are right", "tie"),
    ("Verdict: both A and B", "tie"),
    ("Verdict: None of them", "tie"),
    ("Verdict: none is better", "tie"),
    ("Verdict: Both answers are correct", "tie"),
    ("Verdict: Both are wrong", "tie"),
    ("Verdict: Both are right; A is more so", None),
    ("Verdict: neither A nor B", "tie"),
    ("Verdict: Neither A nor B is better", "tie"),
    ("Verdict: Answer A and Answer B are equivalent", "tie"),
    ("Verdict: A ties with B", "tie"),
    ("Verdict: A equals B", "tie"),
    ("Verdict: A is as good as B", "tie"),
    ("Verdict: A is no worse than B", None),
    ("Verdict: A is worse than B", None),
    ("Verdict: A B", None),
    ("Verdict: A, B", None),
    ("Verdict: A (B is also fine)", "a"),
    ("Urteil: beide gleich gut", "tie"),
    ("Urteil: keine von beiden", "tie"),
    ("Urteil: Antwort A ist gleich gut wie B", None),
    ("Verdict : les deux", "tie"),
    ("Verdict : aucune", "tie"),
    ("Verdict : B n'est pas meilleure", None),
    ("Veredicto: ambas son iguales", "tie"),
    ("Veredicto: ninguna", "tie"),
    ("Veredicto: A no es mejor", None),
    ("Verdetto: nessuna delle due", "tie"),
    ("Verdetto: entrambe", "tie"),
    ("Вердикт: обе", "tie"),
    ("Вердикт: ни одна", "tie"),
    ("Вердикт: А лучше", "a"),
    ("Вердикт: А не лучше", None),
    ("判定：两者相同", "tie"),
    ("判定：都不好", "tie"),
    ("判定：A不如B", None),
    ("判定：A比B差", None),
    ("判定：AよりBが良い", None),
    ("判定：Aの方が良い", "a"),
    ("判定：どちらでもない", "tie"),
    ("결론: A보다 B가 낫다", None),
    ("결론: B가 더 좋다", "b"),
    ("판정: 둘 다 아님", "tie"),
    ("Verdict: A. Actually B.", None),
    ("Verdict: A. No wait, B.", None),
    ("Verdict: A... or rather B", None),
    ("Verdict: A, not B", "a"),
    ("Verdict: A rather than B", "a"),
    ("Verdict: A instead of B", "a"),
    ("Verdict: A only", "a"),
    ("Verdict: A is correct.", "a"),
    ("Verdict: A is correct, and B is too", None),
    ("Verdict: A is more complete", "a"),
    ("Verdict: A is even better", "a"),
    ("Verdict: A beats B", "a"),
    ("Verdict: A loses to B", None),
    ("Verdict: A is beaten by B", None),
    ("Verdict: A is outperformed by B", None),
    ("Verdict: A is preferred less than B", None),
    ("Verdict: A is less accurate than B", None),
    ("Verdict: A is incomplete, B complete", None),
    ("Verdict: Answer A is missing the year, so B", None),
    ("Verdict: A is further from the truth", None),
    ("Verdict: A is inaccurate", None),
    ("Verdict: A is unsupported", None),
    ("Verdict: A – wrong year", None),
    ("Verdict: A is the worse answer", None),
    ("Verdict: A is the less accurate one", None),
    ("Verdict: A if the year matters", None),
    ("Verdict: A is better if the year matters", None),
    ("Verdict: B if short answers are wanted, A otherwise", None),
    ("Answer B gives a wrong year.", None),
    ("Answer A invents a name.", None),
    ("Verdict: Answer A - it names the year", "a"),
    ("Verdict: A - B is vague", "a"),
    ("Verdict: A as it names the year", "a"),
    ("Verdict: A as good as B", None),
    ("Verdict: Response A is preferred.", "a"),
    ("Verdict: A, while B is vague", "a"),
    ("Verdict: A with more detail", "a"),
]
"""What follows a letter says whether it is preferred: what may be said of a worse answer, too, decides nothing."""

CUT = [
    ("Verdict: A", None),
    ("Verdict: A\n\nAnswer A names the bridge, and it says so in the third of", "a"),
    ("Answer A names the bridge, and B", None),
    ("Verdict: A is", None),
    ("", None),
    ("Verdict: not", None),
]

CLAIMS = [
    ("Verdict: supported", "supported"),
    ("Verdict: not supported", "not supported"),
    ('"Verdict: not supported"', "not supported"),
    ("Verdict: unsupported", "not supported"),
    ("Not supported", "not supported"),
    ("Supported.", "supported"),
    ("The passages say so.\nVerdict: **Supported**", "supported"),
    ("verdict - not_supported", "not supported"),
    ("Verdict: not-supported", "not supported"),
    ("Verdict: partially supported", "not supported"),
    ("Verdict: Only partly supported.", "not supported"),
    ("Verdict: The claim is supported.", "supported"),
    ("Verdict: The claim is not fully supported.", "not supported"),
    ("Verdict: The passages do not support the claim.", "not supported"),
    ("Verdict: isn't supported", "not supported"),
    ("Verdict: fully supported by passage 2", "supported"),
    ("Verdict: supported or not supported", None),
    ("Verdict: supported / not supported", None),
    ("Verdict: supported, but not the year", None),
    ("Verdict: unclear", None),
    ("Verdict: cannot be determined", None),
    ("Verdict: contradicted by the passages", "not supported"),
    ("Verdict: not contradicted", None),
    ("Verdict: not unsupported", None),
    ("Yes", "supported"),
    ("No.", "not supported"),
    ("Yes, the passages support the claim.", "supported"),
    ("No, the claim is not supported.", "not supported"),
    ("No, it is supported.", None),
    ("Verdict: Yes", "supported"),
    ('{"verdict": "not supported"}', "not supported"),
    ('{"verdict": "supported", "reason": "not needed"}', "supported"),
    ("Verdict: supported\n\nIt is not contradicted anywhere.", "supported"),
    ("The claim is not supported by passage 1, so\nVerdict: supported", "supported"),
    ('Reply with one line: "Verdict: supported" or "Verdict: not supported".', None),
    ("", None),
    ("I cannot say.", None),
    ("Urteil: nicht belegt", "not supported"),
    ("Urteil: belegt", "supported"),
    ("判定：不支持", "not supported"),
    ("判定：支持", "supported"),
    ("Verdict: A", None),
    ("<think>supported", None),
    ("Verdict: supported. Verdict: not supported", None),
    ("The claim is supported.", "supported"),
    ("Not enough information is given.", None),
    ("Verdict: no support", "not supported"),
    ("Supported claims are rare here.", None),
]


WORDS_BEFORE = [
    ("Verdict: hardly supported", "not supported"),
    ("Verdict: barely supported", "not supported"),
    ("Verdict: supported in part", "not supported"),
    ("Verdict: supported by none of the passages", "not supported"),
    ("Verdict: supported by nothing", "not supported"),
    ("Verdict: fails to support", "not supported"),
    ("Verdict: without support", "not supported"),
    ("Verdict: lacking support", "not supported"),
    ("Verdict: Nothing supports the claim.", "not supported"),
    ("Verdict: None of the passages support the claim.", "not supported"),
    ("Verdict: Few passages support it", None),
    ("Verdict: It is unclear whether the claim is supported", None),
    ("Verdict: hard to say if supported", None),
    ("Verdict: weakly supported", "not supported"),
    ("Verdict: supported with reservations", None),
    ("Verdict: supported for the most part", "not supported"),
    ("Verdict: 50% supported", None),
    ("Verdict: half supported", "not supported"),
    ("Urteil: kaum belegt", "not supported"),
    ("Urteil: keineswegs belegt", "not supported"),
    ("Urteil: wird durch keine Passage belegt", "not supported"),
    ("Verdict : partiellement soutenu", "not supported"),
    ("Verdict : n'est pas étayée", "not supported"),
    ("Veredicto: parcialmente respaldada", "not supported"),
    ("Вердикт: частично подтверждается", "not supported"),
    ("Вердикт: подтверждается", "supported"),
    ("判定：部分支持", "not supported"),
    ("判定：未支持", "not supported"),
    ("判定：无法支持", "not supported"),
    ("判定：没有支持", "not supported"),
    ("判定：裏付けられていない", "not supported"),
    ("判定：裏付けなし", "not supported"),
    ("판정: 지지되지 않음", "not supported"),
    ("판정: 지지됨", "supported"),
    ("판정: 지지 안 됨", None),
    ("Verdict: insufficiently supported", "not supported"),
    ("Verdict: supported (in part)", "not supported"),
    ("Verdict: supported in essence", None),
    ("Verdict: supported; not the year", None),
    ("Verdict: supported by passage 2, contradicted by passage 3", None),
    ("Verdict: possibly supported", None),
    ("Verdict: could be supported", None),
    ("Verdict: seemingly supported", None),
    ("Verdict: would be supported if the year were 1815", None),
    ("Verdict: doubtful support", None),
    ("Verdict: supported by the question, not by the passages", None),
    ("Yes, partly.", None),
    ("Yes, if the year is ignored", None),
    ("Yes, passage 2 says that he did not come.", "supported"),
    ("No, nothing contradicts it.", None),
    ("Verdict: supported. Passage 3 says that he did not come.", "supported"),
    ("Verdict: directly supported by passage 3", "supported"),
    ("Verdict: The claim is well supported by the passages.", "supported"),
    ("Verdict: Passages 2 and 5 support the claim.", "supported"),
    ("Verdict: no passage supports the claim", "not supported"),
    ("Urteil: Die Aussage ist belegt", "supported"),
    ("Urteil: gestützt", "supported"),
    ("Verdict : soutenue", "supported"),
    ("判定：裏付けられる", "supported"),
    ("Veredicto: respaldada", "supported"),
    ("Verdict: supported (passage 4)", "supported"),
]
"""Words beside "supported" can turn its meaning round: with one that is not known it decides nothing."""


@pytest.mark.parametrize(("said", "meant"), [*PAIRS, *WORDS_BEHIND])
def test_which_answer_is_better_is_read_however_it_is_written(said, meant) -> None:
    """First or last, in JSON, Markdown and other languages, hedged or not; alternatives and contradictions are none."""
    assert pair_verdict(said) == meant


@pytest.mark.parametrize(("said", "meant"), CUT)
def test_what_the_end_of_the_output_may_have_halved_is_no_verdict(said, meant) -> None:
    """``Verdict: A`` at the very end of an output that was cut may have been ``A tie``; before more words it stands."""
    assert pair_verdict(said, cut=True) == meant


@pytest.mark.parametrize(("said", "meant"), [*CLAIMS, *WORDS_BEFORE])
def test_whether_a_claim_is_supported_is_read_however_it_is_written(said, meant) -> None:
    """Supported in part is not supported; hedges and two negations are no verdict."""
    assert claim_verdict(said) == meant


plain = st.text("Verdict: ABtie, or not better\n.?*|", max_size=60)


@given(st.sampled_from(["a", "b", "tie"]), plain)
def test_a_plain_last_line_counts_whatever_stands_before(meant, before) -> None:
    """The line that was asked for is read after any text at all."""
    assert pair_verdict(f"{before}\n\nVerdict: {meant.upper() if len(meant) == 1 else meant}") == meant


@given(st.text(max_size=300))
def test_any_text_is_a_verdict_or_none(text) -> None:
    """No text upsets the reading, and what comes out is one of the words that count."""
    assert pair_verdict(text) in {None, "a", "b", "tie"}
    assert claim_verdict(text) in {None, "supported", "not supported"}


@given(st.sampled_from("AB"), st.from_regex(r"[a-z]{3,12}( [a-z]{3,12}){0,4}", fullmatch=True))
def test_what_is_said_of_one_answer_is_no_verdict_for_it(letter, said) -> None:
    """``B is ...`` with any words at all is read as preferring B, a tie or nothing; never as preferring the other."""
    other = "b" if letter == "A" else "a"
    assert pair_verdict(f"Verdict: {letter} is {said}") != other


FAULTS = ("inaccurate", "missing the year", "the worse answer", "beaten by the other", "too long", "made up", "vague")


@pytest.mark.parametrize(
    "form", ["Verdict: {0} is {1}", "{0} is {1}.", "Verdict: Answer {0}, which is {1}? No.", "{0}: {1}"]
)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("letter", ["A", "Answer B", "The first answer"])
def test_a_fault_is_never_a_preference(form, fault, letter) -> None:
    """An answer of which nothing but a fault is said has not won."""
    assert pair_verdict(form.format(letter, fault)) is None


@pytest.mark.parametrize(
    ("completion", "said"),
    [
        (Completion("Verdict: A", Outcome.COMPLETE), ("a", "")),
        (Completion("Verdict: A", Outcome.CUT_BY_OUTPUT_LIMIT), ("", "unreadable verdict")),
        (Completion("Verdict: A", Outcome.REFUSED), ("", "refused")),
        (Completion("", Outcome.BLOCKED), ("", "blocked")),
        (Completion("Hm.", Outcome.COMPLETE), ("", "unreadable verdict")),
    ],
)
def test_why_there_is_no_verdict_is_said(completion, said) -> None:
    """How the call ended, or that nobody can read it; a refusal's own words decide nothing."""
    assert decided(completion, pair_verdict) == said


@pytest.mark.parametrize("loop", ["verdict ", "verdict: A or ", "both ", "x", "\n", "is the same a tie "])
def test_a_judge_in_a_loop_is_read_as_any_text_is(loop) -> None:
    """Tens of thousands of characters of a loop are no verdict, and upset nothing (a slow reading would time out)."""
    text = loop * (30_000 // len(loop))
    assert pair_verdict(text + "\nI cannot say.") is None
    assert claim_verdict(text) is None
