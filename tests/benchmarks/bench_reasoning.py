"""What tasks of reasoning are worth: who can answer them, and who should not be able to.

    python tests/benchmarks/bench_reasoning.py [TASK ...] [--lengths 2k 8k 32k] [--columns blind BM25 ...]
        [--kept FILE] [--write PAGE]

For each task and length:

- oracle: the right answers, scored (1.00, or the task cannot be won);
- blind: solvers that never see the context, over some hundred questions; for each kind of question the best of them is
  chosen on one half of the questions and scored on the other. Beside it, what a guess is worth;
- BM25, embeddings: in how many samples the passages that the answer follows from are all among the best 4,000
  characters that the search finds for the question;
- embedded: the embedded model (recognisers, BM25, an extractor);
- small LM: SmolLM2-135M-Instruct behind the same recognisers and the same search (``model=cascade/lm``).

Where there is no figure, the cell says why. Each cell is kept in a file as soon as it is known, with the version of its
task, and is not computed again; several processes may fill different columns. With ``--write`` the tables are put into
a page, between their marks.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from lm_eval_longctx.check.answers import floors_of, oracle
from lm_eval_longctx.check.search import by_meaning, by_words
from lm_eval_longctx.check.subject import Effort, Subject
from lm_eval_longctx.errors import LongctxError
from lm_eval_longctx.harness.listing import listed_tasks
from lm_eval_longctx.hay.estimating import SPEECH, estimating
from lm_eval_longctx.hay.text.splitting import SENTENCES, unit_ends
from lm_eval_longctx.report.wording import number
from lm_eval_longctx.results import read_runs
from lm_eval_longctx.stats.blind import pooled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lm_eval_longctx.check.search import Ranker
    from lm_eval_longctx.harness.listing import Listed
    from lm_eval_longctx.sample import Sample

LENGTHS = {
    "longctx_text_aggregate": ("2k", "8k", "32k"),
    "longctx_text_graph": ("2k", "8k", "32k"),
    "longctx_text_plan": ("2k", "8k", "32k"),
    "longctx_text_process": ("4k", "8k", "32k"),  # 2k holds no list of boats
    "niah_paraphrase_longctx": ("2k", "8k", "32k"),
    "niah_association_longctx": ("2k", "8k", "32k"),
    "niah_relation_longctx": ("2k", "8k", "32k"),
    "niah_updated_longctx": ("2k", "8k", "32k"),
    "longctx_text_repeat": ("2k", "8k", "32k"),
    "longctx_audio_aggregate": ("2m", "5m", "10m"),
    "longctx_mixed_qa": ("8k", "16k", "32k"),
    "longctx_video_day": ("20m", "40m", "1h"),
}
MODELS = {"embedded": ("model=cascade", 8), "small LM": ("model=cascade/lm", 4)}
"""Arguments of each model, and how many questions it is asked at the least."""

NOT_ASKED = {("longctx_video_day", "small LM"): "no text to read"}
"""What a model cannot be asked: films show no text, and the small model sees text only."""

COLUMNS = ("oracle", "blind", "BM25", "embeddings", *MODELS)
QUESTIONS = 300
PROMPTS = 24
MEDIA = 3
"""Questions that a model is asked at the least where it listens or watches, which takes minutes each."""

_FOUND = 4000
"""Characters of passages that count as found."""

_MATTERS = 0.05
"""Kinds that neither a guess nor a blind solver wins more often are not listed one by one."""


@dataclass(frozen=True)
class Asked:
    """One task at one length."""

    listed: Listed
    length: str

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The settings: one sample of each kind."""
        return {"preset": "smoke", "context_lengths": [self.length], "samples_per_cell": 1}

    @cached_property
    def subject(self) -> Subject:
        """The task as ``check`` looks at it, with enough samples for a search."""
        found = Subject(self.listed, self.metadata, Effort(PROMPTS, 0, QUESTIONS, "smoke"))
        with estimating(SPEECH):
            each = math.ceil(PROMPTS / len(found.samples))
        return Subject(self.listed, {**self.metadata, "samples_per_cell": each}, found.effort)


def cell(asked: Asked, column: str, ledger: str) -> dict[str, Any]:
    """Return what stands in a cell: ``said``, and for blind solvers each kind of question."""
    if said := NOT_ASKED.get((asked.listed.name, column)):
        return {"said": said}
    if column in MODELS:
        return {"said": modelled(asked, column, ledger)}
    with estimating(SPEECH):  # speech is planned and not made: nothing here listens
        if column == "oracle":
            return {"said": oracle(asked.subject).said.replace(" right answers", "")}
        if column == "blind":
            return blindly(asked)
        return {"said": retrieved(asked.subject, by_words if column == "BM25" else by_meaning)}


def blindly(asked: Asked) -> dict[str, Any]:
    """Return the floor over all kinds of question beside chance, and that of each kind."""
    floors = floors_of(asked.subject, asked.subject.seed, QUESTIONS)
    (whole,) = pooled(floors)
    kinds = [[floor.kind, floor.score, floor.chance, floor.samples] for floor in floors]
    return {"said": f"{number(whole.score)} (chance {number(whole.chance)})", "kinds": kinds}


def retrieved(subject: Subject, ranker: Ranker) -> str:
    """Return in what share of some samples a search finds all passages of the answer."""
    if not subject.is_text:
        return "not text"
    found = [hit for sample in subject.samples[:PROMPTS] if (hit := _hit(subject, sample, ranker)) is not None]
    return f"{number(sum(found) / len(found))} of {len(found)}" if found else "all is needed"


