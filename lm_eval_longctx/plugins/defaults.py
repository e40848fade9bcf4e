"""Our own items, as one plugin among others.

Add a line to a table when its target exists; ``tests/plugins`` loads every one.
"""

from __future__ import annotations

from pathlib import Path

from lm_eval_longctx.errors import PluginError
from lm_eval_longctx.plugins.hookspecs import hookimpl
from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord

_PACKAGE = Path(__file__).resolve().parent.parent


def own_task_folder() -> Path:
    """Return the folder ``task_configs``: inside the package in a wheel, beside it in a checkout.

    Raises:
        PluginError: It is in neither place.
    """
    for folder in (_PACKAGE / "task_configs", _PACKAGE.parent / "task_configs"):
        if folder.is_dir():
            return folder
    raise PluginError(f"no task_configs in or beside {_PACKAGE}; re-install lm-eval-longctx")


PROVIDERS: tuple[ProviderRecord, ...] = (
    ProviderRecord(
        "cascade",
        "lm_eval_longctx.providers.cascade.provider:Cascade",
        help="embedded: recognisers, BM25, extractor; offline",
    ),
    ProviderRecord("echo", "lm_eval_longctx.providers.echo:EchoProvider", help="repeats the prompt; free, offline"),
    ProviderRecord("gemini", "lm_eval_longctx.providers.gemini:GeminiProvider", help="Google's Gemini API"),
    ProviderRecord("openai", "lm_eval_longctx.providers.openai:OpenAIProvider", help="OpenAI's API"),
    ProviderRecord("anthropic", "lm_eval_longctx.providers.anthropic:AnthropicProvider", help="Anthropic's API"),
    ProviderRecord(
        "openai-compatible",
        "lm_eval_longctx.providers.openai_compatible:OpenAICompatibleProvider",
        help="vLLM, SGLang, llama.cpp, Ollama, OpenRouter: anything that speaks Chat Completions",
    ),
    ProviderRecord(
        "transcriptions",
        "lm_eval_longctx.providers.transcriptions:TranscriptionsProvider",
        help="speech services behind /audio/transcriptions, of OpenAI or base_url: recordings in, words out",
    ),
    ProviderRecord(
        "lexical",
        "lm_eval_longctx.judging.lexical:LexicalJudge",
        help="judges answers by their words, offline: lm-eval-longctx judge",
    ),
    ProviderRecord(
        "scripted", "lm_eval_longctx.providers.scripted:ScriptedProvider", help="follows a script; for tests"
    ),
)

