"""The registry: which items there are, who brought them, and loading them on use."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

from lm_eval_longctx.errors import MissingExtraError, PluginError, unknown_option
from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pluggy

DISTRIBUTION = "lm-eval-longctx"
Record = Union[ProviderRecord, SourceRecord, ScorerRecord, BuilderRecord]
R = TypeVar("R", ProviderRecord, SourceRecord, ScorerRecord, BuilderRecord)


@dataclass(frozen=True)
class Plugin:
    """One plugin that is loaded.

    Attributes:
        plugin: The name of its entry point.
        name: Of its distribution, as pip writes it.
        version: Of its distribution.
        hooks: The names of the hooks that it implements, sorted.
    """

    plugin: str
    name: str
    version: str
    hooks: tuple[str, ...]


class Registry:
    """All items of all plugins; made by ``plugins.manager.registry``."""

    def __init__(self, manager: pluggy.PluginManager, plugins: Sequence[Plugin]) -> None:
        """Call every hook of every plugin once.

        Raises:
            PluginError: A hook fails or gives something else than its records,
                or two records have one name.
        """
        self._manager = manager
        self._owners: dict[tuple[str, str], Plugin] = {}
        self.plugins = tuple(plugins)
        self._providers = self._collect("longctx_providers", ProviderRecord)
        self._sources = self._collect("longctx_haystack_sources", SourceRecord)
        self._scorers = self._collect("longctx_scorers", ScorerRecord)
        self._builders = self._collect("longctx_builders", BuilderRecord)
        self._task_paths = [_folder(plugin, path) for plugin, path in self._given("longctx_task_paths")]

    def provider(self, name: str) -> ProviderRecord:
        """Return the record of a provider.

        Raises:
            UnknownOptionError: There is none of that name; says the nearest.
        """
        return _look_up(self._providers, "provider", name)

    def source(self, name: str) -> SourceRecord:
        """Return the record of a haystack source, or raise like ``provider``."""
        return _look_up(self._sources, "haystack source", name)

    def scorer(self, name: str) -> ScorerRecord:
        """Return the record of a scorer, or raise like ``provider``."""
        return _look_up(self._scorers, "scorer", name)

    def builder(self, name: str) -> BuilderRecord:
        """Return the record of a kind of task, or raise like ``provider``."""
        return _look_up(self._builders, "builder", name)

    def providers(self) -> tuple[ProviderRecord, ...]:
        """Return all providers, ours first."""
        return tuple(self._providers.values())

    def sources(self) -> tuple[SourceRecord, ...]:
        """Return all haystack sources, ours first."""
        return tuple(self._sources.values())

    def scorers(self) -> tuple[ScorerRecord, ...]:
        """Return all scorers, ours first."""
        return tuple(self._scorers.values())

    def builders(self) -> tuple[BuilderRecord, ...]:
        """Return all kinds of task, ours first."""
        return tuple(self._builders.values())

    def task_paths(self) -> list[Path]:
        """Return the folders of task YAMLs, ours first."""
        return list(self._task_paths)

    def owner(self, record: Record) -> Plugin:
        """Return the plugin that brought a record."""
        return self._owners[record.KIND, record.name]

    def load(self, record: Record) -> Any:
        """Import what a record names.

        Raises:
            MissingExtraError: A module is missing and the record names the extra that brings it.
            PluginError: The target is not there or cannot be imported.
        """
        what, (module, _, attribute) = f"{record.KIND} {record.name!r}", record.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if record.extra and not f"{module}.".startswith(f"{error.name}."):
                raise MissingExtraError(f"the {what}", record.extra, self.owner(record).name) from error
            raise PluginError(f"the {what} of {self.owner(record).name} cannot be imported: {error}") from error
        except (ImportError, AttributeError) as error:
            raise PluginError(f"the {what} of {self.owner(record).name} cannot be imported: {error}") from error

    def describe(self) -> list[dict[str, Any]]:
        """Return name, version and hooks of each plugin as plain values: what every result file says."""
        return [{**asdict(plugin), "hooks": list(plugin.hooks)} for plugin in self.plugins]

    def _given(self, hook: str) -> Iterator[tuple[Plugin, Any]]:
        """Yield what the plugins return for a hook, one by one, in the plugins' order."""
        calls = {call.plugin_name: call for call in getattr(self._manager.hook, hook).get_hookimpls()}
        for plugin in self.plugins:
            if plugin.plugin in calls:
                try:
                    given = list(calls[plugin.plugin].function())
                except Exception as error:
                    raise PluginError(f"{hook} of {plugin.name} failed: {error!r}") from error
                yield from ((plugin, item) for item in given)

    def _collect(self, hook: str, kind: type[R]) -> dict[str, R]:
        found: dict[str, R] = {}
        for plugin, record in self._given(hook):
            if not isinstance(record, kind):
                raise PluginError(f"{hook} of {plugin.name} gave {record!r}, which is no {kind.__name__}")
            if record.name in found:
                names = f"{self.owner(found[record.name]).name} and {plugin.name}"
                raise PluginError(
                    f"{record.KIND} {record.name!r} comes from {names}; uninstall one, or rename it there"
                )
            found[record.name] = record
            self._owners[record.KIND, record.name] = plugin
        return found


def _look_up(records: dict[str, R], kind: str, name: str) -> R:
    if name not in records:
        raise unknown_option(kind, name, records)
    return records[name]


def _folder(plugin: Plugin, path: Any) -> Path:
    if not isinstance(path, (str, Path)) or not Path(path).is_dir():
        raise PluginError(f"longctx_task_paths of {plugin.name} gave {path!r}, which is not an existing folder")
    return Path(path)
