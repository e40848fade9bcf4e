"""Whose a setting is: said for our tasks, or for the model.

lm-eval lays ``--metadata`` over ``--model_args`` and hands the mixture to every
task, so ``seed`` or ``tokenizer`` of a model would pass for a sweep's, and any
other argument for a misspelt key. Names cannot tell them apart, since anybody
may write a model with arguments of any name. So we note, before lm-eval mixes,
what was said for tasks; the mixture that lm-eval's own tasks get stays the same.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.saving import watch_saving
from lm_eval_longctx.sweep import SWEEP_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

OUR_MODELS = ("longctx", "longctx-hosted")
"""The names under which lm-eval knows our model."""

DEFAULT_MODEL = "cascade"
"""What runs where ``--model_args`` names no model: the embedded one."""

CONFIG_MODULE = "lm_eval.config.evaluate_config"
EVALUATOR_MODULE = "lm_eval.evaluator"

_ADDED = ("config_source",)
"""What lm-eval itself writes into a task's metadata after it has mixed them."""

_UNSEEN: Mapping[str, Any] = {}
_said: ContextVar[Mapping[str, Any] | None] = ContextVar("said_for_tasks", default=_UNSEEN)
"""What the running ``simple_evaluate`` was told for tasks; ``None`` once its task manager has it."""


class Mixed(dict[str, Any]):
    """lm-eval's mixture, which knows the part that was said for tasks.

    Attributes:
        own: That part.
    """

    def __init__(self, mixture: Any = (), own: Mapping[str, Any] | None = None) -> None:
        """Keep both."""
        super().__init__(mixture)
        self.own = dict(own or {})

    def __ror__(self, below: Any) -> Mixed:  # type: ignore[override]  # what dict promises, for texts as keys
        """Lie over the metadata of a YAML, or of a group, all of which were said for tasks."""
        return Mixed({**below, **self}, {**own_part(below), **self.own})


def own_part(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said for tasks, without the model's arguments.

    Raises:
        ConfigError: lm-eval mixed before we were there, and nobody can tell
            whose a key is.
    """
    if isinstance(metadata, Mixed):
        return {**metadata.own, **{key: metadata[key] for key in _ADDED if key in metadata}}
    if _said.get() is _UNSEEN:
        return _without_model_args(metadata, parameter_of("simple_evaluate", "model_args"))
    return dict(metadata)


def mixed(metadata: Any) -> Any:
    """Return the metadata that a ``TaskManager`` is made with; what ``simple_evaluate`` mixed knows its parts."""
    said = _said.get()
    if said is None or said is _UNSEEN or metadata is None or isinstance(metadata, Mixed):
        return metadata
    _said.set(None)
    return Mixed(metadata, said)


def watch_config(module: ModuleType) -> None:
    """Let the configuration of a run, from the command line or a file, remember what was said for tasks."""
    cls: Any = getattr(module, "EvaluatorConfig", None)
    original = getattr(cls, "_process_arguments", None)
    if original is None or hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def process(self: Any) -> Any:
        own = self.metadata if isinstance(self.metadata, Mapping) else {}
        done = original(self)
        self.metadata = Mixed(self.metadata, own)
        return done

    cls._process_arguments = process


def watch_evaluator(module: ModuleType) -> None:
    """Let ``simple_evaluate`` remember what it is told for tasks, and give our model a name where nobody did."""
    original: Callable[..., Any] = module.simple_evaluate
    if hasattr(original, "_longctx_watched"):
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind_partial(*args, **kwargs)
        given = bound.arguments
        watch_saving(given.get("evaluation_tracker"))
        if given.get("model") in OUR_MODELS:
            given["model_args"] = with_name(given.get("model_args"))
        ready = given.get("task_manager") is not None
        token = _said.set(None if ready else dict(given.get("metadata") or {}))
        try:
            return original(*bound.args, **bound.kwargs)
        finally:
            _said.reset(token)

    simple_evaluate._longctx_watched = True  # type: ignore[attr-defined]  # noqa: SLF001 - a mark on our own function
    module.simple_evaluate = simple_evaluate  # type: ignore[attr-defined]  # a module takes any


def with_name(model_args: Any) -> Any:
    """Return ``--model_args`` of our model that name it: lm-eval names folders by that, or else at random.

    Args:
        model_args: A text, a dictionary, or ``None``.
    """
    if isinstance(model_args, Mapping):
        return {"model": DEFAULT_MODEL, **model_args}
    given = [part for part in str(model_args or "").split(",") if part]
    named = any(part.partition("=")[0].strip() == "model" for part in given)
    return model_args if named else ",".join([f"model={DEFAULT_MODEL}", *given])


def parameter_of(function: str, name: str) -> Any:
    """Return an argument of the running ``lm_eval.evaluator.simple_evaluate`` or ``evaluate``; ``None`` if none runs.

    lm-eval tells a task neither its model nor where its metadata came from.
    Both are parameters of public functions that are running while a task is
    asked, so they are read there, whoever imported what before us.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == EVALUATOR_MODULE:
            return frame.f_locals.get(name)
        frame = frame.f_back
    return None


def _without_model_args(metadata: Mapping[str, Any], model_args: Any) -> dict[str, Any]:
    """Leave model arguments out where lm-eval mixed before we were imported (``--include_path`` without our hook)."""
    if isinstance(model_args, str):
        model_args = sys.modules["lm_eval.utils"].simple_parse_args_string(model_args)
    theirs = model_args if isinstance(model_args, Mapping) else {}
    foreign = {key for key, value in theirs.items() if key in metadata and metadata[key] == value}
    if unclear := sorted(foreign & set(SWEEP_KEYS)):
        raise ConfigError(
            f"nobody can tell whether {unclear[0]}={theirs[unclear[0]]} was said for the model or for the tasks, "
            "because lm-eval was started without our hook: use lm-eval-longctx run, or import lm_eval_longctx first"
        )
    return {key: value for key, value in metadata.items() if key not in foreign}
