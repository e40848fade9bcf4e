"""What every source of hay gets from the floors above."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.files import default_cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class BuildContext:
    """What a builder gets from the floors above.

    Attributes:
        resolve_source: Gives the factory of a source by its name
            (``chronicle``, ``books``): a callable ``factory(argument, context)``
            where ``argument`` is the text after the first colon.
        cache_dir: Where to keep what is costly to make.
        count_tokens: The model's own token counting, where it can count.
        home: The folder of the task's YAML.
        written: The settings in use that are as the YAML has them, as opposed to those given with the run.
    """

    resolve_source: Callable[[str], Callable[[str, BuildContext], Any]]
    cache_dir: Path = field(default_factory=default_cache_dir)
    count_tokens: Callable[[str], int] | None = None
    home: Path | None = None
    written: frozenset[str] = frozenset()

    def path(self, text: str) -> Path:
        """Return the path that a text means: what stands in a YAML is looked for from the YAML's own folder.

        What was given with the run is looked for from the folder in which it
        runs, as every command does.
        """
        path = Path(text).expanduser()
        in_yaml = any(one == text or one.endswith(f":{text}") for one in self.written)
        return self.home / path if self.home and in_yaml else path

    def source(self, spec: str) -> Any:
        """Open a haystack source by its spelling, such as ``books:/path``."""
        name, _, argument = spec.partition(":")
        return self.resolve_source(name)(argument, self)
