"""Words that can be shown: everyday nouns without letter pairs that look like another letter (rn, cl, vv)."""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    acrobat almond amber anchor apron atlas badger bagel bamboo banjo basket beacon beetle biscuit blanket bonnet
    bracket bronze bucket butter button cabbage cactus camel canyon carpet cedar cherry chimney cobweb coconut comet
    compass copper cotton cowboy cricket crystal cushion daisy dentist diamond dolphin donkey dragon drum eagle echo
    elbow emerald engine falcon feather ferry fossil fountain fridge galaxy garlic gecko ginger giraffe goblet gravel
    hammer hammock harbour hazel hedgehog helmet honey igloo jacket jasmine jigsaw juniper kangaroo kayak kettle
    kitten koala ladder lagoon lemon leopard lobster magnet mango maple marble meadow melon mitten monkey mosaic
    muffin mustard napkin nectar nutmeg oasis octopus olive orchid otter oyster paddle panda papaya parrot peanut
    pebble pepper piano picnic pigeon pillow planet pocket pony poppy potato prism pumpkin puppet puzzle quartz quiver
    rabbit radish raven ribbon robot rocket saddle saffron salmon sandal saxophone scarf shadow shovel sofa spider
    spinach sponge squash statue sugar sunset table teapot thimble thunder ticket tiger timber toast tomato tractor
    trumpet tulip tunnel truffle turtle umbrella vanilla velvet violet waffle wagon walnut walrus whisper window wizard
    wombat yoghurt zebra zipper
    """.split()
)
"""What a secret word can be."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
"""How several needles are told apart."""

DECOYS = ("public", "magic", "plain", "common", "borrowed", "foreign", "ancient", "favourite", "forgotten", "printed")
"""What words that are not asked for are called, in place of ``secret``."""
