"""Loss by position on a real server: vLLM on the processor tells the same with one request, windowed and in process.

Opt-in, as ``tests/providers/test_vllm.py`` says: ``pytest -m vllm tests/harness/test_likelihood_vllm.py``. The
comparison in process needs torch, transformers and accelerate in the tests' own environment too.
"""

from __future__ import annotations

import math

import pytest
import tiny_llama
import vllm_kit
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

pytestmark = pytest.mark.vllm

WINDOW = 4096
TASK = "longctx_text_nll"
WAYS = ("one request", "windows", "in process")


@pytest.fixture(scope="module", params=["plain", "begins"])
def served(request, tmp_path_factory):
    """A model, what it is called with so that every text has the same tokens, and its server."""
    folder = tmp_path_factory.mktemp("vllm") / "tiny"
    vllm_kit.make(folder, request.param)
    with vllm_kit.serving(folder, WINDOW) as address:
        yield folder, address, f"add_bos_token={request.param == 'begins'}"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A text with characters that are cut between tokens, empty lines, and several blanks."""
    path = tmp_path_factory.mktemp("book") / "book.txt"
    kinds = (
        "The naïve bell of 東京 rang {i} times. ",
        'She said: "No, 🙂 {i}."\n\n',
        "  Then {i}  came, and\n   went. ",
    )
    path.write_text("".join(kinds[i % 3].format(i=i) for i in range(600)), encoding="utf-8")
    return path


def run(lm, arguments, haystack, lengths):
    """Return outcome and nats of each sample, and the sweep block."""
    settings = {"context_lengths": lengths, "samples_per_cell": 2, "haystack": haystack}
    manager = TaskManager(include_defaults=False, metadata=settings)
    options = {"log_samples": True, "bootstrap_iters": 0}
    done = simple_evaluate(lm, model_args=arguments, tasks=[TASK], task_manager=manager, **options)
    found = {}
    for line in done["samples"][TASK]:
        doc, nll = line["doc"], line.get("nll")
        nats = None if nll is None else nll * doc["window_tokens"]
        found[doc["index"], doc["context_label"]] = (line["reading"][0]["outcome"], nats)
    return found, done["configs"][TASK]["metadata"]["longctx"]


def asked(way, served):
    """Return lm-eval's model and arguments of a way to ask."""
    folder, address, begins = served
    if way == "one request":
        return (
            "longctx",
            f"model=openai-compatible/tiny,base_url={address},prompt_logprobs=true,ledger=none,progress=False",
        )
    if way == "windows":
        named = f"model=tiny,base_url={address}/completions,tokenizer={folder},tokenizer_backend=huggingface"
        return "local-completions", f"{named},max_length={WINDOW},{begins}"
    tiny_llama.torch_or_skip()
    return "hf", f"pretrained={folder},dtype=float32,device=cpu,{begins}"


@pytest.mark.parametrize("hay", ["chronicle", "books"])
@pytest.mark.parametrize("way", WAYS[1:])
def test_one_request_equals_windows_and_one_pass(served, book, way, hay):
    """Each window is as likely by one request for its document as by one of its own, to 1e-4 nats."""
    haystack, lengths = (hay, ["256", "400", "700"]) if hay == "chronicle" else (f"books:{book}", ["256", "500", "900"])
    at_once, block = run(*asked("one request", served), haystack, lengths)
    apart, _ = run(*asked(way, served), haystack, lengths)
    assert at_once.keys() == apart.keys()
    for place, (outcome, nats) in at_once.items():
        assert outcome == apart[place][0] == "complete"
        assert math.isclose(nats, apart[place][1], abs_tol=1e-4)
    assert len(block["curve"]) == 3


def test_a_position_beyond_the_servers_window_is_an_outcome(served):
    """The server refuses the longest position: that one has no number, the others are asked for without it."""
    found, block = run(*asked("one request", served), "chronicle", ["256", "512", "2k"])
    assert {outcome for (_, label), (outcome, _) in found.items() if label == "2k"} == {"context_exceeded"}
    assert {outcome for (_, label), (outcome, _) in found.items() if label != "2k"} == {"complete"}
    assert [point["length"] for point in block["curve"]] == ["256", "512"]
    assert block["summary"]["tokens"]["billed_samples"] == 2
