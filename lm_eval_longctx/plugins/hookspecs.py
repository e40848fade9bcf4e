"""The hooks: everything that a plugin can add.

A plugin is a module that a distribution names in the entry-point group
``lm_eval_longctx``. It marks functions of these names with
``@lm_eval_longctx.hookimpl``. Each hook is called once in a process, when the
registry is first asked for anything, and returns a list of small records. A
name that two plugins (or a plugin and this package) give is an error, and so
is a hook that is misspelt: an evaluation must never run something else than
its user believes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord

PROJECT = "lm_eval_longctx"
"""The pluggy project and the entry-point group."""

PREFIX = "longctx_"
"""What every hook's name begins with."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def longctx_providers() -> Sequence[ProviderRecord]:  # type: ignore[empty-body]
    """Return the providers to add.

    The target of each record is a subclass of
    ``lm_eval_longctx.providers.base.Provider`` whose ``NAME`` is the record's
    name.
    """


@hookspec
def longctx_haystack_sources() -> Sequence[SourceRecord]:  # type: ignore[empty-body]
    """Return the haystack sources to add.

    The target of each record is called as ``target(argument, context)`` and
    returns the source that the builders of its modality read.
    """


@hookspec
def longctx_task_paths() -> Sequence[Path]:  # type: ignore[empty-body]
    """Return existing folders of task YAMLs, for lm-eval to search with all that is below them.

    A user's ``--include_path`` wins over them; they win over tasks that come
    with lm-eval.
    """


@hookspec
def longctx_scorers() -> Sequence[ScorerRecord]:  # type: ignore[empty-body]
    """Return the scorers to add.

    The target of each record is a subclass of
    ``lm_eval_longctx.scorers.base.Scorer``.
    """


@hookspec
def longctx_builders() -> Sequence[BuilderRecord]:  # type: ignore[empty-body]
    """Return the kinds of task to add.

    The target of each record is a subclass of
    ``lm_eval_longctx.tasks.base.Builder``.
    """
