"""lm-eval's own models, and strangers', are asked and read as honestly as ours."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lm_eval.api.model import LM, CachingLM

from lm_eval_longctx.errors import ConfigError, ProviderError
from lm_eval_longctx.harness import other_models
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.testing.server import LocalServer

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


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("fault", ["overflow", "unauthorized"])
def test_a_call_that_ends_the_run_is_told_in_one_line(niah: Any, evaluate: Any, at_once: int, fault: str) -> None:
    """lm-eval's interfaces raise at the first call that fails: the one line says so, and which model would go on."""
    chat = pytest.importorskip("lm_eval.models.openai_completions").LocalChatCompletion
    with LocalServer() as server:
        server.state.fail(fault, times=99)
        url = f"{server.base_url('openai-compatible')}/chat/completions"
        lm = chat(model="tiny", base_url=url, num_concurrent=at_once, max_retries=1)
        with pytest.raises(
            ProviderError, match=r"LocalChatCompletion ended the run .*40[01].*--model longctx"
        ) as raised:
            evaluate(lm, niah(), apply_chat_template=True)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is not None


def test_errors_of_strangers_stay_their_own(niah: Any, evaluate: Any) -> None:
    """Of a class that nobody knows, an error goes on as it is."""

    def refuse(context: str) -> str:
        raise ConnectionError(context[:1])

    with pytest.raises(ConnectionError):
        evaluate(Client(refuse), niah())


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


def test_a_strangers_object_is_left_as_it_was(niah: Any, evaluate: Any) -> None:
    """After a run, and after several of one object, nothing of ours hangs on it."""
    lm = Client()
    before = set(vars(lm))
    for _ in range(2):
        evaluate(lm, niah())
        assert set(vars(lm)) == before
    own = Client()
    own.generate_until = own.loglikelihood
    evaluate(own, niah())
    assert own.generate_until == own.loglikelihood


class Words(LM):
    """A model of a stranger's with a window, which counts words, is asked in whole prompts and cuts from the left."""

    def __init__(self, window: int, room: int = 256) -> None:
        super().__init__()
        self.window, self.max_gen_toks, self.seen, self.cuts = window, room, [], 0

    @property
    def max_length(self) -> int:
        """The window."""
        return self.window

    def tok_encode(self, text: str) -> list[int]:
        """Take each word for a token."""
        return list(range(len(text.split())))

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer from what is left of each prompt."""
        assert requests, "lm-eval's own classes fail on no requests, and so does this one"
        answers = []
        for context, gen_kwargs in (request.args for request in requests):
            most = self.window - gen_kwargs["max_gen_toks"]
            words = context.split()
            self.cuts += len(words) > most
            self.seen.append(len(words))
            answers.append(self._from(" ".join(words[-most:])))
        return answers

    @staticmethod
    def _from(context: str) -> str:
        try:
            return needle_in(context)
        except IndexError:
            return "it is gone"

    def apply_chat_template(self, history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Spell each turn in a hundred words more."""
        return "".join("mark " * 100 + turn["content"] + " " for turn in history)

    loglikelihood = loglikelihood_rolling = generate_until
    tokenizer_name = "words"

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Name the template."""
        return "a hundred marks a turn"


def longest(evaluate: Any, task: Any, **settings: Any) -> dict[str, int]:
    """Return the most words of a prompt of each length, as they are sent under these settings."""
    found: dict[str, int] = {}
    endless = Words(10**8)
    evaluate(endless, task, **settings)
    for instance, words in zip(task.instances, endless.seen, strict=True):
        label = instance.doc["context_label"]
        found[label] = max(words, found.get(label, 0))
    return found


SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"system_instruction": "Be brief. " * 30},
    {"apply_chat_template": True},
    {"apply_chat_template": True, "system_instruction": "Be brief. " * 30},
)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("short_of", [0, 1])
def test_what_would_be_cut_is_not_sent(niah: Any, evaluate: Any, settings: dict[str, Any], short_of: int) -> None:
    """A prompt that fits to the last token, template, system and answer included, is sent; one token more is not."""
    words = longest(evaluate, niah(), **settings)
    lm = Words(words["2k"] + 64 - short_of)
    result = evaluate(lm, niah(), **settings)
    assert lm.cuts == 0
    rows = {row["length"]: row for row in block_of(result)["lengths"]}
    assert rows["1k"]["outcomes"] == {"complete": 3}
    assert (rows["2k"]["context_exceeded"] > 0) == bool(short_of)
    assert rows["2k"]["scored"] + rows["2k"]["context_exceeded"] == 3
    assert result["results"][TASK]["recall,none"] == 1.0
    assert block_of(result)["window"] == {"model": "Words", "tokens": lm.window, "source": "max_length", "unsure": []}


def test_the_effective_length_ends_where_the_window_does(niah: Any, evaluate: Any) -> None:
    """Lengths beyond the window are unscored as a whole, cost nothing, and are the named end of what is effective."""
    task = niah(context_lengths=["512", "1k", "2k", "4k"])
    lm = Words(longest(evaluate, niah(context_lengths=["2k"]))["2k"] + 64)
    result = evaluate(lm, task, log_samples=True)
    block, numbers = block_of(result), result["results"][TASK]
    assert [(row["length"], row["scored"]) for row in block["lengths"]] == [("512", 3), ("1k", 3), ("2k", 3), ("4k", 0)]
    assert numbers["coverage,none"] == 0.75
    assert "recall@4k,none" not in numbers
    assert block["summary"]["beyond_model"] == [{"length": "4k", "context_exceeded": 3, "n": 3}]
    effective = block["summary"]["effective_length"]["relative"]
    assert (effective["length_label"], effective["at_least"], effective["beyond"]) == ("2k", False, "4k")
    assert len(lm.seen) == 9
    unsent = [sample for sample in result["samples"][TASK] if sample["doc"]["context_label"] == "4k"]
    told = [sample["arguments"][0][2]["completions"][0] for sample in unsent]
    assert all(f"and Words takes {lm.window:,}" in one["detail"] for one in told)
    assert all(one["counted_tokens"] > lm.window - 64 for one in told)


def test_a_run_of_nothing_that_fits_ends_well(niah: Any, evaluate: Any, tmp_path: Path) -> None:
    """Where every prompt is too long nothing is sent, and the run ends with its outcomes, with lm-eval's cache too."""
    for lm in (Words(100), CachingLM(Words(100), str(tmp_path / "cache.db"))):
        result = evaluate(lm, niah())
        assert result["results"][TASK]["coverage,none"] == 0.0
        assert {row["context_exceeded"] for row in block_of(result)["lengths"]} == {3}


