"""The file that describes a matrix, strictly read: what nobody declared is an error that names the nearest."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, LengthError, SecretError
from lm_eval_longctx.ledger.address import is_shared, ledger_path, shown
from lm_eval_longctx.settings import Option, read_settings
from lm_eval_longctx.units import Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

LOCAL = "local"
"""The cluster that is started for the matrix, on this machine, and ended with it."""

OPTIONS = (
    Option("name", None, "of the matrix, and of its budget; the file's own unless given", kinds=(str,)),
    Option("models", None, "provider/model, or a mapping of model, args, name and at_once", kinds=(list,)),
    Option("tasks", None, "names of tasks", kinds=(list,)),
    Option("lengths", None, "context lengths, such as 4k, 128k, 1M", kinds=(list,)),
    Option("seeds", [0], "seeds of the sweeps"),
    Option("metadata", {}, "further settings of every cell, as --metadata takes them"),
    Option("limit", None, "samples of each cell", kinds=(int,), minimum=1),
    Option("budget", None, "hard cap in US dollars for the whole matrix", kinds=(float,), above=0),
    Option("ledger", None, "file, or postgresql://USER@HOST/DATABASE where several machines write", kinds=(str,)),
    Option("shared_cache", None, "folder or URL where what one machine has made others find it", kinds=(str,)),
    Option("output", None, "folder for all results; longctx-NAME unless given", kinds=(str,)),
    Option("workers", 2, "cells at once", minimum=1),
    Option("ray", None, "local, or the address of a Ray cluster; this machine without Ray unless given", kinds=(str,)),
    Option("retries", 2, "how often a cell that dies is tried again", minimum=0),
    Option("include_path", None, "a folder of further tasks", kinds=(str,)),
)
MODEL_OPTIONS = (
    Option("model", None, "provider/model", kinds=(str,)),
    Option("args", {}, "further arguments of the model, as --model_args takes them"),
    Option("name", None, "what it is called in folders and tables", kinds=(str,)),
    Option("at_once", 1, "its cells at once; their own limits on rates hold for each", minimum=1),
)
_OURS = ("model", "ledger", "max_cost", "shared_budget")
"""Arguments of a model that are the matrix's business."""

EXAMPLE = """\
# A matrix: every model on every task at every length with every seed. Each of these is a cell.
#   lm-eval-longctx matrix MATRIX.yaml --dry-run   prints the cells and what they cost
#   lm-eval-longctx matrix MATRIX.yaml             runs them; the same command again goes on where it stopped
name: first-look              # also the name of the budget in the ledger
models:
  - gemini/gemini-3.8-flash
  - model: openai-compatible/my-model
    name: mine                # in folders and tables
    args: {base_url: "http://localhost:8000/v1", concurrency: 32, price_in: 0, price_out: 0}  # budget needs prices
    at_once: 1                # cells of this model at once: rates are limited in each, not over all
tasks: [longctx_text_niah, longctx_text_docqa]
lengths: [4k, 32k, 128k]
seeds: [1, 2, 3]
metadata: {depths: 5}         # what else --metadata would say, for all cells
# limit: 20                   # samples of each cell
budget: 25                    # US dollars for the whole matrix, however many workers, today and tomorrow
output: out/first-look        # lm-eval-longctx report out/first-look
workers: 2                    # cells at once
retries: 2                    # a cell that dies is tried again; what it had paid is not paid again

# On several machines (docs/matrix.md):
# ray: "ray://head:10001"     # or local: a cluster on this machine
# ledger: "postgresql://user@host/longctx"    # the password in PGPASSWORD or ~/.pgpass
# shared_cache: "s3://bucket/longctx"         # or a folder that all machines see
"""


@dataclass(frozen=True)
class ModelEntry:
    """A model of the matrix.

    Attributes:
        model: ``provider/model``.
        name: What it is called in folders and tables.
        args: Its further arguments.
        at_once: How many of its cells run at once.
    """

    model: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    at_once: int = 1


@dataclass(frozen=True)
class Matrix:
    """A whole matrix; see ``OPTIONS`` for what each part means.

    Attributes:
        unread: By task the keys of ``metadata`` that others read and it does not: its cells go without them.
    """

    name: str
    models: tuple[ModelEntry, ...]
    tasks: tuple[str, ...]
    lengths: tuple[str, ...]
    seeds: tuple[int, ...]
    metadata: Mapping[str, Any]
    limit: int | None
    budget: float | None
    ledger: str | None
    shared_cache: str | None
    output: Path
    workers: int
    ray: str | None
    retries: int
    include_path: str | None
    unread: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def ledger_path(self) -> str:
        """Where the ledger is."""
        return ledger_path(self.ledger)


