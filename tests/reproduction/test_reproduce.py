"""The command ``reproduce``: what it tells first, what it runs, what it prints, and what it pays."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml

from lm_eval_longctx.cli import main, reproduce
from lm_eval_longctx.harness.ending import ENDING, STOPPED
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.papers import read_paper
from lm_eval_longctx.reproduction import Choice, Purse, held, make_steps, run_steps, running
from lm_eval_longctx.testing.server import KEY, LocalServer

NEEDLE = {"task": "longctx_text_niah", "metadata": {"context_lengths": ["1k"], "depths": [0.5]}}
CHAT = "model=openai-compatible/tiny,tokenize=false,probe=false,price_in=1000,price_out=2000"
FOREIGN = """\
task: two_sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1}}
"""


def part(name, *runs, **more):
    """Return a part of a paper that runs the same at each scale."""
    about = {"id": name, "title": name, "section": "1", "metric": "recall", "differences": [f"{name} is ours"]}
    return {**about, "full": list(runs), "small": list(runs), **more}


def paper_file(tmp_path, *parts):
    """Write a paper and return its path."""
    data = {"book": {"holds": "a book", "get": "buy it"}}
    path = tmp_path / "own.yaml"
    text = yaml.safe_dump({"title": "Own", "source": "arXiv 1", "data": data, "parts": list(parts)})
    path.write_text(text, encoding="utf-8")
    return str(path)


def command(*words, **environment):
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "lm_eval_longctx", "reproduce", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_the_whole_paper_is_planned_offline(capsys):
    """The plan of the small scale prices every run, and names what needs the hub."""
    assert (
        main(["reproduce", "gemini-1.5", "--scale", "small", "--plan", "--json", "--only", "text,core,planning"]) == 0
    )
    found = json.loads(capsys.readouterr().out)["steps"]
    steps = {step["part"]: step for step in found}
    assert steps["text-needle"]["cost"]["calls"] == 9
    assert "hub" in steps["core"]["lacking"]
    assert [step["cost"]["calls"] for step in found if step["part"] == "planning"] == [1] * 5


def test_data_that_are_not_there_are_named_with_how_to_get_them(tmp_path, capsys):
    """A part that needs data says what they are and how to give them; a name that no data have is refused."""
    run = {"task": "longctx_text_niah", "metadata": {"haystack": "books:{book}"}}
    path = paper_file(tmp_path, part("text", run))
    assert main(["reproduce", path, "--plan"]) == 0
    assert "needs a book: buy it as --data book=PATH" in capsys.readouterr().out
    assert main(["reproduce", path, "--plan", "--data", f"book={tmp_path / 'none.txt'}"]) == 1
    assert "none.txt; it needs a book: buy it" in capsys.readouterr().err
    assert main(["reproduce", path, "--plan", "--data", "bok=x"]) == 1
    assert "did you mean 'book'" in capsys.readouterr().err
    assert main(["reproduce", path, "--plan", "--data", "book"]) == 1
    assert "NAME=PATH" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a paper: gemini-1.5"),
        (("rulr",), "did you mean 'ruler'"),
        (("ruler", "--only", "singel-1"), "did you mean 'single-1'"),
        (("ruler", "--only", ","), "--only names no part"),
        (("ruler", "--data", "book=x"), "ruler needs no data of yours"),
        (("ruler", "--model", "longctxx"), "did you mean 'longctx'"),
        (("ruler", "--limit", "0"), "--limit must be more than 0"),
        (("gemini-1.5", "--scale", "small", "--only", "core"), "nothing of this can run"),
    ],
)
def test_a_slip_of_the_pen_is_an_error_that_says_what_is_right(tmp_path, capsys, words, told):
    """What cannot be meant is refused before anything is asked, and the nearest that can be is named."""
    assert main(["reproduce", *words, *(["-o", str(tmp_path / "out")] if words else [])]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_used_is_refused_before_the_first_call(tmp_path, capsys, monkeypatch):
    """A file in the folder's place, a disk without room, and another run in it are told, and nothing is asked."""
    script = tmp_path / "script.json"
    script.write_text('{"replies": [{"text": "I do not know."}]}', encoding="utf-8")
    model = f"model=scripted/any,script={script},ledger={tmp_path / 'ledger'}"
    (tmp_path / "file").write_text("x", encoding="utf-8")
    asked = ["reproduce", paper_file(tmp_path, part("text", NEEDLE)), "--model_args", model, "-o"]
    assert main([*asked, str(tmp_path / "file")]) == 1
    assert "File exists; nothing was asked; choose another --output_path" in capsys.readouterr().err
    with held(tmp_path / "busy"):
        assert main([*asked, str(tmp_path / "busy")]) == 1
    assert "another run writes into" in capsys.readouterr().err

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(running, "TemporaryFile", full)
    assert main([*asked, str(tmp_path / "full")]) == 1
    assert "No space left on device; nothing was asked" in capsys.readouterr().err


