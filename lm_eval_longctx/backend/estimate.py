"""What a sweep will cost, before it is paid: plain arithmetic on samples.

Two sums are given. The *expected* one takes the prompts as planned, the
prefix cache as the order of calls allows, and answers as long as the right
answer. The *most* is what ``max_cost`` reserves where the provider counts no
prompts: no cache, a token for each byte of text, every token at its highest
price, the whole output budget used.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.verdict import most_tokens
from lm_eval_longctx.completion import Usage
from lm_eval_longctx.providers.capabilities import WireCapabilities
from lm_eval_longctx.providers.rough import AUDIO_TOKENS_PER_SECOND, IMAGE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.backend.jobs import Limits
    from lm_eval_longctx.backend.prices import Prices
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Capabilities

BYTES_PER_TOKEN = 4.5
"""Of English text in the reference tokenizer."""

ANSWER_SLACK = 16
"""Tokens that an answer has beside the right words."""

FIRST_TOKEN, PROMPT_SPEED, OUTPUT_SPEED = 2.0, 20_000.0, 50.0
"""Seconds before anything comes, prompt tokens read in a second, output tokens written in a second: a guess."""

_SIZE = (640, 360)
"""Of pictures whose size nobody says: what our tasks draw unless told otherwise."""

_BLOCK = 128
"""Tokens in which prefix caches count."""

_WORDS_BESIDE, _LABEL = 2048, 32
"""Bytes of a task's own words around its media, and of the label of one picture."""

_USUAL = {"audio": AUDIO_TOKENS_PER_SECOND, "video": IMAGE_TOKENS, "image": IMAGE_TOKENS}
"""Tokens of a second (of film: a frame) or of a picture, where neither the sample nor the model's papers say."""

TOLD_BLOCK = 1 << 16
"""Tokens, at least, between two places where hay can be cut, for caches that have to be told what to keep."""

TOLD_MARKS = 4
"""Beginnings that such a cache keeps of one prompt."""


@dataclass(frozen=True)
class PlannedCall:
    """One call, in numbers.

    Attributes:
        task: The task's name.
        label: The context length as people write it.
        sample: The sample's id.
        repeat: Which repetition, from 0.
        group: Calls of equal group share their hay.
        order: Where in the hay the call's own content begins, in [0, 1].
        tokens: Prompt tokens by modality, as planned.
        bytes: Of the prompt's text, at most.
        answer: Output tokens expected, hidden reasoning included.
        budget: Output tokens at most, hidden reasoning included.
        refused: Why the model does not take it; empty if it does.
        estimated: Whether tokens and bytes were reckoned rather than counted.
    """

    task: str
    label: str
    sample: str
    repeat: int
    group: str
    order: float
    tokens: Mapping[str, int]
    bytes: int
    answer: int
    budget: int
    refused: str = ""
    estimated: bool = False

    @property
    def prompt(self) -> int:
        """All prompt tokens."""
        return sum(self.tokens.values())

    @property
    def shared(self) -> int:
        """Prompt tokens before the call's own content."""
        return int(self.order * self.prompt)


@dataclass(frozen=True)
class Cell:
    """A task at a length, or everything together.

    Attributes:
        task: The task's name; empty for everything.
        label: The context length as people write it; empty for everything.
        samples: Calls that the plan holds.
        known: Of those, calls that the ledger has answered.
        beyond: Of the others, calls whose prompt is longer than the model's window: refused unbilled.
        refused: Of the others, calls that the model does not take, which are not sent.
        why: The reason of the first of these.
        calls: Calls that will be paid.
        tokens: Their prompt tokens by modality.
        cached: Prompt tokens that a prefix cache may serve.
        output: Output tokens expected.
        bytes: Of text.
        expected: US dollars, or ``None`` where nobody knows the prices.
        most: US dollars at most, or ``None``.
        seconds: Time that the calls take together, at a guess.
        estimated: Calls that will be paid whose prompt tokens were reckoned: only making the hay would count them.
    """

    task: str = ""
    label: str = ""
    samples: int = 0
    known: int = 0
    beyond: int = 0
    refused: int = 0
    why: str = ""
    calls: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict)
    cached: int = 0
    output: int = 0
    bytes: int = 0
    expected: float | None = 0.0
    most: float | None = 0.0
    seconds: float = 0.0
    estimated: int = 0

    def __add__(self, other: Cell) -> Cell:
        """Add numbers; names are this one's."""
        kinds = sorted({*self.tokens, *other.tokens})
        counts = ("samples", "known", "beyond", "refused", "calls", "cached", "output", "bytes", "seconds", "estimated")
        return replace(
            self,
            **{name: getattr(self, name) + getattr(other, name) for name in counts},
            tokens={kind: self.tokens.get(kind, 0) + other.tokens.get(kind, 0) for kind in kinds},
            why=self.why or other.why,
            expected=_add(self.expected, other.expected),
            most=_add(self.most, other.most),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "tokens": dict(self.tokens), "prompt_tokens": sum(self.tokens.values())}


