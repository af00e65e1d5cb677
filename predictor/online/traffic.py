"""Traffic: records of the served log as arrays that a refit can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.fast.inputs import AXIS, COLUMNS, OWN
from predictor.features.model_names import canonical
from predictor.raw_forecast import CAP_TOKENS

Axes = Mapping[str, Array]
"""What an artefact has learned of models from traffic: the weights of the axes, by name."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """n finished requests, in completion order.

    ``model`` indexes ``names`` (canonical). ``inputs`` (n x len(COLUMNS)) are as logged, but
    ``text_own`` is as the artefact trained offline has it. ``tokens`` is the answer's length;
    where ``censored``, the true one is at least that. ``limit`` is where the answer would have
    been cut (infinite: nowhere known). ``prompt`` numbers the prompts: repeated ones share one.
    """

    names: list[str]
    model: Indices
    finished: Array
    inputs: Array
    tokens: Array
    censored: Flags
    limit: Array
    prompt: Indices

    def __len__(self) -> int:
        return len(self.model)

    @property
    def ended(self) -> Flags:
        """Answers whose own length is known, those that would never have ended left out."""
        return np.asarray(~self.censored & (self.tokens < CAP_TOKENS))

    def where(self, keep: Flags) -> Traffic:
        """The requests marked in ``keep``."""
        return Traffic(
            self.names,
            self.model[keep],
            self.finished[keep],
            self.inputs[keep],
            self.tokens[keep],
            self.censored[keep],
            self.limit[keep],
            self.prompt[keep],
        )


def collect(
    table: pa.Table, *, feature_hash: str, artefacts: Mapping[str, Axes]
) -> tuple[Traffic, dict[str, int]]:
    """The usable records of a served log, and how many were left out for which reason.

    Usable inputs were made with the same features and by an artefact with the same text model
    (one of ``artefacts``, by identity), else their columns mean something else.
    """
    skipped: dict[str, int] = {}
    keep = np.ones(table.num_rows, dtype=np.bool_)
    for reason, usable in (
        ("without inputs", _flags(pc.is_valid(table["inputs"]))),
        ("of several sequences", _numbers(table["sequences"]) == 1),
        ("without tokens", _numbers(table["output_tokens"]) > 0),
        ("with other features", _same_features(table, feature_hash)),
        ("of another artefact", np.isin(_strings(table["artefact"]), sorted(artefacts))),
    ):
        out = int(np.sum(keep & ~usable))
        if out:
            skipped[reason] = out
        keep &= usable
    kept = table.filter(pa.array(keep))
    traffic = _arrays(kept)
    _unlearn(traffic, _strings(kept["artefact"]), artefacts)
    return traffic, skipped


def _unlearn(traffic: Traffic, artefact: NDArray[np.str_], artefacts: Mapping[str, Axes]) -> None:
    """Take what an artefact had learned of a model out of ``text_own``, in place."""
    for made_by, learned in artefacts.items():
        for name, axes in learned.items():
            if name in traffic.names:
                rows = (traffic.model == traffic.names.index(name)) & (artefact == made_by)
                traffic.inputs[rows, OWN] -= traffic.inputs[rows][:, AXIS] @ axes


def _same_features(table: Any, feature_hash: str) -> Flags:
    width = _numbers(pc.list_value_length(table["inputs"])) == len(COLUMNS)
    return np.asarray(width & (_strings(table["feature_hash"]) == feature_hash))


def _arrays(table: Any) -> Traffic:
    given, place = np.unique(_strings(table["model"]), return_inverse=True)
    names = sorted({canonical(str(name)) for name in given})
    number = np.array([names.index(canonical(str(name))) for name in given], dtype=np.intp)
    tokens = _numbers(table["output_tokens"])
    censored = _flags(table["censored"])
    limit = np.nan_to_num(_numbers(table["max_tokens"]), nan=np.inf)
    flat = pc.list_flatten(table["inputs"])
    return Traffic(
        names=names,
        model=number[place] if len(place) else place.astype(np.intp),
        finished=_numbers(table["finished"]),
        inputs=_numbers(flat).reshape(-1, len(COLUMNS)),
        tokens=tokens,
        censored=censored,
        limit=np.where(censored, np.minimum(limit, tokens), np.maximum(limit, tokens)),
        prompt=_prompts(table["prompt_hash"].to_pylist()),
    )


def _numbers(column: Any) -> Array:
    """A column as doubles, null as NaN."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _strings(column: Any) -> NDArray[np.str_]:
    return np.array(column.to_pylist(), dtype=np.str_)


def _flags(column: Any) -> Flags:
    return np.asarray(column.to_numpy(), dtype=np.bool_)


def _prompts(hashes: list[str]) -> Indices:
    """A number for each distinct prompt; one without a hash is a prompt of its own."""
    known: dict[str, int] = {}
    return np.array(
        [known.setdefault(name or f"row {at}", len(known)) for at, name in enumerate(hashes)],
        dtype=np.intp,
    )
