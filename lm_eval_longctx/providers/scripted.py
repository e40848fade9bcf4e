"""A model that follows a script: for tests of everything that stands above a provider.

A script says what comes back: answers, every kind of failure, a context window
that is exceeded or silently cut, a prefix cache, prices. In Python it is a
function or a list; on the command line it is a JSON file::

    lm-eval run --model longctx --model_args model=scripted/any,script=answers.json ...

    {"window": 8192, "when_full": "reject", "cache": true, "price": [1.0, 4.0],
     "replies": [{"contains": "magic number", "text": "4711"},
                 {"outcome": "refused", "detail": "I cannot help with that."},
                 "any other answer"]}

The first reply whose ``contains`` occurs in the prompt is given; replies
without it are used up in order, and the last of them is repeated for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Union

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.errors import ConfigError, unknown_option
from lm_eval_longctx.providers.base import Capabilities, Decoded, Provider, Raw, Retry
from lm_eval_longctx.providers.rough import BYTES_PER_TOKEN, rough_tokens
from lm_eval_longctx.settings import Option, read_settings

if TYPE_CHECKING:
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Request

_RETRIES = {Outcome.TRANSPORT_FAILED: "transient", Outcome.POSSIBLY_BILLED: "transient"}
_UNBILLED = frozenset({Outcome.TRANSPORT_FAILED, Outcome.CONTEXT_EXCEEDED, Outcome.UNSUPPORTED})
_MILLION = 1_000_000
_OUTCOMES = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class Reply:
    """One thing that comes back.

    Attributes:
        text: The answer.
        outcome: How the call ends.
        detail: The provider's own words.
        retry: ``never``, ``rate_limit``, ``transient`` or ``stop_run``; empty
            for what fits the outcome.
        after: Seconds that the provider asks to wait.
        status: The HTTP status; 0 for a wire that broke.
        contains: Only for prompts whose text holds this.
        usage: Fields of ``Usage`` that replace the reckoned ones.
        headers: Response headers, such as rate limits.
    """

    text: str = ""
    outcome: Outcome = Outcome.COMPLETE
    detail: str = ""
    retry: str = ""
    after: float | None = None
    status: int = 200
    contains: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, value: str | Mapping[str, Any] | Reply) -> Reply:
        """Read a reply as a script writes it."""
        if isinstance(value, Reply):
            return value
        fields = {"text": value} if isinstance(value, str) else dict(value)
        for name in fields:
            if name not in cls.__dataclass_fields__:
                raise unknown_option("field of a scripted reply", name, cls.__dataclass_fields__)
        if "outcome" in fields:
            if fields["outcome"] not in _OUTCOMES:
                raise unknown_option("outcome of a scripted reply", str(fields["outcome"]), _OUTCOMES)
            fields["outcome"] = Outcome(fields["outcome"])
        return cls(**fields)


Script = Union[Callable[["Request"], Union[str, Mapping[str, Any], Reply]], Sequence[Any], Mapping[str, Any], str, Path]


def _load(script: Script) -> Any:
    if not isinstance(script, (str, Path)):
        return script
    try:
        loaded = json.loads(Path(script).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the script {str(script)!r}: {error}") from None
    return loaded


class ScriptedProvider(Provider):
    """Answers from a script; see the module.

    Attributes:
        requests: Everything that was sent, in order, for tests to look at.
    """

    NAME: ClassVar[str] = "scripted"
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("script", (), "a JSON file (or, in Python, a function, list or mapping) with the replies", reader=_load),
        Option("window", None, "context window in tokens; none by default", kinds=(int,), minimum=1),
        Option("when_full", "reject", "what happens beyond the window", ("reject", "cut")),
        Option("cache", default=False, help="true if repeated prefixes of earlier prompts are billed as cached"),
        Option("price", (0.0, 0.0), "US dollars for a million tokens of input and output, as [input, output]"),
    )
    """All but ``script`` may also stand in the script."""

    def __init__(self, model: str = "any", **args: Any) -> None:
        """Read the script.

        Args:
            model: Any name.
            **args: See ``OPTIONS``.
        """
        super().__init__(model)
        script = read_settings(self.OPTIONS, args, f"argument of {self.NAME}")["script"]
        written = dict(script) if isinstance(script, Mapping) else {}
        replies = written.pop("replies", script if isinstance(script, Sequence) else ())
        given = {**written, **{name: value for name, value in args.items() if name != "script"}}
        settings = read_settings(self.OPTIONS[1:], given, "argument of a script")
        self.window, self.when_full, self.cache = settings["window"], settings["when_full"], settings["cache"]
        self.price = tuple(float(p) for p in settings["price"])
        self.requests: list[Request] = []
        self._function = script if callable(script) else None
        self._replies = [Reply.read(reply) for reply in replies]
        self._next = 0
        self._seen: list[tuple[str, ...]] = []

    @property
    def capabilities(self) -> Capabilities:
        """Everything is taken, up to the window."""
        return Capabilities(
            modalities=("text", "image", "audio", "video"),
            context_window=self.window,
            temperature=True,
            seed=True,
            stop=True,
            prefill=True,
            counts_tokens=True,
        )

    def identity(self, request: Request) -> dict[str, Any]:
        """Name model, settings and prompt; the script is not part of it."""
        return {
            "provider": self.NAME,
            "model": self.model,
            "settings": request.settings.to_dict(),
            "prompt": request.prompt.digest,
            "repeat": request.repeat,
        }

    async def send(self, request: Request) -> Raw:
        """Give the script's next reply."""
        self.requests.append(request)
        tokens = rough_tokens(request.prompt)
        room = None if self.window is None else self.window - request.settings.max_output_tokens
        full = room is not None and sum(tokens.values()) > room
        if full and self.when_full == "reject":
            detail = f"the prompt has {sum(tokens.values())} tokens, the model takes {room}"
            return _raw(Reply(outcome=Outcome.CONTEXT_EXCEEDED, detail=detail, status=400), {})
        reply = self._reply(request)
        return _raw(reply, self._usage(request, reply, tokens, room if full else None))

    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read the reply that ``send`` made."""
        del request
        fields = json.loads(raw.body)
        outcome = Outcome(fields["outcome"])
        retry = Retry(fields["retry"] or _RETRIES.get(outcome, "never"), fields["after"])
        usage = Usage.of(fields["usage"])
        text = fields["text"] if outcome.answered else ""
        return Decoded(Completion(text, outcome, usage, fields["detail"], seconds=raw.seconds), retry)

    async def count(self, prompt: Prompt) -> int | None:
        """Count as ``rough`` does."""
        return sum(rough_tokens(prompt).values())

    def _reply(self, request: Request) -> Reply:
        if self._function is not None:
            return Reply.read(self._function(request))
        text = request.prompt.text()
        for reply in self._replies:
            if reply.contains and reply.contains in text:
                return reply
        plain = [reply for reply in self._replies if not reply.contains]
        if not plain:
            return Reply()
        self._next += 1
        return plain[min(self._next, len(plain)) - 1]

    def _usage(self, request: Request, reply: Reply, tokens: dict[str, int], room: int | None) -> dict[str, Any]:
        if reply.outcome in _UNBILLED:
            return dict(reply.usage)
        prompt = sum(tokens.values()) if room is None else room
        cached = min(self._cached(request.prompt), prompt) if self.cache else 0
        output = -(-len(reply.text.encode()) // BYTES_PER_TOKEN)
        cost = (prompt * self.price[0] + output * self.price[1]) / _MILLION
        usage = Usage(prompt, cached if self.cache else None, None, output, None, tokens if room is None else {}, cost)
        return {**usage.to_dict(), **reply.usage}

    def _cached(self, prompt: Prompt) -> int:
        """Tokens of the longest run of leading text parts that an earlier prompt began with."""
        parts = [part for part in prompt.parts() if hasattr(part, "text")]
        digests = tuple(part.digest for part in parts)
        best = max((_common(digests, seen) for seen in self._seen), default=0)
        self._seen.append(digests)
        return sum(len(part.text.encode()) for part in parts[:best]) // BYTES_PER_TOKEN


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _raw(reply: Reply, usage: dict[str, Any]) -> Raw:
    fields = {**asdict(reply), "outcome": reply.outcome.value, "usage": usage}
    broken = reply.outcome in _RETRIES and reply.status == 200  # noqa: PLR2004 - the default: nothing else was said
    return Raw(
        status=0 if broken else reply.status,
        headers=dict(reply.headers),
        body=json.dumps(fields).encode(),
        error=reply.detail if broken else "",
        sent=reply.outcome is not Outcome.TRANSPORT_FAILED,
    )
