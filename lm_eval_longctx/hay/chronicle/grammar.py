"""Sentence plans: a small language for prose with gaps.

A plan is one line of a file in ``prose/``::

    {Date}, [at dawn|late at night], {who} finished {work} for {cost} marks.

``{slot}`` is a value of the occasion, or a phrase from another bank; a capital
letter in front capitalises what comes, ``a`` or ``A`` in front adds the
article. ``[a|b]`` is one of several. A bank is a list of plans under a line
``@name needed slots``; every plan of a bank must hold all needed slots, since
they carry the facts that the sentence states.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Protocol, Union

from lm_eval_longctx.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMON = frozenset("who given he his him himself place year month date season".split())
"""Slots that every occasion fills."""

DYNAMIC = frozenset("aname few dozen weather".split())
"""Slots that are drawn anew each time they are met."""

_TOKENS = re.compile(r"\{[^{}]*\}|[\[\]|]|[^\[\]|{}]+")


class Voice(Protocol):
    """What fills the gaps while a plan is told."""

    def pick(self, n: int) -> int:
        """Return a whole number in [0, n)."""
        ...

    def draw(self, slot: str) -> str:
        """Return a value for a dynamic slot."""
        ...


@dataclass(frozen=True)
class Slot:
    """A gap that the occasion fills."""

    name: str


@dataclass(frozen=True)
class Draw:
    """A gap that is drawn anew each time."""

    name: str


@dataclass(frozen=True)
class Choice:
    """One of several texts."""

    options: tuple[Parts, ...]


@dataclass(frozen=True)
class Phrase:
    """One plan of a bank of phrases."""

    bank: Bank


@dataclass(frozen=True)
class Shaped:
    """A gap whose filling gets a capital letter or an article."""

    part: Part
    article: bool
    capital: bool


Part = Union[str, Slot, Draw, Choice, Phrase, Shaped]
Parts = tuple[Part, ...]


class Bank:
    """Plans that say the same in different words.

    Attributes:
        name: File and heading, such as ``building.lead``.
        needs: Slots that every plan holds.
        plans: In the order of the file.
    """

    __slots__ = ("name", "needs", "plans")

    def __init__(self, name: str, needs: tuple[str, ...]) -> None:
        """Make an empty bank, to be filled when all banks are known by name."""
        self.name = name
        self.needs = needs
        self.plans: tuple[Parts, ...] = ()


def expand(parts: Parts, occasion: Mapping[str, str], voice: Voice, out: list[str]) -> None:
    """Write a plan with its gaps filled to the end of ``out``, in pieces."""
    for part in parts:
        kind = part.__class__
        if kind is str:
            out.append(part)  # type: ignore[arg-type]
        elif kind is Slot:
            out.append(occasion[part.name])  # type: ignore[union-attr]
        elif kind is Choice:
            options = part.options  # type: ignore[union-attr]
            expand(options[voice.pick(len(options))], occasion, voice, out)
        elif kind is Draw:
            out.append(voice.draw(part.name))  # type: ignore[union-attr]
        elif kind is Phrase:
            plans = part.bank.plans  # type: ignore[union-attr]
            expand(plans[voice.pick(len(plans))], occasion, voice, out)
        else:
            _expand_shaped(part, occasion, voice, out)  # type: ignore[arg-type]


def _expand_shaped(part: Shaped, occasion: Mapping[str, str], voice: Voice, out: list[str]) -> None:
    start = len(out)
    expand((part.part,), occasion, voice, out)
    text = out[start]
    if part.article:
        text = ("an " if text[0] in "aeiou" and not text.startswith("one-") else "a ") + text
    out[start] = text[0].upper() + text[1:] if part.capital else text


class _Reader:
    """Reads the lines of one file into plans."""

    def __init__(self, banks: Mapping[str, Bank], file: str, slots: frozenset[str]) -> None:
        self._banks = banks
        self._file = file
        self._slots = slots

    def plan(self, line: str) -> Parts:
        tokens = _TOKENS.findall(line)
        if "".join(tokens) != line or tokens.count("[") != tokens.count("]"):
            raise CorpusError(f"unbalanced brackets in prose/{self._file}.txt: {line!r}")
        return self._options(iter(tokens), line)[0]

    def _options(self, tokens: Iterator[str], line: str) -> tuple[Parts, ...]:
        options: list[list[Part]] = [[]]
        for text in tokens:
            if text == "]":
                break
            if text == "|":
                options.append([])
            elif text == "[":
                options[-1].append(Choice(self._options(tokens, line)))
            else:
                options[-1].append(self._gap(text[1:-1], line) if text[0] == "{" else text)
        return tuple(tuple(option) for option in options)

    def _gap(self, text: str, line: str) -> Part:
        article, _, name = text.rpartition(" ")
        capital = (article or name)[0].isupper()
        if article.lower() not in ("", "a"):
            raise CorpusError(f"{{{text}}} in prose/{self._file}.txt has an unknown word before the slot: {line!r}")
        part = self._named(name[0].lower() + name[1:], line)
        return Shaped(part, bool(article), capital) if article or capital else part

    def _named(self, name: str, line: str) -> Part:
        if name in self._slots:
            return Slot(name)
        if name in DYNAMIC:
            return Draw(name)
        for file in (self._file, "scene", "phrases"):
            if (bank := self._banks.get(f"{file}.{name}")) is not None:
                return Phrase(bank)
        raise CorpusError(f"{{{name}}} in prose/{self._file}.txt is neither a slot nor a bank: {line!r}")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield (heading, line) for every plan and ("context", names) for the slots of the file."""
    heading = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("@context"):
            yield "context", line[len("@context") :]
        elif line.startswith("@"):
            heading = line[1:]
        elif line and not line.startswith("#"):
            yield heading, line


def load_banks(package: str = __package__) -> dict[str, Bank]:
    """Read all files of a package's folder ``prose/``; keys are ``file.bank``.

    Raises:
        CorpusError: A plan has a gap that nothing fills, or unbalanced brackets.
    """
    folder = resources.files(package).joinpath("prose")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".txt")), key=lambda f: f.name)
    texts = {f.name[: -len(".txt")]: f.read_text(encoding="utf-8") for f in files}
    banks: dict[str, Bank] = {}
    for file, text in texts.items():
        for heading, _ in _sections(text):
            if heading != "context":
                name, *needs = heading.split()
                banks.setdefault(f"{file}.{name}", Bank(f"{file}.{name}", tuple(needs)))
    for file, text in texts.items():
        _fill(banks, file, text)
    return banks


def _fill(banks: dict[str, Bank], file: str, text: str) -> None:
    slots: set[str] = set(COMMON)
    plans: dict[str, list[Parts]] = {}
    for heading, line in _sections(text):
        if heading == "context":
            slots.update(line.split())
            continue
        name = heading.split()[0]
        plan = _Reader(banks, file, frozenset(slots)).plan(line)
        plans.setdefault(f"{file}.{name}", []).append(plan)
    for name, told in plans.items():
        banks[name].plans = tuple(told)


def slots_of(parts: Parts) -> set[str]:
    """Return the slots that a plan holds whatever is chosen in it."""
    found: set[str] = set()
    for part in parts:
        inner = part.part if isinstance(part, Shaped) else part
        if isinstance(inner, Slot):
            found.add(inner.name)
        elif isinstance(inner, Choice):
            found |= set.intersection(*(slots_of(option) for option in inner.options))
    return found
