"""The gate between what a server returned and what counts as an answer.

A dialect reads a response into a ``Reply``. Here it becomes a completion, or a
typed failure if anything says that the answer is not what it seems: no finish
marker, no text, a budget that was quietly shrunk, an input that was quietly
cut, media that were quietly thinned out. Odd numbers in the report of usage
make no failure: they are unknown, with a note.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.providers.base import Decoded, Retry
from lm_eval_longctx.providers.finish import UNMARKED
from lm_eval_longctx.providers.parsing import mended
from lm_eval_longctx.providers.tiers import STANDARD, surprise
from lm_eval_longctx.providers.unfolding import ENDLESS
from lm_eval_longctx.providers.usage import UNCHECKED, Most, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Raw, Request

COUNTED_TOLERANCE = 0.05
"""Share by which billed input may lie below the provider's own count before it counts as cut."""

WORDS_TOLERANCE = 0.25
"""Share by which billed input may lie below the number of words (a word is a token at least, and 1.3 on average)."""

MEDIA_TOLERANCE = 0.30
"""Share by which billed media may lie below the documented arithmetic, which is approximate."""

_SAMPLES, _SAMPLE_CHARACTERS = 24, 2048
_SLACK = 64
"""Tokens below which no difference means anything."""

_CJK_BYTES_PER_TOKEN = 12

_ROUND = 1024
"""Tokens: windows are multiples of it, unless a server says otherwise."""


class Expected(NamedTuple):
    """What a call should have been billed for, as far as anybody knows.

    Attributes:
        media: Input tokens by modality, by documented arithmetic or by a probe.
        output_budget: The most output tokens that were asked for.
        exact_budget: Whether the server stops exactly at that budget, so that
            stopping before it means that it was shrunk.
        model: The model that was asked.
        no_other_model: Whether an answer of another model is none (a router
            may pass a question on).
        tier: The service tier that was asked for, and is priced.
        window: Tokens of the context window, or ``None`` if unknown.
    """

    media: Mapping[str, int] = {}
    output_budget: int | None = None
    exact_budget: bool = False
    model: str = ""
    no_other_model: bool = False
    tier: str = STANDARD
    window: int | None = None


class Reply(NamedTuple):
    """A response as a dialect read it.

    Attributes:
        text: The answer, or ``None`` where the server sent none.
        outcome: What its finish marker means, or ``None`` without a known one.
        words: The finish marker and the provider's own explanation.
        usage: What was billed; ``None`` where the server did not say.
        reasoned: Whether hidden reasoning took place.
        all_modalities: Whether ``usage.by_modality`` lists every modality that was billed.
        notes: What else deserves to be recorded.
        retry: Whether asking again makes sense, where that does not follow from the outcome.
        model: The model that answered, by its own account; empty if it does not say.
        ended: Whether the response came whole, whatever its finish marker says.
    """

    text: str | None
    outcome: Outcome | None
    words: str = ""
    usage: Usage | None = None
    reasoned: bool = False
    all_modalities: bool = False
    notes: tuple[str, ...] = ()
    retry: Retry | None = None
    model: str = ""
    ended: bool = False


def accept(reply: Reply, raw: Raw, request: Request | None, expected: Expected) -> Decoded:
    """Turn a reply into a completion with its outcome, and say whether asking again makes sense."""
    reply = _believed(_marked(reply), request, expected)
    outcome = reply.outcome
    if outcome is None:
        return _unfinished(reply, raw)
    if reply.retry is not None:
        return _decoded(reply, raw, outcome, reply.words, reply.retry)
    other = _other_model(reply, expected)
    if other and expected.no_other_model:
        return _decoded(reply, raw, Outcome.MALFORMED, other, Retry("never", billed=True))
    if more := tuple(filter(None, (other, _capped(reply, expected)))):
        reply = reply._replace(notes=(*reply.notes, *more))
    cut = _cut(reply, request, expected) if outcome.answered else None
    if cut is not None:
        return _decoded(reply, raw, *cut)
    unsaid = Retry(billed=True) if reply.usage is None and not outcome.answered else None
    return _textless(reply, raw, expected) or _decoded(reply, raw, outcome, reply.words, unsaid, request)


def _marked(reply: Reply) -> Reply:
    """Take a text without a finish marker for an answer where the response itself came whole."""
    if reply.outcome is not None or reply.words or not reply.ended or not (reply.text or "").strip():
        return reply
    return reply._replace(outcome=Outcome.COMPLETE, notes=(*reply.notes, UNMARKED))


