"""Speech in a language that is learnt from one book: written down, or translated, by share of the book.

After ASROB, the extension of MTOB to speech (Gemini 1.5 report, arXiv 2403.05530, section 5.2.2.2): text about the
language stands in the context, a sentence is heard, and the model writes it down in the language's own spelling
(character error rate) or translates it into English. Without a haystack the language is made and our voices read it;
``speech:<folder>`` takes a user's recordings with their transcripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.hay.estimating import SPEECH, estimated
from lm_eval_longctx.hay.language import book
from lm_eval_longctx.hay.language.cldf import read_cldf
from lm_eval_longctx.hay.language.grammar import read_grammar
from lm_eval_longctx.hay.language.library import HeldOut, Pair, words
from lm_eval_longctx.hay.language.parallel import read_parallel
from lm_eval_longctx.hay.language.tongue import Tongue
from lm_eval_longctx.hay.speech import hay
from lm_eval_longctx.hay.speech.source import PoolSettings, need_text
from lm_eval_longctx.hay.speech.spoken import spoken
from lm_eval_longctx.hay.speech.voices import default_voices
from lm_eval_longctx.hay.speech.waveform import SAMPLE_RATE, write_cached
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import PlannedSample, Rng
from lm_eval_longctx.prompt import AudioPart, Prompt, TextPart, file_digest
from lm_eval_longctx.sample import Haystack, Sample, planned_part
from lm_eval_longctx.settings import Option
from lm_eval_longctx.tasks.base import Builder
from lm_eval_longctx.tasks.translation.builder import asked_pairs, without_tests
from lm_eval_longctx.units import Length, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lm_eval_longctx.hay.speech.source import Pool, Utterance
    from lm_eval_longctx.hay.speech.waveform import Waveform

TRANSCRIBE, TRANSLATE = ASKS = ("transcribe", "translate")
_TITLES = {"book": "a grammar book about {0}", "wordlist": "a word list of {0} and English"}
_END = {
    TRANSCRIBE: (
        "Write down what is said in the recording, in {0}, spelt as in the book or as well as you can. "
        "Answer with these words only, on one line.\n"
    ),
    TRANSLATE: "Translate what is said in the recording into English. Answer with the translation only.\n",
}


@dataclass(frozen=True)
class Said:
    """A sentence that is heard.

    Attributes:
        pair: What is said, and its translation (empty where nobody wrote one).
        seconds: How long it takes.
        digest: Of the sound.
        load: Gives it, mono at 16 kHz.
        speaker: Who speaks.
    """

    pair: Pair
    seconds: float
    digest: str
    load: Callable[[], Waveform]
    speaker: str


@dataclass(frozen=True)
class Lesson:
    """A language as it is taught and heard.

    Attributes:
        language: Its name.
        digest: Of texts and sentences.
        spec: As results say it.
        texts: Paragraphs of the book and lines of the word list, none of which gives a heard sentence away.
        removed: How many did.
        said: The sentences.
    """

    language: str
    digest: str
    spec: str
    texts: dict[str, tuple[str, ...]]
    removed: dict[str, int]
    said: tuple[Said, ...]


class HeardSample(Sample):
    """A sentence to be heard.

    Attributes:
        sentence: Which one.
        speaker: Who speaks.
        book: Share of book and word list that is shown.
        shown: Paragraphs and lines that are.
        removed: What was left out because it gives a heard sentence away.
        source_words: How many words are said.
    """

    sentence: str
    speaker: str
    book: float
    shown: dict[str, int]
    removed: dict[str, int]
    source_words: int


class HeardBuilder(Builder[HeardSample]):
    """Sentences of a little-known language, heard after a share of the book about it.

    Each share is a variant; the length is that of the text.
    """

    MODALITY: ClassVar[str] = "audio"
    HAS_DEPTH: ClassVar[bool] = False
    HAS_LENGTH: ClassVar[bool] = False
    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("ask", TRANSCRIBE, "what is to be done with what is heard", choices=ASKS),
        Option("shares", [0, 0.5, 1], "shares of the book that are shown, each as a variant, 0 to 1"),
        Option("difficulty", 2, "of the made language, as for made_language", choices=(1, 2, 3)),
        Option("name", "the language", "what the language of your recordings is called"),
        Option("grammar", "", "of your recordings: file or folder of a grammar in LaTeX, Markdown or plain text"),
        Option("dictionary", "", "of your recordings: the metadata file of a CLDF dictionary"),
        Option("translations", "", "of your recordings: their transcripts with translations, in a form of parallel:"),
    )

    @cached_property
    def lesson(self) -> Lesson:
        """The language, its texts and its sentences."""
        return self._published() if self.sweep.haystack else self._made()

    def _made(self) -> Lesson:
        tongue = Tongue(f"{self.sweep.version}/{self.sweep.seed}", self.sweep.options["difficulty"])
        pairs = asked_pairs(tongue)
        held = HeldOut(text for pair in pairs for text in (pair.theirs, pair.ours))
        rng = Rng(f"{tongue.seed}/{tongue.difficulty}/book")
        chapters = [without_tests(chapter, held).split("\n\n") for chapter in book.chapters(tongue, rng)]
        texts = {
            "book": tuple(paragraph for chapter in chapters for paragraph in chapter),
            "wordlist": tuple(book.word_list(tongue)),
        }
        said = tuple(self._read_out(tongue, pair) for pair in pairs[: self.sweep.samples_per_cell])
        digest = f"{tongue.name.lower()}-{tongue.difficulty}"
        return Lesson(tongue.name, digest, f"tongue:{tongue.difficulty}", texts, {}, said)

    def _read_out(self, tongue: Tongue, pair: Pair) -> Said:
        """Have one of our voices read a sentence; they pronounce it as English letters are."""
        who = Rng(f"{tongue.seed}/{pair.name}/voice").choice(default_voices("en"))
        made = spoken(pair.theirs, who, 0.0, self.context.cache_dir)
        return Said(pair, made.utterance.seconds, made.utterance.digest, lambda: made.load(made.utterance), who.name)

    def _published(self) -> Lesson:
        options: dict[str, Any] = {**self.sweep.options, "pool": "200h"}
        pool = hay.open_pool(self.sweep.haystack, self.context, options, PoolSettings("en", transcripts=True))
        ours = self._translations(options["translations"])
        said = tuple(_recorded(pool, one, ours) for one in pool.utterances)
        held = HeldOut(text for one in said for text in (one.pair.theirs, one.pair.ours))
        texts, removed = self._without(held, options)
        spec = hay.described(pool, self.sweep.haystack, 0)["spec"]
        return Lesson(options["name"], pool.digest, spec, texts, removed, said)

    def _translations(self, spec: str) -> dict[str, str]:
        if not spec:
            return {}
        pairs, _ = read_parallel(spec, self.context.path)
        return {_key(pair.theirs): pair.ours for pair in pairs}

    def _without(self, held: HeldOut, options: dict[str, Any]) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
        """Read a user's grammar and dictionary, and leave out what gives a heard sentence away."""
        grammar, dictionary = options["grammar"], options["dictionary"]
        listed = read_cldf(str(self.context.path(dictionary))).word_list if dictionary else ()
        read = {
            "book": read_grammar(str(self.context.path(grammar))) if grammar else (),
            "wordlist": tuple(f"{word}: {meaning}" for word, meaning in listed),
        }
        kept = {kind: tuple(text for text in texts if not held.contains(text)) for kind, texts in read.items()}
        return kept, {kind: len(read[kind]) - len(kept[kind]) for kind in read}

    def plans(self) -> Iterable[PlannedSample]:
        """Yield each sentence with each share of the book; all shares of a sentence come together."""
        shares = self.sweep.options["shares"]
        if not shares or not all(isinstance(one, (int, float)) and 0 <= one <= 1 for one in shares):
            raise ConfigError(f"shares must be a list of numbers from 0 to 1, not {shares!r}")
        lesson = self.lesson
        if not any(lesson.texts.values()) and any(shares):
            raise ConfigError(f"{self.sweep.task} has no book; give grammar or dictionary, or shares: [0]")
        lengths = [Length(self._tokens(share), Unit.TOKENS, self.sweep.tokenizer) for share in shares]
        for index in range(min(self.sweep.samples_per_cell, len(lesson.said))):
            for share, length in zip(shares, lengths, strict=True):
                yield PlannedSample(
                    self.sweep.task, self.sweep.version, self.sweep.seed, length, None, index, f"book={share:g}"
                )

    def _tokens(self, share: float) -> int:
        count = load_tokenizer(self.sweep.tokenizer).count
        return count("".join([*(text for text, _ in self._pieces(share)), self._end()]))

    def sample(self, plan: PlannedSample) -> HeardSample:
        """Describe one sentence.

        Raises:
            ConfigError: It is to be translated, and nobody wrote a translation.
        """
        said, share = self.lesson.said[plan.index], _share_of(plan)
        target = said.pair.theirs if self.sweep.options["ask"] == TRANSCRIBE else said.pair.ours
        if not target:
            raise ConfigError(f"{said.pair.theirs!r} has no translation; give translations, or ask: {TRANSCRIBE}")
        shown = {kind: len(texts) for kind, texts in self._shown(share).items()}
        return {
            **planned_part(plan, self.sweep.tokenizer),
            "question": self._end().strip(),
            "target": target,
            "sentence": said.pair.name,
            "speaker": said.speaker,
            "book": share,
            "shown": shown,
            "removed": dict(self.lesson.removed),
            "source_words": len(words(said.pair.theirs)),
            "haystack": self._haystack(plan),
            "realised_length": int(plan.length.amount),
            "realised_depth": None,
            "planned_tokens": int(plan.length.amount) + round(32 * said.seconds),
        }

    def _haystack(self, plan: PlannedSample) -> Haystack:
        found: Haystack = {
            "spec": self.lesson.spec,
            "digest": self.lesson.digest,
            "repeats": 0,
            "overlap": float(plan.index > 0),  # one language has one book
        }
        return {**found, "estimated": True} if estimated(SPEECH) else found

    def _shown(self, share: float) -> dict[str, tuple[str, ...]]:
        return {kind: texts[: round(len(texts) * share)] for kind, texts in self.lesson.texts.items()}

    def _end(self) -> str:
        return _END[self.sweep.options["ask"]].format(self.lesson.language)

    def _pieces(self, share: float) -> Iterator[tuple[str, bool]]:
        """Yield the texts before the recording, each with whether many prompts share it."""
        language = self.lesson.language
        yield f"{language} is a language that you have probably never heard. {self._end()}", False
        for kind, texts in self._shown(share).items():
            if texts:
                yield f"\nHere is {_TITLES[kind].format(language)}.\n\n", True
                yield ("\n\n" if kind == "book" else "\n").join(texts) + "\n", True
        yield "\nThe recording:\n", True

    def render(self, sample: HeardSample) -> Prompt:
        """Write the recording (or find it written), with the texts before it and the question after it."""
        said = self.lesson.said[sample["index"]]
        path = self.context.cache_dir / "audio" / "sentences" / said.digest[:2] / f"{said.digest}.flac"
        if not path.is_file():
            write_cached(path, said.load())
        part = AudioPart(str(path), file_digest(path), "audio/flac", said.seconds, SAMPLE_RATE)
        before = (TextPart(text, shared=shared) for text, shared in self._pieces(sample["book"]))
        return Prompt.user(*before, part, TextPart(f"\n{sample['question']}\n"))


def _share_of(plan: PlannedSample) -> float:
    return float(plan.variant.removeprefix("book="))


def _key(text: str) -> str:
    return " ".join(words(text))


def _recorded(pool: Pool, one: Utterance, ours: dict[str, str]) -> Said:
    text = need_text(one)
    pair = Pair(text, ours.get(_key(text), ""), one.digest[:16])
    return Said(pair, one.seconds, one.digest, lambda: pool.load(one), one.speaker)