def _add(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def prompt_tokens(
    sample: Mapping[str, Any], modality: str, takes: Capabilities, size: tuple[int, int] | None = None
) -> dict[str, int]:
    """Return a sample's prompt tokens by modality.

    Text is counted by the sample's own tokenizer. Pictures, film and sound
    follow the model's documented tokens of one and of a second where they are
    known, else what the sample itself expects. Film that goes as frames is
    pictures.

    Args:
        sample: See ``lm_eval_longctx.sample``.
        modality: Of the task: ``text``, ``image``, ``audio``, ``video`` or ``mixed``.
        takes: What the model takes.
        size: Of its pictures, in pixels, if that is known.
    """
    length = sample.get("realised_length") or sample["context_length"]
    if "tokens_by_kind" in sample:
        return dict(sample["tokens_by_kind"])
    if sample["unit"] == "tokens":
        return {"text": int(length)}
    asked = math.ceil(len(str(sample.get("question", "")).encode()) / BYTES_PER_TOKEN)
    if modality == "text" or sample.get("media_tokens") == 0:  # asked without its pictures or sound
        expected = sample.get("planned_tokens") or math.ceil(sample.get("bytes", 0) / BYTES_PER_TOKEN)
        return {"text": int(expected or asked)}
    native = modality == "video" and sample.get("form", "native") == "native"
    known = _documented(sample, modality, takes, float(length), size or _SIZE, native=native)
    if known is None:
        known = int(sample.get("media_tokens") or math.ceil(_USUAL.get(modality, 0) * float(length)))
    as_film = native and not (isinstance(takes, WireCapabilities) and not takes.native_video)
    return {"text": asked, "image" if modality == "video" and not as_film else modality: known}


def _documented(
    sample: Mapping[str, Any],
    modality: str,
    takes: Capabilities,
    length: float,
    size: tuple[int, int],
    *,
    native: bool,
) -> int | None:
    if not isinstance(takes, WireCapabilities):
        return None
    if modality == "audio" and takes.audio_tokens:
        return math.ceil(takes.audio_tokens * length)
    count = sample.get("pictures", sample["context_length"] if sample["unit"] == "images" else None)
    cost = takes.frame_cost(size, as_film=native)
    return None if cost is None or count is None else math.ceil(cost * int(count))


def most_text(sample: Mapping[str, Any], prompt: Prompt | None) -> int:
    """Return the bytes of text that a sample's prompt has at most.

    Args:
        sample: See ``lm_eval_longctx.sample``.
        prompt: Rendered, where it holds text alone and the sample does not say how many they are: that is quickly done.
            Media are not made for a plan; beside them stand what the sample says, some words, and a label for each
            picture.
    """
    if prompt is not None:
        return prompt.text_bytes + len(prompt.answer_prefix.encode())
    if "tokens_by_kind" in sample:
        return int(sample["bytes"]) + _WORDS_BESIDE
    if sample["unit"] == "tokens" and "bytes" in sample:
        return int(sample["bytes"])
    pictures = max(int(sample.get("pictures") or 0), math.ceil(float(sample["context_length"])))
    return len(json.dumps(sample, default=str).encode()) + _WORDS_BESIDE + _LABEL * pictures


_SAID = 15
"""Bytes of a transcript for a second of speech: 2.5 English words."""


def answer_tokens(sample: Mapping[str, Any], budget: int) -> int:
    """Return how long the right answer is in tokens, roughly, but never more than the budget.

    Where nobody knows it, a piece of a recording is to be written down: as much as people say in its seconds.
    """
    target = sample.get("target", "")
    if target is None:
        return min(budget, math.ceil(_SAID * float(sample["realised_length"]) / BYTES_PER_TOKEN) + ANSWER_SLACK)
    text = target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)
    return min(budget, math.ceil(len(text.encode()) / BYTES_PER_TOKEN) + ANSWER_SLACK)


def cached_tokens(calls: Sequence[PlannedCall], minimum: int) -> list[int]:
    """Return the prompt tokens of each call that a prefix cache may serve, in the order in which they will be sent.

    A call is served up to where its own content begins, if an earlier call of
    its group shares as much; the first of a group is served nothing.

    Args:
        calls: As planned.
        minimum: Tokens that a beginning needs before it is cached.
    """
    served = [0] * len(calls)
    for first, *later in _in_order(calls):
        for position in later:
            shared = min(calls[position].shared, calls[first].shared) // _BLOCK * _BLOCK
            served[position] = shared if shared >= minimum else 0
    return served


