"""What every provider promises: the suite that our own providers pass, for yours too.

::

    import pytest
    from lm_eval_longctx.testing import contract

    @pytest.mark.parametrize("promise", contract.PROMISES, ids=contract.name_of)
    def test_promises(promise):
        promise(contract.Subject(lambda **args: MyProvider("my-model", **args)))

Each promise is a function that raises ``AssertionError`` with a sentence. A
provider that speaks one of the local server's wire formats can be run against
that server's faults too; see ``faults``.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.prompt import AudioPart, ImagePart, MediaPart, Prompt, TextPart, VideoPart
from lm_eval_longctx.providers.base import Decoded, Provider, Raw, Request, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

RETRIES = ("never", "rate_limit", "transient", "stop_run")
"""What a decision about asking again may say."""

_NOWHERE = "/nowhere"
_MEDIA: dict[str, MediaPart] = {
    "image": ImagePart(_NOWHERE, "1" * 64, "image/png", 8, 8),
    "audio": AudioPart(_NOWHERE, "2" * 64, "audio/wav", 1.0, 16000),
    "video": VideoPart(_NOWHERE, "3" * 64, "video/mp4", 2.0, 1.0, 8, 8),
}
"""One part of each kind; their files do not exist and must not be needed to refuse them."""


@dataclass(frozen=True)
class Subject:
    """A provider under test.

    Attributes:
        make: Makes a fresh one; keyword arguments are the provider's own.
    """

    make: Callable[..., Provider]


def question(words: str = "What is the magic number?", repeat: int = 0) -> Request:
    """Return a small request: some hay that is shared, and a question."""
    hay = TextPart("The magic number is 4711. " * 200, shared=True)
    return Request(Prompt.user(hay, TextPart(words)), Settings(max_output_tokens=32), repeat)


def run(make: Callable[[], Provider], work: Callable[[Provider], Coroutine[Any, Any, T]]) -> T:
    """Make a provider, start it, work with it in an event loop of its own, and close it."""

    async def whole() -> T:
        provider = make()
        await provider.start()
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(whole())


async def ask(provider: Provider, request: Request) -> tuple[Raw, Decoded]:
    """Send once and read what came back, as the backend does."""
    provider.check(request)
    raw = await provider.send(request)
    return raw, provider.decode(raw, request)


def answers(subject: Subject) -> None:
    """A question gets a complete answer, with what it used."""
    _, decoded = run(subject.make, lambda provider: ask(provider, question()))
    completion = decoded.completion
    assert completion.outcome is Outcome.COMPLETE, f"the answer is {completion.outcome.value}: {completion.detail}"
    assert isinstance(completion, Completion)
    assert completion.detail == "", "a complete answer needs no explanation"
    assert decoded.retry.kind == "never", "an answer is not asked for again"


def many_at_once(subject: Subject) -> None:
    """Eight questions at once get eight answers."""

    async def all_of_them(provider: Provider) -> list[tuple[Raw, Decoded]]:
        requests = [question(f"What is the number after {i}?") for i in range(8)]
        return list(await asyncio.gather(*(ask(provider, request) for request in requests)))

    outcomes = {decoded.completion.outcome for _, decoded in run(subject.make, all_of_them)}
    assert outcomes == {Outcome.COMPLETE}, f"asked at once, the outcomes are {outcomes}"


def decoding_is_pure(subject: Subject) -> None:
    """The same bytes always give the same completion, with and without the question at hand."""
    raw, decoded = run(subject.make, lambda provider: ask(provider, question()))
    fresh = subject.make()
    again = fresh.decode(raw, question())
    assert again.completion.to_dict() == decoded.completion.to_dict(), (
        "a fresh provider reads the same bytes differently"
    )
    assert str(again.completion) == str(decoded.completion)
    assert str(fresh.decode(raw).completion) == str(decoded.completion), "without the question the text is another one"


def a_record_survives_storage(subject: Subject) -> None:
    """A response that was kept as plain values and bytes reads as before."""
    raw, decoded = run(subject.make, lambda provider: ask(provider, question()))
    headers = json.loads(json.dumps(dict(raw.headers)))
    kept = Raw(raw.status, headers, bytes(raw.body), raw.seconds, raw.error, raw.sent)
    assert subject.make().decode(kept, question()) == decoded


def identity_is_plain(subject: Subject) -> None:
    """The identity is plain values, equal for equal requests and for fresh providers."""
    first = subject.make().identity(question())
    assert json.loads(json.dumps(first)) == first, "the identity is not plain JSON"
    assert subject.make().identity(question()) == first, "the identity of the same request changed"


def identity_tells_apart(subject: Subject) -> None:
    """Another prompt is another request; the provider's own count of a prompt changes nothing."""
    provider, request = subject.make(), question()
    same = provider.identity(request)
    assert provider.identity(question("Another question?")) != same, "the prompt does not change the identity"
    assert provider.identity(replace(request, counted=17)) == same, "the provider's count changes the identity"


