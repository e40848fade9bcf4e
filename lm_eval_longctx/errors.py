"""Every error that this package raises, in one tree.

::

    LongctxError
    ├── ConfigError              a setting cannot be used as it stands
    │   ├── UnknownOptionError   a name that nobody declared; says the nearest one
    │   ├── LengthError          a context length that cannot be read or reached
    │   ├── DepthError           a depth outside [0, 1]
    │   └── SecretError          a key or token where it would end up in a file
    ├── HaystackError            hay cannot be had
    │   ├── CorpusError          a corpus is missing, empty, too short or unreadable
    │   ├── TokenizerError       a tokenizer cannot be loaded or disagrees with itself
    │   └── MediaError           a sound, picture or film cannot be read or written
    ├── ProviderError            a model cannot be asked
    │   ├── UnsupportedError     the model cannot take what would be sent
    │   ├── BudgetError          sending would go beyond the allowed cost
    │   └── BatchRefusedError    a batch was certainly not taken, so nothing of it is billed
    ├── PluginError              a plugin is broken, misspelt or collides
    ├── MissingExtraError        a dependency is not installed: an extra, or what should have come along
    ├── LedgerError              the record of calls cannot be read or written
    └── ResultsError             a results file cannot be read

Each message is one line that says what is wrong and what to do about it. An
error that happens to *one call* is not raised at all: it becomes the
``Outcome`` of that call (see ``completion``), so that a run goes on.
"""

from __future__ import annotations

import difflib
import errno
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LongctxError(Exception):
    """Base of all errors of this package."""


class ConfigError(LongctxError):
    """A setting cannot be used as it stands."""


class UnknownOptionError(ConfigError):
    """A name that nobody declared."""


class LengthError(ConfigError):
    """A context length that cannot be read or reached."""


class DepthError(ConfigError):
    """A depth outside [0, 1]."""


class SecretError(ConfigError):
    """A key or token was given where it would end up in a file."""


class HaystackError(LongctxError):
    """Hay cannot be had."""


class CorpusError(HaystackError):
    """A corpus is missing, empty, too short or unreadable."""


class TokenizerError(HaystackError):
    """A tokenizer cannot be loaded or disagrees with itself."""


class MediaError(HaystackError):
    """A sound, picture or film cannot be read or written."""


class ProviderError(LongctxError):
    """A model cannot be asked."""


class UnsupportedError(ProviderError):
    """The model cannot take what would be sent."""


class BudgetError(ProviderError):
    """Sending would go beyond the allowed cost."""


class AnswerPendingError(ProviderError):
    """The provider makes an answer, or keeps it, and it cannot be had just now; asking again would pay twice."""


class BatchRefusedError(ProviderError):
    """A batch was certainly not taken, so nothing of it is billed."""


class PluginError(LongctxError):
    """A plugin is broken, misspelt or collides with another."""


class MissingExtraError(LongctxError):
    """A dependency is not installed: an optional one, or one that should have come along."""

    def __init__(self, what: str, extra: str | None, distribution: str = "lm-eval-longctx") -> None:
        """Say what needs which extra.

        Args:
            what: The thing that was asked for, such as ``"the OCR reader"``.
            extra: The name of the extra that brings it, such as ``"embedded"``;
                ``None`` if it belongs to what is always installed.
            distribution: Whose extra it is: ours, or a plugin's.
        """
        lacking = lacking_requirements(distribution)
        if lacking:  # an extra would not mend this, whatever was asked for
            told = f"{', '.join(lacking)}, which {distribution} requires: pip install {' '.join(map(repr, lacking))}"
        elif extra is None:
            told = f"something that {distribution} requires: pip install --force-reinstall {distribution}"
        else:
            told = f"an optional part: pip install '{distribution}[{extra}]'"
        super().__init__(f"{what} needs {told}")
        self.what = what
        self.extra = extra
        self.distribution = distribution

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str | None, str]]:
        """Pickle by the arguments, not by the finished message."""
        return type(self), (self.what, self.extra, self.distribution)


class LedgerError(LongctxError):
    """The record of calls cannot be read or written."""


class ResultsError(LongctxError):
    """A results file cannot be read."""


def lacking_requirements(distribution: str) -> list[str]:
    """Return the unconditional requirements of a distribution that are not installed."""
    from importlib import metadata

    try:
        required = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return []
    plain = [line.strip() for line in required if ";" not in line]
    return [line for line in plain if not _installed(re.split(r"[^\w.-]", line, maxsplit=1)[0])]


def _installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


_LISTED = 40
"""Of more valid names, only those most like the wrong one are listed."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that is most like ``name``, or ``None`` if none is."""
    found = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown_option(kind: str, name: str, valid: Iterable[str]) -> UnknownOptionError:
    """Make the error for a name that nobody declared.

    Args:
        kind: What was looked for, such as ``"metadata key"``.
        name: The name as the user wrote it.
        valid: All names that would have been right.
    """
    names = sorted(valid)
    guess = nearest(name, names)
    hint = f"did you mean {guess!r}?" if guess else ""
    shown = names if len(names) <= _LISTED else difflib.get_close_matches(name, names, n=5, cutoff=0.2)
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    listed = ", ".join(shown) + more
    return UnknownOptionError(f"unknown {kind} {name!r}; {hint + ' ' if hint else ''}valid: {listed}")


_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""What the disk says where nothing more can be written, whatever it is."""


def disk_fault(error: BaseException | None) -> OSError | None:
    """Return what the disk said, where an error came of a disk that takes no more; ``None`` where it did not."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _DISK):
        error = error.__cause__ or error.__context__
    return error


def disk_told(error: OSError) -> str:
    """Say in one line which file could not be written or read, why, and what to do."""
    name = f" {error.filename}" if error.filename else ""
    room = "make room there" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "put that right"
    return f"cannot use{name}: {error.strerror or error}; {room}, or name another place, and run the same command again"