def told_tokens(calls: Sequence[PlannedCall], minimum: int) -> list[tuple[int, int]]:
    """Return what a cache that has to be told serves each call, and what it keeps of it, both in prompt tokens.

    The first of a group has a few of its beginnings kept, at even distances;
    each later one is served the longest that it shares.

    Args:
        calls: As planned.
        minimum: Tokens that a beginning needs before it is kept.
    """
    found = [(0, 0)] * len(calls)
    for first, *later in _in_order(calls):
        whole = calls[first].shared // TOLD_BLOCK * TOLD_BLOCK
        kept = [whole * i // TOLD_MARKS // TOLD_BLOCK * TOLD_BLOCK for i in range(1, TOLD_MARKS + 1)]
        for position in later:
            read = max((k for k in kept if minimum <= k <= calls[position].shared), default=0)
            found[position] = (read, 0)
        if whole and any(calls[position].shared >= max(1, minimum) for position in later):
            found[first] = (0, whole)
    return found


def _in_order(calls: Sequence[PlannedCall]) -> list[list[int]]:
    """Return the positions of the calls of each group, in the order in which they will be sent."""
    groups: dict[str, list[int]] = defaultdict(list)
    for position, call in enumerate(calls):
        groups[call.group or f"alone {position}"].append(position)
    return [sorted(found, key=lambda i: (-calls[i].shared, -calls[i].prompt, i)) for found in groups.values()]


def _cache_use(calls: Sequence[PlannedCall], takes: Capabilities) -> list[tuple[int, int]]:
    """Return the tokens of each call that are read from the model's cache, and that are written to it."""
    if takes.prefix_cache == "explicit":
        return told_tokens(calls, takes.cache_minimum)
    if takes.prefix_cache == "implicit":
        return [(read, 0) for read in cached_tokens(calls, takes.cache_minimum)]
    return [(0, 0)] * len(calls)


def seconds_of(call: PlannedCall) -> float:
    """Return how long a call takes, at a guess."""
    return FIRST_TOKEN + call.prompt / PROMPT_SPEED + call.answer / OUTPUT_SPEED


def cell_of(call: PlannedCall, cached: int, prices: Prices | None, written: int = 0) -> Cell:
    """Price one call that will be sent, of which so many tokens are read from a cache and written to it."""
    usage = Usage(call.prompt, cached, written, call.answer, by_modality=dict(call.tokens))
    bound = most_tokens(call.bytes, {kind: n for kind, n in call.tokens.items() if kind != "text"})
    return Cell(
        samples=1,
        calls=1,
        tokens=call.tokens,
        cached=cached,
        output=call.answer,
        bytes=call.bytes,
        expected=prices.cost(usage) if prices else None,
        most=prices.worst(bound, call.budget) if prices else None,
        seconds=seconds_of(call),
        estimated=int(call.estimated),
    )


def estimate(
    calls: Sequence[PlannedCall],
    prices: Prices | None,
    takes: Capabilities,
    known: frozenset[tuple[str, str, int]] = frozenset(),
) -> list[Cell]:
    """Price a plan.

    Args:
        calls: All calls.
        prices: Of the model, if known.
        takes: What the model takes.
        known: (task, sample, repeat) of what the ledger has answered.

    Returns:
        One cell for each task and length, in the order of the plan.
    """
    window = takes.context_window
    done = [call for call in calls if (call.task, call.sample, call.repeat) in known]
    unknown = [call for call in calls if (call.task, call.sample, call.repeat) not in known]
    refused = [call for call in unknown if call.refused]
    left = [call for call in unknown if not call.refused]
    beyond = [call for call in left if window is not None and call.prompt > window]
    paid = [call for call in left if window is None or call.prompt <= window]
    cells = {(call.task, call.label): Cell(call.task, call.label) for call in calls}
    for call in done:
        cells[call.task, call.label] += Cell(samples=1, known=1)
    for call in refused:
        cells[call.task, call.label] += Cell(samples=1, refused=1, why=call.refused)
    for call in beyond:
        cells[call.task, call.label] += Cell(samples=1, beyond=1)
    for call, (cached, written) in zip(paid, _cache_use(paid, takes), strict=True):
        cells[call.task, call.label] += cell_of(call, cached, prices, written)
    return list(cells.values())


def total(cells: Sequence[Cell]) -> Cell:
    """Add all cells up."""
    return sum(cells, Cell())


def wall_seconds(cell: Cell, limits: Limits, concurrency: int) -> float:
    """Return how long the calls of a cell take at the given limits, at a guess.

    Args:
        cell: Usually the total.
        limits: The user's.
        concurrency: Requests in flight.
    """
    waits = [cell.seconds / (limits.concurrency or concurrency)]
    if limits.requests_per_minute:
        waits.append(60.0 * cell.calls / limits.requests_per_minute)
    if limits.tokens_per_minute:
        waits.append(60.0 * sum(cell.tokens.values()) / limits.tokens_per_minute)
    return max(waits)
