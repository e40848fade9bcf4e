"""A run that is planned and not started: the model as it would be asked, and every call that it would be asked."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, LongctxError, unknown_option
from lm_eval_longctx.harness.activation import activate_now, activate_tasks
from lm_eval_longctx.harness.evaluation import stand_aside
from lm_eval_longctx.harness.instances import LIKELIHOOD
from lm_eval_longctx.harness.likelihood import by_document, document_job
from lm_eval_longctx.harness.lm import LongctxLM
from lm_eval_longctx.harness.origin import OUR_MODELS
from lm_eval_longctx.hay.estimating import SPEECH, TEXT, estimating
from lm_eval_longctx.sweep import refuse_ignored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lm_eval_longctx.backend import Job
    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.sweep import Sweep


@dataclass(frozen=True)
class Asked:
    """One call of a planned run.

    Attributes:
        sample: The sample.
        modality: Of its task.
        job: What the backend would be given.
        size: Of its pictures in pixels, if it has any.
        budget: Calls that the whole task makes at most, where its sweep is adaptive.
    """

    sample: Sample
    modality: str
    job: Job
    size: tuple[int, int] | None = None
    budget: int | None = None


def make_model(model_args: str) -> LongctxLM:
    """Make the model from ``--model_args`` as lm-eval spells them; nothing is sent.

    Raises:
        ConfigError: An argument is unknown, bad or a secret.
    """
    from lm_eval._cli.utils import key_val_to_dict

    try:
        arguments = key_val_to_dict(model_args)
    except ValueError as error:
        raise ConfigError(f"--model_args {model_args!r}: {error}; write model=gemini/NAME,key=value") from error
    return LongctxLM(**arguments)


def refuse_unknown_model(name: str) -> None:
    """Refuse a name that neither lm-eval nor we have a model of.

    Raises:
        UnknownOptionError: Nobody has; names the nearest.
    """
    if name in OUR_MODELS:
        return
    activate_now()
    known = sorted(import_module("lm_eval.api.registry").model_registry)
    if name not in known:
        raise unknown_option("model", name, known)


def planned_calls(
    model: LongctxLM,
    tasks: Sequence[str],
    *,
    metadata: str = "",
    limit: float | None = None,
    include_path: Sequence[str] = (),
    kept: dict[str, list[LongctxTask]] | None = None,
) -> Iterator[Asked]:
    """Yield every call that a run would make.

    Args:
        model: See ``make_model``.
        tasks: Names, groups, tags and patterns of our own tasks, as ``--tasks`` takes them.
        metadata: As ``--metadata`` takes it: a JSON object.
        limit: As ``--limit`` takes it.
        include_path: Further folders of tasks.
        kept: What several calls for the same tasks and settings share, so that samples are worked out once for all
            models; those in a model's own tokens are each model's.

    Raises:
        ConfigError: No task matches, or a setting cannot be used.
        UnsupportedError: The model takes nothing of what a group or a pattern has.
    """
    kept = {} if kept is None else kept
    known = json.dumps([list(tasks), metadata, list(include_path)])
    listed = kept.get(known) or _load(tasks, read_metadata(metadata), include_path)
    if not any(task.in_own_tokens for task in listed):
        kept[known] = listed
    loaded = {task.config.task: task for task in listed}
    with estimating(SPEECH, TEXT):  # whether a task is taken is told by its samples, too
        aside = stand_aside(model, loaded)
    for task in (task for name, task in loaded.items() if name not in aside):
        with estimating(SPEECH, TEXT):
            task.build_all_requests(limit=limit, rank=model.rank, world_size=1)
        if task.OUTPUT_TYPE == LIKELIHOOD:
            yield from (
                Asked(group[-1][1].doc, task.builder.MODALITY, document_job(group))
                for group in by_document(task.instances)
            )
            continue
        for instance in task.instances:
            budget = instance.chooser.budget if instance.chooser else None
            for repeat in range(task.config.repeats or 1):
                job = model._job(instance, repeat)  # noqa: SLF001 - the very jobs of a run
                yield Asked(instance.doc, task.builder.MODALITY, job, task.builder.picture_size, budget)


def unread_metadata(
    tasks: Sequence[str], metadata: Mapping[str, Any], include_path: Sequence[str] = ()
) -> dict[str, frozenset[str]]:
    """Return which keys of metadata that were said for several tasks each of them does not read.

    A task that cannot be loaded is left out: whoever plans it says why.

    Args:
        tasks: Their names.
        metadata: Said for all of them.
        include_path: Further folders of tasks.

    Raises:
        UnknownOptionError: None of the tasks reads a key.
    """
    sweeps: dict[str, list[Sweep]] = {}
    for name in tasks:
        with suppress(LongctxError):
            sweeps[name] = [task.sweep for task in _listed([name], dict(metadata), include_path)]
    refuse_ignored(sweep for of_one in sweeps.values() for sweep in of_one)
    return {
        name: frozenset.intersection(*(frozenset(sweep.ignored) for sweep in of_one))
        for name, of_one in sweeps.items()
        if of_one
    }


def first_of_each_length(
    model: LongctxLM, names: Sequence[str], metadata: dict[str, Any], limit: int, include_path: Sequence[str] = ()
) -> dict[str, list[int]]:
    """Return which samples of sweeps are those that a run of each length by itself asks under ``--limit``.

    A sweep of several lengths begins each with another depth, so these are not its own first ones.

    Args:
        model: As it is asked.
        names: Of the tasks.
        metadata: Of the sweeps of all lengths.
        limit: Samples of each length.
        include_path: Further folders of tasks.

    Returns:
        By task the numbers of the samples, as lm-eval's ``--samples`` takes them.
    """

    def ids(given: dict[str, Any]) -> dict[str, list[str]]:
        tasks = _listed(names, given, include_path)
        for task in tasks:
            task.build_all_requests(limit=1, rank=model.rank, world_size=1)  # in the model's own tokens, if asked
        return {task.config.task: [sample["id"] for sample in task.eval_docs] for task in tasks}

    alone = [ids({**metadata, "context_lengths": [length]}) for length in metadata["context_lengths"]]
    first = {sample for of_length in alone for found in of_length.values() for sample in found[:limit]}
    whole = ids(metadata).items()
    return {name: [number for number, sample in enumerate(found) if sample in first] for name, found in whole}


def one_task(name: str, metadata: Mapping[str, Any], include_path: Sequence[str] = ()) -> LongctxTask:
    """Make one of our tasks, with settings of its own.

    Args:
        name: Of the task.
        metadata: As ``--metadata`` has it.
        include_path: Further folders of tasks.

    Raises:
        LongctxError: The settings cannot be used.
    """
    (task,) = _manager(tuple(include_path)).load([{"task": name, "metadata": dict(metadata)}])["tasks"].values()
    made: LongctxTask = task
    return made


@lru_cache
def _manager(include_path: tuple[str, ...]) -> Any:
    activate_tasks()
    from lm_eval.tasks.manager import TaskManager

    return TaskManager(include_defaults=False, include_path=list(include_path))


def read_metadata(metadata: str) -> dict[str, Any]:
    """Return what ``--metadata`` says.

    Raises:
        ConfigError: It is no JSON object.
    """
    try:
        value = json.loads(metadata or "{}")
    except ValueError as error:
        raise ConfigError(f'--metadata is not JSON ({error}); write \'{{"context_lengths": ["4k"]}}\'') from error
    if not isinstance(value, dict):
        raise ConfigError('--metadata must be a JSON object, such as \'{"context_lengths": ["4k"]}\'')
    return value


def _load(names: Sequence[str], metadata: dict[str, Any], include_path: Sequence[str]) -> list[Any]:
    tasks = _listed(names, metadata, include_path)
    refuse_ignored(task.sweep for task in tasks)
    return tasks


def _listed(names: Sequence[str], metadata: dict[str, Any], include_path: Sequence[str]) -> list[Any]:
    activate_tasks()
    from lm_eval.tasks.manager import TaskManager

    manager = TaskManager(include_defaults=False, include_path=list(include_path), metadata=metadata)
    for name in names:
        if not manager.match_tasks([name]):
            raise unknown_option("task", name, manager.all_tasks)
    matched = manager.match_tasks(list(names))
    return list(manager.load(matched)["tasks"].values())
