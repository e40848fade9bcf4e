"""Lets all processes of a test session share lm-eval's index of its own tasks, and of the checkout's.

lm-eval reads its 14,000 YAML files, for six seconds, whenever a command starts or a task manager is made,
and our 200, for a tenth of a second, thousands of times. That these files are read is not to be proved each
time (tests/packaging does, in environments that know nothing of this), so the first who needs an index keeps
it in the folder ``KEPT_LM_EVAL_INDEX``, and the others read that. Installed copies of our tasks, and the
folders of users, are searched as ever.

tests/conftest.py installs it in the process that runs the tests, and ``sitecustomize`` in those that they start.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import ModuleType

PLACE = "KEPT_LM_EVAL_INDEX"
_WAITED_FOR = "lm_eval.tasks._index"
_LAZY: dict[type[Any], Callable[..., Any]] = {}


def install() -> None:
    """Wait for the module of lm-eval that builds an index; safe to repeat."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]


class _Finder:
    """Finds what the others find, and changes one module when it has run."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return how to import the module that is waited for, and nothing for any other."""
        if name != _WAITED_FOR:
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                module.TaskIndex.build = staticmethod(sharing(module))

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def sharing(module: ModuleType) -> Callable[..., dict[str, Any]]:
    """Return lm-eval's function that builds an index, with its own folder and ours read only once."""
    import functools
    import logging
    from pathlib import Path

    original, entry_of = module.TaskIndex.build, lazy(module.Entry)
    ours = Path(__file__).resolve().parents[3] / "task_configs"
    shared = {Path(module.__file__ or "").resolve().parent, ours}

    def build(paths: Iterable[Path], *, resolve_includes: bool = True) -> dict[str, Any]:
        if not resolve_includes or PLACE not in os.environ:
            return dict(original(paths, resolve_includes=resolve_includes))
        index: dict[str, Any] = {}
        for path in paths:
            read = functools.partial(original, [path])
            found = kept(path, read, entry_of) if path.resolve() in shared else read()
            for name, entry in found.items():
                if name in index:  # lm-eval's own words
                    text = "Task '%s' from %s overrides existing task from %s"
                    logging.getLogger(_WAITED_FOR).warning(text, name, entry.yaml_path, index[name].yaml_path)
                index[name] = entry
        return index

    return build


def lazy(kind: type[Any]) -> Callable[..., Any]:
    """Return what makes an entry whose settings are read when somebody asks for them: few of 14,000 are."""
    import pickle
    from functools import cached_property
    from pathlib import Path

    if kind in _LAZY:
        return _LAZY[kind]

    class Kept(kind):  # type: ignore[misc]  # lm-eval has no types
        def __init__(self, name: str, sort: Any, path: str | None, config: bytes, tags: set[str]) -> None:
            self.name, self.kind, self.tags = name, sort, tags
            self._path, self._config = path, config

        @cached_property
        def yaml_path(self) -> Path | None:
            return None if self._path is None else Path(self._path)

        @cached_property
        def cfg(self) -> Any:
            return pickle.loads(self._config)  # noqa: S301 - our own file

        def __reduce__(self) -> Any:
            config = pickle.dumps(self.cfg) if "cfg" in vars(self) else self._config
            return again, (kind.__module__, self.name, self.kind, self._path, config, self.tags)

    _LAZY[kind] = Kept
    return Kept


def again(module: str, *told: Any) -> Any:
    """Return an entry that was pickled."""
    import importlib

    return lazy(importlib.import_module(module).Entry)(*told)


def kept(folder: Path, make: Callable[[], dict[str, Any]], entry_of: Callable[..., Any]) -> dict[str, Any]:
    """Return the index of a folder that is kept, made if it is not there yet; each time objects of its own."""
    import gc
    import pickle
    from pathlib import Path

    place = Path(os.environ[PLACE], f"{folder.name}.pickle")
    if not place.exists():  # two who come at once both make it: the same
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}")
        found = [
            (name, (one.name, one.kind, one.yaml_path and str(one.yaml_path), pickle.dumps(one.cfg), one.tags))
            for name, one in make().items()
        ]
        part.write_bytes(pickle.dumps(found))
        part.replace(place)
    collects = gc.isenabled()
    gc.disable()  # halves the time: there is no rubbish in it
    try:
        return {name: entry_of(*told) for name, told in pickle.loads(place.read_bytes())}  # noqa: S301 - our own file
    finally:
        if collects:
            gc.enable()
