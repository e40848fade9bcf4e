"""Papers as data files: read strictly, and each names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lm_eval_longctx.errors import ConfigError, LongctxError, UnknownOptionError
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.papers import SCALES, chosen_parts, paper_names, read_paper
from lm_eval_longctx.plugins.defaults import own_task_folder
from lm_eval_longctx.plugins.manager import registry

PAPER = {
    "title": "A paper",
    "source": "A paper, arXiv 0000.00000",
    "data": {"book": {"holds": "a book", "get": "buy it"}},
    "parts": [
        {
            "id": "needle",
            "title": "A needle",
            "section": "1",
            "metric": "recall",
            "full": [{"task": "longctx_text_niah", "metadata": {"haystack": "books:{book}"}}],
            "small": [{"task": "longctx_text_niah"}],
            "published": [{"models": {"Some model": {"1k": ">0.9", 2000: 0.5}}, "note": "a note"}],
        }
    ],
}


def written(tmp_path, **changes):
    """Write the paper with something else in it, and return its path."""
    part = {**PAPER["parts"][0], **changes.pop("part", {})}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**PAPER, "parts": [part], **changes}), encoding="utf-8")
    return str(path)


def test_a_file_of_ones_own_is_a_paper(tmp_path):
    """A user's YAML file is read by its path, with lengths, bounds and the tasks of its figures."""
    paper = read_paper(written(tmp_path))
    (part,) = paper.parts
    (row,) = part.published
    assert (paper.name, row.source, row.tasks) == ("own", PAPER["source"], ("longctx_text_niah",))
    assert [(point.length, point.value, point.bound) for point in row.points] == [(1024, 0.9, ">"), (2000, 0.5, "")]
    (arm,) = part.arms["full"]
    assert arm.needs == ("book",)
    assert arm.with_data({"book": "/b.txt"}) == {"haystack": "books:/b.txt"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"titel": "x"}, "did you mean 'title'"),
        ({"part": {"sektion": "x"}}, "did you mean 'section'"),
        ({"part": {"full": [{"tusk": "x"}]}}, "did you mean 'task'"),
        ({"part": {"published": [{"model": {}}]}}, "did you mean 'models'"),
        ({"part": {"published": [{"models": {"M": "good"}}]}}, "'good' is no score"),
        ({"part": {"published": [{"models": {"M": {"1 mile": 1}}}]}}, "is not a number of tokens"),
        ({"part": {"unit": "token"}}, "did you mean 'tokens'"),
        ({"part": {"metric": 3}}, "metric must be a str"),
        ({"part": {"full": [{"task": "t", "metadata": {"haystack": "books:{bok}"}}]}}, "did you mean 'book'"),
        ({"data": {"book": {"holds": "a book"}}}, "get is missing"),
        ({"parts": ["needle"]}, "a mapping with id"),
        ({"parts": [PAPER["parts"][0]] * 2}, "two parts have the id 'needle'"),
    ],
)
def test_a_mistake_in_a_file_names_what_was_meant(tmp_path, changes, told):
    """Whatever nobody declared is an error that says where and what is nearest."""
    with pytest.raises(ConfigError, match=told):
        read_paper(written(tmp_path, **changes))


@pytest.mark.parametrize("text", ["title: a\ntitle: b\n", "a: [", "- x\n", "\0"])
def test_a_file_that_is_no_paper_is_refused(tmp_path, text):
    """A key that stands twice, broken YAML and other YAML are errors of one line."""
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LongctxError) as caught:
        read_paper(str(path))
    assert "\n" not in str(caught.value)


def test_unknown_papers_and_parts_name_the_nearest():
    """A wrong paper or part is an error with the one that was meant; a name stands for all parts that begin so."""
    with pytest.raises(UnknownOptionError, match=r"did you mean 'gemini-1\.5'"):
        read_paper("gemini1.5")
    paper = read_paper("gemini-1.5")
    with pytest.raises(UnknownOptionError, match="did you mean 'video-needle'"):
        chosen_parts(paper, "asr,video-nedle")
    kalamang = ["kalamang-ke", "kalamang-ke-bleurt", "kalamang-ek"]
    assert [part.id for part in chosen_parts(paper, "asr, kalamang")] == [*kalamang, "asr"]
    assert len(chosen_parts(paper, None)) == len(paper.parts)
    for nothing in ("", " ", ","):  # an empty variable of a shell must not run, and pay, everything
        with pytest.raises(ConfigError, match="--only names no part"):
            chosen_parts(paper, nothing)


def test_the_paper_on_the_page_is_read_as_it_stands(tmp_path):
    """Who copies the page's file has a paper; a section that YAML takes for a number says what to do."""
    page = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "page.yaml").write_text(text, encoding="utf-8")
    paper = read_paper(str(tmp_path / "page.yaml"))
    assert [part.section for part in paper.parts] == ["4.2"]
    with pytest.raises(ConfigError, match=r"section must be a str, not 4\.1; write it in quotes"):
        read_paper(written(tmp_path, part={"section": 4.10}))


@pytest.mark.parametrize("name", paper_names())
def test_our_papers_name_what_there_is(name):
    """Each part has runs or a reason at every scale, with tasks, presets, metrics and conditions that exist."""
    tasks, known = {task.name: task for task in listed_tasks()}, registry()
    for part in read_paper(name).parts:
        assert set(part.arms) | set(part.lacking) == set(SCALES)
        conditions = {arm.condition for arms in part.arms.values() for arm in arms}
        conditions |= {told for names in part.by.values() for told in names.values()}
        conditions |= {one.name for one in part.statistics} | ({""} if part.mean_of else set())
        for arm in (arm for arms in part.arms.values() for arm in arms if not part.short):
            metadata = tasks[arm.task].metadata
            assert arm.metadata.get("preset", "default") in metadata["presets"]
            scorer = arm.metadata.get("scorer", metadata["scorer"])
            metrics = [metric.name for metric in known.load(known.scorer(scorer)).METRICS]
            assert {arm.metric, *part.by.get("metric", ())} <= set(metrics)
        assert not part.arms or {row.condition for row in part.published} <= conditions | {"internal recordings"}
        assert part.differences or not part.arms


def test_the_group_of_short_tasks_is_the_papers_and_all_are_lm_evals_own():
    """The group longctx-core has the tasks of the paper's core capabilities, and lm-eval knows each and the group."""
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks import __file__ as theirs

    folders = ["gsm8k", "minerva_math", "bbh", "mmlu", "gpqa", "hellaswag", "benchmarks"]
    group = yaml.safe_load((own_task_folder() / "longctx" / "longctx-core.yaml").read_text(encoding="utf-8"))
    (core,) = [part for part in read_paper("gemini-1.5").parts if part.id == "core"]
    assert group["task"] == [arm.task for arm in core.arms["full"]]
    where = [own_task_folder(), *(Path(theirs).parent / folder for folder in folders)]
    manager = TaskManager(include_defaults=False, include_path=list(map(str, where)))
    assert set(group["task"]) <= set(manager.all_tasks)
    assert "longctx-core" in manager.all_groups
    assert not set(manager.match_tasks(["longctx_*"])) & {"longctx-core", *group["task"]}
