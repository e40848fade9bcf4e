"""One item for each hook of lm-eval-longctx."""

from pathlib import Path

from lm_eval_longctx import hookimpl
from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord

HERE = "lm_eval_longctx_lighthouse"


@hookimpl
def longctx_providers():
    return [ProviderRecord("keeper", f"{HERE}.keeper:Keeper", help="repeats the line with a word")]


@hookimpl
def longctx_haystack_sources():
    return [SourceRecord("logbook", f"{HERE}.logbook:Logbook", help="a lighthouse's log, endless", licence="CC0-1.0")]


@hookimpl
def longctx_scorers():
    return [ScorerRecord("first_line", f"{HERE}.first_line:FirstLine", help="is the answer in the first line")]


@hookimpl
def longctx_builders():
    return [BuilderRecord("watch", f"{HERE}.watch:Watch", help="the first of many nights that are alike")]


@hookimpl
def longctx_task_paths():
    return [Path(__file__).parent / "tasks"]