def test_the_user_may_let_a_model_cut(niah: Any, evaluate: Any, caplog: pytest.LogCaptureFixture) -> None:
    """``truncate=allow`` sends and scores what the model cuts, says so, and records it: outcome, signature, report."""
    window = longest(evaluate, niah(context_lengths=["1k"]))["1k"] + 64
    lm = Words(window)
    result = evaluate(lm, niah(truncate="allow"))
    assert lm.cuts == 3
    assert "3 of 6 prompts are cut and scored all the same, as truncate=allow says" in caplog.text
    block = block_of(result)
    rows = {row["length"]: row for row in block["lengths"]}
    assert rows["2k"]["outcomes"] == {"truncated_input": 3}
    assert (rows["2k"]["scored"], result["results"][TASK]["coverage,none"]) == (3, 1.0)
    assert rows["2k"]["metrics"]["recall"]["value"] < 1.0
    assert "|cut:allow|" in block["summary"]["signature"]
    assert "cut:" not in block_of(evaluate(Words(window), niah()))["summary"]["signature"]


def test_our_model_has_nothing_to_allow(niah: Any, evaluate: Any) -> None:
    """With our own model a server cuts or does not: a setting without effect is refused before anything is sent."""
    with pytest.raises(ConfigError, match="truncate=allow is for lm-eval's own models"):
        evaluate(ours(), niah(truncate="allow"))


def with_attributes(**attributes: Any) -> Client:
    """Make a model that tells things of itself in its own way."""
    lm = Client()
    vars(lm).update(attributes)
    return lm


def thing(**attributes: Any) -> Any:
    """Make an object with attributes."""
    return type("Thing", (), attributes)()


class Raising(Client):
    """A model whose window cannot be read."""

    @property
    def max_length(self) -> int:
        """Fail."""
        raise AttributeError("not before the engine has started")


def encode(text: str) -> list[int]:
    """Take each word for a token."""
    return [1] * len(text.split())


