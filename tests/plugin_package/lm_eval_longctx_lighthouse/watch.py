"""A kind of task: many nights are alike, and the first of them is asked for."""

import hashlib

from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.sample import planned, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder

OTHERS = ("Auk", "Fulmar", "Gannet", "Kittiwake", "Puffin", "Skua", "Tern")
QUESTION = "In which night did the {ship} first pass? Repeat its line."


class Watch(Builder):
    """A log of ships; its length is counted in tokens, and there is no depth to choose."""

    HAS_DEPTH = False
    OPTIONS = (
        Option("ship", "Petrel", "the ship that is asked for"),
        Option("one_in", 4, "the ship passes in one night of so many", minimum=2, maximum=100),
    )

    def sample(self, plan):
        nights, first = self._log(plan)
        ship = self.sweep.options["ship"]
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": "watch", "digest": hashlib.sha256(b"watch 1").hexdigest(), "repeats": 0},
            "question": QUESTION.format(ship=ship),
            "target": f"Night {first}:",
            "realised_length": load_tokenizer(self.sweep.tokenizer).count("".join(nights)),
            "realised_depth": None,
        }

    def render(self, sample):
        nights, _ = self._log(planned(sample))
        return Prompt.user(TextPart("".join(nights), shared=True), TextPart(f"\n{sample['question']}"))

    def _log(self, plan):
        """Return so many lines that the next would be too long, and the first night that is asked for."""
        rng, count = plan.rng("log"), load_tokenizer(self.sweep.tokenizer).count
        nights, first, used = [], 0, 0
        while True:
            night = len(nights) + 1
            ours = night > 1 and rng.below(self.sweep.options["one_in"]) == 0
            ship = self.sweep.options["ship"] if ours else rng.choice(OTHERS)
            line = f"Night {night}: the {ship} passed, bound {rng.choice(('north', 'south'))}.\n"
            used += count(line)
            if used > plan.length.amount:
                return nights, first
            first = first or (night if ours else 0)
            nights.append(line)
