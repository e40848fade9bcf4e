"""The public MRCR sets: OpenAI's, and Google DeepMind's second version.

Both are tables of finished prompts. A sample holds the number of a row and the
digest of its text, never the text. Rows are chosen by length: for each asked
length those whose prompt is not longer, and longer than half of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from abc import abstractmethod
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, cast

from lm_eval_longctx.errors import CorpusError, LengthError
from lm_eval_longctx.hay.kinds import readable
from lm_eval_longctx.hay.tables import opened
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import expand
from lm_eval_longctx.prompt import Prompt, TextPart, Turn
from lm_eval_longctx.sample import Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.mrcr.builder import noise_floor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval_longctx.hay.base import BuildContext
    from lm_eval_longctx.plan import PlannedSample
    from lm_eval_longctx.units import Length

    Row = Mapping[str, Any]


_READERS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".json": "json"}


def open_table(spec: str, columns: Sequence[str], how: str, context: BuildContext) -> Any:
    """Open a table; rows stay on disk until they are read.

    Args:
        spec: ``hub:<name>`` or ``file:<file or folder>``.
        columns: What it must have.
        how: How to write ``haystack``, for messages.
        context: Says from where a relative path begins, and where converted files are kept.

    Raises:
        CorpusError: There is no such table, it cannot be read, or it lacks a column.
    """
    kind, _, place = spec.partition(":")
    if kind not in {"hub", "file"} or not place:
        raise CorpusError(f"say where the prompts are: set haystack to {how}")
    cache_dir = context.cache_dir
    table = _load(place, None, cache_dir) if kind == "hub" else _local(context.path(place), cache_dir)
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise CorpusError(f"{spec} has no column {', '.join(missing)}: it is another table; set haystack to {how}")
    return table


def _local(path: Path, cache_dir: Path) -> Any:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    tables = readable(file for file in files if file.suffix in _READERS)
    if not tables:
        raise CorpusError(f"{path} holds no table; files that end with {', '.join(_READERS)} are read")
    suffix = tables[0].suffix
    return _load(_READERS[suffix], [str(file) for file in tables if file.suffix == suffix], cache_dir)


def _load(name: str, files: list[str] | None, cache_dir: Path) -> Any:
    advice = "check the name, the files and the network"
    return opened(name, advice, split="train", data_files=files, cache_dir=str(cache_dir / "tables"))


logger = logging.getLogger(__name__)

_NEAR = 1.3
"""By what factor an estimated length may be off."""

_OPENING = 60
_HASH_LENGTH = 12


class _Row(Sample):
    """What every row has."""

    row: int
    row_digest: str
    prefix: str


class RowSample(_Row, total=False):
    """A row of a published table.

    Attributes:
        row: Its number.
        row_digest: Of its text, which is not here.
        prefix: What the answer must begin with; may be empty.
        ordinal: Which of the like answers is asked for, from 1, where the table tells.
        openings: How each of them begins.
        noise_floor: What guessing among them scores.
    """

    ordinal: int
    openings: list[str]
    noise_floor: float


class _PublicBuilder(Builder[RowSample]):
    """What both sets have in common."""

    HAS_DEPTH = False
    IDLE: ClassVar[tuple[str, ...]] = ("seed",)
    LENGTH_CLASSES = True
    COLUMNS: ClassVar[tuple[str, ...]]
    HOW: ClassVar[str]

    @cached_property
    def table(self) -> Any:
        """The rows; opened on first use.

        Raises:
            CorpusError: There is no table, or it lacks a column.
        """
        return open_table(self.sweep.haystack, self.COLUMNS, self.HOW, self.context)

    @cached_property
    def _digest(self) -> str:
        """What tells this table from others: the digest of all its answers."""
        sha = hashlib.sha256()
        for answer in self.table["answer"]:
            sha.update(f"{answer}\0".encode())
        return sha.hexdigest()

    @cached_property
    def _chosen(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Row and tokens of each sample, by length's label and index."""
        return {
            (length.label, index): found
            for length in self.sweep.context_lengths
            for index, found in enumerate(self._rows_of(length))
        }

    def plans(self) -> Iterator[PlannedSample]:
        """Yield the planned samples for which there are rows, in stratified order."""
        return (plan for plan in expand(self.sweep) if (plan.length.label, plan.index) in self._chosen)

    def _rows_of(self, length: Length) -> list[tuple[int, int]]:
        """Return row and tokens of the first rows that belong to a length."""
        asked, found = int(length.amount), []
        for number, estimate in enumerate(self._estimates):
            if asked / 2 / _NEAR < estimate < asked * _NEAR:
                tokens = self._count(self._text(self.table[number]))
                if asked / 2 < tokens <= asked:
                    found.append((number, tokens))
            if len(found) == self.sweep.samples_per_cell:
                break
        if not found:
            raise LengthError(
                f"{self.sweep.haystack} has no prompt between {asked // 2:,} and {asked:,} tokens for these options; "
                "ask for other context_lengths"
            )
        if len(found) < self.sweep.samples_per_cell:
            logger.warning("%s: only %d prompts of up to %s", self.sweep.task, len(found), length)
        return found

    def _count(self, text: str) -> int:
        return load_tokenizer(self.sweep.tokenizer).count(text)

    def sample(self, plan: PlannedSample) -> RowSample:
        """Look up one row; see ``Builder.sample``."""
        number, tokens = self._chosen[plan.length.label, plan.index]
        row = self.table[number]
        prefix, target = self._answer(row)
        sample: RowSample = {
            **planned_part(plan, self.sweep.tokenizer),
            "haystack": {"spec": self.sweep.haystack, "digest": self._digest, "repeats": 0},
            "row": number,
            "row_digest": _digest(self._text(row)),
            "question": self._question(row),
            "prefix": prefix,
            "target": target,
            "realised_length": tokens,
            "realised_depth": None,
            "max_gen_toks": 64 + 2 * self._count(target),
        }
        return cast("RowSample", {**sample, **self._relevant(row, target)})

    def render(self, sample: RowSample) -> Prompt:
        """Read the row again; refuse one that has changed."""
        row = self.table[sample["row"]]
        if _digest(self._text(row)) != sample["row_digest"]:
            raise CorpusError(f"row {sample['row']} of {self.sweep.haystack} has changed; run the sweep again")
        return self._prompt(row)

    def _relevant(self, row: Row, target: str) -> dict[str, Any]:  # noqa: ARG002 - by table
        """Return what is known about the other answers to the same request."""
        return {}

    @property
    @abstractmethod
    def _estimates(self) -> Sequence[float]:
        """About how many tokens each row's prompt has; 0 for rows that the options leave out."""

    @abstractmethod
    def _text(self, row: Row) -> str:
        """Return all text that counts as context and question."""

    @abstractmethod
    def _question(self, row: Row) -> str:
        """Return what is asked, without the conversation."""

    @abstractmethod
    def _answer(self, row: Row) -> tuple[str, str]:
        """Return the prefix and the text to be repeated."""

    @abstractmethod
    def _prompt(self, row: Row) -> Prompt:
        """Return the prompt."""


