"""Loss by position on lm-eval's ``hf``: a document is read once, in chunks, and not again for every position.

lm-eval sends each window with its whole prefix, and holds the scores of every
piece of the vocabulary for each token of it: at 128k tokens and a vocabulary of
128k that is 64 GB. Here the keys and values of what has been read are kept, and
scores are of one chunk only, of which a number a token stays.

What is the same as in lm-eval's ``loglikelihood``: the tokens, which its own
``_encode_pair`` and ``tok_encode`` make (with what they put in front, and with
spaces before a window counted to it); a text is cut off where its window ends
and may then end in another token than the same place of a longer text, so
that one or a few tokens are read again; the precision of the model, and of the
softmax where ``softmax_dtype`` names one. It is 32 bits where none is named,
which lm-eval leaves at the model's.

What is the same as in lm-eval's ``loglikelihood_rolling``: the likelihood of
all text up to a window's end, of which every token counts, the first after the
model's *prefix token* (``prefix_token_id``: its beginning or end of text). That
token stands before the text there and not before a window's prefix, so that a
document is read twice, once each way.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.errors import UnsupportedError
from lm_eval_longctx.harness.instances import SampleInstance
from lm_eval_longctx.harness.likelihood import by_document
from lm_eval_longctx.scorers.likelihood import as_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lm_eval_longctx.harness.likelihood import Group

CHUNK = 512
"""Tokens that are read at a time: their scores take 250 MB with a vocabulary of 128k."""

_READS_ITS_OWN_WAY = ("loglikelihood", "_loglikelihood_tokens", "_model_call")
_TURNS_WITH_LENGTH = ("dynamic", "longrope")
"""Kinds of rotary embedding, as transformers calls them."""


def in_one_pass(lm: Any, original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Return ``loglikelihood`` of a model that answers our samples from one pass where it can, the rest as before.

    Args:
        lm: A model of lm-eval's, of any class.
        original: Its own ``loglikelihood``.
    """
    if not _can(lm):
        return original

    def asked(requests: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        ours = {place: request for place, request in enumerate(requests) if _whole(request)}
        places, documents = list(ours), by_document(list(ours.values()))
        hidden = bool(kwargs.get("disable_tqdm", False)) or not documents
        found = {places[number]: answer for number, answer in _all(lm, documents, hidden=hidden)}
        others = [request for place, request in enumerate(requests) if place not in found]
        theirs = iter(original(others, *args, **kwargs) if others else ())
        return [found[place] if place in found else next(theirs) for place in range(len(requests))]

    return asked


def _whole(request: Any) -> bool:
    """Whether it is one of ours, and is not cut: what is too long and sent all the same, lm-eval cuts its own way."""
    return isinstance(request, SampleInstance) and not request.fit.too_long


def _can(lm: Any) -> bool:
    """Whether it is lm-eval's ``hf``, scores as that does, and what it has read is kept as keys and values.

    Where places turn with the length of the text, or a state stands for all
    before, what was kept of a shorter text does not serve a longer one.
    """
    hf = getattr(sys.modules.get("lm_eval.models.huggingface"), "HFLM", None)
    if hf is None or not isinstance(lm, hf) or lm.backend != "causal" or lm.world_size > 1 or lm.enable_thinking:
        return False
    if any(getattr(type(lm), name) is not getattr(hf, name) for name in _READS_ITS_OWN_WAY):
        return False
    turns = any(f"'{name}'" in str(lm.model.config.to_dict()) for name in _TURNS_WITH_LENGTH)
    return not turns and not getattr(lm.model, "_is_stateful", False) and _cache_name(lm.model) is not None


def _cache_name(model: Any) -> str | None:
    """Return how a model calls the keys and values of what it has read: older and newer transformers differ."""
    known = inspect.signature(model.forward).parameters
    return next((name for name in ("cache", "past_key_values") if name in known), None)


def _all(lm: Any, documents: Sequence[Group], *, hidden: bool) -> Iterator[tuple[int, Completion]]:
    """Yield the answers of all documents with their places, and show how far the reading is."""
    tqdm: Any = importlib.import_module("tqdm").tqdm
    total = 0 if hidden else sum(2 * len(lm.tok_encode("".join(document[-1][1].args))) for document in documents)
    words = {"desc": "reading documents, each twice", "unit": " tokens", "unit_scale": True}
    with tqdm(total=total, disable=hidden, **words) as bar:
        for document in documents:
            # where a window ends within a token, one or a few are read again
            yield from _read(lm, document, lambda tokens: bar.update(min(tokens, total - bar.n)))


def _read(lm: Any, document: Group, read: Callable[[int], object]) -> Iterator[tuple[int, Completion]]:
    """Yield the answers of all positions of a document with their places, the shortest position first."""
    texts = [request.args for _, request in document]
    windows, totals = _windows(lm, texts, read), _totals(lm, texts, read)
    for (place, _), nats in zip(document, zip(windows, totals, strict=True), strict=True):
        yield place, Completion(as_answer(*nats))


def _windows(lm: Any, texts: Sequence[tuple[str, str]], read: Callable[[int], object] = id) -> list[float]:
    """Return the nats of each window after its prefix."""
    reading, found = _Reading(lm, read), []
    for text in texts:
        before, scored = lm._encode_pair(*text)  # noqa: SLF001 - so and not otherwise lm-eval cuts a pair
        if not before or not scored:
            raise UnsupportedError("a window of the text, or what stands before it, has no tokens for this model")
        found.append(sum(reading.nats([*before, *scored])[-len(scored) :]))
    return found


def _totals(lm: Any, texts: Sequence[tuple[str, str]], read: Callable[[int], object] = id) -> list[float]:
    """Return the nats of all text up to each window's end."""
    reading = _Reading(lm, read)
    return [sum(reading.nats([lm.prefix_token_id, *lm.tok_encode(before + window)])) for before, window in texts]


class _Reading:
    """What a model has read, so that a text with the same beginning is read from where it differs."""

    def __init__(self, lm: Any, read: Callable[[int], object]) -> None:
        """Begin with nothing; ``read`` is told how many tokens are read each time."""
        self._lm, self._read = lm, read
        self._tokens: list[int] = []
        self._nats: list[float] = []
        # without the model's configuration every layer keeps all, also one that looks back a little way: so it can
        # be taken back to any token
        self._kept = importlib.import_module("transformers").DynamicCache()
        self._settings = {str(_cache_name(lm.model)): self._kept, "use_cache": True}

    def nats(self, tokens: list[int]) -> list[float]:
        """Return the negative log-likelihood of each token but the first, given those before it."""
        same = sum(1 for _ in takewhile(bool, map(int.__eq__, self._tokens, tokens)))
        # what follows the last common token is scored by reading that token again
        self._back_to(max(same - 1, 0))
        for start in range(len(self._nats), len(tokens) - 1, CHUNK):
            stop = min(start + CHUNK, len(tokens) - 1)
            self._nats += self._scored(tokens[start:stop], tokens[start + 1 : stop + 1])
            self._read(stop - start)
        self._tokens = tokens
        return self._nats

    def _back_to(self, read: int) -> None:
        """Forget all that was read beyond some tokens."""
        beyond = len(self._nats) - read
        if beyond > 0:
            self._kept.crop(-beyond)
            del self._nats[read:]

    def _scored(self, read: list[int], followed: list[int]) -> list[float]:
        """Read a chunk, and return how surprising what follows each of its tokens is."""
        lm, torch = self._lm, importlib.import_module("torch")
        dtype = lm.mixed_precision_dtype
        with torch.no_grad(), torch.autocast(lm.device.type, dtype=dtype, enabled=dtype is not None):
            given = torch.tensor([read], device=lm.device)
            logits = lm.model(input_ids=given, **self._settings).logits[0]
        logits = logits.to(lm.softmax_dtype or torch.float32)
        chosen = logits.gather(1, torch.tensor(followed, device=logits.device).unsqueeze(1)).squeeze(1)
        nats: list[float] = (logits.logsumexp(1) - chosen).tolist()
        return nats
