"""No secret reaches a file: whatever a server sends back is searched for our keys first, in every form they take.

A server that echoes a request, or a proxy that logs one into its error page,
may show a key as it is, inside base64 (as basic authorisation has it), in
hexadecimal, or with some of its characters escaped as JSON, URLs or HTML have
it, escaped twice too.
"""

from __future__ import annotations

import base64
import html
import os
import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.providers.base import Raw

MARK = "[redacted]"
_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|AUTHORIZATION", re.IGNORECASE)
_SHORTEST = 12
"""Characters of a secret; local servers take ``EMPTY`` or ``x`` for a key, which answers may hold too."""

_DEEPEST = 3
"""How many layers of escapes are looked through."""

_ESCAPES = re.compile(rb"((?:\\+u[0-9a-fA-F]{4})+)|\\+x([0-9a-fA-F]{2})|\\+([^\w\s])")
_MANY = re.compile(rb"[\\%&](?:[\\%&#;uxX]*[0-9a-fA-F]{2,4};?){6}")
"""Many escapes in a row: a secret may be there without any of its characters."""

_ENTITIES = re.compile(rb"&(?:#\d{1,4}|#[xX][0-9a-fA-F]{1,4}|[a-z]{2,6});")


def secrets(names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the values of environment variables that hold secrets, longest first.

    Args:
        names: Variables that do; without them, those whose names say so.
    """
    chosen = names or [name for name in os.environ if _NAMES.search(name)]
    return _secret(tuple([os.environ.get(name, "") for name in chosen]))


@lru_cache(maxsize=16)
def _secret(values: tuple[str, ...]) -> tuple[str, ...]:
    long = {value for value in map(str.strip, values) if len(value) >= _SHORTEST}
    return tuple(sorted(long, key=lambda value: (-len(value), value)))


def redact(text: str, hidden: Sequence[str]) -> str:
    """Replace each secret in a text, in whatever form; returns the same object if there is none."""
    body = text.encode("utf-8", "surrogatepass") if hidden else b""
    clean = redact_bytes(body, hidden)
    return text if clean is body else clean.decode("utf-8", "surrogatepass")


def redact_bytes(body: bytes, hidden: Sequence[str]) -> bytes:
    """Replace each secret in bytes, in whatever form; returns the same object if there is none."""
    if not hidden or not body:
        return body
    for sign in _signs(tuple(hidden)):
        if sign in body:
            break
    else:  # as nearly always; three plain looks cost less than one with an expression
        if not ((b"\\" in body or b"%" in body or b"&" in body) and _MANY.search(body)):
            return body
    for value in hidden:
        for form in _forms(value):
            if form in body:
                body = body.replace(form, MARK.encode())
    if any(_likely(value) in body for value in hidden) or _MANY.search(body):
        return _without_escaped(body, hidden)
    return body


def _holds_none(texts: Iterable[str], hidden: Sequence[str]) -> bool:
    """Whether no secret is in any of some texts, looked for in all of them at once."""
    together = "\n".join(texts)
    return redact(together, hidden) is together


def _without_escaped(body: bytes, hidden: Sequence[str]) -> bytes:
    """Replace secrets with escapes in them; most bodies are never searched for those, since that is slow."""
    if _shows(body, hidden):
        for value in hidden:
            body = _escaped(value).sub(MARK.encode(), body)
    return body


def without_secrets(raw: Raw, hidden: Sequence[str]) -> Raw:
    """Remove all secrets from a response."""
    if not hidden:
        return raw
    told = "\n".join((*raw.headers.values(), raw.error)).encode("utf-8", "surrogatepass")
    together = b"%b\n%b" % (raw.body, told)
    if redact_bytes(together, hidden) is together:  # as nearly always, and one look costs half of two
        return raw
    body = redact_bytes(raw.body, hidden)
    headers = {name: redact(value, hidden) for name, value in raw.headers.items()}
    return replace(raw, headers=headers, body=body, error=redact(raw.error, hidden))


def clean_completion(completion: Completion, hidden: Sequence[str]) -> Completion:
    """Remove all secrets from what was made of a response: pieces of a stream may have made one whole."""
    if _holds_none((str(completion), completion.detail, *completion.notes), hidden):
        return completion
    text, detail = redact(str(completion), hidden), redact(completion.detail, hidden)
    notes = tuple(redact(note, hidden) for note in completion.notes)
    return completion.changed(text=text, detail=detail, notes=notes)


@lru_cache(maxsize=64)
def _signs(hidden: tuple[str, ...]) -> tuple[bytes, ...]:
    """Return what is looked for first: of each secret the part that nobody would escape, and every form without it."""
    return tuple(
        sign
        for value in hidden
        for sign in (_likely(value), *(form for form in _forms(value) if _likely(value) not in form))
    )


@lru_cache(maxsize=64)
def _forms(value: str) -> tuple[bytes, ...]:
    """Return how a secret looks plain, in base64 after any number of other bytes, and in hexadecimal."""
    plain = value.encode()
    cores = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + plain)
        # Characters that hold bits of what stands before or after differ from place to place.
        cores.append(whole[-(-before * 4 // 3) : (before + len(plain)) * 4 // 3])
    url_safe = [core.replace(b"+", b"-").replace(b"/", b"_") for core in cores]
    digits = plain.hex().encode()
    return tuple(dict.fromkeys((plain, *cores, *url_safe, digits, digits.upper())))


@lru_cache(maxsize=64)
def _likely(value: str) -> bytes:
    """Return the longest part of a secret that nobody would escape."""
    longest: str = max(re.findall(r"[A-Za-z0-9]*", value), key=len)
    return longest.encode()


def _shows(body: bytes, hidden: Sequence[str]) -> bool:
    """Whether a secret appears once escapes are undone, whichever they are."""
    for _ in range(_DEEPEST):
        undone = _ENTITIES.sub(_entity, unquote_to_bytes(_ESCAPES.sub(_character, body)))
        if any(value.encode() in undone for value in hidden):
            return True
        if undone == body:
            return False
        body = undone
    return False


def _character(match: re.Match[bytes]) -> bytes:
    if match[1]:  # as JSON counts: code units of UTF-16
        units = bytes.fromhex("".join(re.findall(r"u(\w{4})", match[1].decode("ascii"))))
        return units.decode("utf-16-be", "replace").encode()
    return bytes([int(match[2], 16)]) if match[2] else bytes(match[3])


def _entity(match: re.Match[bytes]) -> bytes:
    return html.unescape(match[0].decode("ascii")).encode("utf-8", "replace")


@lru_cache(maxsize=64)
def _escaped(value: str) -> re.Pattern[bytes]:
    """Return what finds a secret with any of its characters escaped, in one or more layers."""
    return re.compile("".join(_one(character) for character in value).encode())


def _one(character: str) -> str:
    """Return a pattern of one character in all its spellings."""
    units, octets = character.encode("utf-16-be").hex(), character.encode()
    spellings = [
        "".join(rf"\\+u{_any_case(units[i : i + 4])}" for i in range(0, len(units), 4)),
        "".join(rf"(?:%|%(?:25)+|\\+u0025){_any_case(f'{octet:02x}')}" for octet in octets),
        rf"&(?:amp;)*(?:#0*{ord(character)}|#[xX]0*{_any_case(f'{ord(character):x}')});",
        rf"\\+x{_any_case(f'{octets[0]:02x}')}",
        r"\\+" if character == "\\" else rf"\\*{re.escape(character)}",
    ]
    named = html.escape(character)
    if named != character:
        spellings.append(re.escape(named))
    return f"(?:{'|'.join(spellings)})"


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" for digit in digits)
