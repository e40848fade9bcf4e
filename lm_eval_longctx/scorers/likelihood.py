"""How surprising a text is to a model: its negative log-likelihood, and what becomes of it with position."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Column, Metric, Scorer, Unparsed

if TYPE_CHECKING:
    from collections.abc import Mapping


class LikelihoodScorer(Scorer):
    """Reads what a model tells of a window's log-likelihood; there is no answer in words.

    Accepts ``{"nats": [7.5, 900.0]}``: the negative log-likelihood of the window, as ``longctx`` and lm-eval's
    ``loglikelihood`` give it, and of all text up to its end, as only ``longctx`` does.

    Reads from the sample: ``window_tokens``, ``window_bytes`` and, where there, ``repeated``.
    """

    METRICS = (
        Metric("nll", "nats a token, by the sweep's tokenizer, whatever the model's own is", higher_is_better=False),
        Metric("bits_per_byte", "bits a byte of UTF-8: comparable between all models", higher_is_better=False),
        Metric("repeated", "share of the text that stands before it already; 0 to 1", higher_is_better=False),
    )

    READS = (
        Column("target", "the window of text whose likelihood is told", required=True),
        Column("window_tokens", "its tokens", "number", required=True),
        Column("window_bytes", "its bytes of UTF-8", "number", required=True),
        Column("realised_length", "tokens of the text up to its end", "number"),
        Column("repeated", "share of the window that stands before it already", "number"),
    )

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` unless the window has a size."""
        if not sample.get("window_tokens") or not sample.get("window_bytes"):
            raise ConfigError("log-likelihood needs window_tokens and window_bytes above 0 in each sample")

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return one value for each metric.

        Raises:
            Unparsed: There is no finite number of nats.
        """
        nats = nats_of(answer)[0]
        return {
            "nll": nats / sample["window_tokens"],
            "bits_per_byte": nats / math.log(2) / sample["window_bytes"],
            "repeated": sample.get("repeated") or 0.0,
        }

    def details(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return ``up_to``: nats a token of all text up to the window's end, where the model tells."""
        _, *up_to = nats_of(answer)
        tokens = sample.get("realised_length")
        return {"up_to": up_to[0] / tokens} if up_to and tokens else {}


def nats_of(answer: str) -> list[float]:
    """Read the nats of one window, and of all text up to its end where they are there.

    Raises:
        Unparsed: There is no finite number of them.
    """
    try:
        nats = [float(value) for value in json.loads(answer)["nats"]]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unparsed(f"no log-likelihood ({error!r})") from None
    if not nats or not all(map(math.isfinite, nats)):
        raise Unparsed(f"the log-likelihood is {nats}")
    return nats


def as_answer(*nats: float) -> str:
    """Write what ``nats_of`` reads."""
    return json.dumps({"nats": nats})
