"""Loss by position through lm-eval: windowed, with one request, on our model, on others', and where nobody tells."""

from __future__ import annotations

import json
import math

import pytest
from byte_model import ByteModel, EchoServer, log_probabilities, tokens_of
from lm_eval.api.instance import Instance
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

from lm_eval_longctx.completion import Completion, Usage
from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.harness.likelihood import Documents
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.planning import make_model, planned_calls

LENGTHS = {"context_lengths": ["256", "512", "1k", "4k"], "samples_per_cell": 2}


def run(lm, arguments="", task="longctx_text_nll", **metadata):
    """Evaluate, and return each sample's nats by (document, position), and the sweep block."""
    manager = TaskManager(include_defaults=False, metadata={**LENGTHS, **metadata})
    options = {"model_args": f"{arguments},ledger=none,progress=False"} if arguments else {}
    done = simple_evaluate(lm, **options, tasks=[task], task_manager=manager, log_samples=True, bootstrap_iters=0)
    nats = {}
    for line in done["samples"][task]:
        doc, reading = line["doc"], line["reading"][0]
        nats[doc["index"], doc["context_label"]] = (line.get("nll"), reading["outcome"])
    return nats, done["configs"][task]["metadata"]["longctx"]


@pytest.fixture
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "k" * 20)


@pytest.mark.usefixtures("_key")
def test_one_request_equals_windows():
    """A server that echoes a document with log-probabilities, asked once, tells what windows with their prefix tell."""
    windowed, _ = run(ByteModel())
    with EchoServer() as server:
        asked = f"model=openai-compatible/tiny,base_url={server.url},prompt_logprobs=true,tokenize=false"
        at_once, block = run("longctx", asked)
        assert len([body for body in server.bodies if "echo" in body]) == 2
    assert windowed.keys() == at_once.keys()
    for place, (nats, outcome) in windowed.items():
        assert outcome == at_once[place][1] == "complete"
        assert math.isclose(nats, at_once[place][0], abs_tol=1e-4)
    assert block["power_law"]["cumulative_from"] == "all"
    billed = block["summary"]["tokens"]
    sent = sum(len(tokens_of(body["prompt"])) for body in server.bodies if "echo" in body)
    assert (billed["billed"], billed["billed_samples"]) == (sent, 2)


def test_what_a_request_took_stands_with_one_position():
    """Tokens as billed and as counted, money and attempts of a document's one request are in the results once."""
    task = TaskManager(include_defaults=False, metadata=LENGTHS).load(["longctx_text_nll"])["tasks"]["longctx_text_nll"]
    task.build_all_requests(rank=0, world_size=1)
    asked = []

    def answered(jobs):
        asked.extend(jobs)
        nats = [json.dumps({"nats": [1.0] * len(job.scored)}) for job in jobs]
        return [Completion(text, usage=Usage(5000, cost=0.5), counted_tokens=4990, seconds=2.0) for text in nats]

    found = Documents(task.instances).ask(answered)
    assert len(asked) == 2
    assert len(found) == 8
    told = {"4k": set(), "other": set()}
    for one, request in zip(found, task.instances, strict=True):
        taken = (one.usage.prompt_tokens, one.counted_tokens, one.usage.cost, one.attempts)
        told["4k" if request.doc["context_label"] == "4k" else "other"].add(taken)
    assert told == {"4k": {(5000, 4990, 0.5, 1)}, "other": {(None, None, None, 0)}}


@pytest.mark.usefixtures("_key")
def test_a_plan_has_one_call_a_document():
    """What a run will cost is that of its longest positions: the others are told by the same request."""
    arguments = "model=openai-compatible/tiny,base_url=http://127.0.0.1:9/v1,prompt_logprobs=true"
    planned = list(planned_calls(make_model(arguments), ["longctx_text_nll"], metadata=json.dumps(LENGTHS)))
    assert [call.sample["context_label"] for call in planned] == ["4k", "4k"]
    assert [len(call.job.scored) for call in planned] == [8, 8]
    assert {call.job.settings.max_output_tokens for call in planned} == {1}


@pytest.mark.usefixtures("_key")
def test_the_whole_equals_lm_evals_rolling_likelihood():
    """The cumulative mean of one request is lm-eval's rolling log-likelihood of the document."""
    with EchoServer() as server:
        asked = f"model=openai-compatible/tiny,base_url={server.url},prompt_logprobs=true,tokenize=false"
        _, block = run("longctx", asked, samples_per_cell=1)
        text = next(body["prompt"] for body in server.bodies if "echo" in body)
    last = block["curve"][-1]
    whole = -math.fsum(log or 0.0 for log in log_probabilities(tokens_of(text)))
    tokens = block["lengths"][-1]["realised_length"]["mean"]
    assert math.isclose(last["cumulative"], whole / tokens, rel_tol=1e-9)


