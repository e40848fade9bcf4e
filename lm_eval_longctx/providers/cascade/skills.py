"""What the deterministic reader can do, one skill after the other.

Each skill is a function from a ``Page`` to an answer, or ``None`` if the page
is not its business. The first that answers wins. They are honest rules of
thumb: they use the prompt only, know nothing of any task's samples, and fail
on whatever needs understanding.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from lm_eval_longctx.providers.cascade.lookup import look_up, look_up_many
from lm_eval_longctx.providers.cascade.retrieval import content_words, rank, sentences, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from lm_eval_longctx.providers.cascade.perception import Page


_OPTION = re.compile(r"^\s*\(?([A-J])[).:]\s*(.+?)\s*$", re.MULTILINE)
_OPTIONS_NEEDED = 3


def choose(page: Page) -> str | None:
    """Answer a question with lettered options."""
    options = _OPTION.findall(page.question)
    if len(options) < _OPTIONS_NEEDED:
        return None
    stem_text = page.question[: page.question.index(options[0][1])]
    documents = sentences(page.context)
    near = rank(documents, content_words(stem_text), 5)
    passage = words(" ".join(documents[i] for i, _ in near))
    letter = max(options, key=lambda option: (_overlap(option[1], passage), -ord(option[0])))[0]
    return f"Final Answer: ({letter})"


def _overlap(option: str, passage: list[str]) -> float:
    wanted = content_words(option) or words(option)
    return sum(word in passage for word in wanted) / max(1, len(wanted))


_EXAMPLE = re.compile(r"^(?:Input|Text|Example|Q):\s*(.+?)\n+(?:Output|Label|Class|A):[ \t]*(\S[^\n]*)$", re.MULTILINE)
_OPEN = re.compile(r"(?:Input|Text|Example|Q):\s*(.+?)\n+(?:Output|Label|Class|A):\s*$")
_EXAMPLES_NEEDED = 2


def label(page: Page) -> str | None:
    """Label the last, open example as its nearest neighbour (BM25) is labelled."""
    whole = f"{page.context}\n{page.question}"
    open_one = _OPEN.search(whole.rstrip()[-2000:])
    examples = _EXAMPLE.findall(whole)
    if open_one is None or len(examples) < _EXAMPLES_NEEDED:
        return None
    near = rank([text for text, _ in examples], content_words(open_one[1]), 1)
    return str(examples[near[0][0] if near else 0][1]).strip()


_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_NTH = re.compile(r"\b(?:(\d+)(?:st|nd|rd|th)|(" + "|".join(_ORDINALS) + r"))\b", re.IGNORECASE)
_SPEAKER = re.compile(r"^(User|Assistant):[ ]?", re.MULTILINE)
_PREPEND = re.compile(r"(?:prepend|add|put|begin with|start with)\s+[\"'`]?([A-Za-z0-9]{6,})[\"'`]?", re.IGNORECASE)


def recall_turn(page: Page) -> str | None:
    """Repeat the answer that an earlier round gave, with the asked prefix before it."""
    turns, question = (page.turns, page.question) if page.turns else _told(page)
    nth = _NTH.search(question)
    pairs = [
        (said, reply)
        for (role, said), (next_role, reply) in pairwise(turns)
        if (role, next_role) == ("user", "assistant")
    ]
    if nth is None or len(pairs) < 2:  # noqa: PLR2004 - a conversation has rounds
        return None
    number = int(nth[1]) if nth[1] else _ORDINALS.index(nth[2].lower()) + 1
    wanted = set(content_words(question))
    shared = [len(wanted & set(content_words(said))) for said, _ in pairs]
    alike = [reply for (_, reply), score in zip(pairs, shared, strict=True) if score == max(shared)]
    prefix = _PREPEND.search(question)
    return (prefix[1] if prefix else "") + alike[min(number, len(alike)) - 1]


def _told(page: Page) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the turns of a conversation that is told as one text, and the last thing that its user said."""
    pieces = _SPEAKER.split(f"{page.context}\n{page.question}")
    spoken = [(role.lower(), text.strip()) for role, text in zip(pieces[1::2], pieces[2::2], strict=True)]
    asked = [place for place, (role, _) in enumerate(spoken) if role == "user"]
    return (tuple(spoken[: asked[-1]]), spoken[asked[-1]][1]) if asked else ((), "")


_TRANSLATE = re.compile(r"\btranslat\w+\b", re.IGNORECASE)
_ENTRY = re.compile(
    r"^[ \t]*[-*]?[ \t]*([^\W\d_][\w'’ -]{0,40}?)(?:[ \t]*\([^)\n]*\))?[ \t]*(?:[:=—–→]|->|\t)[ \t]*([^\n]{1,120})$",
    re.MULTILINE,
)
_LEAST = 3
_SOURCE = re.compile(
    r"(?:[Ss]entence|[Tt]ranslate|[A-Z]\w+)[^\n:]{0,80}:[ \t]*[\"“]?([^\n\"”]+)[\"”]?\s*$", re.MULTILINE
)


def gloss(page: Page) -> str | None:
    """Replace each word by the first meaning that the context's word lists give it, in the order of the source."""
    if not _TRANSLATE.search(page.question) and not _TRANSLATE.search(page.context[-2000:]):
        return None
    sources = [text.strip() for text in _SOURCE.findall(page.question) if len(text.split()) > 0]
    if not sources:
        return None
    meanings = _meanings(page.context)
    return " ".join(_meaning(word, meanings) for word in words(max(sources, key=len)))


def _meaning(word: str, meanings: dict[str, str]) -> str:
    """Return a word's meaning, or that of its longest beginning that has one: endings are not understood."""
    for length in range(len(word), _LEAST - 1, -1):
        if word[:length] in meanings:
            return meanings[word[:length]]
    return word


def _meanings(context: str) -> dict[str, str]:
    """Read ``word: meaning`` lines in both directions; the first entry of a word wins."""
    found: dict[str, str] = {}
    for head, meaning in _ENTRY.findall(context):
        first = re.split(r"[;,(/.]", meaning)[0].strip()
        if first:
            found.setdefault(head.lower().strip(), first)
            found.setdefault(first.lower(), head.strip())
    return found


_TRANSCRIBE = re.compile(r"\btranscribe\b", re.IGNORECASE)


def transcript(page: Page) -> str | None:
    """Give back what was heard, where that is all that is asked."""
    asked = page.question + page.context[:2000]
    return " ".join(page.heard) if page.heard and _TRANSCRIBE.search(asked) else None


SKILLS: tuple[Callable[[Page], str | None], ...] = (
    transcript,
    recall_turn,
    gloss,
    label,
    choose,
    look_up_many,
    look_up,
)


def answer(page: Page) -> tuple[str, str]:
    """Return the answer of the first skill that has one, and the skill's name."""
    for skill in SKILLS:
        found = skill(page)
        if found is not None:
            return found, skill.__name__
    return "I cannot find that in the document.", "none"
