"""The seam between the backend and a model.

A provider translates: a request to what goes on the wire (``send``) and what
came back to a completion (``decode``). It never retries, caches, logs or
counts money; the backend does, the same way for all. ``decode`` and
``identity`` are pure, so that recorded bytes can be read again for free.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import AnswerPendingError, UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, VideoPart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from lm_eval_longctx.completion import Completion, Outcome
    from lm_eval_longctx.prompt import MediaPart, Prompt
    from lm_eval_longctx.settings import Option

_MODALITIES = {ImagePart: "image", AudioPart: "audio", VideoPart: "video"}


def modality_of(part: MediaPart) -> str:
    """Name a part's kind as ``Capabilities.modalities`` does."""
    return _MODALITIES[type(part)]


@dataclass(frozen=True)
class Settings:
    """How an answer is to be generated; frozen, one for each request.

    Attributes:
        max_output_tokens: The answer's budget, not counting hidden reasoning.
        stop: Texts at which the answer ends.
        temperature: ``None`` leaves the provider's default (most hosted
            models of late 2026 accept nothing else).
        seed: Best effort, where a provider takes one.
        reasoning: Effort or level in the provider's own words, or ``None``.
        reasoning_tokens: Room for hidden reasoning beside the answer.
    """

    max_output_tokens: int = 256
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    seed: int | None = None
    reasoning: str | None = None
    reasoning_tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for keys and results."""
        return {**asdict(self), "stop": list(self.stop)}


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        prompt: The content.
        settings: How to answer.
        repeat: Tells deliberate repetitions of the same question apart.
        scored: Ranges of bytes of the prompt's text, first and after the last,
            in order: the negative log-likelihood of each, given all before it,
            is asked for, and no answer. Only for providers with
            ``Capabilities.prompt_logprobs``; the completion's text is then
            JSON, ``{"nats": [...]}`` with a number for each range.
        counted: The prompt's length by the provider's own counting, where it
            was asked; ``decode`` compares it with what was billed. Not part of
            the request's identity.
        leads: Whether others that share its beginning wait for it, so that
            what it stores in a prefix cache will be read. Not part of the
            request's identity.
        accepted: To be awaited with the name by which ``Provider.fetch`` finds
            the answer, once a provider that makes answers in the background
            has taken the request. Not part of the request's identity.
    """

    prompt: Prompt
    settings: Settings = field(default_factory=Settings)
    repeat: int = 0
    scored: tuple[tuple[int, int], ...] = ()
    counted: int | None = field(default=None, compare=False)
    leads: bool = field(default=False, compare=False)
    accepted: Callable[[str], Awaitable[None]] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Raw:
    """What came back, before anybody reads it.

    Attributes:
        status: The HTTP status; 0 where no response began.
        headers: Lower-case names; only those worth keeping.
        body: The bytes as read, even if they break off.
        seconds: Wall time from the first byte sent to the last byte read.
        error: Why the response is missing or broke off, in one line; empty if whole.
        sent: Whether the request may have reached the model (then a missing
            response may have been billed).
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    error: str = ""
    sent: bool = True


@dataclass(frozen=True)
class Retry:
    """What a provider says about asking again.

    Attributes:
        kind: ``never``, ``rate_limit``, ``transient`` or ``stop_run`` (the
            account cannot ask at all: wrong key, no quota).
        after: Seconds that the provider asks to wait, or ``None``.
        billed: Whether the failed attempt was, or may have been, billed:
            asking again may pay twice, so it deserves a budget of its own.
    """

    kind: str = "never"
    after: float | None = None
    billed: bool = False


@dataclass(frozen=True)
class Decoded:
    """A response, read.

    Attributes:
        completion: The answer or the typed failure.
        retry: Whether asking again makes sense.
        tier: The service tier that served, where it is not the one that was asked for.
    """

    completion: Completion
    retry: Retry = field(default_factory=Retry)
    tier: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a model takes, as declared, probed or overridden; data, apart from the client.

    Attributes:
        modalities: Of ``text``, ``image``, ``audio``, ``video``.
        context_window: In the model's tokens, or ``None`` if unknown.
        max_output: In the model's tokens, or ``None`` if unknown.
        temperature: Whether sampling settings are accepted.
        seed: Whether a seed is accepted.
        stop: Whether stop texts are accepted.
        prefill: Whether the answer's beginning may be given.
        reasoning: Valid efforts or levels; empty if the model has none.
        counts_tokens: Whether the provider counts a prompt for us.
        prompt_logprobs: Whether log-probabilities of the prompt can be had.
        prefix_cache: ``implicit`` (the provider finds repeated prefixes by
            itself), ``explicit`` (it has to be told) or empty (none known).
        cache_minimum: Tokens that a prefix needs before it is cached.
        batch: Whether the provider has a batch mode at a lower price.
        dated: When this was last checked, ``YYYY-MM-DD``; empty for defaults.
        retires: When the provider switches the model off, ``YYYY-MM-DD``; empty if unknown.
        source: ``built-in``, ``assumed`` (a model that the table does not
            know), ``probe`` or ``user``.
    """

    modalities: tuple[str, ...] = ("text",)
    context_window: int | None = None
    max_output: int | None = None
    temperature: bool = False
    seed: bool = False
    stop: bool = False
    prefill: bool = False
    reasoning: tuple[str, ...] = ()
    counts_tokens: bool = False
    prompt_logprobs: bool = False
    prefix_cache: str = ""
    cache_minimum: int = 0
    batch: bool = False
    dated: str = ""
    retires: str = ""
    source: str = "built-in"


