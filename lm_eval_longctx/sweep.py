"""The specification of a sweep, strictly parsed.

A task's YAML carries it in ``metadata``; a user changes it with
``--metadata '{"context_lengths": ["4k", "1M"], "depths": 11}'``. lm-eval merges
both into one dictionary, so a task's own defaults live under
``presets: {default: {...}}`` and every key beside them is somebody's wish.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, DepthError, LengthError, UnknownOptionError, nearest, unknown_option
from lm_eval_longctx.settings import Option, read_settings
from lm_eval_longctx.units import Length, Unit, parse_length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

TASK_KEYS = ("version", "presets", "builder", "scorer", "floor", "config_source", "_metadata", "longctx")
"""What a task's author writes (and lm-eval adds) beside it."""

DEFAULT_PRESET = "default"
"""The preset that lies below all others, and is used unless one is asked for."""


@dataclass(frozen=True)
class Sweep:
    """A parsed sweep.

    Attributes:
        task: The task's name.
        version: The task's version.
        unit: What the context is measured in.
        context_lengths: In ascending order, no repeats; empty where the task's
            data fix the length (public data sets).
        depths: Fractions of the hay before the needle, in [0, 1], ascending;
            empty where the task has no depth.
        samples_per_cell: Samples for each length and depth, 1 or more.
        seed: A whole number.
        haystack: A source with its argument, such as ``books:/path``.
        tokenizer: What measures text, such as ``o200k_base``.
        preset: The preset that filled the gaps.
        asked_preset: The one that was asked for, where this task has none of that name; else empty.
        refusals: ``unscored`` (a refusal is not measured) or ``wrong``.
        truncate: ``never`` (what a model would cut is not measured) or ``allow``.
        reasoning_tags: Further names of marks around thoughts, such as ``ponder`` for ``<ponder>``.
        adaptive: How many calls an adaptive sweep may use (``budget``) and how closely it is to know
            (``within`` steps of length); ``None`` where every sample is asked.
        options: The builder's and the scorer's own settings, complete.
        ignored: Keys that were said for all tasks of a run and that this one does not read; they had no effect.
        asked_tokens: For each length, the tokens that were asked for where it is a duration, 0 where that was asked
            for; empty where all were.
        rate_said: Whether somebody said ``tokens_per_second``; otherwise each model has its own.
    """

    task: str
    version: str
    unit: Unit
    context_lengths: tuple[Length, ...]
    depths: tuple[float, ...]
    samples_per_cell: int
    seed: int
    haystack: str
    tokenizer: str
    preset: str = DEFAULT_PRESET
    asked_preset: str = ""
    refusals: str = "unscored"
    truncate: str = "never"
    reasoning_tags: tuple[str, ...] = ()
    adaptive: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    asked_tokens: tuple[int, ...] = ()
    rate_said: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as plain values, for results and samples."""
        return {
            "task": self.task,
            "version": self.version,
            "unit": self.unit.value,
            "context_lengths": [length.label for length in self.context_lengths],
            "depths": list(self.depths),
            "samples_per_cell": self.samples_per_cell,
            "seed": self.seed,
            "haystack": self.haystack,
            "tokenizer": self.tokenizer,
            "preset": self.preset,
            "asked_preset": self.asked_preset,
            "refusals": self.refusals,
            "truncate": self.truncate,
            "reasoning_tags": list(self.reasoning_tags),
            **({"adaptive": dict(self.adaptive)} if self.adaptive is not None else {}),
            "options": dict(self.options),
            "ignored": list(self.ignored),
            **({"asked_tokens": list(self.asked_tokens), "rate_said": self.rate_said} if self.asked_tokens else {}),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Sweep:
        """Return the specification that ``to_dict`` gave, as result files have it.

        Raises:
            ConfigError: It is none.
        """
        try:
            given = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
            unit, measure = Unit(given["unit"]), given["tokenizer"]
            lengths = tuple(parse_length(label, unit, measure) for label in given["context_lengths"])
            lists = {name: tuple(given.get(name, ())) for name in _LISTS}
            return cls(**{**given, **lists, "unit": unit, "context_lengths": lengths})
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"this is no specification of a sweep ({error!r}); run the task again") from error


def _depths(value: Any) -> tuple[float, ...]:
    value = _from_text(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return (0.5,) if value == 1 else tuple(i / (value - 1) for i in range(value))
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DepthError(f"depths must be a count (1 or more) or a list of fractions in [0, 1], not {value!r}")
    for depth in value:
        if not isinstance(depth, (int, float)) or isinstance(depth, bool) or not 0 <= depth <= 1:
            raise DepthError(f"depth {depth!r} lies outside [0, 1]; 0 is the start of the context and 1 its end")
    return tuple(sorted({float(depth) for depth in value}))


def _tags(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n.strip("<>[]/ ") for n in names):
        raise ConfigError(f"reasoning_tags must be a name such as ponder, or a list of names, not {value!r}")
    return tuple(names)


_ADAPTIVE = ("budget", "within")


def _adaptive(value: Any) -> Mapping[str, int] | None:
    """Read how an adaptive sweep is wanted; ``None`` if it is not."""
    value = _from_text(value)
    if value is None or isinstance(value, bool):
        return {} if value else None
    settings = {"budget": value} if isinstance(value, int) else value
    if not isinstance(settings, Mapping):
        raise ConfigError(f"adaptive must be true, a number of calls, or {{budget: ..., within: ...}}, not {value!r}")
    for name, number in settings.items():
        if name not in _ADAPTIVE:
            raise unknown_option("key of adaptive", str(name), _ADAPTIVE)
        if isinstance(number, bool) or not isinstance(number, int) or number < (name == "budget"):
            raise ConfigError(f"adaptive's {name} must be a whole number, 1 or more, not {number!r}")
    return dict(settings)


def _from_text(value: Any) -> Any:
    """Read a count or a list that came as a text (``--metadata depths=5``)."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


