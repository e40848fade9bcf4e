"""lm-eval's ``hf`` in one of several processes, as ``torchrun`` starts them; run as a script.

On a machine without graphics cards lm-eval's ``hf`` lets every process answer
everything. So that samples are shared out on a processor too, this class takes
rank and number of processes from accelerate, as ``hf`` does with several cards.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from lm_eval.models.huggingface import HFLM


class SharingHF(HFLM):
    """lm-eval's own class with its own gathering, on processors."""

    def __init__(self, folder: str) -> None:
        from accelerate import Accelerator

        os.environ["ACCELERATE_USE_CPU"] = "true"  # before lm-eval makes one, whose state all later ones share
        super().__init__(pretrained=folder, device="cpu", batch_size=1)
        self.accelerator = Accelerator(cpu=True)
        self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes


def main() -> None:
    """Evaluate: arguments are the model's folder, the file for the results, and settings as JSON."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks.manager import TaskManager
    from lm_eval.utils import handle_non_serializable

    folder, file, told = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    manager = TaskManager(include_defaults=False, metadata=told.pop("metadata"))
    results: Any = simple_evaluate(SharingHF(folder), task_manager=manager, bootstrap_iters=0, **told)
    if results is not None:
        file.write_text(json.dumps(results, default=handle_non_serializable), encoding="utf-8")


if __name__ == "__main__":
    main()
