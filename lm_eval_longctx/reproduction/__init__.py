"""Repeating a paper: what can run and what it costs, running it, and ours beside what was published."""

from lm_eval_longctx.reproduction.comparing import readable
from lm_eval_longctx.reproduction.pages import Finished, Section, as_dict, sections, write_pages
from lm_eval_longctx.reproduction.running import Purse, Ran, held, run_steps
from lm_eval_longctx.reproduction.steps import Choice, Step, expected, make_steps, refuse_beyond, refuse_nothing

__all__ = [
    "Choice",
    "Finished",
    "Purse",
    "Ran",
    "Section",
    "Step",
    "as_dict",
    "expected",
    "held",
    "make_steps",
    "readable",
    "refuse_beyond",
    "refuse_nothing",
    "run_steps",
    "sections",
    "write_pages",
]
