"""One prompt, made again and looked at: ``lm-eval-longctx show``."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from lm_eval_longctx.cli import main, show
from lm_eval_longctx.preview import folder as folders
from lm_eval_longctx.preview import pictures
from lm_eval_longctx.preview.media import Sound, clock
from lm_eval_longctx.prompt import Prompt, TextPart, Turn, file_digest
from lm_eval_longctx.screen import harmless

if TYPE_CHECKING:
    from pathlib import Path

TEXT, PICTURES = "longctx_text_niah", "longctx_image_niah"


def test_results_lie_in_a_folder_with_the_models_name(ran) -> None:
    """A run that names no model has its results under the name of the embedded one, and tables call it so."""
    assert [path.name for path in ran.out.iterdir()] == ["cascade"]
    assert ran.sample(TEXT).run.model == "cascade"


def told(capsys: Any, *arguments: object) -> Any:
    """Return what ``show`` prints as JSON."""
    assert main(["show", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: Any, *arguments: object) -> str:
    """Return the one line with which ``show`` refuses."""
    assert main(["show", *map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return str(printed.err)


def test_a_folder_alone_lists_its_samples(ran, capsys) -> None:
    """Without an id each sample of the run is a line, with what came of it and the next command."""
    assert main(["show", str(ran.out)]) == 0
    printed = capsys.readouterr().out
    assert ran.sample(TEXT).sample["id"] in printed
    assert ran.sample(PICTURES).sample["id"] in printed
    assert f"lm-eval-longctx show {ran.out} SAMPLE" in printed
    assert [row["task"] for row in told(capsys, ran.out)] == [PICTURES, TEXT]


@pytest.mark.parametrize("place", ["folder", "results", "log"])
def test_a_text_prompt_is_written_as_it_was_sent(ran, tmp_path, capsys, place) -> None:
    """From folder, result file or log, the prompt's file has the bytes whose digest the run recorded."""
    one = ran.sample(TEXT)
    where = {"folder": ran.out, "results": one.run.path, "log": one.run.samples_file}[place]
    shown = told(capsys, where, one.sample["id"][:6], "-o", tmp_path / "x")
    assert len(one.prompt) == 64
    assert shown["digest"] == {"made": one.prompt, "recorded": one.prompt}
    needle = shown["needles"][0]
    text = (tmp_path / "x" / "prompt.txt").read_bytes().decode()
    assert needle["before"] + needle["text"] + needle["after"] in text
    assert one.sample["target"] in needle["text"]
    turns = json.loads((tmp_path / "x" / "prompt.json").read_text())
    again = Prompt(
        tuple(Turn(t["role"], tuple(TextPart(p["text"]) for p in t["parts"])) for t in turns["turns"]),
        turns["answer_prefix"],
    )
    assert again.digest == one.prompt
    assert again.text() == text


def colours(picture: Image.Image) -> dict[Any, int]:
    """Return how many pixels have each colour."""
    return {colour: count for count, colour in picture.convert("RGB").getcolors(1 << 24)}


def test_media_are_written_and_the_needle_is_framed(ran, tmp_path, capsys) -> None:
    """Pictures come as the files that were sent, in order, and a contact sheet frames the needle's."""
    one = ran.sample(PICTURES)
    shown = told(capsys, ran.out, one.sample["id"], "-o", tmp_path / "x")
    turns = json.loads((tmp_path / "x" / "prompt.json").read_text())
    files = [part for turn in turns["turns"] for part in turn["parts"] if "file" in part]
    assert [file_digest(tmp_path / "x" / part["file"]) for part in files] == [part["sha256"] for part in files]
    assert len(files) == 4
    assert "[media/00001.jpg]" in (tmp_path / "x" / "prompt.txt").read_text()
    with Image.open(tmp_path / "x" / "needle-1.png") as sheet:
        assert colours(sheet)[pictures._NEEDLE] > 2 * 240 * 3
    page = (tmp_path / "x" / "index.html").read_text()
    assert 'src="needle-1.png"' in page
    assert shown["page"] == str(tmp_path / "x" / "index.html")


