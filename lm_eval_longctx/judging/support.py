"""Does the source support what an answer says? Claim by claim, and the judge is itself checked first.

After attributable to identified sources (AIS: Rashkin and others, Computational
Linguistics 49, 2023), which the first version of the Gemini 1.5 report applied
to answers about a whole novel, with a model as judge (AutoAIS). A claim is a
sentence of an answer; the passages are those of the document that are most like
it. How often the judge is right is measured on claims that are known to be true
and to be false: the right answers of the questions, and those of other questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.texts import answer_words
from lm_eval_longctx.backend import Job
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.text.splitting import SENTENCES, unit_ends
from lm_eval_longctx.judging.verdicts import claim_verdict, decided
from lm_eval_longctx.judging.wording import claim_prompt
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.preview.recipes import Recipes
from lm_eval_longctx.stats.errors import Judge, Share, corrected
from lm_eval_longctx.stats.intervals import bounded_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.judging.answers import Answer, Field
    from lm_eval_longctx.judging.compare import Ask
    from lm_eval_longctx.providers.base import Settings

PASSAGES = 8
"""How many passages of about 100 tokens a claim is checked against."""

_SUPPORTED = {"supported": 1.0, "not supported": 0.0}


@dataclass(frozen=True)
class Claim:
    """Something that an answer says.

    Attributes:
        answer: Where it is said; for claims that are known, the answer to the same question.
        text: The claim.
        truth: Whether it is known to be true or false; ``None`` for an answer's own.
    """

    answer: Answer
    text: str
    truth: bool | None = None


def claims_of(answer: Answer) -> list[str]:
    """Return the sentences of an answer that say anything."""
    found, start = [], 0
    for end in unit_ends(answer.text, SENTENCES):
        text = answer.text[start:end].strip()
        start = end
        if answer_words(text):
            found.append(text)
    return found


def known_claims(field: Field, seed: int = 0) -> list[Claim]:
    """Return a true and a false claim for each question whose short answer is known and told.

    False is the right answer of another question, drawn among those that share no word with the right one.
    """
    asked = [next(iter(answers.values())) for answers in field.answers.values()]
    known = [answer for answer in asked if answer.accepted and not answer.logged.sample.get("absent")]
    found = []
    for answer in known:
        own = {word for text in answer.accepted for word in answer_words(text)}
        others = [other.accepted[0] for other in known if not own & set(answer_words(other.accepted[0]))]
        if others:
            drawn = Rng(f"{seed}|{answer.question}#false").choice(others)
            found += [Claim(answer, answer.accepted[0], truth=True), Claim(answer, drawn, truth=False)]
    return found


def passages_for() -> Callable[[Claim], tuple[str, ...]]:
    """Return what finds the passages of a claim's document; documents are opened once.

    The function raises ``ConfigError`` where a task cannot tell its passages.
    """
    opened: dict[str, Recipes] = {}

    @lru_cache(maxsize=4096)
    def found(claim: Claim) -> tuple[str, ...]:
        run = claim.answer.logged.run
        recipes = opened.setdefault(str(run.path) + run.task, Recipes(run.metadata, run.block["specification"]))
        builder = recipes.builder(claim.answer.logged.sample)
        texts = builder.like(claim.answer.logged.sample, f"{claim.answer.asked} {claim.text}", PASSAGES)
        if not texts:
            raise ConfigError(f"{run.task} cannot tell passages of its document; claims of it cannot be checked")
        return tuple(texts)

    return found


def check_claims(claims: Sequence[Claim], settings: Settings, ask: Ask) -> list[float | None]:
    """Return for each claim whether the document supports it: 1, 0, or ``None`` without a verdict."""
    found = ask(claim_jobs(claims, settings))
    return [_SUPPORTED.get(decided(one, claim_verdict)[0]) for one in found]


def claim_jobs(claims: Sequence[Claim], settings: Settings) -> list[Job]:
    """Return a job for each claim; documents are opened once, and their passages looked up now.

    Raises:
        ConfigError: A task cannot tell the passages of its document.
    """
    passages = passages_for()
    return [_job(claim, passages(claim), settings) for claim in claims]


def _job(claim: Claim, passages: tuple[str, ...], settings: Settings) -> Job:
    size = sum(len(text.encode()) for text in (claim.answer.asked, claim.text, *passages)) + 1000
    return Job(
        sample=f"{claim.answer.question}/{claim.text[:40]}",
        task="support",
        render=lambda: claim_prompt(claim.answer.asked, claim.text, passages),
        settings=settings,
        size=size,
        tokens=size // 4,
    )


def all_claims(field: Field, seed: int = 0) -> list[Claim]:
    """Return the claims of all answers, and then those that are known."""
    own = [
        Claim(answer, text)
        for answers in field.answers.values()
        for answer in answers.values()
        for text in claims_of(answer)
    ]
    return [*own, *known_claims(field, seed)]


def supported(claims: Sequence[Claim], verdicts: Sequence[float | None], players: Sequence[str]) -> dict[str, Any]:
    """Return how much of what each player says is supported, and how often the judge is right.

    Returns:
        ``players`` (share of claims with its interval, clustered by question; ``corrected`` by the judge's own errors
        with ``corrected_interval``, see ``stats.errors``), ``judge`` (``sensitivity``: known true claims that it
        supports; ``specificity``: known false ones that it does not; ``tells``: whether both together are surely
        better than guessing, ``null`` where no claim is known) and ``without_verdict``.
    """
    judged = [(claim, value) for claim, value in zip(claims, verdicts, strict=True) if value is not None]
    sensitivity, specificity = _rate(judged, truth=True), _rate(judged, truth=False)
    judge = Judge(sensitivity, specificity) if sensitivity and specificity else None
    shares = {player: share for player in players if (share := _share(_own(judged, player))) is not None}
    return {
        "players": [{"player": player, **_told(share), **_fixed(share, judge)} for player, share in shares.items()],
        "judge": {
            "sensitivity": sensitivity and _told(sensitivity),
            "specificity": specificity and _told(specificity),
            "tells": judge.tells if judge else None,
        },
        "passages": PASSAGES,
        "without_verdict": len(claims) - len(judged),
    }


def _own(judged: Sequence[tuple[Claim, float]], player: str) -> list[tuple[Claim, float]]:
    return [(claim, value) for claim, value in judged if claim.truth is None and claim.answer.player == player]


def _rate(judged: Sequence[tuple[Claim, float]], *, truth: bool) -> Share | None:
    """Return how often the judge is right on claims that are known."""
    return _share([(claim, float(bool(value) == truth)) for claim, value in judged if claim.truth is truth])


def _share(values: Sequence[tuple[Claim, float]]) -> Share | None:
    interval = bounded_mean([value for _, value in values], [claim.answer.question for claim, _ in values])
    mean = sum(value for _, value in values) / max(1, len(values))
    return Share(mean, interval, len(values)) if interval else None


def _told(share: Share) -> dict[str, Any]:
    return {"value": share.value, "interval": share.interval.to_dict(), "n": share.n}


def _fixed(share: Share, judge: Judge | None) -> dict[str, Any]:
    found = corrected(share, judge) if judge else None
    value, interval = found or (None, None)
    return {"corrected": value, "corrected_interval": interval.to_dict() if interval else None}