def read_matrix(path: Path) -> Matrix:
    """Read a file.

    Raises:
        ConfigError: It cannot be read, or something in it cannot be meant.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); lm-eval-longctx matrix --example prints a file to begin with"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML ({' '.join(str(error).split())})") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} must be a mapping with models, tasks and lengths; see matrix --example")
    try:
        return parse_matrix({str(key): value for key, value in found.items()}, path.stem)
    except ConfigError as error:
        raise type(error)(f"{path}{_line(text, str(error))}: {error}") from error


def _line(text: str, words: str) -> str:
    """Name the line of a file where the first thing that a message has in quotation marks stands."""
    quoted = re.search(r"'([^']+)'", words)
    if quoted is None:
        return ""
    there = re.compile(rf"(?<![\w-]){re.escape(quoted[1])}(?![\w-])")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if there.search(line.partition("#")[0]))
    number = next(lines, None)
    return f", line {number}" if number else ""


def parse_matrix(given: Mapping[str, Any], stem: str) -> Matrix:
    """Read plain values; ``stem`` is the name where none is given."""
    values = read_settings(OPTIONS, given, "key of a matrix")
    name = values["name"] or stem
    if re.fullmatch(r"[\w.-]+", name) is None:
        raise ConfigError(f"name must consist of letters, digits, '.', '_' and '-', not {name!r}")
    matrix = Matrix(
        **{
            **values,
            "name": name,
            "models": _models(_listed("models", values["models"])),
            "tasks": tuple(map(_text, _listed("tasks", values["tasks"]))),
            "lengths": _lengths(_listed("lengths", values["lengths"])),
            "seeds": tuple(map(_seed, _listed("seeds", values["seeds"]))),
            "output": Path(values["output"] or f"longctx-{name}"),
        }
    )
    _refuse(matrix)
    return matrix


def _refuse(matrix: Matrix) -> None:
    """Refuse what cannot be meant together."""
    for key in {"context_lengths", "seed", "adaptive"} & matrix.metadata.keys():
        raise ConfigError(f"metadata.{key} does not go with a matrix, whose cells have one length and one seed each")
    if matrix.ray not in {None, LOCAL} and not is_shared(str(matrix.ledger)):
        raise ConfigError(
            "cells on other machines cannot write a ledger on this one: ledger: postgresql://USER@HOST/DATABASE, "
            "or ray: local"
        )
    if matrix.ledger is not None and shown(matrix.ledger) != matrix.ledger:
        raise SecretError("leave the password out of ledger:, and set PGPASSWORD or write it into ~/.pgpass")
    if matrix.ledger == "none":
        raise ConfigError("a matrix needs a ledger: what a cell that died had paid is found there")


def _listed(name: str, value: Any) -> list[Any]:
    items = list(value or ())
    if not items:
        raise ConfigError(f"a matrix needs {name}; lm-eval-longctx matrix --example prints a file to begin with")
    texts = [str(item) for item in items]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise ConfigError(f"{name}: {twice} stands there twice")
    return items


def amount_of(length: str) -> tuple[Unit, float]:
    """Return a length as a number of its unit; what counts pictures or shots looks like tokens, and is compared so.

    Raises:
        LengthError: It is none.
    """
    try:
        found = parse_length(length)
    except LengthError:
        found = parse_length(length, Unit.SECONDS)
    return found.unit, found.amount


def _lengths(items: Sequence[Any]) -> tuple[str, ...]:
    """Refuse two spellings of one length: their samples are the same, and no sweep has both."""
    lengths, known = tuple(map(str, items)), dict[tuple[Unit, float], str]()
    for length in lengths:
        before = length
        with suppress(LengthError):  # which the plan tells, with what the task would take
            before = known.setdefault(amount_of(length), length)
        if before != length:
            raise ConfigError(f"lengths: {before} and {length} are the same; leave one of them out")
    return lengths


def _models(items: Sequence[Any]) -> tuple[ModelEntry, ...]:
    entries = tuple(map(_model, items))
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two models are called {twice}; give each a name of its own (name: ...)")
    return entries


def _model(item: Any) -> ModelEntry:
    given = {"model": item} if isinstance(item, str) else item
    if not isinstance(given, dict):
        raise ConfigError(f"models: {item!r} is neither provider/model nor a mapping with model")
    values = read_settings(MODEL_OPTIONS, given, "key of a model of a matrix")
    if not values["model"]:
        raise ConfigError(f"models: {item!r} names no model")
    for key in values["args"]:
        if key in _OURS:
            raise ConfigError(f"models: {key} belongs to the matrix, not to the args of {values['model']}")
    name = values["name"] or default_name(values["model"])
    if re.search(r"[/\\]", name) or not name.strip("."):  # names a folder
        raise ConfigError(f"models: the name of {values['model']} must have a letter and no '/', not {name!r}")
    return ModelEntry(values["model"], name, values["args"], values["at_once"])


def default_name(model: str) -> str:
    """Return what a model is called in folders where nobody gave it a name."""
    return re.sub(r"[^\w.-]+", "_", model)


def _text(item: Any) -> str:
    if not isinstance(item, str) or not item or set(item) & set("*?[,"):
        raise ConfigError(f"tasks: {item!r} is not the name of one task; lm-eval-longctx tasks lists them")
    return item


def _seed(item: Any) -> int:
    if isinstance(item, bool) or not isinstance(item, int):
        raise ConfigError(f"seeds: {item!r} is not a whole number")
    return item
