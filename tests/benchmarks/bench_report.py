"""How long a report over very many samples takes to write and to open, and how much memory and disk.

    python tests/benchmarks/bench_report.py [--samples 100000] [--pictures]

Made up are three models on five tasks, nine lengths and eleven depths each;
answers are a few words to two hundred, half of them beside the point. The
report is written by a process of its own: *seconds* and *peak* are of the whole
process, reading the results included. Then Chromium opens the page from disk,
if there is one: *first paint*, *a cell* (the slowest of five, from the click to
its samples) and *search* through all answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bench_text import peak_resident  # noqa: E402
from made_sweeps import SCORER, TARGET, make_sample, make_sweep, write_results  # noqa: E402

from lm_eval_longctx.completion import Completion, Usage  # noqa: E402
from lm_eval_longctx.plan import expand  # noqa: E402
from lm_eval_longctx.results import SampleResult, sweep_block  # noqa: E402

MODELS, TASKS, DEPTHS = 3, 5, 11
LENGTHS = ["1k", "2k", "4k", "8k", "16k", "32k", "64k", "128k", "256k"]
STAMP = "2026-01-01T00"
MOST = {"seconds": 5.0, "peak": 1e9, "first paint": 2.0, "a cell": 0.2}
"""What each figure may be."""


def make(folder: Path, samples: int) -> int:
    """Write results and logs of about so many samples; return how many there are."""
    a_cell = max(1, round(samples / (MODELS * TASKS * len(LENGTHS) * DEPTHS)))
    sweep = make_sweep(context_lengths=LENGTHS, depths=DEPTHS, samples_per_cell=a_cell)
    rng = random.Random(0)  # noqa: S311 - made-up answers
    count = 0
    for model in range(MODELS):
        home = folder / f"model-{model}"
        home.mkdir()
        blocks = {}
        for task in (f"longctx_task_{number}" for number in range(TASKS)):
            results = [_result(planned, sweep, rng) for planned in expand(sweep)]
            blocks[task] = sweep_block(sweep, SCORER.METRICS, results)
            with (home / f"samples_{task}_{STAMP}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(_line(result))}\n" for result in results)
            count += len(results)
        write_results(home, blocks, model=f"maker/model-{model}", stamp=STAMP)
    return count


def _result(planned, sweep, rng) -> SampleResult:
    good = rng.random() > planned.length.amount / 300_000
    words = f"It is {TARGET}." if good else f"I think of {rng.randrange(10**7)}, " + "and so on " * rng.randrange(60)
    usage = Usage(prompt_tokens=int(planned.length.amount), output_tokens=rng.randrange(99), cost=rng.random())
    key = hashlib.sha256(f"{planned.id}{rng.random()}".encode()).hexdigest()
    answer = Completion(words, usage=usage, seconds=rng.random() * 20, key=key)
    values = {"exact": float(good), "recall": float(good), "ruler": float(good), "abstained": 0.0}
    return SampleResult(make_sample(planned, sweep), answer, values)


def _line(result: SampleResult) -> dict:
    """Return a line of lm-eval's log."""
    sample, answer = result.sample, str(result.completion)
    recipe = f"longctx:{sample['task']}@1/{sample['id']}?length={sample['context_label']}&digest={'ab' * 32}"
    arguments = {"arg_0": recipe, "arg_1": {"until": []}, "arg_2": {"completions": [result.completion.to_dict()]}}
    reading = {"outcome": result.kind, "note": "", "claimed": [TARGET], "how": "whole", "abstained": 0.0}
    hashes = dict.fromkeys(("doc_hash", "prompt_hash", "target_hash"), "ab" * 32)
    kept = {"doc": sample, "arguments": {"gen_args_0": arguments}, "resps": [[answer]], "reading": [reading]}
    return {**kept, **hashes, **(result.values or {})}


def write(folder: Path, *, pictures: bool) -> dict[str, float]:
    """Write the report in this process."""
    from lm_eval_longctx.report import page, writing
    from lm_eval_longctx.results import read_runs

    runs = read_runs([folder])
    if pictures:
        size = writing.write_report(runs, folder / "report").page.stat().st_size
    else:
        text = page.page(runs)
        (folder / "report").mkdir(exist_ok=True)
        size = (folder / "report" / "report.html").write_text(text, encoding="utf-8")
    return {"processor": time.process_time(), "peak": peak_resident(), "size": size}


def floor(folder: Path) -> dict[str, float]:
    """Read the samples and pack them again, and nothing else, in this process."""
    import orjson

    from lm_eval_longctx.report.blocks import pack

    before = time.process_time()
    for file in folder.glob("*/samples_*.jsonl"):
        with file.open("rb") as lines:
            pack(b"".join(orjson.dumps(orjson.loads(line)) for line in lines))
    return {"processor": time.process_time() - before}


def look(report: Path) -> dict[str, float]:
    """Open the report in a browser; nothing where there is none."""
    browser_file = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_file is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_file, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(report.as_uri())
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        cells = [_cell(page, number) for number in (0, 300, 600, 900, 1200)]
        page.fill("#search", "and so on")
        start = time.perf_counter()
        page.keyboard.press("Enter")
        page.locator("#status", has_text="samples hold").wait_for(timeout=120_000)
        found = {"first paint": paint / 1000, "a cell": max(cells), "search": time.perf_counter() - start}
        browser.close()
    return found


def _cell(page, number: int) -> float:
    """Return the seconds from a cell's address to its samples."""
    opened = """async (number) => {
        const link = document.querySelectorAll('.heat a')[number];
        const start = performance.now();
        location.hash = link.getAttribute('href');
        while (!document.querySelector('#cell .sample')) await new Promise((done) => setTimeout(done));
        const taken = performance.now() - start;
        document.getElementById('cell').close();
        document.getElementById('cell').replaceChildren();
        return taken / 1000;
    }"""
    return page.evaluate(opened, number)


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--pictures", action="store_true", help="draw the figures too")
    parser.add_argument("--written", help=argparse.SUPPRESS)
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.floor:
        print(json.dumps(floor(Path(args.floor))))
        return
    if args.written:
        print(json.dumps(write(Path(args.written), pictures=args.pictures)))
        return
    with tempfile.TemporaryDirectory() as made:
        count = make(Path(made), args.samples)
        call = [sys.executable, __file__, "--written", made, *(["--pictures"] if args.pictures else [])]
        start = time.perf_counter()
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        found = {"seconds": time.perf_counter() - start, **json.loads(done.stdout.splitlines()[-1])}
        found |= look(Path(made) / "report" / "report.html")
    print(f"{count:,} samples" + (", with pictures" if args.pictures else ""))
    for name, value in found.items():
        shown = f"{value / 1e6:10,.1f} MB" if name in {"peak", "size"} else f"{value:10.2f} s"
        print(f"  {name:12}{shown}" + (f"   {value / MOST[name]:5.2f} of what it may be" if name in MOST else ""))


if __name__ == "__main__":
    main()
