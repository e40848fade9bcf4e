"""Plans do not do the work: no speech is made for them, and no more text than tells how long the rest is."""

from __future__ import annotations

import json

import pytest

from lm_eval_longctx.cli.parser import main
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.hay.film.codec import Coder
from lm_eval_longctx.hay.text import corpus, store
from lm_eval_longctx.hay.text.tokenizers import TiktokenTokenizer

SPOKEN = {
    "longctx_audio_niah": ("default", "gemini-1.5", "gemini-1.5-107h", "snr-ladder"),
    "longctx_audio_niah_multi": ("default",),
    "longctx_audio_asr": ("default", "long"),
    "longctx_audio_qa": ("default", "blind", "long"),
}

LONG = [("longctx_text_niah", "gemini-1.5"), ("longctx_text_aggregate", "long")]
"""Presets to ten million tokens."""

MOST_TEXT = 12 << 20
"""Characters that a plan may tokenise; the longest context alone has 45 million."""

ENDLESS = (
    ("longctx_text_niah", {"depths": 2}),
    ("longctx_text_niah_multi", {"needles": 5}),
    ("longctx_text_mrcr", {"depths": 2}),
    ("longctx_text_graph", {}),
    ("longctx_text_aggregate", {}),
    ("longctx_text_nll", {}),
    ("longctx_mixed_niah", {"depths": 2, "modalities": ["text", "image"]}),
)
"""Tasks whose text has no end, each with settings that keep it small."""

TOTALS = ("calls", "prompt_tokens", "bytes", "estimated")


def planned(capsys, task: str, metadata: dict) -> dict:
    """Return the plan of a task as programs read it."""
    assert main(["plan", "--tasks", task, "--metadata", json.dumps(metadata), "--json"]) == 0
    plan: dict = json.loads(capsys.readouterr().out)
    return plan


@pytest.fixture
def _nothing_is_made(monkeypatch):
    """Fail where a plan speaks, or encodes a film."""
    monkeypatch.setattr("lm_eval_longctx.hay.speech.engine_joe.say", lambda *_: pytest.fail("a plan spoke"))
    monkeypatch.setattr(Coder, "__init__", lambda *_: pytest.fail("a plan filmed"))


@pytest.fixture
def tokenised(monkeypatch):
    """Return the sizes of all texts that are tokenised from here on."""
    sizes: list[int] = []
    starts = TiktokenTokenizer.starts

    def counted(self, text):
        sizes.append(len(text))
        return starts(self, text)

    monkeypatch.setattr(TiktokenTokenizer, "starts", counted)
    return sizes


@pytest.mark.usefixtures("_nothing_is_made")
@pytest.mark.parametrize(("task", "preset"), [(task, preset) for task, all_ in SPOKEN.items() for preset in all_])
def test_plans_of_sound_make_none(task, preset, capsys):
    """A plan of any preset of sound is counted without a word being spoken, and says what was reckoned."""
    plan = planned(capsys, task, {"preset": preset})
    assert plan["estimated"] is True
    audio = plan["total"]["tokens"].get("audio", 0)
    assert (audio == 0) == (preset == "blind")


@pytest.mark.usefixtures("_nothing_is_made")
def test_a_plan_of_many_tasks_makes_no_sound_either(capsys, tmp_path, monkeypatch):
    """Which of a pattern's tasks the model takes is told without a word being spoken, from an empty cache."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    assert {cell["task"] for cell in planned(capsys, "longctx_audio_*", {})["cells"]} > {"longctx_audio_qa"}


@pytest.mark.parametrize(("task", "preset"), LONG)
def test_plans_of_long_text_write_and_count_little_of_it(task, preset, capsys, tokenised, tmp_path, monkeypatch):
    """A plan to ten million tokens makes a few megabytes of text from an empty cache, and says what was reckoned."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    plan = planned(capsys, task, {"preset": preset})
    assert 1 << 19 < sum(tokenised) < MOST_TEXT
    assert sum(path.stat().st_size for path in tmp_path.rglob("text")) < MOST_TEXT
    assert plan["cells"][-1]["estimated"] == plan["cells"][-1]["calls"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("_nothing_is_made")
def test_no_plan_of_any_preset_does_the_work(capsys, tokenised, tmp_path, monkeypatch):
    """No preset of any generated task speaks, films, or tokenises more than so much to be planned."""
    made = {}
    for task in listed_tasks():
        for preset in task.metadata.get("presets", ()) if task.name.startswith("longctx_") else ():
            monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / task.name / preset))
            tokenised.clear()
            planned(capsys, task.name, {"preset": preset})
            made[task.name, preset] = sum(tokenised)
    assert len(made) > 60
    assert {name: size for name, size in made.items() if size > MOST_TEXT} == {}


