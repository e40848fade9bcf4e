"""A sweep's specification is read strictly, and says what to do where it cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lm_eval_longctx.errors import ConfigError, DepthError, LengthError, LongctxError, UnknownOptionError
from lm_eval_longctx.settings import Option
from lm_eval_longctx.sweep import Sweep, parse_sweep
from lm_eval_longctx.units import Unit

PRESETS = {"presets": {"default": {"context_lengths": ["1k", "4k"], "depths": 3}, "smoke": {"context_lengths": ["1k"]}}}
OPTIONS = (
    Option("needles", 1, "how many", minimum=1),
    Option("absent", 0.0, "share", minimum=0, maximum=1),
    Option("key", "city", "kind", choices=("city", "word")),
    Option("tags", [], "list"),
    Option("shuffle", default=False, help="yes or no"),
)


def read(unit: Unit = Unit.TOKENS, **metadata: Any) -> Sweep:
    """Parse with the presets above."""
    return parse_sweep({**PRESETS, "version": 1.0, **metadata}, task="t", unit=unit, options=OPTIONS)


def labels(sweep: Sweep) -> list[str]:
    """Spell a sweep's lengths."""
    return [length.label for length in sweep.context_lengths]


def test_presets_fill_what_nobody_set() -> None:
    """The chosen preset lies over the default one, and what the user set lies over both."""
    assert labels(read()) == ["1k", "4k"]
    assert (labels(read(preset="smoke")), read(preset="smoke").depths) == (["1k"], (0.0, 0.5, 1.0))
    assert labels(read(preset="smoke", context_lengths=["1M", 2048, "2k"])) == ["2k", "1M"]


def test_rulers_spelling_is_understood() -> None:
    """``max_seq_lengths``, as lm-eval's RULER has it, sets the context lengths, over a preset too."""
    assert labels(read(max_seq_lengths=[8192, 4096])) == ["4k", "8k"]


def test_depths_are_a_count_or_fractions() -> None:
    """A count is spread evenly from start to end, one is the middle, and a list is taken as it is."""
    assert read(depths=5).depths == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert read(depths=1).depths == (0.5,)
    assert read(depths=[1, 0.25]).depths == (0.25, 1.0)


def test_options_are_complete_and_checked() -> None:
    """Every declared option is there with a checked value."""
    assert read(needles=7).options == {"needles": 7, "absent": 0.0, "key": "city", "tags": [], "shuffle": False}
    assert read(absent=1).options["absent"] == 1


def test_texts_mean_what_plain_values_mean() -> None:
    """A command line that spells a number, a list or a switch as a text sets the same sweep as JSON does."""
    texts = read(
        context_lengths="4096", depths="[0, 1]", samples_per_cell="2", needles="3", shuffle="true", absent="0.5"
    )
    plain = read(context_lengths=[4096], depths=[0, 1], samples_per_cell=2, needles=3, shuffle=True, absent=0.5)
    assert texts == plain
    assert read(depths="5") == read(depths=5)


def test_what_lm_eval_adds_does_not_disturb() -> None:
    """The path that lm-eval writes into a task's metadata is no setting."""
    assert labels(read(config_source="x")) == ["1k", "4k"]


def test_durations_may_be_asked_in_tokens() -> None:
    """A task that knows its tokens a second reads ``32k`` as the time that takes."""
    option = Option("tokens_per_second", 32.0, "rate")
    metadata = {"context_lengths": ["32k", "10m"], "tokens_per_second": 32}
    sweep = parse_sweep(metadata, task="t", unit=Unit.SECONDS, options=[option])
    assert [length.amount for length in sweep.context_lengths] == [600.0, 1024.0]


def test_a_task_without_depth_accepts_a_wildcards_depths() -> None:
    """Depths set for all tasks at once have no effect where a task has none."""
    sweep = parse_sweep({**PRESETS, "depths": 9}, task="t", unit=Unit.TOKENS, has_depth=False)
    assert sweep.depths == ()


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"context_length": ["1k"]}, UnknownOptionError, "did you mean 'context_lengths'"),
        ({"neddles": 3}, UnknownOptionError, "did you mean 'needles'"),
        ({"preset": "smok"}, UnknownOptionError, "did you mean 'smoke'"),
        ({"key": "citty"}, UnknownOptionError, "did you mean 'city'"),
        ({"context_lengths": []}, LengthError, "context_lengths"),
        ({"context_lengths": ["1h"]}, LengthError, "write 4k"),
        ({"depths": [1.2]}, DepthError, "outside"),
        ({"depths": 0}, DepthError, "count"),
        ({"depths": "middle"}, DepthError, "count"),
        ({"depths": [True]}, DepthError, "outside"),
        ({"samples_per_cell": 0}, ConfigError, "1 or more"),
        ({"seed": "one"}, ConfigError, "seed must be a whole number"),
        ({"needles": 0}, ConfigError, "1 or more"),
        ({"absent": 1.5}, ConfigError, "between 0 and 1"),
        ({"needles": True}, ConfigError, "must be a whole number"),
        ({"shuffle": 1}, ConfigError, "must be true or false"),
        ({"tags": "a"}, ConfigError, "must be a list"),
        ({"refusals": "right"}, ConfigError, "refusals"),
        ({"haystack": 3}, ConfigError, "haystack"),
    ],
)
def test_bad_settings_get_one_clear_line(metadata: dict[str, Any], error: type[LongctxError], says: str) -> None:
    """Each bad setting is an error of one line that says what would be right."""
    with pytest.raises(error, match=says) as caught:
        read(**metadata)
    assert "\n" not in str(caught.value)


def test_a_sweep_is_plain_values() -> None:
    """The specification goes into results as JSON."""
    told = json.loads(json.dumps(read().to_dict()))
    assert (told["context_lengths"], told["depths"], told["version"]) == (["1k", "4k"], [0.0, 0.5, 1.0], "1.0")
