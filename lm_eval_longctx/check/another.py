"""Another process that makes the same samples: what hangs on memory, order of sets or hash seeds comes out there.

One process serves all tasks of a check, since starting one takes seconds. It
reads a line of JSON for each task and answers with a line of digests.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SEEDS = ("1", "2")
"""Hash seeds; the other process takes one that is not ours."""


def another_process(
    name: str, metadata: Mapping[str, Any], include_path: Sequence[str], how: tuple[int, int, bool]
) -> list[str]:
    """Return the digests that another process finds.

    Args:
        name: Of the task.
        metadata: Its settings.
        include_path: Further folders of tasks.
        how: How many samples, how many of them with their prompts, and whether durations of speech are only reckoned.

    Raises:
        ConfigError: It cannot make them.
    """
    process = _process(os.pathsep.join(filter(None, sys.path)))
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
    process.stdin.write(json.dumps([name, dict(metadata), list(include_path), *how]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    answer = json.loads(line) if line else "it ended"
    if isinstance(answer, str):
        raise ConfigError(f"{name} cannot be made in another process: {answer}")
    return [str(digest) for digest in answer]


@cache
def _process(path: str) -> subprocess.Popen[str]:
    """Start the other process, with another hash seed and the same modules at hand; it ends with ours."""
    seed = next(seed for seed in _SEEDS if seed != os.environ.get("PYTHONHASHSEED"))
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    process = subprocess.Popen(  # noqa: S603 - this very package
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )
    atexit.register(process.kill)
    return process


def serve() -> None:
    """Answer each line with digests, or with what went wrong, until there are no more."""
    from lm_eval_longctx.check.sameness import digests
    from lm_eval_longctx.harness.planning import one_task
    from lm_eval_longctx.hay.estimating import SPEECH, estimating

    out, sys.stdout = sys.stdout, sys.stderr  # nothing but answers may come out
    for line in sys.stdin:
        name, metadata, include_path, samples, prompts, reckoned = json.loads(line)
        try:
            with estimating(*([SPEECH] if reckoned else [])):
                answer: Any = digests(one_task(name, metadata, include_path), samples, prompts)
        except Exception as error:  # noqa: BLE001 - whatever it is, the asking process tells it
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=out, flush=True)
