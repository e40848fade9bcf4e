"""What the backend is given: jobs, and the limits within which they are done."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.ledger import Ledger, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Provider, Request, Settings


FORMERLY = "asked by an earlier version, which sent no temperature: the provider's own default held"
"""The note of an answer that the ledger has from such a version."""


@dataclass(frozen=True)
class Job:
    """One question that waits to be asked.

    Attributes:
        sample: The sample's id, for records and progress.
        task: The task's name.
        render: Makes the prompt; called in a worker thread when it is about to
            be sent, may be slow, and what it gives is forgotten afterwards.
        settings: How the answer is generated.
        repeat: Which deliberate repetition of the same question, from 0.
        group: Jobs of equal group share their hay; empty for none.
        order: Where in the hay the job's own content begins, as a fraction in
            [0, 1]: a job shares more of its beginning the larger this is.
        size: Bytes of the rendered prompt, estimated.
        modalities: What the prompt holds, of ``text``, ``image``, ``audio``, ``video``.
        tokens: Prompt tokens, as planned; 0 if unknown.
        formerly: Settings under which earlier versions asked the same: what
            the ledger has of that is not asked again.
        scored: See ``Request.scored``.
    """

    sample: str
    task: str
    render: Callable[[], Prompt]
    settings: Settings
    repeat: int = 0
    group: str = ""
    order: float = 0.0
    size: int = 0
    modalities: tuple[str, ...] = ("text",)
    tokens: int = 0
    formerly: Settings | None = None
    scored: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Limits:
    """What the backend may use.

    Attributes:
        concurrency: Requests in flight; ``None`` for the provider's default.
        max_bytes_in_flight: Bytes of prompts in memory at once; a larger
            prompt goes alone.
        max_cost: Hard cap in US dollars for everything that one backend sends.
        shared_budget: Name of the budget in the ledger that several runs share, whose cap is ``max_cost`` too;
            ``None`` if this run has its cap alone.
        requests_per_minute: Own limit; ``None`` learns from the provider's headers.
        tokens_per_minute: Own limit on prompt tokens; ``None`` learns likewise.
        max_attempts: How often one request is sent at most.
        max_lost: How often one request is sent again after an answer was lost
            that may have been billed.
        max_wait: Longest single wait in seconds, whatever a server asks for;
            0 makes every wait vanish, which is what tests want.
        max_outage: Seconds for which a server may answer nothing at all before the run stops.
        max_drain: Seconds to wait for calls in flight after SIGTERM or SIGHUP; schedulers kill soon after they ask.
        timeout: Seconds for one attempt as a whole; ``None`` leaves it to the provider's own time-outs.
        retry: Outcomes of earlier runs that are asked once more, beside those whose cause may have been mended.
    """

    concurrency: int | None = None
    max_bytes_in_flight: int = 256 << 20
    max_cost: float | None = None
    shared_budget: str | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_attempts: int = 6
    max_lost: int = 1
    max_wait: float = 900.0
    max_outage: float = 600.0
    max_drain: float = 20.0
    timeout: float | None = None
    retry: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute", "max_bytes_in_flight", "max_attempts"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 1):
                raise ConfigError(f"{name} must be 1 or more, and finite, not {value}; leave it out for no limit")
        for name in ("max_cost", "max_lost", "max_wait", "max_outage", "max_drain", "timeout"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} must be 0 or more, and finite, not {value}; leave it out for no limit")


def named(job: Job, request: Request, provider: Provider, ledger: Ledger) -> tuple[str, Mapping[str, Any], bool]:
    """Name a request; what an earlier version asked with settings of its own keeps the name that it had then.

    Returns:
        The ledger's key, all that decides the answer, and whether that is of an earlier version.
    """
    identity = provider.identity(request)
    key = Ledger.key({"request": identity, "repeat": job.repeat})
    if job.formerly is None:
        return key, identity, False
    then = provider.identity(replace(request, settings=job.formerly))
    old = Ledger.key({"request": then, "repeat": job.repeat})
    return (old, then, True) if old != key and ledger.look_up(old) != Standing() else (key, identity, False)
