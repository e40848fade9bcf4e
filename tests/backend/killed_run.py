"""A run that its test kills: questions to a local server, answered at once or in the background. Not a test itself."""

from __future__ import annotations

import argparse
import json
import signal

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.openai import OpenAIProvider
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider

PRICES = Prices.given(1000.0, 2000.0)


def jobs(count: int, *, groups: bool) -> list[Job]:
    """Make the questions; they may be in two groups, each of which sends one ahead."""
    hay = "All work and no play makes a dull benchmark. " * 200

    def job(i: int) -> Job:
        parts = (TextPart(hay, shared=True), TextPart(f"Question {i}?"))
        settings = Settings(max_output_tokens=64)
        group = f"g{i % 2}" if groups else ""
        return Job(str(i), "kill", lambda: Prompt.user(*parts), settings, group=group, order=i / count, tokens=2300)

    return [job(i) for i in range(count)]


def main() -> None:
    """Run all questions and print completions and totals as JSON."""
    # A shell starts background jobs deaf to Ctrl-C, and their children too: the tests would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("ledger")
    parser.add_argument("count", type=int)
    parser.add_argument("--background", action="store_true", help="ask OpenAI's dialect for answers in the background")
    parser.add_argument("--max-drain", type=float, default=20.0)
    args = parser.parse_args()
    provider: OpenAIProvider | OpenAICompatibleProvider
    if args.background:
        provider = OpenAIProvider("gpt-6.1-terra", base_url=f"{args.url}/v1", background=True, probe=False)
        provider.poll_seconds = 0.02
    else:
        provider = OpenAICompatibleProvider("tiny", base_url=f"{args.url}/v1", tokenize=False, probe=False)
    with Ledger.open(args.ledger) as ledger:
        limits = Limits(concurrency=8, max_wait=0.02, max_drain=args.max_drain)
        backend = Backend(provider, ledger=ledger, limits=limits, prices=PRICES, progress=False)
        found = backend.run(jobs(args.count, groups=not args.background))
        answers = [{"text": str(f), **f.to_dict()} for f in found]
        print(json.dumps({"answers": answers, "totals": backend.totals()}))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
