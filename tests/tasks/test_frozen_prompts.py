"""What the tasks ask, frozen: the same bytes on every machine and every Python.

Whoever changes a prompt on purpose raises ``metadata.version`` in the task's
YAML and puts the new pair in the table: numbers of two versions must not be
compared.
"""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import Any

import pytest

from lm_eval_longctx.harness.listing import listed_tasks

FIRST = 3

PROMPTS: dict[str, tuple[str, str]] = {
    "docqa_closed_book_longctx": ("2", "d601e43b1ce96195"),
    "docqa_long_longctx": ("1", "7b9ebac543ad07e1"),
    "docqa_retrieved_longctx": ("2", "5a193963977f2121"),
    "longctx_text_aggregate": ("1", "c49530f9e2508e7e"),
    "graph_arrows_longctx": ("1", "68d962ca057dece9"),
    "graph_prose_longctx": ("1", "0260417a40bc5525"),
    "longctx_text_plan_shots": ("2", "b4c752c3d7560255"),
    "longctx_text_plan": ("1", "2a617fc2f5df9168"),
    "longctx_text_graph": ("1", "6c9aa22bc59235fb"),
    "longctx_text_docqa": ("2", "69129658d5345c75"),
    "longctx_text_manyshot": ("1", "ce86e3865b6c8592"),
    "longctx_text_manyshot_translation": ("1", "12477d2bf158dd3d"),
    "longctx_text_mrcr": ("2", "76421d13ac0a25bb"),
    "longctx_text_nll": ("2", "f6b71ddb3b42dd38"),
    "longctx_text_niah": ("2", "1ac68704f5142f56"),
    "longctx_text_niah_multi": ("2", "2d1f2e2764f229a8"),
    "longctx_text_repeat": ("1", "964a36ee908311da"),
    "longctx_text_process": ("1", "49503fa7dbb35e9d"),
    "longctx_text_translation": ("1", "f0bb47ce9359e59e"),
    "manyshot_three_longctx": ("1", "3b23eadf7045d1f7"),
    "mrcr_2needle_longctx": ("2", "6891f18d12b3d465"),
    "mrcr_8needle_longctx": ("2", "b50f9539eb9afd82"),
    "niah_absent_longctx": ("2", "dc4b6e4bd27083bb"),
    "niah_association_longctx": ("1", "614d0fc2c1af19a0"),
    "niah_distractors_longctx": ("2", "b65c55614d19eaf3"),
    "niah_language_longctx": ("1", "e4c25712274d1255"),
    "niah_multi_50_longctx": ("2", "f5c1eebc4c45a9cc"),
    "niah_paraphrase_longctx": ("1", "4b081d521b2d85aa"),
    "niah_relation_longctx": ("1", "8bb849163287a948"),
    "niah_ruler_noise_longctx": ("2", "417d90ffc908b286"),
    "niah_updated_longctx": ("1", "a619957268aa71d2"),
    "niah_uuid_longctx": ("2", "180c430f80e0b876"),
    "niah_words_longctx": ("2", "b2ada023e52d9e51"),
    "niah_needles_longctx": ("1", "9ce2e412866adf64"),
    "niah_needles_uuid_longctx": ("1", "c97b13ca93b2f091"),
    "niah_multi_value_longctx": ("1", "f608361ec3716a8b"),
    "longctx_text_words": ("1", "fff3a1b9ea177a74"),
    "translation_book_longctx": ("1", "ed09531f23253feb"),
    "translation_none_longctx": ("1", "043242887547d84c"),
    "translation_wordlist_longctx": ("1", "7f94953bdf269b4d"),
}
"""Version, and digest of the first samples with their whole prompts."""

UNRENDERED: dict[str, tuple[str, str]] = {
    "longctx_image_extract": ("1", "69f4b04fa2289f38"),
    "longctx_image_niah": ("2", "f9e89c02ad0d92c4"),
    "longctx_image_niah_shape": ("2", "0807811e6feb01e8"),
    "longctx_mixed_niah": ("1", "91a363d3fa64d4d9"),
    "longctx_mixed_niah_multi": ("1", "f21972ce61d73e5c"),
    "longctx_mixed_qa": ("1", "79c5c4b9546488e2"),
    "longctx_video_day": ("1", "e78787b672fe7d57"),
    "longctx_video_niah": ("3", "fd122f70938aa94e"),
    "longctx_video_niah_multi": ("3", "1f21209796c5805a"),
    "longctx_video_qa": ("3", "48314eaba1eb9de6"),
}
"""Version, and digest of the first samples; what is drawn for them is frozen by the tests of film."""

NOT_FROZEN = {
    "niah_context_rot_longctx": "the same; its other hays are frozen by those of the other tasks",
    "niah_code_longctx": "Python's own library is another text with each Python",
    "longctx_audio_niah": "needs the weights of a voice; frozen by the tests of voices",
    "longctx_audio_niah_multi": "the same",
    "longctx_audio_asr": "the same",
    "longctx_audio_dictation": "the same",
    "longctx_audio_translation": "the same",
    "longctx_audio_aggregate": "the same, and by its own tests with a stand-in for voices",
    "longctx_audio_qa": "the same, and by its own tests with a stand-in for voices",
}


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    """Make all tasks of both tables as lm-eval does."""
    from lm_eval.tasks.manager import TaskManager

    loaded: dict[str, Any] = TaskManager(include_defaults=False).load([*PROMPTS, *UNRENDERED])["tasks"]
    return loaded


def frozen(task: Any, prompts: bool) -> tuple[str, str]:
    """Return a task's version, and a digest of its first samples and, if wanted, of their prompts."""
    sha = hashlib.sha256()
    for plan in islice(task.builder.plans(), FIRST):
        sample = task.builder.sample(plan)
        sha.update(json.dumps(sample, sort_keys=True, ensure_ascii=False).encode())
        if prompts:
            sha.update(json.dumps(task.builder.render(sample).text(), ensure_ascii=False).encode())
    return str(task.VERSION), sha.hexdigest()[:16]


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_stay_as_they_are(tasks: dict[str, Any], name: str) -> None:
    """A text task's samples and prompts change only with its version."""
    assert frozen(tasks[name], prompts=True) == PROMPTS[name]


@pytest.mark.parametrize("name", UNRENDERED)
def test_samples_stay_as_they_are(tasks: dict[str, Any], name: str) -> None:
    """The samples of a task of pictures or film change only with its version."""
    assert frozen(tasks[name], prompts=False) == UNRENDERED[name]


def test_every_generated_task_is_frozen() -> None:
    """No task that is made from a seed is left out of the tables without a reason."""
    made = {task.name for task in listed_tasks() if task.kind == "task" and "longctx-public" not in task.tags}
    assert made == {*PROMPTS, *UNRENDERED, *NOT_FROZEN}
