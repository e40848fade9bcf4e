"""How likely a text is to the small language model: read in one pass, a chunk at a time.

``xllamacpp`` offers a server that answers questions, and log-probabilities of
what it wrote itself but not of what it read. The library inside is llama.cpp
all the same, and its C interface can be called: so can the scores of every
token of a prompt be had. That interface has no fixed layout from one version to
the next. What is used of it is looked at first, and where it is not as known
this says so and does not go on.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.providers.cascade.small_lm import require, weights_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CHUNK = 256
"""Tokens that are read at a time: their scores take 50 MB with this vocabulary."""

_DEFAULTS = (512, 2048, 512, 1)
"""How the settings of a context begin: its tokens, those of a batch and of a step, and how many texts."""

_LONGEST_PIECE = 512
_ONE_AT_A_TIME = Lock()


class TooLong(Exception):  # noqa: N818 - an outcome, not a fault
    """The text has more tokens than the model's window."""


class _Settings(ctypes.Structure):
    """Settings of a model or a context: more room than any version takes, of which only the beginning is known."""

    _fields_: ClassVar = [("words", ctypes.c_uint32 * 256)]


class _Batch(ctypes.Structure):
    """Tokens to be read."""

    _fields_: ClassVar = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


_INTERFACE: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_model_default_params": (_Settings, ()),
    "llama_context_default_params": (_Settings, ()),
    "llama_model_load_from_file": (ctypes.c_void_p, (ctypes.c_char_p, _Settings)),
    "llama_init_from_model": (ctypes.c_void_p, (ctypes.c_void_p, _Settings)),
    "llama_free": (None, (ctypes.c_void_p,)),
    "llama_model_get_vocab": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "llama_model_n_ctx_train": (ctypes.c_int32, (ctypes.c_void_p,)),
    "llama_vocab_n_tokens": (ctypes.c_int32, (ctypes.c_void_p,)),
    "llama_n_ctx": (ctypes.c_uint32, (ctypes.c_void_p,)),
    "llama_set_n_threads": (None, (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)),
    "llama_tokenize": (
        ctypes.c_int32,
        (
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32),
            *(ctypes.c_bool, ctypes.c_bool),
        ),
    ),
    "llama_token_to_piece": (
        ctypes.c_int32,
        (ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool),
    ),
    "llama_batch_init": (_Batch, (ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)),
    "llama_batch_free": (None, (_Batch,)),
    "llama_decode": (ctypes.c_int32, (ctypes.c_void_p, _Batch)),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), (ctypes.c_void_p,)),
}
"""What is called of llama.cpp: what it gives, and what it takes."""


def log_likelihoods(
    texts: Iterable[str], ranges: Sequence[tuple[int, int]], read: Callable[[int], object] = id
) -> list[float]:
    """Return the negative log-likelihood in nats of each range of bytes, given all before it.

    The first token has nothing before it and counts for nothing; a token
    counts to the range in which it begins.

    Args:
        texts: The text in pieces, in order.
        ranges: First byte and the byte after the last of each.
        read: Told now and then how many bytes have been read.

    Raises:
        TooLong: The text has more tokens than the model's window.
        MissingExtraError: The extra ``lm`` is not installed.
        ProviderError: The weights are missing, or ``xllamacpp`` is another than is known here.
    """
    model = _model()
    data = "".join(texts).encode()[: max(stop for _, stop in ranges)]
    tokens = model.tokens(data)
    if len(tokens) > model.window:
        raise TooLong(f"{len(tokens):,} tokens, and the small language model takes {model.window:,}")
    begins = np.array([0, *accumulate(model.size(token) for token in tokens)])
    if begins[-1] != len(data):
        raise ProviderError("the small language model's tokens do not make up the text")
    with _ONE_AT_A_TIME:
        nats = np.concatenate([[0.0], model.nats(tokens, lambda number: read(int(begins[number])))])
    return [float(nats[(begins[:-1] >= start) & (begins[:-1] < stop)].sum()) for start, stop in ranges]


@lru_cache(maxsize=1)
def _model() -> _Model:
    require()
    return _Model(str(weights_path()))


