"""A sweep through lm-eval on hosted providers: real HTTP, true wire formats, no key of anybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.testing.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lm_eval_longctx.testing.state import Asked

MODELS = {
    "gemini": "gemini-3.8-flash",
    "openai": "gpt-6.1-terra",
    "anthropic": "claude-sonnet-5-5",
    "openai-compatible": "tiny",
}


def find_needle(asked: Asked) -> str:
    """Answer as a perfect reader of the prompt."""
    city = asked.text.split("What is the special magic ")[1].split(" number")[0]
    return asked.text.split(f"The special magic {city} number is: ")[1].split(".")[0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A local server that reads well, with a key in the environment."""
    for name in ("GEMINI", "OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "test-key")
    with LocalServer() as running:
        running.state.answer = find_needle
        yield running


def model(server: LocalServer, provider: str, **arguments: Any) -> LongctxLM:
    """Make the model as ``--model_args`` would."""
    address = server.base_url(provider)
    return LongctxLM(f"{provider}/{MODELS[provider]}", base_url=address, progress=False, max_wait=0, **arguments)


def day_questions(**metadata: Any) -> Any:
    """Make a small task of questions about a day of film."""
    from lm_eval_longctx.harness.tasks import LongctxTask

    settings = {"context_lengths": ["90s"], "resolution": "64x36", "kinds": ["moment"], **metadata}
    return LongctxTask(
        {
            "task": "longctx_video_qa",
            "output_type": "generate_until",
            "generation_kwargs": {"until": [], "max_gen_toks": 64},
            "metadata": {"version": 1.0, "builder": "video_qa", "scorer": "choice", **settings},
        }
    )


@pytest.mark.parametrize("provider", MODELS)
def test_a_sweep_on_each_provider(server: LocalServer, niah: Any, evaluate: Any, ledger: str, provider: str) -> None:
    """Every provider's wire carries the whole context, and billed tokens reach the results."""
    result = evaluate(model(server, provider, ledger=ledger), niah(), log_samples=True)
    numbers = result["results"]["longctx_text_niah"]
    assert (numbers["recall,none"], numbers["coverage,none"]) == (1.0, 1.0)
    cells = result["configs"]["longctx_text_niah"]["metadata"]["longctx"]["cells"]
    assert sum(cell["n"] for cell in cells) == 6
    assert sum(bill.prompt for bill in server.state.bills) > 6000
    assert "test-key" not in json.dumps(result, default=str)


@pytest.mark.media
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_questions_that_share_a_film_sent_as_frames(
    server: LocalServer, evaluate: Any, ledger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """Several samples of a cell ask about one film at once, with cold caches, and every one is answered."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cold"))
    server.state.answer = lambda _: "Final Answer: (A)"
    task = day_questions(samples_per_cell=4, resolution="128x72", kinds=["moment", "order", "count", "far"])
    numbers = evaluate(model(server, provider, ledger=ledger), task)["results"]["longctx_video_qa"]
    assert numbers["sample_len"] >= 16
    assert numbers["coverage,none"] == 1.0


@pytest.mark.parametrize("form", ["frames", "native"])
@pytest.mark.parametrize("provider", MODELS)
def test_a_run_has_one_form(
    server: LocalServer, evaluate: Any, ledger: str, monkeypatch: pytest.MonkeyPatch, provider: str, form: str
) -> None:
    """All bodies of a run hold pictures, from one frame to all of them, or all hold films; the results say which."""
    monkeypatch.setattr("lm_eval_longctx.testing.exchange._KEPT_BODY", 1 << 30)
    server.state.answer = lambda _: "Final Answer: (A)"
    frames = [0, 1, 16, "all"] if form == "frames" else ["all", 0]
    takes = {"modalities": "text+image+video"} if provider == "openai-compatible" else {}
    lm = model(server, provider, ledger=ledger, **takes)
    result = evaluate(lm, day_questions(form=form, frames=frames), log_samples=True)
    bodies = [json.dumps(request["body"]) for request in server.state.requests]
    kinds = {kind for body in bodies for kind in ("image/jpeg", "video/mp4") if kind in body}
    films = form == "native" and provider in {"gemini", "openai-compatible"}  # the others get a film as its frames
    assert kinds == ({"video/mp4"} if films else {"image/jpeg"})
    samples = [sample["doc"] for sample in result["samples"]["longctx_video_qa"]]
    assert {sample["form"] for sample in samples} == {form}
    assert {sample["frames"]: sample["pictures"] for sample in samples} == {n: 90 if n == "all" else n for n in frames}
    block = result["configs"]["longctx_video_qa"]["metadata"]["longctx"]
    assert block["specification"]["options"]["form"] == form


def test_faults_are_retried_or_counted_and_never_scored(
    server: LocalServer, niah: Any, evaluate: Any, ledger: str
) -> None:
    """A rate limit is waited for; a block is an outcome that leaves the mean and stays in the coverage."""
    server.state.fail("rate_limit", headers={"Retry-After": "0"})
    server.state.fail("blocked")
    result = evaluate(model(server, "gemini", ledger=ledger, concurrency=1), niah())
    numbers = result["results"]["longctx_text_niah"]
    assert numbers["recall,none"] == 1.0
    assert numbers["coverage,none"] == pytest.approx(5 / 6)


def test_an_overflow_marks_the_length_as_beyond_the_model(
    server: LocalServer, niah: Any, evaluate: Any, ledger: str
) -> None:
    """Prompts that the server's window cannot hold are context_exceeded, not wrong."""
    server.state.window = 1500
    result = evaluate(model(server, "openai-compatible", ledger=ledger), niah())
    cells = result["configs"]["longctx_text_niah"]["metadata"]["longctx"]["cells"]
    assert sum(cell["outcomes"].get("context_exceeded", 0) for cell in cells) == 3
    assert result["results"]["longctx_text_niah"]["recall,none"] == 1.0
    assert "recall@2k,none" not in result["results"]["longctx_text_niah"]


def test_a_rerun_asks_for_what_is_missing_only(server: LocalServer, niah: Any, evaluate: Any, ledger: str) -> None:
    """After a run with failures, the next one pays for the failed samples and nothing else."""
    for _ in range(2):
        server.state.fail("server_error")
    evaluate(model(server, "openai", ledger=ledger, max_attempts=1, concurrency=1), niah())
    first = sum(bill.delivered for bill in server.state.bills)
    result = evaluate(model(server, "openai", ledger=ledger), niah())
    assert first == 4
    assert sum(bill.delivered for bill in server.state.bills) == 6
    assert result["results"]["longctx_text_niah"]["coverage,none"] == 1.0


@pytest.mark.parametrize("provider", ["gemini", "anthropic"])
def test_lengths_in_the_models_own_tokens(
    server: LocalServer, niah: Any, evaluate: Any, ledger: str, provider: str
) -> None:
    """``tokenizer: model`` hits the asked length in the provider's own counting, and stores what was counted."""
    task = niah(tokenizer="model", context_lengths=["2k", "4k"])
    result = evaluate(model(server, provider, ledger=ledger), task, log_samples=True)
    assert {"recall@2k,none", "recall@4k,none"} <= set(result["results"]["longctx_text_niah"])
    for sample in result["samples"]["longctx_text_niah"]:
        asked, counted = (
            sample["doc"]["own_tokens"]["asked"],
            sample["arguments"][0][3]["completions"][0]["counted_tokens"],
        )
        assert 0.98 * asked <= counted <= 1.005 * asked


def test_own_tokens_need_a_model_that_counts(niah: Any, evaluate: Any) -> None:
    """With a model that cannot count, the error offers a tokenizer by name."""
    with pytest.raises(ConfigError, match="o200k_base"):
        evaluate(LongctxLM(ledger="none", progress=False), niah(tokenizer="model"))


def test_no_secret_is_written(server: LocalServer, niah: Any, evaluate: Any, tmp_path: Path) -> None:
    """The planted key is in no file of the run: ledger, caches, results."""
    result = evaluate(model(server, "openai", ledger=str(tmp_path / "l.sqlite3")), niah(), log_samples=True)
    (tmp_path / "results.json").write_text(json.dumps(result, default=str))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"test-key" not in path.read_bytes()