_LISTS = ("depths", "reasoning_tags", "ignored", "asked_tokens")
"""What ``to_dict`` gives as lists."""

SWEEP_OPTIONS = (
    Option(
        "context_lengths",
        None,
        "lengths of the context, such as 4k, 1M, 15m, 10h; each in the unit of the task",
        kinds=(list, str, int, float),
    ),
    Option("max_seq_lengths", None, "the same, as lm-eval's RULER spells it", kinds=(list, str, int, float)),
    Option(
        "depths",
        5,
        "where needles lie: how many places from start to end, or fractions of the context",
        kinds=(list,),
        reader=_depths,
    ),
    Option("samples_per_cell", 1, "samples of each length and depth", minimum=1),
    Option("seed", 0, "decides all that is drawn; the same seed gives the same prompts"),
    Option("haystack", "", "what hides the needles: a source and its argument, such as books:/path"),
    Option(
        "tokenizer",
        "o200k_base",
        "what measures text: a name, the path of a tokenizer.json, or model for the model's own",
    ),
    Option("preset", DEFAULT_PRESET, "which of the task's presets fills what nobody sets"),
    Option("refusals", "unscored", "whether a refusal is left out or counts as wrong", choices=("unscored", "wrong")),
    Option(
        "truncate",
        "never",
        "whether a prompt that a model cuts is left out (never) or scored all the same (allow)",
        choices=("never", "allow"),
    ),
    Option(
        "reasoning_tags",
        [],
        "further marks around thoughts, such as ponder for <ponder>; the usual ones are known",
        kinds=(list, str),
        reader=_tags,
    ),
    Option(
        "adaptive",
        None,
        "ask only what tells how far the model reads: true, a number of calls, or {budget: calls, within: steps}",
        kinds=(dict, bool, int),
        reader=_adaptive,
    ),
)
"""What a user may set on every task."""

SWEEP_KEYS = tuple(option.name for option in SWEEP_OPTIONS)


def parse_sweep(  # noqa: PLR0913 - one argument for each thing that a task declares
    metadata: Mapping[str, Any],
    *,
    task: str,
    unit: Unit,
    options: Sequence[Option] = (),
    has_depth: bool = True,
    has_length: bool = True,
    other_presets: Collection[str] = (),
    idle: Collection[str] = (),
    own: Collection[str] = (),
) -> Sweep:
    """Read a task's metadata.

    Args:
        metadata: The task's YAML metadata with the user's ``--metadata`` mixed in.
        task: The task's name.
        unit: What the task measures length in.
        options: What the builder and the scorer declare.
        has_depth: Whether a needle's depth is part of the task; otherwise
            the sweep's depths are empty, and ``depths`` is a key that it does not read.
        has_length: Whether the task's context can be asked at a length;
            otherwise as for ``has_depth``.
        other_presets: Presets of other tasks: asked for here, where there is none of that name, one
            gives way to ``default`` (a run over many tasks asks all of them) and is kept as ``asked_preset``.
        idle: Further keys of ``SWEEP_OPTIONS`` that the builder does not read.
        own: Keys that were said for this task alone. One that it does not read is an error; one that was said for
            all tasks of a run is kept as ``ignored`` (see ``refuse_ignored``).

    Raises:
        ConfigError: A key is unknown or a value cannot be used.
        UnknownOptionError: A key is unknown, or was said for this task, which does not read it.
        LengthError: A length cannot be read.
        DepthError: A depth lies outside [0, 1].
    """
    declared = {option.name: option for option in options}
    preset, gave_way = _preset(metadata, other_presets)
    merged = _merged({**metadata, "preset": preset})
    unread = unread_keys(unit, has_depth=has_depth, has_length=has_length, idle=idle)
    ignored = tuple(key for key in merged if key in unread)
    for key in ignored:
        if key in own:
            raise _unread(task, key, [name for name in (*SWEEP_KEYS, *declared) if name not in unread])
        del merged[key]
    given = read_settings((*SWEEP_OPTIONS, *options), merged, "metadata key")
    measure = given["tokenizer"] if unit is Unit.TOKENS else ""
    lengths = _lengths(merged, task, unit, measure, given.get("tokens_per_second")) if has_length else {}
    return Sweep(
        task=task,
        version=str(metadata.get("version", "0")),
        unit=unit,
        context_lengths=tuple(lengths),
        depths=given["depths"] if has_depth else (),
        samples_per_cell=given["samples_per_cell"],
        seed=given["seed"],
        haystack=given["haystack"],
        tokenizer=measure,
        preset=given["preset"],
        asked_preset=gave_way,
        refusals=given["refusals"],
        truncate=given["truncate"],
        reasoning_tags=given["reasoning_tags"],
        adaptive=given["adaptive"],
        options={name: given[name] for name in declared},
        ignored=ignored,
        asked_tokens=tuple(lengths.values()) if any(lengths.values()) else (),
        rate_said="tokens_per_second" in merged,
    )


