"""Whether a server read all of a prompt, judged by what it billed.

A provider's own count, where there is one, is compared when a response is read
(``providers.acceptance``). Everywhere else a bill stands here against our own
count of the text: by itself, and at the end of a run against the bills of the
other calls of the same task, which tell how the server counts.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.hay.text.tokenizers import REFERENCE, load_tokenizer
from lm_eval_longctx.prompt import TextPart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from lm_eval_longctx.backend.verdict import Verdict
    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Provider, Request

SHORTEST = 1024
"""Bytes of text below which a prompt is not judged: the server's own words around it weigh too much."""

SLACK = 64
"""Tokens below which no difference means anything."""

FEWEST = 0.95
"""Tokens of the thriftiest tokenizer for one of the reference, in ASCII text: seven families gave 0.973 and more."""

FEWEST_ELSEWHERE = 0.7
"""The same in other scripts, of which some vocabularies hold far more than others."""

MOST_BYTES = 4.25
"""Bytes of UTF-8 that a token holds at most on average, in a server that counts roughly."""

AT_EDGE = (0.97, 4.05)
"""The same two numbers where the bill lies at the very edge of a window, which it does not by chance."""

LEARNT, LEARNT_SLACK = 0.04, 24
"""Share, and tokens, by which a bill may lie below what the run's other bills lead to expect."""

_NEAR, _ALIKE, _SPREAD, _MOST_ADDED = 0.015, 0.03, 1.3, 512
_WITNESSES, _MOST_POINTS = 3, 48
_LINK, _AT_ONCE, _MOST_CHAINS = 1024, 1 << 16, 64
_WEIGHTS = np.frombuffer(hashlib.shake_128(b"weights").digest(_LINK), np.uint64) | 1  # 10 ms sooner than NumPy's random
"""Make a number of a kilobyte: eight bytes at a time are weighed and added up, which a checksum takes ten times for."""

_SLICES, _SLICE = 8, 4096
_EDGE, _GROWN = 4, 0.05
_REST = 0.08
"""Share by which a bill for the uncached part may differ from our own count of it."""

REST_NOTE = "billed for what the server's cache did not hold, by the look of it: its whole input is unknown"


@dataclass(frozen=True)
class Reading:
    """A prompt that a server read and billed.

    Attributes:
        key: The call's key.
        kind: Prompts of one kind are written alike: the task.
        size: Bytes of its text.
        own: Its tokens by the reference tokenizer.
        ascii: Whether it is plain English, more or less: nearly all ASCII.
        billed: Text tokens that were billed.
        room: Output tokens that were asked for.
        window: The server's, in tokens, by its own account; 0 if unknown.
        chain: A number for each kilobyte of the text, where the server tells nothing of its cache; else nothing.
    """

    key: str
    kind: str
    size: int
    own: int
    ascii: bool
    billed: int
    room: int
    window: int = 0
    chain: Sequence[int] = ()

    def after(self, other: Reading) -> float:
        """Return our own count of what follows the beginning that another prompt has too; 0 if there is none."""
        links = zip(self.chain, other.chain, strict=False)
        shared = next((i for i, (a, b) in enumerate(links) if a != b), min(len(self.chain), len(other.chain)))
        return self.own * (1 - shared * _LINK / self.size) if shared else 0.0

    def fewest(self, ratio: float, most_bytes: float) -> float:
        """Return a number of tokens that no tokenizer goes below; the lower of what two measures say."""
        return min((ratio if self.ascii else FEWEST_ELSEWHERE) * self.own, self.size / most_bytes)

    def alone(self) -> str:
        """Say why the input was cut, as far as the bill itself tells; empty if it does not."""
        held = f"the prompt holds {self.own} by our own count ({REFERENCE})"
        if self.billed + SLACK < self.fewest(FEWEST, MOST_BYTES):
            return f"billed for {self.billed} tokens of text, but {held}"
        edge = next((n for n in (self.billed, self.billed + self.room) if _at_edge(n, self.window)), 0)
        if edge and self.billed < self.fewest(*AT_EDGE):
            return f"billed for {self.billed} tokens of text, just what a window of {edge} lets in, but {held}"
        return ""


