"""What a task's YAML may say: whatever has no effect is refused, and whatever is wrong is told with its file.

lm-eval leaves a file out without a word if it cannot be read, and ignores keys
that a task has no use for. Whoever writes a task would wait for an effect that
never comes.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval_longctx.errors import ConfigError, LongctxError, MissingExtraError, unknown_option
from lm_eval_longctx.harness.listing import BASED_ON, task_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

USED = frozenset(
    """
    class description generation_kwargs group include metadata output_type repeats tag task task_alias unsafe_code
    """.split()
)
"""Keys of lm-eval that our tasks use."""

_PROMPT = "the builder makes the whole prompt; change it with the options that lm-eval-longctx tasks NAME lists"
_SCORING = "the scorer that metadata names reads and scores the answer; lm-eval-longctx plugins lists scorers"
_DATA = "samples come from the builder and the haystack that metadata names"
_SHOTS = "a sample holds its whole prompt, so there are no examples to choose"
_REASONS = {
    **dict.fromkeys(("doc_to_text", "doc_to_image", "doc_to_audio", "doc_to_choice", "use_prompt"), _PROMPT),
    **dict.fromkeys(("target_delimiter", "gen_prefix"), _PROMPT),
    **dict.fromkeys(("doc_to_target", "metric_list", "filter_list", "process_results"), _SCORING),
    **dict.fromkeys(("dataset_path", "dataset_name", "dataset_kwargs", "custom_dataset", "process_docs"), _DATA),
    **dict.fromkeys(("training_split", "validation_split", "test_split", "fewshot_split"), _DATA),
    **dict.fromkeys(("num_fewshot", "fewshot_delimiter", "fewshot_config"), _SHOTS),
    **dict.fromkeys(("should_decontaminate", "doc_to_decontamination_query"), "there is no training data to compare"),
}
"""Why a key of lm-eval has no effect here, and what has."""


_CLASS = "tasks of ours say class: !function lm_eval_longctx.harness.tasks.LongctxTask"


class Broken(NamedTuple):
    """A file that is no task that can run.

    Attributes:
        path: Of the YAML.
        reason: What is wrong, in one line.
    """

    path: Path
    reason: str


def refuse_unused(config: Mapping[str, Any]) -> None:
    """Raise for the first key of a task's YAML that would have no effect.

    Raises:
        ConfigError: lm-eval knows the key, and our tasks have no use for it; says what to do instead.
        UnknownOptionError: Nobody knows it.
    """
    for key, value in config.items():
        if key in USED or value in (None, 0, False):
            continue
        if key in _REASONS:
            raise ConfigError(f"{key} has no effect: {_REASONS[key]}")
        raise unknown_option("key", key, sorted(USED | set(_REASONS)))


def broken_files(places: Iterable[Any]) -> Iterator[Broken]:
    """Yield the YAMLs that cannot run as tasks; files that are no tasks of ours are left alone.

    Each is loaded with all that it includes, and its builder, scorer and keys
    are checked. No data is read, and no sample made.

    Args:
        places: Files, and folders that are searched with all that is below.
    """
    for file in _ours(places):
        if reason := _reason(file, _make):
            yield Broken(file, reason)


def unreadable_files(places: Iterable[Any]) -> Iterator[Broken]:
    """Yield the YAMLs that lm-eval leaves out of its index without a word, or cannot load, though they speak of us."""
    folders = list(places)
    for file in _ours(folders):
        if reason := _reason(file, _load):
            yield Broken(file, reason)
    for file in _ours(folders, ".yml"):
        yield Broken(file, "lm-eval reads files that end with .yaml; rename it")


def _load(file: Path) -> dict[str, Any]:
    from lm_eval.tasks._yaml_loader import load_yaml

    config: dict[str, Any] = load_yaml(file, resolve_func=True)
    metadata = config.get("metadata")
    if (
        "task" in config
        and "class" not in config
        and isinstance(metadata, dict)
        and {BASED_ON, "builder"} & set(metadata)
    ):
        raise ConfigError(f"it has no class, which says that it is a task of ours; {_CLASS}")
    return config


def _make(file: Path) -> None:
    from lm_eval_longctx.harness.tasks import LongctxTask

    config = _load(file)
    kind = config.get("class")
    if isinstance(kind, type) and issubclass(kind, LongctxTask):
        kind({**config, "metadata": {**(config.get("metadata") or {}), "config_source": str(file)}})


def _reason(file: Path, use: Callable[[Path], object]) -> str:
    """Return why a file cannot be used, in one line; empty if it can."""
    try:
        use(file)
    except MissingExtraError:
        return ""  # the file is right; what is missing is told when the task is run
    except LongctxError as error:
        return str(error).replace(f" ({file})", "")
    except FileNotFoundError as error:
        return (
            f"includes {Path(error.filename).name}, which is not beside it; "
            f"a variant in a folder of its own says metadata: {{{BASED_ON}: NAME OF THE TASK}} instead"
        )
    except Exception as error:  # noqa: BLE001 - whatever a stranger's file does to its reader is what is wrong with it
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return f"{told}; {_CLASS}" if isinstance(error, (AttributeError, ImportError)) else told
    return ""


def _ours(places: Iterable[Any], suffix: str = ".yaml") -> Iterator[Path]:
    for place in places:
        path = Path(str(place))
        files = [path] if path.is_file() and path.suffix == suffix else sorted(path.glob(f"**/*{suffix}"))
        yield from (file for file in files if file.is_file() and _is_ours(file))


def _is_ours(file: Path) -> bool:
    """Whether a file speaks of us: other people's broken tasks are theirs."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return "longctx" in text or any(name in text for name in _bases())


@lru_cache(maxsize=1)
def _bases() -> frozenset[str]:
    """Return the names of files that our tasks include, which a copied YAML names too."""
    return frozenset(path.name for file in task_files() for path in file.parent.glob("_*_yaml"))


def tell_place(error: LongctxError, config: Mapping[str, Any]) -> None:
    """Have an error say which task, and which file, it is about."""
    task, source = config.get("task"), (config.get("metadata") or {}).get("config_source")
    place = f"{task} ({source})" if source else str(task)
    error.args = (f"{place}: {error}", *error.args[1:])


@contextmanager
def naming(task: str) -> Iterator[None]:
    """Have an error name the task that it is about: of several in a run, one may be at fault."""
    try:
        yield
    except LongctxError as error:
        if task not in str(error):
            tell_place(error, {"task": task})
        raise
