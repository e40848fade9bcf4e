"""Translations by BLEURT, where a user has a checkpoint of it, beside chrF and BLEU.

BLEURT (Sellam et al., arXiv 2004.04696) is a trained regression from a
reference and a candidate to a rating. Its checkpoints are large and come from
elsewhere: nothing is fetched here. Two forms are read, as they are published:
Google's own, with the package ``bleurt`` (TensorFlow), and those converted to
PyTorch, with ``bleurt-pytorch``. Scores are times a hundred, as the Gemini 1.5
report prints them; perfect ones may lie a little above 100.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.scorers.base import Metric
from lm_eval_longctx.scorers.translation import TranslationScorer
from lm_eval_longctx.settings import Option

if TYPE_CHECKING:
    from collections.abc import Mapping

Rate = Callable[[str, str], float]
"""From a reference and a candidate to a rating, about 0 to 1."""

_CONVERTED = "config.json"
_GOOGLES = "bleurt_config.json"
_TYPE = "bleurt"

PACKAGES = {
    _GOOGLES: ("bleurt", "pip install git+https://github.com/google-research/bleurt"),
    _CONVERTED: ("bleurt_pytorch", "pip install bleurt-pytorch, with a transformers that it works with (before 5)"),
}
"""By the file that tells a checkpoint's form: the package that reads it, and how to get that."""


class TranslationBleurtScorer(TranslationScorer):
    """BLEURT first, then what ``translation`` gives.

    Accepts one line, in which wrapping and what introduces it do not count.
    """

    METRICS: ClassVar[tuple[Metric, ...]] = (
        Metric("bleurt", "mean BLEURT of the sentences times 100, about 0 to 100"),
        *TranslationScorer.METRICS,
    )
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("bleurt", None, "folder of a BLEURT checkpoint, Google's own or converted to PyTorch", kinds=(str,)),
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make sure of the checkpoint and of the package that reads it; nothing is loaded yet.

        Raises:
            ConfigError: There is no checkpoint in the folder, or its package is not installed.
        """
        super().__init__(options)
        self.folder = Path(str(self.options["bleurt"])).expanduser() if self.options.get("bleurt") else None
        self.form = form_of(self.folder) if self.folder else ""

    def validate(self, sample: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where no checkpoint is named, before anything is asked."""
        super().validate(sample)
        if self.folder is None:
            raise ConfigError("BLEURT needs a checkpoint of yours: give its folder as bleurt; none is fetched")

    @cached_property
    def rate(self) -> Rate:
        """Load the checkpoint."""
        return (_googles if self.form == _GOOGLES else _converted)(str(self.folder))

    def score(self, sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Return the rating, and what ``TranslationScorer`` returns; an abstention is rated as an empty text."""
        found = super().score(sample, answer)
        translation, reference = found["chrf"].pair
        return {"bleurt": 100 * self.rate(reference, translation), **found}


def form_of(folder: Path) -> str:
    """Return the file that tells a checkpoint's form.

    Raises:
        ConfigError: There is none, or the package that reads it is not installed.
    """
    if (folder / _GOOGLES).is_file():
        form = _GOOGLES
    elif _model_type(folder / _CONVERTED) == _TYPE:
        form = _CONVERTED
    else:
        lies = "is no folder" if not folder.is_dir() else f"has neither {_GOOGLES} nor a {_CONVERTED} of a bleurt model"
        raise ConfigError(f"bleurt={folder} {lies}; give the folder of an unpacked checkpoint, such as BLEURT-20")
    package, get = PACKAGES[form]
    if find_spec(package) is None:
        raise ConfigError(f"the BLEURT checkpoint {folder} is read by the package {package}, which is missing: {get}")
    return form


def _model_type(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("model_type"))
    except (OSError, ValueError, AttributeError):
        return ""


def _googles(folder: str) -> Rate:
    from bleurt.score import BleurtScorer

    scorer = BleurtScorer(folder)
    return lambda reference, candidate: float(scorer.score(references=[reference], candidates=[candidate])[0])


def _converted(folder: str) -> Rate:
    import torch
    from bleurt_pytorch import BleurtForSequenceClassification, BleurtTokenizer

    model = BleurtForSequenceClassification.from_pretrained(folder, local_files_only=True)
    tokenizer = BleurtTokenizer.from_pretrained(folder, local_files_only=True)
    model.eval()
    longest = int(model.config.max_position_embeddings)

    def rate(reference: str, candidate: str) -> float:
        with torch.no_grad():
            given = tokenizer([reference], [candidate], truncation=True, max_length=longest, return_tensors="pt")
            return float(model(**given).logits.flatten()[0])

    return rate