TOLD = [
    ({"max_length": 300, "tok_encode": encode}, 300, "max_length"),
    ({"max_length": lambda: 300, "tok_encode": encode}, 300, "max_length"),
    ({"max_model_len": 300, "tok_encode": encode}, 300, "max_model_len"),
    ({"max_model_len": 300, "max_length": 4000, "tok_encode": encode}, 300, "max_model_len"),
    ({"config": thing(max_position_embeddings=300), "tok_encode": encode}, 300, "config.max_position_embeddings"),
    ({"config": {"n_ctx": 300}, "tok_encode": encode}, 300, "config.n_ctx"),
    (
        {"config": thing(text_config=thing(n_positions=300), n_positions=9999), "tok_encode": encode},
        *(300, "config.n_positions"),
    ),
    ({"model": thing(config=thing(n_ctx=300)), "tok_encode": encode}, 300, "model.config.n_ctx"),
    (
        {"model": thing(llm_engine=thing(model_config=thing(max_model_len=300))), "tok_encode": encode},
        *(300, "model.llm_engine.model_config.max_model_len"),
    ),
    (
        {"tokenizer": thing(model_max_length=300, encode=lambda _, text: encode(text))},
        *(300, "tokenizer.model_max_length"),
    ),
    ({"max_length": 300, "tokenizer": lambda text: {"input_ids": encode(text)}}, 300, "max_length"),
    ({"max_length": 300, "tokenizer": thing(encode=lambda _, text: thing(ids=encode(text)))}, 300, "max_length"),
    ({"max_length": 300, "tok_encode": lambda text: [encode(text)]}, 300, "max_length"),
    ({"max_length": 300, "tok_encode": lambda text: np.ones((1, len(text.split())))}, 300, "max_length"),
]


@pytest.mark.parametrize(("attributes", "window", "source"), TOLD)
def test_a_window_is_read_however_it_is_told(
    niah: Any, evaluate: Any, attributes: dict[str, Any], window: int, source: str
) -> None:
    """Whatever a class calls its window and its tokenizer, too long prompts are not sent."""
    lm = with_attributes(**attributes)
    result = evaluate(lm, niah(context_lengths=["512", "2k"]))
    assert lm.calls == 0
    assert block_of(result)["summary"]["outcomes"] == {"context_exceeded": 6}
    assert block_of(result)["window"] == {"model": "Client", "tokens": window, "source": source, "unsure": []}


UNKNOWN = [
    (Client, "Client does not tell how long a prompt may be"),
    (Raising, "Raising does not tell how long a prompt may be"),
    (lambda: with_attributes(max_length=None), "does not tell"),
    (lambda: with_attributes(max_length=-1, tokenizer=thing(model_max_length=int(1e30))), "does not tell"),
    (lambda: with_attributes(max_length=300), "takes 300 tokens and counts none"),
    (lambda: with_attributes(max_length=300, tok_encode=lambda text: text), "takes 300 tokens and counts none"),
    (lambda: with_attributes(max_length=300, tok_encode=lambda text: [text]), "takes 300 tokens and counts none"),
    (lambda: with_attributes(max_length=300, tok_encode=lambda text: 1 / 0), "takes 300 tokens and counts none"),
]


@pytest.mark.parametrize(("make", "words"), UNKNOWN)
def test_what_cannot_be_known_is_said_once(
    niah: Any, evaluate: Any, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], words: str
) -> None:
    """A model that tells no window, or cannot count, is asked; one line and the results say what nobody knows."""
    said: list[str] = []
    monkeypatch.setattr(other_models.logger, "warning", lambda text, *values: said.append(text % values))
    other_models._say_once.cache_clear()
    for _ in range(2):
        result = evaluate(make(), niah())
    assert result["results"][TASK]["recall,none"] == 1.0
    (unsure,) = block_of(result)["window"]["unsure"]
    assert words in unsure
    assert [unsure in line for line in said] == [True]


@pytest.mark.parametrize(
    ("window", "has", "said"),
    [
        (8_192, {"batch_size": "auto", "_detect_batch_size": None}, True),
        (2_000, {"batch_size": "auto", "_detect_batch_size": None}, False),  # near enough to the prompts
        (8_192, {"batch_size": 4, "_detect_batch_size": None}, False),
        (8_192, {"batch_size": "auto"}, False),  # vllm and others measure nothing
    ],
)
def test_batches_that_are_measured_with_whole_windows_are_told(
    niah: Any, evaluate: Any, caplog: pytest.LogCaptureFixture, window: int, has: dict[str, Any], said: bool
) -> None:
    """Where a class tries out its batches with windows far longer than the prompts, a line tells before it begins."""
    other_models._say_once.cache_clear()
    lm = Words(window, room=64)
    vars(lm).update(has, max_batch_size=64)
    evaluate(lm, niah(context_lengths=["1k"]))
    told = "up to 64 prompts of its whole window of 8,192 tokens, five times over, and the longest prompt here has "
    assert (told in caplog.text) == said


