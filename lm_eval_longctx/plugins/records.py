"""What a plugin hands over: names and where the code is, never the code itself.

A record costs no import: ``target`` is ``"package.module:Name"`` and is loaded
when somebody asks for the item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from lm_eval_longctx.errors import PluginError

MODALITIES = ("text", "image", "video", "audio")
"""What a haystack source can be made of."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class _Record:
    """What all records have.

    Attributes:
        KIND: What the item is called in messages.
        name: How users write it: lower case, without colon, slash or comma.
        target: ``"package.module:Name"``.
    """

    KIND: ClassVar[str] = "item"

    name: str
    target: str

    def __post_init__(self) -> None:
        """Refuse names that users could not write and targets that cannot be loaded."""
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"{self.KIND} {self.name!r}: a name is lower-case letters, digits, and _ . -")
        if not _TARGET.fullmatch(self.target):
            raise PluginError(f"{self.KIND} {self.name!r}: target {self.target!r} is not 'package.module:Name'")


@dataclass(frozen=True)
class ProviderRecord(_Record):
    """A provider, for ``--model_args model=<name>/<model>``.

    Attributes:
        extra: The extra of the plugin's distribution that it needs, or ``None``.
        help: One line for tables.
    """

    KIND: ClassVar[str] = "provider"

    extra: str | None = None
    help: str = ""


@dataclass(frozen=True)
class SourceRecord(_Record):
    """A haystack source, for ``haystack: <name>:<argument>``.

    The target is called as ``target(argument, context)`` with the text after
    the first colon and a ``BuildContext``.

    Attributes:
        modality: One of ``MODALITIES``.
        extra: The extra of the plugin's distribution that it needs, or ``None``.
        help: One line for tables.
        licence: Of the hay itself, in one line (an SPDX name where there is one).
    """

    KIND: ClassVar[str] = "haystack source"

    modality: str = "text"
    extra: str | None = None
    help: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Check the modality too."""
        super().__post_init__()
        if self.modality not in MODALITIES:
            raise PluginError(f"haystack source {self.name!r}: modality {self.modality!r} is not in {MODALITIES}")


@dataclass(frozen=True)
class ScorerRecord(_Record):
    """A scorer, for ``scorer: <name>`` in a task's metadata.

    Attributes:
        extra: The extra of the plugin's distribution that it needs, or ``None``.
        help: One line for tables.
    """

    KIND: ClassVar[str] = "scorer"

    extra: str | None = None
    help: str = ""


@dataclass(frozen=True)
class BuilderRecord(_Record):
    """A kind of task, for ``builder: <name>`` in a task's metadata.

    Attributes:
        extra: The extra of the plugin's distribution that it needs, or ``None``.
        help: One line for tables.
    """

    KIND: ClassVar[str] = "builder"

    extra: str | None = None
    help: str = ""