def test_a_full_disk_takes_no_table_from_the_screen(tmp_path, capsys, monkeypatch):
    """Where the pages cannot be written at the end, all tables are printed, and the error after them."""
    script = tmp_path / "script.json"
    script.write_text('{"replies": [{"text": "I do not know."}]}', encoding="utf-8")
    model = f"model=scripted/any,script={script},ledger={tmp_path / 'ledger'}"
    (tmp_path / "out" / "reproduction.md").mkdir(parents=True)
    words = [
        "reproduce",
        paper_file(tmp_path, part("text", NEEDLE)),
        "--model_args",
        model,
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(words) == 1
    told = capsys.readouterr()
    assert "text is ours" in told.out
    assert "cannot write the report" in told.err


def test_ctrl_c_ends_the_run_and_keeps_what_there_is(tmp_path, capsys, monkeypatch):
    """Ctrl-C while a part loads ends that part and those after it, and the page is written with those before."""
    taken = []

    def lm_eval(command):
        taken.append(command)
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run_lm_eval", lm_eval)
    path = paper_file(tmp_path, part("first", NEEDLE), part("second", NEEDLE))
    words = ["reproduce", path, "--model_args", "ledger=none", "-o", str(tmp_path / "out")]
    assert main(words) == 130
    assert len(taken) == 1
    page = (tmp_path / "out" / "reproduction.md").read_text(encoding="utf-8")
    assert "not run: ended by Ctrl-C" in page
    assert "not run: not reached: somebody ended the run" in page
    monkeypatch.setattr(reproduce, "read_paper", lambda _: lm_eval(()))
    assert main(words) == 130
    assert "ended by Ctrl-C" in capsys.readouterr().err


def test_a_rejected_key_is_found_out_once(tmp_path, monkeypatch):
    """Once the model takes nothing more, only what is all in the ledger is still begun; the others say why not."""
    paper = read_paper(
        paper_file(tmp_path, *(part(name, NEEDLE) for name in ("first", "asks", "recorded", "unpriced")))
    )
    steps = make_steps(paper, paper.parts, None, Choice(), lambda _: None)
    calls = {"asks": SimpleNamespace(calls=2), "recorded": SimpleNamespace(calls=0)}
    steps = [replace(step, cost=calls.get(step.part.id)) for step in steps]
    begun = []

    def refused(command):
        begun.append(command)
        totals = {"unsent": 1, "stopped": "the provider takes no more calls (401)", "reasons": {}}
        ENDING.model(totals, {"accept_incomplete": False, "ledger": None})
        return STOPPED

    monkeypatch.setattr(running, "run_lm_eval", refused)
    done = run_steps(steps, ("longctx", ""), tmp_path / "out", Purse.open(None, None, {}), Choice(), lambda _: None)
    assert len(begun) == 2
    told = {ran.step.part.id: ran.error for ran in done}
    assert told["asks"] == told["unpriced"] == "not reached: the provider takes no more calls (401)"
    assert "sending stopped early" in told["first"]
    assert done[0].status == STOPPED


def test_a_plan_that_is_too_dear_is_refused_before_the_first_call(tmp_path, capsys, monkeypatch):
    """Beyond --max-cost nothing is asked, and the dearest part is named; without prices or ledger there is no limit."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    dear = {**NEEDLE, "metadata": {"context_lengths": ["16k"]}}
    path = paper_file(tmp_path, part("cheap", NEEDLE), part("dear", dear))
    with LocalServer() as server:
        arguments = f"{CHAT},base_url={server.base_url('openai-compatible')}"
        asked = ["reproduce", path, "--model_args", arguments, "--max-cost", "5", "-o", str(tmp_path / "out")]
        assert main(asked) == 1
        assert server.state.requests == []
    told = capsys.readouterr().err
    assert "more than --max-cost 5.00" in told
    assert "the dearest part is dear" in told
    assert main(["reproduce", path, "--max-cost", "5", "--model_args", "ledger=none", "-o", str(tmp_path / "out")]) == 1
    assert "ledger" in capsys.readouterr().err
    assert main(["reproduce", path, "--max-cost", "5", "--model_args", "max_cost=3"]) == 1
    assert "leave one of the two out" in capsys.readouterr().err
    assert main(["reproduce", path, "--max-cost", "5", "--model", "hf"]) == 1
    assert "priced" in capsys.readouterr().err


def test_ours_stands_beside_the_published_and_a_failure_stands_alone(tmp_path):
    """A part of ours, one of lm-eval's own and one that breaks: each has its place in the table and on every page."""
    (tmp_path / "sums.json").write_text('{"question": "1+1=", "answer": "2"}\n{"question": "2+2=", "answer": "4"}\n')
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "two_sums.yaml").write_text(FOREIGN.format(data=tmp_path / "sums.json"), encoding="utf-8")
    sums = {"task": "two_sums", "metric": "exact_match,none", "percent": True, "condition": "sums"}
    published = [{"models": {"Some model": {"1k": 0.755}}}]
    path = paper_file(
        tmp_path,
        part("broken", {**sums, "task": "no_such_task", "condition": ""}),
        part("text", NEEDLE, published=published),
        part("core", sums, metric="exact_match,none", short=True),
        part("misnamed", {**sums, "metric": "exact_mach,none"}),
    )
    script = tmp_path / "script.json"
    replies = [
        {"contains": "1+1", "text": "2"},
        {"contains": "2+2", "outcome": "context_exceeded", "detail": "too long"},
        {"text": "I do not know."},
    ]
    script.write_text(json.dumps({"replies": replies}), encoding="utf-8")
    model = f"model=scripted/any,script={script},ledger={tmp_path / 'ledger'}"
    out = tmp_path / "out"
    with command(path, "--model_args", model, "-o", out, "--include_path", tasks) as process:
        printed, log = process.communicate(timeout=280)
    assert process.returncode == 1, log  # of the part that broke
    found = {one["id"]: one for one in json.loads((out / "reproduction.json").read_text())["parts"]}
    (row,) = found["text"]["rows"]
    assert (row["ours"]["value"], row["ours"]["scored"], row["published"][0]["value"]) == (0.0, 1, 0.755)
    assert row["ours"]["low"] == 0.0 < row["ours"]["high"]
    (row,) = found["core"]["rows"]
    assert (row["ours"]["value"], row["ours"]["n"]) == (50.0, 2)
    assert "1 of 2 calls failed" in found["core"]["runs"][0]["error"]
    assert "no_such_task" in found["broken"]["runs"][0]["error"]
    assert "it has: " in found["misnamed"]["runs"][0]["error"]
    for text in (printed, (out / "reproduction.md").read_text(), (out / "reproduction.html").read_text()):
        assert "Some model 0.755" in text
        assert "text is ours" in text
        assert "no_such_task" in text
        assert "50.0" in text
    assert main(["report", str(out), "--pictures", "none"]) == 0


