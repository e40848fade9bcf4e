"""Each key of a sweep changes what a task makes, or is refused: none is taken and then forgotten."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from lm_eval_longctx.errors import LongctxError, UnknownOptionError
from lm_eval_longctx.harness.activation import activate_now
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.harness.planning import _load
from lm_eval_longctx.hay.estimating import SPEECH, estimating
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.sweep import parse_sweep, refuse_ignored

activate_now()

CHANGED: dict[str, Any] = {
    "context_lengths": [333],
    "max_seq_lengths": [333],
    "depths": [0.123],
    "samples_per_cell": 7,
    "seed": 12345,
    "haystack": "repeat:Other text.",
    "tokenizer": "gpt2",
}
"""Another value of each key that says what is made; all others say how answers are read, for every task alike."""

BUILDERS = sorted(record.name for record in registry().builders())
MADE = sorted(task.name for task in listed_tasks() if task.kind == "task" and "longctx-public" not in task.tags)
ALL = sorted(task.name for task in listed_tasks() if task.kind == "task")


def builder_class(name: str) -> Any:
    """Return a builder by its name."""
    return registry().load(registry().builder(name))


def swept(kind: Any, own: tuple[str, ...] = (), **metadata: Any) -> Any:
    """Parse a sweep for a builder as the harness does."""
    given = {"version": 1, "context_lengths": [400], **metadata}
    return parse_sweep(
        given,
        task="t",
        unit=kind.UNIT,
        options=kind.OPTIONS,
        has_depth=kind.HAS_DEPTH,
        has_length=kind.HAS_LENGTH,
        idle=kind.IDLE,
        own=own,
    )


@pytest.mark.parametrize("key", CHANGED)
@pytest.mark.parametrize("name", BUILDERS)
def test_a_key_is_in_the_sweep_or_refused(name: str, key: str) -> None:
    """A key that a builder reads is in its sweep; another is refused for one task, and told as ignored for all."""
    kind = builder_class(name)
    plain, changed = swept(kind), swept(kind, **{key: CHANGED[key]})
    differing = {k for k, v in plain.to_dict().items() if changed.to_dict()[k] != v}
    if key not in kind.unread():
        assert differing == {"context_lengths" if key == "max_seq_lengths" else key}
        return
    assert differing <= {"ignored"}
    assert key in changed.ignored
    with pytest.raises(UnknownOptionError, match=f"t does not read '{key}'.*it reads: .*refusals"):
        swept(kind, own=(key,), **{key: CHANGED[key]})


@lru_cache
def unchanged(name: str) -> Any:
    """Return a task as its YAML has it, the same for all keys."""
    (task,) = _load([name], {}, [])
    return task


@pytest.mark.parametrize("key", ["context_lengths", "depths", "samples_per_cell", "seed", "haystack", "tokenizer"])
@pytest.mark.parametrize("name", MADE)
def test_a_key_that_is_read_changes_what_is_made(name: str, key: str) -> None:
    """Another value of a key that a task reads gives other plans or samples, or is refused, but never the same."""
    value = {**CHANGED, "context_lengths": ["7k"], "tokenizer": "no such tokenizer"}[key]
    task = unchanged(name)
    if key in type(task.builder).unread():
        with pytest.raises(UnknownOptionError, match=f"does not read '{key}'"):
            _load([name], {key: value}, [])
        return
    if "audio" in name and key in {"haystack", "tokenizer"}:
        pytest.skip("needs the weights of a voice")
    with estimating(SPEECH):  # another seed has other words and voices: nobody need speak them
        try:
            (other,) = _load([name], {key: value}, [])
            plans = list(other.builder.plans())
            if plans != list(task.builder.plans()):
                return
            made = other.builder.sample(plans[0])
        except LongctxError:
            return
        assert made != task.builder.sample(plans[0])


def test_what_no_task_of_a_run_reads_is_refused() -> None:
    """A key for all tasks is an error where none reads it; else those that do not say so in their results."""
    with pytest.raises(UnknownOptionError, match=r"longctx_text_manyshot does not read 'depths'"):
        _load(["longctx_text_manyshot"], {"depths": 3}, [])
    both = _load(["longctx_text_manyshot", "longctx_text_mrcr"], {"depths": 3, "samples_per_cell": 2}, [])
    assert {task.config.task: task.sweep.to_dict()["ignored"] for task in both} == {
        "longctx_text_manyshot": ["depths"],
        "longctx_text_mrcr": [],
    }


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("longctx_text_translation", "haystack", "nonsense:/nope"),
        ("longctx_text_translation", "depths", 3),
        ("longctx_video_qa", "haystack", "video:/my/film.mp4"),
        ("longctx_video_qa", "depths", 3),
        ("longctx_text_manyshot", "depths", 3),
        ("longctx_text_manyshot", "haystack", "books:/x"),
        ("longctx_image_niah", "tokenizer", "gpt2"),
        ("lesmis_qa", "samples_per_cell", 5),
    ],
)
def test_a_key_for_one_task_must_be_read_by_it(name: str, key: str, value: Any) -> None:
    """What is said for one task by its name and has no effect there is refused, whatever else runs."""
    with pytest.raises(UnknownOptionError, match=f"{name} does not read '{key}'"):
        _load([name, "longctx_text_mrcr"], {name: {key: value}}, [])


def test_no_task_of_ours_sets_what_it_does_not_read() -> None:
    """The YAMLs of all tasks, with all of their presets, set only keys that have an effect."""
    kept = {task.name: task for task in listed_tasks() if task.kind == "task"}
    for name in ALL:
        metadata = kept[name].metadata
        unread = builder_class(metadata["builder"]).unread()
        layers = [metadata, *(metadata.get("presets") or {}).values()]
        assert not [key for layer in layers for key in layer if key in unread], name


def test_a_run_of_nothing_refuses_nothing() -> None:
    """Without a task of ours there is no key of ours to refuse."""
    refuse_ignored([])