SOURCES: tuple[SourceRecord, ...] = (
    SourceRecord(
        "chronicle",
        "lm_eval_longctx.hay.text.sources:chronicle",
        help="our own endless prose, offline; chronicle:7 is another one",
        licence="ours (MIT)",
    ),
    SourceRecord(
        "books",
        "lm_eval_longctx.hay.text.sources:books",
        help="books:<file or folder>: plain text, without Project Gutenberg's headers",
        licence="the books' own",
    ),
    SourceRecord(
        "code",
        "lm_eval_longctx.hay.text.sources:code",
        help="code:<folder>: source files by path; code:stdlib is Python's own library",
        licence="the code's own; of the standard library PSF-2.0",
    ),
    SourceRecord(
        "records",
        "lm_eval_longctx.hay.records.source:records",
        help="dated records without end, offline; records:ledger:7 is another form and another world",
        licence="ours (MIT)",
    ),
    SourceRecord(
        "needles",
        "lm_eval_longctx.hay.text.keys:needles",
        help="needles that nobody asks for, one a line, without end, worded as the task's own; needles:7 are others",
        licence="ours (MIT)",
    ),
    SourceRecord(
        "repeat",
        "lm_eval_longctx.hay.text.sources:repeat",
        help="RULER's five sentences of noise, again and again; repeat:<text> takes another text",
        licence="RULER's sentences: Apache-2.0",
    ),
    SourceRecord(
        "shuffled",
        "lm_eval_longctx.hay.text.sources:shuffled",
        help="shuffled:<haystack>: the sentences of another text in random order",
        licence="that of the other text",
    ),
    SourceRecord(
        "hub",
        "lm_eval_longctx.hay.text.sources:hub",
        help="hub:<data set>?split=test&column=text: a data set's text column",
        licence="the data set's own, told when it is read",
    ),
    SourceRecord(
        "voices",
        "lm_eval_longctx.hay.speech.source_voices:VoicesSource",
        modality="audio",
        extra="speech",
        help="speech read by synthetic voices, exact transcripts, offline; voices:<name>,<name> chooses them",
        licence="joe: CC0 as stated, tuned from lessac; kokoro: Apache-2.0; flite: BSD-like; espeak: GPL-3 program",
    ),
    SourceRecord(
        "speech",
        "lm_eval_longctx.hay.speech.source_folder:FolderSource",
        modality="audio",
        help="speech:<folder>: your own recordings, with transcripts where there are any",
        licence="the recordings' own",
    ),
    SourceRecord(
        "film",
        "lm_eval_longctx.hay.film.film:GeneratedSource",
        modality="video",
        help="an endless drawn film of changing places, people and things, offline; film:<name> is another one",
        licence="ours (MIT)",
    ),
    SourceRecord(
        "video",
        "lm_eval_longctx.hay.film.files:VideoSource",
        modality="video",
        help="video:<file or folder>: your own films, one after the other, repeated to length",
        licence="the films' own",
    ),
    SourceRecord(
        "frames",
        "lm_eval_longctx.hay.film.files:FramesSource",
        modality="image",
        help="frames:<folder>: your own pictures, in order of name, repeated to length",
        licence="the pictures' own",
    ),
)

