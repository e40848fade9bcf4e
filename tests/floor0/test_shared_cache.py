"""What one machine has made is found by others, whole or not at all, and whoever cannot share makes it itself."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from lm_eval_longctx.files import SHARED_VARIABLE, VARIABLE, only_maker, shared, whole, write_whole

PROGRAM = """
import os, sys, time
from pathlib import Path
from lm_eval_longctx.files import default_cache_dir, only_maker, write_whole
while not Path(sys.argv[2]).exists():
    time.sleep(0.005)
path = default_cache_dir() / "films" / "film.mp4"
with only_maker(path):
    if not path.exists():
        with open(sys.argv[1], "a") as made:
            made.write("made\\n")
        write_whole(path, b"x" * 1_000_000)
print(path.stat().st_size)
"""


@pytest.fixture(params=["folder", "memory"])
def place(request, tmp_path, monkeypatch) -> str:
    """A place that machines share: a folder, or a store without locks."""
    named = str(tmp_path / "shared") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"
    monkeypatch.setenv(SHARED_VARIABLE, named)
    return named


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Becomes another machine: one with a cache folder of its own."""

    def become(name: str) -> Path:
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        return tmp_path / name

    return become


def film(cache: Path) -> bool:
    """Make a film and its facts unless they are there; tell whether they had to be made."""
    path = cache / "films" / "f00.mp4"
    with only_maker(path):
        if path.exists() and path.with_suffix(".json").exists():
            return False
        write_whole(path, b"film" * 1000)
        write_whole(path.with_suffix(".json"), b"{}")
    return True


def test_a_file_and_its_companions_are_made_by_one_machine_only(place, machine):
    """The second machine finds the film and its facts, byte for byte, and makes nothing."""
    first = machine("one")
    assert film(first)
    second = machine("two")
    assert not film(second)
    for name in ("f00.mp4", "f00.json"):
        assert (second / "films" / name).read_bytes() == (first / "films" / name).read_bytes()


def test_a_folder_that_grows_is_completed_by_whoever_has_less(place, machine):
    """A folder is fetched whole, and what another machine adds to it later is found too."""

    def grow(cache: Path, count: int) -> int:
        folder, made = cache / "frames" / "abc", 0
        with shared(folder):
            for number in range(count):
                if not (folder / f"{number}.jpg").exists():
                    write_whole(folder / f"{number}.jpg", bytes([number]) * 10)
                    made += 1
        return made

    one, two = machine("one"), machine("two")
    machine("one")
    assert grow(one, 3) == 3
    machine("two")
    assert grow(two, 5) == 2
    machine("one")
    assert grow(one, 5) == 0
    assert sorted(path.name for path in (one / "frames" / "abc").iterdir()) == [f"{n}.jpg" for n in range(5)]


def test_machines_at_the_same_time_make_a_thing_once_where_there_are_locks(tmp_path):
    """Of eight processes with eight cache folders and one shared folder, one makes the film and all have it."""
    log, go = tmp_path / "log", tmp_path / "go"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(log), str(go)],
            env={**os.environ, VARIABLE: str(tmp_path / f"m{i}"), SHARED_VARIABLE: str(tmp_path / "shared")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(8)
    ]
    go.touch()
    assert [process.communicate(timeout=60)[0].strip() for process in running] == ["1000000"] * 8
    assert log.read_text() == "made\n"


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_an_archive_that_was_cut_is_made_anew(tmp_path, monkeypatch, machine, caplog, cut):
    """A damaged archive is said, never used, and replaced by a whole one."""
    monkeypatch.setenv(SHARED_VARIABLE, str(tmp_path / "shared"))
    film(machine("one"))
    archive = tmp_path / "shared" / "films" / "f00.mp4.zip"
    archive.write_bytes(archive.read_bytes()[:cut])
    assert film(machine("two"))
    assert "cannot be fetched" in caplog.text
    assert not film(machine("three"))


def test_names_that_lead_out_of_the_folder_are_not_written(tmp_path, monkeypatch, machine):
    """An archive whose names climb out of the cache folder writes nothing there."""
    import zipfile

    monkeypatch.setenv(SHARED_VARIABLE, str(tmp_path / "shared"))
    place = tmp_path / "shared" / "films" / "f00.mp4.zip"
    place.parent.mkdir(parents=True)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("../../out.txt", "x")
        archive.writestr(f"{tmp_path}/out.txt", "x")
    assert film(machine("one"))
    assert not (tmp_path / "out.txt").exists()
    assert not list(tmp_path.rglob("out.txt"))


def test_a_place_that_cannot_be_used_hinders_nobody(tmp_path, monkeypatch, machine, caplog):
    """Where nothing can be stored each machine makes its own, and says why."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(SHARED_VARIABLE, f"nosuchscheme://{tmp_path}")
    assert film(machine("one"))
    monkeypatch.setenv(SHARED_VARIABLE, str(tmp_path / "file" / "below"))
    assert film(machine("two"))
    assert "share" in caplog.text


def test_what_failed_is_not_shared(place, machine):
    """A thing whose making broke off is stored nowhere, and the next machine makes it."""
    cache = machine("one")
    path = cache / "a.bin"

    def break_off():
        with shared(path), whole(path) as beside:
            beside.write_bytes(b"half")
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        break_off()
    assert film(machine("two"))


def test_what_lies_elsewhere_is_not_shared(place, tmp_path, machine):
    """A path outside the cache folder has no name that others would know, and is left alone."""
    machine("one")
    with shared(tmp_path / "own" / "a.bin"):
        write_whole(tmp_path / "own" / "a.bin", b"x")
    if "://" not in place:
        assert not list(Path(place).rglob("*.zip"))
