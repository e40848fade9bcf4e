"""``longctx_image_niah``: one of many pictures carries a secret word, or a coloured shape.

The Gemini 1.5 report's video needle (arXiv 2403.05530, section 5.2.1.2), asked
of pictures that are sent one by one; the shape is our own, so that reading
text is not the only skill that is measured.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.hay.film import needles
from lm_eval_longctx.hay.film.render import picture_parts
from lm_eval_longctx.hay.film.source import FilmSource, Hay, Look, described, own_part
from lm_eval_longctx.plan import PlannedSample, expand
from lm_eval_longctx.prompt import ImagePart, Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.filmed import hay_name, open_film
from lm_eval_longctx.tasks.image_niah.needle import Shapes
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.sweep import Sweep

BEFORE = "Look at each of the {count} pictures carefully and answer the question.\n"
WORD = "What is the secret word?"
SEVERAL_WORDS = "What are all {count} secret words? Answer with one line for each, such as 'first: X'."
NO_WORD = " If no picture shows a secret word, answer 'There is no secret word'."
SHAPE = "One of the pictures shows a {shape}. What colour is the {shape}? Answer with one of these: {colours}."
SEVERAL_SHAPES = (
    "What colour is each of these shapes in the pictures: {shapes}? Answer with one line for each, "
    "such as 'star: red'. The colours are {colours}."
)
NO_SHAPE = " If no picture shows one, answer 'There is no such shape'."
COLOURS = "red, orange, yellow, green, blue, purple, pink, brown, black, white"

SPACING = Fraction(1, 6)
"""Pictures a second that are taken from a film: far enough apart that no two are of one shot."""

KINDS: dict[str, needles.Style] = {"text": needles.Lettering(), "shape": Shapes()}


class PictureNeedleSample(Sample):
    """Needles in pictures.

    Attributes:
        value_kind: What values are.
        needle: ``text`` or ``shape``.
        needles: Value, picture, depth and drawing of each.
        distractors: Values that nobody asks for.
        distractors_placed: Where these are.
    """

    value_kind: str
    needle: str
    needles: list[dict[str, Any]]
    distractors: list[str]
    distractors_placed: list[dict[str, Any]]


class ImageNeedleBuilder(Builder[PictureNeedleSample]):
    """Hides secret words or shapes among pictures."""

    MODALITY: ClassVar[str] = "image"
    UNIT: ClassVar[Unit] = Unit.IMAGES
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        *needles.OPTIONS,
        Option("needle", "text", "what is hidden: a sentence with a word, or a coloured shape", choices=tuple(KINDS)),
        Option("tokens_per_image", 258.0, "tokens that a picture costs (Gemini: 258)", minimum=0.1),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self.look = Look(*_size(self.options["resolution"]), SPACING)
        self.kind = self.options["needle"]
        needles.ladder(self.options)
        self._hay = lru_cache(maxsize=4)(self._open)

    def plans(self) -> Iterable[PlannedSample]:
        """Yield the planned samples; each step of a ladder is a variant."""
        return expand(self.sweep, variants=needles.variants(self.options))

    def _open(self, name: str) -> tuple[FilmSource, Hay]:
        source = open_film(self.sweep.haystack, self.context)
        return source, source.hay(name, self.look)

    def _hidden(self, plan: PlannedSample) -> needles.Hidden:
        size = (self.look.width, self.look.height)
        return needles.hide(plan, self.options, int(plan.length.amount), size, KINDS[self.kind])

    def sample(self, plan: PlannedSample) -> PictureNeedleSample:
        """Work out one sample; nothing is drawn."""
        count, hidden = int(plan.length.amount), self._hidden(plan)
        source, hay = self._hay(hay_name(plan))
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "target": hidden.target(),
            "absent": hidden.absent,
            "value_kind": "word",
            "needle": self.kind,
            "question": self._question(hidden),
            "needles": [needles.placed(shown, count) for shown in hidden.needles],
            "distractors": [shown.value for shown in hidden.distractors],
            "distractors_placed": [needles.placed(shown, count) for shown in hidden.distractors],
            "haystack": described(self.sweep.haystack, source, own_part(hay, plan.index, count), count),
            "realised_length": count,
            "realised_depth": hidden.needles[0].picture / max(1, count - 1) if hidden.needles else None,
            "media_tokens": round(count * self.options["tokens_per_image"]),
        }

    def _question(self, hidden: needles.Hidden) -> str:
        keys, maybe = [key for key, _ in hidden.pairs], self.options["absent"]
        if self.kind == "text":
            asked = WORD if len(keys) == 1 else SEVERAL_WORDS.format(count=len(keys))
            return asked + (NO_WORD if maybe else "")
        if len(keys) == 1:
            asked = SHAPE.format(shape=keys[0], colours=COLOURS)
        else:
            asked = SEVERAL_SHAPES.format(shapes=", ".join(keys), colours=COLOURS)
        return asked + (NO_SHAPE if maybe else "")

    def render(self, sample: PictureNeedleSample) -> Prompt:
        """Draw the pictures (or find them drawn) and put the question after them."""
        plan = planned(sample)
        count = int(plan.length.amount)
        hay, _ = own_part(self._hay(hay_name(plan))[1], plan.index, count)
        cache = self.context.cache_dir / "video" / "pictures"
        pictures = picture_parts(hay, range(count), self._hidden(plan).marks(), cache)
        before = TextPart(BEFORE.format(count=count))
        return Prompt.user(before, *_numbered(pictures), TextPart("\n" + sample["question"]))


def _size(resolution: str) -> tuple[int, int]:
    look = Look.parse(resolution, 1.0)
    return look.width, look.height


def _numbered(pictures: Iterator[ImagePart]) -> Iterator[TextPart | ImagePart]:
    for number, picture in enumerate(pictures, 1):
        yield TextPart(f"Picture {number}: ")
        yield picture
        yield TextPart("\n")