def _hit(subject: Subject, sample: Sample, ranker: Ranker) -> bool | None:
    passages = [text.strip() for text in subject.task.builder.passages(sample)]
    question: Any = sample.get("question")
    if not passages or not isinstance(question, str):
        return None
    hay, units, start = subject.prompt(sample).text().replace(question, ""), [], 0
    for end in unit_ends(hay, SENTENCES):
        units.append(hay[start:end].strip())
        start = end
    units = [unit for unit in units if unit]
    room, kept = _FOUND, []
    for index in ranker(units, question):
        room -= len(units[index])
        if room < 0:
            break
        kept.append(units[index])
    return all(any(passage in unit or unit in passage for unit in kept) for passage in passages)


def modelled(asked: Asked, column: str, ledger: str) -> str:
    """Return a model's score, from a run as users run it.

    Raises:
        LongctxError: It cannot run; the message is the run's own last line.
    """
    model, least = MODELS[column]
    with estimating(SPEECH):
        subject = Subject(asked.listed, asked.metadata, Effort(1, 0, 1, "smoke"))
        kinds, least = len(subject.samples), least if subject.is_text else MEDIA
    metadata = {**asked.metadata, "samples_per_cell": math.ceil(least / kinds)}
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "lm_eval_longctx", "run", "--model", "longctx"),
            *("--model_args", f"{model},ledger={ledger}" if ledger else model, "--tasks", asked.listed.name),
            *("--metadata", json.dumps(metadata), "--limit", str(least), "--output_path", folder),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LongctxError((done.stderr.strip().splitlines() or ["it failed without a word"])[-1])
        summary = read_runs([Path(folder)])[0].block["summary"]
    found = summary["metrics"][summary["metric"]]
    return f"{number(found['value'])} of {found['n']}"


class Kept:
    """Cells that are known, in a file of one JSON object a line; later lines count."""

    def __init__(self, path: Path) -> None:
        """Read what there is."""
        self._path, self._known = path, dict[tuple[str, ...], dict[str, Any]]()
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            entry = json.loads(line)
            self._known[tuple(entry["cell"])] = entry

    def get(self, asked: Asked, column: str) -> dict[str, Any] | None:
        """Return a cell, if it is known for this version of its task."""
        return self._known.get(self._key(asked, column))

    def put(self, asked: Asked, column: str, found: dict[str, Any]) -> None:
        """Keep a cell; lines are short and are appended whole, so that processes do not disturb each other."""
        key = self._key(asked, column)
        self._known[key] = {"cell": key, **found}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self._known[key]) + "\n")

    @staticmethod
    def _key(asked: Asked, column: str) -> tuple[str, ...]:
        return (asked.listed.name, str(asked.listed.metadata.get("version")), asked.length, column)


def fill(todo: Sequence[Asked], columns: Sequence[str], kept: Kept, ledger: str) -> None:
    """Compute the cells that are not known; one that cannot be had is told and left open."""
    for asked in tqdm(todo, unit="row"):
        for column in columns:
            if kept.get(asked, column) is None:
                try:
                    kept.put(asked, column, cell(asked, column, ledger))
                except LongctxError as why:
                    print(f"{asked.listed.name} at {asked.length}, {column}: {why}", file=sys.stderr)


def rows(todo: Sequence[Asked], kept: Kept) -> list[list[str]]:
    """Return the lines of the table."""
    return [
        [
            asked.listed.name,
            asked.length,
            *((kept.get(asked, column) or {"said": "not run"})["said"] for column in COLUMNS),
        ]
        for asked in todo
    ]


def guessed(todo: Sequence[Asked], kept: Kept) -> list[list[str]]:
    """Return, over all lengths, the kinds of question that can be guessed now and then."""
    of: dict[tuple[str, str], list[list[Any]]] = defaultdict(list)
    for asked in todo:
        for found in (kept.get(asked, "blind") or {"kinds": []})["kinds"]:
            of[asked.listed.name, found[0]].append(found)
    lines = []
    for (task, kind), found in of.items():
        count = sum(samples for *_, samples in found)
        score, chance = (sum(one[place] * one[3] for one in found) / count for place in (1, 2))
        if max(score, chance) >= _MATTERS:
            lines.append([task, f"`{kind}`", number(score), number(chance), str(count)])
    return lines


def as_markdown(heads: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *found))


def write(page: Path, tables: dict[str, str]) -> None:
    """Put each table into a page, between its marks."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- {name}: made by tests/benchmarks/bench_reasoning.py -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end, 1)[1]}"
    page.write_text(text, encoding="utf-8")


def main() -> None:
    """Fill cells, print the tables, and write them where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("tasks", nargs="*", default=list(LENGTHS))
    parser.add_argument("--lengths", nargs="*", default=[])
    parser.add_argument("--columns", nargs="*", default=list(COLUMNS), choices=COLUMNS)
    parser.add_argument("--kept", type=Path, default=Path("reasoning.jsonl"))
    parser.add_argument("--ledger", default="", help="where answers of models are kept; beside the caches unless given")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    listed = {task.name: task for task in listed_tasks()}
    todo = [Asked(listed[name], length) for name in args.tasks for length in args.lengths or LENGTHS[name]]
    kept = Kept(args.kept)
    fill(todo, args.columns, kept, args.ledger)
    tables = {
        "table": as_markdown(("task", "length", *COLUMNS), rows(todo, kept)),
        "guesses": as_markdown(("task", "kind", "blind", "chance", "questions"), guessed(todo, kept)),
    }
    print(*tables.values(), sep="\n\n")
    if args.write:
        write(args.write, tables)


if __name__ == "__main__":
    main()
