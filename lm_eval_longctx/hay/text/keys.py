"""What is hidden: keys, values and the sentences that hold them."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.hay.text.words import ADJECTIVES, CITIES, NOUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lm_eval_longctx.plan import Rng

NUMBER_DIGITS = 7
_TRIES = 1000


@dataclass(frozen=True)
class Kind:
    """A kind of key or value.

    Attributes:
        name: As in the options.
        noun: One of them, as sentences call it.
        candidates: Yields different ones in random order, for as long as there are any.
        pattern: Matches, in UTF-8, all text that could hold one.
    """

    name: str
    noun: str
    candidates: Callable[[Rng], Iterator[str]]
    pattern: re.Pattern[bytes]


def _cities(rng: Rng) -> Iterator[str]:
    return iter(rng.sample(CITIES, len(CITIES)))


def _words(rng: Rng) -> Iterator[str]:
    return _endless(lambda: f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}")


def _numbers(rng: Rng) -> Iterator[str]:
    return _endless(lambda: str(rng.between(10 ** (NUMBER_DIGITS - 1), 10**NUMBER_DIGITS - 1)))


def _uuids(rng: Rng) -> Iterator[str]:
    return _endless(lambda: _uuid(rng))


def _uuid(rng: Rng) -> str:
    """Return a random UUID, version 4 (RFC 9562)."""
    digits = f"{rng.below(1 << 128):032x}"
    variant = "89ab"[int(digits[16], 16) % 4]
    digits = f"{digits[:12]}4{digits[13:16]}{variant}{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _endless(draw: Callable[[], str]) -> Iterator[str]:
    seen: set[str] = set()
    for _ in range(_TRIES * _TRIES):
        if (text := draw()) not in seen:
            seen.add(text)
            yield text


KINDS = {
    kind.name: kind
    for kind in (
        Kind("cities", "city", _cities, re.compile("|".join(CITIES).encode())),
        Kind("words", "word", _words, re.compile(rb"[a-z]{2,}(?:-[a-z]{2,})+")),
        Kind("numbers", "number", _numbers, re.compile(rb"[0-9]{%d,}" % NUMBER_DIGITS)),
        Kind("uuids", "uuid", _uuids, re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")),
    )
}
KEY_KINDS = tuple(KINDS)
VALUE_KINDS = ("numbers", "words", "uuids")


def draw(kind: Kind, rng: Rng, count: int, taken: Collection[str], spec: str) -> list[str]:
    """Draw different texts of a kind, none of which stands in the hay.

    Args:
        kind: What to draw.
        rng: Decides.
        count: How many.
        taken: What the hay holds of this kind, and what was drawn before.
        spec: The hay's name, for the message.

    Raises:
        CorpusError: The hay holds too many of this kind.
    """
    joined = "\n".join(taken)
    drawn: list[str] = []
    for text in kind.candidates(rng):
        if len(drawn) == count:
            break
        if text not in joined:
            drawn.append(text)
    if len(drawn) < count:
        raise CorpusError(
            f"only {len(drawn)} {kind.name} are not in the haystack {spec}, {count} are needed; use another kind of key"
        )
    return drawn


def check_template(name: str, template: str, allowed: Collection[str], required: Collection[str] = ()) -> str:
    """Return a template, in which ``{city}`` is ``{key}`` and ``{number}`` is ``{value}``, if its blanks are right.

    Args:
        name: The option's name.
        template: Text with ``{blanks}``.
        allowed: Blanks that may be there.
        required: Blanks that must be there.

    Raises:
        ConfigError: A blank is unknown or missing, or the braces do not match.
    """
    template = template.replace("{city}", "{key}").replace("{number}", "{value}")
    try:
        blanks = {blank for _, blank, _, _ in string.Formatter().parse(template) if blank is not None}
    except ValueError as error:
        raise ConfigError(f"{name} cannot be read as a template ({error}): {template!r}") from error
    if blanks - set(allowed):
        wrong = ", ".join(f"{{{blank}}}" for blank in sorted(blanks - set(allowed)))
        raise ConfigError(f"{name} has unknown blanks {wrong}; it may have {', '.join(f'{{{b}}}' for b in allowed)}")
    if set(required) - blanks:
        raise ConfigError(f"{name} must have the blanks {', '.join(f'{{{b}}}' for b in required)}: {template!r}")
    return template
