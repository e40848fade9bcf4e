"""Building text needles: this project beside lm-eval's own RULER generator, in one run.

    pip install 'lm-eval[ruler]'
    python tests/benchmarks/bench_ruler.py [--samples 3] [--limit 120] [--lengths 4k 32k 128k 1M]

Both build ``niah_single_2``-like samples (one needle, key a word, value a
number, in prose) of the same lengths from the same text, measured by the same
tokenizer: a byte-level BPE of 8,000 tokens that is trained here on that text
(``tokenizers``, called directly by both). RULER's is
``lm_eval.tasks.ruler.prepare_niah.generate_samples``, as its tasks call it but
with fewer samples (they make 500). It needs nltk's English sentence model,
which is a download; a model without learnt abbreviations is made here instead,
which does not change how long it takes.

Every measurement is a process of its own. Reported are the seconds of processor
time for all samples of a length, and by how much the resident set grew at its
highest. Ours starts from a cached corpus; reading and tokenising it once, which
is for all lengths and all runs, is told apart. RULER has no such step; it
tokenises whole contexts again and again. It is stopped after ``--limit``
seconds. Where it is, the time is measured for *one* of the whole-context
passes (build, split into sentences, tokenise) that it makes, and the total is
extrapolated from the number of passes it needs: one for each 500 words up to
the asked length, plus one a sample, each as long as its context. Such figures
are marked ``~``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

LENGTHS = ["4k", "32k", "128k", "1M"]
CORPUS_BYTES = 6_000_000
VOCABULARY = 8000
STEP = 500
"""Words that RULER adds in each pass of its search."""


def resident(field: str) -> int:
    """Return ``VmRSS`` (now) or ``VmHWM`` (the highest since it was reset) in bytes; 0 where there is no Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def reset_highest() -> None:
    """Let the highest resident set begin again from now (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def prepare(folder: Path) -> None:
    """Write the text, train the tokenizer and make the sentence model."""
    import tokenizers
    from tokenizers import models, pre_tokenizers, trainers

    from lm_eval_longctx.hay.chronicle import pieces

    size, text = 0, []
    for piece in pieces(0):
        text.append(piece)
        size += len(piece)
        if size >= CORPUS_BYTES:
            break
    (folder / "corpus.txt").write_text("".join(text), encoding="utf-8")
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(text[:10_000], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    model = folder / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
    model.mkdir(parents=True)
    for name in ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab"):
        (model / name).write_text("", encoding="utf-8")


class CallableTokenizer:
    """A ``tokenizers`` tokenizer with the one call that RULER makes."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        import tokenizers

        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))

    def __call__(self, text: str) -> CallableTokenizer:
        """Tokenise; the answer has ``input_ids``, as in transformers."""
        self.input_ids = self._tokenizer.encode(text).ids
        return self


def tokens_of(length: str) -> int:
    """Read a length as people write it."""
    from lm_eval_longctx.units import parse_length

    return int(parse_length(length).amount)


def ruler_template() -> str:
    """Read RULER's template out of its module, whose import would need transformers."""
    import lm_eval.tasks

    path = Path(lm_eval.tasks.__file__).parent / "ruler" / "niah_utils.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "TEMPLATE":
            return str(ast.literal_eval(node.value))
    sys.exit(f"{path} has no TEMPLATE any more")


def ruler(folder: Path, length: str, samples: int, *, cold: bool = False) -> dict[str, float]:
    """Let RULER make samples of a length; ``cold`` counts reading its text and its tokenizer."""
    from lm_eval.tasks.ruler.prepare_niah import generate_samples

    def opened() -> tuple[list[str], CallableTokenizer]:
        words = (folder / "corpus.txt").read_text(encoding="utf-8").split()
        return words, CallableTokenizer(folder / "tokenizer.json")

    ready = None if cold else opened()

    def make() -> None:
        words, tokenizer = ready or opened()
        generate_samples(
            words,
            TOKENIZER=tokenizer,
            max_seq_length=tokens_of(length),
            template=ruler_template(),
            type_haystack="essay",
            type_needle_k="words",
            type_needle_v="numbers",
            num_samples=samples,
        )

    return measured(make)


