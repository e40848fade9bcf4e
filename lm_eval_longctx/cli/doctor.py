"""``lm-eval-longctx doctor``: why lm-eval does not show our tasks or our model."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import _lm_eval_longctx_hook
from lm_eval_longctx.harness.checks import Finding, Level, fail, harness_checks, note, ok
from lm_eval_longctx.screen import fitted
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


DISTRIBUTION = "lm-eval-longctx"
PTH = "lm_eval_longctx.pth"
HOOK = "_lm_eval_longctx_hook"
DISABLE = "LM_EVAL_LONGCTX_DISABLE"
_PACKAGE = Path(__file__).resolve().parent.parent
_SECONDS = 60
_NOT_FOR_USERS = {"all", "test"}
_ASK_HOOK = f"import sys; print(any(type(finder).__module__ == {HOOK!r} for finder in sys.meta_path))"
_ASK_PREFIX = "import sys; print(sys.prefix)"
_INSTEAD = "meanwhile: lm-eval-longctx run ..."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--include_path",
        action="append",
        default=[],
        metavar="DIR",
        help="does this folder hide tasks of ours? may repeat",
    )


def run(args: argparse.Namespace) -> int:
    """Print every finding as it is made; 1 if anything does not work that should."""
    failed = 0
    for findings in (installation_checks(), harness_checks(args.include_path)):
        for finding in findings:
            print(as_text(finding), flush=True)
            failed += finding.level is Level.FAIL
    print(f"\n{failed} found that must be put right" if failed else "\nall is well")
    return 1 if failed else 0


def as_text(finding: Finding) -> str:
    """Return one line, and a second with the advice."""
    advice = [f"      -> {finding.advice}"] if finding.advice else []
    return fitted([f"{finding.level.value:<4}  {finding.text}", *advice])


def installation_checks() -> Iterator[Finding]:
    """Yield what is found about the files that pip installed and the interpreter that reads them."""
    yield ok(f"Python {sys.version.split()[0]}, {sys.executable}")
    yield from _distributions()
    yield from _switch()
    yield from _pth_file()
    yield from _hook_runs()
    yield from _hook_is_current()
    yield from _lm_eval_on_path()
    yield from _extras()


def _distributions() -> Iterator[Finding]:
    found = {str(d.locate_file("")): d.version for d in metadata.distributions(name=DISTRIBUTION)}
    if not found:
        yield fail(
            f"{DISTRIBUTION} {__version__} is imported, but not installed", "pip install it; a path is not enough"
        )
        return
    yield ok(f"{DISTRIBUTION} {__version__}, in {_PACKAGE}")
    if len(found) > 1:
        places = ", ".join(f"{version} in {place}" for place, version in found.items())
        yield note(f"installed {len(found)} times: {places}", "the first one is used; uninstall the others")


def _switch() -> Iterator[Finding]:
    if os.environ.get(DISABLE, "0") not in ("", "0"):
        yield fail(f"{DISABLE}={os.environ[DISABLE]} switches the hook off", f"unset {DISABLE}; {_INSTEAD}")


def _pth_file() -> Iterator[Finding]:
    """Python reads .pth files in site directories only, and not if they are hidden."""
    folders = [Path(folder) for folder in site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(Path(site.getusersitepackages()))
    present = [folder / PTH for folder in folders if (folder / PTH).is_file()]
    if not present:
        yield fail(
            f"no {PTH} in {', '.join(map(str, folders))}",
            f"pip install {DISTRIBUTION} into this environment (--target and PYTHONPATH do not count); {_INSTEAD}",
        )
    for path in present:
        hidden = getattr(path.stat(), "st_flags", 0) & 0x8000
        yield fail(f"{path} is hidden, so Python skips it", f"chflags nohidden '{path}'") if hidden else ok(str(path))


def _hook_runs() -> Iterator[Finding]:
    answer = _ask(sys.executable, _ASK_HOOK)
    if answer == "True":
        yield ok("the hook runs when Python starts")
    else:
        yield fail(f"the hook does not run when Python starts ({answer})", f"see above; restart kernels; {_INSTEAD}")


def _hook_is_current() -> Iterator[Finding]:
    """In an editable install the hook is a copy."""
    source = _PACKAGE.parent / f"{HOOK}.py"
    copy = Path(_lm_eval_longctx_hook.__file__)
    if source.is_file() and source.read_bytes() != copy.read_bytes():
        yield note(f"{copy} differs from {source}", "pip install -e . once more")


def _lm_eval_on_path() -> Iterator[Finding]:
    """The command may belong to another environment, which knows nothing of us."""
    command = shutil.which("lm-eval") or shutil.which("lm-eval", path=str(Path(sys.executable).parent))
    if command is None:
        yield note("no lm-eval on PATH", "python -m lm_eval works, and: lm-eval-longctx run ...")
        return
    interpreter = interpreter_of(Path(command))
    if interpreter is None:
        yield note(f"{command} does not say which Python it runs")
    elif _ask(interpreter, _ASK_PREFIX) == sys.prefix or _ask(interpreter, _ASK_HOOK) == "True":
        yield ok(f"{command} runs with the hook")
    else:
        yield fail(
            f"{command} runs {interpreter}, where {DISTRIBUTION} is not installed",
            f"'{interpreter}' -m pip install {DISTRIBUTION}; or here: python -m lm_eval",
        )


def interpreter_of(script: Path) -> str | None:
    """Return the interpreter that a script names in its first lines, or ``None``.

    Where that path is long, pip and uv write ``#!/bin/sh`` and name the
    interpreter in the second line, after ``'''exec'``.
    """
    with script.open("rb") as file:
        first, second = (file.readline(4096).decode("utf-8", "replace").strip() for _ in range(2))
    if not first.startswith("#!"):
        return None
    if first[2:].strip() == "/bin/sh":
        named = re.match(r"'''exec' (?:\"([^\"]+)\"|(\S+))", second)
        return (named[1] or named[2]) if named else None
    return first[2:].strip().strip('"')


def _ask(interpreter: str, program: str) -> str:
    """Return what a program prints in a fresh interpreter, or one line about why it printed nothing."""
    command = (
        [*interpreter.split(), "-c", program]
        if interpreter.startswith("/usr/bin/env ")
        else [interpreter, "-c", program]
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603 - our own program
    except (OSError, subprocess.TimeoutExpired) as error:
        return repr(error)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if lines else "no answer"


def _extras() -> Iterator[Finding]:
    """Say which optional parts are there, by the names of the distributions that they require."""
    try:
        about = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return
    for extra in sorted(set(about.get_all("Provides-Extra") or ()) - _NOT_FOR_USERS):
        missing = [name for name in _required(extra) if not _is_installed(name)]
        if missing:
            yield note(f"extra {extra}: without {', '.join(missing)}", f"pip install '{DISTRIBUTION}[{extra}]'")
        else:
            yield ok(f"extra {extra}")


def _required(extra: str) -> list[str]:
    lines = metadata.requires(DISTRIBUTION) or []
    chosen = [line for line in lines if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", line)]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in chosen]
    return [name for name in names if name != DISTRIBUTION]


def _is_installed(name: str) -> bool:
    return next(iter(metadata.distributions(name=name)), None) is not None