@pytest.mark.parametrize(("task", "settings"), ENDLESS)
def test_what_a_plan_reckons_is_close_and_never_below_what_is_counted(task, settings, capsys, tmp_path, monkeypatch):
    """Tokens that were reckoned are those of the very prompts to within a hundredth, and bytes at most no fewer."""
    monkeypatch.setattr(store, "segment_limit", lambda _number: 1 << 15)
    metadata = {**settings, "context_lengths": ["2k", "24k"], "samples_per_cell": 1}
    plans = {}
    for enough in (1 << 30, 1 << 15):
        monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / str(enough)))
        monkeypatch.setattr(corpus, "ENOUGH", enough)
        monkeypatch.setattr("lm_eval_longctx.tasks.recorded._ASKED_FOR_A_PLAN", enough >> 8)
        plans[enough] = planned(capsys, task, metadata)
    exactly, roughly = (plan["cells"] for plan in plans.values())
    assert roughly[:-1] == exactly[:-1]  # what is short is counted
    exact, reckoned = exactly[-1], roughly[-1]
    assert (exact["estimated"], reckoned["estimated"]) == (0, exact["calls"])
    assert reckoned["prompt_tokens"] == pytest.approx(exact["prompt_tokens"], rel=0.01)
    assert exact["bytes"] <= reckoned["bytes"] <= 1.15 * exact["bytes"]
    assert (plans[1 << 30]["estimated"], plans[1 << 15]["estimated"]) == (False, True)


@pytest.mark.parametrize("context", ["full", "retrieved", "none"])
def test_a_long_documents_plan_is_never_below_what_is_counted(context, capsys, monkeypatch):
    """Questions about the beginning of a long document stand for those about all of it, and are not shorter."""
    metadata = {"context_lengths": ["48k"], "depths": 2, "contexts": [context]}
    roughly = planned(capsys, "longctx_text_docqa", metadata)["cells"]
    monkeypatch.setattr("lm_eval_longctx.tasks.docqa.builder.PLANNED", 1 << 30)
    exactly = planned(capsys, "longctx_text_docqa", metadata)["cells"]
    exact, reckoned = ({name: sum(cell[name] for cell in cells) for name in TOTALS} for cells in (exactly, roughly))
    assert (exact["estimated"], reckoned["estimated"]) == (0, exact["calls"])
    most = 1.001 * exact["prompt_tokens"] + 40 * exact["calls"]
    assert 0.999 * exact["prompt_tokens"] <= reckoned["prompt_tokens"] <= most
    assert exact["bytes"] <= reckoned["bytes"]


@pytest.mark.parametrize("folder", ["dense", "loose"])
def test_facts_that_are_planned_by_one_of_them_are_never_below_what_is_counted(folder, capsys, tmp_path, monkeypatch):
    """One sample of a length and a hay stands for the others, in hay that is twice as dense elsewhere, too."""
    (first, second) = sorted(("dense", "loose"), key=folder.__ne__)
    lines = {"dense": "7 3 9 1 4 8\n" * 9000, "loose": "understanding international communication\n" * 30_000}
    for number, name in enumerate((first, second)):
        (tmp_path / f"{number}.py").write_text(lines[name])
    hays = {"like": "{haystack}", "unlike": f"code:{tmp_path}"}
    metadata = {"context_lengths": ["1k", "4k"], "depths": 2, "samples_per_cell": 3, "hays": hays}
    roughly = planned(capsys, "niah_context_rot_longctx", metadata)["cells"]
    monkeypatch.setattr("lm_eval_longctx.tasks.text_niah.facts.estimated", lambda _what: False)
    for exact, reckoned in zip(planned(capsys, "niah_context_rot_longctx", metadata)["cells"], roughly, strict=True):
        assert (exact["estimated"], reckoned["estimated"]) == (
            0,
            exact["calls"] - 4,
        )  # of each hay and kind of fact one
        assert exact["prompt_tokens"] <= reckoned["prompt_tokens"] < exact["prompt_tokens"] + 16 * exact["calls"]
        assert exact["bytes"] <= reckoned["bytes"]
        assert exact["output"] <= reckoned["output"]


def test_the_table_marks_what_was_reckoned(capsys, tmp_path, monkeypatch):
    """In the table a tilde stands where tokens were reckoned, and nowhere else, and a line says of what."""
    monkeypatch.setattr(store, "segment_limit", lambda _number: 1 << 15)
    monkeypatch.setattr(corpus, "ENOUGH", 1 << 15)
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path))
    wanted = json.dumps({"context_lengths": ["2k", "24k"], "depths": 1})
    assert main(["plan", "--tasks", "longctx_text_niah", "--metadata", wanted]) == 0
    short, long = (line for line in capsys.readouterr().out.splitlines() if line.startswith("longctx_text_niah"))
    assert ("~" in short, "~" in long) == (False, True)
