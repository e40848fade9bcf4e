"""A mixture on every wire: what was sent is decoded again on the far end, and answered by one who reads only that."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import av
import pytest
import soundfile
from mixture_kit import mix, mixed_cache
from PIL import Image

from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, Part, Prompt, TextPart, VideoPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.providers.cascade import hearing, sight
from lm_eval_longctx.providers.cascade.lookup import look_up
from lm_eval_longctx.providers.cascade.perception import perceive
from lm_eval_longctx.tasks.mixed_niah.builder import MixedNeedleBuilder
from lm_eval_longctx.testing.contract import ask, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["mix", "mixed_cache"]

pytestmark = [
    pytest.mark.media,
    pytest.mark.skipif(not (hearing.available() and sight.available()), reason="needs the extra embedded"),
]

LEGIBLE = {"resolution": "480x270", "overlay_size": 8, "around": ["any"], "depths": [0.5], "context_lengths": ["3k"]}

Sent = tuple[str, Any]
"""``text`` and the text, or a MIME type and the bytes."""


def gemini(body: dict[str, Any]) -> Iterator[Sent]:
    """Read a generateContent request."""
    for part in body["contents"][0]["parts"]:
        blob = part.get("inlineData")
        yield (blob["mimeType"], base64.b64decode(blob["data"])) if blob else ("text", part["text"])


def messages(body: dict[str, Any]) -> Iterator[Sent]:
    """Read a Messages request."""
    for block in body["messages"][0]["content"]:
        source = block.get("source")
        yield (source["media_type"], base64.b64decode(source["data"])) if source else ("text", block["text"])


def responses(body: dict[str, Any]) -> Iterator[Sent]:
    """Read a Responses request."""
    for block in body["input"][0]["content"]:
        yield _url(block["image_url"]) if block["type"] == "input_image" else ("text", block["text"])


def chat(body: dict[str, Any]) -> Iterator[Sent]:
    """Read a Chat Completions request."""
    for part in body["messages"][0]["content"]:
        value = part[part["type"]]
        if part["type"] == "input_audio":
            yield f"audio/{value['format']}", base64.b64decode(value["data"])
        else:
            yield ("text", value) if part["type"] == "text" else _url(value["url"])


def _url(url: str) -> Sent:
    head, _, data = url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data)


WIRES: dict[str, tuple[str, str, dict[str, str], Callable[[dict[str, Any]], Iterator[Sent]], list[str]]] = {
    "gemini": ("gemini", "gemini-3.8-flash", {}, gemini, ["text", "image", "audio", "video"]),
    "openai": ("openai", "gpt-6.1-terra", {}, responses, ["text", "image", "video"]),
    "gpt-audio": ("openai", "gpt-audio", {}, chat, ["text", "audio"]),
    "anthropic": ("anthropic", "claude-sonnet-5-5", {}, messages, ["text", "image", "video"]),
    "compatible": (
        "openai-compatible",
        "tiny",
        {"modalities": "text+image+audio+video"},
        chat,
        ["text", "image", "audio", "video"],
    ),
}
"""Provider, model, its arguments, who reads its wire, and what it takes."""


def decoded(sent: Sent, folder: Path) -> Part:
    """Return what a decoder of the far end makes of a part: every medium is decoded to its end."""
    kind, content = sent
    if kind == "text":
        return TextPart(content)
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest}.{kind.partition('/')[2]}"
    path.write_bytes(content)
    if kind.startswith("image/"):
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            return ImagePart(str(path), digest, kind, *picture.size)
    if kind.startswith("audio/"):
        samples, rate = soundfile.read(io.BytesIO(content))
        return AudioPart(str(path), digest, kind, len(samples) / rate, rate)
    with av.open(io.BytesIO(content)) as container:
        frames = list(container.decode(video=0))
    return VideoPart(str(path), digest, kind, float(len(frames)), 1.0, frames[0].width, frames[0].height)


@pytest.fixture(autouse=True)
def _whole_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server keep requests of any size."""
    monkeypatch.setattr("lm_eval_longctx.testing.exchange._KEPT_BODY", 1 << 30)


