"""A small data set in CASTILLO's form, whose lengths follow from the prompts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FREE = ("Qwen/Qwen2.5-7B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3", "acme/Solo-Instruct")
BOUND = ("google/gemma-3-4b-it",)
LEVEL = {FREE[0]: 1.0, FREE[1]: 1.3, FREE[2]: 0.7, BOUND[0]: 0.4}
"""How long each model's answers are, relative to the first's."""

_TOPICS = ("tea", "rivers", "chess", "trains", "bread", "clouds", "maps", "bees", "paper", "storms")
_KINDS = (
    ("DollyDataset", "What is {topic}? Case {at}.", 40.0),
    ("Mbpp", "Write a Python function about {topic} that returns item {at}.", 160.0),
    ("ShareGPT", "Write a long essay on {topic} with part {at}, please.", 600.0),
    ("Alpaca", "List {count} tips about {topic}, number {at}.", 30.0),
)
SIGMA = 0.25
"""Spread of the log length within a prompt."""


def write_data(folder: Path, *, prompts: int = 320, samples: int = 5, seed: int = 0) -> Path:
    """Writes the three files; every second prompt is of the split ``validate``."""
    rng = np.random.default_rng(seed)
    texts, corpora, splits, medians = [], [], [], []
    for at in range(prompts):
        corpus, form, median = _KINDS[at % len(_KINDS)]
        count = int(rng.integers(2, 12))
        texts.append(form.format(topic=_TOPICS[rng.integers(len(_TOPICS))], at=at, count=count))
        corpora.append(corpus)
        splits.append("validate" if (at // len(_KINDS)) % 2 else "train")
        medians.append(median * (count if corpus == "Alpaca" else 1))
    ids = [f"castillo/{at:05d}" for at in range(prompts)]
    table = {"prompt_id": ids, "dataset": corpora, "split": splits, "prompt": texts}
    pq.write_table(pa.table(table), folder / "prompts_castillo.parquet")
    pq.write_table(_lengths(ids, medians, samples, rng), folder / "lengths_castillo.parquet")
    rows = [f"{name},7,x,{name in FREE}" for name in LEVEL]
    header = "model,params_b,model_license,output_use_unrestricted"
    (folder / "models_castillo.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def _lengths(
    ids: list[str], medians: list[float], samples: int, rng: np.random.Generator
) -> pa.Table:
    prompt_ids, models, tokens = [], [], []
    for prompt_id, median in zip(ids, medians, strict=True):
        for model, level in LEVEL.items():
            drawn = median * level * np.exp(SIGMA * rng.standard_normal(samples))
            prompt_ids += [prompt_id] * samples
            models += [model] * samples
            tokens += np.maximum(1, np.rint(drawn)).astype(int).tolist()
    capped = rng.random(len(tokens)) < 0.002
    lengths = np.where(capped, 15_000, tokens)
    return pa.table(
        {"prompt_id": prompt_ids, "model": models, "response_tokens": lengths, "capped": capped}
    )
