"""What all tasks on mixtures share: options, what is mixed of them, and samples that say what their prompts hold."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.film.source import Look
from lm_eval_longctx.hay.mixture.arithmetic import ARITHMETICS, KINDS
from lm_eval_longctx.hay.mixture.pieces import Lettering, Note, Pages, Shooting
from lm_eval_longctx.hay.mixture.stock import Ingredients, Opened, Stock
from lm_eval_longctx.hay.speech.spoken import needle_voice
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import Haystack, Sample, planned
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks import filmed
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.hay.mixture.mixture import Fitted, Placed
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.sweep import Sweep

CALLED = {"text": "pages of text", "image": "pictures", "audio": "recordings of speech", "video": "short films"}
BEFORE = (
    "Here are {what}, in the order of their numbers. Read, look and listen carefully: a question follows.\n\n<items>"
)
AFTER = "\n</items>\n\n{question}\n"

_FROM_FILM = {"fps", "form", "codec"}

OPTIONS = (
    Option("modalities", list(KINDS), "what is mixed, such as text+image", choices=KINDS, kinds=(tuple,)),
    Option(
        "arithmetic", "reference", "whose tokens pictures, sound and film are reckoned in", choices=tuple(ARITHMETICS)
    ),
    Option("film", "film", "what pictures and films show: film, video:<file or folder>, frames:<folder>"),
    Option("speech", "voices", "what recordings say: voices, or speech:<folder> of your own"),
    Option(
        "pool", "", "how much distinct speech to use, such as '10m'; empty: 6m of synthesised, 2h of recorded speech"
    ),
    Option("page_tokens", 400, "tokens of a page", minimum=100, maximum=100_000),
    Option("clip_seconds", 10.0, "seconds of a recording", minimum=8, maximum=3600),
    Option("film_seconds", 4.0, "seconds of a film", minimum=1, maximum=3600),
    Option("resolution", "640x360", "width x height of each picture, in pixels, even"),
    Option("overlay_size", 7.0, "height of what is written on pictures, in percent of theirs", minimum=1, maximum=50),
    *(option for option in filmed.OPTIONS if option.name in _FROM_FILM),
)
"""What all builders of mixtures have."""


class MixedPart(TypedDict):
    """What every sample on a mixture says of it.

    Attributes:
        modalities: What is mixed.
        arithmetic: How pictures, sound and film are reckoned in tokens.
        items: How many items of each kind there are.
        form: ``native`` for films, ``frames`` for pictures with their times.
        hidden: What is hidden: text, kind, whether it is asked for, item, depth, the kinds before and after, and where
            in the item.
    """

    modalities: list[str]
    arithmetic: str
    items: dict[str, int]
    form: str
    hidden: list[dict[str, Any]]
    question: str
    haystack: Haystack
    realised_length: int
    tokens_by_kind: dict[str, int]
    media: dict[str, list[float]]
    media_tokens: int
    bytes: int


class MixedSample(Sample):
    """What all samples on mixtures share, see ``MixedPart``."""

    modalities: list[str]
    arithmetic: str
    items: dict[str, int]
    form: str
    hidden: list[dict[str, Any]]


M = TypeVar("M", bound=MixedSample)
"""A family's own form of a sample on a mixture."""


