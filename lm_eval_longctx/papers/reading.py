"""Reading a paper's data file, strictly: an unknown key is an error that names the nearest.

``docs/reproduce.md`` explains the keys. The files of this package lie beside
this module; anybody's own is read by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.papers.definition import (
    STATISTICS,
    WEIGHTS,
    Arm,
    Data,
    Paper,
    Part,
    Point,
    Published,
    Statistic,
)
from lm_eval_longctx.settings import refuse_unknown
from lm_eval_longctx.units import Unit, parse_length

SCALES = ("full", "small")
"""``full`` is the paper's own size; ``small`` the same protocol at a size that the embedded model finishes."""

_FOLDER = Path(__file__).parent
_PAPER = {"title": str, "source": str, "parts": list, "data": dict}
_PART = {
    "id": str,
    "title": str,
    "section": str,
    "metric": str,
    "unit": str,
    "by": dict,
    "differences": list,
    "published": list,
    "full": (list, str),
    "small": (list, str),
    "by_length": bool,
    "short": bool,
    "mean_of": list,
    "statistics": dict,
}
_ARM = {"task": str, "condition": str, "metadata": dict, "metric": str, "model_args": str, "percent": bool}
_FIGURES = {"models": dict, "condition": str, "tasks": list, "source": str, "note": str}
_BOUNDS = (">", "~")


def paper_names() -> list[str]:
    """Return the names of the papers of this package."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def read_paper(name: str) -> Paper:
    """Return a paper.

    Args:
        name: Of one of this package's, or the path of a YAML file.

    Raises:
        UnknownOptionError: There is no such paper, or the file has a key that nobody declared.
        ConfigError: The file cannot be used.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return _read(path)
    if name not in paper_names():
        raise unknown_option("paper", name, paper_names())
    return _read(_FOLDER / f"{name}.yaml")


def chosen_parts(paper: Paper, only: str | None) -> list[Part]:
    """Return the parts that ``--only`` names, in the paper's order; all where it is not given.

    A name stands for the part of that id and for those whose ids begin with it and a hyphen; with a mean come the
    parts that it is of.

    Raises:
        UnknownOptionError: A name stands for no part.
        ConfigError: It names none, as an empty variable of a shell does: all would be paid.
    """
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    ids = [part.id for part in paper.parts]
    if only is not None and not names:
        raise ConfigError(f"--only names no part; valid: {', '.join(ids)}")
    for name in names:
        if not any(_stands_for(name, one) for one in ids):
            raise unknown_option(f"part of {paper.name}", name, ids)
    wanted = [part for part in paper.parts if not names or any(_stands_for(name, part.id) for name in names)]
    others = {name for part in wanted for name in part.mean_of}
    return [part for part in paper.parts if part in wanted or part.id in others]


def _stands_for(name: str, part: str) -> bool:
    return part == name or part.startswith(f"{name}-")


@lru_cache
def _read(path: Path) -> Paper:
    given = _fields(_load(path), _PAPER, {"title", "source", "parts"}, f"{path.name}: key", str(path))
    data = {name: _data(name, value, path) for name, value in given.get("data", {}).items()}
    parts = tuple(_part(value, given["source"], path) for value in given["parts"])
    ids = [part.id for part in parts]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ConfigError(f"{path}: two parts have the id {twice[0]!r}; each needs its own")
    for part in parts:
        refuse_unknown(f"part in mean_of of {part.id}", part.mean_of, set(ids) - {part.id})
    for arm in (arm for part in parts for arms in part.arms.values() for arm in arms):
        refuse_unknown(f"name of data in {path.name}", arm.needs, data)
    return Paper(path.stem, given["title"], given["source"], parts, data)


