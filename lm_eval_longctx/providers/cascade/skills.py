"""What the deterministic reader can do, one skill after the other.

Each skill is a function from a ``Page`` to an answer, or ``None`` if the page
is not its business. The first that answers wins. They are honest rules of
thumb: they use the prompt only, know nothing of any task's samples, and fail
on whatever needs understanding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lm_eval_longctx.providers.cascade.choosing import choose
from lm_eval_longctx.providers.cascade.labelling import label
from lm_eval_longctx.providers.cascade.lookup import look_up, look_up_many
from lm_eval_longctx.providers.cascade.recalling import recall_turn
from lm_eval_longctx.providers.cascade.translating import gloss

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.providers.cascade.perception import Page

_TRANSCRIBE = re.compile(r"\btranscribe\b", re.IGNORECASE)


def transcript(page: Page) -> str | None:
    """Give back what was heard, where that is all that is asked."""
    asked = page.question + page.context[:2000]
    return " ".join(page.heard) if page.heard and _TRANSCRIBE.search(asked) else None


SKILLS: tuple[Callable[[Page], str | None], ...] = (
    transcript,
    recall_turn,
    gloss,
    label,
    choose,
    look_up_many,
    look_up,
)


def answer(page: Page) -> tuple[str, str]:
    """Return the answer of the first skill that has one, and the skill's name."""
    for skill in SKILLS:
        found = skill(page)
        if found is not None:
            return found, skill.__name__
    return "I cannot find that in the document.", "none"