class MixedBuilder(Builder[M]):
    """Builds prompts of several kinds of content; families say what is hidden in them and asked for."""

    MODALITY: ClassVar[str] = "mixed"
    UNIT: ClassVar[Unit] = Unit.TOKENS
    OPTIONS: ClassVar[tuple[Option, ...]] = OPTIONS

    def __init__(self, sweep: Sweep, context: BuildContext) -> None:
        """Check what goes together; nothing is opened."""
        super().__init__(sweep, context)
        self.options: dict[str, Any] = dict(sweep.options)
        self.kinds = tuple(kind for kind in KINDS if kind in self.options["modalities"])
        if not self.kinds:
            raise ConfigError(f"modalities is an empty list; give some of {', '.join(KINDS)}")
        self.stock = Stock(self._ingredients(), context, filmed.open_film)
        self._opened = lru_cache(maxsize=4)(self.stock.open)
        self._fits = lru_cache(maxsize=8)(self._fitted)

    def _ingredients(self) -> Ingredients:
        options = self.options
        look = Look.parse(options["resolution"], options["fps"])
        pictures = look.pictures(options["film_seconds"])
        if "video" in self.kinds and not pictures:
            raise ConfigError(f"a film of {options['film_seconds']:g} s has no picture at {options['fps']:g} a second")
        rule = ARITHMETICS[options["arithmetic"]]
        if "audio" in self.kinds:
            rule.sound(options["clip_seconds"])
        return Ingredients(
            kinds=self.kinds,
            rule=rule,
            tokenizer=self.sweep.tokenizer,
            text=self.sweep.haystack or "chronicle",
            film=options["film"],
            speech=options["speech"],
            pool=options["pool"],
            page_tokens=options["page_tokens"],
            clip_seconds=float(options["clip_seconds"]),
            look=look,
            shooting=Shooting(pictures, options["codec"], options["form"]),
            lettering=Lettering(float(options["overlay_size"])),
        )

    @abstractmethod
    def notes(self, plan: PlannedSample) -> Sequence[Note]:
        """Return what is hidden."""

    @abstractmethod
    def question(self, plan: PlannedSample) -> str:
        """Return what is asked."""

    def around(self, plan: PlannedSample) -> str:  # noqa: ARG002 - only some tasks care
        """Return what lies around a single note; see ``hay.mixture.order.AROUND``."""
        return "any"

    def opened(self, plan: PlannedSample) -> Opened:
        """Return what a sample is mixed of."""
        return self._opened(filmed.hay_name(replace(plan, variant="")), plan.index, int(plan.length.amount))

    def note(self, plan: PlannedSample, kind: str, text: str, depth: float, label: str, *, asked: bool = True) -> Note:
        """Return a note, in the same place of its item in all variants; a spoken one is by a voice of its own.

        Args:
            plan: The sample.
            kind: Of the item that holds it.
            text: The sentence.
            depth: Asked fraction of the hay before it.
            label: Tells the sample's notes apart.
            asked: Whether the answer follows from it.
        """
        shared, speaker = replace(plan, variant=""), ""
        if kind == "audio":
            speaker = needle_voice(shared.rng(f"speaker {label}"), "en", self.stock.speakers, (), "different").name
        return Note(kind, text, depth, f"{shared.identity}#note {label}", speaker, asked)

    def unsaid(self, plan: PlannedSample, words: Sequence[str]) -> list[str]:
        """Return those of some words that the hay is not known to hold.

        Raises:
            ConfigError: It holds all of them.
        """
        said: set[str] = set()
        if isinstance(pages := self.opened(plan).mixture.pieces.get("text"), Pages):
            said |= pages.holds(tuple(words), int(plan.length.amount) // len(self.kinds))
        if "audio" in self.kinds and not self.stock.speakers:
            said |= self.stock.pool.vocabulary
        left = [word for word in words if word not in said]
        if not left:
            raise ConfigError("the hay holds every word that could be hidden; use another text or other speech")
        return left

    def _fitted(self, plan: PlannedSample) -> Fitted:
        count = load_tokenizer(self.sweep.tokenizer).count
        room = int(plan.length.amount) - count(self._before()) - count(self._after(plan))
        notes = tuple(self.notes(plan))
        try:
            return self.opened(plan).mixture.fit(room, notes, self.around(plan))
        except LengthError as error:
            raise LengthError(f"a context of {plan.length} is too short: {error}") from None

    def _before(self) -> str:
        *some, last = (CALLED[kind] for kind in self.kinds)
        return BEFORE.format(what=" and ".join(filter(None, (", ".join(some), last))))

    def _after(self, plan: PlannedSample) -> str:
        return AFTER.format(question=self.question(plan))

    def mixed(self, plan: PlannedSample) -> MixedPart:
        """Return what every sample on a mixture says of it."""
        fitted, count = self._fits(plan), load_tokenizer(self.sweep.tokenizer).count
        around = count(self._before()) + count(self._after(plan))
        tokens = {**fitted.tokens, "text": fitted.tokens.get("text", 0) + around}
        rule, wanted = self.stock.wanted.rule, self.stock.wanted
        return {
            "modalities": list(self.kinds),
            "arithmetic": f"text by {wanted.tokenizer}; {rule.told}",
            "items": dict(sorted(fitted.counts.items())),
            "form": wanted.shooting.form,
            "hidden": [
                {"text": n.text, "kind": n.kind, "asked": n.asked, **fitted.placed[n].to_dict()}
                for n in self.notes(plan)
            ],
            "question": self.question(plan),
            "haystack": self.opened(plan).haystack,
            "realised_length": sum(tokens.values()),
            "tokens_by_kind": dict(sorted(tokens.items())),
            "media": self._media(fitted),
            "media_tokens": sum(tokens.values()) - tokens["text"],
            "bytes": 5 * tokens["text"],
        }

    def placed(self, plan: PlannedSample) -> list[Placed]:
        """Return where each note came to be, in the order of ``notes``."""
        fitted = self._fits(plan)
        return [fitted.placed[note] for note in self.notes(plan)]

    def _media(self, fitted: Fitted) -> dict[str, list[float]]:
        """Return how many pictures, recordings and films there are, with the seconds and looks a second of one."""
        counts, wanted = fitted.counts, self.stock.wanted
        films, frames = counts.get("video", 0), wanted.shooting.pictures
        native = wanted.shooting.form == "native"
        found: dict[str, list[float]] = {
            "image": [counts.get("image", 0) + (0 if native else films * frames)],
            "audio": [counts.get("audio", 0), wanted.clip_seconds],
            "video": [films if native else 0, float(frames / wanted.look.fps), float(wanted.look.fps)],
        }
        return {kind: numbers for kind, numbers in found.items() if numbers[0]}

    def contents(self, sample: M) -> tuple[str, ...]:
        """Return what the mixture is made of, whether or not a short prompt has an item of each; see ``Builder``."""
        frames = "video" in sample["modalities"] and sample["form"] == "frames"
        taken = {"text", *sample["modalities"], *(("image",) if frames else ())} - ({"video"} if frames else set())
        return tuple(kind for kind in KINDS if kind in taken)

    def passages(self, sample: M) -> tuple[str, ...]:
        """Return the sentences on pages from which the answer follows; see ``Builder``."""
        return tuple(one["text"] for one in sample["hidden"] if one["asked"] and one["kind"] == "text")

    def render(self, sample: M) -> Prompt:
        """Make the items one by one, and put the question after them."""
        plan = planned(sample)
        opened = self.opened(plan)
        if opened.haystack["digest"] != sample["haystack"]["digest"]:
            raise CorpusError(
                f"what is mixed ({opened.haystack['spec']}) is not what sample {sample['id']} was made from; "
                "bring it back or run the sweep again"
            )
        items = opened.mixture.parts(self._fits(plan).items)
        return Prompt.user(TextPart(self._before()), *items, TextPart(self._after(plan)))
