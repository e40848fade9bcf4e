"""Who and what the records of a world may name: drawn from these lists, a few of each in one world.

All are everyday words that the pronouncing dictionary knows, so that the same
records can be read out. No name is a part of another.
"""

from __future__ import annotations

GIVEN = tuple(
    (
        "Alice Anna Arthur Barbara Benjamin Clara Daniel David Edward Emma Frederick George Hannah Helen Henry Irene "
        "Jacob Julia Laura Leonard Lucy Margaret Martha Michael Oliver Patrick Peter Philip Rachel Richard Robert "
        "Rose Samuel Simon Susan Theodore Thomas Victor Walter William"
    ).split()
)
CLEAR = tuple("Robert Daniel Michael Edward Richard Jacob Samuel Philip Benjamin Victor".split())
"""Given names that a small recogniser writes down as they are, said by our voices."""

MISHEARD = frozenset(("linen", "tar", "wool", "the school cellar", "the sail loft", "the wool store"))
"""What it takes for other words: *lemon*, *tart*, *wall*, *seller*, *sale*."""

FAMILIES = tuple(
    (
        "Archer Baker Barrow Bishop Carter Chandler Cooper Draper Farmer Fisher Fletcher Forester Gardner Hooper "
        "Hunter Judd Knight Marsh Mason Mercer Miller Parker Porter Potter Sadler Sawyer Shepherd Skinner Slater "
        "Spencer Taylor Thatcher Tiller Turner Wagner Walker Warner Weaver Webster Wheeler"
    ).split()
)
PLACES = tuple(
    (
        "the north quay|the south quay|the old mill|the market hall|the brick kiln|the tannery|the brewery"
        "|the railway yard|the chapel barn|the fish hall|the upper farm|the lower farm|the bakery|the quarry"
        "|the school cellar|the wool store|the timber yard|the coach house|the ice house|the town barn"
        "|the paper works|the vineyard|the sail loft|the smithy"
    ).split("|")
)
GOODS = {
    good: measure
    for measure, goods in (
        ("barrels", "tar|vinegar|cider|lamp oil|herring|molasses"),
        ("sacks", "flour|barley|oats|lime|coal|salt"),
        ("crates", "apples|candles|nails|bottles|lemons|soap"),
        ("bales", "cotton|hay|linen|wool"),
        ("rolls", "canvas|paper|wire|carpet"),
        ("jars", "honey|ink|varnish|pickles"),
    )
    for good in goods.split("|")
}
"""Goods with the measure in which they are counted, in the plural."""

ITEMS = tuple(
    (
        "the east gate|the west gate|the drawbridge|the ferry|the lighthouse|the main lock|the weighbridge"
        "|the dry dock|the town clock|the grain lift|the water tower|the hill road|the cable car|the signal mast"
        "|the bathing house|the toll bridge"
    ).split("|")
)
STATES = ("open", "closed", "under repair", "reserved")
BOATS = tuple(
    f"the {name}"
    for name in (
        "Heron Falcon Swallow Pelican Raven Sparrow Magpie Kestrel Osprey Curlew Plover Gannet Nightingale Starling "
        "Blackbird Woodpecker Flamingo Albatross Cormorant Kingfisher Lapwing Robin Swan Partridge Goldfinch Puffin "
        "Sandpiper Bittern Pheasant Wagtail Badger Beaver Otter Dolphin Leopard Panther Tiger Buffalo Antelope Gazelle "
        "Hornet Dragonfly Firefly Grasshopper Scorpion Salmon Sturgeon Lobster Oyster Coral Amber Emerald Sapphire "
        "Diamond Topaz Garnet Marble Granite Copper Silver Comet Meteor Planet Saturn Jupiter Neptune Mercury Orion "
        "Sirius Polaris Horizon Thunder Tempest Monsoon Rainbow Aurora Equator Meridian Compass Anchor Sextant Trident "
        "Lantern Beacon Torch Crown Sceptre Banner Trumpet Fiddle Harp Organ Victory Courage Patience Harmony Liberty "
        "Justice Fortune Providence Endeavour Discovery Resolution Adventure Enterprise Pioneer Pilgrim Voyager Nomad "
        "Juniper Cedar Willow Hawthorn Lavender Marigold Jasmine Orchid Thistle Clover Barley Saffron Ginger Cinnamon"
    ).split()
)
LISTS = ("the harbour list", "the repair list", "the customs list", "the winter list", "the pilots' list")
MONTHS = tuple("January February March April May June July August September October November December".split())
"""Written out here, because the standard library's follow the machine's language."""
