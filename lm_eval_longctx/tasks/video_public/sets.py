"""The public sets: what they are, how large, under which licence, where to get them, and how to read their rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lm_eval_longctx.hay.tables import Row


_LETTERS = "ABCDEFGHIJ"
_MARKED = re.compile(r"\(([A-J])\)\s*(.*?)(?=\s*\([A-J]\)\s|\s*$)", re.DOTALL)
_PREFIX = re.compile(r"^\s*\(?([A-J])[).:]\s*")
_YOUTUBE = re.compile(r"[\w-]{11}")


@dataclass(frozen=True)
class PublicQuestion:
    """One question of a public set.

    Attributes:
        name: The set's own name for it.
        film: The film's file name, without folder or suffix, or its path
            below the folder of films.
        text: The question.
        options: Without letters.
        answer: The right option's letter, or ``None`` where the set keeps it secret.
        kind: The set's own category.
        group: The set's own class of length, as text; empty if there is none.
        when: Where in the film the answer is, if the set says so.
    """

    name: str
    film: str
    text: str
    options: tuple[str, ...]
    answer: str | None
    kind: str = ""
    group: str = ""
    when: str = ""


def _need(row: Mapping[str, Any], keys: Sequence[str], number: int) -> None:
    for key in keys:
        if row.get(key) is None or row[key] == "":
            have = ", ".join(map(str, row))
            raise CorpusError(f"question {number} has no {key!r}; the columns are {have}: is this the right file?")


def _checked(question: PublicQuestion, number: int) -> PublicQuestion:
    """Refuse a question that cannot be asked or scored as it stands."""
    letters = _LETTERS[: len(question.options)]
    if len(question.options) < 2 or not all(option.strip() for option in question.options):  # noqa: PLR2004 - a choice
        raise CorpusError(
            f"question {number} ({question.name}) has {len(question.options)} options; at least 2 are needed"
        )
    if question.answer is not None and question.answer not in list(letters):
        raise CorpusError(
            f"question {number} ({question.name}) has the answer {question.answer!r}, not one of {letters}"
        )
    return question


def video_mme(rows: Sequence[Row]) -> Iterator[PublicQuestion]:
    """Read Video-MME: one row a question, ``options`` as ``A. text``."""
    for number, row in enumerate(rows, 1):
        _need(row, ("videoID", "question_id", "question", "options", "answer", "duration"), number)
        options = tuple(_PREFIX.sub("", str(option)).strip() for option in row["options"])
        yield _checked(
            PublicQuestion(
                name=str(row["question_id"]),
                film=str(row["videoID"]),
                text=str(row["question"]).strip(),
                options=options,
                answer=str(row["answer"]).strip(),
                kind=str(row.get("task_type", "")),
                group=str(row["duration"]),
            ),
            number,
        )


def lvbench(rows: Sequence[Row]) -> Iterator[PublicQuestion]:
    """Read LVBench: one row a film with a list ``qa``, or one row a question; options inside the question."""
    flat = [{**qa, "key": row["key"]} for row in rows for qa in row["qa"]] if "qa" in rows[0] else rows
    for number, row in enumerate(flat, 1):
        film = row.get("key") or row.get("video_path")
        _need({**row, "key": film}, ("key", "question", "answer"), number)
        text, options = _split(str(row["question"]), row.get("options"))
        kinds = row.get("question_type", "")
        yield _checked(
            PublicQuestion(
                name=str(row.get("uid", number)),
                film=str(film),
                text=text,
                options=options,
                answer=str(row["answer"]).strip(),
                kind=", ".join(kinds) if isinstance(kinds, (list, tuple)) else str(kinds),
                when=str(row.get("time_reference", "")),
            ),
            number,
        )


def _split(text: str, options: Any) -> tuple[str, tuple[str, ...]]:
    """Tell a question from options that stand in it as ``(A) text``."""
    if options:
        return text.strip(), tuple(_PREFIX.sub("", str(option)).strip() for option in options)
    start = text.find("(A)")
    if start < 0:
        return text.strip(), ()
    options = [option.strip() for _, option in _MARKED.findall(text[start:])]
    options[-1] = options[-1].partition("\n")[0].strip()  # instructions may follow the last option
    return text[:start].strip(), tuple(options)


def long_video_bench(rows: Sequence[Row]) -> Iterator[PublicQuestion]:
    """Read LongVideoBench: ``option0`` to ``option4`` (``N/A`` where there are fewer), ``correct_choice`` from 0."""
    for number, row in enumerate(rows, 1):
        _need(row, ("id", "video_path", "question", "duration_group"), number)
        listed = row.get("candidates") or [row.get(f"option{i}") for i in range(5)]
        options = tuple(str(option).strip() for option in listed if option is not None and option != "N/A")
        right = row.get("correct_choice")
        known = isinstance(right, int) and right >= 0
        yield _checked(
            PublicQuestion(
                name=str(row["id"]),
                film=str(row["video_path"]),
                text=str(row["question"]).strip(),
                options=options,
                answer=_LETTERS[right] if known and isinstance(right, int) else None,
                kind=str(row.get("question_category", "")),
                group=str(row["duration_group"]),
            ),
            number,
        )


def one_hour(rows: Sequence[Row]) -> Iterator[PublicQuestion]:
    """Read 1H-VideoQA: ``Video URL``, ``Question``, and ``Prompt`` with the options in it.

    Kaggle's export has no answers; a column ``Answer`` is read where there is one.
    """
    for number, raw in enumerate(rows, 1):
        row = {str(key).strip().lower().replace("_", " "): value for key, value in raw.items()}
        _need(row, ("video url", "question"), number)
        prompt = str(row.get("prompt") or row["question"])
        _, options = _split(prompt[prompt.rfind("Options:") :] if "Options:" in prompt else prompt, row.get("options"))
        answer = str(row.get("answer") or "").strip().strip("()").upper()
        yield _checked(
            PublicQuestion(
                name=str(row.get("id") or number),
                film=youtube_id(str(row["video url"]), number),
                text=_split(str(row["question"]), None)[0],
                options=options,
                answer=answer or None,
                kind=str(row.get("capability", "")),
            ),
            number,
        )


def youtube_id(url: str, number: int) -> str:
    """Return the eleven characters that name a film on YouTube.

    Raises:
        CorpusError: The text is neither an address nor a name.
    """
    parsed = urlparse(url.strip())
    last = parsed.path.rstrip("/").rsplit("/", 1)[-1]
    candidate = (parse_qs(parsed.query).get("v") or [last])[0]
    if not _YOUTUBE.fullmatch(candidate):
        raise CorpusError(f"question {number} has the film address {url!r}, in which there is no YouTube name")
    return candidate


@dataclass(frozen=True)
class PublicSet:
    """A public set of questions about films.

    Attributes:
        title: Its name, for people.
        licence: Of questions and films.
        size: How much there is to get.
        get: Where to get it.
        files: What its question file may be called; patterns.
        read: From rows to questions.
        hub: ``(name, config, split)`` of the question table on the hub, or ``None``.
        folders: Where films are, below the folder that the user gives.
    """

    title: str
    licence: str
    size: str
    get: str
    files: tuple[str, ...]
    read: Callable[[Sequence[Row]], Iterator[PublicQuestion]]
    hub: tuple[str, str | None, str] | None = None
    folders: tuple[str, ...] = ("",)

    def notice(self) -> str:
        """Say licence and size in one line."""
        return f"{self.title}: licence {self.licence}; {self.size}"


SETS: dict[str, PublicSet] = {
    "1h-videoqa": PublicSet(
        title="1H-VideoQA",
        licence="questions Apache-2.0; films belong to their makers on YouTube",
        size="101 questions on 21 films of 40 to 90 minutes, some 6 GB at 360p; Kaggle's export holds no answers",
        get="export the questions at kaggle.com/benchmarks/deepmind/video-qa and name each film <YouTube name>.mp4",
        files=("*.csv", "*.json", "*.jsonl"),
        read=one_hour,
    ),
    "video-mme": PublicSet(
        title="Video-MME",
        licence="research use only, not commercial",
        size="2,700 questions on 900 films (900 questions on 300 films of 30 to 60 minutes), about 100 GB",
        get="hf download --repo-type dataset lmms-lab/Video-MME --local-dir <folder>, then unzip videos_chunked_*",
        files=("test-*.parquet", "*.parquet", "*.jsonl", "*.json"),
        read=video_mme,
        hub=("lmms-lab/Video-MME", "videomme", "test"),
        folders=("", "data", "videos"),
    ),
    "lvbench": PublicSet(
        title="LVBench",
        licence="CC-BY-NC-SA-4.0; films belong to their makers on YouTube",
        size="1,549 questions on 103 films of more than an hour on average, an estimated 30 GB at 360p",
        get="take video_info.meta.jsonl from the hub's data set zai-org/LVBench and name each film <key>.mp4",
        files=("video_info.meta.jsonl", "*.parquet", "*.jsonl"),
        read=lvbench,
        folders=("", "all_videos", "videos"),
    ),
    "longvideobench": PublicSet(
        title="LongVideoBench",
        licence="CC-BY-NC-SA-4.0, behind a form on the hub",
        size="6,678 questions on 3,763 films of up to an hour, about 160 GB",
        get="hf download --repo-type dataset longvideobench/LongVideoBench --local-dir <folder>, then untar videos.tar",
        files=("lvb_val.json", "validation-*.parquet", "*.parquet", "*.json"),
        read=long_video_bench,
        hub=("longvideobench/LongVideoBench", None, "validation"),
        folders=("", "videos"),
    ),
}
"""By the name that a task's YAML gives in ``set``."""
