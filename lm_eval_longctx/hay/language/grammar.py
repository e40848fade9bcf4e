"""Reading a grammar book from LaTeX, Markdown or plain text, as paragraphs."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import CorpusError
from lm_eval_longctx.hay.kinds import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES = (".tex", ".md", ".txt")

_COMMENT = re.compile(r"(?<!\\)%.*")
_DROPPED = re.compile(
    r"\\(?:label|is|il|ia|index|ref|Cref|cref|vref|cite\w*|jambox\*?|vspace|hspace|largerpage|clearpage|href\{[^{}]*\}"
    r"|includegraphics(?:\[[^\]]*\])?|centering|small|footnotesize)\*?(?:\[[^\]]*\])*(?:\{[^{}]*\})?"
)
_HEADING = re.compile(
    r"\\(chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}"
)
_MARKS = {"chapter": "#", "section": "##", "subsection": "###", "subsubsection": "####", "paragraph": "#####"}
_STYLED = re.compile(
    r"\\(?:textbf|textit|textsc|emph|text|textrm|textsuperscript|textsubscript|footnote|mbox|phonemic)\{([^{}]*)\}"
)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[^{}]*\}(?:\[[^\]]*\])?(?:\{[^{}]*\})*")
_EXAMPLE_LINE = re.compile(r"\\gll\s*|\\glt\s*|\\exi?\{?|\\a\.|\\b\.|\\begin\{exe\}|\\end\{exe\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_SYMBOLS = {"\\\\": "\n", "~": " ", "``": "“", "''": "”", "\\%": "%", "\\&": "&", "\\_": "_", "\\#": "#", "\\$": "$"}


def read_grammar(path: str, skip: Sequence[str] = ()) -> tuple[str, ...]:
    """Read a grammar's paragraphs in the order of its files' names.

    Args:
        path: A file or a folder with ``.tex``, ``.md`` or ``.txt`` files.
        skip: Patterns of file names to leave out, such as ``glossary*`` where
            the word list is a resource of its own.

    Raises:
        CorpusError: Nothing is there, or a file is not UTF-8.
    """
    root = Path(path).expanduser()
    files = [root] if root.is_file() else sorted(p for p in root.glob("*") if p.suffix in SUFFIXES)
    files = [file for file in files if not any(fnmatch(file.name, pattern) for pattern in skip)]
    if not readable(files):
        raise CorpusError(f"no grammar in {path}: give a .tex, .md or .txt file, or a folder of them")
    return tuple(paragraph for file in files for paragraph in _paragraphs(file))


def _paragraphs(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{file} is not UTF-8 (byte {error.start}); convert it first") from error
    if file.suffix == ".tex":
        text = plain_from_latex(text)
    return [paragraph.strip() for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]


def plain_from_latex(text: str) -> str:
    """Return LaTeX as readable text: headings with #, examples on their lines, no references and no commands."""
    text = _COMMENT.sub("", text)
    text = _HEADING.sub(lambda m: f"\n\n{_MARKS[m[1]]} {m[2]}\n\n", text)
    text = _DROPPED.sub("", text)
    for _ in range(4):  # styles inside styles
        text = _STYLED.sub(r"\1", text)
    text = _EXAMPLE_LINE.sub("", text)
    text = _ENVIRONMENT.sub("", text)
    for mark, meant in _SYMBOLS.items():
        text = text.replace(mark, meant)
    text = _COMMAND.sub("", text).replace("{", "").replace("}", "")
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
