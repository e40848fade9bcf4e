"""The backend against lm-eval's own ``local-chat-completions``, on one local server, in one run.

::

    python tests/benchmarks/bench_backend.py

Each figure comes from a fresh process; memory is what the process needed
beyond what it had when everything was imported and connected, and two short
prompts asked: ours has then loaded the tokenizer that bills are checked with
(50 MB and .3 s, once), as tasks with text have before their first question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

MB = 1_000_000
KEY = "benchmark-key"
WARM = 2048
"""Bytes of a prompt whose bill is checked."""

WORDS = "the quick brown fox jumps over a lazy dog while nobody in town is looking at it "
CASES = {
    "64 prompts of 4 MB, 8 at once": (64, 4 * MB, 8, 0.0),
    "1 prompt of 40 MB": (1, 40 * MB, 1, 0.0),
    "1000 of 400 bytes, 64 at once, thinks 0.5 s": (1000, 400, 64, 0.5),
    "1000 of 400 bytes, 64 at once, thinks 0 s": (1000, 400, 64, 0.0),
}
"""Requests, bytes of each, how many at once, and seconds that the server thinks before it answers."""


@lru_cache(maxsize=1)
def base() -> str:
    """Make a long text without repetition."""
    rng = random.Random(0)  # noqa: S311 - reproducible, not secret
    words = [f"{rng.randrange(10**6)} {word}" for word in WORDS.split()]
    return " ".join(rng.choices(words, k=5 * MB))


def text_of(i: int, size: int) -> str:
    """Cut a text of its own for each question."""
    return base()[i * 17 : i * 17 + size]


async def serve() -> None:
    """Read every request to its end, forget it, and answer with a believable bill."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        await asyncio.sleep(float(request.match_info["think"]))
        usage = {"prompt_tokens": size // 4, "completion_tokens": 2, "total_tokens": size // 4 + 2}
        choice = {"index": 0, "message": {"role": "assistant", "content": "an answer"}, "finish_reason": "stop"}
        return web.json_response({"id": "x", "model": "tiny", "choices": [choice], "usage": usage})

    app = web.Application(client_max_size=1 << 40)
    app.router.add_post("/think/{think}/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.Event().wait()


class Peak:
    """The most memory that the process holds, looked at every two milliseconds.

    Attributes:
        cpu: Seconds of processor time that looking took: more of a slow run than of a quick one.
    """

    def __init__(self) -> None:
        """Start looking."""
        self.base = self.most = self._now()
        self.cpu = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _now(self) -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def _watch(self) -> None:
        while not self._ended.wait(0.002):
            self.most = max(self.most, self._now())
        self.cpu = time.thread_time()

    def end(self) -> int:
        """Return how many bytes were needed beyond the beginning."""
        self._ended.set()
        self._thread.join()
        return max(self.most, self._now()) - self.base


def cpu() -> float:
    """Seconds of processor time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(url: str, count: int, size: int, at_once: int) -> Any:
    """Return a function that asks through our backend."""
    from lm_eval_longctx.backend import Backend, Job, Limits
    from lm_eval_longctx.ledger import Ledger
    from lm_eval_longctx.prompt import Prompt, TextPart
    from lm_eval_longctx.providers.base import Settings
    from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider("tiny", base_url=f"{url}/v1", tokenize=False, probe=False)
    folder = tempfile.mkdtemp()
    ledger = Ledger.open(Path(folder) / "ledger")
    limits = Limits(concurrency=at_once)

    def job(i: int, length: int) -> Job:
        return Job(str(i), "bench", lambda: Prompt.user(TextPart(text_of(i, length))), Settings(16), size=length)

    def ask(indices: range, length: int) -> list[str]:
        backend = Backend(provider, ledger=ledger, limits=limits, progress=False)
        return [str(found) for found in backend.run([job(i, length) for i in indices])]

    ask(range(10**6, 10**6 + 2), WARM)
    return lambda: ask(range(count), size)


def theirs(url: str, count: int, size: int, at_once: int) -> Any:
    """Return a function that asks through lm-eval's own model, as its evaluator does."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.openai_completions import LocalChatCompletion

    model = LocalChatCompletion(
        base_url=f"{url}/v1/chat/completions", model="tiny", num_concurrent=at_once, max_retries=1, max_gen_toks=16
    )

    def ask(indices: range, length: int) -> list[str]:
        requests = [
            Instance(
                "generate_until",
                {},
                (model.apply_chat_template([{"role": "user", "content": text_of(i, length)}]), {"until": []}),
                0,
            )
            for i in indices
        ]
        return list(model.generate_until(requests, disable_tqdm=True))

    ask(range(2), WARM)
    return lambda: ask(range(count), size)


def measure(who: str, url: str, case: str) -> dict[str, float]:
    """Run one case in this process."""
    count, size, at_once, think = CASES[case]
    base()
    ask = {"ours": ours, "theirs": theirs}[who](f"{url}/think/{think}", count, size, at_once)
    used, began, peak = cpu(), time.perf_counter(), Peak()
    answers = ask()
    memory, seconds, processor = peak.end(), time.perf_counter() - began, cpu() - used - peak.cpu
    assert answers == ["an answer"] * count, answers[:3]
    return {"memory": memory / MB, "seconds": seconds, "cpu": processor, "megabytes": count * size / MB, "count": count}


def in_process(who: str, url: str, case: str) -> dict[str, float]:
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--who", who, "--url", url, "--case", case]
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "OPENAI_COMPATIBLE_API_KEY": KEY, "TOKENIZERS_PARALLELISM": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(url: str) -> None:
    """Print all cases, ours against theirs."""
    print(f"{'case':44} {'':8} {'memory':>10} {'cpu':>14} {'requests':>12}")
    for case, (_, size, _, _) in CASES.items():
        found = {who: in_process(who, url, case) for who in ("ours", "theirs")}
        for who, f in found.items():
            speed = f"{1000 * f['cpu'] / f['megabytes']:.2f} ms/MB"
            rate = f"{f['count'] / f['seconds']:.0f}/s"
            print(f"{case:44} {who:8} {f['memory']:7.1f} MB {speed:>14} {rate:>12}")
        a, b = found["ours"], found["theirs"]
        print(
            f"{'':44} {'ratio':8} {a['memory'] / b['memory']:10.3f} {a['cpu'] / b['cpu']:14.3f} "
            f"{b['seconds'] / a['seconds']:12.2f}   (our peak is {a['memory'] * MB / size:.2f} x one prompt)"
        )


def main() -> None:
    """Compare, or play one of the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--who", choices=("ours", "theirs"))
    parser.add_argument("--url")
    parser.add_argument("--case", choices=tuple(CASES))
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve())
    elif args.who:
        print(json.dumps(measure(args.who, args.url, args.case)))
    else:
        with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as server:
            try:
                compare(json.loads(server.stdout.readline())["url"])
            finally:
                server.kill()


if __name__ == "__main__":
    main()
