"""FLAC by frames: sample exact, no encoding when frames are put in another order.

A frame of a file with fixed block size says its own number, protected by two
checksums (RFC 9639, section 9.1 and 9.3). To move a frame, its number and both
checksums are written anew; the sound in between stays as it is. A CRC is
linear, so the new one follows from the CRC of the new header and the stored
CRC of the body, without reading the body again. The result decodes everywhere,
and libFLAC's and FFmpeg's own checks pass (tests do both).
"""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy.typing as npt

    _Crcs = npt.NDArray[np.uint32]

    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lm_eval_longctx.hay.speech.codecs import Pcm

GRID = 1152
VERSION = "flac-1152-5"
EXACT = True

_FIXED = 4
"""Bytes of a frame header before the frame's number."""
_BLOCK_SIZE_EXTRA = {6: 1, 7: 2}
"""Header bytes after the number, by the code for uncommon block sizes."""
_BATCH = 2048
_ASCII = 0x80


def encode(pcm: Pcm) -> list[bytes]:
    """Encode whole blocks as frames, each reduced to what does not depend on its place.

    A packet is: header start (4 bytes), header end (length byte, then bytes),
    the CRC-16 of the body alone (2 bytes), the body. The encoder has gone over
    the body once; its CRC is what the header's share leaves of the frame's.
    """
    return [_portable(frame) for frame in _frames(pcm)]


def write(path: Path, pieces: Iterable[list[bytes]], tail: Pcm, total: int) -> None:
    """Write a FLAC file; see ``codecs.Codec``."""
    with path.open("wb") as file:
        file.write(b"fLaC" + _stream_info(total))
        for number, packets in _batches(_with_tail(pieces, tail)):
            file.write(b"".join(_numbered(packets, number)))


def _frames(pcm: Pcm) -> Iterator[bytes]:
    """Encode with FFmpeg's own encoder: one packet is one frame."""
    import av

    encoder = av.CodecContext.create("flac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "s16"
    encoder.time_base = Fraction(1, SAMPLE_RATE)
    encoder.options = {"compression_level": "5"}
    for start in range(0, len(pcm), GRID):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + GRID], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, encoder.time_base
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None) if packet.size)


def _portable(frame: bytes) -> bytes:
    after = _FIXED + _size_of(frame[_FIXED])
    extra = frame[after : after + _BLOCK_SIZE_EXTRA.get(frame[2] >> 4, 0)]
    start = after + len(extra) + 1
    header = np.frombuffer(frame[:start], dtype=np.uint8)[None]
    of_header = _shifted(_crc(_CRC16, 16, header), np.array([len(frame) - start - 2]))
    of_body = struct.unpack(">H", frame[-2:])[0] ^ int(of_header[0])
    return frame[:_FIXED] + bytes([len(extra)]) + extra + struct.pack(">H", of_body) + frame[start:-2]


def _size_of(first: int) -> int:
    """Bytes of a number in FLAC's extended UTF-8, from its first byte."""
    return 1 if first < _ASCII else 8 - (first ^ 0xFF).bit_length()


