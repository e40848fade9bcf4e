"""Real classes of lm-eval's: ``hf`` on a tiny model made here, and its interface to chat servers on a local server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tiny_llama

from lm_eval_longctx.testing.server import LocalServer
from lm_eval_longctx.testing.state import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = "longctx_text_niah"
LENGTHS = ["256", "512", "1k", "2k"]
WINDOW = 4096
"""Of the tiny model: its tokens are short, so that 1k of the reference's fit, and 2k do not."""


def needle_in(context: str) -> str:
    """Read a needle of the report's form out of a text: an oracle that sees the prompt only."""
    city = context.split("What is the special magic ")[1].split(" number", maxsplit=1)[0]
    parts = context.split(f"The special magic {city} number is: ")
    return parts[1].split(".", maxsplit=1)[0] if len(parts) > 1 else "it is gone"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Make lm-eval's ``hf`` with a tiny Llama, which reads the very tokens that reach its weights."""
    torch = tiny_llama.torch_or_skip()
    from lm_eval.models.huggingface import HFLM

    class Reader(HFLM):
        def _model_generate(self, context: Any, max_length: int, stop: list[str], **kwargs: Any) -> Any:
            """Run the weights for one token, and answer what stands in these tokens in the place of their noise."""
            assert context.shape[1] + 64 <= self.max_length
            super()._model_generate(context, context.shape[1] + 1, stop, **kwargs)
            (text,) = self.tokenizer.batch_decode(context)
            answer = self.tokenizer.encode(needle_in(text), add_special_tokens=False, return_tensors="pt")
            return torch.cat([context, answer], dim=1)

    torch.set_num_threads(1)  # several tests share these cores
    folder = tmp_path_factory.mktemp("tiny")
    tiny_llama.make(folder)
    return lambda **arguments: Reader(pretrained=str(folder), device="cpu", dtype="float32", **arguments)


@pytest.mark.parametrize("settings", [{}, {"apply_chat_template": True, "system_instruction": "Be brief."}])
def test_hf_is_scored_up_to_its_window_and_no_further(
    niah: Any, evaluate: Any, reader: Any, settings: dict[str, Any]
) -> None:
    """Three lengths are scored, the fourth is grey, and the effective length ends there with its end named."""
    result = evaluate(reader(), niah(context_lengths=LENGTHS), **settings)
    block = result["configs"][TASK]["metadata"]["longctx"]
    assert block["window"] == {"model": "Reader", "tokens": WINDOW, "source": "max_length", "unsure": []}
    assert [(row["length"], row["scored"], row["context_exceeded"]) for row in block["lengths"]] == [
        *((label, 3, 0) for label in LENGTHS[:3]),
        ("2k", 0, 3),
    ]
    assert (result["results"][TASK]["recall,none"], result["results"][TASK]["coverage,none"]) == (1.0, 0.75)
    effective = block["summary"]["effective_length"]["relative"]
    assert (effective["length_label"], effective["at_least"], effective["beyond"]) == ("1k", False, "2k")


def test_hf_loses_needles_where_it_is_let_cut(niah: Any, evaluate: Any, reader: Any) -> None:
    """With ``truncate=allow`` lm-eval cuts from the left: a needle at the start is gone, and the record says why."""
    result = evaluate(reader(), niah(context_lengths=["256", "2k"], truncate="allow"))
    rows = {row["length"]: row for row in result["configs"][TASK]["metadata"]["longctx"]["lengths"]}
    assert rows["2k"]["outcomes"] == {"truncated_input": 3}
    assert rows["256"]["metrics"]["recall"]["value"] == 1.0
    assert rows["2k"]["metrics"]["recall"]["value"] < 1.0


def test_an_argument_of_hf_is_its_own(reader: Any, evaluate: Any, niah: Any) -> None:
    """A window that is given by hand is the one that counts, as lm-eval itself goes by it."""
    result = evaluate(reader(max_length=2048), niah(context_lengths=["256", "1k"]))
    block = result["configs"][TASK]["metadata"]["longctx"]
    assert block["window"]["tokens"] == 2048
    assert [row["scored"] for row in block["lengths"]] == [3, 0]


def test_an_interface_that_cuts_by_itself_is_held_to_its_window(
    niah: Any, evaluate: Any, reader: Any, tmp_path: Path
) -> None:
    """``local-completions`` that sends tokens cuts at its ``max_length``: no prompt that is longer is sent."""
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    tokenizer = reader().tokenizer.save_pretrained(tmp_path) and str(tmp_path)
    lm = LocalCompletionsAPI(model="tiny", base_url="http://127.0.0.1:9/v1/completions", tokenizer=tokenizer)
    block = evaluate(lm, niah())["configs"][TASK]["metadata"]["longctx"]
    assert block["summary"]["outcomes"] == {"context_exceeded": 6}
    assert block["window"]["tokens"] == 2047


def test_a_chat_interface_loses_no_lost_answer(niah: Any, evaluate: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What ``local-chat-completions`` gives where a filter answers is unscored; its bare default is no window."""
    for needed in ("tenacity", "aiohttp", "requests"):
        pytest.importorskip(needed, reason="lm-eval's interfaces need lm-eval[api]")
    from lm_eval.models.openai_completions import LocalChatCompletion

    with LocalServer() as server:
        server.state.answer = lambda asked: needle_in(asked.text)
        server.state.faults.append(Fault("null_content"))
        address = f"{server.base_url('openai-compatible')}/chat/completions"
        lm = LocalChatCompletion(model="tiny", base_url=address, max_retries=1)
        result = evaluate(lm, niah(context_lengths=["1k", "4k"]), apply_chat_template=True)
    block = result["configs"][TASK]["metadata"]["longctx"]
    assert block["summary"]["outcomes"] == {"complete": 5, "no_answer": 1}
    assert result["results"][TASK]["recall,none"] == 1.0
    assert result["results"][TASK]["coverage,none"] == pytest.approx(5 / 6)
    (unsure,) = block["window"]["unsure"]
    assert "LocalChatCompletion does not tell how long a prompt may be" in unsure
