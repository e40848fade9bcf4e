"""Figures that others published for the same families of tasks.

They are drawn beside a user's results, dashed and labelled, never mixed with
them: each was measured by its authors with their own hay, prompts and token
counts. ``DIFFERENCES`` says how a family's protocol differs from ours.
"""

from __future__ import annotations

from dataclasses import dataclass

GEMINI_15 = "Gemini 1.5 report, arXiv 2403.05530"
GEMINI_25 = "Gemini 2.5 report, arXiv 2507.06261"
_K, _M, _MINUTE, _HOUR = 1024, 1024 * 1024, 60, 3600


@dataclass(frozen=True)
class Point:
    """A published figure.

    Attributes:
        length: The context length in the task's unit (tokens or seconds);
            ``None`` where the figure is over several lengths.
        value: The score, in the metric's own range.
        bound: Empty for a figure, ``>`` for "more than", ``~`` for one read off a plot or told roughly.
    """

    length: float | None
    value: float
    bound: str = ""


@dataclass(frozen=True)
class PublishedRow:
    """One model's published figures on one family of tasks.

    Attributes:
        tasks: Names of our tasks of the same family.
        model: As the source calls it.
        metric: The name of our metric that is meant in the same way.
        points: Shortest first.
        source: Where they stand.
        note: What to know about them.
    """

    tasks: tuple[str, ...]
    model: str
    metric: str
    points: tuple[Point, ...]
    source: str
    note: str = ""


DIFFERENCES = {
    "longctx_text_niah": "their hay is essays by one author, repeated; their lengths are in Gemini tokens",
    "longctx_text_niah_multi": "their hay is essays by one author, repeated; their lengths are in Gemini tokens",
    "longctx_video_niah": "their film is seven copies of one documentary; figures over all lengths to 10.5 hours",
    "longctx_audio_niah": "their sound is parliament speech of many speakers; figures over 12 minutes to 11 hours",
    "longctx_audio_asr": "their recordings are an internal set of 15-minute segments; the normalizer is not named",
    "onehour_videoqa": "theirs are 125 questions; 101 of them, on 21 films, are public",
    "mtob": "their translations are one sample at the default temperature; 50 sentences a direction",
    "mrcr_v2": "eight needles; up to 128k is an average over all lengths up to there",
}
"""How the published protocol differs from ours, by the first of a row's tasks."""

_VIDEO_QA = ("onehour_videoqa",)
_EK = ("mtob_ek", "kalamang_ek")
_KE = ("mtob_ke", "kalamang_ke")
_TEXT = ("longctx_text_niah",)
_MULTI = ("longctx_text_niah_multi",)
_MRCR = ("mrcr_v2",)


def _points(*pairs: tuple[float | None, float] | tuple[float | None, float, str]) -> tuple[Point, ...]:
    return tuple(Point(*pair) for pair in pairs)


