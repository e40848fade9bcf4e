"""Does a task measure what it says? One function a question, and a verdict each."""

from lm_eval_longctx.check.rows import ROWS, check
from lm_eval_longctx.check.subject import FAST, FULL, Effort, Subject, Verdict

__all__ = ["FAST", "FULL", "ROWS", "Effort", "Subject", "Verdict", "check"]
