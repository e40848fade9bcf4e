"""The process of one cell: lm-eval, for as long as whoever started it lives.

``python -m lm_eval_longctx.matrix.child``, with the arguments of ``lm-eval
run`` and a standard input that stays open until the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from lm_eval_longctx.ctrl_c import lose_no_ctrl_c
from lm_eval_longctx.harness.command_line import ours_alone, run_lm_eval
from lm_eval_longctx.matrix.cells import LIMIT_EACH


def main() -> int:
    """Run lm-eval with this process's arguments and return its exit status."""
    lose_no_ctrl_c()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _name_samples(Path(sys.argv[sys.argv.index("--config") + 1]))
    with ours_alone():  # the plan has refused all others
        return run_lm_eval(sys.argv[1:])


def _name_samples(path: Path) -> None:
    """Name the samples that cells of one length each have asked, where the configuration says how many."""
    config = json.loads(path.read_text(encoding="utf-8"))
    limit = config.pop(LIMIT_EACH, None)
    if limit is not None:
        # Imported here: most cells have no use for it.
        from lm_eval_longctx.harness.lm import LongctxLM
        from lm_eval_longctx.harness.planning import first_of_each_length

        model, paths = LongctxLM(**config["model_args"]), [config["include_path"]] if "include_path" in config else []
        try:
            config["samples"] = first_of_each_length(model, config["tasks"], config["metadata"], limit, paths)
        finally:
            model.backend.close()
        path.write_text(json.dumps(config), encoding="utf-8")


def _end_with_parent() -> None:
    """End as after SIGTERM once standard input ends: what is in flight is waited for, since it is paid."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