BUILDERS: tuple[BuilderRecord, ...] = (
    BuilderRecord(
        "likelihood",
        "lm_eval_longctx.tasks.likelihood.builder:LikelihoodBuilder",
        help="documents with a window of text at growing positions",
    ),
    BuilderRecord(
        "needle", "lm_eval_longctx.tasks.text_niah.builder:NeedleBuilder", help="one needle at a depth of a text"
    ),
    BuilderRecord(
        "fact_needle",
        "lm_eval_longctx.tasks.text_niah.facts:FactBuilder",
        help="one fact at a depth of a text, asked for without its words, or after it changed",
    ),
    BuilderRecord(
        "repeat",
        "lm_eval_longctx.tasks.text_repeat.builder:RepeatBuilder",
        help="one word again and again with an odd one among them, to be copied",
    ),
    BuilderRecord(
        "multi_needle",
        "lm_eval_longctx.tasks.text_niah.builder:MultiNeedleBuilder",
        help="many needles in a text, asked for at once",
    ),
    BuilderRecord(
        "many_values",
        "lm_eval_longctx.tasks.text_niah.builder:ManyValuesBuilder",
        help="several needles with one key in a text, all their values asked for",
    ),
    BuilderRecord(
        "word_list",
        "lm_eval_longctx.tasks.text_words.builder:WordListBuilder",
        help="which words stand most often in a long list of words",
    ),
    BuilderRecord(
        "audio_needle",
        "lm_eval_longctx.tasks.audio_niah.builder:AudioNeedleBuilder",
        help="a spoken needle in hours of speech",
    ),
    BuilderRecord(
        "audio_transcript",
        "lm_eval_longctx.tasks.audio_asr.builder:AudioTranscriptBuilder",
        help="made speech, to be transcribed whole or in pieces",
    ),
    BuilderRecord(
        "audio_qa",
        "lm_eval_longctx.tasks.audio_qa.builder:AudioQaBuilder",
        help="questions about who and what is heard when",
    ),
    BuilderRecord(
        "image_needle",
        "lm_eval_longctx.tasks.image_niah.builder:ImageNeedleBuilder",
        help="a word or a shape in one picture",
    ),
    BuilderRecord(
        "image_extract",
        "lm_eval_longctx.tasks.image_extract.builder:ImageExtractBuilder",
        help="a table of what many pictures show",
    ),
    BuilderRecord(
        "mixed_needle",
        "lm_eval_longctx.tasks.mixed_niah.builder:MixedNeedleBuilder",
        help="a keyword somewhere among text, pictures, sound and film",
    ),
    BuilderRecord(
        "mixed_parts",
        "lm_eval_longctx.tasks.mixed_niah.builder:MixedPartsBuilder",
        help="two parts of one fact in two kinds of content",
    ),
    BuilderRecord(
        "mixed_qa",
        "lm_eval_longctx.tasks.mixed_qa.builder:MixedQuestionBuilder",
        help="facts in text, pictures, sound and film, to be joined, added up and compared",
    ),
    BuilderRecord(
        "public_video",
        "lm_eval_longctx.tasks.video_public.builder:PublicVideoBuilder",
        help="public sets of questions about long films",
    ),
    BuilderRecord(
        "video_qa", "lm_eval_longctx.tasks.video_qa.builder:VideoQaBuilder", help="questions about a drawn day"
    ),
    BuilderRecord(
        "video_day",
        "lm_eval_longctx.tasks.video_qa.whole_film:VideoDayBuilder",
        help="questions about all of a film at front doors",
    ),
    BuilderRecord(
        "video_needle",
        "lm_eval_longctx.tasks.video_niah.builder:VideoNeedleBuilder",
        help="a word in one frame of a film",
    ),
    BuilderRecord(
        "book_qa",
        "lm_eval_longctx.tasks.docqa.novel:BookQABuilder",
        help="questions about a novel",
    ),
    BuilderRecord(
        "text_aggregate",
        "lm_eval_longctx.tasks.aggregate.builder:TextAggregateBuilder",
        help="counts, leaders and changes over all of many records",
    ),
    BuilderRecord(
        "audio_aggregate",
        "lm_eval_longctx.tasks.aggregate.spoken:AudioAggregateBuilder",
        help="the same over minutes that are read out",
    ),
    BuilderRecord(
        "text_process",
        "lm_eval_longctx.tasks.process.builder:TextProcessBuilder",
        help="tables, lists and traces that come out of all of many records",
    ),
    BuilderRecord(
        "docqa",
        "lm_eval_longctx.tasks.docqa.builder:DocQABuilder",
        help="questions about a chronicle",
    ),
    BuilderRecord(
        "made_language",
        "lm_eval_longctx.tasks.translation.builder:MadeLanguageBuilder",
        help="translation with an invented grammar",
    ),
    BuilderRecord(
        "translation_shots",
        "lm_eval_longctx.tasks.translation.shots:ShotsBuilder",
        help="translation learnt from examples alone",
    ),
    BuilderRecord(
        "heard_language",
        "lm_eval_longctx.tasks.translation.heard:HeardBuilder",
        help="speech in a language that is learnt from a book",
    ),
    BuilderRecord(
        "published_language",
        "lm_eval_longctx.tasks.translation.public:PublishedLanguageBuilder",
        help="translation with a published grammar",
    ),
    BuilderRecord(
        "many_shot", "lm_eval_longctx.tasks.manyshot.builder:ManyShotBuilder", help="a label, learnt from many examples"
    ),
    BuilderRecord(
        "mrcr", "lm_eval_longctx.tasks.mrcr.builder:MrcrBuilder", help="which of several like answers was meant"
    ),
    BuilderRecord(
        "mrcr_openai", "lm_eval_longctx.tasks.mrcr.public:OpenAiMrcrBuilder", help="OpenAI's published conversations"
    ),
    BuilderRecord(
        "mrcr_v2",
        "lm_eval_longctx.tasks.mrcr.public:MrcrV2Builder",
        help="the published MRCR v2",
    ),
    BuilderRecord(
        "graph",
        "lm_eval_longctx.tasks.text_graph.builder:GraphBuilder",
        help="walks in a graph whose edges are statements",
    ),
    BuilderRecord(
        "plan",
        "lm_eval_longctx.tasks.text_plan.builder:PlanBuilder",
        help="plans in a world whose facts are statements",
    ),
    BuilderRecord(
        "plan_shots",
        "lm_eval_longctx.tasks.text_plan.shots:PlanShotsBuilder",
        help="a plan, learnt from many solved problems",
    ),
    BuilderRecord(
        "recordings",
        "lm_eval_longctx.tasks.audio_asr.recordings:RecordingsBuilder",
        help="recordings, to be transcribed whole or in pieces",
    ),
)

