"""What stays the same, and what must not: bytes in another process, other seeds, other samples, other versions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.check.another import another_process
from lm_eval_longctx.check.subject import FAILED, OK, Skipped, Verdict, some
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.hay.estimating import SPEECH, estimated, estimating

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lm_eval_longctx.check.subject import Subject
    from lm_eval_longctx.harness.tasks import LongctxTask
    from lm_eval_longctx.sample import Sample

GOLDEN = "golden.json"
"""Beside a task's YAML: version and digest of what it asks, by task."""

FIRST = 3
"""So many samples are in a golden digest, in the task's default preset."""

_PLACE = ("id", "seed", "index", "recipe_digest")
"""What tells samples apart without telling whether they ask the same."""


def same_bytes(subject: Subject) -> Verdict:
    """Does the same seed give the same bytes in another process?"""
    samples = subject.looked_at if subject.is_text else subject.samples
    prompts = min(len(samples), subject.effort.prompts if subject.is_text else subject.effort.media)
    here = digests(subject.task, len(samples), prompts)
    name, how = subject.listed.name, (len(samples), prompts, estimated(SPEECH))
    there = another_process(name, subject.metadata, subject.include_path, how)
    wrong = [f"{s['id']} differs" for s, one, two in zip(samples, here, there, strict=True) if one != two]
    told = f"{len(samples)} samples, {prompts} of them with their prompts"
    return Verdict("same bytes", FAILED if wrong else OK, told, some(wrong))


def digests(task: LongctxTask, samples: int, prompts: int) -> list[str]:
    """Return a digest of each of the first samples, with the prompt for the first of them."""
    docs = task.test_docs()[:samples]
    rendered = [task.builder.render(sample).digest for sample in docs[:prompts]]
    return [_digest([sample, *rendered[at : at + 1]]) for at, sample in enumerate(docs)]


def other_seed(subject: Subject) -> Verdict:
    """Does another seed ask something else?"""
    if subject.published:
        raise Skipped("the data are published: no seed makes others")
    other = subject.changed(seed=subject.seed + 1)
    ours, theirs = (
        _asked(subject.task, subject.samples, subject),
        _asked(other, other.test_docs(), subject),
    )
    shared = set(ours) & set(theirs)
    wrong = [f"{ours[key]} is asked again" for key in ours if key in shared]
    _excuse(subject, len(wrong))
    return Verdict("other seed", FAILED if wrong else OK, f"{len(wrong)} of {len(ours)} are the same", some(wrong))


def distinct(subject: Subject) -> Verdict:
    """Are no two samples the same?"""
    asked = Counter(_content(subject.task, sample, subject) for sample in _compared(subject.samples, subject))
    twice = sum(count - 1 for count in asked.values())
    _excuse(subject, twice)
    told = f"{len(asked)} of {sum(asked.values())} differ"
    return Verdict("distinct", FAILED if twice else OK, told)


def _excuse(subject: Subject, same: int) -> None:
    """Leave it at that where samples are the same because the hay is short, and says so."""
    if same and all(sample["haystack"].get("repeats") for sample in subject.samples):
        raise Skipped(f"{same} are the same: the hay is shorter than a context, begins again, and says so")


def _compared(samples: Iterable[Sample], subject: Subject) -> list[Sample]:
    """Return the samples that are compared: with their prompts if they are text."""
    return list(samples)[: subject.effort.prompts * 3] if subject.is_text else list(samples)


def _asked(task: LongctxTask, samples: Iterable[Sample], subject: Subject) -> dict[str, str]:
    return {_content(task, sample, subject): sample["id"] for sample in _compared(samples, subject)}


def _content(task: LongctxTask, sample: Sample, subject: Subject) -> str:
    """Return a digest of what is asked: the prompt, or for what is not made here all values but names."""
    if subject.is_text:
        return task.builder.render(sample).digest
    return _digest({key: value for key, value in sample.items() if key not in _PLACE})


def golden(subject: Subject) -> Verdict:
    """Is what a task asks what it asked before, unless its version was raised?"""
    file = golden_file(subject)
    kept = json.loads(file.read_text(encoding="utf-8")).get(subject.listed.name) if file.is_file() else None
    if kept is None:
        raise Skipped(f"no digest is kept; lm-eval-longctx check --freeze {subject.listed.name} keeps it")
    version, found = frozen(subject)
    if kept["version"] != version:
        raise Skipped(f"the version is {version} now, not {kept['version']}: check --freeze keeps the new digest")
    same = kept["digest"] == found
    told = f"version {version}" if same else f"other samples or prompts in version {version}: raise metadata.version"
    return Verdict("golden", OK if same else FAILED, told)


def frozen(subject: Subject) -> tuple[str, str]:
    """Return a task's version, and a digest of its first samples and, if they are text, their prompts."""
    from lm_eval_longctx.harness.planning import one_task

    task = one_task(subject.listed.name, {}, subject.include_path)
    with estimating():  # kept is what is sent
        plain = [task.builder.sample(plan) for plan, _ in zip(task.builder.plans(), range(FIRST), strict=False)]
    prompts = [task.builder.render(sample).digest for sample in plain] if task.builder.MODALITY == "text" else []
    return str(task.VERSION), _digest([plain, prompts])


def freeze(subject: Subject) -> Path:
    """Keep what a task asks now; return the file.

    Raises:
        ConfigError: The file holds something else.
    """
    file = golden_file(subject)
    try:
        kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise ConfigError(f"{file} is no JSON ({error}); delete it and freeze again") from error
    version, digest = frozen(subject)
    kept[subject.listed.name] = {"version": version, "digest": digest}
    write_whole(file, (json.dumps(kept, indent=2, sort_keys=True) + "\n").encode())
    return file


def golden_file(subject: Subject) -> Path:
    """Return where the digests of a task's folder are kept."""
    return subject.listed.path.with_name(GOLDEN)


def _digest(value: Any) -> str:
    plain = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
