"""Reading what a user gives after the model's name.

Values come from ``--model_args`` (texts, numbers and booleans) or from Python
(anything), so each reader takes both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterable


COMMON_ARGS = {
    "base_url": "another address of the same interface (a proxy, a gateway, your own server)",
    "reasoning": "effort of hidden reasoning, in the provider's own words",
    "reasoning_tokens": "output tokens allowed for hidden reasoning beside the answer",
    "stream": "true, false or auto (default: long prompts are answered piece by piece)",
    "timeout": "seconds for one attempt (default 1800)",
    "idle_timeout": "seconds without any progress (default 600)",
    "connect_timeout": "seconds for a connection (default 10)",
    "ca_file": "certificates to trust beside the system's",
    "extra_headers": 'more headers, as JSON; "$NAME" is read from the environment',
    "extra_body": "more fields of the request, as JSON; laid over ours",
    "context_window": "tokens, where nobody else knows",
    "max_output": "tokens, where nobody else knows",
    "modalities": "what the model takes, such as text+image",
    "max_images": "pictures (and frames) in one prompt",
    "accepts": "settings that the model takes beyond what is known: temperature+seed+stop+prefill+reasoning",
    "refuses": "settings that it does not take after all",
    "video": "how film is sent: native or frames",
    "frame_size": "longest side of a frame in pixels, where film is sent as frames (default 768)",
    "probe": "false to ask the server nothing about the model at the start",
}
"""Arguments of all hosted providers, with one line of help each."""


def refuse_unknown(provider: str, given: Iterable[str], valid: Iterable[str]) -> None:
    """Raise ``UnknownOptionError`` for the first argument that the provider does not declare."""
    known = list(valid)
    for name in given:
        if name not in known:
            raise unknown_option(f"argument of {provider}", name, known)


def read_bool(name: str, value: object) -> bool:
    """Read a switch: a boolean, or ``true``/``false`` as text."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise ConfigError(f"{name} must be true or false, not {value!r}")


def read_whole(name: str, value: Any, minimum: int = 1) -> int:
    """Read a whole number of at least ``minimum``."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = minimum - 1
    if isinstance(value, bool) or number < minimum or number != float(value):
        raise ConfigError(f"{name} must be a whole number, {minimum} or more, not {value!r}")
    return number


def read_seconds(name: str, value: Any) -> float:
    """Read a time in seconds, above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if isinstance(value, bool) or not number > 0:
        raise ConfigError(f"{name} must be a number of seconds above 0, not {value!r}")
    return number


def read_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Read one of a few words."""
    words = list(choices)
    if value not in words:
        raise unknown_option(f"value of {name}", str(value), words)
    return str(value)


def read_words(name: str, value: object, choices: Iterable[str]) -> tuple[str, ...]:
    """Read several words, as a list or joined by ``+``, in the order of ``choices``."""
    given = [w.strip() for w in value.split("+")] if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    words = list(choices)
    for word in given:
        read_choice(name, word, words)
    return tuple(word for word in words if word in given)


def read_mapping(name: str, value: object) -> dict[str, Any]:
    """Read a mapping, or a text that is a JSON object."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"{name} must be a JSON object, not {value!r} ({error})") from None
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be a JSON object, not {value!r}")
    return {str(key): item for key, item in value.items()}
