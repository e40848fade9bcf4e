"""What a task is given: every setting read, nonsense refused, and a page that tells users about it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.subject import FAILED, OK, Skipped, Verdict, some
from lm_eval_longctx.errors import LongctxError, nearest
from lm_eval_longctx.scorers.base import Unparsed
from lm_eval_longctx.sweep import DEFAULT_PRESET, SWEEP_KEYS, TASK_KEYS, Sweep, refuse_ignored
from lm_eval_longctx.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lm_eval_longctx.check.subject import Subject
    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.settings import Option

NONSENSE = {"haystack": "nonsense:/nope", "tokenizer": "/nope/tokenizer.json"}
"""What no task can mean; who takes it does not read the key."""

_ELSEWHERE = {"preset", "refusals", "reasoning_tags", "max_seq_lengths", "context_lengths", "depths"}
"""Keys that the harness reads, or the parsing of the sweep."""

_README = "README.md"


class _Watched(dict):  # type: ignore[type-arg]  # options are of any type
    """Options that keep which of them were read one by one; copying them is not reading."""

    def __init__(self, options: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(options)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(name)
        return super().get(name, default)


class _WatchedSweep(Sweep):
    """A sweep that keeps which of its keys were read."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in SWEEP_KEYS:
            super().__getattribute__("options").read.add(name)
        return value


class _Options(_Watched):
    """The options of a watched sweep; what is read of either is kept in ``read``."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.read: set[str] = set()
        super().__init__(options, self.read)


def keys(subject: Subject) -> Verdict:
    """Is every setting that the task was given read, and what makes no sense refused?"""
    given, known = _given(subject.task), _read(subject)
    idle = sorted(key for key in given if key not in known and not _has_effect(subject, key))
    wrong = [f"{key} is given and nobody reads it{_hint(key, known)}" for key in idle]
    wrong += [f"{key}: {value!r} is taken without a word" for key, value in _taken(subject)]
    return Verdict("settings", FAILED if wrong else OK, f"{len(given)} given: {', '.join(sorted(given))}", some(wrong))


def _hint(key: str, known: set[str]) -> str:
    close = nearest(key, sorted(known - {key}))
    return f"; did you mean {close}?" if close else ""


def _given(task: LongctxTask) -> set[str]:
    """Return the keys that somebody set: in the YAML, in its presets, or for this check."""
    metadata = task.config.metadata
    presets = metadata.get("presets") or {}
    used = {**presets.get(DEFAULT_PRESET, {}), **presets.get(task.sweep.preset, {})}
    return ({*metadata, *used} - {*TASK_KEYS, "preset"}) & ({*SWEEP_KEYS, *task.sweep.options})


def _read(subject: Subject) -> set[str]:
    """Return the keys that are read when samples are made and scored and the first prompts are rendered."""
    task, kind = subject.task, type(subject.task.builder)
    options = _Options(task.sweep.options)
    values = {field.name: getattr(task.sweep, field.name) for field in fields(Sweep)}
    builder = kind(_WatchedSweep(**{**values, "options": options}), task.builder.context)
    scorer = type(task.scorer)(options)
    for part in (builder, scorer):
        for name, value in vars(part).items():
            if type(value) is dict and value == dict(options):
                setattr(part, name, _Watched(value, options.read))
    samples = builder.samples()
    with suppress(Skipped):
        for sample in samples[: len(subject.looked_at)]:
            builder.render(sample)
    for sample in subject.samples[:1]:
        with suppress(Unparsed):
            scorer.score(sample, "It is not there.")
            scorer.details(sample, "It is not there.")
    unseen = set() if subject.is_text or subject.effort.media else set(options)  # some are read in rendering only
    return options.read | unseen | _parsed(kind)


def _has_effect(subject: Subject, key: str) -> bool:
    """Whether another value of an option changes a sample or a prompt."""
    kind = type(subject.task.builder), type(subject.task.scorer)
    option = next((option for part in kind for option in part.OPTIONS if option.name == key), None)
    if option is None:
        return False
    others = [value for value in _other_values(option) if value != subject.task.sweep.options[key]]
    return any(_asked(subject, **{key: value}) not in (None, _asked(subject)) for value in others)


def _other_values(option: Option) -> Iterator[Any]:
    """Yield some values of an option, if it has a few that are plain."""
    yield option.default
    yield from option.choices
    if bool in option.types:
        yield from (True, False)
    elif int in option.types or float in option.types:
        yield from (value for value in (option.minimum, option.maximum, 1, 2, 3) if value is not None)


def _asked(subject: Subject, **changes: Any) -> list[str] | None:
    """Return what is asked with some settings changed; ``None`` if they are refused."""
    try:
        task = subject.changed(**changes)
        samples = task.test_docs()
        prompts = [task.builder.render(sample).digest for sample in samples[:1]] if subject.is_text else []
    except LongctxError:
        return None
    return [*(str({**sample, "recipe_digest": ""}) for sample in samples), *prompts]


def _parsed(kind: Any) -> set[str]:
    """Return the keys that the harness and the parsing of the sweep read for a kind of task."""
    return {key for key in _ELSEWHERE if key not in kind.unread()}


def _taken(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield nonsense that a task takes without a word."""
    for key, value in NONSENSE.items():
        if key == "tokenizer" and subject.task.builder.UNIT is not Unit.TOKENS:
            continue
        try:
            task = subject.changed(**{key: value})
            refuse_ignored([task.sweep])
            task.builder.render(task.test_docs()[0])
        except LongctxError:
            continue
        yield key, value


def readme(subject: Subject) -> Verdict:
    """Does the task's folder have a page that names it?"""
    file = subject.listed.path.with_name(_README)
    if not file.is_file():
        return Verdict("readme", FAILED, f"there is no {_README} beside {subject.listed.path.name}")
    named = _is_named(subject.listed.name, file.read_text(encoding="utf-8"))
    told = f"{file.parent.name}/{_README}" + ("" if named else f" does not name {subject.listed.name}")
    return Verdict("readme", OK if named else FAILED, told)


def _is_named(name: str, page: str) -> bool:
    """Whether a page names a task, in full or by its ending: `kalamang_ke` and `..._book` name `kalamang_ke_book`."""
    endings = [ending for ending in re.findall(r"`\.\.\.(\w+)`", page) if name.endswith(ending)]
    return any(re.search(rf"\b{re.escape(one)}\b", page) for one in (name, *map(name.removesuffix, endings)))
