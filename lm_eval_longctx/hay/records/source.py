"""``records``: hay of dated records, one a line, without end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import unknown_option
from lm_eval_longctx.hay.records import wording, world
from lm_eval_longctx.hay.text.splitting import PIECES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.hay.base import BuildContext

SOURCE = "records"


@dataclass
class RecordsSource:
    """The records of a world in one form, a unit each; see ``TextSource``.

    Unit ``n`` of the text is record ``n`` of the world.
    """

    spec: str
    digest: str
    seed: str
    form: str
    kind: str = PIECES
    endless: bool = True
    even: bool = True

    @classmethod
    def seeded(cls, form: str, seed: str) -> RecordsSource:
        """Return the records of a seed, which is any text."""
        identity = f"{SOURCE}|{world.VERSION}|{wording.VERSION}|{form}|{seed}"
        return cls(f"{SOURCE}:{form}:{seed}", hashlib.sha256(identity.encode()).hexdigest(), seed, form)

    @property
    def world(self) -> world.World:
        """Whose records these are."""
        return world.World(self.seed)

    def texts(self) -> Iterator[str]:
        """Yield a record at a time, with the end of its line."""
        made = self.world
        for block in count():
            for line in wording.lines(made, self.form, block * world.BLOCK, (block + 1) * world.BLOCK):
                yield f"{line}\n"


def parse(argument: str) -> tuple[str, str]:
    """Return form and seed of ``records:<form>:<seed>``, either of which may be left out.

    Raises:
        UnknownOptionError: There is no such form.
    """
    first, _, second = argument.partition(":")
    form, seed = ("", first) if first.isdecimal() and not second else (first, second)
    if form and form not in {*wording.FORMS, wording.MIXED}:
        raise unknown_option("form of records", form, [*wording.FORMS, wording.MIXED])
    return form or wording.MIXED, seed or "0"


def records(argument: str, context: BuildContext) -> RecordsSource:  # noqa: ARG001 - every source is called so
    """Make the haystack of dated records; ``records:ledger:7`` is another form and another world.

    Raises:
        UnknownOptionError: There is no such form.
    """
    return RecordsSource.seeded(*parse(argument))