@pytest.mark.parametrize("needle", ["text", "image", "audio", "video"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_was_sent_can_be_read_again(
    server: Any, mix: Callable[..., Any], tmp_path: Path, wire: str, needle: str
) -> None:
    """On each provider's wire items keep their order and kind, and who reads only the request finds the needle."""
    provider, model, args, read, kinds = WIRES[wire]
    if needle not in kinds:
        pytest.skip(f"{model} takes no {needle}")
    builder = mix(MixedNeedleBuilder, **LEGIBLE, modalities=kinds, needles_in=[needle])
    (sample,) = builder.samples()
    prompt = builder.render(sample)
    make = lambda: server.provider(provider, model, stream="false", probe=False, **args)  # noqa: E731
    run(make, lambda made: ask(made, Request(prompt, Settings(max_output_tokens=32))))
    parts = [decoded(one, tmp_path) for one in read(server.state.requests[-1]["body"])]
    frames = "video" not in make().capabilities.modalities
    assert [type(p) for p in merged(parts)] == [type(p) for p in merged(list(as_sent(prompt, frames)))]
    assert "".join(p.text for p in prompt.parts() if isinstance(p, TextPart)) in without_times(parts)
    for ours, theirs in zip(prompt.media(), [p for p in parts if not isinstance(p, TextPart)], strict=False):
        if type(ours) is not type(theirs):
            break  # film went as frames
        assert isinstance(ours, AudioPart) or ours.digest == theirs.digest
        assert not isinstance(ours, AudioPart) or ours.seconds == theirs.seconds
    assert look_up(perceive(Prompt.user(*parts))) == sample["target"]


def as_sent(prompt: Prompt, frames: bool) -> Iterator[Part]:
    """Yield a prompt's parts with pictures in the place of a film's frames, if it goes as such."""
    for part in prompt.parts():
        if frames and isinstance(part, VideoPart):
            for _ in range(round(part.seconds * part.fps)):
                yield TextPart("[00:00]")
                yield ImagePart("", "", "image/jpeg", 1, 1)
        else:
            yield part


def merged(parts: list[Part]) -> list[Part]:
    """Return parts with neighbouring texts as one: wires join or split them."""
    return [
        p for i, p in enumerate(parts) if not (i and isinstance(p, TextPart) and isinstance(parts[i - 1], TextPart))
    ]


def without_times(parts: list[Part]) -> str:
    """Return all text, without the times of frames."""
    texts = (part.text for part in parts if isinstance(part, TextPart))
    return "".join(text for text in texts if not (text.startswith("[0") and text.endswith("]")))


@pytest.mark.parametrize(
    ("wire", "kinds", "words"),
    [
        ("openai", ["text", "audio"], "takes text+image, not audio"),
        ("anthropic", ["image", "audio", "video"], "takes text+image, not audio"),
        ("gpt-audio", ["text", "image"], "takes text+audio, not image"),
        ("gpt-audio", ["text", "video"], "takes text+audio, not"),
    ],
)
def test_kinds_that_are_not_taken_are_refused_unsent(
    server: Any, mix: Callable[..., Any], wire: str, kinds: list[str], words: str
) -> None:
    """A mixture with a kind of content that a model does not take is refused before anything goes out."""
    provider, model, args, _, _ = WIRES[wire]
    (sample, *_) = (builder := mix(MixedNeedleBuilder, **LEGIBLE, modalities=kinds)).samples()
    asked = Request(builder.render(sample), Settings(max_output_tokens=32))
    with pytest.raises(UnsupportedError, match=words.replace("+", r"\+")):
        run(lambda: server.provider(provider, model, probe=False, **args), lambda made: ask(made, asked))
    assert server.state.requests == []
