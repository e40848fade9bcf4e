"""``lm-eval-longctx show``: one prompt as it was sent, made again, with its needle marked."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import webbrowser
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.table import table
from lm_eval_longctx.completion import Outcome
from lm_eval_longctx.errors import ConfigError, LongctxError
from lm_eval_longctx.screen import fitted, harmless, wants_colour
from lm_eval_longctx.screen import width as screen_width

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.cli.found import Found
    from lm_eval_longctx.preview.excerpts import Excerpt
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.results import Logged

AROUND = ("needle", "start", "end")
_CONTEXT = 400
_LISTED = 200
_WIDEST = 100
_SHORT = 60
_LONGEST = 600
_HEADS = ("sample", "task", "length", "depth", "outcome", "score", "question")

EPILOG = """\
examples:
  lm-eval-longctx show out/                            list the samples of a run (made with --log_samples)
  lm-eval-longctx show out/ c06310dff42c9cba           write this prompt to a folder, with its needle
  lm-eval-longctx show out/ c06310 --around needle     print the text around the needle
  lm-eval-longctx show out/ c06310 --open              look at it in a browser
  lm-eval-longctx show 1d7175683f2d8d43                a call of the ledger (ledger export prints keys)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "what",
        nargs="+",
        metavar="SAMPLE",
        help="a sample's id or a key of the ledger, and where to look: results folder, results_*.json, samples_*.jsonl",
    )
    parser.add_argument("--output", "-o", metavar="FOLDER", help="write here (default: shown/ID)")
    parser.add_argument("--around", choices=AROUND, help="print this part of the text, and write nothing")
    parser.add_argument(
        "--context",
        type=int,
        default=_CONTEXT,
        metavar="N",
        help=f"characters of text before and after the needle (default {_CONTEXT})",
    )
    parser.add_argument("--open", action="store_true", help="open the page that is written, where there is a screen")
    parser.add_argument("--ledger", metavar="PATH", help="the file to look into (default: the one that runs use)")
    parser.add_argument(
        "--metadata", default="", metavar="JSON", help="settings of the run, where only the ledger knows of it"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the prompt again, check it, and write or print it; without an id, list the samples."""
    from lm_eval_longctx.cli.found import find

    places = [one for one in args.what if Path(one).exists()]
    names = [one for one in args.what if one not in places]
    if len(names) > 1:
        raise ConfigError(f"{names[0]} is no file; name one sample, and the folders or files in which to look")
    if not names:
        return _list(places, as_json=args.json)
    from lm_eval_longctx.preview.verify import made_again

    found = find(names[0], places, args.ledger, args.metadata)
    installed = partial(_installed, str(found.sample["task"]))
    prompt = made_again(found.recipes, found.sample, found.digest, software=found.software, installed=installed)
    if args.around:
        print(_part(found, prompt, args.around, max(0, args.context)))
        return 0
    folder = Path(args.output or Path("shown") / str(found.sample["id"]))
    told = _write(found, prompt, folder, max(0, args.context))
    print(json.dumps(told, indent=2, ensure_ascii=False) if args.json else _as_text(told))
    if args.open:
        _open(folder)
    return 0


def _installed(task: str) -> str:
    """Return a task's version as it is installed now; empty where there is none of that name."""
    from lm_eval_longctx.harness.listing import find_task

    try:
        return str(find_task(task).metadata.get("version", ""))
    except LongctxError:
        return ""


def _write(found: Found, prompt: Prompt, folder: Path, context: int) -> dict[str, Any]:
    """Write the prompt's folder and return what it holds."""
    from lm_eval_longctx.preview.folder import write_needles, write_prompt
    from lm_eval_longctx.preview.index import write_index

    files = write_prompt(prompt, folder)
    needles = list(write_needles(found.recipes, found.sample, prompt, folder, context))
    facts = _facts(found, prompt)
    page = write_index(folder, f"{found.sample['task']} {found.sample['id']}", facts, needles, files)
    beside = [file for needle in needles for file in (needle.picture, needle.sound) if file]
    return {
        **facts,
        "page": str(page),
        "files": [str(file) for file in (*beside, *files)],
        "needles": [{"at": needle.caption, **_plain(needle.text)} for needle in needles],
        "digest": {"made": prompt.digest, "recorded": found.digest or None},
        "recipe": found.sample,
    }


def _facts(found: Found, prompt: Prompt) -> dict[str, str]:
    """Return what people want to know of a sample, by name."""
    sample = found.sample
    depth = sample.get("realised_depth")
    told = f"the same digest as in {found.recorded}" if found.digest else "no digest was recorded to compare with"
    return {
        "sample": str(sample["id"]),
        "task": f"{sample['task']} (version {sample['version']}, seed {sample['seed']})",
        "length": f"{sample['context_label']} ({sample['realised_length']:,} {sample['unit']})",
        **({} if depth is None else {"depth": f"{depth:.3f}"}),
        "question": str(sample["question"]),
        "target": sample["target"] if isinstance(sample["target"], str) else json.dumps(sample["target"]),
        **{f"answer of {one.run.model}": _answer(one) for one in found.logged},
        "prompt": f"{prompt.digest[:16]}, {told}",
    }


def _answer(one: Logged) -> str:
    text = " | ".join(one.answers) or "nothing"
    return f"{text}  [{_outcome(one)}, {one.run.block['metrics'][0]['name']} {_score(one)}]"


def _score(one: Logged) -> str:
    """Return the main metric of a sample, as far as there is one."""
    value = one.line.get(one.run.block["metrics"][0]["name"])
    return "-" if value is None else f"{value:.3g}"


def _outcome(one: Logged) -> str:
    reading = one.line.get("reading", [{}])
    if not reading:  # an adaptive sweep asks only what it needs: there was no answer to read
        return Outcome.NOT_ASKED.value
    return str(reading[0].get("outcome") or "unknown")


def _plain(text: Excerpt | None) -> dict[str, str]:
    return {} if text is None else {"before": text.before, "text": text.text, "after": text.after}


def _as_text(told: Mapping[str, Any]) -> str:
    """Return the facts, an excerpt of the first needle, and what was written."""
    width = min(screen_width(), _WIDEST)
    facts = {name: value for name, value in told.items() if isinstance(value, str)}
    first = max(len(name) for name in facts) + 2
    lines = [line for name, value in facts.items() for line in _wrapped(name, value, first, width)]
    lines += [line for needle in told["needles"] for line in _wrapped("needle", needle["at"], first, width)]
    return "\n".join([*lines, *_wrapped("files", f"{len(told['files'])} in {Path(told['page']).parent}", first, width)])


def _wrapped(name: str, value: str, first: int, width: int) -> list[str]:
    text = harmless(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}... ({len(value):,} characters)")
    pad = " " * first
    return textwrap.wrap(f"{name:<{first}}{text}", max(width, first + 20), subsequent_indent=pad) or [name]


def _part(found: Found, prompt: Prompt, around: str, context: int) -> str:
    """Return a part of the prompt's text; the needle is marked."""
    from lm_eval_longctx.preview.excerpts import text_between, text_excerpts
    from lm_eval_longctx.prompt import TextPart

    total = sum(len(part.text) for part in prompt.parts() if isinstance(part, TextPart))
    if around == "start":
        return harmless(text_between(prompt, 0, context))
    if around == "end":
        return harmless(text_between(prompt, max(0, total - context), total) + prompt.answer_prefix)
    passages = found.recipes.builder(found.sample).passages(found.sample)
    marked = [_marked(one) for one in text_excerpts(prompt, found.sample, passages, context)]
    if not marked:
        raise ConfigError(
            f"nobody knows of a needle in the text of {found.sample['id']}; leave --around out: media are written"
        )
    return "\n\n".join(marked)


def _marked(one: Excerpt) -> str:
    left, right = ("\x1b[1;7m", "\x1b[0m") if wants_colour() else (">>>", "<<<")
    before, text, after = (harmless(part) for part in (one.before, one.text, one.after))
    return f"[{one.caption}]\n{before}{left}{text}{right}{after}"


def _open(folder: Path) -> None:
    """Open the page of a folder in a browser, or say that there is no screen."""
    from lm_eval_longctx.preview.index import INDEX

    screen = sys.platform in {"darwin", "win32"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    page = (folder / INDEX).absolute()
    if not screen or not webbrowser.open(page.as_uri()):
        print(f"no screen here; look at {page}", file=sys.stderr)


def _list(places: Sequence[str], *, as_json: bool) -> int:
    """Print the samples of runs: a line each, the first ones of very many."""
    from lm_eval_longctx.results import logged_samples

    found = list(islice(logged_samples(places), _LISTED + 1))
    if as_json:
        print(json.dumps([dict(zip(_HEADS, _row(one), strict=True)) for one in found[:_LISTED]], indent=2))
        return 0
    print(table([_row(one) for one in found[:_LISTED]], _HEADS))
    if len(found) > _LISTED:
        print(f"and more; these are the first {_LISTED}")
    print(fitted(["", f"lm-eval-longctx show {' '.join(places)} SAMPLE makes one of these prompts again"]))
    return 0


def _row(one: Logged) -> list[str]:
    sample, depth = one.sample, one.sample.get("depth")
    question = " ".join(harmless(str(sample["question"])).split())
    return [
        str(sample["id"]),
        str(sample["task"]),
        str(sample["context_label"]),
        "-" if depth is None else f"{depth:.2f}",
        _outcome(one),
        _score(one),
        question if len(question) <= _SHORT else f"{question[:_SHORT]}...",
    ]
