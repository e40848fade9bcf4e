"""``longctx_text_process``: follow a procedure through the whole context and write its long result.

After LongProc (Ye et al., arXiv 2501.05414), where a procedure is followed
over long inputs with structured outputs of up to 8k tokens. Here the input is
records of a made world: extract all of a kind to a table, apply edits to a
list, trace a condition through its changes. What comes out is one table, which
is scored row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import expand
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.process.questions import KINDS, Procedure
from lm_eval_longctx.tasks.recorded import RecordsBuilder, RecordsSample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

ONLY = "Write nothing else: no heading, no numbering, no comments."


class ProcessSample(RecordsSample):
    """A procedure and its result.

    Attributes:
        columns: What the cells of a row are called.
        rows: How many rows the result has.
    """

    columns: list[str]
    rows: int


class TextProcessBuilder(RecordsBuilder[ProcessSample]):
    """Asks for long results of procedures over all records of a text."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("kinds", list(KINDS), f"procedures: {', '.join(KINDS)}", kinds=(tuple,)),
        Option("rows", 20, "the most rows that a result has; most have at least half as many", minimum=4, maximum=2000),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check the procedures."""
        super().__init__(sweep, context)
        for kind in self._options["kinds"]:
            if kind not in KINDS:
                raise unknown_option("procedure", str(kind), KINDS)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each procedure is a variant."""
        return expand(self.sweep, variants=[f"kind={kind}" for kind in self._options["kinds"]])

    def sample(self, plan: PlannedSample) -> ProcessSample:
        """Choose the procedure and follow it through the records; see ``Builder.sample``.

        Raises:
            LengthError: The length is too short.
        """
        world, most = self.world(plan), int(self._options["rows"])

        def asked(count: int) -> tuple[int, Procedure]:
            return count, KINDS[plan.variant.removeprefix("kind=")](world, count, most, plan.rng("question"))

        (count, found), part = self.fitted(plan, asked, lambda a: f"{a[1].words} {ONLY}")
        rows = found.rows(world.records(0, count))
        target = "\n".join("\t".join(row) for row in rows)
        tokens = load_tokenizer(self.sweep.tokenizer).count(target)
        more = {"target": target, "kind": found.kind, "columns": list(found.columns), "rows": len(rows)}
        return {**part, **more, "max_gen_toks": 256 + 2 * tokens}  # type: ignore[typeddict-item]