def unread_keys(unit: Unit, *, has_depth: bool, has_length: bool, idle: Collection[str] = ()) -> frozenset[str]:
    """Return the keys of ``SWEEP_OPTIONS`` that have no effect on a task; see ``parse_sweep``."""
    depth = () if has_depth else ("depths",)
    length = () if has_length else ("context_lengths", "max_seq_lengths")
    measure = () if unit is Unit.TOKENS else ("tokenizer",)
    return frozenset((*depth, *length, *measure, *idle))


def refuse_ignored(sweeps: Iterable[Sweep]) -> None:
    """Refuse what was said for all tasks of a run if none of them reads it.

    Raises:
        UnknownOptionError: Such a key; the message names the nearest that is read.
    """
    run = list(sweeps)
    for sweep in run:
        for key in sweep.ignored:
            if all(key in other.ignored for other in run):
                others = (name for name in (*SWEEP_KEYS, *sweep.options) if name not in sweep.ignored)
                raise _unread(", ".join(dict.fromkeys(other.task for other in run)), key, others)


def _unread(task: str, key: str, valid: Iterable[str]) -> UnknownOptionError:
    names = sorted(valid)
    guess = nearest(key, names)
    hint = f"did you mean {guess!r}? " if guess else ""
    return UnknownOptionError(
        f"{task} does not read {key!r}, which would have no effect; {hint}it reads: {', '.join(names)}"
    )


def _preset(metadata: Mapping[str, Any], others: Collection[str]) -> tuple[str, str]:
    """Return the preset that is used and, where it stands in for one that only other tasks have, that one."""
    presets, name = _presets(metadata), str(metadata.get("preset", DEFAULT_PRESET))
    if name in presets:
        return name, ""
    if name in others:
        return DEFAULT_PRESET, name
    raise unknown_option("preset", name, {*presets, *others})


def _presets(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    return metadata.get("presets") or {DEFAULT_PRESET: {}}


def _merged(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the asked settings over the chosen preset, which lies over ``default``."""
    asked = {k: v for k, v in metadata.items() if k not in TASK_KEYS}
    presets = _presets(metadata)
    return {**presets.get(DEFAULT_PRESET, {}), **presets.get(asked["preset"], {}), **asked}


def _lengths(
    settings: Mapping[str, Any], task: str, unit: Unit, measure: str, per_second: float | None
) -> dict[Length, int]:
    """Return the asked lengths from short to long, each with the tokens that were asked for instead; 0 if none were."""
    # A task's presets say context_lengths: RULER's spelling is always the user's own, so it wins.
    values = settings.get("max_seq_lengths", settings.get("context_lengths"))
    values = [values] if isinstance(values, (int, float, str)) else values
    if not isinstance(values, Sequence) or not values:
        raise LengthError(
            f'{task} needs context_lengths, such as --metadata \'{{"context_lengths": ["{_example(unit)}"]}}\''
        )
    lengths = dict(_length(value, unit, measure, per_second) for value in values)
    return dict(sorted(lengths.items(), key=lambda item: item[0].amount))


def _length(value: Any, unit: Unit, measure: str, per_second: float | None) -> tuple[Length, int]:
    """Read one length; durations may be asked in tokens where a task knows the rate."""
    if unit is Unit.SECONDS and per_second and str(value).strip().endswith(("k", "K", "M")):
        tokens = int(parse_length(value, Unit.TOKENS).amount)
        return Length(tokens / float(per_second), unit, measure), tokens
    return parse_length(value, unit, measure), 0


def _example(unit: Unit) -> str:
    return {Unit.TOKENS: "4k", Unit.SECONDS: "15m"}.get(unit, "64")
