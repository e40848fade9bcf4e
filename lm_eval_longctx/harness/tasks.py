"""The task class behind every YAML of ours.

A YAML names a builder and a scorer and sets options; this class does the rest
within lm-eval's contract for tasks (lm-eval 0.4.12 and 0.4.13).
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.api.task import ConfigurableTask
from lm_eval.config.task import TaskConfig
from lm_eval.filters import build_filter_ensemble

from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ConfigError, LongctxError, UnsupportedError
from lm_eval_longctx.harness import assembly
from lm_eval_longctx.harness.adaptive import Chooser, give_chooser, was_asked
from lm_eval_longctx.harness.aggregation import (
    CORRECTED,
    COVERAGE,
    ByLength,
    Numbers,
    Share,
    aggregate,
    corrected_mean,
    in_log,
    refuse_uneven,
    silence_expected_warnings,
    standard_errors,
    together,
    unfold,
)
from lm_eval_longctx.harness.command_line import check_output, refuse_flags
from lm_eval_longctx.harness.ending import ENDING
from lm_eval_longctx.harness.instances import LIKELIHOOD, SampleInstance, model_of, temperature_of
from lm_eval_longctx.harness.labels import labelled
from lm_eval_longctx.harness.listing import with_base, yaml_metadata
from lm_eval_longctx.harness.origin import own_part
from lm_eval_longctx.harness.other_models import OtherModel
from lm_eval_longctx.harness.own_tokens import OWN, OwnTokens, in_own_tokens
from lm_eval_longctx.harness.parts import Parts, joined, takes
from lm_eval_longctx.harness.task_yaml import naming, refuse_unused, tell_place
from lm_eval_longctx.results import SampleResult, sweep_block
from lm_eval_longctx.sample import recipe_digest
from lm_eval_longctx.scorers.base import UNPARSED, Answered, judge, judge_parts, mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.scorers.base import Verdict

logger = logging.getLogger(__name__)

BYPASS = "bypass"

_MADE = ("claimed", "chosen", "given", "compared", "how", "abstained", "wer_by_minute", UNPARSED)
"""What scorers say of how they read an answer, and what figures need of it."""


class LongctxTask(ConfigurableTask):
    """A sweep as an lm-eval task.

    Attributes:
        sweep: The parsed specification.
        builder: Makes samples and prompts.
        scorer: Makes numbers of answers.
        named: Whether somebody asked for this very task, or for a group, a tag or a pattern that has it.
        write_out: Whether the first prompt is to be printed (``--write_out``).
        unsupported: What the prompts hold that the model does not take; such a task does not run.
    """

    named: bool = True
    write_out: bool = False
    unsupported: tuple[str, ...] = ()

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the YAML's configuration with the user's metadata mixed in.

        Raises:
            ConfigError: A key is unknown or a value cannot be used.
            MissingExtraError: The task needs a part that is not installed.
        """
        refuse_flags()
        given = dict(config or {})
        try:
            given["metadata"] = own_part(given.get("metadata") or {})
            refuse_unused(given)
            self._read({key: value for key, value in with_base(given).items() if key != "class"})
        except LongctxError as error:
            tell_place(error, given)
            raise

    def _read(self, settings: dict[str, Any]) -> None:
        own = assembly.said_for(str(settings.get("task")), settings.get("metadata") or {})
        settings["metadata"] = assembly.completed(str(settings.get("task")), settings.get("metadata") or {})
        self._config = TaskConfig(**settings)
        self._config.num_fewshot = 0  # samples hold the whole prompt; 0 also tells lm-eval to leave it alone
        self.OUTPUT_TYPE = self._config.output_type
        self.parts = assembly.assemble(self._config.task, self._config.metadata, own)
        self.sweep, self.builder, self.scorer = self.parts.sweep, self.parts.builder, self.parts.scorer
        self.VERSION = self._config.metadata.get("version", 0)
        self.MULTIMODAL = self.builder.MODALITY != "text"
        once = (self._config.repeats or 1) == 1  # as lm-eval's own tasks: whoever reads the log finds a text
        self._filters = [build_filter_ensemble("none", [["take_first", None]] if once else [])]
        self._metric_fn_list = {metric.name: None for metric in self.scorer.METRICS}
        self._samples: list[Sample] | None = None
        self._parts = Parts()
        self._results: dict[str, list[SampleResult]] = {}
        self._instances: list[SampleInstance] | None = None
        self._world_size = 1
        self._own: OwnTokens | None = in_own_tokens(self.builder, None)[1] if self.sweep.asked_tokens else None
        self._asked = OtherModel(None)
        self._lm: LongctxLM | None = None
        self._window: dict[str, Any] | None = None
        self._sent: dict[str, Any] = {}
        self._chooser: Chooser | None = None
        silence_expected_warnings()

    def has_training_docs(self) -> bool:
        """There is nothing to train on."""
        return False

    def has_validation_docs(self) -> bool:
        """There is one split: the sweep."""
        return False

    def has_test_docs(self) -> bool:
        """The sweep's samples are the test split."""
        return True

    def test_docs(self) -> list[Sample]:
        """Return the samples in stratified order; made on first use."""
        if self._samples is None:
            with naming(self._config.task):
                self._samples = labelled([self._checked(sample) for sample in self.builder.samples()], self.builder)
            if not self._samples:
                raise ConfigError(f"{self._config.task} has no samples; check its lengths and its data")
        return self._samples

    @property
    def in_own_tokens(self) -> bool:
        """Whether lengths are in the tokens of the model that is asked, so that each model has samples of its own."""
        return self.sweep.tokenizer == OWN or bool(self.sweep.asked_tokens)

    @property
    def eval_docs(self) -> list[Sample]:
        """The samples, as lm-eval asks for them."""
        return self.test_docs()

    def _checked(self, sample: Sample) -> Sample:
        """Stamp a sample with the digest of all that decides its content."""
        self.scorer.validate(self.builder.reveal(sample))
        sample = self._own.relabel(sample) if self._own else sample
        return {**sample, "recipe_digest": recipe_digest(sample, self.sweep.options)}

    def doc_to_text(self, doc: Sample, doc_to_text: object = None) -> str:
        """Return the whole prompt's text (for ``--write_out`` and curious people)."""
        return self.builder.render(doc).text()

    def doc_to_target(self, doc: Sample, doc_to_target: object = None) -> str:
        """Return the right answer as text."""
        target = doc["target"]
        return target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)

    def doc_to_choice(self, doc: Sample, doc_to_choice: object = None) -> list[str]:
        """There are no choices to score by likelihood."""
        raise UnsupportedError(f"{self._config.task} is answered in free text")

    def build_all_requests(self, **settings: Any) -> None:
        """Make one request a sample; nothing is rendered here.

        Raises:
            ConfigError: No samples are left, or the results could not be saved.
            UnsupportedError: Another lm-eval model would have to hold more
                text in memory than is sensible.
        """
        check_output(sys.argv)
        if settings.get("cache_requests"):
            logger.warning("%s: --cache_requests has no effect; samples are cheap to make again", self._config.task)
        model = self._lm = model_of(settings.get("rank", 0))
        self._asked = OtherModel(None) if model else OtherModel.running(self.OUTPUT_TYPE)
        if (self.sweep.tokenizer == OWN and self._own is None) or (model is not None and self.sweep.asked_tokens):
            self.builder, self._own = in_own_tokens(self.builder, model)
            self.sweep = self.builder.sweep if self.sweep.asked_tokens else self.sweep
            self._samples, self._parts = None, Parts()  # those before were of other lengths
        self._world_size = int(settings.get("world_size", 1))
        refuse_uneven(self._config.task, len(self.eval_docs), settings)
        docs = self.doc_iterator(
            rank=int(settings.get("rank", 0)),
            limit=settings.get("limit"),
            samples=settings.get("samples"),
            world_size=self._world_size,
        )
        if self.OUTPUT_TYPE == LIKELIHOOD:
            self._refuse_wrapping(settings)
        template = settings.get("chat_template") if settings.get("apply_chat_template") else None
        self._sent = self._beside(settings.get("system_instruction"), None if model else template)
        self._instances = [
            SampleInstance(
                part,
                self._generation(part),
                builder=self.builder,
                metadata=(self._config.task, doc_id, self._config.repeats),
                model=model.name if model else None,
                kind=self.OUTPUT_TYPE,
                system_instruction=self._system(settings.get("system_instruction")),
                chat_template=template,
                place=place,
            )
            for doc_id, doc in docs
            for place, part in enumerate(self._parts_of(doc))
        ]
        self._chooser = give_chooser(self, self._instances, ours=model is not None)
        if model is not None and self.write_out:  # lm-eval prints what it logs, which is short
            logger.info("%s: the first prompt:\n%s", self._config.task, self._instances[0].written_out())
        if model is None:
            assembly.refuse_if_too_large([instance.doc for instance in self._instances])
            self._window = self._asked.measure(self._instances, may_cut=self.sweep.truncate == "allow")
        elif self.sweep.truncate == "allow":
            raise ConfigError(
                f"{self._config.task}: truncate=allow is for lm-eval's own models, which cut prompts themselves; "
                "with --model longctx the server decides, and what it cuts is truncated_input: leave truncate out"
            )

    def _parts_of(self, doc: Sample) -> Sequence[Sample]:
        return self._parts.of(doc, self.builder, self.sweep.options)

    def _refuse_wrapping(self, settings: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` for what would put something else around a document whose likelihood is asked."""
        for flag in ("apply_chat_template", "system_instruction"):
            if settings.get(flag):
                raise ConfigError(f"{self._config.task} reads documents as they are: leave --{flag} out")

    def _generation(self, doc: Sample) -> dict[str, Any]:
        """Return lm-eval's generation settings; a sample may ask for a longer answer."""
        given = dict(self._config.generation_kwargs or {})
        if "max_gen_toks" in doc:
            given["max_gen_toks"] = max(int(doc["max_gen_toks"]), int(given.get("max_gen_toks", 0)))
        return given

    def _beside(self, instruction: str | None, template: Callable[..., Any] | None) -> dict[str, Any]:
        """Return what is sent beside the samples, and decides what they are as questions."""
        asked = [{"role": "user", "content": "?"}]
        chat = str(template(asked, add_generation_prompt=True)) if template else ""
        return {"gen": dict(self._config.generation_kwargs or {}), "sys": self._system(instruction), "chat": chat}

    def _system(self, instruction: str | None) -> str:
        return "\n\n".join(text for text in (instruction, self._config.description) if text)

    def apply_filters(self) -> None:
        """Learn what the answers are; filters of text there are none."""
        for instance in self._instances or ():
            del instance.resps[self._config.repeats or 1 :]  # lm-eval asks again to give every process as many calls
            self._asked.read(instance)
        super().apply_filters()

    def construct_requests(self, doc: Sample, ctx: object, **kwargs: Any) -> SampleInstance:
        """Requests are made whole by ``build_all_requests``."""
        raise UnsupportedError("requests of this task are made by build_all_requests")

    def process_results(self, doc: Sample, results: Sequence[Any]) -> dict[str, Any]:
        """Score one sample; what did not give an answer is left out of every metric but coverage."""
        answers = takes(results)
        if not all(was_asked(answer) for take in answers for answer in take):
            return Numbers({}, {"reading": []}, None)
        if BYPASS in self._metric_fn_list:
            judged, numbers = [self._unscored(doc, take) for take in answers], {BYPASS: None}
        else:
            floor = self.parts.floors.of(self.builder.reveal(doc), self.scorer)
            judged = [replace(self._result(doc, *take), floor=floor) for take in answers]
            numbers = self._numbers(doc, judged)
        self._results[doc["id"]] = judged
        read = {"reading": [_reading(result) for result in judged]}
        logged = {**numbers, **(in_log(numbers, self.scorer.METRICS) if COVERAGE in numbers else {}), **read}
        return Numbers(numbers, logged, Share(doc["id"], numbers, judged) if self._world_size > 1 else None)

    def _numbers(self, doc: Sample, judged: Sequence[SampleResult]) -> dict[str, Any]:
        """Return lm-eval's value for each metric of one sample."""
        scored = [result.values for result in judged if result.values is not None]
        numbers: dict[str, Any] = {COVERAGE: len(scored) / len(judged)}
        for metric in self.scorer.METRICS if scored else ():
            values = [values[metric.name] for values in scored if values.get(metric.name) is not None]
            if values:
                value = values[0] if len(values) == 1 else together(metric, values)
                numbers[metric.name] = value
                numbers[f"{metric.name}@{doc['context_label']}"] = value
        main = self.scorer.METRICS[0]
        if main.name in numbers and main.aggregate is mean and main.higher_is_better and self._floored:
            numbers[CORRECTED] = (numbers[main.name], judged[0].floor)
        return numbers

    def collect(self, acc: dict[str, Any]) -> None:
        """Take in what the other processes found, before lm-eval makes numbers of it.

        Args:
            acc: lm-eval's ``raw_metrics`` and ``logged_samples`` of this task, in the first process.
        """
        if self._world_size > 1:
            self._results = unfold(acc["raw_metrics"], [sample["id"] for sample in self.eval_docs])
            acc["logged_samples"].sort(key=lambda line: line["doc_id"])

    @cached_property
    def _floored(self) -> bool:
        """Whether something can be scored here without reading the context."""
        return any(self.parts.floors.of(self.builder.reveal(doc), self.scorer) for doc in self.eval_docs)

    def _unscored(self, doc: Sample, answers: Sequence[Any]) -> SampleResult:
        """Keep an answer as it came (``--predict_only``)."""
        completion = self._one(doc, answers)
        return SampleResult(doc, completion, None, "" if completion.outcome.answered else completion.outcome.value)

    def _is_cut_up(self, doc: Sample) -> bool:
        return self._parts_of(doc)[0]["id"] != doc["id"]

    def _one(self, doc: Sample, answers: Sequence[Any]) -> Completion:
        """Return one answer to a sample, made of those to its parts if it has any."""
        completions = [self._asked.completion(answer) for answer in answers]
        return joined(completions, self._is_scored) if self._is_cut_up(doc) else completions[0]

    def _result(self, doc: Sample, *answers: str | None) -> SampleResult:
        """Return the verdict on one answer to a sample, or on those to its parts."""
        completion = self._one(doc, answers)
        lacking = completion.outcome is Outcome.REFUSED and self._is_cut_up(doc)
        if lacking or not self._is_scored(completion.outcome):
            return SampleResult(doc, completion, None, completion.outcome.value)
        verdict = self._judged(doc, [str(self._asked.completion(answer)) for answer in answers])
        if verdict.unfinished:
            spent = completion.changed(outcome=Outcome.SPENT_ON_REASONING, detail=verdict.note)
            return SampleResult(doc, spent, None, spent.outcome.value, verdict.removed)
        return SampleResult(doc, completion, verdict.values, verdict.note, verdict.removed)

    def _judged(self, doc: Sample, answers: Sequence[str]) -> Verdict:
        sample, tags, end = self.builder.reveal(doc), self.sweep.reasoning_tags, self._asked.think_end
        if not self._is_cut_up(doc):
            return judge(self.scorer, sample, answers[0], tags, end, self._asked.opening(doc["id"]))
        pairs = zip(self._parts_of(doc), answers, strict=True)
        found = [Answered(part, answer, self._asked.opening(part["id"])) for part, answer in pairs]
        return judge_parts(self.scorer, sample, found, tags, end)

    def score_of(self, doc: Sample, answer: Completion) -> float | None:
        """Return the main metric of one answer; ``None`` where it is not scored."""
        values = self._result(doc, answer).values
        return None if values is None else values.get(self.scorer.METRICS[0].name)

    def _is_scored(self, outcome: Outcome) -> bool:
        """Whether an answer goes to the scorer, as the user says of refusals and of prompts that were cut."""
        if outcome is Outcome.REFUSED:
            return self.sweep.refusals == "wrong"
        return outcome.answered or (outcome is Outcome.TRUNCATED_INPUT and self.sweep.truncate == "allow")

    def aggregation(self) -> dict[str, Callable[[Sequence[Any]], float]]:
        """Return how each metric, at all lengths and at one, becomes one number."""
        named = {metric.name: aggregate(metric) for metric in self.scorer.METRICS}
        return ByLength({**named, COVERAGE: mean, CORRECTED: corrected_mean, **self._bypass()})

    def _bypass(self) -> dict[str, Any]:
        return dict(self._aggregation_list) if BYPASS in self._metric_fn_list else {}

    def higher_is_better(self) -> dict[str, bool]:
        """Return which way is good, for every metric that the tables may show."""
        direction = {metric.name: metric.higher_is_better for metric in self.scorer.METRICS}
        labels = {sample["context_label"] for sample in self._samples or ()}
        by_length = {f"{name}@{label}": good for name, good in direction.items() for label in sorted(labels)}
        return {**direction, **by_length, COVERAGE: True, CORRECTED: True}

    def amounts(self) -> dict[str, float]:
        """Return the context length behind each label that a metric's name may end with."""
        samples = self._samples or ()
        return {s["context_label"]: float(s.get("label_length", s["context_length"])) for s in samples}

    def standard_errors(self) -> dict[str, float | None]:
        """Return the standard error of each metric that lm-eval's table shows; ``None`` where it is not known."""
        return standard_errors([one for some in self._results.values() for one in some], self.scorer.METRICS)

    def _metric_list(self) -> list[dict[str, Any]]:
        """Return the metrics as lm-eval's own tasks declare them, for trackers: each is in every line of the log."""
        if BYPASS in self._metric_fn_list:
            return [{"metric": BYPASS}]
        kinds = {metric.name: "mean" if metric.aggregate is mean else metric.name for metric in self.scorer.METRICS}
        good = self.higher_is_better()
        return [
            {"metric": name, "aggregation": kind, "higher_is_better": good[name]}
            for name, kind in {**kinds, COVERAGE: "mean"}.items()
        ]

    def dump_config(self) -> dict[str, Any]:
        """Return the configuration with the sweep block in ``metadata.longctx``."""
        config: dict[str, Any] = self._config.to_dict()
        config["metadata"] = {**config["metadata"], "longctx": self._block()}
        config["metric_list"] = self._metric_list()
        return config

    def _sampling(self) -> str:
        """Name the temperature of the answers; lm-eval's own models send what the task means."""
        given = self._config.generation_kwargs or {}
        value = temperature_of(given) if self._lm is None else self._lm.temperature(given)
        return "default" if value is None else f"{value:g}"

    def _block(self) -> dict[str, Any]:
        judged = [result for results in self._results.values() for result in results]
        answers_only = BYPASS in self._metric_fn_list
        if not self.unsupported:
            ENDING.task(self._config.task, judged, answers_only=answers_only)
        sent = {**self._sent, "temp": self._sampling()}
        chosen = self._chooser.to_dict() if self._chooser is not None else None
        block = sweep_block(
            self.sweep, self.scorer.METRICS, judged, plugins=self.parts.plugins, sent=sent, adaptive=chosen
        )
        asked = {"unsupported": list(self.unsupported), "predict_only": answers_only}
        return {**block, **asked, "window": self._window, "world_size": self._world_size}


def whole_spec(spec: Any, index: Mapping[str, Any]) -> Any:
    """Return a task that is named and changed in a dictionary as the complete configuration that lm-eval wants.

    Args:
        spec: What is to be loaded, such as ``{"task": "longctx_text_mrcr", "metadata": {...}}``;
            all but changes of a task of ours is returned as it is.
        index: lm-eval's entries of tasks by name.
    """
    name = spec.get("task") if isinstance(spec, dict) else None
    entry = index.get(name) if isinstance(name, str) else None
    path = getattr(entry, "yaml_path", None)
    if path is None or "class" in spec:
        return spec
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(path, resolve_func=True)
    kind = config.get("class")
    if not (isinstance(kind, type) and issubclass(kind, LongctxTask)):
        return spec
    metadata = {**yaml_metadata(Path(path)), **(spec.get("metadata") or {})}
    return {**config, **spec, "metadata": metadata}


def _reading(result: SampleResult) -> dict[str, Any]:
    """Return how an answer was read: its outcome, what was made of it, and the thoughts that came off."""
    values = result.values or {}
    made = {key: values[key] for key in _MADE if key in values}
    return {"outcome": result.kind, "note": result.note, **made, **result.removed}