SCORERS: tuple[ScorerRecord, ...] = (
    ScorerRecord(
        "likelihood",
        "lm_eval_longctx.scorers.likelihood:LikelihoodScorer",
        help="how surprising a text is, by position, with its power law",
    ),
    ScorerRecord(
        "translation", "lm_eval_longctx.scorers.translation:TranslationScorer", help="chrF and BLEU of translations"
    ),
    ScorerRecord(
        "translation_bleurt",
        "lm_eval_longctx.scorers.bleurt:TranslationBleurtScorer",
        help="the same with BLEURT, of a checkpoint of yours",
    ),
    ScorerRecord("exact_f1", "lm_eval_longctx.scorers.exact_f1:ExactF1Scorer", help="short answers: exact, F1"),
    ScorerRecord(
        "long_answer",
        "lm_eval_longctx.scorers.long_answer:LongAnswerScorer",
        help="is the right answer mentioned in several sentences",
    ),
    ScorerRecord("retrieval", "lm_eval_longctx.scorers.retrieval:RetrievalScorer", help="is the needle's value there"),
    ScorerRecord(
        "multi_needle", "lm_eval_longctx.scorers.multi_needle:MultiNeedleScorer", help="share of many needles"
    ),
    ScorerRecord(
        "transcript",
        "lm_eval_longctx.scorers.transcript:TranscriptScorer",
        help="word and character errors, by position",
    ),
    ScorerRecord(
        "sequence_match",
        "lm_eval_longctx.scorers.sequence_match:SequenceMatchScorer",
        help="how much of a text was repeated, after a prefix",
    ),
    ScorerRecord(
        "tally", "lm_eval_longctx.scorers.tally:TallyScorer", help="a number or a name, with credit for near numbers"
    ),
    ScorerRecord(
        "repeat", "lm_eval_longctx.scorers.repeat:RepeatScorer", help="was it copied, and is the odd word in its place"
    ),
    ScorerRecord("plan", "lm_eval_longctx.scorers.plan:PlanScorer", help="does a plan work, by running it"),
    ScorerRecord("name_set", "lm_eval_longctx.scorers.name_set:NameSetScorer", help="a set of names: F1, exact"),
    ScorerRecord(
        "table_rows", "lm_eval_longctx.scorers.table_rows:TableRowsScorer", help="a long table, row by row, in order"
    ),
    ScorerRecord(
        "table_cells",
        "lm_eval_longctx.scorers.table_rows:TableCellsScorer",
        help="a table with numbered rows, cell by cell",
    ),
    ScorerRecord("label", "lm_eval_longctx.scorers.label:LabelScorer", help="is the right label given"),
    ScorerRecord(
        "choice_or_time",
        "lm_eval_longctx.scorers.choice_or_time:ChoiceOrTimeScorer",
        help="is the right option chosen, or the right time given",
    ),
    ScorerRecord("choice", "lm_eval_longctx.scorers.choice:ChoiceScorer", help="is the right option chosen"),
)


@hookimpl
def longctx_providers() -> tuple[ProviderRecord, ...]:
    """Return our providers."""
    return PROVIDERS


@hookimpl
def longctx_haystack_sources() -> tuple[SourceRecord, ...]:
    """Return our haystack sources."""
    return SOURCES


@hookimpl
def longctx_task_paths() -> tuple[Path, ...]:
    """Return the folder of our task YAMLs."""
    return (own_task_folder(),)


@hookimpl
def longctx_scorers() -> tuple[ScorerRecord, ...]:
    """Return our scorers."""
    return SCORERS


@hookimpl
def longctx_builders() -> tuple[BuilderRecord, ...]:
    """Return our kinds of task."""
    return BUILDERS