class OpenAiMrcrBuilder(_PublicBuilder):
    """OpenAI's MRCR: real turns of a chat.

    Columns: ``prompt`` (messages as JSON), ``answer`` (prefix and text),
    ``random_string_to_prepend``, ``n_needles``, ``n_chars``.
    """

    COLUMNS = ("prompt", "answer", "random_string_to_prepend", "n_needles", "n_chars")
    HOW = "hub:openai/mrcr, or file:/path/to/a/parquet/file/or/folder"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("needles", 0, "only rows with so many like requests; 0: all", choices=(0, 2, 4, 8)),
    )

    @cached_property
    def _estimates(self) -> list[float]:
        wanted = self.sweep.options["needles"]
        pairs = zip(self.table["n_chars"], self.table["n_needles"], strict=True)
        return [chars / 4.85 if needles == wanted or not wanted else 0.0 for chars, needles in pairs]

    def _text(self, row: Row) -> str:
        return "\n\n".join(message["content"] for message in json.loads(row["prompt"]))

    def _question(self, row: Row) -> str:
        return str(json.loads(row["prompt"])[-1]["content"])

    def _answer(self, row: Row) -> tuple[str, str]:
        prefix = str(row["random_string_to_prepend"])
        return prefix, str(row["answer"]).removeprefix(prefix)

    def _prompt(self, row: Row) -> Prompt:
        messages = json.loads(row["prompt"])
        return Prompt(tuple(Turn(message["role"], (TextPart(message["content"]),)) for message in messages))

    def _relevant(self, row: Row, target: str) -> dict[str, Any]:
        """Find the answers to the same request; the right one is told by its text."""
        texts = [message["content"] for message in json.loads(row["prompt"])]
        requests = {asked for asked, answered in pairwise(texts) if answered == target}
        alike = [answered for asked, answered in pairwise(texts) if asked in requests]
        if target not in alike:
            return {}
        right = alike.index(target)
        openings = [text[:_OPENING] for text in alike]
        return {"ordinal": right + 1, "openings": openings, "noise_floor": noise_floor(alike, right)}


class MrcrV2Builder(_PublicBuilder):
    """Google DeepMind's MRCR v2: the whole prompt as one text.

    Columns: ``queries`` (the prompt), ``answer`` (12 random characters and the
    text), ``view_ops`` (the question), ``context_len`` (tokens, by the authors' count).
    """

    COLUMNS = ("queries", "answer", "view_ops", "context_len")
    HOW = "file:/path/to/the.csv that google-deepmind/eval_hub's mrcr_v2/download.sh fetches"

    @cached_property
    def _estimates(self) -> list[float]:
        return [float(tokens) for tokens in self.table["context_len"]]

    def _text(self, row: Row) -> str:
        return str(row["queries"])

    def _question(self, row: Row) -> str:
        return str(row["view_ops"]).strip()

    def _answer(self, row: Row) -> tuple[str, str]:
        answer = str(row["answer"]).strip()
        return answer[:_HASH_LENGTH], answer[_HASH_LENGTH:].strip()

    def _prompt(self, row: Row) -> Prompt:
        return Prompt.user(TextPart(self._text(row)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
