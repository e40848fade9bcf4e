"""From a result file's description of a run, and one of its samples, to the very prompt that was sent."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.preview.excerpts import excerpts
from lm_eval_longctx.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lm_eval_longctx.preview.excerpts import Excerpt
    from lm_eval_longctx.prompt import Prompt
    from lm_eval_longctx.sample import Sample
    from lm_eval_longctx.tasks.base import Builder


class Recipes:
    """Makes the prompts of one task's run again, from plain values: no lm-eval, no YAML, no planning.

    Attributes:
        sweep: The run's specification.
    """

    def __init__(self, metadata: Mapping[str, Any], specification: Mapping[str, Any], sent: str = "") -> None:
        """Read what a result file has of a task; nothing is opened yet.

        Args:
            metadata: The task's metadata: ``configs[task].metadata`` in the file.
            specification: The run's, ``specification`` in the sweep block.
            sent: The system text that went with every prompt, ``sent.sys`` in the sweep block.

        Raises:
            ResultsError: They do not say what made the prompts.
        """
        if "builder" not in metadata:
            raise ResultsError("the result file does not name the task's builder; it is of an older version: run again")
        self.sweep = Sweep.from_dict(specification)
        self._name, self._sent = str(metadata["builder"]), sent
        self._yaml = Path(str(metadata.get("config_source", "")))
        self._builders = lru_cache(maxsize=4)(self._made)

    def builder(self, sample: Sample) -> Builder[Any]:
        """Return what made a sample; where lengths are in the model's own tokens, another sweep did.

        Raises:
            ConfigError: A setting of the run is no longer known.
            MissingExtraError: The kind of task needs a part that is not installed.
        """
        return self._builders(sample["tokenizer"])

    def _made(self, tokenizer: str) -> Builder[Any]:
        plugins = registry()
        kind: type[Builder[Any]] = plugins.load(plugins.builder(self._name))
        try:
            return kind(replace(self.sweep, tokenizer=tokenizer), self._context)
        except KeyError as unknown:
            raise ResultsError(f"the results do not say {unknown} of their task; they are of another version") from None

    @cached_property
    def _context(self) -> BuildContext:
        """Where paths begin: those in the task's YAML beside it, those of the run where the command runs."""
        if not self._yaml.is_file():
            return BuildContext(_source)
        home = self._yaml.parent.absolute()
        written = "\n".join(path.read_text(encoding="utf-8") for path in sorted(home.glob("*yaml")))
        used = {one for one in (self.sweep.haystack, *self.sweep.options.values()) if isinstance(one, str) and one}
        return BuildContext(_source, home=home, written=frozenset(text for text in used if text in written))

    def prompt(self, sample: Sample) -> Prompt:
        """Make a sample's prompt: media are written to the cache, or found there.

        Raises:
            LongctxError: Hay or software are not those that the sample was made with.
        """
        prompt: Prompt = self.builder(sample).render(sample)
        return prompt.with_system(self._sent)

    def excerpts(self, sample: Sample, *, context: int = 400, width: int = 320) -> Iterator[Excerpt]:
        """Yield the surroundings of each needle of a sample: text, frames or seconds of sound.

        Nothing for samples without a needle, and for benchmarks whose texts must not be written to logs.

        Args:
            sample: As the log of samples has it.
            context: Characters of text before and after a needle.
            width: Of pictures, in pixels.

        Raises:
            LongctxError: As for ``prompt``.
        """
        if sample.get("private"):
            return
        passages = self.builder(sample).passages(sample)
        yield from excerpts(self.prompt(sample), sample, passages, context=context, width=width)


def _source(name: str) -> Callable[[str, BuildContext], Any]:
    plugins = registry()
    factory: Callable[[str, BuildContext], Any] = plugins.load(plugins.source(name))
    return factory
