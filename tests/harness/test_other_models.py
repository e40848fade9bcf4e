"""lm-eval's own models, and strangers', are asked and read as honestly as ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.api.model import LM, CachingLM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = "longctx_text_niah"


def needle_in(context: str) -> str:
    """Read a needle of the report's form out of a text: an oracle that sees the prompt only."""
    city = context.split("What is the special magic ")[1].split(" number", maxsplit=1)[0]
    return context.split(f"The special magic {city} number is: ")[1].split(".", maxsplit=1)[0]


class Client(LM):
    """A model behind an interface, which answers from a function and counts its calls."""

    def __init__(self, answer: Callable[[str], str | None] = needle_in) -> None:
        super().__init__()
        self.answer, self.calls = answer, 0

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[Any]:
        """Answer each request from its text."""
        self.calls += len(requests)
        return [self.answer(request.args[0]) for request in requests]

    loglikelihood = loglikelihood_rolling = generate_until


def lost(context: str) -> str | None:
    """Lose the calls of 2k, and answer the others."""
    return needle_in(context) if len(context) < 6_000 else None


def block_of(result: Any, task: str = TASK) -> Any:
    """Return a result's sweep block."""
    return result["configs"][task]["metadata"]["longctx"]


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_answer_is_not_a_wrong_one(niah: Any, evaluate: Any, nothing: str | None) -> None:
    """Where an interface gives no text, the sample is unscored, coverage falls, and the outcome has a name."""
    result = evaluate(Client(lambda context: lost(context) or nothing), niah(), log_samples=True)
    numbers = result["results"][TASK]
    assert (numbers["recall,none"], numbers["coverage,none"]) == (1.0, 0.5)
    assert {row["length"]: row["outcomes"] for row in block_of(result)["lengths"]} == {
        "1k": {"complete": 3},
        "2k": {"no_answer": 3},
    }
    logged = [sample for sample in result["samples"][TASK] if sample["doc"]["context_label"] == "2k"]
    assert all(sample["reading"][0]["outcome"] == "no_answer" for sample in logged)
    assert all("Client gave no text" in sample["arguments"][0][2]["completions"][0]["detail"] for sample in logged)
    json.dumps(result["samples"], default=str)


def test_lm_evals_placeholder_is_no_answer_either(niah: Any, evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """lm-eval can be told to write something else where an answer never came: that is no answer either."""
    pytest.importorskip("lm_eval.models.api_models")
    monkeypatch.setattr("lm_eval.models.api_models.LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", "<none>")
    result = evaluate(Client(lambda context: lost(context) or "<none>"), niah())
    assert result["results"][TASK]["coverage,none"] == 0.5


def test_a_model_in_this_process_may_answer_with_nothing(niah: Any, evaluate: Any) -> None:
    """Where the weights are here no call can be lost: an empty text is the model's own, and wrong."""
    here = Client(lambda context: lost(context) or "")
    here.model = object()  # as hf and vllm hold theirs
    numbers = evaluate(here, niah())["results"][TASK]
    assert (numbers["recall,none"], numbers["coverage,none"]) == (0.5, 1.0)


@pytest.mark.parametrize("nothing", [None, ""])
def test_lm_evals_cache_asks_again_where_there_was_no_answer(
    niah: Any, evaluate: Any, tmp_path: Path, nothing: str | None
) -> None:
    """``--use_cache`` keeps answers and no failures: the next run asks for what is missing, and for nothing else."""
    asked = []
    for answer in (lambda context: lost(context) or nothing, needle_in, needle_in):
        client = Client(answer)
        result = evaluate(CachingLM(client, str(tmp_path / "cache.db")), niah())
        asked.append((client.calls, result["results"][TASK]["coverage,none"]))
    assert asked == [(6, 0.5), (3, 1.0), (0, 1.0)]
