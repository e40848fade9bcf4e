"""Every task of ours is checked, in the fast form."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lm_eval_longctx.check import FAST, Subject, check
from lm_eval_longctx.check.settings import readme
from lm_eval_longctx.harness.listing import listed_tasks

TASKS = {task.name: task for task in listed_tasks() if task.kind == "task"}
PUBLIC = [name for name, task in TASKS.items() if "longctx-public" in task.tags]
"""Tasks whose data are somebody else's: without them only the page can be checked here."""

SETTINGS: dict[str, dict[str, Any]] = {
    "longctx_audio_aggregate": {"codec": "wav", "context_lengths": ["5m"]},
    "longctx_audio_dictation": {},
    "longctx_audio_translation": {},
    "longctx_audio_qa": {"codec": "wav", "pool": "20s", "context_lengths": ["90s"]},
    "longctx_audio": {"codec": "wav", "pool": "6s", "context_lengths": ["20s"]},
    "longctx_mixed": {"pool": "20s"},
    "niah_code": {"haystack": f"code:{Path(asyncio.__file__).parent}"},
}
"""What makes the hay of some tasks quickly, by how their names begin."""

LITTLE = replace(FAST, prompts=3, questions=9)
"""How much is looked at where each sample is spoken, or where others look at more than the check does."""

FORMS = ("docqa_closed_book_longctx", "docqa_long_longctx", "docqa_retrieved_longctx")
"""Forms of ``longctx_text_docqa``, whose questions are looked at in full there."""

PROVEN = {"plan", "text_aggregate", "mrcr", "many_shot", "graph", "text_process"}
"""Builders of dear samples, whose own tests ask right readers, and some who do not read, scores of questions."""


@pytest.mark.parametrize("name", sorted(set(TASKS) - set(PUBLIC)))
def test_tasks_measure_what_they_say(name: str) -> None:
    """No question of the check fails for a task that we generate."""
    settings = next((given for start, given in SETTINGS.items() if name.startswith(start)), {})
    elsewhere = name in FORMS or TASKS[name].metadata["builder"] in PROVEN
    effort = LITTLE if "audio" in name or "mixed" in name or elsewhere else FAST
    assert [one for one in check(Subject(TASKS[name], settings, effort)) if one.state == "failed"] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_public_tasks_are_told_about(name: str) -> None:
    """Each task on somebody's data has a page that names it."""
    assert readme(Subject(TASKS[name], {}, FAST)).state == "ok"
