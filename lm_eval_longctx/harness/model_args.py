"""The arguments of ``--model longctx``: read strictly, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.backend.rules import OURS
from lm_eval_longctx.errors import ConfigError, SecretError, UnknownOptionError
from lm_eval_longctx.harness.origin import DEFAULT_MODEL
from lm_eval_longctx.ledger.address import shown
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.providers.cascaded import Cascaded
from lm_eval_longctx.settings import Option, read_settings, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lm_eval_longctx.providers.base import Provider


IGNORED = ("batch_size", "max_batch_size", "device", "trust_remote_code")
"""What lm-eval passes to every model; a hosted model has no use for it."""

MODEL = Option("model", DEFAULT_MODEL, "provider/model, such as gemini/gemini-3.8-flash; cascade is embedded")
"""What is asked; ``parse_model_args`` gets it apart from the rest."""

OPTIONS = (
    Option(
        "transcriber",
        None,
        "provider/model that writes recordings down for the model to read; its own arguments begin with transcriber_",
        kinds=(str,),
    ),
    Option(
        "ledger",
        None,
        "file, or postgresql://USER@HOST/DATABASE, that records every call; 'none' for no record; beside the caches "
        "unless given",
        kinds=(str,),
    ),
    Option("batch", default=False, help="hand everything in as batches: half the price, answers within a day"),
    Option("max_cost", None, "hard cap in US dollars for this run", kinds=(float,), above=0),
    Option("shared_budget", None, "name of a budget in the ledger: max_cost is for all that share it", kinds=(str,)),
    Option("concurrency", None, "requests in flight; the provider's own number unless given", kinds=(int,), minimum=1),
    Option("max_bytes_in_flight", 256 << 20, "bytes of prompts in memory at once", minimum=1 << 20),
    Option("max_attempts", 6, "how often a request is sent before it counts as failed", minimum=1),
    Option("max_wait", 900.0, "longest wait for one retry, in seconds", minimum=0),
    Option("max_drain", 20.0, "seconds to wait for calls in flight after SIGTERM or SIGHUP", minimum=0),
    Option("max_outage", 600.0, "seconds for which a server may answer nothing before the run stops", minimum=0),
    Option(
        "requests_per_minute",
        None,
        "own limit; learnt from the provider's headers unless given",
        kinds=(int,),
        minimum=1,
    ),
    Option("tokens_per_minute", None, "own limit on prompt tokens; as above", kinds=(int,), minimum=1),
    Option("price_in", None, "US dollars per million input tokens; looked up unless given", kinds=(float,), minimum=0),
    Option("price_cached", None, "US dollars per million cached input tokens; as above", kinds=(float,), minimum=0),
    Option("price_out", None, "US dollars per million output tokens; as above", kinds=(float,), minimum=0),
    Option(
        "temperature",
        None,
        "sampling temperature, where the model takes one; the task's unless given",
        kinds=(float,),
        minimum=0,
    ),
    Option("reasoning", None, "effort or level of hidden reasoning, in the provider's words", kinds=(str,)),
    Option(
        "reasoning_tokens",
        None,
        "room for hidden reasoning beside the answer; what the model needs unless given",
        kinds=(int,),
        minimum=0,
    ),
    Option(
        "retry",
        None,
        "outcomes of earlier runs that are asked once more, such as blocked+refused",
        kinds=(list,),
        choices=tuple(outcome.value for outcome in OURS),
    ),
    Option(
        "accept_incomplete",
        default=False,
        help="exit with 0 even if a task has no score, or sending stopped before its end",
    ),
    Option("progress", default=True, help="show a progress bar"),
)
"""What every model takes, whoever provides it."""

TRANSCRIBER = "transcriber_"
"""How the arguments of a cascade's transcriber begin."""

_SHARED = ("transcriber", "ledger", "batch", "max_cost", "shared_budget", "accept_incomplete", "progress")
"""What holds for both models of a cascade, so that the transcriber has none of its own."""

_SECRET_NAMES = (
    "api_key",
    "apikey",
    "key",
    "token",
    "auth_token",
    "access_token",
    "secret",
    "password",
    "authorization",
)
_SECRET_STARTS = ("sk-", "AIza", "Bearer ", "sk_")


@dataclass(frozen=True)
class ModelArgs:
    """Parsed arguments.

    Attributes:
        name: ``provider/model`` as the user wrote it, completed.
        options: Our own settings, complete.
        provider_args: What the provider takes.
        transcriber: The arguments of the model that hears recordings first, in a cascade.
    """

    name: str
    options: Mapping[str, Any]
    provider_args: Mapping[str, Any] = field(default_factory=dict)
    transcriber: ModelArgs | None = None

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.name.partition("/")[0]

    @property
    def model(self) -> str:
        """The model's name at the provider; may be empty where there is one only."""
        return self.name.partition("/")[2]


