"""What papers ran and published, as data files: each table with our tasks for it, its figures, and what differs."""

from lm_eval_longctx.papers.definition import Arm, Data, Paper, Part, Point, Published, Statistic
from lm_eval_longctx.papers.reading import SCALES, chosen_parts, paper_names, read_paper

__all__ = [
    "SCALES",
    "Arm",
    "Data",
    "Paper",
    "Part",
    "Point",
    "Published",
    "Statistic",
    "chosen_parts",
    "paper_names",
    "read_paper",
]