def ruler_pass(folder: Path, length: str, _samples: int) -> dict[str, float]:
    """Let RULER make one whole-context pass, and count the words that it takes."""
    from lm_eval.tasks.ruler.prepare_niah import generate_input_output

    text = (folder / "corpus.txt").read_text(encoding="utf-8")
    words, tokenizer = text.split(), CallableTokenizer(folder / "tokenizer.json")
    a_word = len(tokenizer(text[:1_000_000]).input_ids) / len(text[:1_000_000].split())
    count = min(len(words), int(tokens_of(length) / a_word))

    def once() -> None:
        text, _, _ = generate_input_output(
            count,
            words,
            type_haystack="essay",
            num_needle_k=1,
            type_needle_k="words",
            num_needle_v=1,
            type_needle_v="numbers",
            template=ruler_template(),
        )
        tokenizer(text)

    return {**measured(once), "words": count}


def ours(folder: Path, length: str, samples: int, *, cold: bool = False) -> dict[str, float]:
    """Make samples and prompts of a length; ``cold`` counts opening (and, the first time, making) the corpus."""
    from text_kit import builder_for

    builder = builder_for(
        folder / "cache",
        f"books:{folder / 'corpus.txt'}",
        tokenizer=str(folder / "tokenizer.json"),
        context_lengths=[length],
        depths=[0.5],
        samples_per_cell=samples,
        key="words",
    )
    if not cold:
        builder.sample(next(iter(builder.plans())))  # RULER's words and tokenizer are in memory by now, too
    return measured(lambda: [builder.render(sample) for sample in builder.samples()])


MEASURES = {
    "ruler": ruler,
    "pass": ruler_pass,
    "ours": ours,
    "cold": partial(ours, cold=True),
    "ruler, cold": partial(ruler, cold=True),
}


def measured(action) -> dict[str, float]:
    """Run something once; return its seconds of processor time and the growth of the highest resident set."""
    reset_highest()
    before, start = resident("VmRSS"), time.process_time()
    action()
    return {"seconds": time.process_time() - start, "bytes": max(0, resident("VmHWM") - before)}


def in_process(folder: Path, what: str, length: str, samples: int, limit: float) -> dict[str, float] | None:
    """Measure in a process of its own; ``None`` if it took longer than the limit."""
    command = [sys.executable, __file__, "--one", str(folder), what, length, "--samples", str(samples)]
    environment = {**os.environ, "NLTK_DATA": str(folder / "nltk_data"), "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        sys.exit(done.stderr)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def extrapolated(folder: Path, length: str, samples: int) -> dict[str, float]:
    """Extrapolate RULER's time from one of its passes."""
    row = in_process(folder, "pass", length, 1, 600)
    if row is None:
        sys.exit(f"one pass of RULER at {length} takes more than 600 s here")
    search = row["words"] / STEP / 2  # passes of all sizes up to the whole, in whole passes
    return {**row, "seconds": row["seconds"] * (search + samples)}


def main() -> int:
    """Measure all lengths and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=3, help="samples of each length")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which RULER is stopped")
    parser.add_argument("--lengths", nargs="+", default=LENGTHS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        folder, what, length = Path(given.one[0]), *given.one[1:]
        print(json.dumps(MEASURES[what](folder, length, given.samples)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        once = in_process(folder, "cold", given.lengths[-1], 1, 600) or {}
        print(f"corpus of {CORPUS_BYTES / 1e6:.0f} MB read and tokenised once in {once['seconds']:.1f} s")
        print(f"{given.samples} samples of each length:\n")
        print(f"{'length':>7} {'RULER':>12} {'memory':>9} {'ours':>10} {'memory':>9} {'ratio':>10}")
        for length in given.lengths:
            compare(folder, length, given.samples, given.limit)
    return 0


def compare(folder: Path, length: str, samples: int, limit: float) -> None:
    """Measure one length and print it."""
    mine = in_process(folder, "ours", length, samples, 600)
    theirs = in_process(folder, "ruler", length, samples, limit)
    mark = " " if theirs else "~"
    theirs = theirs or extrapolated(folder, length, samples)
    if mine is None:
        sys.exit(f"building at {length} took more than 600 s")
    print(
        f"{length:>7} {mark}{theirs['seconds']:>9.2f} s {theirs['bytes'] / 1e6:>6.0f} MB {mine['seconds']:>8.4f} s "
        f"{mine['bytes'] / 1e6:>6.0f} MB {mark}{theirs['seconds'] / mine['seconds']:>8.0f}x",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