def _at_edge(tokens: int, window: int) -> bool:
    """Whether a number of tokens is a window: the server's own, a power of two, or one and a half of it."""
    if tokens < SHORTEST // 4:
        return False
    power = 1 << (tokens + _EDGE).bit_length() - 1
    return any(abs(tokens - edge) <= _EDGE for edge in (power, power * 3 // 2, window, window // 2))


def as_cut(completion: Completion, words: str) -> Completion:
    """Return what becomes of an answer whose prompt was cut: it is none."""
    return completion.changed(text="", outcome=Outcome.TRUNCATED_INPUT, detail=words)


def reading(provider: Provider, request: Request, answer: Completion, kind: str) -> Reading | str:
    """Count a prompt and put its bill beside it; says why nobody can tell where that is impossible."""
    usage = answer.usage
    if usage.prompt_tokens is None:
        return "no usage was reported"
    media = sum(n for modality, n in usage.by_modality.items() if modality != "text")
    if any(request.prompt.media()) and not media:
        return "the bill does not part text from media"
    window = provider.capabilities.context_window or 0
    bill = (usage.prompt_tokens - media, provider.output_budget(request), window)
    chain = _chain(request.prompt) if usage.cached_tokens is None else ()
    return Reading(answer.key, kind, *counted(request.prompt), *bill, chain)


def counted(prompt: Prompt) -> tuple[int, int, bool]:
    """Return a text's bytes, its reference tokens (long parts by evenly spread samples), and if it is nearly ASCII."""
    texts = [*(part.text for part in prompt.parts() if isinstance(part, TextPart)), prompt.answer_prefix]
    size = prompt.text_bytes + len(prompt.answer_prefix.encode())
    characters = sum(map(len, texts))
    return size, round(sum(map(_tokens, texts))), size - characters <= 0.05 * characters


def _chain(prompt: Prompt) -> array[int]:
    """Return a number for each kilobyte of the text: what two prompts have in common, without keeping them."""
    links, left = array("Q"), b""
    for text in (part.text for part in prompt.parts() if isinstance(part, TextPart)):
        for start in range(0, len(text), _AT_ONCE):  # a copy of the whole would be megabytes for each prompt in flight
            data = left + text[start : start + _AT_ONCE].encode()
            whole = len(data) // _LINK * _LINK
            words = np.frombuffer(data, np.uint64, whole // 8).reshape(-1, _LINK // 8)
            links.extend((words @ _WEIGHTS).tolist())
            left = data[whole:]
    return links


def _tokens(text: str) -> float:
    count = load_tokenizer(REFERENCE).count
    if len(text) <= _SLICES * _SLICE:
        return count(text)
    step = (len(text) - _SLICE) / (_SLICES - 1)
    starts = (int(i * step) for i in range(_SLICES))
    return sum(count(text[s : s + _SLICE]) for s in starts) * len(text) / (_SLICES * _SLICE)


class Cuts:
    """All that a backend's calls were billed for, and what follows from it.

    Attributes:
        compared: How many answers were compared, by what with.
        largest_unseen: The largest share of a prompt that could have been cut unseen.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.compared: Counter[str] = Counter()
        self.largest_unseen = 0.0
        self._readings: dict[str, Reading] = {}
        self._decided: dict[str, tuple[int, str, float | None]] = {}
        self._whole: deque[Reading] = deque(maxlen=_MOST_CHAINS)

    def judges(self, request: Request, answer: Completion, kind: str, *, new: bool) -> bool:
        """Whether an answer is to be compared with our own count: of those that the ledger has a few are enough."""
        if not answer.outcome.answered:
            return False
        if answer.counted_tokens is not None:
            self.compared["the provider's own count"] += new
            return False
        enough = not new and sum(known.kind == kind for known in self._readings.values()) >= _MOST_POINTS
        return request.prompt.text_bytes >= SHORTEST and not enough

    def judge(self, found: Reading | str, completion: Completion, number: int, verdict: Verdict | None) -> Completion:
        """Judge a new answer by its own bill, and keep it for the end of the run.

        Args:
            found: See ``reading``.
            completion: The answer.
            number: Of the attempt, in the ledger.
            verdict: What the ledger is told beside the completion; ``None``
                for an answer that it has already, which is a witness only.
        """
        if verdict is None:
            if isinstance(found, Reading):
                self._remember(found)
            return completion
        if isinstance(found, str):
            self.compared["nothing"] += 1
            note = f"nobody can tell whether the input was cut: {found}"
            said = any("whether the input was cut" in note for note in completion.notes)
            return completion if said else completion.changed(notes=(*completion.notes, note))
        self.compared["our own count"] += 1
        self._remember(found)
        self._decided[found.key] = (number, verdict.billing, verdict.cost)
        words = found.alone()
        if words and self._is_the_rest(found):
            del self._readings[found.key], self._decided[found.key]
            return completion.changed(notes=(*completion.notes, REST_NOTE))
        if not words:
            self._whole.append(found)
        return as_cut(completion, words) if words else completion

    def _remember(self, found: Reading) -> None:
        """Keep a prompt's bill to the end of the run, but not its chain, which is as long as the prompt."""
        self._readings[found.key] = replace(found, chain=())

    def _is_the_rest(self, found: Reading) -> bool:
        """Whether a bill is just what follows the beginning of a prompt as long, which was billed whole before.

        Some servers report what their cache did not hold, and nothing of the
        cache. A server that cuts would have cut the earlier prompt too.
        """
        alike = (one for one in self._whole if _like(one.size, found.size, _GROWN))
        return any(rest and abs(found.billed - rest) <= _REST * rest + SLACK for rest in map(found.after, alike))

    def review(
        self, answers: Iterable[Completion | None]
    ) -> dict[str, tuple[Completion, tuple[int, str, float | None]]]:
        """Judge the answers of a run by all bills together.

        Returns:
            By key what becomes of an answer that was accepted at first, and
            what the ledger is to be told with it.
        """
        cut = self.among()
        accepted = {answer.key: answer for answer in answers if answer is not None and answer.outcome.answered}
        return {key: (as_cut(accepted[key], cut[key]), self._decided[key]) for key in cut if key in accepted}

    def among(self) -> dict[str, str]:
        """Say by key why an input was cut, where the run's other bills of its kind tell."""
        kinds: dict[str, list[Reading]] = defaultdict(list)
        for known in self._readings.values():
            kinds[known.kind].append(known)
        found: dict[str, str] = {}
        for alike in kinds.values():
            lines, some = _lines(alike), _thinned(alike)
            words = {r.key: r.alone() or _behind(r, lines) or _stuck(r, some) for r in alike}
            found |= {key: why for key, why in words.items() if why}
            self.largest_unseen = max([self.largest_unseen, *(_unseen(r, lines) for r in alike if not words[r.key])])
        found |= self._at_the_same_edge(found)
        return {key: why for key, why in found.items() if key in self._decided}

    def _at_the_same_edge(self, found: Collection[str]) -> dict[str, str]:
        """Say of the others that their bill is just what several cut prompts were billed: that is the window."""
        bills = Counter(self._readings[key].billed for key in found)
        edges = {bill: count for bill, count in bills.items() if count > 1}
        words = "billed for {} tokens of text, just what {} longer prompts were cut to"
        return {
            one.key: words.format(one.billed, edges[one.billed])
            for one in self._readings.values()
            if one.key not in found and one.billed in edges
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the results."""
        return {"compared_with": dict(self.compared), "largest_unseen_cut": round(self.largest_unseen, 3)}


@dataclass(frozen=True)
class _Line:
    """How bills follow from a measure of the text: what is added to every prompt, and how much for each unit.

    Attributes:
        added: Tokens around every text.
        rate: Tokens for each unit.
        longest: Up to which text this may be believed.
        dense: Bytes for each of our own tokens, in the texts that it was learnt from.
    """

    added: float
    rate: float
    longest: float
    dense: float

    def expects(self, amount: float) -> float:
        """Return the bill that a text should have."""
        return self.added + self.rate * amount


def _lines(alike: Sequence[Reading]) -> tuple[_Line, _Line] | None:
    """Learn how the server counts, by our tokens and by bytes; ``None`` where the bills do not agree."""
    some = _thinned(alike)
    own, size = _line(some, [r.own for r in some]), _line(some, [r.size for r in some])
    return (own, size) if own and size else None


def _thinned(alike: Sequence[Reading]) -> list[Reading]:
    ordered = sorted(alike, key=lambda r: (r.size, r.key))
    step = max(1.0, len(ordered) / _MOST_POINTS)
    return [ordered[int(i * step)] for i in range(math.ceil(len(ordered) / step))]


def _line(readings: Sequence[Reading], amounts: Sequence[int]) -> _Line | None:
    """Find the line near which most bills lie; of equal ones the higher, because a cut only lowers a bill."""
    points = [(float(x), float(r.billed), r) for x, r in zip(amounts, readings, strict=True) if x]
    best: tuple[int, float, list[tuple[float, float, Reading]]] = (0, 0.0, [])
    for added, rate in _candidates([(x, y) for x, y, _ in points]):
        near = [p for p in points if abs(p[1] - added - rate * p[0]) <= _NEAR * p[1] + _SLICES]
        best = max(best, (len(near), added + rate * max(amounts), near), key=lambda found: found[:2])
    near = best[2]
    if len(near) < _WITNESSES:
        return None
    low, high = min(p[0] for p in near), max(p[0] for p in near)
    dense = median(r.size / max(1, r.own) for _, _, r in near)
    if high < _SPREAD * low:  # of one length: what is added cannot be told from the rate
        return _Line(0.0, median(y / x for x, y, _ in near), high * _SPREAD, dense)
    mean_x, mean_y = sum(p[0] for p in near) / len(near), sum(p[1] for p in near) / len(near)
    rate = sum((x - mean_x) * (y - mean_y) for x, y, _ in near) / sum((x - mean_x) ** 2 for x, _, _ in near)
    return _Line(mean_y - rate * mean_x, rate, high * (high / low) ** 2, dense)


def _candidates(points: Sequence[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Yield lines that bills may lie on: through two lengths, or where there is but one, by the share alone."""
    dearest = max((y / x for x, y in points), default=0.0)
    one_length = max(x for x, _ in points) < _SPREAD * min(x for x, _ in points) if points else True
    if one_length:
        yield from ((0.0, y / x) for x, y in points)
        return
    for x, y in points:
        for further, more in points:
            if further >= _SPREAD * x:
                rate = (more - y) / (further - x)
                if rate >= dearest / 2 and -2 * _NEAR * y <= y - rate * x <= _MOST_ADDED:
                    yield y - rate * x, rate


def _behind(one: Reading, lines: tuple[_Line, _Line] | None) -> str:
    """Say that a bill lies clearly below what those of its kind lead to expect, by both measures."""
    if lines is None or not _like(one.size / max(1, one.own), lines[0].dense, _ALIKE):
        return ""
    own, size = lines
    if one.own > own.longest or one.size > size.longest:
        return ""
    expected = min(own.expects(one.own), size.expects(one.size))
    if one.billed + LEARNT_SLACK >= expected * (1 - LEARNT):
        return ""
    return (
        f"billed for {one.billed} tokens of text, but by the bills of this task's other calls it makes {expected:.0f}"
    )


def _stuck(one: Reading, others: Sequence[Reading]) -> str:
    """Say that a prompt was billed like a clearly shorter one."""
    for other in others:
        grown = min(one.own / max(1, other.own), one.size / max(1, other.size)) - 1
        if (
            grown < _GROWN
            or one.own - other.own < SLACK
            or not _like(one.size / one.own, other.size / other.own, _ALIKE)
        ):
            continue
        more = one.billed - other.billed
        if abs(more) <= _EDGE or (grown >= 3 * _GROWN and more < 0.2 * (one.own - other.own)):
            shorter = 100 * grown / (1 + grown)
            return f"billed for {one.billed} tokens of text, like a prompt that is {shorter:.0f} % shorter"
    return ""


def _like(a: float, b: float, share: float) -> bool:
    return abs(a - b) <= share * max(a, b)


def _unseen(one: Reading, lines: tuple[_Line, _Line] | None) -> float:
    """Return the largest share that could have been cut of a prompt with this bill, and not be seen."""
    seen_from = one.fewest(FEWEST, MOST_BYTES) - SLACK
    if lines is not None and one.own <= lines[0].longest and _like(one.size / one.own, lines[0].dense, _ALIKE):
        seen_from = max(seen_from, lines[0].expects(one.own) * (1 - LEARNT) - LEARNT_SLACK)
    return min(1.0, max(0.0, 1 - seen_from / max(1, one.billed)))