def parse_model_args(model: str, arguments: Mapping[str, Any]) -> tuple[ModelArgs, Provider]:
    """Read the arguments and make the provider; two in one where a ``transcriber`` is named.

    Args:
        model: ``provider/model``, such as ``gemini/gemini-3.8-flash``, or ``cascade``.
        arguments: Everything else of ``--model_args``.

    Raises:
        SecretError: A key was given; names the environment variable to use.
        UnknownOptionError: An argument or the provider is unknown.
        ConfigError: A value cannot be used.
    """
    named = arguments.get("transcriber")
    its = {key: value for key, value in arguments.items() if key.startswith(TRANSCRIBER)}
    if not named:
        for key in its:
            raise ConfigError(f"{key} is for a cascade: name the model too, transcriber=provider/model")
        return _parse(model, arguments)
    parsed, reader = _parse(model, {key: value for key, value in arguments.items() if key not in its})
    own = {key.removeprefix(TRANSCRIBER): value for key, value in its.items()}
    ears, transcriber = _transcriber(str(named), own)
    return replace(parsed, transcriber=ears), Cascaded(transcriber, reader)


def _transcriber(model: str, arguments: Mapping[str, Any]) -> tuple[ModelArgs, Provider]:
    """Read the arguments of a cascade's transcriber, without their prefix."""
    for key in arguments:
        if key in _SHARED:
            raise ConfigError(f"{TRANSCRIBER}{key}: {key} holds for both models of a cascade; give it once, as {key}=")
    try:
        parsed, provider = _parse(model, arguments)
    except UnknownOptionError as error:
        raise ConfigError(f"of the transcriber {model} (its arguments begin with {TRANSCRIBER}): {error}") from error
    if provider.refused(["audio"]):
        takes = "+".join(provider.capabilities.modalities)
        raise ConfigError(f"the transcriber {model} takes {takes}, no audio; name a model that hears")
    return parsed, provider


def _parse(model: str, arguments: Mapping[str, Any]) -> tuple[ModelArgs, Provider]:
    plugins = registry()
    record = plugins.provider(str(model).partition("/")[0])
    _refuse_secrets(record.name, arguments)
    loaded: type[Provider] = plugins.load(record)
    given = {key: value for key, value in arguments.items() if key not in IGNORED}
    own = [option.name for option in OPTIONS]
    theirs = [option.name for option in loaded.OPTIONS]
    refuse_unknown(f"argument of --model longctx with {record.name}", given, [*own, *theirs])
    options = read_settings(OPTIONS, {key: given[key] for key in given if key in own}, "argument of --model longctx")
    provider_args = {key: value for key, value in given.items() if key in theirs}
    if options["max_cost"] and provider_args.get("cache") == "explicit":
        raise ConfigError(
            "cache=explicit is billed by the hour, which max_cost cannot foresee; leave one of the two out "
            "(implicit caching is on by itself)"
        )
    parsed = ModelArgs(str(model), options, provider_args)
    if options["shared_budget"] and (not options["max_cost"] or options["ledger"] == "none"):
        raise ConfigError("shared_budget needs max_cost, its cap, and a ledger that the runs share")
    provider = _make(loaded, parsed)
    if options["batch"] and "service_tier" in provider.describe():
        raise ConfigError("batch=true has a price and a pace of its own; leave service_tier= out, or batch=true")
    return parsed, provider


def _make(loaded: type[Provider], parsed: ModelArgs) -> Provider:
    try:
        return loaded(parsed.model, **parsed.provider_args)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--model_args model={parsed.name}: {error}") from error


def _refuse_secrets(provider: str, arguments: Mapping[str, Any]) -> None:
    """lm-eval writes model arguments into every results file, twice; keys come from the environment only."""
    for key, value in arguments.items():
        named = key.lower() in _SECRET_NAMES
        looks = isinstance(value, str) and value.startswith(_SECRET_STARTS)
        if named or looks:
            variable = f"{provider.upper().replace('-', '_')}_API_KEY"
            raise SecretError(
                f"{key!r} in --model_args would be saved in the results file; "
                f"set the environment variable {variable} instead and leave the argument out"
            )
    ledger = str(arguments.get("ledger", ""))
    if shown(ledger) != ledger:
        raise SecretError(
            f"the password in ledger={shown(ledger)} would be saved in the results file; leave it out and set "
            "PGPASSWORD, or write it into ~/.pgpass"
        )