def _sizes_for(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bytes that numbers take in FLAC's extended UTF-8 (up to 31 bits)."""
    return np.searchsorted([_ASCII, *(1 << (5 * n + 1) for n in range(2, 6))], numbers, side="right") + 1


def _with_tail(pieces: Iterable[list[bytes]], tail: Pcm) -> Iterator[list[bytes]]:
    yield from pieces
    if len(tail):
        yield encode(tail)


def _batches(pieces: Iterable[list[bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (number of the first frame, frames) with some thousand frames at a time."""
    number, held = 0, []
    for packets in pieces:
        held.extend(packets)
        if len(held) >= _BATCH:
            yield number, held
            number, held = number + len(held), []
    if held:
        yield number, held


def _numbered(packets: list[bytes], first: int) -> Iterator[bytes]:
    """Yield the bytes of frames with consecutive numbers."""
    numbers = np.arange(first, first + len(packets))
    sizes = _sizes_for(numbers)
    extras = np.frombuffer(b"".join([packet[_FIXED : _FIXED + 1] for packet in packets]), dtype=np.uint8)
    changes = np.flatnonzero(np.diff(sizes) | np.diff(extras)) + 1
    for a, b in pairwise([0, *changes.tolist(), len(packets)]):
        yield from _alike(packets[a:b], numbers[a:b], int(sizes[a]), int(extras[a]))


def _alike(packets: list[bytes], numbers: npt.NDArray[np.int64], size: int, extra: int) -> Iterator[bytes]:
    """Yield the bytes of frames whose headers are equally long, all headers worked out at once."""
    begin, check = _FIXED + 1 + extra, _FIXED + 3 + extra
    fixed = np.frombuffer(b"".join([packet[:begin] for packet in packets]), dtype=np.uint8).reshape(-1, begin)
    plain = np.hstack([fixed[:, :_FIXED], _utf8(numbers, size), fixed[:, _FIXED + 1 :]])
    headers = np.hstack([plain, _crc(_CRC8, 8, plain)[:, None].astype(np.uint8)])
    stored = np.frombuffer(b"".join([packet[begin:check] for packet in packets]), dtype=">u2").astype(np.uint32)
    bodies = np.fromiter(map(len, packets), dtype=np.int64, count=len(packets)) - check
    checks = (_shifted(_crc(_CRC16, 16, headers), bodies) ^ stored).astype(">u2").tobytes()
    width, flat = headers.shape[1], headers.tobytes()
    for i, packet in enumerate(packets):
        yield flat[width * i : width * (i + 1)]
        yield packet[check:]
        yield checks[2 * i : 2 * i + 2]


def _utf8(numbers: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    """Write numbers in so many bytes of FLAC's extended UTF-8; shape (numbers, size)."""
    if size == 1:
        return numbers[:, None].astype(np.uint8)
    lead = (0xFF << (8 - size) & 0xFF) | numbers >> (6 * (size - 1))
    rest = [0x80 | (numbers >> (6 * i) & 0x3F) for i in reversed(range(size - 1))]
    return np.stack([lead, *rest], axis=1).astype(np.uint8)


def _stream_info(total: int) -> bytes:
    """Return the one metadata block; the MD5 of the samples is left unset, as the format allows."""
    rate_to_total = SAMPLE_RATE << 44 | 0 << 41 | 15 << 36 | total
    body = struct.pack(">HH", GRID, GRID) + bytes(6) + struct.pack(">Q", rate_to_total) + bytes(16)
    return struct.pack(">I", 0x80 << 24 | len(body)) + body


def _table(polynomial: int, bits: int) -> _Crcs:
    top, mask, table = 1 << (bits - 1), (1 << bits) - 1, []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return np.array(table, dtype=np.uint32)


_CRC8 = _table(0x07, 8)
_CRC16 = _table(0x8005, 16)
"""FLAC's two checksums: start 0, not reflected."""


def _crc(table: _Crcs, bits: int, rows: npt.NDArray[np.uint8]) -> _Crcs:
    """Return the checksum of each row of bytes."""
    values = np.zeros(len(rows), dtype=np.uint32)
    for column in rows.T:
        values = (values << 8 & (1 << bits) - 1) ^ table[values >> (bits - 8) ^ column]
    return values


def _shifted(values: _Crcs, zeros: npt.NDArray[np.int64]) -> _Crcs:
    """Return the CRCs after that many further zero bytes each (multiply by x^(8n) modulo the polynomial)."""
    factor, start = _SHIFTS[zeros].astype(np.int64), values.astype(np.int64)
    product = np.zeros_like(start)
    for bit in range(15, -1, -1):
        product = product << 1 ^ np.where(product & 0x8000, 0x18005, 0)
        product ^= np.where(factor >> bit & 1, start, 0)
    return (product & 0xFFFF).astype(np.uint32)


def _powers() -> _Crcs:
    """Return x^(8n) modulo the polynomial for every length that a body can have."""
    powers = [1]
    for _ in range(_LONGEST_BODY):
        powers.append((powers[-1] << 8 & 0xFF00) ^ int(_CRC16[powers[-1] >> 8]))
    return np.array(powers, dtype=np.uint32)


_LONGEST_BODY = 2 * GRID + 16
"""A frame never holds more than its samples as they are, and a few bytes."""
_SHIFTS = _powers()
