"""What fits into a model that is not ours, known before anything is sent.

lm-eval's classes cut a prompt that is too long, most of them from the left and
without a word that reaches the results: the needle may be gone, and the model
gets the blame. So a model is asked for its window and for its tokenizer, in
whatever way it tells them, and each prompt is counted as it will be sent. What
lm-eval's multimodal classes read of a request stands in ``READS``.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_NAMES = ("max_length", "max_model_len", "max_seq_len", "max_seq_length", "max_context_length", "context_window")
"""How a class of lm-eval, or a stranger's, may call its window."""

_CONFIG_NAMES = ("n_positions", "max_position_embeddings", "n_ctx", "max_model_len", "max_seq_len", "seq_length")
"""How a model's configuration may call it; the first four are what lm-eval and vLLM read."""

_ANSWER_NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""How lm-eval's generation settings may call the room for an answer, strongest first."""

_ENDLESS = 10**9
"""A tokenizer without a limit says so with a number beyond any window."""

_MEDIA = {"visual": "max_images", "audio": "max_audios"}
"""What a class calls the number of pictures and sounds that it passes on; it drops the rest."""

_TEXTS = {"input_ids", "attention_mask", "token_type_ids"}
"""What a processor makes of a prompt of text."""


@dataclass(frozen=True)
class Reads:
    """What one of lm-eval's multimodal classes reads of a request.

    Attributes:
        model: Its name for ``--model``.
        kinds: Which media.
        most: Pictures or sounds in a request, unless its argument says otherwise.
        rate: Samples of sound a second, where the class drops the rate that comes with a sound.
        seconds: Of one sound; the rest is cut off in silence.
        text_alone: Whether a request may hold text alone.
        order: How media and text are laid out, where that is not as the task wrote them.
    """

    model: str
    kinds: tuple[str, ...]
    most: int
    rate: int | None = None
    seconds: float | None = None
    text_alone: bool = True
    order: str = ""


READS: Mapping[str, Reads] = {
    "HFMultimodalLM": Reads("hf-multimodal", ("text", "image"), 999),
    "VLLM_VLM": Reads("vllm-vlm", ("text", "image"), 999),
    "HFAUDIOLMQWEN": Reads("hf-audiolm-qwen", ("text", "audio"), 5, 16_000, 30.0, text_alone=False),
    "TemplateAPI": Reads("local-chat-completions", ("text", "image"), 1, order="all pictures go before the text"),
}
"""By class, as the code of lm-eval 0.4.12 and 0.4.13 has it; of other classes nothing is known."""


def reads_of(lm: Any) -> Reads | None:
    """Return what a model's class reads; ``None`` where nobody knows."""
    return next((READS[cls.__name__] for cls in type(lm).__mro__ if cls.__name__ in READS), None)


@dataclass(frozen=True)
class Fit:
    """Whether one prompt fits.

    Attributes:
        tokens: As the model's own tokenizer counts the whole prompt; ``None`` if nobody can.
        too_long: Why it would be cut, in words; empty if it would not, or if nobody knows.
        dropped: Why pictures or sounds would be left out, in words; empty if none.
        unsure: What cannot be known of it, in words; empty if all is.
        refused: Why it cannot be sent at all, in words; empty if it can.
    """

    tokens: int | None = None
    too_long: str = ""
    dropped: str = ""
    unsure: str = ""
    refused: str = ""


