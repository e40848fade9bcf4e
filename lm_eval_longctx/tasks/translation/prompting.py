"""The prompt of a translation task: the report's order, in our words.

As in the Gemini 1.5 report (section 5.2.2.1; after MTOB, arXiv 2309.16575) the
source sentence stands before each resource and at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOURCES = ("none", "wordlist", "sentences", "half_book", "book", "all")

_TITLES = {
    "book": "a grammar book about {language}",
    "wordlist": "a word list of {language} and English",
    "sentences": "sentences in {language} with their English translations",
}


@dataclass(frozen=True)
class Question:
    """What is to be translated.

    Attributes:
        language: The name of the language that is not English.
        source: The sentence.
        to_english: The direction.
    """

    language: str
    source: str
    to_english: bool

    @property
    def pair(self) -> tuple[str, str]:
        """The names of the source's and the translation's language."""
        return (self.language, "English") if self.to_english else ("English", self.language)

    @property
    def reminder(self) -> str:
        """The sentence with what is asked of it."""
        return f"Translate this {self.pair[0]} sentence into {self.pair[1]}: {self.source}\n"


def opening(question: Question, *, helped: bool) -> str:
    """Return the beginning of the prompt."""
    language = question.language
    told = f"{language} is a language that you have probably never seen. Translate one sentence as well as you can" + (
        ", with the help of what follows.\n\n" if helped else ".\n\n"
    )
    return told + question.reminder


def section(question: Question, kind: str, *, again: bool) -> str:
    """Return what introduces a resource, with the sentence again before every resource but the first."""
    title = _TITLES[kind].format(language=question.language)
    reminder = f"\n{question.reminder}" if again else ""
    return f"{reminder}\nHere is {title}.\n\n"


def closing(question: Question) -> str:
    """Return the end of the prompt."""
    return f"\n{question.reminder}Answer with the {question.pair[1]} translation only, without any explanation.\n"


def kinds_of(resources: str) -> Sequence[str]:
    """Return which resources a setting stands for, in the order of the prompt."""
    if resources in ("book", "half_book"):
        return ("book",)
    return {"none": (), "all": ("book", "wordlist", "sentences")}.get(resources, (resources,))
