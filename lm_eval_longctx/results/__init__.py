"""From samples to the sweep block in lm-eval's result file, and back."""

from lm_eval_longctx.results.block import SCHEMA, SCHEMA_VERSION, check_block, sweep_block
from lm_eval_longctx.results.floors import Floors
from lm_eval_longctx.results.logged import Logged, logged_samples
from lm_eval_longctx.results.reading import CELL_NOTE, Run, interval_of, read_runs
from lm_eval_longctx.results.rows import SampleResult

__all__ = [
    "CELL_NOTE",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Floors",
    "Logged",
    "Run",
    "SampleResult",
    "check_block",
    "interval_of",
    "logged_samples",
    "read_runs",
    "sweep_block",
]
