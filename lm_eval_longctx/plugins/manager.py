"""Finding plugins: our own first, then those that installed distributions name."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
from typing import TYPE_CHECKING, Any

import pluggy

from lm_eval_longctx.errors import PluginError
from lm_eval_longctx.plugins import defaults, hookspecs
from lm_eval_longctx.plugins.hookspecs import PREFIX, PROJECT
from lm_eval_longctx.plugins.registry import DISTRIBUTION, Plugin, Registry
from lm_eval_longctx.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

OWN_PLUGIN = "defaults"


@functools.cache
def registry() -> Registry:
    """Return everything that is plugged in; found once in a process.

    Raises:
        PluginError: A plugin cannot be loaded, misspells a hook, gives a bad
            record or a name that is taken.
    """
    return load_registry(importlib.metadata.entry_points(group=PROJECT))


def load_registry(entry_points: Iterable[EntryPoint]) -> Registry:
    """Make a registry of our own plugin and those of the entry points, in the order of their names."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = [_add(manager, defaults, (OWN_PLUGIN, DISTRIBUTION, __version__))]
    for point in sorted(entry_points, key=lambda point: (point.name, point.value)):
        name, version = (point.dist.name, point.dist.version) if point.dist else (point.value, "unknown")
        plugins.append(_add(manager, _import(point, name), (point.name, name, version)))
    return Registry(manager, plugins)


def _add(manager: pluggy.PluginManager, module: Any, named: tuple[str, str, str]) -> Plugin:
    who = "plugin {!r} of {} {}".format(*named)
    try:
        manager.register(module, named[0])
        manager.check_pending()
    except (ValueError, pluggy.PluginValidationError) as error:
        hooks = sorted(name for name in vars(hookspecs) if name.startswith(PREFIX))
        raise PluginError(f"{who}: {' '.join(str(error).split())}; the hooks are {', '.join(hooks)}") from error
    given = {caller.name for caller in manager.get_hookcallers(module) or ()}
    _refuse_unmarked(module, given, who)
    return Plugin(*named, tuple(sorted(given)))


def _refuse_unmarked(module: Any, given: set[str], who: str) -> None:
    """Find functions that look like hooks and are none: nobody would ever call them."""
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and name.startswith(PREFIX) and name not in given:
            raise PluginError(
                f"{who}: {name} is not marked with @lm_eval_longctx.hookimpl, so it would never be called"
            )


def _import(point: EntryPoint, distribution: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f"plugin {point.name!r} cannot be loaded ({error!r}); fix it or: pip uninstall {distribution}"
        ) from error
