"""Settings: declared once, read strictly, and listed in one way.

Sweep keys, options of builders and scorers, and the arguments of models and
providers are all ``Option``s. A value may be a text, as command lines have it,
or a plain value, as JSON, YAML and Python have it; ``read_settings`` takes both
and refuses names that nobody declared. What nobody sets and has no default is
``None``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
}
_SHOWN = 48
"""Characters of a value that a listing shows."""


@dataclass(frozen=True)
class Option:
    """One setting.

    Attributes:
        name: The key in ``metadata``, or the argument in ``--model_args``.
        default: Its value when nobody sets it; also gives its type. ``None``
            is absence, and needs ``kinds``.
        help: One line for the listings.
        choices: All valid values, where they can be listed; of a list, its items.
        minimum: Smallest valid number.
        maximum: Largest valid number.
        kinds: Further accepted types beside the default's own.
        above: Valid numbers are larger than this one.
        reader: Reads values that types cannot describe, and raises
            ``ConfigError``; nothing else is checked then.
    """

    name: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    kinds: tuple[type, ...] = ()
    above: float | None = None
    reader: Callable[[Any], Any] | None = None

    @property
    def types(self) -> tuple[type, ...]:
        """The types that a value may have, the default's own first."""
        return self.kinds if self.default is None else (type(self.default), *self.kinds)

    def read(self, value: Any) -> Any:
        """Return what a text or a plain value means.

        Raises:
            ConfigError: The value has the wrong type or lies outside the range.
        """
        if value is None and self.default is None:
            return None
        if self.reader is not None:
            return self.reader(value)
        value = self._plain(value)
        if self.choices:
            return self._chosen(value)
        if not self._is_like(value):
            raise ConfigError(f"{self.name} must be {self.kind}, not {value!r}")
        if _is_number(value) and not self._is_within(value):
            raise ConfigError(f"{self.name} must be {self._range()}, not {value!r}")
        return value

    def fallback(self) -> Any:
        """Return what is used when nobody sets the option; a reader's default is spelt as users spell it."""
        return self.read(self.default) if self.reader else self.default

    def _plain(self, value: Any) -> Any:
        """Give a text, or a whole float, the type that is declared; leave what has none of the types as it is."""
        if isinstance(value, float) and value.is_integer() and int in self.types and float not in self.types:
            return int(value)
        if isinstance(value, bool) and bool not in self.types and str in self.types:
            # lm-eval reads `key=true` as a boolean, also where the words to choose from are texts.
            return str(value).lower() if str(value).lower() in self.choices else value
        if not isinstance(value, str) or str in self.types:
            return value
        if list in self.types and not value.startswith("[") and self.choices:
            return [word.strip() for word in value.split("+")]
        try:
            found = json.loads(value.lower() if bool in self.types else value)
        except ValueError:
            return value
        return value if isinstance(found, str) else self._plain(found)

    def _chosen(self, value: Any) -> Any:
        several = isinstance(value, (list, tuple)) and (list in self.types or tuple in self.types)
        for one in value if several else [value]:
            if one not in self.choices or isinstance(one, bool) != isinstance(self._same(one), bool):
                raise unknown_option(f"value of {self.name}", str(one), map(str, self.choices))
        return value

    def _same(self, value: object) -> object:
        """Return the choice that equals a value: Python takes True for 1."""
        return next(choice for choice in self.choices if choice == value)

    def _is_like(self, value: object) -> bool:
        types = self.types
        if isinstance(value, bool):
            return bool in types
        if isinstance(value, int) and float in types:
            return True
        if isinstance(value, (list, tuple)) and (list in types or tuple in types):
            return True
        return isinstance(value, types) or (isinstance(value, Mapping) and dict in types)

    def _is_within(self, value: float) -> bool:
        above = self.above is None or value > self.above
        low = self.minimum is None or value >= self.minimum
        high = self.maximum is None or value <= self.maximum
        return math.isfinite(value) and above and low and high

    def _range(self) -> str:
        """Say which numbers are valid."""
        low = f"{_digits(self.minimum)} or more" if self.minimum is not None else ""
        low = f"above {_digits(self.above)}" if self.above is not None else low
        if self.maximum is None:
            return low or "finite"
        if self.minimum is not None and self.above is None:
            return f"between {_digits(self.minimum)} and {_digits(self.maximum)}"
        return f"{low} and {_digits(self.maximum)} or less" if low else f"{_digits(self.maximum)} or less"

    @property
    def kind(self) -> str:
        """What a value must be, in words."""
        if self.choices and list not in self.types and tuple not in self.types:
            return " | ".join(map(str, self.choices))
        words = " or ".join(dict.fromkeys(_WORDS[kind] for kind in self.types if kind in _WORDS)) or "given"
        if self.choices:
            return f"{words} of {', '.join(map(str, self.choices))}"
        limited = any(limit is not None for limit in (self.minimum, self.maximum, self.above))
        return f"{words}, {self._range()}" if limited and _is_counted(self.types) else words

    @property
    def shown_default(self) -> str:
        """The default, as ``shown`` spells it."""
        return shown(self.default)

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values, for listings."""
        default = list(self.default) if isinstance(self.default, tuple) else self.default
        return {"name": self.name, "kind": self.kind, "default": default, "help": self.help}


def shown(value: object) -> str:
    """Return a value as a user would write it, short enough for a table; ``-`` is absence."""
    if value is None or value == "":
        return "-"
    text = " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def refuse_unknown(what: str, given: Iterable[str], valid: Iterable[str]) -> None:
    """Raise ``UnknownOptionError``, which names the nearest, for the first name that is not valid.

    Args:
        what: What the names are, such as ``"argument of gemini"``.
        given: The names as the user wrote them.
        valid: All names that are declared.
    """
    known = list(valid)
    for name in given:
        if name not in known:
            raise unknown_option(what, name, known)


def read_settings(declared: Iterable[Option], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return the value of every declared option, as given or by default.

    Args:
        declared: The options.
        given: Texts or plain values, by name.
        what: What the options are, such as ``"argument of gemini"``.

    Raises:
        UnknownOptionError: A name is not declared.
        ConfigError: A value cannot be used.
    """
    options = list(declared)
    refuse_unknown(what, given, [option.name for option in options])
    return {o.name: o.read(given[o.name]) if o.name in given else o.fallback() for o in options}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _digits(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else f"{limit:g}"


def _is_counted(types: tuple[type, ...]) -> bool:
    return int in types or float in types
