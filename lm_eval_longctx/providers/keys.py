"""Keys and headers: read from the environment when a request is made, and kept nowhere."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from lm_eval_longctx.errors import ConfigError, ProviderError, SecretError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_HEADER = re.compile(r"authorization|cookie|(?:^|-)(?:api-?)?key$|token|secret|password", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


@dataclass(frozen=True)
class Keys:
    """Where the key comes from.

    Attributes:
        variables: Names of environment variables; the first that is set counts.
        required: Whether there is no asking without one.
    """

    variables: tuple[str, ...]
    required: bool = True

    def read(self) -> str:
        """Return the key now, or an empty text where none is needed.

        Raises:
            ProviderError: It is needed and not set.
        """
        found = next(filter(None, (os.environ.get(name, "").strip() for name in self.variables)), "")
        if not found and self.required:
            raise ProviderError(f"no key: set {' or '.join(self.variables)} in the environment")
        return found

    def account(self) -> str:
        """Tell accounts apart without saying which: uploaded files belong to one."""
        return hashlib.blake2b(self.read().encode(), digest_size=6, person=b"longctx-media").hexdigest()


@dataclass(frozen=True)
class ExtraHeaders:
    """A user's own headers; a value ``$NAME`` is read from the environment when a request is made.

    Attributes:
        given: As the user wrote them.
    """

    given: Mapping[str, str]

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> ExtraHeaders:
        """Read the argument.

        Raises:
            SecretError: A header that carries a secret has its value written out.
        """
        given = {name: str(text) for name, text in value.items()}
        for name, text in given.items():
            if _SECRET_HEADER.search(name) and not _VARIABLE.fullmatch(text.removeprefix("Bearer ")):
                raise SecretError(
                    f"extra_headers: the value of {name} would end up in the results file; "
                    f"put it in an environment variable and write '$ITS_NAME'"
                )
        return cls(given)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the environment variables that are read."""
        return tuple(match[1] for text in self.given.values() for match in _VARIABLE.finditer(text))

    def read(self) -> dict[str, str]:
        """Return the headers with their values of now.

        Raises:
            ProviderError: A variable is not set.
        """
        return {name: _VARIABLE.sub(_value, text) for name, text in self.given.items()}


def _value(match: re.Match[str]) -> str:
    value = os.environ.get(match[1], "").strip()
    if not value:
        raise ProviderError(f"extra_headers names the environment variable {match[1]}, which is not set")
    return value


def read_base_url(value: object, own: tuple[str, ...] = ()) -> str:
    """Read an endpoint: a URL without secrets in it.

    Args:
        value: What the user gave.
        own: Last parts of a path that we add ourselves, such as ``v1``: many
            a document names the address with them.

    Raises:
        SecretError: It holds a user name, a password or a query.
        ConfigError: It is no http(s) URL.
    """
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigError(f"base_url must be like https://host/v1, not {value!r}")
    if parts.username or parts.password or parts.query:
        raise SecretError("base_url must not hold a user name, password or query, since it is written to results files")
    path = parts.path.rstrip("/")
    kept, _, last = path.rpartition("/")
    return urlunsplit((parts.scheme, parts.netloc, kept if last in own else path, "", ""))


def refuse_secrets(args: Mapping[str, Any]) -> None:
    """Raise ``SecretError`` where somebody passes a key as an argument, which lm-eval writes to its results."""
    for name in args:
        if re.search(r"api_?key|secret|password|^token$|^key$|auth", name, re.IGNORECASE):
            raise SecretError(
                f"{name} would end up in the results file; put the key in an environment variable instead"
            )
