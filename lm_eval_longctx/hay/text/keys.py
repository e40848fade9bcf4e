"""What is hidden: keys, values and the sentences that hold them; and a hay that consists of such sentences."""

from __future__ import annotations

import hashlib
import re
import string
import zlib
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, CorpusError
from lm_eval_longctx.hay.text.splitting import LINES
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.text.corpus import Corpus

NEEDLE = "The special magic {key} {kind} is: {value}."

CITIES = tuple(
    city.strip()
    for city in """
Aarhus, Abidjan, Accra, Adelaide, Agadir, Albany, Aleppo, Algiers, Almaty, Amman, Amsterdam, Anchorage, Ankara,
Antwerp, Arequipa, Ashgabat, Asmara, Athens, Atlanta, Auckland, Austin, Baghdad, Baku, Bamako, Bandung, Bangkok,
Barcelona, Basel, Basra, Beijing, Beirut, Belfast, Belgrade, Bengaluru, Bergen, Berlin, Bern, Bilbao,
Birmingham, Bishkek, Bogota, Bologna, Boston, Brasilia, Bratislava, Bremen, Brisbane, Bristol, Brussels,
Bucharest, Budapest, Buffalo, Busan, Cairo, Calgary, Canberra, Caracas, Cardiff, Casablanca, Charlotte, Chengdu,
Chicago, Cleveland, Cologne, Colombo, Conakry, Copenhagen, Cordoba, Cork, Cusco, Dakar, Dallas, Damascus,
Darwin, Delhi, Denver, Detroit, Dhaka, Djibouti, Dodoma, Doha, Dortmund, Dresden, Dubai, Dublin, Durban,
Dushanbe, Edinburgh, Edmonton, Entebbe, Essen, Fez, Florence, Frankfurt, Freetown, Fukuoka, Gaborone, Gdansk,
Geneva, Genoa, Georgetown, Ghent, Glasgow, Goa, Gothenburg, Granada, Graz, Guadalajara, Guayaquil, Haifa,
Halifax, Hamburg, Hanoi, Hanover, Harare, Havana, Helsinki, Hiroshima, Hobart, Honolulu, Houston, Hyderabad,
Incheon, Innsbruck, Isfahan, Islamabad, Istanbul, Izmir, Jaipur, Jakarta, Jeddah, Jerusalem, Johannesburg, Juba,
Kabul, Kampala, Karachi, Kathmandu, Kazan, Khartoum, Kigali, Kingston, Kinshasa, Kobe, Kolkata, Krakow, Kuwait,
Kyiv, Kyoto, Lagos, Lahore, Lausanne, Leeds, Leipzig, Libreville, Lille, Lima, Linz, Lisbon, Liverpool,
Ljubljana, London, Luanda, Lusaka, Luxembourg, Lviv, Lyon, Madrid, Malaga, Malmo, Managua, Manchester, Manila,
Maputo, Marrakesh, Marseille, Maseru, Medellin, Melbourne, Memphis, Miami, Milan, Milwaukee, Minsk, Mogadishu,
Mombasa, Monrovia, Montevideo, Montreal, Moscow, Mumbai, Munich, Muscat, Nagoya, Nairobi, Nantes, Naples,
Nashville, Nassau, Niamey, Nice, Nicosia, Nouakchott, Nuremberg, Oakland, Odesa, Omaha, Oporto, Osaka, Oslo,
Ottawa, Palermo, Panama, Paris, Perth, Philadelphia, Phoenix, Pittsburgh, Podgorica, Portland, Porto, Prague,
Pretoria, Pristina, Quebec, Quito, Rabat, Reykjavik, Richmond, Riga, Riyadh, Rome, Rosario, Rotterdam,
Sacramento, Salzburg, Samara, Santiago, Sapporo, Sarajevo, Seattle, Seoul, Seville, Shanghai, Sheffield,
Shenzhen, Singapore, Skopje, Sofia, Stockholm, Strasbourg, Stuttgart, Surabaya, Suva, Sydney, Taipei, Tallinn,
Tampa, Tangier, Tashkent, Tbilisi, Tehran, Tirana, Tokyo, Toledo, Toronto, Toulouse, Tripoli, Tucson, Tunis,
Turin, Ulaanbaatar, Utrecht, Valencia, Valletta, Vancouver, Venice, Verona, Vienna, Vientiane, Vilnius, Warsaw,
Wellington, Windhoek, Winnipeg, Wroclaw, Yaounde, Yerevan, Yokohama, Zagreb, Zanzibar, Zaragoza, Zurich
""".replace("\n", " ").split(",")
)

ADJECTIVES = tuple(
    """
able agile amber ancient arctic azure bold brave brisk broad bronze calm careful clever coastal copper cosmic
crimson curious daring deep dusty eager early earnest elegant emerald fair famous fancy fearless fierce floral
fluent fond frosty gentle giant glad golden graceful grand granite happy hardy hasty hidden hollow honest humble
icy idle indigo ivory jolly keen kind lively lonely loyal lucky lunar magnetic marble mellow merry mighty modest
narrow nimble noble northern olive opal orderly patient pearly placid plain playful polite proud quick quiet
radiant rapid rare rustic salty scarlet secret serene sharp shiny silent silver simple sincere sleepy slender
smooth snowy solar solid spicy steady stony subtle sunny swift tender tidy timid tranquil urban vast velvet
violet vivid warm wary western wild windy wise witty woolly zesty
""".split()
)

