"""How long a user waits for a list: what is not needed is not imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LARGE = ("datasets", "pandas", "pyarrow", "torch", "transformers", "sklearn", "matplotlib", "sacrebleu")
"""Packages that take a tenth of a second and more."""

LISTS = """
import json, sys
from lm_eval_longctx.cli import main
try:
    main(sys.argv[2:])
except SystemExit:
    pass
ran = [name for name in json.loads(sys.argv[1]) if type(sys.modules.get(name)).__name__ == "module"]
print(json.dumps(ran), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "command",
    [["--help"], ["tasks"], ["tasks", "longctx_text_niah"], ["plugins"], ["plan", "--help"], ["show", "--help"]],
    ids=" ".join,
)
def test_lists_and_help_import_nothing_large(command: list[str]) -> None:
    """Listing tasks and plugins, and help, run none of the packages that take long to import."""
    done = subprocess.run(
        [sys.executable, "-c", LISTS, json.dumps(LARGE), *command], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []


def test_what_is_late_works_when_it_is_used() -> None:
    """A package that waited for its first use is whole then, with its parts, and imports are as before afterwards."""
    program = """
import sys
from lm_eval_longctx.cli.lazily import late_imports
before = list(sys.meta_path)
with late_imports(["json.tool", "sacrebleu", "no_such_package"]):
    import sacrebleu
    try:
        import no_such_package
    except ModuleNotFoundError as error:
        print(error)
assert sys.meta_path == before
assert type(sacrebleu).__name__ != "module"
assert sacrebleu.corpus_chrf(["a b"], [["a b"]]).score == 100
from sacrebleu.metrics import CHRF
assert type(sys.modules["sacrebleu"]).__name__ == "module"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "No module named 'no_such_package'\n"), done.stderr
