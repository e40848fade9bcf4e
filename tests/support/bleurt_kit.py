"""Stand-ins for BLEURT: folders as checkpoints have them, and packages with the interface of the real ones.

The numbers are the share of words that both texts have: enough to see which text was given as which, and no BLEURT.
"""

from __future__ import annotations

import contextlib
import json
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def likeness(reference: str, candidate: str) -> float:
    """Return the share of the reference's words that a candidate has; it is another one the other way round."""
    words = reference.lower().split()
    return sum(word in candidate.lower().split() for word in words) / len(words)


def googles(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a folder in Google's form, and a package ``bleurt`` that reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bleurt_config.json").write_text(json.dumps({"name": "stand-in", "max_seq_length": 512}))

    class BleurtScorer:
        def __init__(self, checkpoint: str) -> None:
            assert checkpoint == str(folder)

        def score(self, *, references: list[str], candidates: list[str]) -> list[float]:
            return [likeness(*pair) for pair in zip(references, candidates, strict=True)]

    _module(monkeypatch, "bleurt")
    _module(monkeypatch, "bleurt.score", BleurtScorer=BleurtScorer)
    return str(folder)


def converted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a folder in the form of PyTorch, and packages ``bleurt_pytorch`` and ``torch`` that read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bleurt", "max_position_embeddings": 512}))

    class Loaded:
        config = SimpleNamespace(max_position_embeddings=512)

        @classmethod
        def from_pretrained(cls, name: str, *, local_files_only: bool) -> Any:
            assert (name, local_files_only) == (str(folder), True)
            return cls()

        def eval(self) -> None:
            """Get ready."""

    class Model(Loaded):
        def __call__(self, *, pairs: list[tuple[str, str]]) -> Any:
            return SimpleNamespace(logits=SimpleNamespace(flatten=lambda: [likeness(*pair) for pair in pairs]))

    class Tokenizer(Loaded):
        def __call__(self, references: list[str], candidates: list[str], **how: Any) -> dict[str, Any]:
            assert how == {"truncation": True, "max_length": 512, "return_tensors": "pt"}
            return {"pairs": list(zip(references, candidates, strict=True))}

    _module(monkeypatch, "torch", no_grad=contextlib.nullcontext)
    _module(monkeypatch, "bleurt_pytorch", BleurtForSequenceClassification=Model, BleurtTokenizer=Tokenizer)
    return str(folder)


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **holds: Any) -> None:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None, is_package="." not in name)
    made.__dict__.update(holds)
    monkeypatch.setitem(sys.modules, name, made)
