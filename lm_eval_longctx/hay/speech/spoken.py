"""The sentence to hide: words that a recogniser hears right, in several languages, and who says it.

English: each word was said as "The secret keyword is ..." by all default
voices and written down correctly by Whisper tiny.en every time; candidates that
failed once were dropped. ``CLEAR`` are those that four Kokoro and three Flite
voices said clearly too, for needles in such voices. The other languages' words
are chosen by hand and not vetted by a recogniser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.hay.speech.render import Spoken
from lm_eval_longctx.hay.speech.source import Utterance
from lm_eval_longctx.hay.speech.voices import Voice, default_voices, speak, spoken_length, voice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lm_eval_longctx.plan import Rng


_ENGLISH = """
    airplane alligator almond anchor apricot asteroid astronaut balcony balloon bamboo banana battery biscuit
    blanket blueberry bottle broccoli bucket buffalo butter butterfly cabbage cactus camera candle canyon
    caramel caravan carpet carrot castle cathedral cherry chimney chocolate cinema coconut coffee compass
    computer coral cotton crocodile crystal cucumber curtain desert diamond dinosaur dolphin donkey dragon eagle
    elephant emerald engine fireplace flamingo fountain galaxy garlic ginger glacier guitar hammer hamster
    hazelnut helicopter honey horizon hospital hurricane hydrogen island ivory jacket jaguar jasmine jungle
    keyboard lantern laptop lavender lemon leopard library lizard lobster machine magazine magnet mahogany
    mandolin mango maple marathon marble marigold medicine mermaid microscope mirror monastery monkey mosquito
    mountain museum mushroom mustard napkin necklace needle notebook oatmeal ocean octopus onion orchestra
    orchid ostrich oxygen oyster palace panther paprika parachute parrot parsley passport peacock peanut pelican
    pencil pendulum pepper perfume piano pickle pigeon pillow pineapple pirate planet platinum platypus pocket
    porcelain potato pretzel propeller pumpkin puzzle pyramid python rabbit railway rainbow raspberry raven
    rectangle reindeer ribbon robot rocket saddle salad salmon sandstone sandwich sapphire satellite saxophone
    scissors scorpion seagull shadow shampoo silverware skeleton soldier spaghetti sparrow spider spinach
    squirrel stadium strawberry submarine sugar sunflower tangerine telegram telescope television temple terrace
    thermometer thunder tiger timber tomato toothbrush tornado tortoise tractor treasure triangle tricycle
    trumpet tulip tunnel turtle tuxedo umbrella unicorn vampire vanilla velvet victory village vinegar violin
    volcano wallet walnut waterfall whiskey whistle wizard yogurt zebra zucchini
"""

CLEAR = tuple(
    """
    alligator canyon cathedral chocolate cinema compass crocodile crystal elephant hazelnut ivory jasmine
    lantern leopard magazine mahogany mandolin museum ocean oxygen palace passport pineapple platinum pocket
    porcelain propeller pumpkin raven sandwich satellite saxophone soldier television timber toothbrush victory
    village whistle zebra