@dataclass(frozen=True)
class BatchState:
    """How far a batch has come.

    Attributes:
        status: ``running``, ``done`` (there are results, perhaps not for all)
            or ``failed`` (there are none, and nothing was billed).
        finished: Requests that are through, or ``None`` if nobody says.
        total: All requests, or ``None``.
        detail: The provider's own words.
    """

    status: str
    finished: int | None = None
    total: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class HandIn:
    """What our own record says of a batch that may have been handed in, to find it at the provider.

    Attributes:
        token: Our name of it.
        opened: When it was about to be handed in, in seconds since 1970, by our own clock.
        requests: How many it holds at least.
        others: The provider's names of batches that are known to be other ones.
    """

    token: str
    opened: float = 0.0
    requests: int = 0
    others: frozenset[str] = frozenset()


class Batches(ABC):
    """A provider's batch mode: about half the price, and answers within a day.

    Every method raises ``ProviderError`` where the provider cannot be asked.

    Attributes:
        most_requests: Of one batch.
        most_bytes: Of one batch, as JSON.
    """

    most_requests: int
    most_bytes: int

    @abstractmethod
    async def submit(self, requests: Mapping[str, Request], token: str) -> str:
        """Hand requests in and return the batch's name.

        Args:
            requests: By names of yours, which come back with the results.
            token: A name of yours for the batch, to ``find`` it by if the
                answer to this call is lost.

        Raises:
            BatchRefusedError: The batch was certainly not taken; after any
                other error it may have been.
        """

    @abstractmethod
    async def find(self, handed: HandIn) -> str | None:
        """Return the name of the batch that was handed in with a token.

        ``None`` says that there is certainly no such batch. An empty text says
        that nobody can tell yet: a batch that may be it is still running and
        shows nothing of what it holds.
        """

    @abstractmethod
    async def poll(self, batch: str) -> BatchState:
        """Say how far a batch has come."""

    @abstractmethod
    async def results(self, batch: str, requests: Mapping[str, Request]) -> dict[str, Raw]:
        """Return what came back by your names; read each with the provider's ``decode``.

        Args:
            batch: As ``submit`` returned it; done.
            requests: What was handed in, for what is to be recorded with each.
        """

    @abstractmethod
    async def cancel(self, batch: str) -> None:
        """Stop a batch; what is through stays billed."""


