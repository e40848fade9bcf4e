"""The form of samples: what is declared is what tasks make."""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from itertools import islice
from typing import Any, Union

import pytest

from lm_eval_longctx import sample as declared
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.hay.estimating import SPEECH, estimating
from lm_eval_longctx.plugins.manager import registry

activate_now()

MADE = sorted(task.name for task in listed_tasks() if task.kind == "task" and "longctx-public" not in task.tags)
SHORT = {
    "mixed_qa": "16k",
    "image": "16",
    "video_day": "20m",
    "video": "90s",
    "audio_aggregate": "5m",
    "audio_qa": "90s",
    "audio": "20s",
    "manyshot": "200",
    "plan_shots": "8",
    "": "8k",
}
"""A length for tasks that have a word in their name; the first that fits."""


def forms() -> dict[str, Any]:
    """Return each kind of task's form of a sample."""
    known = registry()
    found = {}
    for record in known.builders():
        builder = known.load(record)
        bases = [base for kind in builder.__mro__ for base in getattr(kind, "__orig_bases__", ())]
        (form, *_) = [a for base in bases for a in typing.get_args(base) if not isinstance(a, typing.TypeVar)]
        found[record.name] = form
    return found


def hints(form: Any) -> dict[str, Any]:
    """Return the declared types by key, those of all bases included."""
    return typing.get_type_hints(form, {**vars(sys.modules[form.__module__]), **vars(declared)})


def fits(value: Any, kind: Any) -> bool:
    """Whether a plain value is of a declared type; a whole number is a number too."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in args)
    if origin is list:
        return isinstance(value, (list, tuple)) and all(fits(item, args[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, args[0]) and fits(v, args[1]) for k, v in value.items())
    if typing.is_typeddict(kind):
        return matches(value, kind) == []
    plain = (int, float) if kind is float else kind
    return kind is Any or (isinstance(value, plain) and isinstance(value, bool) == (kind is bool))


def matches(sample: dict[str, Any], form: Any) -> list[str]:
    """Return what is wrong with a sample: keys that are missing or nobody declared, values of another type."""
    known = hints(form)
    wrong = [f"{key} is missing" for key in sorted(form.__required_keys__ - set(sample))]
    wrong += [f"{key} is not declared" for key in sorted(set(sample) - set(known))]
    return wrong + [f"{k} is {v!r}, not {known[k]}" for k, v in sample.items() if k in known and not fits(v, known[k])]


@pytest.mark.parametrize("name", MADE)
def test_samples_have_the_declared_form(name: str) -> None:
    """Every key of a generated task's samples is declared with its type, and none that must be there is missing."""
    from lm_eval.tasks.manager import TaskManager

    length = next(length for word, length in SHORT.items() if word in name)
    aggregate = name == "longctx_audio_aggregate"  # it has no pool, and would speak for half a minute
    heard = name in {"longctx_audio_dictation", "longctx_audio_translation"}  # single sentences after a text
    plain = {"codec": "wav", "pool": "6s"} if "audio" in name and not aggregate and not heard else {}
    metadata = {} if heard else {**plain, "context_lengths": [length]}
    task = TaskManager(include_defaults=False, metadata=metadata).load([name])["tasks"][name]
    form = forms()[task.config.metadata["builder"]]
    with estimating(*([SPEECH] if aggregate or heard else [])):
        wrong = [line for plan in islice(task.builder.plans(), 6) for line in matches(task.builder.sample(plan), form)]
    assert wrong == []


def test_misspelt_keys_and_other_types_are_found() -> None:
    """What the test above looks for is found when it is there."""
    form = forms()["needle"]
    wrong = matches({"id": 3, "taks": "x"}, form)
    assert "task is missing" in wrong
    assert "taks is not declared" in wrong
    assert any(line.startswith("id is 3, not") for line in wrong)


@pytest.mark.parametrize("name", ["Haystack", "Planned", "Sample"])
def test_every_shared_key_is_explained(name: str) -> None:
    """Each key that all families share has its line in the docstring, and the page on results lists it."""
    form = getattr(declared, name)
    own = [key for key in hints(form) if name != "Sample" or key not in hints(declared.Planned)]
    explained = re.findall(r"^    +(\w+): ", inspect.getdoc(form) or "", re.MULTILINE)
    assert set(own) <= set(explained)