NOUNS = tuple(
    """
acorn anchor antler apple apron arrow badger bamboo banjo barley basin basket beacon beaver bell birch biscuit
blanket bonnet bottle bramble bridge bucket butter button cabin cactus camel candle canoe canyon carpet castle
cedar chimney cinnamon clover cobbler comet compass copper coral cottage cradle crayon cricket crystal dagger
daisy dolphin donkey dragon drum eagle easel ember falcon feather fern ferret fiddle flannel flute forest fossil
fountain fox garlic garnet ginger glacier goblet goose granite guitar hammer harbor harp hazel helmet heron
honey hornet island ivory jacket jasmine jigsaw juniper kettle kitten ladder lantern lemon lichen lily linen
lobster locket lotus magnet mango maple marble meadow medal melon mitten mosaic muffin mustard needle nettle
nutmeg oasis ocean onion orchard otter owl paddle panther parrot pebble pepper pickle pillow pistachio planet
plum pocket poppy pottery prairie puffin pumpkin quartz quill rabbit raven ribbon river rocket saddle saffron
salmon sandal saucer shovel spade sparrow spindle sponge squirrel stable statue sunset swan table teapot thistle
thunder timber tulip tunnel turnip turtle umbrella valley vessel village violin walnut walrus whistle willow
window wizard yarrow zebra
""".split()
)


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


def held(kind: Kind, corpus: Corpus, index: int, tokens: int) -> set[str]:
    """Return what the hay of an index holds of a kind: see ``Corpus.stretch``."""
    first = corpus.unit_start(corpus.stretch(index, tokens)[0])
    name = f"{kind.name}-{hashlib.sha256(kind.pattern.pattern).hexdigest()[:12]}"
    return corpus.matches(name, kind.pattern, first, corpus.advance(first, tokens))


def listed(taken: Iterable[str]) -> str:
    """Return what a hay holds as ``draw`` looks through it."""
    return "\n".join(taken)


def draw(kind: Kind, rng: Rng, count: int, taken: str, spec: str) -> list[str]:
    """Draw different texts of a kind, none of which stands in the hay.

    Args:
        kind: What to draw.
        rng: Decides.
        count: How many.
        taken: What the hay holds of this kind, and what was drawn before: see ``listed``.
        spec: The hay's name, for the message.

    Raises:
        CorpusError: The hay holds too many of this kind.
    """
    drawn: list[str] = []
    for text in kind.candidates(rng):
        if len(drawn) == count:
            break
        if text not in taken:
            drawn.append(text)
    if len(drawn) < count:
        raise CorpusError(
            f"only {len(drawn)} {kind.name} are not in the haystack {spec}, {count} are needed; use another kind of key"
        )
    return drawn


_ROUND = 20_000
"""Needles of a hay that have different keys; then keys come again, with other values."""

_KEPT_OUT = 8
"""Of so many keys and values a hay leaves out one, so that even a hay without end leaves some to ask for."""


@dataclass(frozen=True)
class NeedlesSource:
    """Hay that consists of needles that nobody asks for, one a line, without end; see ``TextSource``.

    Attributes:
        key: Which kind their keys are of.
        value: Which kind their values are of.
        needle: Their sentence, with blanks.
    """

    spec: str
    seed: int
    key: str = "words"
    value: str = "numbers"
    needle: str = NEEDLE
    kind: str = LINES
    endless: bool = True
    even: bool = True

    @property
    def digest(self) -> str:
        """Changes with every line."""
        return hashlib.sha256(f"needles\0{self.seed}\0{self.key}\0{self.value}\0{self.needle}".encode()).hexdigest()

    def texts(self) -> Iterator[str]:
        """Yield a needle at a time, with the end of its line."""
        noun = KINDS[self.value].noun
        for number in count():
            keys, values = (
                filter(_in_hay, KINDS[kind].candidates(Rng(f"needles|{self.seed}|{number}|{kind}|{role}")))
                for kind, role in ((self.key, "key"), (self.value, "value"))
            )
            for key, value in islice(zip(keys, values, strict=False), _ROUND):
                yield self.needle.format(key=key, value=value, kind=noun) + "\n"


def _in_hay(text: str) -> bool:
    return zlib.crc32(text.encode()) % _KEPT_OUT != 0


def needles(argument: str, context: BuildContext) -> NeedlesSource:  # noqa: ARG001 - every source is called so
    """Make the haystack of needles; ``needles:7`` are others. A task of needles words them as its own.

    Raises:
        CorpusError: The argument is not a whole number.
    """
    if argument.strip() and not argument.strip().isdecimal():
        raise CorpusError(
            f"needles takes a whole number as its seed, not {argument!r}: needles:7; "
            "what they say is up to the task's key, value and needle"
        )
    return NeedlesSource(f"needles:{argument}" if argument else "needles", int(argument or 0))


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
