"""Tiny models with eyes or ears, made of nothing: random weights, and the real processors of their kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{{ c['text'] if c['type'] == 'text' else '<image>' }}{% endfor %}{% endfor %}"
)
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
WINDOW = 4096


def _tokenizer(*special: str) -> Any:
    """Train a tokenizer of some 300 pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    names = ["<pad>", "<s>", "</s>", *special]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=names, initial_alphabet=letters)
    made.train_from_iterator(["a frame of a video"], trainer)
    marks = dict(zip(("pad_token", "bos_token", "eos_token"), names, strict=False))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=WINDOW, **marks)


def make_seeing(folder: Path) -> None:
    """Save a model that sees four patches of a picture."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    words = _tokenizer("<image>")
    eyes = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    patches = {"patch_size": 16, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    mark = {"image_token": "<image>"}
    LlavaProcessor(eyes, words, chat_template=TEMPLATE, **mark, **patches).save_pretrained(folder)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**LAYERS, image_size=32, patch_size=16).to_dict(),
        text_config=LlamaConfig(**LAYERS, vocab_size=len(words), max_position_embeddings=WINDOW).to_dict(),
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)


def make_hearing(folder: Path) -> None:
    """Save a model that hears as Qwen2-Audio does."""
    from transformers import (
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    words = _tokenizer("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=8), words).save_pretrained(folder)
    ears = {"num_mel_bins": 8, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "d_model": 16}
    text = {"model_type": "qwen2", **LAYERS, "vocab_size": len(words), "max_position_embeddings": WINDOW}
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", **ears},
        text_config=text,
        audio_token_index=words.convert_tokens_to_ids("<|AUDIO|>"),
    )
    Qwen2AudioForConditionalGeneration(config).save_pretrained(folder)