def _believed(reply: Reply, request: Request | None, expected: Expected) -> Reply:
    """Make unknown what a report of usage cannot mean, and note what nobody can check for that."""
    text = mended(reply.text) if isinstance(reply.text, str) else ""
    usage, notes = checked(reply.usage, text.strip(), Most.of(request, expected.output_budget))
    answered = reply.outcome is not None and reply.outcome.answered
    if answered and (usage is None or usage.prompt_tokens is None):
        notes = (*notes, UNCHECKED)
    if text != (reply.text or ""):
        notes = (*notes, "halves of surrogate pairs in the answer were joined or replaced")
    if not notes and usage is reply.usage:  # a text that was mended has a note
        return reply
    return reply._replace(text=None if reply.text is None else text, usage=usage, notes=(*reply.notes, *notes))


def in_tier(decoded: Decoded, served: str, expected: Expected) -> Decoded:
    """Note that another service tier answered than was asked for, which has a price of its own."""
    words = surprise(expected.tier, served)
    if not words:
        return decoded
    completion = decoded.completion
    return replace(decoded, completion=completion.changed(notes=(*completion.notes, words)), tier=served)


def _other_model(reply: Reply, expected: Expected) -> str:
    """Say that a model of another name answered; a dated snapshot has the name of its model in front."""
    asked, answered = expected.model.lower(), reply.model.lower()
    if not asked or not answered or answered.startswith(asked):
        return ""
    return f"{expected.model} was asked, and {reply.model} answered"


def _textless(reply: Reply, raw: Raw, expected: Expected) -> Decoded | None:
    """Read an answer that holds no text, where it should: nothing was answered, so nothing is graded."""
    if reply.outcome not in {Outcome.COMPLETE, Outcome.CUT_BY_OUTPUT_LIMIT} or (reply.text or "").strip():
        return None
    spoken = reply.usage.output_tokens if reply.usage else None
    if reply.outcome is Outcome.CUT_BY_OUTPUT_LIMIT and (reply.reasoned or spoken != 0):
        return _decoded(reply, raw, Outcome.SPENT_ON_REASONING, _spent(reply, expected))
    if reply.outcome is Outcome.CUT_BY_OUTPUT_LIMIT:
        words = f"the server stopped at a limit before the first word ({reply.words}): its window, or its cap on output"
        return _decoded(reply, raw, Outcome.MALFORMED, words, Retry("never", billed=True))
    hidden = "; its hidden reasoning is no answer" if reply.reasoned else ""
    words = f"the answer holds no text ({reply.words}){hidden}"
    return _decoded(reply, raw, Outcome.MALFORMED, words, Retry("transient", billed=True))


def _unfinished(reply: Reply, raw: Raw) -> Decoded:
    """An answer without a finish marker broke off, whatever the wire says; with an odd one it is malformed."""
    again = Retry("transient", billed=True)
    if raw.error.startswith(ENDLESS):
        return _decoded(reply, raw, Outcome.MALFORMED, raw.error, Retry("never", billed=True))
    if reply.words:
        return _decoded(reply, raw, Outcome.MALFORMED, reply.words, again)
    detail = raw.error or "the answer ended without a finish marker"
    return _decoded(reply, raw, Outcome.POSSIBLY_BILLED, detail, again)


def _decoded(
    reply: Reply, raw: Raw, outcome: Outcome, detail: str, retry: Retry | None = None, request: Request | None = None
) -> Decoded:
    notes = (*recorded_notes(raw), *reply.notes)
    text = reply.text or "" if outcome.answered else ""
    if request is not None and outcome.answered:
        text, stopped = stop_at(text, request.settings.stop)
        notes = (*notes, "cut at a stop text by us") if stopped else notes
        if stopped and not text.strip():
            outcome, detail, text = Outcome.MALFORMED, "the answer begins with a stop text: nothing is left of it", ""
            retry = Retry("never", billed=True)
    kept = "" if outcome is Outcome.COMPLETE else " ".join(detail.split())
    usage = reply.usage or Usage()
    return Decoded(Completion(text, outcome, usage, kept, seconds=raw.seconds, notes=notes), retry or Retry())


def recorded_notes(raw: Raw) -> tuple[str, ...]:
    """Return what ``send`` recorded about how the request was changed on its way."""
    return tuple(note for note in raw.headers.get("longctx-notes", "").split("; ") if note)


