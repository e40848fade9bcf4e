"""What came back and what it costs; and what it may cost at most, before it is sent."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import disk_fault
from lm_eval_longctx.ledger.schema import BILLED, FREE, UNKNOWN
from lm_eval_longctx.providers.base import modality_of
from lm_eval_longctx.providers.redact import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.providers.base import Decoded, Provider, Raw, Request, Retry

logger = logging.getLogger(__name__)

COUNT_MARGIN = 1.02
"""How much more than it counted a provider may bill before the cap's promise ends."""

OVERHEAD = 256
"""Tokens that a chat template and the like may add to a prompt."""

MEDIA_MOST = {"text": 1, "audio": 2, "image": 5, "video": 5}
"""How many times what was planned media may be billed for: pictures are counted by size and level, in many ways."""


class Verdict(NamedTuple):
    """One response, read and priced.

    Attributes:
        completion: The answer or the typed failure.
        retry: Whether asking again makes sense.
        billing: ``free``, ``billed`` or ``unknown`` (nobody can say).
        cost: In US dollars, where known.
        saved: US dollars that the provider's cache saved, where known.
    """

    completion: Completion
    retry: Retry
    billing: str
    cost: float | None
    saved: float = 0.0

    @property
    def doubtful(self) -> bool:
        """Whether nobody can say if the call was billed."""
        return self.billing == UNKNOWN

    @property
    def lost(self) -> bool:
        """Whether the call was, or may have been, billed for nothing: asking again may pay twice."""
        return self.billing != FREE and not self.completion.outcome.final

    def at_most(self, worst: float | None) -> float:
        """Return what to count against the cap: the cost, or the worst case where it is not known."""
        return (worst or 0.0) if self.cost is None else self.cost


def verdict_on(provider: Provider, prices: Prices | None, raw: Raw, request: Request) -> Verdict | None:
    """Read a response and price it.

    Returns:
        The verdict, or ``None`` if the provider's own reader fails on it: such
        a response stays in the ledger, unread, until the reader is mended.
    """
    try:
        return _priced(provider.decode(raw, request), prices, raw)
    except Exception:
        logger.exception("the reader of %s failed; the response is kept in the ledger", provider.NAME)
        return None


def _priced(decoded: Decoded, prices: Prices | None, raw: Raw) -> Verdict:
    mine = prices.of_tier(decoded.tier) if prices else None
    billing, cost = _bill(decoded, mine, raw)
    completion, billed = decoded.completion, cost if billing == BILLED else None
    if completion.usage.cost != billed:
        completion = completion.changed(usage=replace(completion.usage, cost=billed))
    if prices and decoded.tier and decoded.tier not in prices.others:
        words = f"nobody knows the prices of the tier {decoded.tier}: the highest of the list were taken"
        completion = completion.changed(notes=(*completion.notes, words))
    saved = mine.saved(completion.usage) if mine and billing == BILLED and completion.usage.cached_tokens else 0.0
    return Verdict(completion, decoded.retry, billing, cost, saved)


def _bill(decoded: Decoded, prices: Prices | None, raw: Raw) -> tuple[str, float | None]:
    usage, outcome = decoded.completion.usage, decoded.completion.outcome
    if outcome is Outcome.POSSIBLY_BILLED:  # what such a response reports, if anything, may be the beginning only
        return UNKNOWN, None
    if usage.prompt_tokens is not None or usage.cost is not None:
        return BILLED, prices.cost(usage) if prices else usage.cost
    if outcome.answered and raw.sent:
        return BILLED, None
    return (UNKNOWN, None) if decoded.retry.billed else (FREE, 0.0)


def prompt_bound(request: Request, planned: int) -> int | None:
    """Return an upper bound of the prompt's tokens, or ``None`` if there is none.

    The provider's own count is trusted within ``COUNT_MARGIN``. Without it,
    text has at most one token for each byte, and media ``MEDIA_MOST`` times what the plan says.

    Args:
        request: With the provider's count, if it counted.
        planned: Prompt tokens as planned, media included; 0 if unknown.
    """
    if request.counted is not None:
        return math.ceil(request.counted * COUNT_MARGIN) + OVERHEAD
    prompt = request.prompt
    kinds = {modality_of(part) for part in prompt.media()}
    if kinds and not planned:
        return None
    return most_tokens(prompt.text_bytes + len(prompt.answer_prefix.encode()), dict.fromkeys(kinds, planned))


def most_tokens(text: int, media: Mapping[str, int]) -> int:
    """Return the most tokens that a prompt can be billed for where nobody counts it.

    Args:
        text: Its bytes of text: no usual tokenizer makes more tokens of them.
        media: The planned tokens of its media, by modality; of several, the dearest counts.
    """
    return text + OVERHEAD + max((MEDIA_MOST[kind] * tokens for kind, tokens in media.items()), default=0)


def worst_case(provider: Provider, prices: Prices | None, request: Request, planned: int) -> float | None:
    """Return what one attempt costs at most, in US dollars; ``None`` if nobody can say."""
    bound = None if prices is None else prompt_bound(request, planned)
    if prices is None or bound is None:
        return None
    return prices.worst(bound, provider.output_budget(request))


def unsent(reason: str, key: str = "", counted: int | None = None) -> Completion:
    """Make the completion of a job that was not sent because the run stopped."""
    detail = f"not sent: {reason}"
    return Completion("", Outcome.TRANSPORT_FAILED, detail=detail, attempts=0, key=key, counted_tokens=counted)


def unaffordable(worst: float | None, key: str, counted: int | None) -> Completion:
    """Make the completion of a job whose worst case does not fit into the cap."""
    size = "its worst case cannot be known" if worst is None else f"its worst case is {worst:.6f} USD"
    detail = f"not sent: {size}, which does not fit into what is left of max_cost"
    return Completion("", Outcome.SKIPPED_BUDGET, detail=detail, attempts=0, key=key, counted_tokens=counted)


def unrenderable(error: Exception, hidden: Sequence[str]) -> Completion:
    """Make the completion of a job that could not be rendered, or that the model does not take.

    Raises:
        Exception: The error itself, where it came of a full or broken disk: that is no fact of the question.
    """
    if disk_fault(error) is not None:
        raise error
    return Completion("", Outcome.UNSUPPORTED, detail=redact(f"not sent: {error}", hidden), attempts=0)


def unreadable(key: str) -> Completion:
    """Make the completion of a call whose response our own reader could not read."""
    detail = "our reader failed on the response; it is kept in the ledger and read again on the next run"
    return Completion("", Outcome.MALFORMED, detail=detail, key=key)


def to_come(words: str, key: str, counted: int | None) -> Completion:
    """Make the completion of a call that is answered in the background, and whose answer cannot be had just now."""
    detail = f"{words}; it is paid, or will be: run the same command again to fetch it"
    return Completion("", Outcome.POSSIBLY_BILLED, detail=detail, key=key, counted_tokens=counted)


def in_batch(key: str, token: str) -> Completion:
    """Make the completion of a call that a batch of an earlier run holds: it is paid already, or will be."""
    detail = f"not sent: it is in the batch {token}; run the same command with batch=true to fetch its answer"
    return Completion("", Outcome.TRANSPORT_FAILED, detail=detail, attempts=0, key=key)
