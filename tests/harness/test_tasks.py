"""Our tasks keep lm-eval's contract, and say what was and was not measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from lm_eval.api.model import LM, CachingLM

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ConfigError, UnknownOptionError, UnsupportedError
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.tasks import _reading, silence_expected_warnings
from lm_eval_longctx.results import SampleResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Recorder(LM):
    """Another lm-eval model: keeps what it is given and answers from a function."""

    def __init__(self, answer: Callable[[str], str] = lambda context: context[-40:]) -> None:
        super().__init__()
        self.answer, self.seen = answer, []

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Answer each request from its text."""
        self.seen += [request.args for request in requests]
        return [self.answer(request.args[0]) for request in requests]

    loglikelihood = loglikelihood_rolling = generate_until
    tokenizer_name = "recorder"

    def apply_chat_template(self, history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """Spell the turns."""
        return "".join(f"[{turn['role']}]{turn['content']}" for turn in history) + "[assistant]" * add_generation_prompt


def needle_in(context: str) -> str:
    """Read a needle of the report's form out of a text: an oracle that sees the prompt only."""
    city = context.split("What is the special magic ")[1].split(" number", maxsplit=1)[0]
    return context.split(f"The special magic {city} number is: ")[1].split(".", maxsplit=1)[0]


def test_the_embedded_model_runs_a_sweep_with_a_full_report(niah: Any, evaluate: Any, ledger: str) -> None:
    """A run gives metrics at each length, coverage, the sweep block and short sample logs."""
    lm = LongctxLM(ledger=ledger, progress=False)
    result = evaluate(lm, niah(), log_samples=True)
    numbers = result["results"]["longctx_text_niah"]
    assert numbers["recall,none"] == numbers["recall@1k,none"] == numbers["recall@2k,none"] == 1.0
    assert numbers["coverage,none"] == 1.0
    assert numbers["sample_len"] == 6
    block = result["configs"]["longctx_text_niah"]["metadata"]["longctx"]
    assert len(block["cells"]) == 6
    json.dumps(block)
    samples = result["samples"]["longctx_text_niah"]
    assert len(json.dumps(samples, default=str)) < 6 * 4000
    assert samples[0]["arguments"][0][0].startswith("longctx:longctx_text_niah@1.0/")


def test_other_models_get_the_real_text(niah: Any, evaluate: Any) -> None:
    """Another lm-eval model reads the whole context and can answer from it."""
    recorder = Recorder(needle_in)
    result = evaluate(recorder, niah())
    assert result["results"]["longctx_text_niah"]["recall,none"] == 1.0
    assert all("<context>" in context and len(context) > 3000 for context, _ in recorder.seen)
    assert recorder.seen[0][1]["max_gen_toks"] == 64


def test_a_chat_template_and_a_system_instruction_are_applied(niah: Any, evaluate: Any) -> None:
    """With the flags of lm-eval, another model's own template wraps the turns."""
    recorder = Recorder(needle_in)
    evaluate(recorder, niah(), apply_chat_template=True, system_instruction="Be brief.")
    assert recorder.seen[0][0].startswith("[system]Be brief.[user]")
    recorder = Recorder(needle_in)
    evaluate(recorder, niah(), system_instruction="Be brief.")
    assert recorder.seen[0][0].startswith("Be brief.\n\n")


def test_our_model_gets_the_system_instruction_too(niah: Any, evaluate: Any) -> None:
    """The system instruction changes the prompt that is sent, and so the call's key."""
    keys = []
    for instruction in (None, "Be brief."):
        lm = LongctxLM(model="echo/tail", ledger="none", progress=False)
        result = evaluate(lm, niah(), log_samples=True, system_instruction=instruction, apply_chat_template=True)
        completions = result["samples"]["longctx_text_niah"][0]["arguments"][0][3]["completions"]
        keys.append(completions[0]["key"])
    assert keys[0] != keys[1]


def test_a_limit_sees_every_length(niah: Any, evaluate: Any) -> None:
    """``--limit 2`` runs one sample of each of two lengths."""
    result = evaluate(Recorder(needle_in), niah(), limit=2)
    numbers = result["results"]["longctx_text_niah"]
    assert {"recall@1k,none", "recall@2k,none"} <= set(numbers)
    assert result["n-samples"]["longctx_text_niah"] == {"original": 6, "effective": 2}


def test_predict_only_scores_nothing(niah: Any, evaluate: Any) -> None:
    """``--predict_only`` keeps the answers and gives the bypass metric."""
    task = niah()
    task.override_metric("bypass")
    result = evaluate(Recorder(), task, log_samples=True)
    assert result["results"]["longctx_text_niah"]["bypass,none"] == 999
    assert len(result["samples"]["longctx_text_niah"]) == 6


class Failing(Recorder):
    """Answers some samples and fails on others, as our own backend reports it."""

    outcomes = (Outcome.COMPLETE, Outcome.CONTEXT_EXCEEDED, Outcome.TRANSPORT_FAILED, Outcome.REFUSED, Outcome.BLOCKED)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Fail in turn."""
        texts = super().generate_until(requests)
        return [Completion(text, self.outcomes[i % 5]) for i, text in enumerate(texts)]


def test_failures_leave_the_mean_and_enter_coverage(niah: Any, evaluate: Any) -> None:
    """An error is never a wrong answer: the mean is over scored samples, coverage tells their share."""
    result = evaluate(Failing(needle_in), niah(), log_samples=True)
    numbers = result["results"]["longctx_text_niah"]
    assert numbers["recall,none"] == 1.0
    assert numbers["coverage,none"] == pytest.approx(2 / 6)
    outcomes: dict[str, int] = {}
    for cell in result["configs"]["longctx_text_niah"]["metadata"]["longctx"]["cells"]:
        for kind, count in cell["outcomes"].items():
            outcomes[kind] = outcomes.get(kind, 0) + count
    assert {k: v for k, v in outcomes.items() if v} == {
        "complete": 2,
        "context_exceeded": 1,
        "transport_failed": 1,
        "refused": 1,
        "blocked": 1,
    }


def test_refusals_count_as_wrong_where_the_task_says_so(niah: Any, evaluate: Any) -> None:
    """``refusals: wrong`` scores what the model said when it refused."""
    refuse = Failing(lambda _: "I cannot help with that.")
    refuse.outcomes = (Outcome.REFUSED,) * 5
    assert evaluate(refuse, niah(refusals="wrong"))["results"]["longctx_text_niah"]["recall,none"] == 0.0
    assert "recall,none" not in evaluate(refuse, niah())["results"]["longctx_text_niah"]


def test_use_cache_replays_and_keeps_texts_out(niah: Any, evaluate: Any, tmp_path: Path, ledger: str) -> None:
    """``--use_cache`` works with our model, keeps every outcome, and stays small."""
    path = tmp_path / "cache.db"
    for run in range(2):
        lm = LongctxLM(ledger=ledger if run == 0 else "none", progress=False)
        result = evaluate(CachingLM(lm, str(path)), niah())
        assert result["results"]["longctx_text_niah"]["recall,none"] == 1.0
        assert lm.backend.totals()["calls"] == (6 if run == 0 else 0)
    assert path.stat().st_size < 200_000


def test_use_cache_of_other_models_tells_samples_apart(niah: Any, evaluate: Any, tmp_path: Path) -> None:
    """Another model behind lm-eval's cache gets each sample's own answer back."""
    for _ in range(2):
        cached = CachingLM(Recorder(needle_in), str(tmp_path / "other.db"))
        assert evaluate(cached, niah())["results"]["longctx_text_niah"]["recall,none"] == 1.0


def test_a_rerun_costs_nothing_and_repeats_are_new_calls(niah: Any, evaluate: Any, ledger: str) -> None:
    """The ledger answers a second run; asking for repeats pays for the further ones only."""
    counts = []
    for repeats in (1, 1, 3):
        lm = LongctxLM(ledger=ledger, progress=False)
        task = niah()
        task.set_config("repeats", repeats)
        evaluate(lm, task)
        totals = lm.backend.totals()
        counts.append((totals["calls"], totals["replayed"]))
        lm.backend.close()
    assert counts == [(6, 0), (0, 6), (12, 6)]


def test_few_shot_is_refused_politely(niah: Any) -> None:
    """The task says that it takes no examples, in lm-eval's own way: num_fewshot is fixed at 0."""
    assert niah().get_config("num_fewshot") == 0


@pytest.mark.parametrize("metadata", [{"context_length": ["1k"]}, {"needels": 3}, {"haystack": "chronical"}])
def test_misspelt_metadata_fails_before_any_request(niah: Any, metadata: dict[str, Any]) -> None:
    """A key or source that nobody declared stops the task before anything is sent."""
    with pytest.raises(UnknownOptionError, match="did you mean"):
        niah(**metadata).test_docs()


def test_too_much_text_for_models_that_hold_it_all_is_refused(
    niah: Any, evaluate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before another model would fill the memory, the run stops and names the way round."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_MAX_HELD_BYTES", "1000")
    with pytest.raises(UnsupportedError, match="openai-compatible"):
        evaluate(Recorder(), niah())


def test_a_task_without_builder_says_so(niah: Any) -> None:
    """A YAML that names no builder gets a line that says what is missing."""
    from lm_eval_longctx.harness.assembly import assemble

    with pytest.raises(ConfigError, match="must name a builder"):
        assemble("mine", {"version": 1})


def test_the_expected_warning_is_quiet_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    """lm-eval's warning about metrics of different lengths is dropped for our tasks only."""
    import logging

    silence_expected_warnings()
    logger = logging.getLogger("lm_eval.evaluator_utils")
    with caplog.at_level("WARNING"):
        logger.warning(
            "[t] Metrics were not scored on the same number of documents (coverage,none=6, recall@1k,none=3)"
        )
        logger.warning("[t] Metrics were not scored on the same number of documents (acc,none=6, f1,none=3)")
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("builder", "metadata", "holds"),
    [
        ("needle", {}, ("text",)),
        ("video_needle", {"context_lengths": ["1m"], "haystack": "film"}, ("text", "video")),
        ("video_needle", {"context_lengths": ["1m"], "haystack": "film", "form": "frames"}, ("text", "image")),
        ("video_qa", {"context_lengths": ["5m"], "frames": 0}, ("text",)),
    ],
)
def test_a_call_says_what_its_prompt_holds(niah: Any, builder: str, metadata: dict[str, Any], holds: Any) -> None:
    """The backend knows before the first call which kinds of content are to come, by the task's own settings."""
    scorer = "choice" if builder == "video_qa" else "retrieval"
    lm = LongctxLM(model="echo", ledger="none")
    task = niah("longctx_x", scorer, builder, **{"depths": 1, **metadata})
    task.build_all_requests(limit=1, rank=lm.rank)
    assert lm._job(task.instances[0], 0).modalities == holds