def test_a_killed_run_goes_on_and_pays_nothing_twice(tmp_path):
    """Killed in its second part, the same command ends with every answer, and pays for each once."""
    runs = [{**NEEDLE, "metadata": {"context_lengths": ["1k"], "depths": depths}} for depths in ([0.1, 0.9], 20)]
    path = paper_file(tmp_path, part("first", runs[0]), part("second", runs[1]))
    with LocalServer() as server:
        address = f"base_url={server.base_url('openai-compatible')},ledger={tmp_path / 'ledger'},concurrency=1"
        words = (path, "--model_args", f"{CHAT},{address}", "-o", tmp_path / "out", "--max-cost", "500")
        with command(*words, OPENAI_COMPATIBLE_API_KEY=KEY) as process:
            until = time.monotonic() + 240
            while len(server.state.requests) < 6 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            process.kill()
            process.communicate()
        assert 6 <= len(server.state.requests) < 22
        with command(*words, OPENAI_COMPATIBLE_API_KEY=KEY) as process:
            printed, log = process.communicate(timeout=240)
        assert process.returncode == 0, log
        # Lost with the process: the call in flight, and one whose answer had come and was not on the disk yet, for its
        # place on the wire is the next one's at once. Whatever was billed again is shown as such.
        again = len(server.state.bills) - 22
        with Ledger.open(tmp_path / "ledger") as ledger:
            assert 0 <= again <= min(2, ledger.summary().possibly_billed)
    found = json.loads((tmp_path / "out" / "reproduction.json").read_text())["parts"]
    assert [one["rows"][0]["ours"]["scored"] for one in found] == [2, 20]
    assert "spent 0.00" not in printed


@pytest.mark.media
@pytest.mark.parametrize(
    "words",
    [
        ("--only", "text-needle,manyshot-labels,video-needle", "--limit", "1"),
        pytest.param((), marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
    ids=["some parts", "all parts"],
)
def test_the_small_scale_runs_on_the_embedded_model(tmp_path, capsys, words):
    """The parts that are defined at the small scale run offline on the embedded model, and each has a score."""
    assert main(["reproduce", "gemini-1.5", "--scale", "small", "-o", str(tmp_path), "--json", *words]) == 0
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)["parts"]}
    asked = words[1].split(",") if words else [one.id for one in read_paper("gemini-1.5").parts]
    assert set(asked) <= found.keys()
    for one in (one for one in read_paper("gemini-1.5").parts if one.id in asked):
        scored = [row["ours"]["value"] for row in found[one.id]["rows"] if row["ours"]]
        assert len(scored) >= len(one.arms.get("small", ()))
        assert None not in scored


def test_a_model_without_log_probabilities_is_not_asked_for_a_loss(tmp_path, capsys):
    """The plan says that a part asks for log-probabilities which the model does not tell, and does not count it."""
    run = {"task": "longctx_text_nll", "metadata": {"preset": "smoke", "context_lengths": ["256"]}, "metric": "nll"}
    path = paper_file(tmp_path, part("loss", run))
    assert main(["reproduce", path, "--plan", "--model_args", "model=scripted/any,ledger=none"]) == 0
    assert "scripted/any gives no log-likelihoods, which longctx_text_nll" in capsys.readouterr().out
