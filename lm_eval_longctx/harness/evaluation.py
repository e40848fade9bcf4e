"""Around lm-eval's ``evaluate``: tasks that the model cannot take stand aside, and metrics stand by length.

A whole evening's run over ``longctx_*`` should not be lost because the model
hears nothing. So what a group, a tag or a pattern brought along, and the model
does not take, is left out of the run and stands in its results as unsupported.
What somebody named is refused, as before.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import LongctxError, UnsupportedError
from lm_eval_longctx.harness.window import reads_of
from lm_eval_longctx.sweep import refuse_ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from lm_eval_longctx.harness.tasks import LongctxTask

logger = logging.getLogger(__name__)

_MARK = "_lm_eval_longctx_evaluation"
_GATHERED = "_process_results"
"""lm-eval's function that makes numbers of what all processes found, in the first of them."""

LIKELIHOODS = "log-likelihoods"
"""What a task asks for that is no kind of content."""

_GENERATES = "generate_until"

TEXT_ALONE = "text without sound"
"""What a task asks that a class which needs sound in every request cannot read."""


def watch_names(cls: Any) -> None:
    """Let tasks know whether somebody named them, or a group, a tag or a pattern brought them along.

    Args:
        cls: lm-eval's ``TaskManager``. Its ``match_tasks`` is where patterns end,
            its ``load`` where tasks begin.
    """
    if hasattr(cls, _MARK) or not (hasattr(cls, "match_tasks") and hasattr(cls, "load")):
        return
    match, load = cls.match_tasks, cls.load

    @functools.wraps(match)
    def match_tasks(self: Any, task_list: Any) -> Any:
        found = match(self, task_list)
        asked = {task_list} if isinstance(task_list, str) else set(task_list)
        named, brought = _noted(self)
        named.update(asked.intersection(found))
        brought.update(set(found) - asked)
        return found

    @functools.wraps(load)
    def load_and_tell(self: Any, task_list: Any) -> Any:
        loaded = load(self, task_list)
        named, brought = _noted(self)
        asked = {_name(spec) for spec in (task_list if isinstance(task_list, (list, tuple)) else [task_list])}
        for name, task in loaded["tasks"].items():
            if hasattr(task, "named"):
                task.named = name in asked - (brought - named)
        named.clear()
        brought.clear()  # a manager may be asked again, for other names
        return loaded

    cls.match_tasks, cls.load = match_tasks, load_and_tell
    setattr(cls, _MARK, True)


def _noted(manager: Any) -> tuple[set[str], set[str]]:
    """Return the names that a manager has matched as they are, and by pattern."""
    noted: tuple[set[str], set[str]] = vars(manager).setdefault(_MARK, (set(), set()))
    return noted


def _name(spec: Any) -> Any:
    """Return the name in what ``load`` takes: a name, a configuration or a task."""
    if isinstance(spec, dict):
        return spec.get("task")
    return spec if isinstance(spec, str) else getattr(spec, "task_name", None)


def watch_evaluate(module: ModuleType) -> None:
    """Wrap lm-eval's ``evaluate``; see this module."""
    original: Callable[..., Any] = module.evaluate
    if hasattr(original, _MARK):
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        loaded = given.arguments["task_dict"]
        tasks: Mapping[str, Any] = loaded.get("tasks") or {}
        refuse_ignored(task.sweep for task in tasks.values() if hasattr(task, "sweep"))
        for task in tasks.values():
            if hasattr(task, "write_out"):
                task.write_out = bool(given.arguments.get("write_out"))
        aside = stand_aside(given.arguments["lm"], tasks)
        if aside:
            rest = {name: task for name, task in tasks.items() if name not in aside}
            given.arguments["task_dict"] = {**loaded, "tasks": rest}
        results = original(*given.args, **given.kwargs)
        given.apply_defaults()
        errors = bool(given.arguments.get("bootstrap_iters", 1))  # 0 asks for none
        return results and _completed(results, tasks, aside, errors=errors)

    setattr(evaluate, _MARK, True)
    _watch_processes(module)
    module.evaluate = evaluate  # type: ignore[attr-defined]  # a module takes any


