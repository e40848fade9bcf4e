"""lm-eval's multimodal models get what they can read, in one shape, and are not blamed for what they would cut."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_llama
import tiny_media_models
from lm_eval.api.model import LM

from lm_eval_longctx.harness.rendering import for_other_models
from lm_eval_longctx.harness.tasks import LongctxTask
from lm_eval_longctx.harness.window import READS, Window, reads_of
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart, file_digest


def tone(path: Path, rate: int, channels: int, seconds: float = 2.0) -> AudioPart:
    """Write a tone of 440 Hz in the first channel and silence in the others."""
    wave = np.zeros((int(rate * seconds), channels), np.float32)
    wave[:, 0] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(wave)) / rate)
    soundfile.write(path, wave, rate)
    return AudioPart(str(path), file_digest(path), "audio/wav", seconds, rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("wanted", [None, 16_000, 24_000])
def test_sound_arrives_in_one_channel_at_the_rate_that_is_read(
    tmp_path: Path, rate: int, channels: int, wanted: int | None
) -> None:
    """Whatever a file holds, the same tone comes for as long, mixed down, at the rate that the model goes by."""
    part = tone(tmp_path / "tone.wav", rate, channels)
    *_, media = for_other_models(Prompt.user(part, TextPart("What is it?")), {}, None, wanted)
    ((sound),) = media["audio"]
    wave, heard = sound["array"], sound["sampling_rate"]
    assert heard == (wanted or rate)
    assert (wave.ndim, wave.dtype) == (1, np.float32)
    assert len(wave) / heard == pytest.approx(2.0, abs=0.001)
    power = np.abs(np.fft.rfft(wave))
    assert np.argmax(power) * heard / len(wave) == pytest.approx(440, abs=1)
    middle = wave[len(wave) // 4 : -len(wave) // 4]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / channels / np.sqrt(2), rel=0.02)


def made(cls: str, **attributes: Any) -> Any:
    """Make an object of a class of that name."""
    return type(cls, (), {"tok_encode": staticmethod(lambda text: [1] * len(text.split())), **attributes})()


def extractor(**attributes: Any) -> Any:
    """Make a processor with a feature extractor."""
    return made("Processor", feature_extractor=made("Extractor", **attributes))


def sound(seconds: float, rate: int = 16_000) -> dict[str, list[Any]]:
    """Make media of one sound."""
    return {"audio": [{"array": np.zeros(int(seconds * rate), np.float32), "sampling_rate": rate}]}


@pytest.mark.parametrize(
    ("lm", "rate", "seconds"),
    [
        (made("HFAUDIOLMQWEN"), 16_000, 30.0),
        (made("HFAUDIOLMQWEN", processor=extractor(sampling_rate=24_000, n_samples=24_000 * 300)), 24_000, 300.0),
        (made("Stranger", processor=extractor(sampling_rate=24_000, n_samples=24_000 * 30)), 24_000, None),
        (made("Stranger"), None, None),
    ],
)
def test_a_class_tells_what_it_hears(lm: Any, rate: int | None, seconds: float | None) -> None:
    """Rate and length come from the model's own extractor; that the rest is cut is known of lm-eval's class only."""
    window = Window(lm)
    assert (window.rate, window.seconds) == (rate, seconds)
    for length in (1.0, 29.9, 30.0, 30.5, 299.0, 301.0):
        cut = window.fit("<audio> what?", {}, sound(length)).dropped
        assert bool(cut) == (seconds is not None and length > seconds)
    if seconds == 30.0:
        says = "60.0 s of sound, and HFAUDIOLMQWEN reads 30 s and drops the rest in silence"
        assert window.fit("<audio> what?", {}, sound(60)).dropped == says


def test_a_processor_that_makes_nothing_of_media_is_found_out() -> None:
    """Where a class and its library do not fit, the model would answer from the text alone: that is known before."""
    text = {"input_ids": [[1, 2]], "attention_mask": [[1, 1]]}
    for made_of_it, deaf in ((text, True), ({**text, "input_features": [[0.0]]}, False)):
        encode = staticmethod(lambda _, __, found=made_of_it: found)
        lm = made("Model", max_length=100, tok_batch_multimodal_encode=encode)
        assert bool(Window(lm).fit("<audio> what?", {"max_gen_toks": 1}, sound(1)).dropped) == deaf


def test_what_is_said_of_lm_evals_classes_is_what_their_code_says(repo_root: Path) -> None:
    """The table's classes exist in lm-eval under their names for ``--model``, with the table's numbers of media."""
    import ast
    import importlib.util

    found: dict[str, str] = {}
    for module in ("hf_audiolm", "hf_vlms", "vllm_vlms", "api_models"):  # read, not imported: they need torch or vllm
        spec = importlib.util.find_spec(f"lm_eval.models.{module}")
        assert spec is not None
        source = Path(str(spec.origin)).read_text(encoding="utf-8")
        classes = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
        found.update({node.name: ast.unparse(node) for node in classes})
    page = (repo_root / "docs" / "other-models.md").read_text(encoding="utf-8")
    for name, reads in READS.items():
        number = f"max_{'audios' if 'audio' in reads.kinds else 'images'}"
        assert f"{number}: int={reads.most}" in found[name].replace(" | None", "")
        seconds = f"{reads.seconds:g} s" if reads.seconds else "-"
        assert f"| `{reads.model}` | {', '.join(reads.kinds)} | {reads.most} | {seconds} |" in page
        assert reads.model == "local-chat-completions" or f"register_model('{reads.model}')" in found[name]
    assert reads_of(type("Mine", (type("HFMultimodalLM", (), {}),), {})()) == READS["HFMultimodalLM"]


class FromTheFirst(LM):
    """Reads of all requests what the first one holds, as lm-eval's multimodal classes do; answers with what it got."""

    MULTIMODAL = True
    max_images = 999

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[list[int]] = []

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Unpack all requests as the first one is to be unpacked."""
        self.shapes.append([len(request.args[2]["visual"]) if len(request.args) > 2 else 0 for request in requests])
        if len(requests[0].args) < 3:
            contexts, _ = zip(*(request.args for request in requests), strict=True)
        else:
            contexts, _, media = zip(*(request.args for request in requests), strict=True)
            assert [c.count("<image>") for c in contexts] == [len(m["visual"]) for m in media]
        return [f"{context.count('<image>')} seen" for context in contexts]

    loglikelihood = loglikelihood_rolling = generate_until


def films(builder: str = "video_qa", scorer: str = "choice", **metadata: Any) -> Any:
    """Make a small task on film."""
    metadata = {"context_lengths": ["90s"], "resolution": "64x36", **metadata}
    settings = {"output_type": "generate_until", "generation_kwargs": {"until": [], "max_gen_toks": 16}}
    metadata = {"version": 1.0, "builder": builder, "scorer": scorer, **metadata}
    return LongctxTask({"task": "longctx_film", **settings, "metadata": metadata})


def outcomes(result: Any) -> Any:
    """Return how many samples ended how, and why the first unscored one did."""
    block = result["configs"]["longctx_film"]["metadata"]["longctx"]
    return block["summary"]["outcomes"]


def test_each_call_of_a_model_has_one_shape(evaluate: Any) -> None:
    """Blind questions beside some with frames go in a call of their own, and every answer comes to its question."""
    lm = FromTheFirst()
    task = films(form="frames", frames=[0, 1, 16, "all"], kinds=["moment", "far"])
    result = evaluate(lm, task, log_samples=True)
    assert sorted({bool(count) for count in shape} for shape in lm.shapes) == [{False}, {True}]
    assert sorted(chain.from_iterable(lm.shapes)) == [0, 0, 1, 1, 16, 16, 90, 90]
    for sample in result["samples"]["longctx_film"]:
        assert sample["resps"][0][0] == f"{sample['doc']['pictures']} seen"


def test_what_cannot_be_sent_is_an_outcome_and_ends_no_run(evaluate: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Questions about a sound track, which frames do not have, are unsupported; the others are asked."""
    lm = FromTheFirst()
    result = evaluate(lm, films(form="native", kinds=["moment", "sound"]))
    assert outcomes(result) == {"unparsed": 1, "unsupported": 1}
    assert lm.shapes == [[90]]
    assert "1 of 2 prompts are not sent: lm-eval's own models get film as frames, but the sound track" in caplog.text


