"""Layers, parents and chains in a directed graph, after GraphWalks (OpenAI, with GPT-4.1, 2025).

The graph that is asked about is one of many of the same make: the edges of
the others are the hay, so that the whole context is edges, however long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import ConfigError, nearest
from lm_eval_longctx.hay.statements import PATTERN, drawn_names, statements
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.spread import SPREAD, Posed, SpreadBuilder, SpreadSample
from lm_eval_longctx.tasks.text_graph.questions import CHAIN, VARIANTS, Question
from lm_eval_longctx.tasks.text_graph.words import FORMS, INSTRUCTION, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.text.sources import FixedSource
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.text_graph.questions import Edge

VERSION = "1"
"""Changes whenever the same seed would give other edges."""


class GraphSample(SpreadSample):
    """A question about a graph.

    Attributes:
        start: The node that is asked about.
        names: What all names look like, as a pattern.
        edges: How many edges the graph has that is asked about.
    """

    start: str
    names: str
    edges: int


class GraphBuilder(SpreadBuilder[GraphSample]):
    """Questions about a graph whose edges are spread among those of others; a variant is a kind with its steps."""

    SOURCE = "graphs"
    INSTRUCTION = INSTRUCTION
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        SPREAD,
        Option("form", "roads", "how edges are worded", choices=tuple(FORMS)),
        Option("questions", [*VARIANTS], f"kinds of question with their steps, of {', '.join(VARIANTS)}"),
        Option("empty", 0.0, "share of layers and parents of which there are none, 0 to 1", minimum=0, maximum=1),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the kinds of question."""
        super().__init__(sweep, context)
        self._form = FORMS[self._options["form"]]
        for name in self.variants() or [""]:
            if name not in VARIANTS:
                hint = nearest(name, VARIANTS) or ", ".join(VARIANTS)
                raise ConfigError(f"questions has {name!r}; did you mean {hint}?")

    def variants(self) -> Sequence[str]:
        """Return the kinds of question with their steps."""
        return tuple(self._options["questions"])

    def own_hay(self, argument: str) -> FixedSource:
        """Return the edges of graphs of all kinds, in the form of the question's."""
        version = f"{VERSION}|{self._options['form']}"
        return statements(self.SOURCE, argument, self._other_graph, version, lines=self._form.lines)

    def _other_graph(self, rng: Rng, names: Iterator[str]) -> Sequence[str]:
        graph = Question.of(rng.choice(VARIANTS)).graph(rng, names)
        return [self._told(edge) for edge in graph.edges]

    def pose(self, plan: PlannedSample, draw: int) -> Posed:
        """Make a graph, and ask about it."""
        rng, question = plan.rng(f"graph {draw}"), Question.of(plan.variant)
        empty = question.kind != CHAIN and plan.rng("empty").random() < self._options["empty"]
        edges, start = question.graph(rng, drawn_names(rng.fork("names")), empty=empty)
        needed = question.needed(edges, start)
        target = ", ".join(sorted(question.solve(edges, start) or ()))
        more = {"start": start, "names": PATTERN, "edges": len(edges), "absent": empty}
        if question.kind != CHAIN and (share := self._options["empty"]):
            more["chance"] = share
        told = {edge: self._told(edge) for edge in edges}
        return Posed(
            self._asked(question, start),
            target,
            {told[edge]: edge for edge in needed},
            {text: edge for edge, text in told.items() if edge not in needed},
            tuple(told[edge] for edge in question.vital(edges, start)),
            more,
        )

    def answer(self, sample: GraphSample, told: Sequence[Edge]) -> str | None:
        """Return what follows from some of the edges."""
        found = Question.of(sample["variant"]).solve(told, sample["start"])
        return ", ".join(sorted(found)) if found else None

    def _asked(self, question: Question, start: str) -> str:
        step = STEPS[self._options["form"]]
        steps = f"{question.steps} {step}{'s' if question.steps > 1 else ''}"
        depth = str(question.steps) if self._form.lines and question.kind != CHAIN else steps
        return str(getattr(self._form, question.kind)).format(a=start, d=depth)

    def _told(self, edge: Edge) -> str:
        """Return an edge in one of its wordings, always the same one."""
        a, b = edge
        return Rng(f"{a}|{b}").choice(self._form.edges).format(a=a, b=b)
