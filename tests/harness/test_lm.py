"""The model ``longctx`` reads its arguments strictly and serves any lm-eval task."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance
from PIL import Image

from lm_eval_longctx.errors import ConfigError, MediaError, SecretError, UnknownOptionError, UnsupportedError
from lm_eval_longctx.harness.instances import model_of
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.rendering import ChatText, for_other_models, prompt_of
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, Turn


def make(model: str = "cascade", **arguments: Any) -> LongctxLM:
    """Make a model as lm-eval does, with what its command line always adds."""
    extra = {"batch_size": 1, "max_batch_size": None, "device": "cuda:0"}
    return LongctxLM.create_from_arg_obj({"model": model, "ledger": "none", **arguments}, extra)


def test_a_rank_knows_its_model_and_is_a_number() -> None:
    """lm-eval sees process 0; our tasks find the model behind it."""
    lm = make()
    assert lm.rank == 0
    assert not lm.rank
    assert model_of(lm.rank) is lm
    assert model_of(0) is None


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"concurency": 3}, UnknownOptionError, "did you mean 'concurrency'"),
        ({"model": "gemni/x"}, UnknownOptionError, "provider 'gemni'"),
        ({"model": "cascade/big"}, UnsupportedError, "extract, lm"),
        ({"api_key": "abc"}, SecretError, "CASCADE_API_KEY"),
        ({"max_cost": "sk-abc"}, SecretError, "environment variable"),
        ({"max_cost": -1}, ConfigError, "above 0"),
        ({"concurrency": "many"}, ConfigError, "must be a whole number"),
        (
            {"model": "gemini/gemini-3.8-flash", "cache": "explicit", "max_cost": 1.0},
            ConfigError,
            "leave one of the two",
        ),
    ],
)
def test_bad_arguments_are_clear_errors(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    """Misspelt, bad and secret arguments stop before anything is sent, and no message repeats a secret."""
    with pytest.raises(error, match=says) as caught:
        make(**arguments)
    assert "sk-abc" not in str(caught.value)


def test_likelihoods_are_refused_in_words() -> None:
    """A task that needs log-probabilities is refused by name, not answered with zeros."""
    for method in ("loglikelihood", "loglikelihood_rolling"):
        with pytest.raises(UnsupportedError, match="tasks that generate text"):
            getattr(make("echo"), method)([])


def test_any_lm_eval_task_can_be_answered() -> None:
    """A plain lm-eval request, with or without chat turns, gets its answer in order."""
    lm = make(progress=False)
    texts = [
        f"The colour of {city} is: {colour}.\n\nWhat is the colour of {city}?"
        for city, colour in (("Rome", "red"), ("Bern", "blue"))
    ]
    plain = [Instance("generate_until", {}, (text, {"until": ["\n"]}), 0, ("t", i, 1)) for i, text in enumerate(texts)]
    turns = lm.apply_chat_template([{"role": "user", "content": texts[0]}])
    chat = Instance("generate_until", {}, (turns, {}), 0, ("t", 2, 1))
    assert [str(answer) for answer in lm.generate_until([*plain, chat])] == ["red", "blue", "red"]


def test_chat_turns_and_prefix_reach_the_prompt() -> None:
    """Turns stay turns, and an open assistant turn is the answer's beginning."""
    turns = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "A:"},
    ]
    text = ChatText(turns)
    prompt = prompt_of(text, {}, None)  # type: ignore[arg-type]
    assert json.loads(text) == turns
    assert [turn.role for turn in prompt.turns] == ["system", "user"]
    assert prompt.answer_prefix == "A:"


def test_media_of_other_tasks_stand_where_their_placeholders_are(tmp_path: Any) -> None:
    """Pictures and sound take the places that the text marks, and are named by content."""
    media = {
        "visual": [Image.new("RGB", (4, 3), "red")],
        "audio": [{"array": np.zeros(160, dtype="float32"), "sampling_rate": 16_000}],
    }
    parts = list(prompt_of("a <audio> b <image> c", media, tmp_path).parts())
    assert [type(part) for part in parts] == [TextPart, AudioPart, TextPart, ImagePart, TextPart]
    assert (parts[3].width, parts[3].height, parts[1].seconds) == (4, 3, 0.01)
    with pytest.raises(MediaError, match="1 pictures"):
        prompt_of("no place for it", {"visual": media["visual"]}, tmp_path)


def test_media_of_ours_go_to_other_models_in_lm_evals_lists(tmp_path: Any) -> None:
    """A prompt with a picture becomes text with a placeholder and a PIL image; conversations are told apart."""
    path = tmp_path / "p.png"
    Image.new("RGB", (4, 3), "blue").save(path)
    prompt = Prompt.user(TextPart("Look: "), ImagePart(str(path), "d", "image/png", 4, 3), answer_prefix=" A")
    context, settings, media = for_other_models(prompt, {"until": []}, None)
    assert (context, settings, media["visual"][0].size) == ("Look: <image> A", {"until": []}, (4, 3))
    talk = Prompt(tuple(Turn(role, (TextPart(role),)) for role in ("user", "assistant", "user")))
    assert for_other_models(talk, {}, None)[0] == "User: user\n\nAssistant: assistant\n\nUser: user\n\nAssistant:"


def test_model_info_tells_what_touched_the_numbers() -> None:
    """The results' ``config`` names provider, versions, totals and plugins, and no path of this machine."""
    info = make().get_model_info()["longctx"]
    assert (info["provider"], info["embedded"], info["ledger"]) == ("cascade", True, "none")
    assert {"lm-eval", "python"} <= set(info["versions"])
    json.dumps(info)


def test_media_prompts_are_reserved_and_paced_by_their_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of film carries the tokens that its pictures cost at the model, so that caps and limits see them."""
    from lm_eval_longctx.harness.instances import SampleInstance

    monkeypatch.setenv("GEMINI_API_KEY", "a-key-for-tests")
    sample = {
        "id": "x", "task": "t", "unit": "seconds", "context_length": 60.0, "realised_length": 60.0, "depth": 0.5,
        "index": 0, "pictures": 60, "form": "native", "question": "What is the secret word?",
    }  # fmt: skip
    told = {"MODALITY": "video", "picture_size": (640, 360), "contents": lambda self, sample: ("text", "video")}
    builder = type("Film", (), told)()
    request = SampleInstance(sample, {}, builder=builder, metadata=("t", 0, 1), model="gemini")  # type: ignore[arg-type]
    lm = make("gemini/gemini-3.8-flash")
    assert lm._job(request, 0).tokens >= 60 * lm.provider.capabilities.frame_tokens["default"]  # type: ignore[attr-defined]
