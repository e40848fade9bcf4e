"""Context lengths in the model's own tokens (``tokenizer: model``).

Contexts are cut with the reference tokenizer, because a provider's counting
endpoint cannot be asked for every cut. So one prompt of the task is counted by
the provider; the ratio turns the asked lengths into reference tokens, a little
short of them. Each prompt that is sent is counted and billed again, and both
numbers stand in the results beside the asked one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from lm_eval_longctx.harness.lm import LongctxLM
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
        ratio: The model's tokens for one reference token, on this task's text.
        asked: The asked length for each length in reference tokens.
    """

    model: str
    ratio: float
    asked: dict[int, Length]

    def relabel(self, sample: Sample) -> Sample:
        """Call a sample by the length that was asked for, and say how it was measured."""
        asked = self.asked[int(sample["context_length"])]
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
    if builder.UNIT is not Unit.TOKENS or builder.MODALITY != "text":
        raise ConfigError(f"{sweep.task} is not measured in tokens of text; leave tokenizer out")
    if not sweep.context_lengths:
        raise ConfigError(
            f"{sweep.task} is as long as its data, so nothing is cut to the model's own tokens; name a tokenizer"
        )
    text = replace(sweep, tokenizer=REFERENCE)
    counted, realised = _probe(type(builder), replace(text, **_small(sweep.context_lengths[-1])), builder, model)
    ratio = counted / realised
    cut = {int(length.amount / ratio * (1 - MARGIN)): length for length in sweep.context_lengths}
    lengths = tuple(Length(amount, Unit.TOKENS, REFERENCE) for amount in sorted(cut))
    name = model.name if model else ""
    logger.info("%s: one reference token is %.4f tokens of %s", sweep.task, ratio, name)
    return type(builder)(replace(text, context_lengths=lengths), builder.context), OwnTokens(name, ratio, cut)


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
