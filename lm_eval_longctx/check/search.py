"""Controls: how often a search finds the sentence that answers, by its words or by its meaning."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.check.subject import OK, Skipped, Verdict
from lm_eval_longctx.errors import MissingExtraError
from lm_eval_longctx.providers.cascade.retrieval import content_words, rank, sentences
from lm_eval_longctx.stats.blind import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lm_eval_longctx.check.subject import Subject

    Ranker = Callable[[Sequence[str], str], list[int]]
    """Gives the numbers of those documents that are found for a question, the best first."""

_FIRST = 5


def word_search(subject: Subject) -> Verdict:
    """How often does BM25, asked with the question's words, find the sentence that answers? A control, no fault."""
    return _searched(subject, "word search", "BM25", by_words)


def embedding_search(subject: Subject) -> Verdict:
    """How often does likeness of meaning find the sentence that answers? A control, no fault."""
    return _searched(subject, "embedding search", "WordLlama", by_meaning)


def by_words(documents: Sequence[str], question: str) -> list[int]:
    """Rank by BM25 over the question's stems; what shares no word with it is not found."""
    return [place for place, _ in rank(documents, content_words(question), len(documents))]


def by_meaning(documents: Sequence[str], question: str) -> list[int]:
    """Rank by the cosine of embeddings; everything is found, sooner or later.

    Raises:
        MissingExtraError: ``wordllama`` is not installed.
    """
    if not documents:
        return []
    embed = _model().embed
    likeness = embed(list(documents), norm=True) @ embed([question], norm=True)[0]
    return [int(place) for place in np.argsort(-likeness, kind="stable")]


@lru_cache(maxsize=1)
def _model() -> Any:
    """Return WordLlama with the 256 dimensions that its package holds; nothing is fetched."""
    try:
        import wordllama
    except ModuleNotFoundError as error:
        raise MissingExtraError("a search by meaning", "embeddings") from error
    # It looks for its tokenizer beside its cache only, so its own folder is named as the cache.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def _searched(subject: Subject, row: str, name: str, ranker: Ranker) -> Verdict:
    if not subject.is_text:
        raise Skipped("pictures, sound and film have no sentences")
    hits: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for sample in subject.looked_at:
        if passages := subject.task.builder.passages(sample):
            cell = f"{kind_of(sample)} {sample['context_label']}".strip()
            hits[cell].append(_found(subject.prompt(sample).text(), str(sample["question"]), passages, ranker))
    if not hits:
        raise Skipped("nobody can tell which sentence answers")
    found = [hit for cell in hits.values() for hit in cell]
    lines = [f"{cell}: {_told(of_cell)}" for cell, of_cell in hits.items()]
    return Verdict(row, OK, f"{name} ranks the answer {_told(found)}", tuple(lines))


def _found(text: str, question: str, passages: Sequence[str], ranker: Ranker) -> tuple[bool, bool]:
    """Return whether one of some passages comes first, and whether it is among the first."""
    documents = sentences(text.partition(question)[0])
    ranked = [documents[place] for place in ranker(documents, question)[:_FIRST]]
    right = [any(one.strip() in hit or hit in one for one in passages) for hit in ranked]
    return any(right[:1]), any(right)


def _told(hits: Sequence[tuple[bool, bool]]) -> str:
    first, among = (sum(hit[n] for hit in hits) for n in range(2))
    return f"first in {first} of {len(hits)}, among {_FIRST} in {among}"
