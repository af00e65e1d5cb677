"""The sets beside CASTILLO, as records: ``lengths_NAME.parquet`` and ``prompts_NAME.parquet``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from predictor.arrays import Array, Flags
from predictor.data.kinds import choice, limits, requests
from predictor.data.kinds.builder import RecordsBuilder
from predictor.data.kinds.licences import is_free
from predictor.data.kinds.models import plain_name, reasoning
from predictor.data.kinds.requests import subject
from predictor.data.kinds.token_units import factor
from predictor.data.parquet import flags, numbers, read_table, strings
from predictor.data.records import Records
from predictor.prompt import Prompt

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a set is read: its requests, and how many ``models`` a prompt and ``prompts`` at most.

    ``later_turns`` is the number of requests after the first turn for each model, where these are
    apart; 0 if all turns are read alike.
    """

    request: Callable[[Row, Row], Prompt]
    models: int
    prompts: int = 2_000
    later_turns: int = 0


KINDS: Mapping[str, Kind] = {
    "shaberi_ja": Kind(requests.text_request, models=36),
    "speechmap": Kind(requests.text_request, models=40),
    "reasoning_puzzles": Kind(requests.text_request, models=200),
    "mint_agents": Kind(requests.agent_request, models=20, prompts=900, later_turns=60),
    "livemcp_agents": Kind(requests.mcp_request, models=4),
    "just_eval_chat": Kind(requests.text_request, models=40),
    "zh_qa": Kind(requests.text_request, models=18),
    "hh_multiturn": Kind(requests.messages_request, models=2, prompts=1_500),
    "bfcl_tools": Kind(requests.tools_request, models=8),
}
"""The sets by name, in the order in which they are read."""

_COLUMNS = ("prompt_id", "model", "response_tokens", "language", "turn", "outputs_free")
_OF_PROMPTS = ("prompt_nc",)
_CELL = ("model", "prompt_id", "turn", "traj", "function_calling")
_MORE = (
    "traj", "native", "reasoning_tokens", "reasoning_hidden", "finish_reason", "context_tokens",
    "prev_tokens", "last_message", "last_message_tokens", "response_tokens_cl100k",
    "function_calling",
)  # fmt: skip


def folder_of(folder: Path) -> Path | None:
    """The folder that holds sets: ``folder`` or its sub-folder "more"; None if neither does."""
    for place in (folder, folder / "more"):
        if any((place / f"lengths_{name}.parquet").is_file() for name in KINDS):
            return place
    return None


def read_kinds(folder: Path) -> list[Records]:
    """The sets in ``folder``, one after the other.

    Raises:
        DataError: a file is absent or damaged, or lacks a column.
    """
    names = [name for name in KINDS if (folder / f"lengths_{name}.parquet").is_file()]
    return [_read(name, folder) for name in names]


def _read(name: str, folder: Path) -> Records:
    prompts = read_table(
        folder / f"prompts_{name}.parquet", ["prompt_id", "prompt", "dataset"], optional=_OF_PROMPTS
    )
    by_id = {row["prompt_id"]: row for row in prompts.to_pylist()}
    table = read_table(folder / f"lengths_{name}.parquet", _COLUMNS, optional=_MORE)
    table = table.filter(pa.array(numbers(table, "response_tokens") >= 1))
    native = _native_tokens(table)
    table = table.append_column("tokens", pa.array(native))
    table = table.append_column("cut", pa.array(limits.cut(name, table, native)))
    return _records(name, table.filter(pa.array(_chosen(name, table))).to_pylist(), by_id)


def _native_tokens(table: pa.Table) -> Array:
    """The lengths (n) in the models' own tokens."""
    tokens = numbers(table, "response_tokens")
    of = cache(factor)
    pairs = zip(strings(table, "model"), strings(table, "language"), strict=True)
    factors = np.array([of(model, language) for model, language in pairs])
    if "native" in table.column_names:
        factors[flags(table, "native")] = 1.0
    return np.asarray(np.maximum(1.0, np.round(tokens * factors)))


def _chosen(name: str, table: pa.Table) -> Flags:
    """Which rows of the lengths (n) to read."""
    kind, prompts, marks = KINDS[name], strings(table, "prompt_id"), strings(table, "model")
    of = cache(plain_name)
    models = np.array([of(mark) for mark in marks], dtype=np.object_)
    free = np.isin(marks, _free_marks(name, table))
    later = (numbers(table, "turn") > 1) & (kind.later_turns > 0)
    keep = ~later & choice.smallest(prompts, kind.prompts)
    keep[keep] = choice.of_models(models[keep], prompts[keep], free[keep], kind.models)
    keep[later] = choice.of_each(models[later], _steps(table)[later], kind.later_turns)
    cells = [table[column].to_pylist() for column in _CELL if column in table.column_names]
    keep[keep] = choice.first_samples(list(zip(*cells, strict=True)), keep)
    return keep


def _free_marks(name: str, table: pa.Table) -> list[str]:
    """The models of the set, as the set names them, from which a published model may learn."""
    pairs = set(zip(strings(table, "model"), flags(table, "outputs_free"), strict=True))
    return [mark for mark, free in pairs if is_free(name, plain_name(mark), bool(free))]


def _steps(table: pa.Table) -> NDArray[np.object_]:
    """A name for each step (n) of a trajectory."""
    if "traj" not in table.column_names:
        return strings(table, "prompt_id")
    pairs = zip(table["traj"].to_pylist(), table["turn"].to_pylist(), strict=True)
    return np.array([f"{run} {turn}" for run, turn in pairs], dtype=np.object_)


def _records(name: str, rows: Sequence[Row], by_id: Mapping[str, Row]) -> Records:
    """Records of the chosen ``rows`` of the lengths; ``by_id`` are the rows of the prompts."""
    builder = RecordsBuilder(name)
    for row in rows:
        prompt = by_id[row["prompt_id"]]
        model = plain_name(row["model"])
        seen = row.get("response_tokens_cl100k") or np.nan
        effort = reasoning(row["model"], row, seen * factor(model, row["language"]))
        request = replace(KINDS[name].request(row, prompt), reasoning=effort)
        free = is_free(name, model, row["outputs_free"]) and not prompt.get("prompt_nc")
        builder.add(request, subject(prompt), model, row["tokens"], cut=row["cut"], free=free)
    return builder.records()