@pytest.mark.usefixtures("_key")
def test_a_position_beyond_the_window_is_an_outcome_and_shorter_ones_stay():
    """Where a server refuses the longest position, that one is unscored, and the others are asked for without it."""
    with EchoServer(window=2000) as server:
        asked = f"model=openai-compatible/tiny,base_url={server.url},prompt_logprobs=true,tokenize=false"
        nats, block = run("longctx", asked)
    assert {outcome for (_, label), (_, outcome) in nats.items() if label == "4k"} == {"context_exceeded"}
    assert {outcome for (_, label), (_, outcome) in nats.items() if label != "4k"} == {"complete"}
    assert [point["length"] for point in block["curve"]] == ["256", "512", "1k"]


@pytest.mark.usefixtures("_key")
def test_a_document_that_was_cut_in_silence_is_not_measured():
    """A server that echoes less than was sent has not read it."""
    with EchoServer(window=2000, cuts=True) as server:
        asked = f"model=openai-compatible/tiny,base_url={server.url},prompt_logprobs=true,tokenize=false"
        nats, _ = run("longctx", asked)
    assert {outcome for _, outcome in nats.values()} == {"truncated_input"}


def test_other_models_are_never_measured_on_a_shortened_prefix():
    """A window of lm-eval's model that is too small for a position makes it an outcome; it is not sent."""
    model = ByteModel(window=2000)
    nats, block = run(model)
    assert {outcome for (_, label), (_, outcome) in nats.items() if label == "4k"} == {"context_exceeded"}
    assert len(model.asked) == 6
    assert [row["coverage"] for row in block["lengths"]] == [1, 1, 1, 0]


def test_the_embedded_model_learns_as_it_reads():
    """Offline, loss falls with position on every document, and falls as a power of it."""
    pytest.importorskip("pyppmd")
    lengths = [*LENGTHS["context_lengths"], "16k"]
    nats, block = run("longctx", "model=cascade", samples_per_cell=5, context_lengths=lengths)
    for document in range(5):
        assert nats[document, "256"][0] > nats[document, "1k"][0] > nats[document, "4k"][0]
    assert block["power_law"]["exponent"]["value"] < 0
    assert [point["documents"] for point in block["curve"]] == [5] * 5
    assert json.loads(json.dumps(block["curve"])) == block["curve"]


def test_a_model_that_tells_nothing_is_refused_or_stands_aside():
    """Named alone the task is refused; brought along by a pattern it stands as unsupported, and the rest runs."""
    with pytest.raises(UnsupportedError, match="log-likelihoods"):
        run("longctx", "model=echo")
    manager = TaskManager(include_defaults=False, metadata={"context_lengths": ["1k"], "samples_per_cell": 1})
    found = manager.match_tasks(["longctx_text_nl*", "longctx_text_niah"])
    done = simple_evaluate(
        "longctx",
        model_args="model=echo,ledger=none,progress=False",
        tasks=found,
        task_manager=manager,
        bootstrap_iters=0,
    )
    assert done["results"]["longctx_text_nll"]["unsupported,none"] == "log-likelihoods"
    assert "exact,none" in done["results"]["longctx_text_niah"]


OWN_TASK = """
task: which_is_likelier
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{q}}"
doc_to_choice: ["yes", "no"]
doc_to_target: 0
metric_list: [{metric: acc}]
"""


@pytest.mark.parametrize("asking", ["longctx_text_nll", "pg19_nll", "which_is_likelier"])
@pytest.mark.parametrize("first", [True, False])
def test_what_cannot_be_scored_is_refused_before_others_are_paid_for(asking, first, tmp_path, monkeypatch):
    """Tasks of ours and of lm-eval's that ask for likelihoods end a run before its first call, whatever the order."""
    (tmp_path / "data.json").write_text('{"q": "Is it?"}\n')
    (tmp_path / "own.yaml").write_text(OWN_TASK.replace("DATA", str(tmp_path / "data.json")))
    monkeypatch.setattr(LongctxLM, "generate_until", lambda *_, **__: pytest.fail("something was asked"))
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False)
    names = [asking, "longctx_text_niah"] if first else ["longctx_text_niah", asking]
    with pytest.raises(UnsupportedError, match=f"log-likelihoods, which {asking} would ask for.*nothing was asked"):
        simple_evaluate(
            "longctx", model_args="model=echo,ledger=none,progress=False", tasks=names, task_manager=manager, limit=1
        )


def test_nothing_is_put_around_a_document():
    """A chat template or a system instruction would be measured too, so they are refused."""
    manager = TaskManager(include_defaults=False, metadata=LENGTHS)
    with pytest.raises(ConfigError, match="leave --system_instruction out"):
        simple_evaluate(ByteModel(), tasks=["longctx_text_nll"], task_manager=manager, system_instruction="Be kind.")


def test_likelihoods_of_other_tasks_are_refused():
    """Nobody tells whether a continuation is the likeliest, which lm-eval's own tasks score: so none is answered."""
    lm = LongctxLM("cascade", ledger="none")
    request = Instance("loglikelihood", {}, ("The sky is", " blue"), 0, ("lambada", 0, 1))
    with pytest.raises(UnsupportedError, match="tasks that generate text"):
        lm.loglikelihood([request])
