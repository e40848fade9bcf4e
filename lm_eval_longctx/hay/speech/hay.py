"""What all sound builders share: opening the speech, choosing the codec and the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.estimating import SPEECH, estimated
from lm_eval_longctx.hay.speech import codecs, floor
from lm_eval_longctx.hay.speech.floor import Floor
from lm_eval_longctx.hay.speech.pieces import PieceStore, packets_of
from lm_eval_longctx.hay.speech.reading_matter import READINGS
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings, SpeechSource
from lm_eval_longctx.hay.speech.source_hub import HubSource
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.settings import Option
from lm_eval_longctx.units import Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.speech.codecs import Format
    from lm_eval_longctx.sample import Haystack

POOL_OF_VOICES = "6m"
POOL_OF_RECORDINGS = "2h"

OPTIONS = (
    Option(
        "pool", "", "how much distinct speech to use, such as '10m'; empty: 6m of synthesised, 2h of recorded speech"
    ),
    Option("codec", "auto", "kind of file; auto is FLAC up to 10 h and Opus above", choices=codecs.CHOICES),
    Option("language", "en", "two letters: language of speech, needle and voices"),
    Option("voices", [], "voices that read the hay of the source 'voices'; empty: the default ones"),
    Option("reading", "everyday", "what the source 'voices' reads", choices=READINGS),
    Option("noise", "pink", "background", choices=floor.NOISES),
    Option("snr_db", floor.ROOM_TONE_SNR, "speech above background in dB, or a list (a ladder)", kinds=(list, tuple)),
    Option(
        "tokens_per_second",
        32.0,
        "tokens a second of sound costs, to ask lengths in tokens, where the table of models does not say",
        minimum=0.1,
    ),
)


@dataclass(frozen=True)
class Bench:
    """What a file is made with.

    Attributes:
        pool: The speech.
        store: Encoded pieces of it.
        of: The kind of file.
        packets: How many packets each of the pool's utterances takes.
    """

    pool: Pool
    store: PieceStore
    of: Format
    packets: tuple[int, ...]


def open_pool(spec: str, context: BuildContext, options: dict[str, Any], settings: PoolSettings) -> Pool:
    """Return the speech that a task asks for.

    Raises:
        ConfigError: The haystack is not speech.
    """
    source = HubSource(spec.partition(":")[2], context) if spec.partition(":")[0] == "hub" else context.source(spec)
    if not isinstance(source, SpeechSource):
        raise ConfigError(f"haystack {spec!r} is not speech; use voices, speech:<folder> or hub:<data set with audio>")
    if options.get("voices") and source.spec != "voices":
        raise ConfigError(f"voices are for the haystack 'voices'; {spec!r} has its own speakers: use needle_voices")
    default = POOL_OF_VOICES if source.spec == "voices" else POOL_OF_RECORDINGS
    wanted = parse_length(options["pool"] or default, Unit.SECONDS)
    return source.pool(round(wanted.amount * SAMPLE_RATE), settings)


def bench(pool: Pool, samples: int, snr_db: float, options: dict[str, Any], context: BuildContext) -> Bench:
    """Return codec and store for a file of a duration."""
    of = codecs.choose(options["codec"], samples)
    store = PieceStore(of, Floor(options["noise"], snr_db), context.cache_dir)
    return Bench(pool, store, of, tuple(packets_of(u, store.grid) for u in pool.utterances))


def ladder(options: dict[str, Any]) -> tuple[float, ...]:
    """Return the signal-to-noise ratios to try, in the order given.

    Raises:
        ConfigError: The list is empty or holds something else than numbers.
    """
    given = options["snr_db"]
    steps = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    if not steps or not all(isinstance(s, (int, float)) and not isinstance(s, bool) for s in steps):
        raise ConfigError(f"snr_db must be a number or a list of numbers, not {given!r}")
    return tuple(float(step) for step in dict.fromkeys(steps))


def variants(options: dict[str, Any]) -> tuple[str, ...]:
    """Return one variant for each step of a noise ladder; a single step is no variant."""
    steps = ladder(options)
    return tuple(f"snr={step:g}dB" for step in steps) if len(steps) > 1 else ("",)


def snr_of(variant: str, options: dict[str, Any]) -> float:
    """Return the signal-to-noise ratio of a variant, in dB."""
    return float(variant[4:-2]) if variant else ladder(options)[0]


def overlap(packets: Sequence[int], own: Sequence[int], lower: Iterable[Sequence[int]]) -> float:
    """Return the share of a sample's hay that samples of its cell with a lower index have, too, 0 to 1.

    Args:
        packets: How long each of the pool's utterances is.
        own: The utterances of the sample.
        lower: Those of each sample with a lower index.
    """
    heard: set[int] = set()
    for others in lower:
        heard.update(others)
        if len(heard) == len(packets):
            break
    again = sum(packets[index] for index in own if index in heard)
    return round(again / max(1, sum(packets[index] for index in own)), 4)


def described(pool: Pool, spec: str, repeats: float, shared: float = 0.0) -> Haystack:
    """Return the sample's ``haystack`` entry.

    Args:
        pool: The speech.
        spec: As the user wrote it.
        repeats: How often some of it is heard again.
        shared: See ``overlap``.
    """
    entry: Haystack = {
        "spec": _shown(spec),
        "digest": pool.digest[:16],
        "repeats": repeats,
        "overlap": shared,
        "pool_seconds": round(pool.samples / SAMPLE_RATE, 2),
        "licence": pool.licence,
    }
    guessed = {"estimated": True} if estimated(SPEECH) else {}
    return cast("Haystack", {**entry, **pool.details, **guessed})


def _shown(spec: str) -> str:
    """Leave the machine's folders out of what is logged."""
    name, colon, argument = spec.partition(":")
    return f"{name}{colon}{argument.rstrip('/').rsplit('/', 1)[-1]}" if name == "speech" else spec
