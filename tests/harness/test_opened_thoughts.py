"""Chat templates that open a thought: the text holds a closing mark only, or none where the model never got so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tiny_llama
from lm_eval.api.model import LM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASK = "longctx_text_niah"

CLOSED, NEVER_CLOSED = "hm, which one?\n</think>\n\nThe number is {}.", "It says that the number is {}, so"

OPENINGS = [
    pytest.param("<think>\n", True, id="opened"),
    pytest.param("[THINK]", True, id="opened in brackets"),
    pytest.param("<|channel|>analysis<|message|>", True, id="opened as a channel"),
    pytest.param("<think>\n\n</think>\n\n", False, id="opened and closed"),
    pytest.param("", False, id="nothing"),
]
"""What a template writes after the role of the assistant, and whether a thought is open then."""


def needle_in(context: str) -> str:
    """Read a needle of the report's form out of a text: an oracle that sees the prompt only."""
    city = context.split("What is the special magic ")[1].split(" number", maxsplit=1)[0]
    return context.split(f"The special magic {city} number is: ")[1].split(".", maxsplit=1)[0]


class Thinker(LM):
    """A model whose template opens a thought, and tells in its system text which marks there are."""

    def __init__(self, answer: str, opening: str) -> None:
        super().__init__()
        self.answer, self.opening = answer, opening

    tokenizer_name = "thinker"

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Name a template, as lm-eval records it."""
        return self.opening

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Write turns; blanks at the end of a turn are cut, as many templates do."""
        said = "".join(f"<|{turn['role']}|>{turn['content'].strip()}\n" for turn in chat_history)
        return f"Think between <think> and </think>.\n{said}" + f"<|assistant|>{self.opening}" * add_generation_prompt

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer with the needle, in the words of this model."""
        return [self.answer.format(needle_in(request.args[0])) for request in requests]

    loglikelihood = loglikelihood_rolling = generate_until


@pytest.fixture
def asked(niah: Any) -> Callable[..., Any]:
    """Make a small needle task in which the model begins its answer itself."""
    return lambda **metadata: niah(**{"answer_prefix": "", **metadata})


def logged(evaluate: Any, lm: LM, task: Any, **settings: Any) -> list[dict[str, Any]]:
    """Return the samples as they are logged."""
    samples: list[dict[str, Any]] = evaluate(lm, task, apply_chat_template=True, log_samples=True, **settings)[
        "samples"
    ][TASK]
    return samples


@pytest.mark.parametrize(("opening", "opened"), OPENINGS)
def test_a_thought_that_the_template_opened_and_nobody_closed_is_no_answer(
    asked: Any, evaluate: Any, opening: str, opened: bool
) -> None:
    """Where the prompt leaves a thought open, a text without a mark is all thought; else it is the answer."""
    for sample in logged(evaluate, Thinker(NEVER_CLOSED, opening), asked()):
        (reading,) = sample["reading"]
        if opened:
            assert (reading["outcome"], sample["coverage"]) == ("spent_on_reasoning", 0.0)
            assert sample["exact"] is None
            assert NEVER_CLOSED[:20] in reading["thoughts"][0]
        else:
            assert (sample["recall"], sample["coverage"]) == (1.0, 1.0)


@pytest.mark.parametrize(("opening", "_opened"), OPENINGS)
def test_a_closing_mark_alone_ends_the_thought(asked: Any, evaluate: Any, opening: str, _opened: bool) -> None:
    """The text before a closing mark is thought and what follows is the answer, whoever opened the thought."""
    for sample in logged(evaluate, Thinker(CLOSED, opening), asked()):
        assert (sample["exact"], sample["reading"][0]["thoughts"]) == (1.0, ["hm, which one?\n"])


def test_an_answer_that_was_begun_for_the_model_is_no_thought(asked: Any, evaluate: Any) -> None:
    """With an ``answer_prefix`` the template opens nothing, so that a text without marks is the answer."""
    task = asked(answer_prefix="The number is")
    assert all(sample["coverage"] == 1.0 for sample in logged(evaluate, Thinker("{}", "<think>\n"), task))


def test_marks_of_thoughts_that_are_named_open_them_too(asked: Any, evaluate: Any) -> None:
    """``reasoning_tags`` name what a template writes as they name what a model writes."""
    for tags, coverage in ((["ponder"], 0.0), ([], 1.0)):
        samples = logged(evaluate, Thinker(NEVER_CLOSED, "<ponder>"), asked(reasoning_tags=tags))
        assert {sample["coverage"] for sample in samples} == {coverage}


@pytest.fixture(scope="module")
def hf(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Make lm-eval's ``hf`` with a tiny Llama whose template opens a thought, and which says what it is told to."""
    torch = tiny_llama.torch_or_skip()
    from lm_eval.models.huggingface import HFLM

    class Saying(HFLM):
        answer = ""

        def _model_generate(self, context: Any, max_length: int, stop: list[str], **kwargs: Any) -> Any:
            """Run the weights for one token, and put an answer in the place of their noise."""
            super()._model_generate(context, context.shape[1] + 1, stop, **kwargs)
            (text,) = self.tokenizer.batch_decode(context)
            assert text.endswith("<|assistant|><think>\n")
            said = self.answer.format(needle_in(text))
            return torch.cat([context, self.tokenizer.encode(said, add_special_tokens=False, return_tensors="pt")], 1)

    torch.set_num_threads(1)  # several tests share these cores
    folder: Path = tmp_path_factory.mktemp("thinker")
    tiny_llama.make(folder)

    def made(answer: str, **arguments: Any) -> Any:
        lm = Saying(pretrained=str(folder), device="cpu", dtype="float32", **arguments)
        lm.tokenizer.chat_template = tiny_llama.TEMPLATE.replace("<|assistant|>", "<|assistant|><think>\n")
        lm.answer = answer
        return lm

    return made


def test_hf_with_a_template_that_opens_a_thought(asked: Any, evaluate: Any, hf: Callable[..., Any]) -> None:
    """Through lm-eval's real ``hf``: after a closing mark the answer is scored, without one nothing was answered."""
    task = {"context_lengths": ["256"], "depths": 2}
    settings = {"system_instruction": "Think between <think> and </think>, then answer."}
    for sample in logged(evaluate, hf(CLOSED), asked(**task), **settings):
        assert (sample["exact"], sample["reading"][0]["thoughts"]) == (1.0, ["hm, which one?\n"])
    for sample in logged(evaluate, hf(NEVER_CLOSED), asked(**task), **settings):
        assert (sample["reading"][0]["outcome"], sample["coverage"]) == ("spent_on_reasoning", 0.0)
        assert sample["exact"] is None


def test_hf_that_takes_thoughts_off_itself_is_believed_with_a_warning(
    asked: Any, evaluate: Any, hf: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """With ``think_end_token`` no mark is left in the text: it is the answer, and the user hears what that hides."""
    task = asked(context_lengths=["256"], depths=2)
    samples = logged(evaluate, hf(CLOSED, think_end_token="</think>"), task)  # noqa: S106 - a mark in a text
    assert all(sample["exact"] == 1.0 for sample in samples)
    assert "a thought that was never closed is scored as an answer" in caplog.text
