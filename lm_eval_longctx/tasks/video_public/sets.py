"""The public sets: what they are, how large, under which licence, and where to get them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lm_eval_longctx.tasks.video_public import schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.tasks.video_public.schemas import PublicQuestion
    from lm_eval_longctx.tasks.video_public.tables import Row


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
        read=schemas.one_hour,
    ),
    "video-mme": PublicSet(
        title="Video-MME",
        licence="research use only, not commercial",
        size="2,700 questions on 900 films (900 questions on 300 films of 30 to 60 minutes), about 100 GB",
        get="hf download --repo-type dataset lmms-lab/Video-MME --local-dir <folder>, then unzip videos_chunked_*",
        files=("test-*.parquet", "*.parquet", "*.jsonl", "*.json"),
        read=schemas.video_mme,
        hub=("lmms-lab/Video-MME", "videomme", "test"),
        folders=("", "data", "videos"),
    ),
    "lvbench": PublicSet(
        title="LVBench",
        licence="CC-BY-NC-SA-4.0; films belong to their makers on YouTube",
        size="1,549 questions on 103 films of more than an hour on average, an estimated 30 GB at 360p",
        get="take video_info.meta.jsonl from the hub's data set zai-org/LVBench and name each film <key>.mp4",
        files=("video_info.meta.jsonl", "*.parquet", "*.jsonl"),
        read=schemas.lvbench,
        folders=("", "all_videos", "videos"),
    ),
    "longvideobench": PublicSet(
        title="LongVideoBench",
        licence="CC-BY-NC-SA-4.0, behind a form on the hub",
        size="6,678 questions on 3,763 films of up to an hour, about 160 GB",
        get="hf download --repo-type dataset longvideobench/LongVideoBench --local-dir <folder>, then untar videos.tar",
        files=("lvb_val.json", "validation-*.parquet", "*.parquet", "*.json"),
        read=schemas.long_video_bench,
        hub=("longvideobench/LongVideoBench", None, "validation"),
        folders=("", "videos"),
    ),
}
"""By the name that a task's YAML gives in ``set``."""
