"""The page, and writing it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from made_sweeps import TARGET, block, write_results

from lm_eval_longctx.cli import main
from lm_eval_longctx.completion import Completion
from lm_eval_longctx.errors import ResultsError, UnknownOptionError
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.report import write_report, writing
from lm_eval_longctx.report.figures import fonts
from lm_eval_longctx.report.page import page
from lm_eval_longctx.report.published import difference, published_for, published_parts
from lm_eval_longctx.results import read_runs

VOID = {"meta", "img", "input", "wbr"}


class Checked(HTMLParser):
    """Reads a page, refusing elements that are not closed in order, and collects places and links."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.tags = [], [], [], [], set()
        self.scripts, self.blocks = [], {}

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        if tag == "script":
            self.scripts.append(given.get("type", ""))
            self.inside = given.get("data-cell")
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script" and self.inside:
            self.blocks[self.inside] = json.loads(gzip.decompress(base64.b64decode(data)))


def read(text):
    parser = Checked()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def written(out, runs, tmp_path_factory):
    """A report of both runs."""
    return write_report(runs, tmp_path_factory.mktemp("report"))


def test_page_is_whole_and_needs_nothing(written):
    """Elements close in order, every place is unique, every inner link leads somewhere, only one script runs."""
    parsed = read(written.page.read_text(encoding="utf-8"))
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert all(source.startswith("data:image/") for source in parsed.sources)
    assert not parsed.tags & {"link", "iframe"}
    assert parsed.scripts == ["application/gzip"] * 30 + [""]
    assert not [link for link in parsed.links if "://" in link]


def test_every_cell_opens_its_samples(written, runs):
    """Each cell that was run has a block of its own with facts; unscored cells are grey and say why."""
    text = written.page.read_text(encoding="utf-8")
    parsed = read(text)
    assert set(parsed.blocks) <= set(parsed.ids)
    for run in runs:
        blocks = [block for block in parsed.blocks.values() if block["model"] == run.model]
        assert sum(len(block["samples"]) for block in blocks) == (run.block["summary"]["n"] if run.samples_file else 0)
        assert {dict(facts)["samples"] for block in blocks for facts in block["facts"]} >= {"2 of 2 scored"}
    assert len(re.findall(r'style="background:#9e9e9e[^>]*><a [^>]*><span[^>]*>(?:too long|refused)</span>', text)) == 4
    assert ["tokens", "2,088 billed, 200 cached, 10 output"] in parsed.blocks[next(iter(parsed.blocks))]["facts"][0]


def test_answers_are_kept_as_data(written):
    """Logged answers are data and never markup; their file is linked relative to the page."""
    text = written.page.read_text(encoding="utf-8")
    samples = [one for block in read(text).blocks.values() for one in block["samples"]]
    assert {"<b>It is 3141592.</b>"} <= {one["answer"] for one in samples}
    assert "<b>" not in text
    assert {("context_exceeded", "too long")} <= {(one["outcome"], one["detail"]) for one in samples}
    links = [link for link in read(text).links if link.endswith(".jsonl")]
    assert [(written.page.parent / link).resolve().is_file() for link in links] == [True]


def test_runs_of_one_model_are_told_apart_by_date(tmp_path):
    """With ``--all``, rows of the same model and task bear their dates; the model's line is about the newest."""
    write_results(tmp_path, {"t": block()})
    write_results(tmp_path, {"t": block(lambda _: Completion(TARGET))}, stamp="2026-02-02T00")
    text = page(read_runs([tmp_path], newest=False))
    assert [text.count(f"<small>{stamp}</small>") for stamp in ("2026-01-01T00", "2026-02-02T00")] == [2, 2]
    assert text.count('<li data-model="fake/model">') == 1
    assert "Holds to the longest length that was tried in its one task." in text


def test_links_to_files_are_addresses(tmp_path):
    """A folder whose name means something in an address is led to all the same."""
    folder = tmp_path / "a#b?c %41 javascript:x"
    write_results(folder, {"t": block()})
    (folder / "samples_t_2026-01-01T00.jsonl").write_text("")
    written = write_report(read_runs([folder]), tmp_path)
    links = [link for link in read(written.page.read_text(encoding="utf-8")).links if not link.startswith("#")]
    assert {unquote(link) for link in links} == {f"./{path.relative_to(tmp_path)}" for path in folder.iterdir()}
    assert not [link for link in links if set(link) & set("#? ")]


def test_pictures_are_written_and_inside(written):
    """All figures are files; all but the two heatmaps are part of the page, whose grids are tables."""
    assert len(written.pictures) >= 3
    assert all(file.read_bytes().startswith(b"<svg") for file in written.pictures)
    assert len(read(written.page.read_text(encoding="utf-8")).sources) == len(written.pictures) - 2
    assert written.note == ""


