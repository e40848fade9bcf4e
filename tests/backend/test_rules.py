"""The tables of rules in the documents are the code's own, and true."""

from __future__ import annotations

import pytest

from lm_eval_longctx.backend import rules
from lm_eval_longctx.completion import Outcome


def test_the_rule_for_asking_again_is_printed(repo_root):
    """docs/errors.md holds the table that the code makes."""
    assert rules.asking_table() in (repo_root / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("outcome", [o for o in rules.OURS if o is not Outcome.SKIPPED_BUDGET])
def test_the_rule_for_asking_again_is_true(run, scripted, jobs, outcome):
    """Each row says what a run really does, and what the next one does."""
    same, later = rules.asked_again(outcome)
    provider = scripted([{"outcome": outcome.value, "retry": "transient"}])
    run(provider, jobs(1))
    asked = len(provider.requests)
    assert (asked > 1) == same.startswith("yes")
    run(provider, jobs(1))
    assert (len(provider.requests) > asked) == (not later.startswith("no"))
