"""Texts in many scripts, tokenizers made on the spot, and text builders as the harness makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.text import sources
from lm_eval_longctx.hay.text.keys import needles
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.text_niah.builder import NeedleBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from lm_eval_longctx.tasks.base import Builder

SOURCES = {name: getattr(sources, name) for name in ("chronicle", "books", "code", "repeat", "hub", "shuffled")}
SOURCES["needles"] = needles

WORDS = {
    "english": (
        'the a of winter house never Madeleine river it\'s "quoted" 1832 said, twenty-two (perhaps) old\u2014new'
    ).split(),
    "chinese": "我 们 在 冬天 的 河边 走 了 三百 里路 看见 城市 与 山 一九三二年 「他」 先生 說".split(),
    "japanese": "わたし は 冬 の 町 を 歩いた。 カタカナ・テスト そして 「駅」 1832年 に".split(),
    "arabic": "في الشتاء ذهبنا إلى المدينة القديمة، وَقَالَ الرَّجُلُ ١٢٣ ثم عاد".split(),
    "thai": "ในฤดูหนาวเราเดิน ไปที่เมือง เก่า น้ำ กำลังไหล ๑๒๓ ครั้ง".split(),
    "hindi": "सर्दियों में हम पुराने शहर गए और १२३ लोग नदी के किनारे थे".split(),
    "emoji": (
        "winter \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 cafe\u0301 n\u0303o\u0308 "
        "e\u0301\u0327 \U0001f44d\U0001f3fd ok \U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea z\u0336a\u0337l\u0338g\u0335o"
    ).split(),
    "code": 'def  return x_1=[0xFF,1e-9]; if(a<b){ // TODO\t\tfoo->bar(); } "s\\n" /*c*/ __init__ a.b.c #!'.split(" "),
    "spaces": "word\u00a0word  two   three\t tab \u3000wide\u2009thin a\u200bb \ufeffbom end".split("|"),
}
SPACELESS = {"chinese", "japanese"}
ENDS = {"chinese": "。！？", "japanese": "。", "arabic": ".؟", "hindi": "।", "code": ";\n"}


def written(script: str, size: int, seed: int = 0) -> str:
    """Write a text of about ``size`` characters in a script: sentences, paragraphs, now and then a list."""
    rng, pieces, length = Rng(f"{script}{seed}"), [], 0
    space = "" if script in SPACELESS else " "
    while length < size:
        words = [rng.choice(WORDS[script]) for _ in range(rng.between(1, 40))]
        end = rng.choice(ENDS.get(script, ".!?"))
        after = rng.choice(["\n\n", "\n", "\n    ", "\n\n\n  "]) if rng.below(4) == 0 else space
        pieces.append(space.join(words) + end + after)
        length += len(pieces[-1])
    return "".join(pieces)


def builder_for(folder: Path, haystack: str, kind: type[Builder] = NeedleBuilder, **metadata: Any) -> Any:
    """Make a builder as the harness does, with its cache in a folder."""
    settings = {"context_lengths": ["1k"], "depths": 3, "haystack": haystack, **metadata}
    sweep = parse_sweep(settings, task="text_test", unit=kind.UNIT, options=kind.OPTIONS, has_depth=kind.HAS_DEPTH)
    return kind(sweep, BuildContext(resolve_source=SOURCES.__getitem__, cache_dir=folder))


def _trained(model: Any, trainer: Any, pre_tokenizer: Any, decoder: Any, normalizer: Any = None) -> Any:
    import tokenizers

    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    lines = [line for script in WORDS for line in written(script, 4000).splitlines()]
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


_UNKNOWN = {"unk_token": "<unk>"}


def _byte_level() -> Any:
    from tokenizers import decoders, models, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    return _trained(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel())


def _metaspace() -> Any:
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=["<unk>"], show_progress=False)
    rules = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made = _trained(models.BPE(**_UNKNOWN, fuse_unk=True), trainer, pre_tokenizers.Metaspace(), decoders.Metaspace())
    made.pre_tokenizer, made.normalizer = (
        pre_tokenizers.Sequence([]),
        rules,
    )  # as in Llama 2: merged over the whole text
    return made


def _wordpiece() -> Any:
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=["<unk>"], show_progress=False)
    return _trained(
        models.WordPiece(**_UNKNOWN),
        trainer,
        pre_tokenizers.BertPreTokenizer(),
        decoders.WordPiece(),
        normalizers.BertNormalizer(),
    )


def _unigram() -> Any:
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    trainer = trainers.UnigramTrainer(vocab_size=700, special_tokens=["<unk>"], **_UNKNOWN, show_progress=False)
    return _trained(models.Unigram(), trainer, pre_tokenizers.Metaspace(), decoders.Metaspace(), normalizers.NFKC())


LOCAL = {"byte-level": _byte_level, "metaspace": _metaspace, "wordpiece": _wordpiece, "unigram": _unigram}