def _load(path: Path) -> Any:
    import yaml

    fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a third of the time, where PyYAML was built with it

    class Loader(fast):  # type: ignore[misc]  # PyYAML has no types
        """Refuses a key that stands twice: YAML readers take the last and say nothing."""

    def mapping(loader: Loader, node: Any) -> dict[Any, Any]:
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ConfigError(f"{path}: the key {twice[0]!r} stands twice in line {node.start_mark.line + 1} and below")
        loader.flatten_mapping(node)
        return dict(loader.construct_pairs(node, deep=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a safe loader
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot read {path} ({error}); give the path of a paper's YAML file") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _fields(given: Any, declared: Mapping[str, Any], required: set[str], what: str, where: str) -> dict[str, Any]:
    """Return a mapping of declared keys whose values have their types."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: a mapping with {', '.join(sorted(required))} belongs here, not {given!r}")
    refuse_unknown(what, map(str, given), declared)
    if lacking := sorted(required - set(given)):
        raise ConfigError(f"{where}: {lacking[0]} is missing")
    for key, value in given.items():
        kind = declared[key]
        if not isinstance(value, kind):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            quoted = "; write it in quotes" if str in kinds and isinstance(value, (int, float)) else ""
            wanted = " or a ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{where}: {key} must be a {wanted}, not {value!r}{quoted}")
    return dict(given)


def _data(name: str, value: Any, path: Path) -> Data:
    keys = {"holds": str, "get": str}
    given = _fields(value, keys, set(keys), f"{path.name}: key of data {name}", f"{path}: data {name}")
    return Data(name, given["holds"], given["get"])


def _part(value: Any, source: str, path: Path) -> Part:
    name = value.get("id") if isinstance(value, Mapping) else None
    what, where = f"{path.name}: key of part {name}", f"{path}: part {name}"
    given = _fields(value, _PART, {"id", "title", "section", "metric"}, what, where)
    unit = _unit(given.get("unit", "tokens"), where)
    arms, lacking = _runs(given, where)
    figures = tuple(
        row
        for one in given.get("published", ())
        for row in _published(one, arms.get("full", ()), unit, source, f"{where}, published")
    )
    return Part(
        given["id"],
        given["title"],
        given["section"],
        given["metric"],
        unit.value,
        {str(part): {str(k): str(v) for k, v in names.items()} for part, names in given.get("by", {}).items()},
        tuple(map(str, given.get("differences", ()))),
        figures,
        arms,
        lacking,
        given.get("by_length", True),
        given.get("short", False),
        tuple(map(str, given.get("mean_of", ()))),
        _statistics(given.get("statistics", {}), unit, where),
    )


def _runs(given: Mapping[str, Any], where: str) -> tuple[dict[str, tuple[Arm, ...]], dict[str, str]]:
    """Return what is run at each scale, or why nothing is; a mean runs nothing and lacks nothing."""
    arms: dict[str, tuple[Arm, ...]] = {}
    lacking: dict[str, str] = {}
    for scale in SCALES:
        asked = given.get(scale, [] if given.get("mean_of") else "nothing is defined for this scale")
        if given.get("mean_of") and asked:
            raise ConfigError(f"{where}: mean_of is of what other parts run, so {scale} does not belong here")
        if isinstance(asked, str):
            lacking[scale] = asked or "nothing is defined for this scale"
        else:
            arms[scale] = tuple(_arm(one, given["metric"], f"{where}, {scale}") for one in asked)
    return arms, lacking


def _statistics(given: Mapping[str, Any], unit: Unit, where: str) -> tuple[Statistic, ...]:
    """Read ``{average: {mean: equal}, effective length: {at_least: 0.85, of: base score}}``."""
    found: list[Statistic] = []
    for name, value in given.items():
        at = f"{where}, statistic {name}"
        fields = _fields(
            value, {**dict.fromkeys(STATISTICS, object), "of": str}, set(), f"key of a statistic ({at})", at
        )
        of = fields.pop("of", "")
        if of:
            refuse_unknown(f"statistic before it ({at})", [of], [one.name for one in found])
        if len(fields) != 1:
            raise ConfigError(f"{at}: one of {', '.join(STATISTICS)} belongs here, not {value!r}")
        ((kind, told),) = fields.items()
        found.append(Statistic(str(name), kind, _stated(kind, told, unit, at), of))
    return tuple(found)


def _stated(kind: str, told: Any, unit: Unit, where: str) -> str | float:
    if kind == "mean":
        refuse_unknown(f"weights ({where})", [str(told)], WEIGHTS)
        return str(told)
    return float(parse_length(told, unit).amount) if kind == "best_to" else _score(told, where)[0]


def _unit(name: str, where: str) -> Unit:
    known = [unit.value for unit in Unit]
    if name not in known:
        raise unknown_option(f"unit ({where})", name, known)
    return Unit(name)


def _arm(value: Any, metric: str, where: str) -> Arm:
    given = _fields(value, _ARM, {"task"}, f"key of a run ({where})", where)
    return Arm(**{"metric": metric, **given})


def _published(value: Any, arms: tuple[Arm, ...], unit: Unit, source: str, where: str) -> list[Published]:
    """Return one row a model; it belongs to the tasks of its condition unless it names others."""
    given = _fields(value, _FIGURES, {"models"}, f"key of published figures ({where})", where)
    condition = given.get("condition", "")
    alike = [arm.task for arm in arms if arm.condition == condition] or [arm.task for arm in arms]
    tasks = tuple(dict.fromkeys(map(str, given.get("tasks", alike))))
    told = (given.get("source", source), given.get("note", ""))
    return [
        Published(str(model), _points(figures, unit, f"{where}: {model}"), condition, tasks, *told)
        for model, figures in given["models"].items()
    ]


def _points(figures: Any, unit: Unit, where: str) -> tuple[Point, ...]:
    """Read a score, or scores by length: ``0.72``, ``">0.997"``, ``{128k: 0.7, 1M: "~0.6"}``."""
    by_length = figures if isinstance(figures, Mapping) else {None: figures}
    points = [
        Point(None if length is None else float(parse_length(length, unit).amount), *_score(figure, where))
        for length, figure in by_length.items()
    ]
    return tuple(sorted(points, key=lambda point: point.length or 0.0))


def _score(figure: Any, where: str) -> tuple[float, str]:
    text = str(figure)
    bound = text[:1] if text[:1] in _BOUNDS else ""
    try:
        return float(text[len(bound) :]), bound
    except ValueError as error:
        raise ConfigError(f"{where}: {figure!r} is no score; write 0.72, >0.997 or ~0.7") from error
