"""Loss by position on lm-eval's ``hf``: one reading of a document tells what windows with their prefix tell."""

from __future__ import annotations

import math
import weakref

import pytest
import tiny_llama
from lm_eval.api.instance import Instance
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager

from lm_eval_longctx.harness import one_pass
from lm_eval_longctx.harness.other_models import OtherModel
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.likelihood import nats_of

pytest.importorskip("torch", reason="lm-eval's hf needs torch: pip install torch transformers accelerate")
transformers = pytest.importorskip("transformers", reason="lm-eval's hf needs transformers")
pytest.importorskip("accelerate", reason="lm-eval's hf needs accelerate")

TASK = "longctx_text_nll"
LENGTHS = ["256", "512", "1k"]
KINDS = {
    "all before": {},
    "a little way back": {"architecture": "Mistral", "sliding_window": 100},
    "places learnt": {"architecture": "GPT2"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Make lm-eval's ``hf`` with tiny random weights; its class counts what it is asked for the windowed way."""
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(1)  # several tests share these cores
    folder = tmp_path_factory.mktemp("tiny")
    tiny_llama.make(folder)

    def make(kind=HFLM, architecture="Llama", bos=False, window=4096, **settings):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        if bos:
            tokenizer.add_special_tokens({"bos_token": "<|system|>"})
        sizes = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
        if architecture == "GPT2":
            sizes |= {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 4096}
        else:
            sizes |= {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
            sizes |= {"num_key_value_heads": 2, "max_position_embeddings": 4096}
        config = getattr(transformers, f"{architecture}Config")(**sizes, initializer_range=0.3, **settings)
        torch.manual_seed(0)
        weights = getattr(transformers, architecture + ("LMHeadModel" if architecture == "GPT2" else "ForCausalLM"))
        return kind(pretrained=weights(config).eval(), tokenizer=tokenizer, device="cpu", max_length=window)

    return make


def run(lm, use_cache=None, **metadata):
    """Evaluate a model; return each sample's line by (document, position), and the sweep block."""
    settings = {"context_lengths": LENGTHS, "samples_per_cell": 2, **metadata}
    manager = TaskManager(include_defaults=False, metadata=settings)
    options = {"log_samples": True, "bootstrap_iters": 0, "use_cache": use_cache}
    done = simple_evaluate(lm, tasks=[TASK], task_manager=manager, **options)
    lines = {(line["doc"]["index"], line["doc"]["context_label"]): line for line in done["samples"][TASK]}
    return lines, done["configs"][TASK]["metadata"]["longctx"]


def load(**metadata):
    """Make the task."""
    settings = {"context_lengths": LENGTHS, "samples_per_cell": 2, **metadata}
    return TaskManager(include_defaults=False, metadata=settings).load([TASK])["tasks"][TASK]


def windowed(monkeypatch):
    """Let lm-eval do it its own way."""
    monkeypatch.setattr("lm_eval_longctx.harness.other_models.in_one_pass", lambda _, original: original)


@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_equals_windows(model, monkeypatch, kind):
    """One reading tells of each window what lm-eval tells of it after its prefix, whatever layers look back to."""
    lm = model(**KINDS[kind])
    monkeypatch.setattr(one_pass, "CHUNK", 100)
    at_once, block = run(lm)
    windowed(monkeypatch)
    apart, other = run(lm)
    assert at_once.keys() == apart.keys()
    for place, line in apart.items():
        assert math.isclose(at_once[place]["nll"], line["nll"], abs_tol=1e-5)
    assert len({line["nll"] for line in apart.values()}) == len(apart)
    assert len(block["curve"]) == len(other["curve"]) == len(LENGTHS)
    assert (block["power_law"], other["power_law"]) == (None, None)  # of three positions


@pytest.mark.parametrize("bos", [False, True])
def test_the_total_is_lm_evals_rolling_likelihood(model, bos):
    """The likelihood of all text up to a position is ``loglikelihood_rolling`` of it, with the prefix token before."""
    lm = model(bos=bos)
    lines, block = run(lm, samples_per_cell=1)
    assert lm.prefix_token_id == lm.tokenizer.convert_tokens_to_ids("<|system|>" if bos else "<|end|>")
    for point, line in zip(block["curve"], lines.values(), strict=True):
        text = load().builder.render(line["doc"]).text()
        (whole,) = lm.loglikelihood_rolling([Instance("loglikelihood_rolling", {}, (text,), 0)])
        assert math.isclose(point["cumulative"] * line["doc"]["realised_length"], -whole, rel_tol=1e-6)


def test_a_document_is_read_once_each_way_in_chunks(model, monkeypatch):
    """No window goes lm-eval's way; no forward pass is longer than a chunk, and all together are twice the document."""
    lm = model()
    read = []
    lm.model.register_forward_hook(
        lambda _, __, given, out: read.append((given["input_ids"].shape[1], out.logits.shape[1])), with_kwargs=True
    )
    monkeypatch.setattr(type(lm), "_loglikelihood_tokens", lambda *_, **__: pytest.fail("a window of its own"))
    lines, _ = run(lm, samples_per_cell=1)
    longest = len(lm.tok_encode(load().builder.render(lines[0, "1k"]["doc"]).text()))
    assert longest > 3 * one_pass.CHUNK
    assert max(max(sizes) for sizes in read) == one_pass.CHUNK
    assert sum(tokens for tokens, _ in read) <= 2 * (longest + 8 * len(LENGTHS))


def test_what_is_cut_and_what_is_not_ours_goes_lm_evals_way(model):
    """Other tasks' requests, and prompts that ``truncate=allow`` lets be cut, get lm-eval's answer in their place."""
    lm = model(window=2000)
    task = load(truncate="allow", samples_per_cell=1)
    task.build_all_requests(rank=0, world_size=1)
    task._asked = OtherModel(lm)
    ours = list(task.instances)
    for request in ours:
        request.repeats = 1
    task._asked.measure(ours, may_cut=True)
    assert [bool(request.fit.too_long) for request in ours] == [False, False, True]
    foreign = [Instance("loglikelihood", {}, ("The red house", f" is {word}"), n) for n, word in enumerate("ab")]
    mixed = [foreign[0], ours[2], ours[1], foreign[1], ours[0]]
    answers = one_pass.in_one_pass(lm, lm.loglikelihood)(mixed)
    expected = lm.loglikelihood(mixed)
    for request, answer, (nats, _) in zip(mixed, answers, expected, strict=True):
        assert isinstance(answer, tuple) == (request not in ours[:2])
        found = -answer[0] if isinstance(answer, tuple) else nats_of(answer)[0]
        assert math.isclose(found, -nats, rel_tol=1e-6)


def _of_its_own(lm):
    """A class that changes how the model is called."""
    lm.__class__ = type(
        "Steered", (type(lm),), {"_model_call": lambda self, *given: super(type(self), self)._model_call}
    )


CHANGES = {
    "calls the model in a way of its own": _of_its_own,
    "keeps a state that is no keys and values": lambda lm: setattr(lm.model, "_is_stateful", True),
    "turns places with length": lambda lm: lm.model.config.update({"rope_parameters": {"rope_type": "dynamic"}}),
    "has a learnt prompt": lambda lm: setattr(lm.model, "forward", lambda input_ids, **_: None),  # as peft's
    "is one of several processes": lambda lm: setattr(lm, "_world_size", 2),
    "is no causal model": lambda lm: setattr(lm, "backend", "seq2seq"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_model_that_scores_in_another_way_is_asked_in_its_way(model, what):
    """Where one pass would not be the same, or could not be, the model's own ``loglikelihood`` stays."""
    lm = model()
    assert one_pass.in_one_pass(lm, lm.loglikelihood) != lm.loglikelihood
    CHANGES[what](lm)
    original = lm.loglikelihood
    assert one_pass.in_one_pass(lm, original) is original


def test_an_answer_of_one_pass_is_kept_by_lm_evals_cache(model, tmp_path):
    """With ``--use_cache`` a second run asks nothing and has the same numbers, the total included."""
    blocks = []
    for _ in range(2):
        lm = model()
        passes = []
        lm.model.register_forward_hook(lambda *_, passes=passes: passes.append(1))
        blocks.append(run(lm, use_cache=str(tmp_path / "kept"))[1]["curve"])
    assert blocks[0] == blocks[1]
    assert blocks[0]
    assert not passes


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_cut_in_a_word_is_read_again_from_there(model, monkeypatch, kind):
    """Wherever windows begin and end, and in whatever order they come, each has lm-eval's likelihood."""
    lm, rng = model(**KINDS[kind]), Rng("cuts")
    monkeypatch.setattr(one_pass, "CHUNK", 50)
    text = " ".join(f"The {rng.choice(['red', 'magic'])} house, no. {rng.below(9999)}: naïve…" for _ in range(40))
    cuts = [sorted((rng.between(1, len(text) - 1), rng.between(1, len(text) - 1))) for _ in range(25)]
    texts = [(text[:start], text[start : stop + 1]) for start, stop in cuts]
    asked = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(texts)]
    found = one_pass._windows(lm, texts)
    for nats, (expected, _) in zip(found, lm.loglikelihood(asked), strict=True):
        assert math.isclose(nats, -expected, rel_tol=1e-5)


def test_a_bar_shows_how_far_the_reading_is(model, capfd):
    """While documents are read a bar counts their tokens, to the end and not beyond; lm-eval's switch hides it."""
    lm = model()
    task = load(samples_per_cell=1)
    task.build_all_requests(rank=0, world_size=1)
    task._asked = OtherModel(lm)
    ours = list(task.instances)
    task._asked.measure(ours, may_cut=False)
    answer = one_pass.in_one_pass(lm, lm.loglikelihood)
    answer(ours)
    shown = capfd.readouterr().err
    assert "reading documents, each twice: 100%" in shown
    answer(ours, disable_tqdm=True)
    assert "reading" not in capfd.readouterr().err


def test_scores_of_one_chunk_are_held_at_a_time(model, monkeypatch):
    """Before a chunk is read, the scores of all earlier ones are gone: memory is flat in vocabulary times text."""
    lm = model()
    monkeypatch.setattr(one_pass, "CHUNK", 64)
    given, alive = [], []

    def watch(_, __, out):
        alive.append(sum(one() is not None for one in given))
        given.append(weakref.ref(out.logits))

    lm.model.register_forward_hook(watch)
    run(lm, samples_per_cell=1, context_lengths=["256"])
    assert len(given) > 20
    assert set(alive) == {0}