PUBLISHED = (
    PublishedRow(
        _TEXT, "Gemini 1.5 Pro", "recall", _points((530 * _K, 1.0), (_M, 0.997, ">"), (10 * _M, 0.992)), GEMINI_15
    ),
    PublishedRow(_TEXT, "Gemini 1.5 Flash", "recall", _points((2 * _M, 1.0)), GEMINI_15),
    PublishedRow(_TEXT, "Claude 2.1", "recall", _points((200 * 1000, 0.98)), GEMINI_15, "as quoted there"),
    PublishedRow(
        _MULTI, "Gemini 1.5 Pro", "recall", _points((128 * _K, 0.7, "~"), (_M, 0.6, ">")), GEMINI_15, "100 needles"
    ),
    PublishedRow(_MULTI, "GPT-4 Turbo", "recall", _points((128 * _K, 0.5, "~")), GEMINI_15, "100 needles"),
    PublishedRow(("longctx_video_niah",), "Gemini 1.5 Pro", "recall", _points((10.5 * _HOUR, 1.0)), GEMINI_15),
    PublishedRow(
        ("longctx_video_niah",), "Gemini 1.5 Flash", "recall", _points((None, 0.998, ">")), GEMINI_15, "to 2M tokens"
    ),
    PublishedRow(("longctx_audio_niah",), "Gemini 1.5 Pro", "recall", _points((11 * _HOUR, 1.0)), GEMINI_15),
    PublishedRow(("longctx_audio_niah",), "Gemini 1.5 Flash", "recall", _points((11 * _HOUR, 0.987)), GEMINI_15),
    PublishedRow(
        ("longctx_audio_niah",), "Whisper + GPT-4 Turbo", "recall", _points((11 * _HOUR, 0.945)), GEMINI_15, "30 s cuts"
    ),
    PublishedRow(("longctx_audio_asr",), "USM", "wer", _points((15 * _MINUTE, 0.088)), GEMINI_15),
    PublishedRow(
        ("longctx_audio_asr",), "Whisper", "wer", _points((15 * _MINUTE, 0.125)), GEMINI_15, "0.073 with 30 s cuts"
    ),
    PublishedRow(
        ("longctx_audio_asr",), "Gemini 1.0 Pro", "wer", _points((15 * _MINUTE, 1.0)), GEMINI_15, "0.078 with 30 s cuts"
    ),
    PublishedRow(("longctx_audio_asr",), "Gemini 1.5 Pro", "wer", _points((15 * _MINUTE, 0.055)), GEMINI_15),
    PublishedRow(("longctx_audio_asr",), "Gemini 1.5 Flash", "wer", _points((15 * _MINUTE, 0.088)), GEMINI_15),
    PublishedRow(
        _VIDEO_QA, "Gemini 1.5 Pro", "accuracy", _points((None, 0.722)), GEMINI_15, "whole film, 1 frame a second"
    ),
    PublishedRow(_VIDEO_QA, "Gemini 1.5 Pro", "accuracy", _points((None, 0.563)), GEMINI_15, "150 frames"),
    PublishedRow(
        _VIDEO_QA, "Gemini 1.5 Flash", "accuracy", _points((None, 0.659)), GEMINI_15, "whole film, 1 frame a second"
    ),
    PublishedRow(_VIDEO_QA, "GPT-4V", "accuracy", _points((None, 0.523)), GEMINI_15, "150 frames"),
    PublishedRow(_VIDEO_QA, "Gemini 2.5 Pro", "accuracy", _points((None, 0.81)), GEMINI_25, "7,200 frames"),
    PublishedRow(_VIDEO_QA, "GPT-4.1", "accuracy", _points((None, 0.568)), GEMINI_25, "7,200 frames"),
    PublishedRow(_KE, "Gemini 1.5 Pro", "chrf", _points((None, 48.0)), GEMINI_15, "full book"),
    PublishedRow(_KE, "Gemini 1.5 Pro", "chrf", _points((None, 48.1)), GEMINI_15, "half book"),
    PublishedRow(_KE, "Gemini 1.5 Flash", "chrf", _points((None, 44.6)), GEMINI_15, "full book"),
    PublishedRow(_KE, "Claude 3 Opus", "chrf", _points((None, 45.1)), GEMINI_15, "half book"),
    PublishedRow(_KE, "GPT-4 Turbo", "chrf", _points((None, 35.7)), GEMINI_15, "half book"),
    PublishedRow(_KE, "human learner", "chrf", _points((None, 51.6)), GEMINI_15, "full book"),
    PublishedRow(_EK, "Gemini 1.5 Pro", "chrf", _points((None, 59.0)), GEMINI_15, "full book"),
    PublishedRow(_EK, "Gemini 1.5 Pro", "chrf", _points((None, 59.1)), GEMINI_15, "half book"),
    PublishedRow(_EK, "Gemini 1.5 Flash", "chrf", _points((None, 52.0)), GEMINI_15, "full book"),
    PublishedRow(_EK, "Claude 3 Opus", "chrf", _points((None, 55.5)), GEMINI_15, "half book"),
    PublishedRow(_EK, "GPT-4 Turbo", "chrf", _points((None, 45.4)), GEMINI_15, "half book"),
    PublishedRow(_EK, "human learner", "chrf", _points((None, 57.0)), GEMINI_15, "full book"),
    PublishedRow(_MRCR, "Gemini 1.5 Pro", "match", _points((128 * _K, 0.262), (_M, 0.121)), GEMINI_25, "8 needles"),
    PublishedRow(_MRCR, "Gemini 2.0 Flash", "match", _points((128 * _K, 0.19), (_M, 0.053)), GEMINI_25, "8 needles"),
    PublishedRow(_MRCR, "Gemini 2.5 Flash", "match", _points((128 * _K, 0.543), (_M, 0.21)), GEMINI_25, "8 needles"),
    PublishedRow(_MRCR, "Gemini 2.5 Pro", "match", _points((128 * _K, 0.58), (_M, 0.164)), GEMINI_25, "8 needles"),
    PublishedRow(_MRCR, "o3", "match", _points((128 * _K, 0.571)), GEMINI_25, "8 needles"),
)
"""All rows; human and machine figures alike."""


def published_for(task: str, metric: str) -> list[PublishedRow]:
    """Return the published rows of a task's own family and metric."""
    return [row for row in PUBLISHED if task in row.tasks and row.metric == metric]


def difference(task: str) -> str:
    """Return how the published protocol of a task's family differs from ours; empty if nothing is known."""
    family = next((key for key in DIFFERENCES if task == key), "mtob" if task in (*_EK, *_KE) else "")
    return DIFFERENCES.get(family, "")
