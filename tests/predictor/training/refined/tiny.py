"""A BERT small enough for a unit test: tokenizer, dimensions, weights as arrays and on disk."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from predictor.arrays import Single

if TYPE_CHECKING:
    from predictor.training.refined.net import Size

WORDS = ("write", "a", "poem", "about", "the", "sea", "sort", "list", "of", "number", "##s", "sh")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz0123456789.,")
PIECES = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *dict.fromkeys((*LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS)),
)
HIDDEN, HEADS, INNER, LAYERS, POSITIONS, UNPAIRED_LAYERS = 16, 4, 32, 2, 24, 1


def tokenizer(pieces: tuple[str, ...] = PIECES) -> str:
    """The JSON of an uncased WordPiece tokenizer."""
    special = [
        {"id": at, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for at, name in enumerate(pieces[:4])
    ]
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": special,
            "normalizer": {"type": "BertNormalizer", "clean_text": True}
            | {"handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": None,
            "decoder": None,
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": {piece: at for at, piece in enumerate(pieces)},
            },
        }
    )


def size(*, outputs: int, unpaired_layers: int = UNPAIRED_LAYERS) -> Size:
    """The dimensions of the net with the weights of ``state``."""
    from predictor.training.refined.net import Size  # torch, which most environments lack

    return Size(
        vocabulary=len(PIECES),
        positions=POSITIONS,
        hidden=HIDDEN,
        heads=HEADS,
        inner=INNER,
        layers=LAYERS,
        unpaired_layers=unpaired_layers,
        outputs=outputs,
    )


def state(columns: int, *, seed: int = 0) -> dict[str, Single]:
    """Random weights of a net, named as in its state."""
    rng = np.random.default_rng(seed)

    def some(*shape: int, spread: float = 0.3) -> Single:
        return (spread * rng.standard_normal(shape)).astype(np.float32)

    weights = {
        "words.weight": some(len(PIECES), HIDDEN),
        "positions.weight": some(POSITIONS, HIDDEN),
        **_norm("norm"),
        "attend.weight": some(1, HIDDEN),
        "attend.bias": some(1),
        "head.weight": some(columns, 2 * HIDDEN),
        "head.bias": some(columns),
    }
    for layer in range(LAYERS):
        for name, into, out in (
            ("qkv", HIDDEN, 3 * HIDDEN),
            ("out", HIDDEN, HIDDEN),
            ("up", HIDDEN, INNER),
            ("down", INNER, HIDDEN),
        ):
            weights[f"layers.{layer}.{name}.weight"] = some(out, into)
            weights[f"layers.{layer}.{name}.bias"] = some(out, spread=0.1)
        weights |= _norm(f"layers.{layer}.norm") | _norm(f"layers.{layer}.last")
    return weights


def _norm(name: str) -> dict[str, Single]:
    ones, zeros = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
    return {f"{name}.weight": ones, f"{name}.bias": zeros}


def bert(folder: Path, *, seed: int = 0) -> Path:
    """A directory with a tiny BERT of random weights, as its publishers lay it out."""
    weights = state(1, seed=seed)
    rng = np.random.default_rng(seed)
    tensors = {
        "embeddings.word_embeddings.weight": weights["words.weight"],
        "embeddings.position_embeddings.weight": weights["positions.weight"],
        "embeddings.token_type_embeddings.weight": np.zeros((2, HIDDEN), np.float32),
        "embeddings.LayerNorm.weight": weights["norm.weight"],
        "embeddings.LayerNorm.bias": weights["norm.bias"],
    }
    for layer in range(LAYERS):
        ours, theirs = f"layers.{layer}.", f"encoder.layer.{layer}."
        for kind in ("weight", "bias"):
            parts = np.split(weights[f"{ours}qkv.{kind}"], 3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                tensors[f"{theirs}attention.self.{name}.{kind}"] = part
            for own, other in (
                ("out", "attention.output.dense"),
                ("norm", "attention.output.LayerNorm"),
                ("up", "intermediate.dense"),
                ("down", "output.dense"),
                ("last", "output.LayerNorm"),
            ):
                tensors[f"{theirs}{other}.{kind}"] = weights[f"{ours}{own}.{kind}"]
    order = rng.permutation(len(tensors))  # a file may hold its tensors in any order
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(
        safetensors({name: tensors[name] for name in np.array(list(tensors))[order]})
    )
    (folder / "tokenizer.json").write_text(tokenizer())
    config = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def safetensors(tensors: dict[str, Single]) -> bytes:
    """The tensors as a safetensors file."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in tensors.items():
        raw = np.ascontiguousarray(value).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
