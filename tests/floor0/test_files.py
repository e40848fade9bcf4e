"""Files are whole or absent, and made once, however many threads and processes want them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lm_eval_longctx.files import IN_USE_SECONDS, make_room, only_maker, used, whole, write_whole

MANY = 32

PROGRAM = """
import sys, time
from pathlib import Path
from lm_eval_longctx.files import only_maker, whole
path, log = Path(sys.argv[1]), Path(sys.argv[2])
while not (path.parent / "go").exists():
    time.sleep(0.005)
with only_maker(path):
    if not path.exists():
        with log.open("a") as made:
            made.write("made\\n")
        with whole(path) as beside:
            beside.write_bytes(b"x" * 1_000_000)
print(path.stat().st_size)
"""


def test_threads_make_a_file_once(tmp_path):
    """Of 32 threads one makes the file, and all find it whole."""
    path, made, start = tmp_path / "folder" / "film.mp4", [], threading.Barrier(MANY)

    def want(number):
        start.wait()
        with only_maker(path):
            if not path.exists():
                made.append(number)
                write_whole(path, b"x" * 1_000_000)
        return path.stat().st_size

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(want, range(MANY))) == [1_000_000] * MANY
    assert len(made) == 1


def test_processes_make_a_file_once(tmp_path):
    """Of 32 processes one makes the file, and all find it whole."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "film.mp4"), str(tmp_path / "log")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(MANY)]
    (tmp_path / "go").touch()
    assert [process.communicate(timeout=60)[0].strip() for process in running] == ["1000000"] * MANY
    assert (tmp_path / "log").read_text() == "made\n"


def test_writers_without_a_lock_never_show_a_part(tmp_path):
    """Threads that write the same file at the same time leave one whole content, and nothing beside it."""
    path, start = tmp_path / "facts.json", threading.Barrier(MANY)

    def write(number):
        start.wait()
        with whole(path) as beside:
            beside.write_bytes(bytes([number]) * 100_000)

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(write, range(MANY)))
    content = path.read_bytes()
    assert content == content[:1] * 100_000
    assert [file.name for file in tmp_path.iterdir()] == ["facts.json"]


def test_folders_are_put_in_place_whole(tmp_path):
    """Of several makers of one folder the first one's stays, and no part is left beside it."""
    path, start = tmp_path / "frames", threading.Barrier(MANY)

    def make(number):
        start.wait()
        with whole(path) as beside:
            beside.mkdir()
            for name in ("a", "b"):
                (beside / name).write_text(str(number))

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(make, range(MANY)))
    assert (path / "a").read_text() == (path / "b").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_failed_leaves_nothing(tmp_path, kind):
    """An error in the making leaves neither the thing nor a part of it, and is not hidden."""
    with pytest.raises(ValueError, match="half-way"), whole(tmp_path / "thing.npy") as beside:  # noqa: PT012
        if kind == "folder":
            beside.mkdir()
            (beside / "one").touch()
        else:
            beside.write_bytes(b"half")
        assert beside.suffix == ".npy"
        raise ValueError("half-way")
    assert list(tmp_path.iterdir()) == []


def test_room_is_made_by_age_and_never_of_what_is_in_use(tmp_path):
    """The oldest things go first, with their companions, until the rest fits; those of the last hour stay."""
    now = time.time()
    for age in range(5):
        (tmp_path / f"{age}.mp4").write_bytes(b"x" * 100)
        (tmp_path / f"{age}.json").write_bytes(b"{}")
        os.utime(tmp_path / f"{age}.mp4", (now, now - age * IN_USE_SECONDS))
    make_room(tmp_path.glob("*.mp4"), 250)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.json", "0.mp4", "1.json", "1.mp4"]
    used(tmp_path / "1.mp4")
    make_room(tmp_path.glob("*.mp4"), 0)
    assert (tmp_path / "0.mp4").exists()
    assert (tmp_path / "1.mp4").exists()


def test_room_is_made_by_several_at_once(tmp_path):
    """Threads that make room in the same folder, while others remove things, see no error."""
    for number in range(200):
        (tmp_path / f"{number}.mp4").write_bytes(b"x")
        os.utime(tmp_path / f"{number}.mp4", (1.0, 1.0))

    def clear(_):
        make_room(list(tmp_path.glob("*.mp4")), 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(clear, range(8)))
    assert list(tmp_path.glob("*.mp4")) == []
