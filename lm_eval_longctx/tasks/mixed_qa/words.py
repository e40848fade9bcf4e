"""People and towns of the post, and how facts about it are worded.

Each name was spoken in one of these sentences by a voice that notes are spoken
in, and written down correctly by Whisper tiny.en; those that failed were
dropped. Parcels are named by ``spoken.CLEAR``, which was tried in the same way.
None of the names stands in our own text or is said in our own recordings.
"""

from __future__ import annotations

PEOPLE = tuple(
    """
    Amanda Benjamin Caroline Charlotte Daniel Edward Felix Gloria Isaac Jacob Kevin Linda Nathan Olivia Patrick Quentin
    Rebecca Samuel Theodore Ursula Victor William
    """.split()
)
TOWNS = tuple(
    """
    Atlanta Baltimore Berlin Boston Cairo Chicago Cleveland Dallas Denver Detroit Dublin Houston Lisbon London Madrid
    Memphis Milwaukee Montreal Moscow Paris Phoenix Seattle Sydney Tokyo Toronto Vienna
    """.split()
)
NUMBERS = tuple(number for number in range(21, 100) if number % 10)
"""Letters in a bag: no tens, and none that sounds like one."""

CARRIES = "{person} carries the {thing} parcel."
GOES = "The {thing} parcel goes to {town}."
RUNS = "The post office of {town} is run by {person}."
HOLDS = "The bag for {town} holds {number} letters."

JOIN2 = "Some of the items tell who carries which parcel, and where it goes. To which town does {person}'s parcel go?"
JOIN3 = (
    "Some of the items tell who carries which parcel, where it goes, and who runs the post office there. "
    "Who runs the post office of the town to which {person}'s parcel goes?"
)
TOTAL = (
    "Some of the items tell how many letters a bag for some town holds. "
    "How many letters do all bags for {town} hold together?"
)
CONFLICT = (
    "Some of the items tell where parcels go, each of them twice. Of one parcel they contradict each other. "
    "Which parcel is it?"
)
