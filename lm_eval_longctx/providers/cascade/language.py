"""A language model of bytes that learns as it reads: prediction by partial matching (PPMd, variant H).

It predicts each byte from the bytes before it, with nothing known beforehand,
so that its loss falls with what it has read: an honest curve for runs without
a real model. The arithmetic coder of the library ``pyppmd`` measures it: what
a stretch adds to the output is its log-likelihood, to within a byte. Ten
million tokens take half a minute.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ORDER = 8
"""Bytes that a prediction may look back; more costs memory and gains little on prose."""

MEMORY = 640 << 20
"""Bytes that the model may take: enough for 40 MB of prose; beyond that it forgets its rarest contexts."""

_NATS_A_BYTE = 8 * math.log(2)


def log_likelihoods(
    texts: Iterable[str], ranges: Sequence[tuple[int, int]], read: Callable[[int], object] = id
) -> list[float]:
    """Return the negative log-likelihood in nats of each range of bytes, given all before it.

    Args:
        texts: The text in pieces, in order; each is read once.
        ranges: First byte and the byte after the last of each.
        read: Told now and then how many bytes have been read.

    Raises:
        MissingExtraError: ``pyppmd`` is not installed.
    """
    try:
        import pyppmd
    except ImportError as error:
        raise MissingExtraError("the embedded language model", "embedded") from error
    coder, written = pyppmd.Ppmd8Encoder(ORDER, MEMORY), 0
    sizes: dict[int, int] = {}
    for place, piece in _cut(texts, sorted({place for pair in ranges for place in pair})):
        written += len(coder.encode(piece))
        sizes[place] = written
        read(place)
    return [(sizes[stop] - sizes[start]) * _NATS_A_BYTE for start, stop in ranges]


def _cut(texts: Iterable[str], marks: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Yield pieces of bytes that end at each mark, with the byte at which each ends; nothing after the last."""
    place, left = 0, list(marks)
    for text in texts:
        data = text.encode()
        while left and left[0] <= place + len(data):
            mark = left.pop(0)
            yield mark, data[: mark - place]
            data, place = data[mark - place :], mark
        if not left:
            return
        place += len(data)
        yield place, data
