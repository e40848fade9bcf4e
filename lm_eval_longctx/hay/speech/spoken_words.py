"""Words that can be hidden: everyday nouns that a recogniser hears right.

English: each word was said as "The secret keyword is ..." by all default
voices and written down correctly by Whisper tiny.en every time; candidates that
failed once were dropped. ``CLEAR`` are those that four Kokoro and three Flite
voices said clearly too, for needles in such voices. The other languages' words
are chosen by hand and not vetted by a recogniser.
"""

from __future__ import annotations

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