def test_around_prints_and_writes_nothing(ran, tmp_path, monkeypatch, capsys) -> None:
    """``--around`` prints the needle between marks, or the prompt's ends, and makes no file."""
    monkeypatch.chdir(tmp_path)
    one = ran.sample(TEXT)
    assert main(["show", str(ran.out), one.sample["id"], "--around", "needle", "--context", "20"]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"\[characters .* of .*\]\n[^>]*>>>[^<]*{one.sample['target']}\.<<<", printed)
    for part, words in (("start", "<context>"), ("end", "What is the special magic")):
        assert main(["show", str(ran.out), one.sample["id"], "--around", part]) == 0
        assert words in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert "leave --around out" in refused(capsys, ran.out, ran.sample(PICTURES).sample["id"], "--around", "needle")


def test_a_key_of_the_ledger(ran, tmp_path, capsys) -> None:
    """A call of the ledger is shown with the results, or without them if its settings are said."""
    one = ran.sample(TEXT)
    key = one.calls[0]["key"]
    settings = json.dumps({"context_lengths": ["1k"], "depths": [0.5]})
    for where in ([ran.out], ["--metadata", settings]):
        shown = told(capsys, key[:20], *where, "--ledger", ran.ledger, "-o", tmp_path / "x")
        assert shown["digest"] == {"made": one.prompt, "recorded": one.prompt}
        assert "the same digest as in the l" in shown["prompt"]
    others = json.dumps({"context_lengths": ["2k"]})
    assert "or --metadata as in the run" in refused(capsys, key, "--ledger", ran.ledger, "--metadata", others)


def changed(ran: Any, folder: Path, change: Any) -> Path:
    """Copy a run and change the lines of its text needle's log."""
    shutil.copytree(ran.out, folder)
    (log,) = folder.rglob(f"samples_{TEXT}_*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        change(line)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _another(key: str, value: Any) -> Any:
    return lambda line: line["doc"].update({key: value})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_another("seed", 7), "seed: 7 in the sample, 0 in the run"),
        (_another("version", "1"), "version of the task: 1 then, 2 now"),
        (_another("key", "Atlantis"), 'key: "Atlantis" then'),
        (lambda line: line["doc"]["haystack"].update(digest="0" * 64), "corpus: chronicle had digest 0000000000000000"),
        (lambda line: line["arguments"]["gen_args_0"]["arg_3"].update(prompt="f" * 64), "recorded is ffffffffffffffff"),
    ],
)
def test_another_prompt_is_refused_with_what_differs(ran, tmp_path, capsys, change, says) -> None:
    """If what is made is not what was sent, nothing is written, and one line says what is not as it was."""
    one = ran.sample(TEXT)
    line = refused(capsys, changed(ran, tmp_path / "run", change), one.sample["id"], "-o", tmp_path / "x")
    assert says in line
    assert not (tmp_path / "x").exists()


def test_another_version_of_the_software_is_named(ran, tmp_path, capsys) -> None:
    """A prompt that comes out otherwise under another version of this package names both versions."""
    folder = changed(ran, tmp_path / "run", _another("key", "Atlantis"))
    (results,) = folder.rglob("results_*.json")
    data = json.loads(results.read_text())
    data["config"]["longctx"]["versions"]["lm-eval-longctx"] = "0.0.1"
    results.write_text(json.dumps(data))
    assert "version of lm-eval-longctx: 0.0.1 then" in refused(capsys, folder, ran.sample(TEXT).sample["id"])


def test_what_cannot_be_found_is_said(ran, tmp_path, capsys) -> None:
    """An id that is nowhere, two ids, a log without its results, a folder without a log: one line each."""
    assert "has no sample ffff" in refused(capsys, ran.out, "ffff")
    assert "name one sample" in refused(capsys, ran.out, "ffff", "eeee")
    (log,) = ran.out.rglob(f"samples_{TEXT}_*.jsonl")
    alone = shutil.copy(log, tmp_path)
    assert "must be in one folder" in refused(capsys, alone, ran.sample(TEXT).sample["id"])
    assert "is no ledger" in refused(capsys, "ffff", "--ledger", tmp_path / "none")
    (results,) = ran.out.rglob("results_*.json")
    assert "--log_samples" in refused(capsys, shutil.copy(results, tmp_path / "without.json"))


