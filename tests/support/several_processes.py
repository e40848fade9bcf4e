"""One of several processes that evaluate together, as ``accelerate launch`` would start them; run as a script.

What processes tell each other goes through files in a folder that they share.
lm-eval itself counts calls with torch; where that is not installed, the little
that it needs of it stands in.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from lm_eval.api.model import LM

from lm_eval_longctx.errors import LongctxError

PATIENCE = 300.0


class Tensor(np.ndarray):  # type: ignore[type-arg]
    """As much of a tensor as lm-eval uses to count calls."""

    def cpu(self) -> Tensor:
        """Return itself."""
        return self

    def detach(self) -> Tensor:
        """Return itself."""
        return self

    def numpy(self) -> Any:
        """Return the plain array."""
        return np.asarray(self)


def tensor(value: Any, device: object = None) -> Tensor:
    """Make one."""
    del device
    return np.atleast_1d(np.asarray(value)).view(Tensor)


def stand_in_for_torch() -> None:
    """Let ``import torch`` find what lm-eval's evaluator needs, if the real one is not installed."""
    if find_spec("torch") is None:
        module = ModuleType("torch")
        module.__spec__ = ModuleSpec("torch", None)
        module.tensor, module.manual_seed = tensor, int  # type: ignore[attr-defined]
        sys.modules["torch"] = module


class SharingLM(LM):
    """A model of a stranger's that runs in several processes: it copies the needle, and fails now and then."""

    def __init__(self, rank: int, world_size: int, folder: Path) -> None:
        super().__init__()
        self._rank, self._world_size, self.folder, self.step = rank, world_size, folder, 0
        self.asked = 0

    def _exchange(self, obj: Any) -> list[Any]:
        """Return what each process gave at this step."""
        self.step += 1
        whole = self.folder / f"{self.step}-{self._rank}"
        part = whole.with_suffix(".part")
        part.write_bytes(pickle.dumps(obj))
        part.replace(whole)
        files = [self.folder / f"{self.step}-{rank}" for rank in range(self._world_size)]
        end = time.monotonic() + PATIENCE
        while not all(file.exists() for file in files):
            if time.monotonic() > end:
                raise TimeoutError(f"process {self._rank} waited in vain at step {self.step}")
            time.sleep(0.01)
        return [pickle.loads(file.read_bytes()) for file in files]  # noqa: S301 - our own files

    def all_gather(self, tensor: Any) -> Any:
        """Return the tensors of all, joined."""
        import torch

        return torch.tensor(
            [value for part in self._exchange(tensor.numpy().tolist()) for value in np.atleast_1d(part)]
        )

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """Return the objects of all, in one process."""
        found = self._exchange(obj)
        return found if self._rank == dst else None

    def barrier(self) -> None:
        """Wait for all."""
        self._exchange(None)

    def generate_until(self, requests: list[Any], **_: Any) -> list[str | None]:
        """Copy the needle's number out of the prompt; of five samples, one gets no answer and one a wrong one."""
        self.asked += len(requests)
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> str | None:
        number = str(request.args[0].split(" number is: ")[1].split(".")[0])
        return (number, number, None, "no", number)[request.metadata[1] % 5]

    loglikelihood = loglikelihood_rolling = generate_until


def main() -> None:
    """Evaluate each case: arguments are rank, processes, shared folder and the cases as JSON, by name.

    The first process writes ``NAME.json`` for each; every process writes what it was asked, or its error.
    """
    rank, world_size, folder, cases = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
    stand_in_for_torch()
    lm = SharingLM(rank, world_size, folder)
    told = {}
    for name, case in cases.items():
        lm.asked = 0
        try:
            evaluate(lm, name, case)
            told[name] = str(lm.asked)
        except LongctxError as error:
            told[name] = str(error)
    (folder / f"told-{rank}").write_text(json.dumps(told), encoding="utf-8")


def evaluate(lm: SharingLM, name: str, case: dict[str, Any]) -> None:
    """Run lm-eval on one case: ``tasks``, ``include_path``, ``metadata`` and further settings."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks.manager import TaskManager
    from lm_eval.utils import handle_non_serializable

    manager = TaskManager(
        include_defaults=False, include_path=case.pop("include_path"), metadata=case.pop("metadata", {})
    )
    results = simple_evaluate(lm, task_manager=manager, bootstrap_iters=10, **case)
    if results is not None:
        text = json.dumps(results, default=handle_non_serializable)
        (lm.folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
