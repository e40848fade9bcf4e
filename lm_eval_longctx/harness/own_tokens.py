"""Context lengths in the model's own tokens: of text (``tokenizer: model``), and of film and sound (``1M``).

Contexts are cut with the reference tokenizer, because a provider's counting
endpoint cannot be asked for every cut. So one prompt of the task is counted by
the provider; the ratio turns the asked lengths into reference tokens, a little
short of them. Each prompt that is sent is counted and billed again, and both
numbers stand in the results beside the asked one. A second of film or sound
has as many tokens as the table of models says, at the task's frame rate and in
the form in which it is sent; where it says nothing, or the user does, those of
the task's ``tokens_per_second``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.providers.capabilities import WireCapabilities
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.providers.base import Capabilities
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.sweep import Sweep
    from lm_eval_longctx.tasks.base import Builder

logger = logging.getLogger(__name__)

OWN = "model"
REFERENCE = "o200k_base"
PROBE = 32_768
"""The counted prompt is at most this long: enough for a steady ratio, quickly sent."""

MARGIN = 0.005
"""How much short of the asked length a context is cut: the ratio differs from page to page."""


@dataclass(frozen=True)
class OwnTokens:
    """How a model's tokens compare with the reference tokenizer's.

    Attributes:
        model: ``provider/model``.
        ratio: The model's tokens for one reference token on this task's text, or for one second.
        asked: The asked length for each length in reference tokens, or in seconds.
    """

    model: str
    ratio: float
    asked: Mapping[float, Length]

    def relabel(self, sample: Sample) -> Sample:
        """Call a sample by the length that was asked for, and say how it was measured."""
        asked = self.asked.get(sample["context_length"])
        if asked is None:  # film whose duration was asked for, beside some that was asked for in tokens
            return sample
        own = {
            "model": self.model,
            "ratio": round(self.ratio, 5),
            "asked": asked.amount,
            "expected": round(sample["realised_length"] * self.ratio),
        }
        return {**sample, "context_label": asked.label, "own_tokens": own}


def in_own_tokens(builder: Builder[Any], model: LongctxLM | None) -> tuple[Builder[Any], OwnTokens]:
    """Return a builder whose contexts have the asked lengths in the model's own tokens.

    Raises:
        ConfigError: The model does not count tokens, or the task's length is
            not one of text.
    """
    sweep = builder.sweep
    if sweep.asked_tokens:
        return _of_seconds(builder, model)
    if builder.UNIT is not Unit.TOKENS or builder.MODALITY != "text":
        raise ConfigError(f"{sweep.task} is not measured in tokens of text; leave tokenizer out")
    if not sweep.context_lengths:
        raise ConfigError(
            f"{sweep.task} is as long as its data, so nothing is cut to the model's own tokens; name a tokenizer"
        )
    text = replace(sweep, tokenizer=REFERENCE)
    counted, realised = _probe(type(builder), replace(text, **_small(sweep.context_lengths[-1])), builder, model)
    ratio = counted / realised
    cut: dict[float, Length] = {int(length.amount / ratio * (1 - MARGIN)): length for length in sweep.context_lengths}
    lengths = tuple(Length(amount, Unit.TOKENS, REFERENCE) for amount in sorted(cut))
    name = model.name if model else ""
    logger.info("%s: one reference token is %.4f tokens of %s", sweep.task, ratio, name)
    return type(builder)(replace(text, context_lengths=lengths), builder.context), OwnTokens(name, ratio, cut)


def _of_seconds(builder: Builder[Any], model: LongctxLM | None) -> tuple[Builder[Any], OwnTokens]:
    """Return a builder whose films, or sounds, are as long as the asked tokens of this model last."""
    sweep, rate = builder.sweep, float(builder.sweep.options["tokens_per_second"])
    if model is not None and not sweep.rate_said:
        rate = _rate(builder, model.provider.capabilities) or rate
    pairs = list(zip(sweep.context_lengths, sweep.asked_tokens, strict=True))
    lengths = tuple(Length(tokens / rate, Unit.SECONDS) if tokens else length for length, tokens in pairs)
    asked = {length.amount: Length(tokens) for length, (_, tokens) in zip(lengths, pairs, strict=True) if tokens}
    logger.info("%s: one second is %g tokens of %s", sweep.task, rate, model.name if model else "the task's reckoning")
    options = {**sweep.options, "tokens_per_second": rate}
    made = type(builder)(replace(sweep, context_lengths=lengths, options=options), builder.context)
    return made, OwnTokens(model.name if model else "", rate, asked)


def _rate(builder: Builder[Any], takes: Capabilities) -> float | None:
    """Return a model's tokens for a second of a task's medium; ``None`` if the table of models does not say."""
    if not isinstance(takes, WireCapabilities):
        return None
    if builder.MODALITY == "audio":
        return takes.audio_tokens
    options = builder.sweep.options
    size = builder.picture_size
    frame = takes.frame_cost(size, as_film=options["form"] == "native") if size and "form" in options else None
    return frame * float(options["fps"]) if frame else None


def _small(longest: Length) -> dict[str, Any]:
    amount = min(PROBE, int(longest.amount))
    return {"context_lengths": (Length(amount, Unit.TOKENS, REFERENCE),), "samples_per_cell": 1}


def _probe(kind: type[Builder[Any]], sweep: Sweep, builder: Builder[Any], model: LongctxLM | None) -> tuple[int, int]:
    """Count one prompt with the provider; return its tokens there and by the reference tokenizer."""
    probe = kind(sweep, builder.context)
    sample = probe.sample(next(iter(probe.plans())))
    counted = model.count(probe.render(sample)) if model else None
    if not counted:
        raise ConfigError(
            f"{builder.sweep.task}: tokenizer=model needs --model longctx with a provider that counts tokens; "
            "give a tokenizer by name instead, such as o200k_base or the path of a tokenizer.json"
        )
    return counted, int(sample["realised_length"])