class Window:
    """How much a model takes.

    Attributes:
        tokens: Prompt and answer together; ``None`` if it does not tell.
        source: Where that was read, such as ``max_length``; empty if nowhere.
        rate: Samples of sound a second that it takes every sound to have; ``None`` if it is told.
        seconds: Of one sound that it reads; ``None`` if all.
    """

    def __init__(self, lm: Any, *, believed: bool = True) -> None:
        """Read the window.

        Args:
            lm: The model.
            believed: Whether its own ``max_length`` is its window. lm-eval's
                interfaces to servers carry one that is only a default.
        """
        self._lm, self._name = lm, type(lm).__name__
        told = next(_told(lm), None) if believed else None
        self.tokens: int | None = told[0] if told else None
        self.source = told[1] if told else ""
        self._reads = reads_of(lm)
        heard = self._reads if self._reads and self._reads.rate else None
        samples, rate = (_number(_read(lm, f"processor.feature_extractor.{n}")) for n in ("n_samples", "sampling_rate"))
        self.rate = rate or (heard.rate if heard else None)
        self.seconds = (samples / rate if samples and rate else heard.seconds) if heard else None

    @property
    def unknown(self) -> str:
        """What to say where the model tells nothing."""
        return f"{self._name} does not tell how long a prompt may be: whether prompts are cut cannot be known"

    def tells(self, *, media: bool) -> bool:
        """Whether anything is known, so that it is worth to render prompts, with media or without, before they go."""
        return self.tokens is not None or (media and any(_number(_read(self._lm, name)) for name in _MEDIA.values()))

    def fit(self, context: object, gen_kwargs: Mapping[str, Any], media: Mapping[str, Sequence[Any]]) -> Fit:
        """Say whether a prompt fits as it is sent, with room for its answer."""
        if self._reads and not self._reads.text_alone and not media:
            return Fit(refused=f"{self._name} reads no request without sound")
        dropped = self._dropped(media) or self._cut_off(media)
        if self.tokens is None:
            return Fit(dropped=dropped, unsure=self.unknown)
        counted, whole, lost = self._count(context, {} if dropped else media)
        dropped = dropped or lost
        if counted is None:
            unsure = (
                f"{self._name} takes {self.tokens:,} tokens and counts none: whether prompts are cut cannot be known"
            )
            return Fit(dropped=dropped, unsure=unsure)
        room = self._answer_room(gen_kwargs)
        short = counted > self._limit(room)
        too_long = f"{counted:,} tokens and {room:,} for the answer, and {self._name} takes {self.tokens:,}"
        unsure = "" if whole else f"{self._name} does not count what pictures and sound take: only texts are counted"
        return Fit(counted if whole else None, too_long if short else "", dropped, unsure)

    def _answer_room(self, gen_kwargs: Mapping[str, Any]) -> int:
        if getattr(self._lm, "backend", "") == "seq2seq":
            return 0  # the answer has a window of its own
        asked = (gen_kwargs[name] for name in _ANSWER_NAMES if gen_kwargs.get(name) is not None)
        return _number(next(asked, getattr(self._lm, "max_gen_toks", None))) or 256

    def _limit(self, room: int) -> int:
        """Return the longest prompt; ``truncation=true`` of lm-eval's hf also cuts where the tokenizer ends."""
        limit = (self.tokens or 0) - room
        own = _number(getattr(getattr(self._lm, "tokenizer", None), "model_max_length", None))
        return min(limit, own) if own and getattr(self._lm, "truncation", False) is True else limit

    def _count(self, context: object, media: Mapping[str, Sequence[Any]]) -> tuple[int | None, bool, str]:
        """Return a prompt's tokens, whether pictures and sound are among them, and why they would not be."""
        with suppress(Exception):  # a stranger's tokenizer may fail in any way: then nobody knows
            if media and hasattr(self._lm, "tok_batch_multimodal_encode"):
                encoded = self._lm.tok_batch_multimodal_encode([context], self._media(media))
                found = _length(encoded)
                deaf = isinstance(encoded, Mapping) and {"attention_mask"} < {*encoded} <= _TEXTS
                kinds = " and ".join(media)
                lost = f"the processor that {self._name} asks makes nothing of its {kinds}: use other versions of both"
                if found is not None:
                    return found, True, lost if deaf else ""
        with suppress(Exception):
            return (_length(self._encoded(context)) if isinstance(context, str) else None), not media, ""
        return None, False, ""

    def _encoded(self, text: str) -> Any:
        if callable(getattr(self._lm, "tok_encode", None)):
            return self._lm.tok_encode(text)
        tokenizer = self._lm.tokenizer
        return tokenizer.encode(text) if hasattr(tokenizer, "encode") else tokenizer(text)

    def _media(self, media: Mapping[str, Sequence[Any]]) -> list[Any]:
        """Return a prompt's media as the model's processor gets them: sounds in one list, pictures by prompt."""
        if "visual" not in media:
            return [sound["array"] for sound in media.get("audio", ())]
        from lm_eval.models.utils import resize_image

        sides = [getattr(self._lm, name, None) for name in ("image_width", "image_height", "image_max_side")]
        return [[resize_image(image, *sides) for image in media["visual"]]]

    def _dropped(self, media: Mapping[str, Sequence[Any]]) -> str:
        for kind, name in _MEDIA.items():
            most, given = _number(getattr(self._lm, name, None)), len(media.get(kind, ()))
            if most and given > most:
                return f"{given:,} in {kind}, and {self._name} passes {most:,} on; say {name}={given} in --model_args"
        return ""

    def _cut_off(self, media: Mapping[str, Sequence[Any]]) -> str:
        """Say that a class would cut the end of a sound off."""
        if self.seconds is None:
            return ""
        longest = max((len(sound["array"]) / sound["sampling_rate"] for sound in media.get("audio", ())), default=0.0)
        if longest <= self.seconds:
            return ""
        return f"{longest:,.1f} s of sound, and {self._name} reads {self.seconds:g} s and drops the rest in silence"


def _told(lm: Any) -> Iterator[tuple[int, str]]:
    """Yield the windows that a model tells, the one that it goes by itself first."""
    own = [(found, name) for name in _OWN_NAMES if (found := _number(_read(lm, name)))]
    yield from sorted(own, key=lambda item: item[0])
    for place in ("config", "model.config", "model.llm_engine.model_config", "_config"):
        config = _read(lm, place)
        for part in (_read(config, "text_config"), config):
            for name in _CONFIG_NAMES:
                if found := _number(part.get(name) if isinstance(part, Mapping) else _read(part, name)):
                    yield found, f"{place}.{name}"
    found = _number(_read(lm, "tokenizer.model_max_length"))
    if found and found < _ENDLESS:
        yield found, "tokenizer.model_max_length"


def _read(thing: Any, path: str) -> Any:
    """Return an attribute of an attribute, or what a method of that name gives; ``None`` where there is none."""
    with suppress(Exception):  # a property of a stranger's may fail in any way
        found = operator.attrgetter(path)(thing)
        return found() if inspect.isroutine(found) else found
    return None


def _number(value: Any) -> int | None:
    """Return a whole number above 0; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    with suppress(TypeError, ValueError):
        number = int(value) if isinstance(value, (str, float)) else operator.index(value)
        return number if number > 0 else None
    return None


def _length(encoded: Any) -> int | None:
    """Return how many tokens an encoding of one text has; ``None`` if it is no encoding."""
    encoded = encoded["input_ids"] if isinstance(encoded, Mapping) else getattr(encoded, "ids", encoded)
    if hasattr(encoded, "shape"):
        return int(encoded.shape[-1])
    if not isinstance(encoded, (list, tuple)) or not encoded:
        return None
    if isinstance(encoded[0], (list, tuple)):
        return _length(encoded[0]) if len(encoded) == 1 else None
    return len(encoded) if all(hasattr(token, "__index__") for token in encoded) else None
