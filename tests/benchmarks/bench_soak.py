"""Many calls on a server that fails in every way: nothing is lost, nothing is paid twice, and memory stays flat.

::

    python tests/benchmarks/bench_soak.py [--small 20000] [--large 200] [--plot soak.svg]

Small and large questions (4 MB) go out 64 at once. One question in ten meets a
fault at its first attempt: 429 with Retry-After, 500, an answer that is cut
off, a slow one, half a JSON. The server keeps a book of what it was asked and
what it would bill; afterwards book, ledger and answers are compared, and the
same questions are asked once more, which must not reach the server at all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from bench_backend import MB, base, cpu

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.completion import Completion

FAULTS = ("rate limit", "error", "cut", "slow", "half")
EVERY = 10
"""One question in so many meets a fault."""

AT_ONCE = 64
SLOW = 0.5
A_CALL = 2000
"""Bytes that a call may leave behind: its answer with key, usage and outcome, and its job."""

AROUND = 24 * MB
"""Bytes by which memory may differ otherwise: what is in flight, and what allocators keep."""


@dataclass
class Book:
    """What the server was asked.

    Attributes:
        requests: All of them.
        answered: How often each question got its whole answer.
        lost: Answers that were made and did not arrive whole.
        faults: How often each kind of fault was met.
        tokens: Prompt tokens of whole answers.
    """

    requests: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    tokens: int = 0


async def serve() -> None:
    """Answer, fail, and keep the book."""
    from aiohttp import web

    book, seen = Book(), Counter[int]()

    async def answer(request: web.Request) -> web.StreamResponse:
        number, size = await _question(request)
        seen[number] += 1
        book.requests += 1
        fault = FAULTS[number // EVERY % len(FAULTS)] if number % EVERY == 0 and seen[number] == 1 else ""
        if fault:
            book.faults[fault] += 1
        if fault == "rate limit":
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0"})
        if fault == "error":
            return web.json_response({"error": {"message": "oops"}}, status=500)
        if fault == "slow":
            await asyncio.sleep(SLOW)
        whole = json.dumps(_answer(number, size)).encode()
        if fault in {"cut", "half"}:
            book.lost += 1
            return await _broken(request, whole, claimed=len(whole) if fault == "cut" else len(whole) // 2)
        book.answered[str(number)] += 1
        book.tokens += size // 4
        return web.Response(body=whole, content_type="application/json")

    async def told(_: web.Request) -> web.Response:
        return web.json_response(vars(book))

    app = web.Application(client_max_size=1 << 40)
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/book", told)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


async def _question(request: Any) -> tuple[int, int]:
    """Read a request to its end; return the question's number and the bytes."""
    head, size = b"", 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        head = head if len(head) > 1000 else head + chunk
    found = re.search(rb"question (\d+)\.", head)
    assert found is not None
    return int(found[1]), size


def _answer(number: int, size: int) -> dict[str, Any]:
    usage = {"prompt_tokens": size // 4, "completion_tokens": 2, "total_tokens": size // 4 + 2}
    message = {"role": "assistant", "content": f"answer {number}"}
    return {"model": "tiny", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


async def _broken(request: Any, whole: bytes, *, claimed: int) -> Any:
    """Send half of an answer, either as if it were all, or with the connection cut in the middle."""
    from aiohttp import web

    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(claimed)})
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    if claimed == len(whole):
        request.transport.abort()
    return response


@contextmanager
def served() -> Iterator[str]:
    """Run the server in a process of its own; gives its address."""
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def book_of(url: str) -> Book:
    """Return what the server has written down."""
    with urlopen(f"{url}/book", timeout=30) as told:  # noqa: S310 - ours
        return Book(**json.load(told))


