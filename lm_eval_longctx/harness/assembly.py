"""From a task's metadata to its sweep, builder and scorer."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.estimate import BYTES_PER_TOKEN
from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.harness.listing import task_files, yaml_metadata
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.papers import paper_names
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.results import Floors
from lm_eval_longctx.sweep import DEFAULT_PRESET, TASK_KEYS, Sweep, parse_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.scorers.base import Scorer
    from lm_eval_longctx.tasks.base import Builder

logger = logging.getLogger(__name__)

MAX_HELD_BYTES = 8 << 30


@dataclass(frozen=True)
class Parts:
    """What a task is made of."""

    sweep: Sweep
    builder: Builder[Any]
    scorer: Scorer
    plugins: list[Any]
    floors: Floors


def completed(task: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's metadata with what its YAML says, and with what was said for this task alone.

    A run may write ``{"NAME": {...}, "longctx_text_*": {...}}``: such parts
    hold for the tasks that they name, patterns before exact names.

    Raises:
        UnknownOptionError: A part names no task.
    """
    whole = whole_metadata(metadata)
    parts = {key: value for key, value in whole.items() if isinstance(value, dict) and key not in TASK_KEYS}
    named = _names(parts, whole)
    for key in [key for key in parts if key in named or _is_pattern(key)]:
        del whole[key]
        if not fnmatchcase(task, key):
            del parts[key]
    chosen = sorted((key for key in parts if key not in whole), key=lambda key: key == task)
    return {**whole, **{name: value for key in chosen for name, value in parts[key].items()}}


def said_for(task: str, metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys that were said for this task alone: in its YAML, or in a part that bears its name.

    Args:
        task: Its name.
        metadata: As lm-eval gives them, before ``completed``.
    """
    path = Path(str(metadata.get("config_source", "")))
    own = yaml_metadata(path) if path.is_file() else {}
    part = metadata.get(task)
    layers = [own, *(own.get("presets") or {}).values(), part if isinstance(part, dict) else {}]
    return frozenset(key for layer in layers for key in layer)


def _is_pattern(key: str) -> bool:
    return any(mark in key for mark in "*?[")


def _names(parts: Mapping[str, Any], metadata: Mapping[str, Any]) -> set[str]:
    """Return the names of tasks that parts of the metadata may be for: all of ours, and those beside this one."""
    if all(_is_pattern(key) for key in parts):
        return set()
    return {path.stem for path in _known_files(metadata)}


def _known_files(metadata: Mapping[str, Any]) -> set[Path]:
    """Return the YAMLs of all of our tasks, and those beside the one that the metadata are from."""
    source = Path(str(metadata.get("config_source", "")))
    beside = source.parent.glob("*.yaml") if source.suffix == ".yaml" else ()
    return {*beside, *task_files()}


def assemble(task: str, metadata: Mapping[str, Any], own: Collection[str] = ()) -> Parts:
    """Make the parts that a task's metadata names.

    Args:
        task: The task's name.
        metadata: What ``completed`` gives.
        own: What ``said_for`` gives.

    Raises:
        ConfigError: A builder, scorer or key is unknown, or a value is bad.
    """
    for key in ("builder", "scorer"):
        if key not in metadata:
            raise ConfigError(
                f"the metadata of {task} must name a {key}; a YAML file given by its path, whose own metadata "
                "take the place of what it includes, must name it too"
            )
    plugins = registry()
    builder_class: type[Builder[Any]] = plugins.load(plugins.builder(metadata["builder"]))
    scorer_class = plugins.load(plugins.scorer(metadata["scorer"]))
    sweep = parse_sweep(
        metadata,
        task=task,
        unit=builder_class.UNIT,
        options=(*builder_class.OPTIONS, *scorer_class.OPTIONS),
        has_depth=builder_class.HAS_DEPTH,
        has_length=builder_class.HAS_LENGTH,
        idle=builder_class.IDLE,
        own=own,
        other_presets=_other_presets(metadata),
    )
    if sweep.ignored:
        logger.warning("%s does not read %s: without effect there", task, ", ".join(sweep.ignored))
    if sweep.asked_preset:
        own = ", ".join(metadata.get("presets") or ()) or sweep.preset
        logger.warning("%s has no preset %s: it runs with %s (has: %s)", task, sweep.asked_preset, sweep.preset, own)
        _tell_of_paper(sweep.asked_preset)
    builder = builder_class(sweep, _context(metadata, sweep))
    floors = Floors(metadata.get("floor"))
    return Parts(sweep, builder, scorer_class(sweep.options), plugins.describe(), floors)


@cache
def _tell_of_paper(preset: str) -> None:
    """Say once that a preset named after a paper is not the whole of it."""
    if preset in paper_names():
        logger.warning("for every table of that paper, at its own lengths: lm-eval-longctx reproduce %s", preset)


def _context(metadata: Mapping[str, Any], sweep: Sweep) -> BuildContext:
    path = Path(str(metadata.get("config_source", "")))
    if not path.is_file():
        return BuildContext(resolve_source=_source)
    own = yaml_metadata(path)
    layers = [own, *(own.get("presets") or {}).values()]
    used = {**sweep.options, "haystack": sweep.haystack}
    written = [value for key, value in used.items() if any(layer.get(key) == value for layer in layers)]
    return BuildContext(_source, home=path.parent.absolute(), written=frozenset(_texts(written)))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in plain values, at any depth."""
    if isinstance(value, str):
        yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _texts(item)


def _other_presets(metadata: Mapping[str, Any]) -> frozenset[str]:
    """Return the presets of all tasks, where one is asked for that this task has not."""
    if metadata.get("preset", DEFAULT_PRESET) in (metadata.get("presets") or {DEFAULT_PRESET}):
        return frozenset()
    known = (yaml_metadata(path).get("presets") or {} for path in _known_files(metadata))
    return frozenset(name for presets in known for name in presets)


def whole_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's metadata with its YAML's own below them.

    lm-eval puts the metadata of a group's member, or of a file that includes
    another, in the place of the task's own. What names no builder is
    therefore taken as changes; what names one is whole.

    Args:
        metadata: As lm-eval gives them, with the YAML's path in ``config_source``.
    """
    path = Path(str(metadata.get("config_source", "")))
    if "builder" in metadata or not path.is_file():
        return dict(metadata)
    return {**yaml_metadata(path), **metadata}


def _source(name: str) -> Callable[[str, BuildContext], Any]:
    plugins = registry()
    factory: Callable[[str, BuildContext], Any] = plugins.load(plugins.source(name))
    return factory


def refuse_if_too_large(samples: Sequence[Sample]) -> None:
    """Stop before another lm-eval model fills the memory: such models hold all prompts at once.

    Raises:
        UnsupportedError: The texts together are larger than
            ``LM_EVAL_LONGCTX_MAX_HELD_BYTES`` (8 GiB unless set).
    """
    tokens = sum(r.get("realised_length") or r["context_length"] for r in samples if r["unit"] == "tokens")
    size, most = int(tokens * BYTES_PER_TOKEN), int(os.environ.get("LM_EVAL_LONGCTX_MAX_HELD_BYTES", MAX_HELD_BYTES))
    if size > most:
        raise UnsupportedError(
            f"lm-eval's own models hold all prompts in memory, here about {size / 2**30:.1f} GiB; "
            "use --limit or fewer lengths, serve the model and use "
            "--model longctx --model_args model=openai-compatible/NAME,base_url=URL, "
            "or raise LM_EVAL_LONGCTX_MAX_HELD_BYTES"
        )
    logger.info("%d prompts, about %.1f MB of text in all", len(samples), size / 1e6)