""".split()
)

WORDS: dict[str, tuple[str, ...]] = {
    "en": tuple(_ENGLISH.split()),
    "de": (
        "Fenster",
        "Garten",
        "Schmetterling",
        "Bahnhof",
        "Zitrone",
        "Elefant",
        "Brücke",
        "Winter",
        "Apfelbaum",
        "Klavier",
        "Regenbogen",
        "Kaffee",
    ),
    "fr": (
        "fenêtre",
        "jardin",
        "papillon",
        "chocolat",
        "montagne",
        "éléphant",
        "musique",
        "bateau",
        "hiver",
        "pharmacie",
        "parapluie",
        "bibliothèque",
    ),
    "es": (
        "ventana",
        "jardín",
        "mariposa",
        "chocolate",
        "montaña",
        "elefante",
        "música",
        "teléfono",
        "invierno",
        "naranja",
        "paraguas",
        "biblioteca",
    ),
    "it": (
        "finestra",
        "giardino",
        "farfalla",
        "cioccolato",
        "montagna",
        "elefante",
        "musica",
        "telefono",
        "inverno",
        "arancia",
        "ombrello",
        "biblioteca",
    ),
}
COLOURS: dict[str, tuple[str, ...]] = {
    "en": ("blue", "green", "orange", "purple", "yellow", "brown", "white", "silver", "golden", "black"),
    "de": ("blau", "grün", "gelb", "braun", "schwarz", "orange"),
    "fr": ("bleu", "vert", "jaune", "brun", "noir", "orange"),
    "es": ("azul", "verde", "amarillo", "marrón", "negro", "naranja"),
    "it": ("blu", "verde", "giallo", "marrone", "nero", "arancione"),
}


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True)
class Wording:
    """How needles and questions are put in one language.

    Attributes:
        needle: The hidden sentence.
        numbered: The hidden sentences where there are several.
        distractor: A sentence that sounds alike and does not answer.
        words: What can be hidden.
        clear: What can be hidden in voices that are not the default ones.
        colours: What distractors say.
        name: The language's name in English.
    """

    needle: str
    numbered: str
    distractor: str
    words: Sequence[str]
    clear: Sequence[str]
    colours: Sequence[str]
    name: str


WORDINGS = {
    "en": Wording(
        "The secret keyword is {word}.",
        "The {ordinal} secret keyword is {word}.",
        "The secret color is {word}.",
        WORDS["en"],
        CLEAR,
        COLOURS["en"],
        "English",
    ),
    "de": Wording(
        "Das geheime Wort lautet {word}.",
        "",
        "Die geheime Farbe ist {word}.",
        WORDS["de"],
        WORDS["de"],
        COLOURS["de"],
        "German",
    ),
    "fr": Wording(
        "Le mot secret est {word}.",
        "",
        "La couleur secrète est {word}.",
        WORDS["fr"],
        WORDS["fr"],
        COLOURS["fr"],
        "French",
    ),
    "es": Wording(
        "La palabra secreta es {word}.",
        "",
        "El color secreto es {word}.",
        WORDS["es"],
        WORDS["es"],
        COLOURS["es"],
        "Spanish",
    ),
    "it": Wording(
        "La parola segreta è {word}.",
        "",
        "Il colore segreto è {word}.",
        WORDS["it"],
        WORDS["it"],
        COLOURS["it"],
        "Italian",
    ),
}


def wording(language: str) -> Wording:
    """Return the wording of a language.

    Raises:
        UnknownOptionError: There is none.
    """
    if language not in WORDINGS:
        raise unknown_option("language of needles", language, WORDINGS)
    return WORDINGS[language]


def hay_voices(language: str, named: Sequence[str], speaker: str) -> tuple[str, ...]:
    """Return the voices that read the hay; two are kept back for needles of a different speaker."""
    if named or speaker == "same" or language != "en":
        return tuple(named)
    return tuple(v.name for v in default_voices(language)[:-2])


def needle_voice(rng: Rng, language: str, of_hay: Sequence[str], named: Sequence[str], speaker: str) -> Voice:
    """Choose who says a needle.

    Args:
        rng: Decides among those who may.
        language: Two letters.
        of_hay: Voices of the hay; empty where it is recorded speech.
        named: Voices that the user wants for needles; empty for all.
        speaker: ``different`` from the hay's voices, or the ``same`` as one of them.

    Raises:
        ConfigError: Nobody is left.
    """
    if speaker == "same" and not of_hay:
        raise ConfigError("needle_speaker: same needs the haystack 'voices'; nobody of ours speaks like a recording")
    candidates = [voice(name) for name in named] or list(default_voices(language))
    wanted = [v for v in candidates if (v.name in of_hay) == (speaker == "same")]
    if not wanted:
        raise ConfigError(f"no voice is left for a needle by a {speaker} speaker; change voices or needle_voices")
    return rng.choice(wanted)


def spoken(text: str, of: Voice, gain_db: float, cache_dir: Path) -> Spoken:
    """Return a sentence, said."""
    digest, samples = spoken_length(text, of, cache_dir)
    utterance = Utterance(digest, samples, of.name, text, f"needle {text!r}")
    return Spoken(utterance, lambda _: speak(text, of, cache_dir)[1], gain_db)