def test_a_model_that_cannot_take_a_task_is_told_at_once(niah: Any, evaluate: Any) -> None:
    """Film for a text-only model stops the run with the way out, and no sample is counted as missed."""
    lm = LongctxLM(model="openai-compatible/x", base_url="http://127.0.0.1:9/v1", ledger="none", probe=False)
    task = niah("longctx_x", "retrieval", "video_needle", context_lengths=["1m"], depths=1, haystack="film")
    with pytest.raises(UnsupportedError, match=r"takes text, and longctx_x holds video; .* say modalities=text\+video"):
        evaluate(lm, task)


def judged(niah: Any, answer: str, **metadata: Any) -> tuple[Any, dict[str, Any]]:
    """Return what the task makes of a foreign model's plain text: the verdict, and what the log of samples gets."""
    task = niah(**metadata)
    doc = task.test_docs()[0]
    return task._result(doc, answer.format(doc["target"])), task.process_results(doc, [answer.format(doc["target"])])


def test_thoughts_come_off_before_the_scorer_and_stay_in_the_samples(niah: Any) -> None:
    """A value that stands only in the thoughts is not found; one after them is, and the thoughts are kept."""
    inside, _ = judged(niah, "<think>{}</think>I do not know.")
    assert inside.values["exact"] == inside.values["recall"] == 0
    assert inside.values["abstained"] == 1
    after, logged = judged(niah, "<think>hm</think>{}")
    assert after.values["exact"] == 1
    assert logged["reading"][0]["thoughts"] == ["hm"]


