"""From a timeline to a file: streamed, named by what is in it, written once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.files import only_maker, whole, write_whole
from lm_eval_longctx.hay.progress import progress
from lm_eval_longctx.hay.speech.codecs import Format, codec
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.prompt import AudioPart, file_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lm_eval_longctx.hay.speech.pieces import PieceStore
    from lm_eval_longctx.hay.speech.source import Pool, Utterance
    from lm_eval_longctx.hay.speech.timeline import Timeline
    from lm_eval_longctx.hay.speech.waveform import Waveform


@dataclass(frozen=True)
class Spoken:
    """What is inserted: an utterance, how to load it, and how much louder than the hay it is (dB)."""

    utterance: Utterance
    load: Callable[[Utterance], Waveform]
    gain_db: float = 0.0


def render(
    timeline: Timeline, pool: Pool, inserts: Sequence[Spoken], store: PieceStore, of: Format, cache_dir: Path
) -> AudioPart:
    """Write a timeline as a file, or find it already written.

    Args:
        timeline: What comes when.
        pool: The hay.
        inserts: In the order of ``timeline.placed``.
        store: Gives encoded pieces.
        of: The kind of file.
        cache_dir: The package's cache folder.

    Returns:
        The file as a part of a prompt.
    """
    name = _name(timeline, pool, inserts, store)
    path = cache_dir / "audio" / "rendered" / name[:2] / f"{name}{of.suffix}"
    facts = path.with_suffix(".json")
    if not (path.is_file() and facts.is_file()):
        with only_maker(path):
            if not (path.is_file() and facts.is_file()):
                _write(path, timeline, _pieces(timeline, pool, inserts, store), store, of)
                _write_facts(facts, path)
    digest = json.loads(facts.read_text(encoding="utf-8"))["sha256"]
    return AudioPart(str(path), digest, of.mime, timeline.total / SAMPLE_RATE, SAMPLE_RATE)


def _name(timeline: Timeline, pool: Pool, inserts: Sequence[Spoken], store: PieceStore) -> str:
    """Return the digest of everything that is in the file."""
    sha = hashlib.sha256(f"{store.identity}|{pool.digest}|{timeline.total}|{timeline.filler}".encode())
    sha.update(b"".join(index.to_bytes(4, "big") for index in timeline.hay))
    for placed, spoken in zip(timeline.placed, inserts, strict=True):
        sha.update(f"|{placed.after}|{placed.start}|{spoken.utterance.digest}|{spoken.gain_db!r}".encode())
    return sha.hexdigest()


def _pieces(timeline: Timeline, pool: Pool, inserts: Sequence[Spoken], store: PieceStore) -> Iterator[list[bytes]]:
    waiting = sorted(zip(timeline.placed, inserts, strict=True), key=lambda pair: pair[0].start)
    for number, index in enumerate(timeline.hay):
        while waiting and waiting[0][0].after <= number:
            yield _insert(waiting.pop(0)[1], store)
        yield store.utterance(pool.utterances[index], pool.load)
    for _, spoken in waiting:
        yield _insert(spoken, store)
    if timeline.filler:
        yield store.background(timeline.filler)


def _insert(spoken: Spoken, store: PieceStore) -> list[bytes]:
    return store.utterance(spoken.utterance, spoken.load, spoken.gain_db)


def _write(path: Path, timeline: Timeline, pieces: Iterator[list[bytes]], store: PieceStore, of: Format) -> None:
    seconds, packet = timeline.total / SAMPLE_RATE, store.grid / SAMPLE_RATE
    with whole(path) as beside, progress(f"rendering {of.name}", seconds, "s of sound") as bar:
        codec(of).write(beside, _counted(pieces, packet, bar), store.tail(timeline.tail), timeline.total)


def _counted(pieces: Iterator[list[bytes]], seconds: float, bar: Callable[[float], object]) -> Iterator[list[bytes]]:
    for packets in pieces:
        yield packets
        bar(len(packets) * seconds)


def _write_facts(facts: Path, path: Path) -> None:
    write_whole(facts, json.dumps({"sha256": file_digest(path), "bytes": path.stat().st_size}).encode())