def test_no_screen_is_no_error(ran, tmp_path, monkeypatch, capsys) -> None:
    """``--open`` where there is no screen names the page; where there is one, it is opened."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    arguments = ["show", str(ran.out), ran.sample(TEXT).sample["id"], "-o", str(tmp_path / "x"), "--open"]
    assert main(arguments) == 0
    assert f"look at {tmp_path / 'x' / 'index.html'}" in capsys.readouterr().err
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(arguments) == 0
    assert opened == [(tmp_path / "x" / "index.html").as_uri()]


def test_hostile_text_commands_no_terminal_and_no_page(tmp_path) -> None:
    """What stands in hay or answers is text: no escape reaches a terminal, no markup a page."""
    from lm_eval_longctx.preview.excerpts import Excerpt
    from lm_eval_longctx.preview.index import write_index

    assert harmless("a\x1b[2Jb\u202ec\n") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c\n"
    bad = "<script>alert(1)</script>"
    needle = folders.Needle(bad, text=Excerpt("text", bad, before=bad, text=bad, after=bad))
    page = write_index(tmp_path, bad, {bad: bad}, [needle], []).read_text()
    assert "<script" not in page


def test_a_folder_that_cannot_be_written_is_said(ran, tmp_path, capsys) -> None:
    """Where a file is in the way of the folder, one line says so."""
    (tmp_path / "x").write_text("")
    assert "name another folder" in refused(capsys, ran.out, ran.sample(TEXT).sample["id"], "-o", tmp_path / "x")


@pytest.mark.parametrize(
    ("seconds", "whole", "tenths"),
    [(0, "0:00", "0:00.0"), (59.96, "1:00", "1:00.0"), (3599.99, "1:00:00", "1:00:00.0"), (75.26, "1:15", "1:15.3")],
)
def test_times_as_people_read_them(seconds: float, whole: str, tenths: str) -> None:
    """Times are minutes and seconds, with hours where there are any; rounding carries over."""
    assert (clock(seconds), clock(seconds, tenths=True)) == (whole, tenths)


@pytest.mark.parametrize("frames", [1, 4, 5, 6, 13])
def test_a_contact_sheet_frames_only_the_needle(frames: int) -> None:
    """Each frame is on the sheet in its colour, and the needle's colour surrounds one of them."""
    shades = [(10 * n + 20, 0, 255 - 10 * n) for n in range(frames)]
    made = [pictures.Frame(str(n), Image.new("RGB", (64, 36), s), n == frames // 2) for n, s in enumerate(shades)]
    sheet = pictures.contact_sheet("a title " * 40, made, tile=80)
    assert set(colours(sheet)) >= {*shades, pictures._NEEDLE}
    columns = min(frames, 5)
    assert sheet.width == columns * 88 + 8


@pytest.mark.parametrize(("rate", "seconds"), [(16_000, 9.0), (8_000, 0.01), (48_000, 60.0)])
def test_a_spectrogram_shows_a_tone_at_its_pitch_and_seconds(rate: int, seconds: float) -> None:
    """A tone in the second half of some seconds is dark at its pitch there, and nowhere else."""
    import numpy as np

    wave = np.zeros(max(1, int(rate * seconds)), np.float32)
    half = len(wave) // 2
    wave[half:] = np.sin(np.arange(len(wave) - half) * 2 * np.pi * 2000 / rate)
    picture = pictures.spectrogram("t", Sound(wave, rate), 100.0, (100 + seconds / 2, 100 + seconds))
    if seconds > 1:
        grey = np.asarray(picture.convert("L")).astype(int)
        inside = grey[36:356, 60:1240]
        highest = min(8000, rate / 2)
        row = int(inside.shape[0] * (1 - 2000 / highest))
        assert inside[row - 3 : row + 3, 700:1100].min() < 60
        assert inside[5:300, 20:500].min() > 200


@pytest.mark.parametrize(
    ("line", "outcome"),
    [({"reading": []}, "not_asked"), ({}, "unknown"), ({"reading": [{"outcome": "blocked"}]}, "blocked")],
)
def test_what_an_adaptive_sweep_did_not_ask_is_not_unknown(line, outcome) -> None:
    """A sample without an answer to read was not asked; unknown is only what older logs do not tell."""
    assert show._outcome(SimpleNamespace(line=line)) == outcome
