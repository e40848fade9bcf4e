"""Facts, goals and actions of small worlds in words."""

from __future__ import annotations

STATEMENTS: dict[str, tuple[str, ...]] = {
    "open": (
        "Between room {0} and room {1} there is an open door.",
        "An open door leads from room {0} to room {1} and back.",
    ),
    "locked": (
        "Key {2} fits the locked door between room {0} and room {1}.",
        "The door between rooms {0} and {1} is locked, and key {2} opens it.",
    ),
    "key": ("Key {0} lies in room {1}.", "In room {1} there is key {0}."),
    "crate": ("Crate {0} stands in room {1}.", "In room {1} there is crate {0}."),
    "robot": ("Robot {0} waits in room {1}.", "In room {1} there is robot {0}."),
    "route": (
        "Truck {0} may drive from {1} to {2}.",
        "The road from {1} to {2} is open to truck {0}.",
    ),
    "truck": ("Truck {0} is parked in {1}.", "In {1} there is truck {0}."),
    "parcel": ("Parcel {0} is stored in {1}.", "In {1} there is parcel {0}."),
    "aboard": ("Parcel {0} is aboard truck {1}.", "Truck {1} is loaded with parcel {0}."),
    "table": ("Block {0} stands on the table.", "On the table there is block {0}."),
    "stands": ("Block {0} stands on block {1}.", "On top of block {1} there is block {0}."),
    "busy": ("{0} is busy on {1} from {2} to {3}.", "On {1} {0} is busy from {2} to {3}."),
    "guest": ("{0} is to come.", "{0} is to be there."),
    "city": ("{0} is to be visited for {1} days.", "{1} days are to be spent in {0}."),
    "flight": ("There is a direct flight between {0} and {1}.", "{0} and {1} are joined by a direct flight."),
    "event": (
        "From day {1} to day {2} there is a fair in {0}, to be seen from beginning to end.",
        "In {0} all of a fair from day {1} to day {2} is to be seen.",
    ),
    "pointed": ("Block {0} is pointed, so nothing can stand on it.", "Nothing can stand on block {0}: it is pointed."),
}
"""How each form of statement may be worded."""

GOALS = {
    "rooms at": "robot {who} is in room {0}",
    "rooms lies": "{0} lies in room {1}",
    "trucks lies": "parcel {0} is stored in {1}",
    "blocks on": "block {0} stands on block {1}",
    "meetings met": "all who are to come have met",
    "trips been": "all these cities have been visited, each once and for its days",
}

ASKED = {
    "rooms": "Robot {who} can do these things, and it can hold one thing at a time:\n"
    "go(FROM, TO): through an open door from the room where it is to the next\n"
    "take(THING, ROOM): pick up a key or crate in the room where it is\n"
    "drop(THING, ROOM): put down what it holds in the room where it is\n"
    "unlock(KEY, FROM, TO): open a locked door of the room where it is, holding the key; it stays open\n",
    "trucks": "Trucks drive only where they may, and can hold any number of parcels. These things can be done:\n"
    "drive(TRUCK, FROM, TO)\n"
    "load(PARCEL, TRUCK, PLACE): both are in that place\n"
    "unload(PARCEL, TRUCK, PLACE): the truck is in that place\n",
    "blocks": "An arm can hold one block at a time, and only a block on which nothing stands. It can do these things:\n"
    "pick(BLOCK): take a block from the table\n"
    "put(BLOCK): put the block that it holds on the table\n"
    "lift(BLOCK, LOWER): take a block off the one on which it stands\n"
    "stack(BLOCK, LOWER): put the block that it holds on another, on which nothing stands and anything can stand\n",
}

SHOTS = {
    **ASKED,
    "rooms": ASKED["rooms"].replace("Robot {who}", "The robot"),
    "meetings": "A meeting takes an hour in which nobody is busy who is to come; it begins on Monday or Tuesday, on "
    "the hour, from 10:00 to 17:00. One thing can be done:\n"
    "meet(DAY, HOUR)\n",
    "trips": "A trip begins on day 1 in any of the cities and goes on by direct flights, which go both ways. The day "
    "of a flight counts as a day in both cities: three days from day 4 on end on day 6, when the next flight leaves. "
    "These things can be done:\n"
    "start(CITY, LAST): begin in a city, and stay until day LAST\n"
    "fly(FROM, TO, DAY, LAST): fly on day DAY, and stay until day LAST\n",
}
"""What can be done, before many problems."""

QUESTION = (
    "{asked}What the text does not tell is not so. Starting from what the text tells, write a plan after which {goal}: "
    "one step a line, each written as above with names in the place of the words in capitals."
)

INSTRUCTION = "Let the plan be the last thing in your answer."