def resident() -> int:
    """Return the bytes that this process holds in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Soak:
    """Asks a server many questions.

    Attributes:
        url: The server's address.
        file: The ledger's.
        small: Questions of 200 bytes.
        large: Questions of ``size`` bytes, spread evenly.
        size: Bytes.
        memory: Memory over the run, looked at two hundred times.
    """

    url: str
    file: Path
    small: int
    large: int
    size: int = 4 * MB
    memory: list[tuple[int, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All questions."""
        return self.small + self.large

    def ask(self) -> tuple[list[Completion], dict[str, Any]]:
        """Ask everything once; return the answers and the backend's totals."""
        provider = OpenAICompatibleProvider("tiny", base_url=f"{self.url}/v1", tokenize=False, probe=False)
        limits = Limits(concurrency=AT_ONCE, max_wait=0.05)
        with Ledger.open(self.file) as ledger:
            backend = Backend(provider, ledger=ledger, limits=limits, progress=False)
            return backend.run(self._jobs()), backend.totals()

    def _jobs(self) -> list[Job]:
        order = [*range(self.count)]
        random.Random(0).shuffle(order)  # noqa: S311 - reproducible, not secret
        step = max(1, self.count // max(1, self.large))
        large = set(order[::step][: self.large])
        return [self._job(number, self.size if number in large else 200) for number in order]

    def _job(self, number: int, size: int) -> Job:
        def render() -> Prompt:
            if number % max(1, self.count // 200) == 0:
                self.memory.append((len(self.memory), resident()))
            return Prompt.user(TextPart(f"question {number}. {base()[number : number + size]}"))

        return Job(str(number), "soak", render, Settings(16), size=size)

    def growth(self) -> int:
        """Return by how many bytes memory grew from the second fifth of the run to the last."""
        held = [bytes_ for _, bytes_ in self.memory]
        fifth = len(held) // 5
        return int(median(held[-fifth:]) - median(held[fifth : 2 * fifth]))


def problems(soak: Soak, answers: Sequence[Completion], book: Book) -> list[str]:
    """Compare the answers, the ledger and the server's book; return what does not fit."""
    with Ledger.open(soak.file) as ledger:
        kept = ledger.summary()
    wrong = not_theirs(soak, answers)
    twice = [number for number, count in book.answered.items() if count != 1]
    facts = {
        "answers that are not the question's": (len(wrong), 0),
        "outcomes": ({answer.outcome.value for answer in answers}, {"complete"}),
        "questions that the server answered": (len(book.answered), soak.count),
        "questions that were paid more than once": (len(twice), 0),
        "attempts in the ledger": (kept.attempts, book.requests),
        "answers in the ledger": (kept.answered, soak.count),
        "prompt tokens in the ledger": (kept.usage.prompt_tokens, book.tokens),
        "answers lost on their way": (kept.possibly_billed, book.lost),
    }
    return [f"{name}: {found}, not {right}" for name, (found, right) in facts.items() if found != right]


def not_theirs(soak: Soak, answers: Sequence[Completion]) -> list[str]:
    """Return the answers that are not those of their questions; a lost one is none of them."""
    return [str(answer) for answer, job in zip(answers, soak._jobs(), strict=True) if answer != f"answer {job.sample}"]


def measure(small: int, large: int, size: int = 4 * MB) -> tuple[dict[str, float], list[str], Soak]:
    """Soak, compare, and ask everything again; return figures, what does not fit, and the soak."""
    os.environ.setdefault("OPENAI_COMPATIBLE_API_KEY", "benchmark-key")
    base()
    with served() as url, tempfile.TemporaryDirectory() as folder:  # what is loaded once, such as a tokenizer (150 MB)
        Soak(url, Path(folder) / "ledger.sqlite", 1, 1, size).ask()
    with served() as url, tempfile.TemporaryDirectory() as folder:
        soak = Soak(url, Path(folder) / "ledger.sqlite", small, large, size)
        used, began = cpu(), time.perf_counter()
        answers, totals = soak.ask()
        figures = {"seconds": time.perf_counter() - began, "cpu": cpu() - used, "calls": float(totals["calls"])}
        book = book_of(url)
        wrong, grown, held = problems(soak, answers, book), soak.growth(), soak.memory[:]
        again, _ = soak.ask()
        soak.memory = held
        if book_of(url).requests != book.requests or [*map(str, again)] != [*map(str, answers)]:
            wrong.append("asking again reached the server, or gave other answers")
    allowed = A_CALL * soak.count + AROUND
    if grown > allowed:
        wrong.append(f"memory grew by {grown / MB:.0f} MB, and {allowed / MB:.0f} MB are explained")
    figures |= {"lost": float(len(not_theirs(soak, answers))), "explained": allowed / MB}
    figures |= {"twice": float(sum(count > 1 for count in book.answered.values()))}
    figures |= {"grown": grown / MB, "most": max(held for _, held in soak.memory) / MB, **book.faults}
    return figures, wrong, soak


def plot(soak: Soak, target: Path) -> None:
    """Draw memory over the calls that were made."""
    from lm_eval_longctx.report.figures import Figure, save

    rows = [{"calls": number * max(1, soak.count // 200), "MB": held / MB} for number, held in soak.memory]
    spec = {
        "width": 600,
        "height": 240,
        "data": {"name": "held"},
        "mark": {"type": "line"},
        "encoding": {
            "x": {"field": "calls", "type": "quantitative", "title": "calls made"},
            "y": {"field": "MB", "type": "quantitative", "title": "resident memory (MB)", "scale": {"zero": True}},
        },
    }
    save(Figure("soak", "Memory over a soak", "soak", spec, {"held": rows}), target)


def main() -> int:
    """Soak and print what was found; 1 where something does not fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=200)
    parser.add_argument("--plot", type=Path, help="where to draw memory over the run")
    parser.add_argument("--json", action="store_true", help="print the figures and what does not fit as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve())
        return 0
    figures, wrong, soak = measure(args.small, args.large)
    if args.plot:
        plot(soak, args.plot)
    if args.json:
        print(json.dumps({**figures, "wrong": wrong}))
    else:
        print("\n".join([*(f"{name:12} {value:10,.1f}" for name, value in figures.items()), *wrong]))
    return bool(wrong) and not args.json


if __name__ == "__main__":
    sys.exit(main())
