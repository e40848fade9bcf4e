"""Edges and questions in words, in four forms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """One way to word a graph.

    Attributes:
        edges: Wordings of an edge from ``{a}`` to ``{b}``.
        layer: Asks for what is exactly ``{d}`` steps from ``{a}``.
        parents: Asks for what leads straight to ``{a}``.
        chain: Asks where ``{d}`` steps from ``{a}`` lead, each the only one there is.
        lines: Whether each edge is a line of its own; otherwise they are sentences.
    """

    edges: tuple[str, ...]
    layer: str
    parents: str
    chain: str
    lines: bool = False


FORMS = {
    "roads": Form(
        (
            "A road leads from {a} to {b}.",
            "From {a} a road goes to {b}.",
            "{b} can be reached by road from {a}.",
            "Those who leave {a} by road may come to {b}.",
        ),
        "The roads of the text are one-way. Which places can be reached from {a} over exactly {d}, and not over fewer?",
        "The roads of the text are one-way. From which places does a road lead straight to {a}?",
        "The roads of the text are one-way. Start in {a} and go on {d}: each place on the way has only one road out. "
        "Where does the journey end?",
    ),
    "chiefs": Form(
        ("{a} answers to {b}.", "{b} is a superior of {a}.", "{a} takes orders from {b}.", "{b} commands {a}."),
        "Going up from {a}, each step leads from somebody to those whom they answer to. Who is reached in exactly {d}, "
        "and not in fewer?",
        "Who answers directly to {a}?",
        "Go up from {a} by {d}, each from somebody to the only one whom they answer to. Who is reached in the end?",
    ),
    "pipes": Form(
        (
            "Water flows from tank {a} into tank {b}.",
            "Tank {a} drains into tank {b}.",
            "A pipe fills tank {b} from tank {a}.",
            "What leaves tank {a} runs into tank {b}.",
        ),
        "Pipes carry water one way only. Which tanks does water from tank {a} reach through exactly {d}, "
        "and not through fewer?",
        "Which tanks drain straight into tank {a}?",
        "Follow the water from tank {a} through {d}: each tank on its way drains into one other only. "
        "In which tank does it end?",
    ),
    "arrows": Form(
        ("{a} -> {b}",),
        "Each line of the text is an edge of a directed graph. Which nodes does a breadth-first search from {a} find "
        "at a depth of exactly {d}?",
        "Each line of the text is an edge of a directed graph. Which nodes have an edge that leads to {a}?",
        "Each line of the text is an edge of a directed graph. Start at {a} and follow {d}: each node on the way has "
        "only one that leaves it. At which node does the walk end?",
        lines=True,
    ),
}

STEPS = {"roads": "road", "chiefs": "step", "pipes": "pipe", "arrows": "edge"}
"""What a step is called, before which its number stands."""

INSTRUCTION = (
    "Let the last line of your answer be: Final Answer: [name, name], with all names and no others. "
    "If there is none, write Final Answer: []"
)
