"""``longctx_image_extract``: a batch of pictures becomes a table, a row a picture.

After the Gemini 1.5 report (arXiv 2403.05530, on the analytics of unstructured
multimodal data), where attributes of 1,024 pictures are written down in a fixed
form, in batches of 8 to 512. The length is the number of pictures in a prompt.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from lm_eval_longctx.hay.film.actors import THINGS
from lm_eval_longctx.hay.film.paint import COLOURS
from lm_eval_longctx.hay.film.render import picture_parts
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Sample, planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.image_extract.source import COLUMNS, MOST, VERSION, Card, Cards
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.prompt import ImagePart
    from lm_eval_longctx.sweep import Sweep

BEFORE = (
    "Below are {count} pictures. Each shows things of one kind and one colour on a board, and a label with a code.\n"
)
ASK = (
    "Write down what the {count} pictures show as a table: one line for each picture, in their order, with five cells "
    "separated by tabs: the picture's number; what the things are, one of {things}; their colour, one of {colours}; "
    "how many there are, 1 to {most}; the code on the label. Write nothing else: no heading, no comments."
)
_TOKENIZER = "o200k_base"


class ExtractSample(Sample):
    """Pictures and their table.

    Attributes:
        columns: What the cells of a row are called.
        rows: How many rows the table has.
    """

    columns: list[str]
    rows: int


class ImageExtractBuilder(Builder[ExtractSample]):
    """Asks for a table of what many pictures show."""

    MODALITY: ClassVar[str] = "image"
    UNIT: ClassVar[Unit] = Unit.IMAGES
    HAS_DEPTH: ClassVar[bool] = False
    IDLE: ClassVar[tuple[str, ...]] = ("haystack", "tokenizer")
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("resolution", "480x360", "width x height of a picture in pixels"),
        Option("tokens_per_image", 258.0, "tokens that a picture costs (Gemini: 258)", minimum=0.1),
    )

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Read how large pictures are."""
        super().__init__(sweep, context)
        self.look = Look.parse(sweep.options["resolution"], 1.0)

    def sample(self, plan: PlannedSample) -> ExtractSample:
        """Work out a table; nothing is drawn."""
        count, cards = int(plan.length.amount), self._cards(plan)
        rows = [Card.of(cards.identity, number).row(number + 1) for number in range(count)]
        target = "\n".join(map("\t".join, rows))
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "target": target,
            "columns": list(COLUMNS),
            "rows": count,
            "question": ASK.format(
                count=count, things=", ".join(sorted(THINGS)), colours=", ".join(COLOURS), most=MOST
            ),
            "haystack": {"spec": "made", "digest": hashlib.sha256(cards.identity.encode()).hexdigest(), "repeats": 0},
            "realised_length": count,
            "realised_depth": None,
            "media_tokens": round(count * self.sweep.options["tokens_per_image"]),
            "max_gen_toks": 256 + 2 * load_tokenizer(_TOKENIZER).count(target),
        }

    def _cards(self, plan: PlannedSample) -> Cards:
        """Return the pictures of an index: fewer are the first of more."""
        return Cards(plan.hay_rng(f"cards|{VERSION}").identity, self.look)

    def render(self, sample: ExtractSample) -> Prompt:
        """Draw the pictures (or find them drawn), each after its number, and put the question after them."""
        plan = planned(sample)
        cache = self.context.cache_dir / "video" / "pictures"
        pictures = picture_parts(self._cards(plan), range(sample["rows"]), {}, cache)
        before = TextPart(BEFORE.format(count=sample["rows"]))
        return Prompt.user(before, *_numbered(pictures), TextPart("\n" + sample["question"]))


def _numbered(pictures: Iterator[ImagePart]) -> Iterator[TextPart | ImagePart]:
    for number, picture in enumerate(pictures, 1):
        yield TextPart(f"Picture {number}: ")
        yield picture
        yield TextPart("\n")
