"""What each scorer's measures come from, as BibTeX and as addresses."""

from __future__ import annotations

from typing import NamedTuple


class Paper(NamedTuple):
    """A paper.

    Attributes:
        key: Its name in BibTeX.
        title: Its title.
        author: Who wrote it, as BibTeX has it.
        year: When.
        url: Where it is.
    """

    key: str
    title: str
    author: str
    year: int
    url: str


GEMINI = Paper(
    "gemini2024",
    "Gemini 1.5: Unlocking multimodal understanding across millions of tokens of context",
    "{Gemini Team, Google}",
    2024,
    "https://arxiv.org/abs/2403.05530",
)
RULER = Paper(
    "hsieh2024ruler",
    "RULER: What's the Real Context Size of Your Long-Context Language Models?",
    "Hsieh, Cheng-Ping and others",
    2024,
    "https://arxiv.org/abs/2404.06654",
)
MANY_SHOT = Paper(
    "agarwal2024manyshot",
    "Many-Shot In-Context Learning",
    "Agarwal, Rishabh and others",
    2024,
    "https://arxiv.org/abs/2404.11018",
)
GRAPHWALKS = Paper(
    "openai2025graphwalks",
    "GraphWalks: a multi hop reasoning long context benchmark",
    "{OpenAI}",
    2025,
    "https://huggingface.co/datasets/openai/graphwalks",
)
PLANBENCH = Paper(
    "valmeekam2023planbench",
    "PlanBench: An Extensible Benchmark for Evaluating Large Language Models on Planning and Reasoning about Change",
    "Valmeekam, Karthik and Marquez, Matthew and Olmo, Alberto and Sreedharan, Sarath and Kambhampati, Subbarao",
    2023,
    "https://arxiv.org/abs/2206.10498",
)
SQUAD = Paper(
    "rajpurkar2016squad",
    "SQuAD: 100,000+ Questions for Machine Comprehension of Text",
    "Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy",
    2016,
    "https://arxiv.org/abs/1606.05250",
)
MRCR = Paper(
    "vodrahalli2024michelangelo",
    "Michelangelo: Long Context Evaluations Beyond Haystacks via Latent Structure Queries",
    "Vodrahalli, Kiran and others",
    2024,
    "https://arxiv.org/abs/2409.12640",
)
WHISPER = Paper(
    "radford2023robust",
    "Robust Speech Recognition via Large-Scale Weak Supervision",
    "Radford, Alec and Kim, Jong Wook and Xu, Tao and Brockman, Greg and McLeavey, Christine and Sutskever, Ilya",
    2023,
    "https://arxiv.org/abs/2212.04356",
)
CHRF = Paper(
    "popovic2015chrf",
    "chrF: character n-gram F-score for automatic MT evaluation",
    "Popovi{\\'c}, Maja",
    2015,
    "https://aclanthology.org/W15-3049/",
)
SACREBLEU = Paper(
    "post2018call",
    "A Call for Clarity in Reporting BLEU Scores",
    "Post, Matt",
    2018,
    "https://arxiv.org/abs/1804.08771",
)
BLEURT = Paper(
    "sellam2020bleurt",
    "BLEURT: Learning Robust Metrics for Text Generation",
    "Sellam, Thibault and Das, Dipanjan and Parikh, Ankur P.",
    2020,
    "https://arxiv.org/abs/2004.04696",
)
OOLONG = Paper(
    "bertsch2025oolong",
    "Oolong: Evaluating Long Context Reasoning and Aggregation Capabilities",
    "Bertsch, Amanda and others",
    2025,
    "https://arxiv.org/abs/2511.02817",
)
CONTEXT_ROT = Paper(
    "hong2025contextrot",
    "Context Rot: How Increasing Input Tokens Impacts LLM Performance",
    "Hong, Kelly and Troynikov, Anton and Huber, Jeff",
    2025,
    "https://research.trychroma.com/context-rot",
)
LONGPROC = Paper(
    "ye2025longproc",
    "LongProc: Benchmarking Long-Context Language Models on Long Procedural Generation",
    "Ye, Xi and others",
    2025,
    "https://arxiv.org/abs/2501.05414",
)

PAPERS: dict[str, tuple[Paper, ...]] = {
    "retrieval": (GEMINI, RULER),
    "multi_needle": (GEMINI, RULER),
    "exact_f1": (SQUAD,),
    "long_answer": (GEMINI,),
    "name_set": (GRAPHWALKS,),
    "plan": (PLANBENCH, GEMINI),
    "choice": (GEMINI,),
    "choice_or_time": (GEMINI,),
    "likelihood": (GEMINI,),
    "label": (MANY_SHOT,),
    "translation": (CHRF, SACREBLEU),
    "translation_bleurt": (BLEURT, CHRF, SACREBLEU),
    "sequence_match": (MRCR,),
    "repeat": (CONTEXT_ROT,),
    "transcript": (WHISPER,),
    "tally": (OOLONG, RULER),
    "table_rows": (LONGPROC,),
    "table_cells": (GEMINI,),
}
"""The papers of our own scorers; a plugin's scorer names its own in its docstring."""


def citation(scorer: str) -> str:
    """Return BibTeX of the papers behind a scorer; empty where none is known."""
    return "\n".join(
        f"@misc{{{paper.key},\n  title={{{paper.title}}},\n  author={{{paper.author}}},\n  year={{{paper.year}}},\n"
        f"  url={{{paper.url}}}\n}}"
        for paper in PAPERS.get(scorer, ())
    )


def urls(scorer: str) -> list[str]:
    """Return where the papers behind a scorer are."""
    return [paper.url for paper in PAPERS.get(scorer, ())]
