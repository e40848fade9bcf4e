"""``mrcr_match``: how much of a text was repeated after its prefix, as an ``evaluate`` metric."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import datasets
import evaluate

from lm_eval_longctx.scorers.sequence_match import SequenceMatchScorer
from lm_eval_longctx.settings import read_settings

_DESCRIPTION = """\
The measure of multi-round co-reference resolution (MRCR): an answer must begin with a random prefix; what follows is
compared with the right text by difflib's matching ratio. Mean over answers, 0 to 1.
"""
_INPUTS = """
Args:
    predictions: The model's answers.
    references: The texts that were to be repeated, without their prefixes.
    prefixes: The random prefixes.
    grading: 'v2' (Google DeepMind's, default), 'v2_lenient', or 'openai'.

Returns:
    A dictionary: 'match' and 'prefix' (share of answers with the prefix where it must be).
"""
_CITATION = """\
@article{vodrahalli2024michelangelo,
  title={Michelangelo: Long Context Evaluations Beyond Haystacks via Latent Structure Queries},
  author={Vodrahalli, Kiran and others},
  journal={arXiv preprint arXiv:2409.12640},
  year={2024}
}
"""


class MrcrMatch(evaluate.Metric):
    """Grades answers as the scorer ``sequence_match`` does."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text, "prefixes": text}),
            reference_urls=["https://arxiv.org/abs/2409.12640"],
        )

    def _compute(
        self, predictions: list[str], references: list[str], prefixes: list[str], grading: str = "v2"
    ) -> dict[str, Any]:
        asked = read_settings(SequenceMatchScorer.OPTIONS, {"grading": grading}, "setting of mrcr_match")
        scorer = SequenceMatchScorer(asked)
        values = []
        for answer, target, prefix in zip(predictions, references, prefixes, strict=True):
            sample = {"target": target, "prefix": prefix}
            scorer.validate(sample)
            values.append(scorer.score(sample, answer))
        return {name: fmean(value[name] for value in values) for name in ("match", "prefix")}
