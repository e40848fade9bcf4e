"""What tasks of reasoning are worth: who can answer them, and who should not be able to.

    python tests/benchmarks/bench_reasoning.py [TASK ...] [--lengths 2k 8k 32k] [--samples 12] [--write PAGE]

For each task and length, on the same samples:

- oracle: the right answers, scored (1.00, or the task cannot be won);
- blind: the best of many solvers that never see the context, by ``lm-eval-longctx check``;
- BM25: in how many samples the passages that the answer follows from are all among the best 4,000 characters that
  BM25 finds for the question (``··`` where nobody can say which passages these are: all of them, for counts);
- embedded: the embedded model (recognisers, BM25, an extractor);
- small LM: SmolLM2-135M-Instruct behind the same retrieval (``model=cascade/lm``), where it is installed.

With ``--write`` the table is put into a page, between its marks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from lm_eval_longctx.check.answers import blind, oracle
from lm_eval_longctx.check.subject import Effort, Skipped, Subject
from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.hay.text.splitting import SENTENCES, unit_ends
from lm_eval_longctx.providers.cascade.retrieval import content_words, rank
from lm_eval_longctx.report.wording import number
from lm_eval_longctx.results import read_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.harness.listing import Listed
    from lm_eval_longctx.sample import Sample

TASKS = (
    "longctx_text_aggregate",
    "longctx_text_graph",
    "longctx_text_plan",
    "longctx_text_process",
    "niah_paraphrase_longctx",
    "niah_association_longctx",
    "niah_relation_longctx",
    "niah_updated_longctx",
    "longctx_text_repeat",
    "longctx_audio_aggregate",
    "longctx_mixed_qa",
    "longctx_video_day",
)
LENGTHS = {"audio": ("2m", "5m", "10m"), "mixed": ("8k", "16k", "32k"), "video": ("1h", "2h", "4h")}
TEXT = ("2k", "8k", "32k")
MODELS = {"embedded": "model=cascade", "small LM": "model=cascade/lm"}
HEADS = ("task", "length", "oracle", "blind", "BM25", *MODELS)
_FOUND = 4000
"""Characters of passages that count as found."""

_UNKNOWN = "··"
_BEGIN, _END = "<!-- table: made by tests/benchmarks/bench_reasoning.py -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Asked:
    """One task at one length.

    Attributes:
        listed: The task.
        length: As users write it; empty for the task's own.
        samples: About how many.
    """

    listed: Listed
    length: str
    samples: int

    @property
    def metadata(self) -> dict[str, Any]:
        """The settings: few samples of each kind, at one length."""
        return {**({"context_lengths": [self.length]} if self.length else {}), "samples_per_cell": 1}

    def subject(self) -> Subject:
        """Return the task as ``check`` looks at it."""
        return Subject(self.listed, self.metadata, Effort(prompts=self.samples, media=0, questions=40, preset="smoke"))


def retrieved(subject: Subject, samples: Sequence[Sample]) -> str:
    """Return in what share of some samples BM25 finds all passages of the answer."""
    found = [hit for sample in samples if (hit := _hit(subject, sample)) is not None]
    return number(sum(found) / len(found)) if found else _UNKNOWN


def _hit(subject: Subject, sample: Sample) -> bool | None:
    passages = [text.strip() for text in subject.task.builder.passages(sample)]
    if not passages or not isinstance(sample.get("question"), str):
        return None
    text = subject.prompt(sample).text()
    hay = text.replace(str(sample["question"]), "")
    units, start = [], 0
    for end in unit_ends(hay, SENTENCES):
        units.append(hay[start:end].strip())
        start = end
    room, kept = _FOUND, []
    for index, _ in rank(units, content_words(str(sample["question"])), len(units)):
        room -= len(units[index])
        if room < 0:
            break
        kept.append(units[index])
    return all(any(passage in unit or unit in passage for unit in kept if unit) for passage in passages)


def modelled(asked: Asked, model: str, folder: Path) -> str:
    """Return a model's score, from a run as users run it; why not, in a word, where it cannot run."""
    out = folder / f"{asked.listed.name}-{asked.length}-{model}".replace("/", "-")
    command = [
        *(sys.executable, "-m", "lm_eval_longctx", "run", "--model", "longctx", "--model_args", MODELS[model]),
        *("--tasks", asked.listed.name, "--metadata", json.dumps({"preset": "smoke", **asked.metadata})),
        *("--limit", str(asked.samples), "--output_path", str(out)),
    ]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:60] if done.stderr.strip() else "failed"
    summary = read_runs([out])[0].block["summary"]
    return number(summary["metrics"][summary["metric"]]["value"])


def row(asked: Asked, models: Sequence[str], folder: Path) -> list[str]:
    """Return one line of the table."""
    subject = asked.subject()
    right, floor = oracle(subject), blind(subject)
    told = right.said.partition(" of ")[0].strip()
    return [
        asked.listed.name,
        asked.length or "its own",
        told,
        floor.said.partition(" ")[0],
        retrieved(subject, subject.samples[: asked.samples]) if subject.is_text else _UNKNOWN,
        *(modelled(asked, model, folder) if model in models else _UNKNOWN for model in MODELS),
    ]


def rows(names: Sequence[str], lengths: Sequence[str], samples: int, models: Sequence[str]) -> Iterator[list[str]]:
    """Yield the table's lines."""
    listed = {task.name: task for task in listed_tasks()}
    todo = [
        Asked(listed[name], length, samples)
        for name in names
        if name in listed
        for length in (lengths or _lengths(name))
    ]
    with tempfile.TemporaryDirectory() as folder:
        for asked in tqdm(todo, unit="row"):
            try:
                yield row(asked, models, Path(folder))
            except (LongctxError, Skipped) as why:
                yield [asked.listed.name, asked.length, str(why)[:80], *[_UNKNOWN] * (len(HEADS) - 3)]


def _lengths(name: str) -> tuple[str, ...]:
    return next((some for kind, some in LENGTHS.items() if kind in name), TEXT)


def as_markdown(found: Sequence[Sequence[str]]) -> str:
    """Return the table."""
    lines = [HEADS, ["---"] * len(HEADS), *found]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print the table, and write it where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("tasks", nargs="*", default=TASKS)
    parser.add_argument("--lengths", nargs="*", default=[])
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    found = []
    for line in rows(args.tasks, args.lengths, args.samples, args.models):
        found.append(line)
        print(" | ".join(line), flush=True)
    if args.write:
        page = args.write.read_text(encoding="utf-8")
        before, rest = page.split(_BEGIN, 1)
        after = rest.split(_END, 1)[1]
        args.write.write_text(f"{before}{_BEGIN}\n{as_markdown(found)}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