def stop_at(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """Cut a text before the first stop text in it; many models do not take stop texts themselves."""
    places = [place for place in (text.find(s) for s in stop if s) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _spent(reply: Reply, expected: Expected) -> str:
    tokens = reply.usage.output_tokens if reply.usage else None
    by = "hidden reasoning" if reply.reasoned else "something hidden, such as reasoning,"
    return (
        f"{by} used up the whole output budget ({tokens} of {expected.output_budget} tokens); "
        "allow more with reasoning_tokens, or ask for less effort"
    )


def _cut(reply: Reply, request: Request | None, expected: Expected) -> tuple[Outcome, str] | None:
    """Say what was quietly cut: the output budget, the text, the media."""
    if reply.usage is None:
        return None
    return (
        _shrunk(reply, expected)
        or _below_count(reply.usage, request)
        or _below_words(reply.usage, request)
        or _thinned(reply, expected)
    )


def _stopped_early(reply: Reply, expected: Expected) -> int | None:
    """Return after how many tokens a server called it the limit that would have stopped exactly at ours."""
    asked, got = expected.output_budget, reply.usage.output_tokens if reply.usage else None
    if reply.outcome is not Outcome.CUT_BY_OUTPUT_LIMIT or not expected.exact_budget or asked is None or got is None:
        return None
    return got if got < asked - 1 else None


def _shrunk(reply: Reply, expected: Expected) -> tuple[Outcome, str] | None:
    """Say that the window ended, where prompt and answer together fill it; a cap on output is no end of the window."""
    got, prompt = _stopped_early(reply, expected), reply.usage.prompt_tokens if reply.usage else None
    if got is None or prompt is None or not _fills(prompt + got, expected.window):
        return None
    words = (
        f"the window ran out: {expected.output_budget} output tokens were asked for, "
        f"the server stopped at {got} and called it the limit"
    )
    return Outcome.CONTEXT_EXCEEDED, words


def _fills(total: int, window: int | None) -> bool:
    """Whether so many tokens fill a window; one that nobody knows is taken to be a round number."""
    return total >= window - 1 if window else (total + 1) % _ROUND <= 2  # noqa: PLR2004 - one off in either direction


def _capped(reply: Reply, expected: Expected) -> str:
    """Note that a server made less than was asked for; whether by a cap of its own, it does not say."""
    got = _stopped_early(reply, expected)
    if got is None:
        return ""
    return f"the server stopped at {got} of {expected.output_budget} output tokens: a cap of its own, or its window"


def _below_count(usage: Usage, request: Request | None) -> tuple[Outcome, str] | None:
    if request is None or request.counted is None or usage.prompt_tokens is None:
        return None
    if usage.prompt_tokens >= request.counted * (1 - COUNTED_TOLERANCE) - _SLACK:
        return None
    words = f"billed for {usage.prompt_tokens} input tokens, but the provider itself counted {request.counted}"
    return Outcome.TRUNCATED_INPUT, words


def _below_words(usage: Usage, request: Request | None) -> tuple[Outcome, str] | None:
    if request is None or usage.prompt_tokens is None:
        return None
    least = fewest_tokens(request.prompt)
    text = usage.prompt_tokens - sum(n for kind, n in usage.by_modality.items() if kind != "text")
    if text >= least * (1 - WORDS_TOLERANCE) - _SLACK:
        return None
    words = f"billed for {text} tokens of text, but the prompt holds {least} words at least"
    return Outcome.TRUNCATED_INPUT, words


def _thinned(reply: Reply, expected: Expected) -> tuple[Outcome, str] | None:
    billed = reply.usage.by_modality if reply.usage else {}
    if not reply.all_modalities:
        return None
    for kind, tokens in expected.media.items():
        if billed.get(kind, 0) < tokens * (1 - MEDIA_TOLERANCE) - _SLACK:
            words = f"billed for {billed.get(kind, 0)} tokens of {kind}, but what was sent makes {tokens}"
            return Outcome.TRUNCATED_INPUT, words
    return None


def fewest_tokens(prompt: Prompt) -> int:
    """Return a number of tokens that no usual tokenizer goes below, from evenly spread samples of the text.

    Tokenizers do not join words across spaces, so a word is a token at least;
    for scripts without spaces, twelve bytes of UTF-8 are.
    """
    return sum(_fewest(part.text) for part in prompt.parts() if isinstance(part, TextPart))


def _fewest(text: str) -> int:
    if len(text) <= _SAMPLES * _SAMPLE_CHARACTERS:
        return _words(text)
    step = (len(text) - _SAMPLE_CHARACTERS) / (_SAMPLES - 1)
    starts = (int(i * step) for i in range(_SAMPLES))
    seen = sum(_words(text[start : start + _SAMPLE_CHARACTERS]) for start in starts)
    return int(seen * len(text) / (_SAMPLES * _SAMPLE_CHARACTERS))


def _words(text: str) -> int:
    words = len(text.split())
    return max(words, len(text.encode(errors="replace")) // _CJK_BYTES_PER_TOKEN) if not text.isascii() else words