class _Model:
    """The weights, and llama.cpp that reads them.

    Attributes:
        window: Tokens that it was made for.
    """

    def __init__(self, path: str) -> None:
        """Load the weights, if the interface is as known."""
        self._llama = _library()
        settings = self._llama.llama_context_default_params()
        batch = self._llama.llama_batch_init(1, 0, 1)
        known = tuple(settings.words[: len(_DEFAULTS)]) == _DEFAULTS and batch.n_tokens == 0 and not batch.embd
        if not (known and batch.token and batch.pos and batch.n_seq_id and batch.seq_id and batch.logits):
            raise ProviderError(_unknown("its settings are laid out in another way"))
        self._llama.llama_batch_free(batch)
        self._loaded = self._llama.llama_model_load_from_file(path.encode(), self._llama.llama_model_default_params())
        if not self._loaded:
            raise ProviderError(f"xllamacpp cannot read {path}")
        self._vocabulary = self._llama.llama_model_get_vocab(self._loaded)
        self._pieces = int(self._llama.llama_vocab_n_tokens(self._vocabulary))
        self.window = int(self._llama.llama_model_n_ctx_train(self._loaded))
        self._sizes: dict[int, int] = {}

    def tokens(self, data: bytes) -> list[int]:
        """Return the tokens of a text, with nothing put before it."""
        room = (ctypes.c_int32 * (len(data) + 1))()
        found = self._llama.llama_tokenize(self._vocabulary, data, len(data), room, len(room), 0, 0)
        return room[: max(found, 0)]

    def size(self, token: int) -> int:
        """Return how many bytes a token spells."""
        if token not in self._sizes:
            room = ctypes.create_string_buffer(_LONGEST_PIECE)
            self._sizes[token] = self._llama.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, 1)
        return self._sizes[token]

    def nats(self, tokens: Sequence[int], read: Callable[[int], object] = id) -> Any:
        """Return how surprising each token but the first is; ``read`` is told how many have been read."""
        context = self._context(len(tokens))
        batch, found = self._llama.llama_batch_init(CHUNK, 0, 1), []
        try:
            for start in range(0, len(tokens) - 1, CHUNK):
                read(start)
                found.append(self._read(context, batch, tokens, start))
        finally:
            self._llama.llama_batch_free(batch)
            self._llama.llama_free(context)
        return np.concatenate(found) if found else np.zeros(0)

    def _context(self, tokens: int) -> Any:
        """Make room for so many tokens."""
        settings = self._llama.llama_context_default_params()
        settings.words[0] = tokens
        context = self._llama.llama_init_from_model(self._loaded, settings)
        if not context or self._llama.llama_n_ctx(context) < tokens:
            raise ProviderError(_unknown(f"it makes no room for {tokens:,} tokens"))
        threads = os.cpu_count() or 1
        self._llama.llama_set_n_threads(context, threads, threads)
        return context

    def _read(self, context: Any, batch: _Batch, tokens: Sequence[int], start: int) -> Any:
        """Read a chunk, and return how surprising what follows each of its tokens is."""
        followed = tokens[start + 1 : start + 1 + CHUNK]
        batch.n_tokens = len(followed)
        for place, token in enumerate(tokens[start : start + len(followed)]):
            batch.token[place], batch.pos[place] = token, start + place
            batch.n_seq_id[place], batch.logits[place] = 1, 1
            batch.seq_id[place][0] = 0
        failed = self._llama.llama_decode(context, batch)
        if failed:
            raise ProviderError(f"llama.cpp cannot read the text (status {failed})")
        scores = np.ctypeslib.as_array(self._llama.llama_get_logits(context), (len(followed), self._pieces))
        highest = scores.max(axis=1)
        spread = np.exp(scores - highest[:, None]).sum(axis=1, dtype=np.float64)
        return np.log(spread) + highest - scores[np.arange(len(followed)), followed]


def _library() -> Any:
    """Return llama.cpp as it is inside ``xllamacpp``, with the types of what is called."""
    import xllamacpp.xllamacpp

    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    for name, (gives, takes) in _INTERFACE.items():
        function = getattr(library, name, None)
        if function is None:
            raise ProviderError(_unknown(f"it has no {name}"))
        function.restype, function.argtypes = gives, takes
    library.llama_backend_init()
    return library


def _unknown(why: str) -> str:
    return (
        f"this version of xllamacpp tells no log-likelihoods ({why}); pip install xllamacpp==2026.10.11549, or leave "
        "model=cascade/lm out: the byte model needs nothing"
    )
