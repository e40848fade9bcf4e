"""A scorer that has no patience."""

from lm_eval_longctx.scorers.base import Metric, Scorer


class FirstLine(Scorer):
    """Looks for the right answer in the first line only."""

    METRICS = (Metric("found", "1 if the first line of the answer holds the right answer; else 0"),)

    def score(self, sample, answer):
        first = answer.strip().partition("\n")[0]
        return {"found": float(sample["target"] in first)}
