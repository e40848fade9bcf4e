"""The rooms of the package and the arrows between them, read from the syntax trees."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import house
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT, PACKAGE = house.ROOT, house.PACKAGE
NAME = PACKAGE.name
HOOK = ROOT / "_lm_eval_longctx_hook.py"

ARROWS = house.arrows()
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


def test_pages_and_picture_are_what_the_code_says():
    """Tables of rooms and of a sample's keys, and the picture, are the code's; `tests/support/house.py` draws them."""
    for path, (name, make) in house.PAGES.items():
        written = path.read_text(encoding="utf-8")
        assert house.between(written, name, make()) == written
    assert house.PICTURE.read_text(encoding="utf-8") == house.picture()


def test_the_way_of_a_sample_names_what_there_is():
    """Each step of a sample's way on the architecture page names things that can be imported."""
    way = house.PAGE.read_text(encoding="utf-8").partition("<!-- way")[2].partition("<!-- end of way -->")[0]
    named = re.findall(r"`(lm_eval_longctx[\w.]*):(\w+)`", way)
    assert len(named) >= 20
    missing = [f"{module}:{name}" for module, name in named if not hasattr(importlib.import_module(module), name)]
    assert not missing


FAMILIES = sorted(path.name for path in (PACKAGE / "tasks").iterdir() if (path / "__init__.py").is_file())


COMMON_FILES = {"__init__", "builder", "public", "needle", "questions", "source", "render", "words"}
"""What a file of any family may be called; the docstring of ``tasks`` says what each holds."""

OWN_FILES = {
    "aggregate": {"spoken"},
    "audio_asr": {"arms", "recordings"},
    "audio_qa": {"score"},
    "docqa": {"across", "asking", "direct", "novel", "page", "question"},
    "mrcr": {"conversation"},
    "translation": {"heard", "shots"},
    "text_plan": {"shots", "worlds"},
    "text_niah": {"facts"},
    "video_public": {"sets", "tables"},
    "video_qa": {"door_questions", "whole_film"},
}
"""What only one family has."""


@pytest.mark.parametrize("family", FAMILIES)
def test_families_have_the_same_inside(family):
    """A family's files have the names that all families use, or one that is listed as its own."""
    found = {path.stem for path in (PACKAGE / "tasks" / family).glob("*.py")}
    assert found - COMMON_FILES - OWN_FILES.get(family, set()) == set()
    assert not [path for path in (PACKAGE / "tasks" / family).iterdir() if path.is_dir() and path.name[0] != "_"]


def test_common_names_of_files_are_explained():
    """Each name that any family may use for a file is in the docstring of ``tasks``."""
    told = ast.get_docstring(ast.parse((PACKAGE / "tasks" / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert {name for name in COMMON_FILES - {"__init__"} if f"* ``{name}.py``:" not in told} == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_families_do_not_know_each_other(family):
    """A family of tasks has a builder, and imports no other family: what several share lies in hay or beside them."""
    folder = PACKAGE / "tasks" / family
    assert (folder / "builder.py").is_file()
    others = [f"{NAME}.tasks.{other}." for other in FAMILIES if other != family]
    wrong = [
        where(path, line)
        for path in folder.rglob("*.py")
        for line, name in imports_of(path)
        if any(f"{name}.".startswith(other) for other in others)
    ]
    assert not wrong, "\n".join(wrong)


def module_name(path: Path) -> str:
    """Return the name by which a file of the package is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def circles_among(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of names that lead to each other; a name that leads to itself is one too."""
    reached: dict[str, set[str]] = {}
    for start, targets in arrows.items():
        reached[start], waiting = set(), list(targets)
        while waiting:
            name = waiting.pop()
            if name not in reached[start]:
                reached[start].add(name)
                waiting.extend(arrows[name])
    circles = {frozenset(n for n in reached[name] if name in reached[n]) for name in arrows if name in reached[name]}
    return sorted(map(set, circles), key=sorted)


@pytest.mark.parametrize("room", ["providers"])
def test_modules_of_a_room_import_each_other_in_no_circle(room):
    """No two modules of the providers need each other, not even for their types (imports under TYPE_CHECKING count)."""
    names = {module_name(path): path for path in (PACKAGE / room).rglob("*.py")}
    arrows = {
        module: {name if name in names else name.rpartition(".")[0] for _, name in imports_of(path)} & set(names)
        for module, path in names.items()
    }
    assert sum(map(len, arrows.values())) > len(names) > 1
    assert circles_among(arrows) == []


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
