"""Commands that start warm: a process that has imported lm-eval, for two seconds, forks for each of them.

``WarmStart(folder).commands`` is a folder to be put first in ``PATH``; its ``lm-eval``, ``lm-eval-longctx`` and
``python`` (a script or ``-m``, no options) are those of this environment, each in a process of its own with the
caller's folder, variables, files and exit status. That they start cold is proved in tests/packaging; where
processes cannot be told apart by descriptors (Linux can), they start cold everywhere.

Run as a script, this file is the caller's side (kept light, since it is what starts each time) or the server.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_NAMES = ("lm-eval", "lm-eval-longctx")
_LIBRARIES = (
    *("lm_eval.evaluator", "lm_eval.__main__", "scipy.special", "pytablewriter", "genai_prices", "vl_convert"),
    *("lm_eval_longctx.harness.lm", "lm_eval_longctx.harness.tasks", "lm_eval_longctx.tasks.text_niah.builder"),
    *("lm_eval_longctx.cli", "lm_eval_longctx.report", "lm_eval_longctx.providers.http"),
)
_SIZE = 8


class WarmStart:
    """The server, and the commands that ask it; a context.

    Attributes:
        commands: The folder of commands.
    """

    def __init__(self, folder: Path) -> None:
        """Write the commands into a folder; its path must be short enough for a socket's name."""
        self._server: subprocess.Popen[bytes] | None = None
        self.commands = Path(sys.executable).parent
        if not hasattr(os, "pidfd_open"):
            return
        self.commands = folder / "bin"
        self.commands.mkdir()
        self._address = str(folder / "warm")
        start = f'#!/bin/sh\nexec "{sys.executable}" -IS "{__file__}" ask "{self._address}"'
        real = Path(sys.executable).parent
        for name, words in (("python", ""), *((name, f'"{real / name}"') for name in _NAMES)):
            file = self.commands / name
            file.write_text(f'{start} {words} "$@"\n', encoding="utf-8")
            file.chmod(0o700)

    def __enter__(self) -> WarmStart:  # noqa: PYI034 - Self is of 3.11
        """Start the server; who asks before it has imported everything waits."""
        import subprocess

        if self.commands == Path(sys.executable).parent:
            return self

        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._address)
            listening.listen(64)
            command = [sys.executable, __file__, "serve", str(listening.fileno())]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listening.fileno()])
        return self

    def __exit__(self, *_: object) -> None:
        """End the server: its standard input ends."""
        if self._server:
            self._server.communicate()


def ask(address: str, words: list[str]) -> int:
    """Have a command run with our files, and return its status."""
    told = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(address)
        socket.send_fds(asking, [len(told).to_bytes(_SIZE, "big")], [0, 1, 2])
        asking.sendall(told)
        return int(asking.makefile().readline())


def serve(listening: socket.socket) -> None:
    """Import what takes long, then fork for everyone who asks, until standard input ends."""
    import gc
    import importlib
    import select

    for name in _LIBRARIES:
        importlib.import_module(name)
    importlib.import_module("lm_eval_longctx.hay.text.tokenizers").load_tokenizer("o200k_base")
    gc.collect()
    gc.freeze()  # else the first collection in each child copies all that it shares with us
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork() == 0:
            with listening, connection:
                return keep(connection)
        connection.close()
        reap(os.WNOHANG)
    return reap(0)


def reap(how: int) -> None:
    """Forget children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, how)[0]:
            pass


def keep(connection: socket.socket) -> None:
    """Run a command in a child, and say its status; it dies with who asked for it."""
    import select
    import signal

    head, files, *_ = socket.recv_fds(connection, _SIZE, 3)
    told = connection.makefile("rb").read(int.from_bytes(head, "big"))
    child = os.fork()
    if child == 0:
        return run(*json.loads(told), files)
    if connection in select.select([connection, os.pidfd_open(child)], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(b"%d\n" % (status if status >= 0 else 128 - status))
    os._exit(0)


def run(words: list[str], folder: str, variables: dict[str, str], files: list[int]) -> None:
    """Be the command."""
    import runpy

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    if words[0] == "-m":
        sys.argv, sys.path[0] = words[1:], folder
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = words, str(Path(words[0]).resolve().parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "ask":
        sys.exit(ask(where, rest))
    serve(socket.socket(fileno=int(where)))
