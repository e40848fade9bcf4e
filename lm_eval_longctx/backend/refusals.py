"""What a model will not take, known before any media are made: told before a run, and left out of a plan."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LongctxError, UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, VideoPart
from lm_eval_longctx.providers.base import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lm_eval_longctx.backend.jobs import Job
    from lm_eval_longctx.prompt import MediaPart
    from lm_eval_longctx.providers.base import Provider

logger = logging.getLogger(__name__)

_DIGEST = "0" * 64
_NOWHERE = f"not-made-yet-{_DIGEST}"
"""The digest and the path of files that are not there."""

_RATE = 16_000
"""Samples a second of our sound."""


def refusal(sample: Mapping[str, Any], job: Job, provider: Provider) -> str:
    """Say why a provider does not take a sample, as far as that is known before its media are made; empty if it does.

    Args:
        sample: See ``lm_eval_longctx.sample``.
        job: What would be asked.
        provider: Who would be asked.
    """
    if sample.get("unasked"):
        return str(sample["unasked"])
    media = stand_ins(sample, job.modalities)
    try:
        provider.check(Request(Prompt.user(*media, TextPart("")), job.settings))
    except UnsupportedError as error:
        return str(error)
    except LongctxError:  # nothing that is known of the model: asking names it
        return ""
    return ""


def stand_ins(sample: Mapping[str, Any], modalities: Sequence[str]) -> list[MediaPart]:
    """Return parts as many and as long as those of a sample, with no files behind them.

    Args:
        sample: See ``lm_eval_longctx.sample``.
        modalities: What its prompt holds.
    """
    if "media" in sample:
        return _several(sample["media"])
    seconds = float(sample.get("realised_length") or sample["context_length"])
    if "image" in modalities:
        count = sample.get("pictures", sample["context_length"] if sample["unit"] == "images" else 1)
        return [ImagePart(_NOWHERE, _DIGEST, "image/jpeg", 1, 1)] * int(count)
    if sample["unit"] != "seconds" or seconds <= 0:
        return []
    if "video" in modalities:
        rate = (int(sample.get("pictures") or seconds) - 0.5) / seconds  # just as many looks, however that is rounded
        return [VideoPart(_NOWHERE, _DIGEST, "video/mp4", seconds, rate, 1, 1)] if rate > 0 else []
    codec = sample.get("codec", "flac")
    mime = "audio/ogg" if codec == "opus" else f"audio/{codec}"
    return [AudioPart(_NOWHERE, _DIGEST, mime, seconds, _RATE)] if "audio" in modalities else []


def _several(media: Mapping[str, Sequence[float]]) -> list[MediaPart]:
    """Return stand-ins for a prompt that mixes kinds; see ``Sample.media``."""
    made: list[MediaPart] = []
    for kind, (count, *rest) in media.items():
        one: MediaPart = ImagePart(_NOWHERE, _DIGEST, "image/jpeg", 1, 1)
        if kind == "audio":
            one = AudioPart(_NOWHERE, _DIGEST, "audio/flac", rest[0], _RATE)
        if kind == "video":
            one = VideoPart(_NOWHERE, _DIGEST, "video/mp4", rest[0], rest[1], 1, 1)
        made += [one] * int(count)
    return made


def tell_refusals(asked: Iterable[tuple[Mapping[str, Any], Job]], provider: Provider) -> None:
    """Say before a run which of its questions the model does not take: they are not sent, and have no score.

    Args:
        asked: Samples and what would be asked about them.
        provider: Who would be asked.
    """
    found: dict[str, list[str]] = {}
    for sample, job in asked:
        found.setdefault(job.task, []).append(refusal(sample, job, provider))
    for task, reasons in found.items():
        refused = [reason for reason in reasons if reason]
        if refused:
            logger.warning("%s: %d of %d questions will not be sent: %s", task, len(refused), len(reasons), refused[0])