@pytest.mark.parametrize("answer", ["<think>It is {}", "[THINK]{}", "<|channel|>analysis<|message|>{}"])
def test_a_thought_without_end_is_unscored_with_any_model(niah: Any, answer: str) -> None:
    """What a foreign model only thought is neither a hit nor a miss: ``spent_on_reasoning``, and coverage falls."""
    result, logged = judged(niah, answer)
    assert result.values is None
    assert result.kind == "spent_on_reasoning"
    assert logged["reading"][0]["outcome"] == "spent_on_reasoning"
    assert dict(logged.items()) == {"coverage": 0.0}


def test_marks_of_thoughts_can_be_named(niah: Any, evaluate: Any) -> None:
    """``reasoning_tags`` are known to the task, and so is the ``think_end_token`` of a model."""
    assert judged(niah, "<ponder>{}", reasoning_tags=["ponder"])[0].kind == "spent_on_reasoning"
    thinker = Recorder(lambda context: f"hm ### {needle_in(context)}")
    thinker.think_end_token = "###"  # noqa: S105 - a mark in a text
    logged = evaluate(thinker, niah(), log_samples=True)["samples"]["longctx_text_niah"][0]
    assert (logged["exact"], logged["reading"][0]["thoughts"]) == (1, ["hm "])


def test_of_a_very_long_answer_both_ends_are_read_and_the_samples_say_so(niah: Any) -> None:
    """A value at the beginning or the end of millions of characters counts; what lies between is counted as unread."""
    loop = "\n".join(["and so on"] * 500_000)
    for said, right in (("{}\n" + loop, 1), (loop + "\nFinal answer: {}", 1), (loop + "\n{}\n" + loop, 0)):
        result, logged = judged(niah, said)
        assert result.values["exact"] == right
        assert logged["reading"][0]["unread"] == len(said) + 5 - 100_000
    assert "unread" not in judged(niah, "{}")[1]["reading"][0]


