"""``transcript_errors``: word or character error rate, normalised by language, as an ``evaluate`` metric."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from lm_eval_longctx.scorers.transcript import TranscriptScorer
from lm_eval_longctx.settings import read_settings

_DESCRIPTION = """\
Word error rate (character error rate where a script has no spaces between words) after a normaliser that is chosen by
language, with insertions, deletions and substitutions; errors of all texts divided by words of all.
"""
_INPUTS = """
Args:
    predictions: What was written down, one text a recording.
    references: What was said.
    language: Two letters; default 'en'.
    normalizer: 'by-language', or one by name: 'whisper-english', 'whisper-marks', 'whisper-basic', 'none'.

Returns:
    A dictionary: 'wer' (not where a language has no spaces), 'cer', 'insertions', 'deletions', 'substitutions',
    'looped' and 'stopped_early' (shares of the texts), and 'normalizer', the one that was used.
"""
_CITATION = """\
@inproceedings{radford2023robust,
  title={Robust Speech Recognition via Large-Scale Weak Supervision},
  author={Radford, Alec and Kim, Jong Wook and Xu, Tao and Brockman, Greg and McLeavey, Christine and Sutskever, Ilya},
  booktitle={International Conference on Machine Learning},
  year={2023}
}
"""


class TranscriptErrors(evaluate.Metric):
    """Scores transcripts as the scorer ``transcript`` does."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": text, "references": text}),
            reference_urls=["https://arxiv.org/abs/2212.04356"],
        )

    def _compute(
        self, predictions: list[str], references: list[str], language: str = "en", normalizer: str = "by-language"
    ) -> dict[str, Any]:
        asked = {"language": language, "normalizer": normalizer}
        scorer = TranscriptScorer(read_settings(TranscriptScorer.OPTIONS, asked, "setting of transcript_errors"))
        pairs = zip(predictions, references, strict=True)
        values = [scorer.score({"target": said}, written) for written, said in pairs]
        told = {m.name: float(m.aggregate([value[m.name] for value in values])) for m in scorer.METRICS}
        return {**told, "normalizer": scorer.normalizer}