def identity_outlives_the_start(subject: Subject) -> None:
    """What a server says at the start does not change a request's identity: a plan without network knows it."""

    async def started(provider: Provider) -> dict[str, Any]:
        return provider.identity(question())

    assert run(subject.make, started) == subject.make().identity(question())


def unknown_arguments_are_refused(subject: Subject) -> None:
    """An argument that nobody declared is an error that names it."""
    try:
        subject.make(no_such_argument=1)
    except ConfigError as error:
        words = str(error)
    else:
        raise AssertionError("an unknown argument was taken without a word")
    assert "no_such_argument" in words, f"the error does not name the argument: {words}"


def arguments_are_explained(subject: Subject) -> None:
    """Each argument has one line of help."""
    for option in subject.make().OPTIONS:
        assert option.name.isidentifier(), f"{option.name!r} cannot be written as an argument"
        assert option.help, f"{option.name} has no help"
        assert "\n" not in option.help, f"the help of {option.name} has more than one line"


def unsupported_content_is_refused(subject: Subject) -> None:
    """Media that the model does not take are an error in ``check``, before anything is read or sent."""
    provider = subject.make()
    for kind, part in _MEDIA.items():
        film_as_frames = kind == "video" and "image" in provider.capabilities.modalities
        if kind in provider.capabilities.modalities or film_as_frames:
            continue
        try:
            provider.check(Request(Prompt.user(part, TextPart("What is this?"))))
        except UnsupportedError:
            continue
        raise AssertionError(f"{kind} is not among the modalities, and check() says nothing")


def output_budget_covers_the_answer(subject: Subject) -> None:
    """The most that can be billed is at least what was asked for."""
    provider, request = subject.make(), question()
    assert provider.output_budget(request) >= request.settings.max_output_tokens


def counting_is_honest(subject: Subject) -> None:
    """A count is a number of tokens above 0, or ``None``; a longer prompt counts more."""

    async def both(provider: Provider) -> tuple[int | None, int | None]:
        short, long = question().prompt, Prompt.user(TextPart("word " * 2000))
        return await provider.count(short), await provider.count(long)

    short, long = run(subject.make, both)
    if short is not None and long is not None:
        assert 0 < short < long, f"the short prompt counts {short}, the long one {long}"


def several_event_loops(subject: Subject) -> None:
    """One provider can be used from one event loop after another, and closed twice."""
    provider = subject.make()

    async def once() -> Outcome:
        await provider.start()
        _, decoded = await ask(provider, question())
        await provider.close()
        await provider.close()
        return decoded.completion.outcome

    assert [asyncio.run(once()), asyncio.run(once())] == [Outcome.COMPLETE] * 2


def description_is_plain(subject: Subject) -> None:
    """What the results say about a model is plain JSON and names provider and model."""
    provider = subject.make()
    described = provider.describe()
    assert json.loads(json.dumps(described)) == described
    assert (described["provider"], described["model"]) == (provider.NAME, provider.model)


PROMISES: tuple[Callable[[Subject], None], ...] = (
    answers,
    many_at_once,
    decoding_is_pure,
    a_record_survives_storage,
    identity_is_plain,
    identity_tells_apart,
    identity_outlives_the_start,
    unknown_arguments_are_refused,
    arguments_are_explained,
    unsupported_content_is_refused,
    output_budget_covers_the_answer,
    counting_is_honest,
    several_event_loops,
    description_is_plain,
)
"""All of them, for ``pytest.mark.parametrize``."""


def name_of(item: object) -> str:
    """Return a test's name for a promise or a fault."""
    return str(getattr(item, "__name__", None) or getattr(item, "name", item))
