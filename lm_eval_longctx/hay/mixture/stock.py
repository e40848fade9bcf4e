"""Where the pieces of a mixture come from: a text, a film and speech, opened when they are first needed."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, MissingExtraError
from lm_eval_longctx.hay.film.source import described, own_part
from lm_eval_longctx.hay.mixture.mixture import Mixture
from lm_eval_longctx.hay.mixture.pieces import Clips, Films, Pages, Pictures
from lm_eval_longctx.hay.speech import hay as speech
from lm_eval_longctx.hay.speech import reading_matter
from lm_eval_longctx.hay.speech.source import Pool, PoolSettings
from lm_eval_longctx.hay.speech.spoken import hay_voices
from lm_eval_longctx.hay.speech.voices import engine, voice
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE
from lm_eval_longctx.hay.text.corpus import Corpus
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.units import Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look
    from lm_eval_longctx.hay.mixture.arithmetic import Arithmetic
    from lm_eval_longctx.hay.mixture.pieces import Lettering, Pieces, Shooting
    from lm_eval_longctx.hay.text.tokenizers import Tokenizer
    from lm_eval_longctx.sample import Haystack

NOTE_SECONDS = 5.0
"""No spoken note takes longer."""

SPACING = Fraction(1, 6)
"""Single pictures a second that are taken from a film: far enough apart that no two are of one shot."""


@dataclass(frozen=True)
class Ingredients:
    """What is mixed, as a task asks for it.

    Attributes:
        kinds: In the order of ``KINDS``.
        rule: What pictures, sound and film cost.
        tokenizer: Counts text.
        text: The source of pages.
        film: The source of pictures and short films.
        speech: The source of clips.
        pool: How much distinct speech is used; empty for the usual.
        page_tokens: Of a page.
        clip_seconds: Of a clip.
        look: Of a short film, and but for the rate of a picture.
        shooting: How short films are made.
        lettering: How notes are laid over pictures.
    """

    kinds: tuple[str, ...]
    rule: Arithmetic
    tokenizer: str
    text: str
    film: str
    speech: str
    pool: str
    page_tokens: int
    clip_seconds: float
    look: Look
    shooting: Shooting
    lettering: Lettering


@dataclass(frozen=True)
class Opened:
    """What one sample index is mixed of.

    Attributes:
        mixture: The pieces.
        haystack: What a sample says of them.
    """

    mixture: Mixture
    haystack: Haystack


class Stock:
    """The sources of all kinds."""

    def __init__(
        self, wanted: Ingredients, context: BuildContext, open_film: Callable[[str, BuildContext], FilmSource]
    ) -> None:
        """Keep what is wanted; nothing is opened yet."""
        self.wanted, self._context, self._open_film = wanted, context, open_film

    @cached_property
    def corpus(self) -> Corpus:
        """The text."""
        return Corpus(self._context.source(self.wanted.text), self.wanted.tokenizer, self._context.cache_dir)

    @cached_property
    def _film(self) -> FilmSource:
        return self._open_film(self.wanted.film, self._context)

    @cached_property
    def pool(self) -> Pool:
        """The speech; made voices speak it now, if they have not yet."""
        voices = hay_voices("en", (), "different")
        options = {"pool": self.wanted.pool, "voices": []}
        return speech.open_pool(self.wanted.speech, self._context, options, PoolSettings("en", voices))

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """The voices of the hay; nobody's where it is recorded.

        Raises:
            MissingExtraError: They are not installed.
        """
        name, _, named = self.wanted.speech.partition(":")
        if name != "voices":
            return ()
        found = tuple(n.strip() for n in named.split(",") if n.strip()) or hay_voices("en", (), "different")
        for one in found:
            if not engine(voice(one)).installed():
                raise MissingExtraError(f"the voice {one!r} (or leave audio out of modalities)", "speech")
        return found

    def open(self, name: str, index: int, limit: int) -> Opened:
        """Open what a sample is mixed of.

        Args:
            name: Of the hay that all lengths, depths and variants of an index share.
            index: Of the sample.
            limit: Tokens of the whole context.

        Raises:
            CorpusError: There is no such source.
            MissingExtraError: Something of it is not installed.
        """
        opened = {kind: getattr(self, f"_{kind}")(name, index, limit) for kind in self.wanted.kinds}
        mixture = Mixture({kind: pieces for kind, (pieces, _) in opened.items()}, self._tokenizer, name)
        return Opened(mixture, _together([hay for _, hay in opened.values()]))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.wanted.tokenizer)

    def _share(self, limit: int) -> int:
        return limit // len(self.wanted.kinds)

    def _text(self, name: str, index: int, limit: int) -> tuple[Pieces, Haystack]:
        del name
        tokens = self._share(limit) + 2 * self.wanted.page_tokens
        first, overlap = self.corpus.stretch(index, tokens)
        pages = Pages(self.corpus, first, self.wanted.page_tokens)
        return pages, self.corpus.described(*pages.bytes(tokens // self.wanted.page_tokens), overlap)

    def _image(self, name: str, index: int, limit: int) -> tuple[Pieces, Haystack]:
        look = replace(self.wanted.look, fps=SPACING)
        each = self.wanted.rule.image(look.width, look.height)
        hay, told = self._shown(f"{name}|pictures", look, index, self._share(limit) // each + 1)
        cache = self._context.cache_dir / "video" / "pictures"
        return Pictures(hay, self.wanted.lettering, self.wanted.rule, cache), told

    def _video(self, name: str, index: int, limit: int) -> tuple[Pieces, Haystack]:
        look, shooting = self.wanted.look, self.wanted.shooting
        tokens = shooting.tokens(look, self.wanted.rule, self._tokenizer.count)
        needed = (self._share(limit) // sum(tokens.values()) + 2) * shooting.pictures
        hay, told = self._shown(f"{name}|films", look, index, needed)
        return Films(hay, shooting, self.wanted.lettering, tokens, self._context.cache_dir / "video"), told

    def _shown(self, name: str, look: Look, index: int, pictures: int) -> tuple[Hay, Haystack]:
        part = own_part(self._film.hay(name, look), index, pictures)
        return part[0], described(self.wanted.film, self._film, part, pictures)

    def _audio(self, name: str, index: int, limit: int) -> tuple[Pieces, Haystack]:
        del index
        clips = Clips(lambda: self.pool, self.wanted.clip_seconds, name, self.wanted.rule, self._context)
        seconds = (self._share(limit) // clips.usual() + 1) * self.wanted.clip_seconds
        if not self.speakers:
            self._check_clips()
            return clips, speech.described(
                self.pool, self.wanted.speech, int(seconds * SAMPLE_RATE / self.pool.samples)
            )
        # Not the pool's own digest: that is known once everything was spoken, and a plan speaks nothing.
        pool = self.wanted.pool or speech.POOL_OF_VOICES
        named = "|".join(("voices", reading_matter.version("everyday"), pool, *self.speakers))
        return clips, {
            "spec": self.wanted.speech,
            "digest": hashlib.sha256(named.encode()).hexdigest()[:16],
            "repeats": int(seconds / parse_length(pool, Unit.SECONDS).amount),
            "voices": list(self.speakers),
        }

    def _check_clips(self) -> None:
        """Raise ``ConfigError`` if a clip has no room for a note and a recording beside it."""
        shortest = min(utterance.seconds for utterance in self.pool.utterances)
        if shortest + NOTE_SECONDS > self.wanted.clip_seconds:
            least = math.ceil(shortest + NOTE_SECONDS)
            what = f"the shortest piece of {self.wanted.speech.partition(':')[0]} lasts {shortest:.1f} s"
            raise ConfigError(f"{what}, and a clip holds one and a sentence more; set clip_seconds to {least} or more")


def _together(hays: Sequence[Haystack]) -> Haystack:
    """Return what a sample says of several hays: each by its name, and how often the shortest begins again."""
    told: Haystack = {
        "spec": "+".join(dict.fromkeys(hay["spec"] for hay in hays)),
        "digest": hashlib.sha256("\n".join(hay["digest"] for hay in hays).encode()).hexdigest()[:32],
        "repeats": max(hay["repeats"] for hay in hays),
        "overlap": max(hay.get("overlap", 0.0) for hay in hays),
    }
    for hay in hays:
        told.update({key: value for key, value in hay.items() if key not in told})  # type: ignore[typeddict-item]
    return told
