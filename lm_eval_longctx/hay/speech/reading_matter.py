"""What our voices read when nobody brings recordings: sentences without end.

``chronicle`` is the prose of the text tasks. One word in eight of it is an
invented name that nobody can be expected to spell, so by default the voices
read ``everyday`` sentences instead. Those are generated from a small grammar of everyday words, each of which the
pronouncing dictionary knows, so that what is measured is hearing and not the
spelling of invented names. Keys, words and colours do not occur, so that the
only secret in a haystack is the one that was put there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay import chronicle
from lm_eval_longctx.plan import Rng

if TYPE_CHECKING:
    from collections.abc import Iterator

READINGS = ("everyday", "chronicle")
_EVERYDAY_VERSION = "everyday-1"

_ENGLISH = {
    "sentence": (
        "{When} {person} {did} {thing} {place}.",
        "{person} {did} {thing} {place}, {and_then}.",
        "{person} said that {someone} {did} {thing} {when}.",
        "{When} {someone} {went} {place}, {because} {reason}.",
        "Nobody knew why {person} {did} {thing} {when}, but {reason}.",
        "{reason}, so {person} {went} {place} {when}.",
        "{person} and {person} {did} {thing} {place}.",
        "{When} the {weather}, and {someone} {did} {thing} {place}.",
        "After a long {event}, {person} {went} {place} and {did} {thing}.",
        "{someone} {did} {thing} before the {event}, {because} {reason}.",
        "The {event} began {when}, while {someone} {did} {thing} {place}.",
        "{person} asked {person} whether {someone} {did} {thing} {when}.",
    ),
    "person": (
        "Anna",
        "Thomas",
        "Martha",
        "Peter",
        "Helen",
        "Arthur",
        "Clara",
        "David",
        "Emma",
        "George",
        "Julia",
        "Henry",
        "Laura",
        "Martin",
        "Alice",
        "Oliver",
        "Rachel",
        "Simon",
        "Susan",
        "Walter",
    ),
    "someone": (
        "the teacher",
        "the baker",
        "an old sailor",
        "the doctor",
        "her brother",
        "his neighbor",
        "the farmer",
        "a young painter",
        "the captain",
        "the judge",
        "their uncle",
        "the librarian",
        "a travelling salesman",
        "the gardener",
        "the mayor",
        "an engineer",
    ),
    "did": (
        "repaired",
        "sold",
        "painted",
        "carried",
        "found",
        "described",
        "borrowed",
        "measured",
        "cleaned",
        "photographed",
        "returned",
        "bought",
        "forgot",
        "admired",
        "counted",
        "inspected",
    ),
    "thing": (
        "the wooden table",
        "an old bicycle",
        "several heavy boxes",
        "the broken clock",
        "a basket of apples",
        "the letters from the office",
        "two pairs of boots",
        "the family album",
        "a map of the county",
        "the leather suitcase",
        "three loaves of bread",
        "the garden tools",
        "a bundle of newspapers",
        "the winter coats",
        "the copper kettle",
        "a small wooden boat",
    ),
    "went": ("walked", "drove", "hurried", "returned", "moved", "travelled", "climbed up", "wandered"),
    "place": (
        "near the station",
        "beside the river",
        "behind the church",
        "along the main road",
        "in the market square",
        "outside the post office",
        "at the edge of the forest",
        "under the bridge",
        "close to the harbor",
        "at the top of the hill",
        "in the old factory",
        "across the valley",
        "at the end of the street",
        "by the town hall",
    ),
    "when": (
        "on Monday morning",
        "late in the evening",
        "before sunrise",
        "during the summer",
        "last October",
        "in the spring",
        "after lunch",
        "at midnight",
        "a week later",
        "on the first day of the year",
        "that afternoon",
        "in early March",
    ),
    "and_then": (
        "and then went home",
        "and nobody complained",
        "and it took the whole day",
        "and everyone was grateful",
        "and paid for it in cash",
        "and wrote a long report about it",
        "and forgot about it the next day",
        "and told the children a story",
    ),
    "because": ("because", "since", "although", "even though"),
    "reason": (
        "the roads were closed by snow",
        "the train was two hours late",
        "there was no money left",
        "the shop had already closed",
        "the bridge was being repaired",
        "the children were asleep",
        "the price had doubled",
        "the guests arrived early",
        "the telephone was out of order",
        "the harvest had been poor",
        "the whole town was on holiday",
        "the water was too cold",
        "everybody wanted to help",
        "the doctor had ordered a rest",
    ),
    "weather": (
        "rain stopped at last",
        "fog came in from the sea",
        "wind grew stronger",
        "sun was already high",
        "first snow was falling",
        "sky cleared over the hills",
    ),
    "event": ("meeting", "concert", "winter", "journey", "dinner", "storm", "election", "wedding", "strike", "holiday"),
}
_LANGUAGES = {"en": _ENGLISH}


def version(reading: str) -> str:
    """Return what changes when a reading's sentences do."""
    return _EVERYDAY_VERSION if reading == "everyday" else f"chronicle-{chronicle.VERSION}"


def sentences(reading: str, language: str) -> Iterator[str]:
    """Yield different sentences without end, always the same ones in the same order.

    Raises:
        ConfigError: We have no text in the language.
    """
    known = tuple(_LANGUAGES) if reading == "everyday" else ("en",)
    if language not in known:
        instead = "use speech:<folder> in that language"
        raise ConfigError(f"no text of our own in {language!r} (there is: {', '.join(known)}); {instead}")
    return _everyday(language) if reading == "everyday" else chronicle.sentences(0)


def _everyday(language: str) -> Iterator[str]:
    grammar, source, seen = _LANGUAGES[language], Rng(f"{_EVERYDAY_VERSION}|{language}"), set()
    while True:
        sentence = _filled(source.choice(grammar["sentence"]), grammar, source)
        if sentence not in seen:
            seen.add(sentence)
            yield sentence


def _filled(template: str, grammar: dict[str, tuple[str, ...]], source: Rng) -> str:
    text = template
    while "{" in text:
        before, _, rest = text.partition("{")
        slot, _, after = rest.partition("}")
        text = before + source.choice(grammar[slot.lower()]) + after
    return text[0].upper() + text[1:]
