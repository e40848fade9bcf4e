"""The rooms of the package and the arrows between them, read from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lm_eval_longctx"
NAME = PACKAGE.name
HOOK = ROOT / "_lm_eval_longctx_hook.py"

VALUES = {"version", "caches", "errors", "units", "prompt", "completion", "sweep", "plan"}
PARTS = {"providers", "hay", "scorers", "stats"}
SERVICES = {"tasks", "plugins", "ledger"}
RUNNING = {"backend", "results"}
OUTSIDE = {"harness", "report", "testing"}

ARROWS: dict[str, set[str]] = {
    "version": set(),
    "caches": set(),
    "errors": set(),
    "units": {"errors"},
    "completion": {"errors"},
    "prompt": {"errors", "units"},
    "sweep": {"errors", "units"},
    "plan": {"errors", "units", "sweep"},
    **dict.fromkeys(PARTS, VALUES),
    **dict.fromkeys(SERVICES, VALUES | PARTS),
    **dict.fromkeys(RUNNING, VALUES | PARTS | SERVICES),
    **dict.fromkeys(OUTSIDE, VALUES | PARTS | SERVICES | RUNNING),
    "cli": VALUES | PARTS | SERVICES | RUNNING | OUTSIDE,
    "__main__": {"cli"},
    "__init__": {"plugins", "version"},
}
"""What each room may import, beside itself."""

MAX_LINES = 450
HOOK_BYTES = 2048


def room_of(path: Path) -> str:
    """Return the room that a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def sources() -> list[Path]:
    """Return all modules of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def where(path: Path, line: int) -> str:
    """Return a place that editors can open."""
    return f"{path.relative_to(ROOT)}:{line}"


def test_every_room_is_drawn():
    """No module is outside the rooms of the design."""
    assert {room_of(path) for path in sources()} <= set(ARROWS)


@pytest.mark.parametrize("room", sorted(ARROWS))
def test_imports_run_downwards_only(room):
    """A room imports itself and what is drawn below it, nothing else of the package."""
    wrong = [
        f"{where(path, line)}: {room} -> {target}"
        for path in sources()
        if room_of(path) == room
        for line, name in imports_of(path)
        if name.split(".")[0] == NAME
        for target in [f"{name}.__init__".split(".")[1]]
        if target not in ARROWS[room] | {room}
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_harness_knows_lm_eval():
    """No room but the harness imports lm_eval."""
    wrong = [
        where(path, line)
        for path in sources()
        if room_of(path) != "harness"
        for line, name in imports_of(path)
        if name.split(".")[0] == "lm_eval"
    ]
    assert not wrong, "\n".join(wrong)


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads into a fresh interpreter, beyond the standard library."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules); {statement}; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - {"__mp_main__"}


@pytest.mark.parametrize(
    "statement",
    [
        f"import {NAME}",
        f"from {NAME}.plugins.manager import registry; registry()",
        f"import {NAME}.harness.activation",
        f"import {NAME}.cli",
    ],
)
def test_light_imports_stay_light(statement):
    """Importing the package, the registry, the activation or the command loads pluggy and nothing else of others."""
    assert loaded_by(statement) <= {"pluggy", NAME, HOOK.stem}


def test_the_hook_is_small_and_imports_only_sys():
    """What runs at every start of Python is under 2 kB and imports sys; all else waits inside functions."""
    tree = ast.parse(HOOK.read_text(encoding="utf-8"))
    at_start = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    assert at_start == ["sys"]
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert HOOK.stat().st_size < HOOK_BYTES


def test_modules_are_small():
    """No module has more than 450 lines."""
    sizes = {where(path, 1): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_every_test_states_its_claim():
    """Each test has a docstring whose first sentence is its claim."""
    silent = [
        f"{where(path, node.lineno)} {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").partition("\n")[0].endswith(".")
    ]
    assert not silent, "\n".join(silent)