class OtherTemplate(Words):
    """The same model with another chat template."""

    def apply_chat_template(self, history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Spell each turn in a way of its own."""
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in history)


def ours() -> LongctxLM:
    """Make our own model, without a record."""
    return LongctxLM(model="echo/tail", ledger="none", progress=False)


ASKED: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    "plain": (lambda: Words(10**6), {}, {}),
    "template": (lambda: Words(10**6), {"apply_chat_template": True}, {}),
    "other template": (lambda: OtherTemplate(10**6), {"apply_chat_template": True}, {}),
    "system": (lambda: Words(10**6), {"system_instruction": "Be brief."}, {}),
    "other system": (lambda: Words(10**6), {"system_instruction": "Be long."}, {}),
    "both": (lambda: Words(10**6), {"apply_chat_template": True, "system_instruction": "Be brief."}, {}),
    "warmer": (lambda: Words(10**6), {}, {"temperature": 0.7, "do_sample": True}),
    "longer": (lambda: Words(10**6), {}, {"max_gen_toks": 99}),
    "stopped": (lambda: Words(10**6), {}, {"until": ["."]}),
}
OURS: dict[str, tuple[Callable[[], Any], dict[str, Any], dict[str, Any]]] = {
    name: (ours, *rest) for name, (_, *rest) in ASKED.items() if "template" not in name and name != "both"
}


@pytest.mark.parametrize("ways", [ASKED, OURS], ids=["lm-eval's", "ours"])
def test_what_was_sent_is_what_is_recorded(niah: Any, evaluate: Any, ways: dict[str, Any]) -> None:
    """Template, system instruction and generation settings change signature and digests; a second run does not."""
    signatures, prompts = [], []
    for make, settings, gen_kwargs in [*ways.values(), *ways.values()]:
        task = niah()
        task.set_config(key="generation_kwargs", value=gen_kwargs, update=True)
        result = evaluate(make(), task, log_samples=True, **settings)
        signatures.append(block_of(result)["summary"]["signature"])
        prompts.append(tuple(sample["prompt_hash"] for sample in result["samples"][TASK]))
    for found in (signatures, prompts):
        assert len(set(found)) == len(ways)
        assert found[: len(ways)] == found[len(ways) :]


def test_equal_signatures_are_equal_questions_scored_equally(niah: Any, evaluate: Any) -> None:
    """A run of fewer questions, and one that counts other answers, has a signature of its own."""
    others: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({}, {"limit": 2}),
        ({}, {"samples": [0, 3]}),
        ({"refusals": "wrong"}, {}),
        ({"reasoning_tags": ["ponder"]}, {}),
        ({"seed": 1}, {}),
    ]
    found = []
    for metadata, settings in others:
        chosen = {TASK: settings["samples"]} if "samples" in settings else None
        result = evaluate(ours(), niah(**metadata), **{**settings, "samples": chosen})
        found.append(block_of(result)["summary"]["signature"])
    assert len(set(found)) == len(others)


def test_the_record_is_of_what_the_model_read(niah: Any, evaluate: Any) -> None:
    """The digest in the log is made of the very text that the model got, and the block says what went with it."""
    lm = OtherTemplate(10**6)
    lm.read = []
    answer = lm.generate_until
    lm.generate_until = lambda requests: [lm.read.extend(r.args[:2] for r in requests), answer(requests)][1]
    task = niah()
    result = evaluate(lm, task, log_samples=True, apply_chat_template=True, system_instruction="Be brief.")
    for sample, (context, gen_kwargs) in zip(result["samples"][TASK], lm.read, strict=True):
        plain = json.dumps([context, gen_kwargs, []], sort_keys=True, ensure_ascii=False)
        assert sample["arguments"][0][0].endswith(f"&sent={hashlib.sha256(plain.encode()).hexdigest()[:16]}")
        assert context.startswith("<system>Be brief.<user>")
    sent = block_of(result)["sent"]
    assert (sent["sys"], sent["chat"]) == ("Be brief.", "<user>?")
    assert sent["gen"] == {"until": [], "max_gen_toks": 64, "do_sample": False}