def _watch_processes(module: ModuleType) -> None:
    """Let our tasks take in what other processes found, once it has been gathered in the first."""
    original: Callable[..., Any] | None = getattr(module, _GATHERED, None)
    if original is None:
        return

    @functools.wraps(original)
    def process_results(gathered: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        for acc in gathered.values():
            if hasattr(acc["task"], "collect"):
                acc["task"].collect(acc)
        return original(gathered, *args, **kwargs)

    setattr(process_results, _MARK, True)
    setattr(module, _GATHERED, process_results)


def gathers() -> bool:
    """Whether our tasks will be given what other processes found."""
    module = sys.modules.get("lm_eval.evaluator")
    return hasattr(getattr(module, _GATHERED, None), _MARK)


def stand_aside(lm: Any, tasks: Mapping[str, Any]) -> dict[str, LongctxTask]:
    """Return the tasks that nobody named and the model does not take, and say so in one line.

    Raises:
        UnsupportedError: Nothing would be left to run; or what is left asks for log-likelihoods that the model does not
            tell, which lm-eval would find out when others have been paid for.
    """
    _refuse_likelihoods(lm, tasks)
    ours = {name: task for name, task in tasks.items() if not getattr(task, "named", True)}
    aside = {}
    for name, task in ours.items():
        task.unsupported = _refused(lm, task)
        if task.unsupported:
            aside[name] = task
    if aside:
        told = ", ".join(f"{name} ({' and '.join(task.unsupported)})" for name, task in aside.items())
        if len(aside) == len(tasks):
            raise UnsupportedError(f"the model takes none of the tasks: {told}; choose another model")
        logger.warning("not run, because this model does not take what they hold (unsupported): %s", told)
    return aside


def _refuse_likelihoods(lm: Any, tasks: Mapping[str, Any]) -> None:
    """Raise ``UnsupportedError`` for named tasks of ours, and any of lm-eval's, whose likelihoods nobody would tell."""
    from lm_eval_longctx.harness.instances import model_of

    model = model_of(lm.rank)
    asking = {name: task for name, task in tasks.items() if getattr(task, "OUTPUT_TYPE", _GENERATES) != _GENERATES}
    ours = [name for name, task in asking.items() if getattr(task, "named", False) and not _tells_likelihoods(lm)]
    theirs = [name for name, task in asking.items() if model and not hasattr(task, "named")]
    if ours or theirs:
        called = model.name if model else type(getattr(lm, "lm", lm)).__name__
        raise UnsupportedError(
            f"{called} gives no log-likelihoods, which {', '.join(sorted([*ours, *theirs]))} would ask for; choose "
            "tasks that generate text, or a model that tells them (--model hf, vllm, or prompt_logprobs=true where a "
            "server echoes prompts with them); nothing was asked"
        )


def _tells_likelihoods(lm: Any) -> bool:
    """Return whether a model can be asked how likely a document is."""
    from lm_eval_longctx.harness.instances import model_of

    model = model_of(lm.rank)
    return model.provider.capabilities.prompt_logprobs if model else not _only_chats(getattr(lm, "lm", lm))


def _refused(lm: Any, task: LongctxTask) -> tuple[str, ...]:
    """Return which kinds of content of a task a model does not take; empty where nothing is known."""
    from lm_eval_longctx.harness.instances import LIKELIHOOD, model_of

    model = model_of(lm.rank)
    if task.OUTPUT_TYPE == LIKELIHOOD:
        return () if _tells_likelihoods(lm) else (LIKELIHOODS,)
    if model is not None:
        return tuple(dict.fromkeys(k for kinds in _contents(task) for k in model.provider.refused(kinds)))
    takes = _taken(getattr(lm, "lm", lm))  # behind lm-eval's cache
    if takes is None:
        return ()
    reads = reads_of(getattr(lm, "lm", lm))
    if reads is not None and not reads.text_alone and _contents(task) == {("text",)}:
        return (TEXT_ALONE,)
    if takes == ("text",):  # lm-eval refuses here by the task's class, whatever its prompts hold
        return (task.builder.MODALITY,) if task.MULTIMODAL else ()
    # Film goes to lm-eval's own models as pictures.
    shown = {"video": "image"}
    return tuple(dict.fromkeys(k for kinds in _contents(task) for k in kinds if shown.get(k, k) not in takes))


def _only_chats(lm: Any) -> bool:
    """Whether a model is one of lm-eval's clients of chat interfaces, which tell no likelihoods."""
    return any("Chat" in cls.__name__ and cls.__module__.startswith("lm_eval.models.") for cls in type(lm).__mro__)


def _taken(lm: Any) -> tuple[str, ...] | None:
    """Return what another lm-eval model takes; ``None`` where nobody knows."""
    if not getattr(lm, "MULTIMODAL", False):
        return ("text",)
    reads = reads_of(lm)
    return reads.kinds if reads else None


def _contents(task: LongctxTask) -> set[tuple[str, ...]]:
    """Return the different contents of a task's prompts."""
    from lm_eval_longctx.tasks.base import Builder

    builder = task.builder
    plain = ("text", builder.MODALITY) if builder.MODALITY != "text" else ("text",)
    if type(builder).contents is Builder.contents:  # the same for every sample, so none is made
        return {plain}
    try:
        return {builder.contents(sample) for sample in task.test_docs()}
    except LongctxError:  # such as data that are not there: told when the task runs, if it can run
        return {plain}


def _completed(
    results: dict[str, Any], tasks: Mapping[str, Any], aside: Mapping[str, LongctxTask], *, errors: bool
) -> dict[str, Any]:
    """Return lm-eval's results with the tasks that stood aside, and the metrics of ours by length with their errors."""
    for name, task in aside.items():
        for part, value in _row_aside(name, task).items():
            if part in results:
                results[part][name] = value
    for name in tasks.keys() - aside.keys():
        if hasattr(tasks[name], "amounts"):
            row = in_order(results["results"][name], tasks[name].amounts())
            results["results"][name] = with_errors(row, tasks[name].standard_errors()) if errors else row
    return results


def _row_aside(name: str, task: LongctxTask) -> dict[str, Any]:
    """Return what each part of lm-eval's results says of a task that stood aside."""
    return {
        "results": {"name": name, "alias": name, "sample_len": 0, "unsupported,none": " and ".join(task.unsupported)},
        "configs": task.dump_config(),
        "versions": task.VERSION,
        "n-shot": 0,
        "higher_is_better": {},
        "n-samples": {"original": None, "effective": 0},
        "samples": [],
    }


def with_errors(row: dict[str, Any], errors: Mapping[str, float | None]) -> dict[str, Any]:
    """Return a task's results with our standard errors: lm-eval knows nothing of samples that share their hay."""
    for key in row:
        metric, _, _ = key.partition(",")
        name = metric.removesuffix("_stderr")
        if name != metric and errors.get(name) is not None:
            row[key] = errors[name]
    return row


class Placed(str):
    """A metric's key that sorts by name and length, ``recall@2k`` before ``recall@10k``, where others sort by text."""

    place: tuple[str, float, str] = ("", 0.0, "")

    def __lt__(self, other: str) -> bool:
        """Compare by place."""
        return self.place < (other.place if isinstance(other, Placed) else (other, 0.0, ""))


def in_order(row: Mapping[str, Any], amounts: Mapping[str, float]) -> dict[str, Any]:
    """Return a task's results with each metric's lengths from short to long, also where lm-eval's table sorts them.

    Args:
        row: What lm-eval has under ``results`` for a task: ``recall@2k,none``, ``recall@2k_stderr,none``, ``alias``.
        amounts: The length behind each label.
    """
    placed: dict[str, Any] = {}
    metrics: list[tuple[Placed, Any]] = []
    for key, value in row.items():
        metric, comma, _ = key.partition(",")
        if not comma:  # `alias` and the like stay plain texts: W&B refuses any other type
            placed[key] = value
            continue
        name, _, label = metric.removesuffix("_stderr").partition("@")
        spelt = Placed(key)
        spelt.place = (name, amounts.get(label, -1.0), key)
        metrics.append((spelt, value))
    metrics.sort(key=lambda pair: pair[0].place)
    return {**placed, **dict(metrics)}