def test_a_needle_between_the_frames_is_asked_of_nobody(evaluate: Any) -> None:
    """A film shown in part asks about the needles that are shown; the rest is unsupported, whatever may be cut."""
    for truncate in ("never", "allow"):
        lm = FromTheFirst()
        shown = {"form": "frames", "frames": 4, "resolution": "160x90", "depths": [0, 0.5, 1], "haystack": "film"}
        task = films("video_needle", "retrieval", **shown, truncate=truncate)
        assert outcomes(evaluate(lm, task)) == {"unparsed": 2, "unsupported": 1}
        assert lm.shapes == [[4, 4]]


def test_more_pictures_than_a_class_keeps_are_not_sent(evaluate: Any) -> None:
    """Where lm-eval keeps 20 pictures of 90, the sample has no score and the message names the number to give."""
    lm = FromTheFirst()
    lm.max_images = 20
    result = evaluate(lm, films(form="frames", frames=[16, "all"], kinds=["moment"]), log_samples=True)
    assert outcomes(result) == {"unparsed": 1, "unsupported": 1}
    (lost,) = (s for s in result["samples"]["longctx_film"] if s["doc"]["frames"] == "all")
    assert "say max_images=90 in --model_args" in lost["arguments"][0][2]["completions"][0]["detail"]


@pytest.mark.parametrize("settings", [{}, {"apply_chat_template": True}])
def test_lm_evals_own_class_that_sees(evaluate: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    """``hf-multimodal`` itself answers blind questions and some with frames in one run, counted with its processor."""
    tiny_llama.torch_or_skip()
    from lm_eval.models.hf_vlms import HFMultimodalLM

    tiny_media_models.make_seeing(tmp_path)
    lm = HFMultimodalLM(pretrained=str(tmp_path), device="cpu", dtype="float32", max_images=20)
    result = evaluate(lm, films(form="frames", frames=[0, 1, 16, "all"], kinds=["moment"]), **settings)
    assert outcomes(result) == {"unparsed": 3, "unsupported": 1}
    block = result["configs"]["longctx_film"]["metadata"]["longctx"]
    assert (block["window"]["tokens"], block["window"]["unsure"]) == (tiny_media_models.WINDOW, [])


def test_lm_evals_own_class_that_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``hf-audiolm-qwen`` on a model of its kind tells 16 kHz and 30 s, of which it reads no more."""
    tiny_llama.torch_or_skip()
    # lm-eval 0.4.13 lists the class under another name, and cannot load its own module for that.
    monkeypatch.setattr("lm_eval.api.registry.register_model", lambda *_: lambda cls: cls)
    from lm_eval.models.hf_audiolm import HFAUDIOLMQWEN

    tiny_media_models.make_hearing(tmp_path)
    lm = HFAUDIOLMQWEN(pretrained=str(tmp_path), device="cpu", dtype="float32")
    window = Window(lm)
    assert (window.rate, window.seconds) == (16_000, 30.0)
    assert "reads 30 s" in window.fit("<audio>What?", {}, sound(31)).dropped
