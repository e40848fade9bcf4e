"""What lm-eval saves is looked at once it is saved: what is not there whole is saved elsewhere, and said.

lm-eval catches whatever goes wrong while it saves, from a full disk to a name
that is too long, goes on, and ends with 0; why is in its log where somebody
asked for it. So a run of hours would leave a file that is cut, and nobody knows.
"""

from __future__ import annotations

import functools
import inspect
import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.files import default_cache_dir
from lm_eval_longctx.harness.ending import ENDING, caught, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MARK = "_lm_eval_longctx_saving"
_SAVES = ("save_results_aggregated", "save_results_samples")
_PLACE = "lm-eval-longctx-results-"
"""Begins the name of a folder that holds what could not be saved where it was to be."""


def watch_saving(tracker: Any) -> None:
    """Have a tracker's class look at what it has saved; safe to repeat.

    Args:
        tracker: lm-eval's ``EvaluationTracker`` of a run; ``None`` where there is none.
    """
    cls = type(tracker)
    for name in _SAVES:
        method = getattr(cls, name, None)  # not in every lm-eval that we may meet
        if method is not None and not hasattr(method, _MARK):  # a class below inherits the method, or has its own
            watched = _watched(method)
            setattr(watched, _MARK, True)
            setattr(cls, name, watched)


def _watched(original: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def save(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        if not bound.arguments["self"].output_path or not ENDING.about_us:
            original(*args, **kwargs)
            return
        _save(original, bound.arguments)

    return save


def _save(original: Callable[..., None], given: Mapping[str, Any]) -> None:
    named = given["self"].output_path
    what = f"the samples of {given['task_name']}" if "task_name" in given else "the results"
    wrong, error, left = _tried(original, given)
    if not wrong:
        if error is not None:
            ENDING.unsaved.append(
                f"{what} are saved in {named}, but lm-eval could not do all with them: {in_words(error)}"
            )
        return
    place = _elsewhere(original, given)
    for file in left:
        with suppress(OSError):  # nobody shall take it for the whole
            file.replace(f"{file}.cut") if place is None else file.unlink()
    ENDING.lost, ENDING.moved = ENDING.lost or place is None, ENDING.moved or place is not None
    told = "and nowhere else is room" if place is None else f"they are in {place} instead"
    ENDING.unsaved.append(f"{what} could not be saved in {named} ({in_words(error) if error else wrong}); {told}")


def _elsewhere(original: Callable[..., None], given: Mapping[str, Any]) -> Path | None:
    """Save wherever there is room, as the ledger does; what is saved later goes there too."""
    tracker, named = given["self"], given["self"].output_path
    for folder in dict.fromkeys((default_cache_dir(), Path.home(), Path(tempfile.gettempdir()))):
        try:
            place = Path(tempfile.mkdtemp(prefix=_PLACE, dir=folder))
        except OSError:
            continue
        tracker.output_path = str(place / "results.json")  # a file: then lm-eval makes no folder of the model's name
        if not _tried(original, given)[0]:
            return place
        shutil.rmtree(place, ignore_errors=True)
    tracker.output_path = named
    return None


def _tried(original: Callable[..., None], given: Mapping[str, Any]) -> tuple[str, Exception | None, set[Path]]:
    """Save once; return what is wrong with the file (nothing if it is whole), what lm-eval caught, and new files."""
    tracker, samples = given["self"], given.get("samples")
    again = {**given, "samples": [dict(one) for one in samples]} if isinstance(samples, list) else given
    before = _files(tracker)
    with caught(original.__module__) as errors:
        original(**again)  # with samples of its own: lm-eval changes them as it writes
    new = _files(tracker) - before
    lines = len(samples) if isinstance(samples, list) else None
    wrong = _wrong(new.copy().pop(), lines) if new else "no file was written"
    return wrong, errors[-1] if errors else None, new


def _files(tracker: Any) -> set[Path]:
    """Return what was saved at the time that is in the names: beside a file's path, or a folder a model."""
    path, date = Path(tracker.output_path), getattr(tracker, "date_id", None)
    folder = path.parent if path.suffix == ".json" else path
    return {file for form in ("*{}*", "*/*{}*") for file in folder.glob(form.format(date))} if date else set()


def _wrong(file: Path, lines: int | None) -> str:
    """Return what is wrong with a file of JSON, or of so many lines of it."""
    try:
        with file.open("rb") as content:
            if lines is None:
                json.load(content)
            else:
                ends = [line.endswith(b"\n") for line in content]
                if len(ends) != lines or not all(ends):
                    return f"{file.name} is cut"
    except OSError as error:
        return in_words(error)
    except ValueError:
        return f"{file.name} is cut"
    return ""
