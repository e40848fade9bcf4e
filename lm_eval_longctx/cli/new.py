"""``lm-eval-longctx new``: a small working package to begin with."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import write_whole
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.plugins.manager import registry

if TYPE_CHECKING:
    import argparse

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Kind:
    """What can be begun.

    Attributes:
        what: In a few words.
        next: What to do then, for the README.
        keys: Lines of the task's YAML.
        haystack: Of the task.
        module: The file that holds its code, if it has any.
        model: Which model its task asks first, as arguments of the command.
    """

    what: str
    next: str
    keys: str = ""
    haystack: str = "chronicle"
    module: str = ""
    model: str = ""


KINDS = {
    "task": Kind(
        "a task",
        "The task is one YAML in `${name}/tasks`: change its needle, its question, its hay and its grid.\n"
        "`lm-eval-longctx tasks ${task}` lists all that it may set.",
        '  needle: "The watchword of {key} is {value}."\n'
        '  question: "What is the watchword of {key}?"\n'
        "  key: cities\n"
        "  value: words\n",
    ),
    "haystack": Kind(
        "a haystack source",
        "The hay is made in `${name}/hay.py`: put your own text there. Every text task takes it now:\n"
        '`--metadata \'{"haystack": "${name}"}\'`.',
        haystack="${name}",
        module="hay.py",
    ),
    "provider": Kind(
        "a provider",
        "The model is asked in `${name}/provider.py`: put your own there. The tests hold what every provider promises.",
        module="provider.py",
        model=" --model_args model=${name}/any",
    ),
    "scorer": Kind(
        "a scorer",
        "Answers are scored in `${name}/scorer.py`: put your own measure there.",
        "  scorer: ${name}\n",
        module="scorer.py",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("kind", choices=KINDS, help="what to begin; a task needs no Python")
    parser.add_argument("name", metavar="NAME", help="of the package and of what is in it, such as my_needles")
    parser.add_argument("--path", default=".", metavar="DIR", help="where to make its folder (default: here)")


def run(args: argparse.Namespace) -> int:
    """Write the package and say what to do with it."""
    files = package(args.kind, args.name)
    folder = Path(args.path) / args.name
    if folder.exists():
        raise ConfigError(f"{folder} is there already; choose another name, or another --path")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / path, text.encode())
        print(f"  {folder / path}")
    print(f"\n{KINDS[args.kind].what} that works; begin with\n\n  pip install -e {folder}")
    model = Template(KINDS[args.kind].model).substitute(name=args.name)
    print(f"  lm-eval run --model longctx{model} --tasks {task_name(args.kind, args.name)}\n  pytest {folder}")
    return 0


def task_name(kind: str, name: str) -> str:
    """Return the name of the task that a package holds."""
    return name if kind == "task" else f"{name}_niah"


def package(kind: str, name: str) -> dict[str, str]:
    """Return the files of a package by their paths in it.

    Args:
        kind: One of ``KINDS``.
        name: An identifier in lower case.

    Raises:
        ConfigError: The name cannot be one, or is taken.
    """
    _check(kind, name)
    chosen, task = KINDS[kind], task_name(kind, name)
    blanks = {
        "name": name,
        "task": task,
        "dist": name.replace("_", "-"),
        "words": name.replace("_", " "),
        "cls": "".join(word.capitalize() for word in name.split("_")),
        "what": chosen.what,
        "What": chosen.what.capitalize(),
    }
    blanks |= {key: Template(getattr(chosen, key)).substitute(blanks) for key in ("next", "keys", "haystack", "model")}
    module = {f"{name}/{chosen.module}": f"{kind}/{chosen.module}"} if chosen.module else {}
    places = {
        "pyproject.toml": "every/pyproject.toml",
        "README.md": "every/README.md",
        f"{name}/__init__.py": f"{kind}/__init__.py",
        **module,
        f"{name}/tasks/{task}.yaml": "every/tasks.yaml",
        f"tests/test_{name}.py": f"{kind}/test.py",
    }
    return {path: Template(_read(source)).substitute(blanks) for path, source in places.items()}


def _read(template: str) -> str:
    return (_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")


def _check(kind: str, name: str) -> None:
    """Refuse names that Python, pip or lm-eval could not use, or that mean something already."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise ConfigError(f"{name!r} is no name for a package: use lower-case words joined by _, such as my_needles")
    known = registry()
    taken = {record.name for records in (known.providers(), known.sources(), known.scorers()) for record in records}
    taken |= {task.name for task in listed_tasks()}
    if name in taken or task_name(kind, name) in taken:
        raise ConfigError(f"{name} is taken: a task, provider, source or scorer of that name is installed")