def test_thoughts_do_not_make_an_answer_too_long(niah: Any) -> None:
    """Only what is left after the thoughts is measured."""
    assert judged(niah, "<think>" + "so on " * 100_000 + "</think>{}")[0].values["exact"] == 1


def test_the_floor_of_a_task_reaches_table_and_block(niah: Any, evaluate: Any) -> None:
    """A task that says what is scored without reading has the corrected score in lm-eval's table and in the block."""
    lost = iter(range(6))
    answers = Recorder(lambda context: needle_in(context) if next(lost) % 2 else "no idea")
    result = evaluate(answers, niah(floor=0.25))
    numbers, row = (
        result["results"]["longctx_text_niah"],
        result["configs"]["longctx_text_niah"]["metadata"]["longctx"]["summary"],
    )
    assert (numbers["exact,none"], row["floor"]) == (0.5, 0.25)
    assert numbers["corrected,none"] == row["corrected"] == pytest.approx(1 / 3)


def test_a_task_without_a_floor_has_no_corrected_score(niah: Any, evaluate: Any) -> None:
    """Where nothing is scored without reading, lm-eval's table has no further line."""
    assert "corrected,none" not in evaluate(Recorder(needle_in), niah())["results"]["longctx_text_niah"]


def errors_of(result: Any) -> dict[str, Any]:
    """Return lm-eval's standard errors of a needle task, by metric."""
    numbers = result["results"]["longctx_text_niah"]
    return {key.removesuffix("_stderr,none"): numbers[key] for key in numbers if key.endswith("_stderr,none")}


def test_a_perfect_run_has_no_standard_error_of_zero(niah: Any, evaluate: Any) -> None:
    """Where all samples are alike nothing is known of the spread, and lm-eval's column says N/A."""
    found = errors_of(evaluate(Recorder(needle_in), niah(samples_per_cell=4)))
    assert {name: error for name, error in found.items() if error != "N/A"} == {}
    assert {"exact", "exact@1k", "exact@2k", "recall", "coverage"} <= set(found)


def test_standard_errors_are_over_hays(niah: Any, evaluate: Any) -> None:
    """Six samples in each of four hays tell as much as four: the error is that of the hays, not of 24 samples."""
    task = niah(samples_per_cell=4)
    good = {sample["id"] for sample in task.test_docs() if sample["index"] in (0, 1)}
    asked = {task.doc_to_text(sample): sample["id"] in good for sample in task.test_docs()}
    result = evaluate(Recorder(lambda text: needle_in(text) if asked[text] else "no idea"), task)
    found = errors_of(result)
    assert result["results"]["longctx_text_niah"]["exact,none"] == 0.5
    assert found["exact"] == pytest.approx((1 / 3) ** 0.5 / 2)  # four values of 0 and 1
    assert found["exact@1k"] == pytest.approx(found["exact"])


def test_a_single_hay_has_no_standard_error(niah: Any, evaluate: Any) -> None:
    """Depths in one text say nothing of other texts."""
    lost = iter(range(6))
    found = errors_of(evaluate(Recorder(lambda text: needle_in(text) if next(lost) % 2 else "no idea"), niah()))
    assert found["exact"] == "N/A"


def test_nobody_who_wants_no_standard_errors_gets_any(niah: Any) -> None:
    """lm-eval's ``bootstrap_iters=0`` leaves the column empty, as for its own tasks."""
    from lm_eval import evaluator

    task, lost = niah(samples_per_cell=4), iter(range(24))
    answers = Recorder(lambda text: needle_in(text) if next(lost) % 3 else "no idea")
    loaded = {"tasks": {"longctx_text_niah": task}, "groups": {}}
    found = errors_of(evaluator.evaluate(lm=answers, task_dict=loaded, bootstrap_iters=0))
    assert set(found.values()) == {"N/A"}


def test_the_log_keeps_what_figures_by_minute_need():
    """The rate of errors in each minute stands among what the log keeps of how an answer was read."""
    result = SampleResult({}, Completion("x"), {"wer": 0.5, "wer_by_minute": [0.25, None], "looped_words": 0})
    assert _reading(result) == {"outcome": "complete", "note": "", "wer_by_minute": [0.25, None]}
