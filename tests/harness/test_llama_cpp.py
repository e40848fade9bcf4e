"""A real server with a window smaller than some prompts: llama.cpp with SmolLM2, through the extra ``lm``."""

from __future__ import annotations

import pytest

from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.providers.cascade.small_lm import require, weights_path

WINDOW = 2048


@pytest.fixture
def url():
    """Serve SmolLM2-135M with a window of 2,048 tokens on this machine."""
    try:
        require()
    except LongctxError as error:
        pytest.skip(f"no llama.cpp here: {error}")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights_path())
    params.n_ctx, params.n_parallel, params.warmup = WINDOW, 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture
def results(url):
    """Ask for a needle in 512, 1k and 4k tokens; return lm-eval's results and the model."""
    from lm_eval.evaluator import evaluate

    from lm_eval_longctx.harness.tasks import LongctxTask

    metadata = {"context_lengths": ["512", "1k", "4k"], "depths": 1, "haystack": "repeat"}
    named = {"version": 1, "builder": "needle", "scorer": "retrieval", **metadata}
    task = LongctxTask({"task": "longctx_text_niah", "metadata": named, "generation_kwargs": {"max_gen_toks": 4}})
    lm = LongctxLM("openai-compatible/smollm2", base_url=url, ledger="none", progress=False, concurrency=1)
    found = evaluate(lm=lm, task_dict={"tasks": {"longctx_text_niah": task}, "groups": {}}, bootstrap_iters=10)
    return found, lm


@pytest.mark.timeout(900)
def test_what_fits_is_scored_and_what_does_not_is_grey(results):
    """512 and 1k are answered, counted as they are billed, and scored; 4k is beyond the window that the server tells.

    That is no wrong answer, and lowers the coverage.
    """
    found, lm = results
    rows = found["configs"]["longctx_text_niah"]["metadata"]["longctx"]["lengths"]
    assert {row["length"]: (row["scored"], sum(row["outcomes"].values())) for row in rows} == {
        "512": (1, 1),
        "1k": (1, 1),
        "4k": (0, 1),
    }
    assert rows[-1]["outcomes"] == {"context_exceeded": 1}
    assert found["results"]["longctx_text_niah"]["coverage,none"] == pytest.approx(2 / 3)
    takes, totals = lm.provider.capabilities, lm.backend.totals()
    assert (takes.context_window, takes.counts_tokens) == (WINDOW, True)
    assert totals["input"]["compared_with"] == {"the provider's own count": 2}
    assert totals["drift"]["counted_tokens"] == totals["drift"]["billed_tokens"] > 1000
