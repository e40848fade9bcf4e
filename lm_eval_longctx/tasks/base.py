"""The seam between the harness and everything that builds contexts.

A *builder* turns planned samples into *samples* (plain JSON values, about
1 kB each, what lm-eval keeps and logs) and a sample into a *prompt*, at the
moment it is sent, byte for byte the same on every machine. A *source* gives
the hay that builders cut.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from lm_eval_longctx.plan import expand
from lm_eval_longctx.sample import Sample
from lm_eval_longctx.sweep import unread_keys
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.speech.heard import Heard
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.settings import Option
    from lm_eval_longctx.sweep import Sweep

S = TypeVar("S", bound=Sample)
"""A family's own form of a sample."""


class Builder(ABC, Generic[S]):
    """Turns planned samples into samples, and samples into prompts.

    A builder is made once per task and run. Making it must be cheap: corpora
    are opened on the first sample.

    Attributes:
        MODALITY: ``text``, ``image``, ``video``, ``audio`` or ``mixed``.
        UNIT: What the context is measured in.
        HAS_DEPTH: Whether a needle's depth is part of the task.
        HAS_LENGTH: Whether contexts can be asked at a length.
        LENGTH_CLASSES: Whether labels name classes of lengths, such as all prompts up to the length.
        OPTIONS: The metadata keys that this builder understands.
        IDLE: Keys of ``SWEEP_OPTIONS`` that change none of its samples, beside those that follow from ``UNIT``,
            ``HAS_DEPTH`` and ``HAS_LENGTH``. Whoever sets one for such a task is told.
    """

    MODALITY: ClassVar[str] = "text"
    UNIT: ClassVar[Unit] = Unit.TOKENS
    HAS_DEPTH: ClassVar[bool] = True
    HAS_LENGTH: ClassVar[bool] = True
    LENGTH_CLASSES: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    IDLE: ClassVar[tuple[str, ...]] = ()

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Keep the specification; raise ``ConfigError`` for settings that do not go together."""
        self.sweep = sweep
        self.context = context

    @classmethod
    def unread(cls) -> frozenset[str]:
        """Return the keys of a sweep that have no effect on this builder's samples."""
        return unread_keys(cls.UNIT, has_depth=cls.HAS_DEPTH, has_length=cls.HAS_LENGTH, idle=cls.IDLE)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples in stratified order."""
        return expand(self.sweep)

    def samples(self) -> list[S]:
        """Return all samples in stratified order.

        Raises:
            HaystackError: The hay cannot be had.
            LengthError: A context length is too short for question and needle.
        """
        return [self.sample(plan) for plan in self.plans()]

    @abstractmethod
    def sample(self, plan: PlannedSample) -> S:
        """Work out one sample: needle, placement, realised length and depth, target."""

    def parts(self, sample: S) -> Sequence[S]:
        """Return what a model is asked for a sample, one request each: the sample itself, unless it is cut up.

        The answers to all parts are joined in order and scored once
        (``Scorer.joined``). A part has a ``target`` of its own, ``None`` where
        nobody knows it.
        """
        return (sample,)

    def reveal(self, sample: S) -> S:
        """Return the sample as the scorer needs it.

        The same, unless a benchmark's texts must not be written to logs: such
        a sample has ``private: True`` and a placeholder for its target.
        """
        return sample

    def answer_from(self, sample: S, first: float, last: float) -> str | None:  # noqa: ARG002 - only some can tell
        """Return the answer that follows from a part of the context alone; ``None`` if none does.

        For checks: a question that needs several places has no answer in any
        part that lacks one of them. Builders that cannot tell leave it at ``None``.

        Args:
            sample: The sample.
            first: Where the part begins, as a fraction of the context.
            last: Where it ends.
        """
        return None

    def contents(self, sample: S) -> tuple[str, ...]:  # noqa: ARG002 - what a family's samples decide
        """Return which kinds of content the prompt holds, of ``text``, ``image``, ``audio``, ``video``.

        A run is refused before its first request if the model does not take
        them.
        """
        return ("text",) if self.MODALITY == "text" else ("text", self.MODALITY)

    def passages(self, sample: S) -> tuple[str, ...]:  # noqa: ARG002 - only some can tell
        """Return the texts of the prompt from which the answer follows, word for word; empty where nobody can tell.

        For people who look at a prompt: there these are marked. Needles in
        pictures, sound and film are marked by what the sample says of them.
        """
        return ()

    def like(self, sample: S, text: str, most: int) -> tuple[str, ...]:  # noqa: ARG002 - only some can tell
        """Return the passages of the sample's whole document that are most like a text; empty where nobody can tell.

        For judges that check what an answer says against its source, whatever part of it the model read.

        Args:
            sample: The sample.
            text: What to look for.
            most: How many passages to return, the best first.
        """
        return ()

    def heard(self, sample: S, first: float, last: float) -> Sequence[Heard]:  # noqa: ARG002 - only some can tell
        """Return what is said between two seconds of the prompt's sound; empty where nobody wrote it down."""
        return ()

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height of its pictures in pixels, where it makes any."""
        look = getattr(self, "look", None)
        return None if look is None else (look.width, look.height)

    @abstractmethod
    def render(self, sample: S) -> Prompt:
        """Make the prompt of a sample: a pure function of the sample and the hay it names.

        Of a sample that is cut up, the prompts of all parts as turns of one, for people who look at it; see ``parts``.
        """
