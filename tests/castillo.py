"""Prompts with the lengths of real models' replies (CASTILLO, arXiv 2505.16881)."""

import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class CastilloRequest:
    """A prompt, and the length in tokens of one reply of `model`."""

    prompt_id: str
    prompt: str
    corpus: str
    model: str
    output_tokens: int


def find_data() -> Path | None:
    """Returns the folder with the CASTILLO files: $LENGTHWISE_DATA or ../shared/data."""
    folder = Path(os.environ.get("LENGTHWISE_DATA") or ROOT.parent / "shared" / "data")
    files = (folder / "lengths_castillo.parquet", folder / "prompts_castillo.parquet")
    return folder if all(file.is_file() for file in files) else None


def needed_data() -> Path:
    """Returns the folder with the CASTILLO files.

    Raises:
        FileNotFoundError: the files do not exist.
    """
    folder = find_data()
    if folder is None:
        raise FileNotFoundError("CASTILLO is missing: export LENGTHWISE_DATA=<its folder>")
    return folder


def requests(
    model: str,
    count: int,
    seed: int,
    *,
    max_output: int | None = None,
    max_prompt_chars: int | None = None,
    split: str = "validate",
    keep: Callable[[str], bool] = bool,
) -> list[CastilloRequest]:
    """Draws `count` different prompts, each with the length of one of its samples at random.

    A prompt is left out if `keep` is false for its text, or if the drawn sample is longer than
    `max_output` tokens. The latter changes the distribution: a long sample is not replaced by a
    shorter one. The same arguments give the same requests.

    Raises:
        FileNotFoundError: the data is missing.
        ValueError: fewer than `count` prompts fit.
    """
    fitting = fitting_requests(
        model,
        seed,
        max_output=max_output,
        max_prompt_chars=max_prompt_chars,
        split=split,
        keep=keep,
    )
    if len(fitting) < count:
        raise ValueError(f"{len(fitting)} of {count} requests fit: {model}, {split}")
    return fitting[:count]


def fitting_requests(
    model: str,
    seed: int,
    *,
    max_output: int | None = None,
    max_prompt_chars: int | None = None,
    split: str = "validate",
    keep: Callable[[str], bool] = bool,
) -> list[CastilloRequest]:
    """Draws as `requests` does: all prompts that fit, in random order."""
    folder = needed_data()
    lengths, rng = read_lengths(folder, model, split), random.Random(seed)
    fitting = []
    for prompt_id, corpus, prompt in read_prompts(folder, split):
        if prompt_id not in lengths or not keep(prompt):
            continue
        output_tokens = rng.choice(lengths[prompt_id])
        if max_output is not None and output_tokens > max_output:
            continue
        if max_prompt_chars is not None and len(prompt) > max_prompt_chars:
            continue
        fitting.append(CastilloRequest(prompt_id, prompt, corpus, model, output_tokens))
    return rng.sample(fitting, len(fitting))


def read_lengths(folder: Path, model: str, split: str) -> dict[str, list[int]]:
    """Returns the lengths of all samples in tokens, by prompt id."""
    table = pq.read_table(
        folder / "lengths_castillo.parquet",
        columns=["prompt_id", "response_tokens"],
        filters=[("model", "==", model), ("split", "==", split)],
    )
    lengths: dict[str, list[int]] = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("prompt_id", "response_tokens"))
    for prompt_id, tokens in zip(*columns, strict=True):
        lengths[prompt_id].append(tokens)
    return lengths


def read_prompts(folder: Path, split: str) -> list[tuple[str, str, str]]:
    """Returns (prompt_id, corpus, prompt) of all prompts in a fixed order."""
    names = ["prompt_id", "dataset", "prompt"]
    path = folder / "prompts_castillo.parquet"
    table = pq.read_table(path, columns=names, filters=[("split", "==", split)])
    return sorted(zip(*(table[name].to_pylist() for name in names), strict=True))