def test_a_report_of_very_many_samples_is_the_same(tmp_path, monkeypatch):
    """Figures that another process draws while samples are read are those of any report, and so is the page."""
    write_results(tmp_path, {"t": block()})
    (tmp_path / "samples_t_2026-01-01T00.jsonl").write_text("")
    usual = write_report(read_runs([tmp_path]), tmp_path / "a")
    monkeypatch.setattr(writing, "_MANY", 1)
    monkeypatch.setattr(writing, "drawn", None)
    large = write_report(read_runs([tmp_path]), tmp_path / "b")
    assert [file.read_bytes() for file in large.pictures] == [file.read_bytes() for file in usual.pictures]
    assert large.page.read_bytes() == usual.page.read_bytes()


def test_without_what_draws_there_is_still_a_page(runs, tmp_path, monkeypatch):
    """Without what draws figures the page is written, and one line says how to get pictures."""
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
    written = write_report(runs, tmp_path)
    assert written.pictures == ()
    assert "pip install 'lm-eval-longctx[report]'" in written.note
    assert "too long" in written.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("model", ['../<script>"x"', "\ud800", "\u202ea</bdi>", "a'b&amp;c"])
def test_names_of_models_cannot_break_the_page(tmp_path, model):
    """A model's name with markup, slashes or half a character is text, and no path."""
    write_results(tmp_path, {"t": block()}, model=model)
    written = write_report(read_runs([tmp_path]), tmp_path / "report")
    assert {file.parent for file in written.pictures} == {tmp_path / "report"}
    assert read(written.page.read_text(encoding="utf-8")).scripts.count("") == 1


def test_a_damaged_samples_file_is_named(tmp_path):
    """A samples file that lm-eval did not write is named with its line."""
    write_results(tmp_path, {"t": block()})
    (tmp_path / "samples_t_2026-01-01T00.jsonl").write_text('{"doc": {}}\n')
    with pytest.raises(ResultsError, match=r"samples_t_.*, line 1"):
        page(read_runs([tmp_path]))


def test_a_folder_that_cannot_be_written_is_said(runs, tmp_path):
    """An output that is a file gives one line that names it."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(ResultsError, match=r"cannot write the report to .*taken"):
        write_report(runs, tmp_path / "taken")


def test_an_unknown_metric_is_refused_before_writing(runs, tmp_path):
    """A metric that no run has is an error, and nothing is written."""
    with pytest.raises(UnknownOptionError, match="did you mean 'exact'"):
        write_report(runs, tmp_path / "report", "exakt")
    assert not (tmp_path / "report").exists()


def test_published_rows_are_of_known_families():
    """Each published row has a source, scores in its metric's range and a told difference of protocol."""
    for part in published_parts():
        high = 100 if part.metric in {"chrf", "bleurt"} or part.short else 1
        for row in part.published:
            assert "arXiv" in row.source
            assert row.tasks or part.mean_of
            assert all(difference(task) for task in row.tasks)
            assert all(0 <= point.value <= high and point.bound in {"", ">", "~"} for point in row.points)
            assert not part.short or all(point.value > 1 for point in row.points)  # per cent, as the paper has it


def test_published_rows_are_for_their_own_family_only():
    """Text needles are compared with text needles, on the same metric, and nothing else."""
    assert {row.model for row in published_for("longctx_text_niah", "recall")} >= {"Gemini 1.5 Pro"}
    assert published_for("longctx_text_niah", "exact") == []
    assert published_for("longctx_text_docqa", "recall") == []


def test_command_prints_tables_and_writes(out, tmp_path, capsys):
    """``report out/`` prints a table a run and a comparison, and lists what it wrote."""
    assert main(["report", str(out), "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.count("by context length in tokens") == 2
    assert "longctx_text_niah · all models" in said
    assert str(tmp_path / "report.html") in said


def test_command_writes_beside_the_results_by_default(tmp_path, capsys):
    """Without ``--output`` the report lies in the results' folder, where a second report does not read it."""
    write_results(tmp_path, {"t": block()})
    for _ in range(2):
        assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "longctx-report" / "report.html").is_file()
    capsys.readouterr()


def test_command_prints_json(out, capsys):
    """``--json`` prints the sweeps and writes nothing."""
    before = sorted(out.rglob("*"))
    assert main(["report", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["model"] for one in found] == ["fake/model", "perfect/model"]
    assert found[0]["sweep"]["summary"]["n"] == 30
    assert sorted(out.rglob("*")) == before


def test_command_says_what_is_wrong(tmp_path, capsys):
    """A folder without sweeps gives one line and status 1."""
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("lm-eval-longctx: no sweeps in")


def test_published_rows_name_tasks_and_metrics_that_exist(repo_root):
    """Each published row belongs to tasks of ours whose scorer has its metric."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((repo_root / "task_configs").glob("*/*.yaml"))]
    found = [(re.search(r"^task: (\S+)", text, re.MULTILINE), re.search(r"scorer: (\S+)", text)) for text in texts]
    scorers = {task[1]: scorer[1] for task, scorer in found if task and scorer}
    known = registry()
    for part in (part for part in published_parts() if not part.short):
        for task in part.tasks:
            # a part may ask for another scorer than the task's own
            other = [arm.metadata["scorer"] for arm in part.arms.get("full", ()) if "scorer" in arm.metadata]
            metrics = known.load(known.scorer((other or [scorers[task]])[0])).METRICS
            assert part.metric in [metric.name for metric in metrics], task
