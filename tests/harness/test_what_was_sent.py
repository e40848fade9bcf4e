"""All tasks on each provider's wire, decoded again by other tools and answered by an oracle that reads only that."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import other_eyes
import pytest

from lm_eval_longctx.errors import LongctxError, UnsupportedError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.testing.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MODELS = {
    "gemini": "gemini-3.8-flash",
    "openai": "gpt-6.1-terra",
    "anthropic": "claude-sonnet-5-5",
    "openai-compatible": "tiny",
}
TAKES = {"openai-compatible": {"modalities": "text+image+audio+video"}}
READ = ("longctx_image_niah", "longctx_video_niah", "longctx_video_niah_multi", "longctx_text_niah")
"""Tasks that the oracle can answer: it reads writing, and needles in text."""

SEEN = ("longctx_image_niah", "longctx_video_niah", "longctx_video_niah_multi", "longctx_video_qa")
"""Tasks whose pictures are compared with what was planned."""

ALL = [("longctx_*",)]
"""All tasks of ours: the same claim at length."""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What was decoded, shared: the same film goes to all providers."""
    return {}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, seen: dict[str, Any]) -> Iterator[tuple[LocalServer, other_eyes.Oracle]]:
    """A local server that keeps whole bodies, with the oracle behind it."""
    monkeypatch.setattr("lm_eval_longctx.testing.exchange._KEPT_BODY", 1 << 30)
    for name in ("GEMINI", "OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "test-key")
    with LocalServer() as running:
        oracle = other_eyes.Oracle(other_eyes.programs(), running.state, _seen=seen)
        running.state.answer = oracle
        yield running, oracle


def tasks(names: Sequence[str], **metadata: Any) -> dict[str, Any]:
    """Load the tasks of these names that this machine can make samples of, as ``--tasks 'longctx_*'`` does."""
    from lm_eval.tasks.manager import TaskManager

    manager = TaskManager(include_defaults=False, metadata={"preset": "smoke", **metadata})
    loaded = {}
    for name in manager.match_tasks([*names]):
        try:
            (task,) = manager.load([name])["tasks"].values()
            task.named = False
            assert task.test_docs()
        except (LongctxError, ValueError):  # a group, or a voice that is not installed
            continue
        loaded[name] = task
    return loaded


HEARD = {
    "gemini, flac": ("gemini", "gemini-3.8-flash", {}, "flac"),
    "gemini, opus": ("gemini", "gemini-3.8-flash", {}, "opus"),
    "gpt-audio": ("openai", "gpt-audio", {}, "auto"),
    "openai-compatible": ("openai-compatible", "tiny", {"modalities": "text+audio"}, "auto"),
}
"""Provider, model, its arguments, and how its sound is coded."""

SPOKEN = {
    "longctx_audio_niah": {"context_lengths": ["20s"], "depths": 2, "distractors": 1},
    "longctx_audio_niah_multi": {"context_lengths": ["30s"], "depths": 1, "needles": 2},
    "longctx_audio_asr": {"context_lengths": ["20s"]},
}
"""Tasks whose sound is sent, small ones."""

SPOKEN_ONE = {"longctx_audio_niah": {"context_lengths": ["20s"], "depths": 1, "distractors": 1}}
"""The smallest: one recording with a needle, and a distractor that must not be taken for it."""

DEAF = {
    "openai": ("openai", "gpt-6.1-terra", {}),
    "anthropic": ("anthropic", "claude-sonnet-5-5", {}),
    "openai-compatible": ("openai-compatible", "tiny", {"modalities": "text+image"}),
}
"""Models that take no sound."""


@pytest.mark.parametrize(
    ("names", "form", "provider"),
    [
        *(({*READ, *SEEN}, "frames", provider) for provider in MODELS),
        ({*READ, *SEEN}, "native", "gemini"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in product(ALL, ["native", "frames"], MODELS)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} names",
)
def test_what_reached_each_provider_is_what_was_planned(
    server: tuple[LocalServer, other_eyes.Oracle], tmp_path: Path, provider: str, form: str, names: Sequence[str]
) -> None:
    """All media decode whole; needles are in their picture and in no other; who reads only that scores 1.0."""
    from lm_eval.evaluator import evaluate

    running, oracle = server
    address, more = running.base_url(provider), TAKES.get(provider, {})
    record = str(tmp_path / "ledger.sqlite3")
    lm = LongctxLM(f"{provider}/{MODELS[provider]}", base_url=address, progress=False, ledger=record, **more)
    loaded = tasks(names, longctx_video_niah={"form": form}, longctx_video_niah_multi={"form": form})
    assert {*READ, *SEEN} <= loaded.keys()
    found = evaluate(lm=lm, task_dict={"tasks": loaded, "groups": {}}, limit=1, bootstrap_iters=0, log_samples=True)
    for name, results in found["results"].items():
        assert "unsupported,none" in results or results["coverage,none"] == 1.0, name
    for name in READ:
        main = found["configs"][name]["metadata"]["longctx"]["metrics"][0]["name"]
        assert found["results"][name][f"{main},none"] == 1.0, name
    for name in SEEN:
        for sample in found["samples"][name]:
            check(sample["doc"], oracle)


def check(sample: dict[str, Any], oracle: other_eyes.Oracle) -> None:
    """Compare a sample with what came of it: number of pictures, their size, and where the words are."""
    count = int(sample.get("pictures", sample["context_length"]))
    words = (sample["question"], *sample.get("options", ()))
    came = [media for text, media in oracle.asked if all(word in text for word in words)]
    (media,) = (found for found in came if sum(one.pictures for one in found) == count)
    assert {size for one in media for size in one.sizes} == {(640, 360)}
    shown, first = {}, 0
    for one in media:
        shown.update({first + place: word for place, (_, word) in one.words.items()})
        first += one.pictures
    assert shown == {needle["picture"]: needle["value"] for needle in sample.get("needles", ())}


def asked_aloud(running: LocalServer, provider: str, model: str, loaded: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Evaluate tasks on a provider's local server."""
    from lm_eval.evaluator import evaluate

    address = running.base_url(provider)
    lm = LongctxLM(f"{provider}/{model}", base_url=address, progress=False, ledger="none", probe=False, **more)
    return dict(evaluate(lm=lm, task_dict={"tasks": loaded, "groups": {}}, bootstrap_iters=0, log_samples=True))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("wire", "spoken"),
    [
        ("gemini, opus", SPOKEN_ONE),
        ("openai-compatible", SPOKEN_ONE),
        *(pytest.param(wire, SPOKEN, marks=pytest.mark.slow) for wire in HEARD),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} tasks",
)
def test_sound_that_reached_each_provider_is_what_was_planned(
    server: tuple[LocalServer, other_eyes.Oracle], wire: str, spoken: dict[str, Any]
) -> None:
    """Sound is as long as planned; keywords are said at their seconds and at no other; who hears only that is right."""
    running, oracle = server
    provider, model, more, codec = HEARD[wire]
    loaded = {
        name: one_task(name, {"preset": "smoke", "pool": "30s", "codec": codec, **metadata})
        for name, metadata in spoken.items()
    }
    found = asked_aloud(running, provider, model, loaded, **more)
    for samples in found["samples"].values():
        for sample in samples:
            check_sound(sample["doc"], oracle)
    for name in spoken:
        main = found["configs"][name]["metadata"]["longctx"]["metrics"][0]["name"]
        score = found["results"][name][f"{main},none"]
        assert score < 0.2 if main == "wer" else score == 1.0, name  # the ear is a small one


def check_sound(sample: dict[str, Any], oracle: other_eyes.Oracle) -> None:
    """Compare a sample with the sound that came of it: how long it is, and what is said when."""
    came = [(text, media) for text, media in oracle.asked if sample["question"] in text]
    ((text, recording),) = {(text, one.digest): (text, one) for text, (one,) in came if of(sample, one)}.values()
    assert recording.seconds == sample["realised_length"]
    planned = sorted(sample.get("needles", ()), key=lambda needle: needle["start"])
    assert [word for _, (_, word) in sorted(recording.words.items())] == [needle["value"] for needle in planned]
    for second, needle in zip(sorted(recording.words), planned, strict=True):
        assert needle["start"] < second < needle["end"]
        assert needle["value"] not in text.lower()  # nothing but the sound tells it


def of(sample: dict[str, Any], recording: other_eyes.Seen) -> bool:
    """Whether a recording is a sample's: recordings with keywords are told apart by the first of them."""
    return not sample.get("needles") or sample["needles"][0]["value"] in {word for _, word in recording.words.values()}


@pytest.mark.parametrize("wire", DEAF)
def test_sound_is_not_sent_to_who_takes_none(server: tuple[LocalServer, other_eyes.Oracle], wire: str) -> None:
    """A model that takes no sound is refused in one sentence, and is not called at all."""
    running, _ = server
    provider, model, more = DEAF[wire]
    metadata = {"preset": "smoke", "context_lengths": ["10s"], "pool": "10s"}
    loaded = {"longctx_audio_niah": one_task("longctx_audio_niah", metadata)}
    with pytest.raises(UnsupportedError, match="longctx_audio_niah holds audio"):
        asked_aloud(running, provider, model, loaded, **more)
    assert running.state.requests == []