class Provider(ABC):
    """A model behind some wire, or inside this process.

    Attributes:
        NAME: The provider's name in ``model=<provider>/<model>``.
        OPTIONS: The arguments that it takes beside ``model``; anything else is
            refused by name. Read them with ``settings.read_settings``.
        model: The model's name at the provider.
        concurrency: How many requests at once make sense by default.
        doing: What it is at within a long request, for the progress bar; empty where it cannot tell.
    """

    NAME: ClassVar[str]
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    concurrency: int = 8
    doing: str = ""

    def __init__(self, model: str) -> None:
        """Keep the model's name; subclasses read keys from the environment only."""
        self.model = model

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the model takes."""

    @abstractmethod
    def identity(self, request: Request) -> dict[str, Any]:
        """Return all that decides the answer as plain values: the ledger's key.

        Endpoint, model, parameters as sent, and the prompt's content digests.
        Never a secret, a path or a time.
        """

    @property
    def samples(self) -> bool:
        """Whether a temperature that is asked for is sent."""
        return self.capabilities.temperature

    def describe(self) -> dict[str, Any]:
        """Return what the results should say about this model (versions, endpoint); no secrets."""
        return {"provider": self.NAME, "model": self.model}

    def output_budget(self, request: Request) -> int:
        """Return the most output tokens that the call may be billed for, hidden reasoning included."""
        return request.settings.max_output_tokens + request.settings.reasoning_tokens

    def check(self, request: Request) -> None:
        """Raise ``UnsupportedError`` if the model cannot take the request; called before any call is paid.

        Refuses media that ``capabilities`` do not name; override it to check more.
        """
        for kind in self.refused(modality_of(part) for part in request.prompt.media()):
            what = f"{self.NAME}/{self.model} takes {'+'.join(self.capabilities.modalities)}, not {kind}"
            raise UnsupportedError(f"{what}; choose another model or a task without it")

    def refused(self, kinds: Iterable[str]) -> list[str]:
        """Return which kinds of content the model does not take, of ``text``, ``image``, ``audio``, ``video``.

        Asked for a whole run before anything is sent.

        Raises:
            MissingExtraError: It would take them if a part were installed.
        """
        taken = self.capabilities.modalities
        return [kind for kind in kinds if kind not in taken]

    @abstractmethod
    async def send(self, request: Request) -> Raw:
        """Ask once. A failed wire is a ``Raw`` with ``error``, not an exception."""

    async def fetch(self, name: str, request: Request) -> Raw:
        """Bring back the answer to a request that was accepted under a name, perhaps by another process.

        Args:
            name: As ``Request.accepted`` was told it.
            request: The question, for what is to be recorded with the answer.

        Raises:
            AnswerPendingError: It cannot be had just now.
        """
        del request
        raise AnswerPendingError(f"{self.NAME} makes no answers in the background, so {name} cannot be fetched")

    @abstractmethod
    def decode(self, raw: Raw, request: Request | None = None) -> Decoded:
        """Read a response; the same bytes always give the same completion.

        Args:
            raw: What came back.
            request: The question, where it is at hand, for checks of what was
                billed against what was sent.
        """

    def mendable(self, outcome: Outcome) -> bool:
        """Return whether a final failure may be gone on a later run: a state of server or account.

        What is a fact of the question, or of a model that nobody can change, is not.
        """
        return outcome.mendable

    async def count(self, prompt: Prompt) -> int | None:
        """Return the prompt's length in the model's own tokens, or ``None`` if nobody can say."""
        del prompt
        return None

    def batches(self) -> Batches | None:
        """Return the provider's batch mode, or ``None`` if it has none (that we speak)."""
        return None

    async def start(self) -> None:  # noqa: B027 - most need nothing
        """Get ready inside the event loop (connections, probes)."""

    async def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of connections and whatever else is held."""
