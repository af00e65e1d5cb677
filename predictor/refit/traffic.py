"""Traffic: records of the served log as arrays that a refit can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from predictor.adaptive import mode
from predictor.adaptive.keys import LEVELS, NO_KEY
from predictor.arrays import Array, Flags, Indices
from predictor.data.parquet import flags, numbers, strings
from predictor.fast.inputs import AXIS, COLUMNS, OWN
from predictor.features.model_names import canonical
from predictor.refit.texts import LoggedTexts
from predictor.training.interval_calibration import is_endless

Axes = Mapping[str, Array]
"""The axis weights (AXES) that an artefact has learned from traffic, by model name."""

NO_TEXT_KEPT = "without the text that the current version's words need"
"""Why a record is skipped that was logged without ``learning.keep_text``."""


@dataclass(frozen=True, slots=True)
class LoggedTraffic:
    """n finished requests, in the order of completion.

    ``model`` (n) indexes ``names`` (canonical). ``finished`` (n) is in Unix seconds. ``inputs`` (n
    x len(COLUMNS)) are the logged inputs, with ``text_own`` as the offline artefact computes it.
    ``tokens`` (n) are the answers' lengths; where ``censored``, the answer would have been longer.
    ``limit`` (n) is the length at which the answer would have been cut (infinite if unknown).
    ``prompt`` (n) numbers the prompts; requests with the same prompt share a number. ``arrival``
    (n) is in Unix seconds, ``asked`` (n) the model's name in the request. ``keys`` (n x levels) and
    ``mode`` (n x numbers) are what the adaptive layer knows the requests by; an old log has none:
    ``NO_KEY`` and 0. ``texts`` are the requests' texts, where the log has them.
    """

    names: list[str]
    model: Indices
    finished: Array
    inputs: Array
    tokens: Array
    censored: Flags
    limit: Array
    prompt: Indices
    arrival: Array
    asked: NDArray[np.str_]
    keys: NDArray[np.int64]
    mode: Array
    texts: LoggedTexts

    def __len__(self) -> int:
        return len(self.model)

    @property
    def ended(self) -> Flags:
        """Which answers (n) ended by themselves, however long."""
        return np.asarray(~self.censored)

    @property
    def endless(self) -> Flags:
        """Which answers (n) would never have ended, by the rule of the training."""
        return is_endless(self.tokens, self.censored)

    def where(self, keep: Flags | Indices) -> LoggedTraffic:
        """The requests marked in ``keep`` (n flags), or with these indices, which may repeat."""
        names = [field.name for field in fields(self)[1:-1]]
        rows = {name: getattr(self, name)[keep] for name in names}
        return LoggedTraffic(self.names, **rows, texts=self.texts.where(keep))


def usable_traffic(
    log: pa.Table,
    *,
    feature_hash: str,
    artefacts: Mapping[str, Axes],
    with_text: bool = False,
) -> tuple[LoggedTraffic, dict[str, int]]:
    """The usable records of a served log, and the number of skipped records by reason.

    Usable inputs have the features of ``feature_hash`` and were logged by one of ``artefacts``
    (``artefact_id`` -> axes). All ``artefacts`` have the same text model, so that the columns of
    the inputs have the same meaning. ``with_text``: records without a text are not usable, since an
    artefact to judge has learned words.
    """
    skipped: dict[str, int] = {}
    keep = np.ones(log.num_rows, dtype=np.bool_)
    for reason, usable in (
        ("without inputs", _valid(log, "inputs")),
        ("of several sequences", numbers(log, "sequences") == 1),
        ("without tokens", numbers(log, "output_tokens") > 0),
        ("with other features", _same_features(log, feature_hash)),
        ("of another artefact", np.isin(_texts(log, "artefact"), sorted(artefacts))),
        (NO_TEXT_KEPT, _valid(log, "text") | (not with_text)),
    ):
        count = int(np.sum(keep & ~usable))
        if count:
            skipped[reason] = count
        keep &= usable
    kept = log.filter(pa.array(keep))
    traffic = _arrays(kept)
    _remove_learned_axes(traffic, _texts(kept, "artefact"), artefacts)
    return traffic, skipped


def _remove_learned_axes(
    traffic: LoggedTraffic, artefact: NDArray[np.str_], artefacts: Mapping[str, Axes]
) -> None:
    """Subtract what the logging artefact had learned of a model from ``text_own``, in place."""
    for identity, learned in artefacts.items():
        for name, axes in learned.items():
            if name in traffic.names:
                rows = (traffic.model == traffic.names.index(name)) & (artefact == identity)
                traffic.inputs[rows, OWN] -= traffic.inputs[rows][:, AXIS] @ axes


def _same_features(log: pa.Table, feature_hash: str) -> Flags:
    """Which records have inputs of the right number of columns and the wanted feature hash."""
    width = pc.list_value_length(log["inputs"]).to_numpy()
    return np.asarray((width == len(COLUMNS)) & (_texts(log, "feature_hash") == feature_hash))


def _arrays(log: pa.Table) -> LoggedTraffic:
    logged, position = np.unique(_texts(log, "model"), return_inverse=True)
    names = sorted({canonical(str(name)) for name in logged})
    number = np.array([names.index(canonical(str(name))) for name in logged], dtype=np.intp)
    tokens, censored = numbers(log, "output_tokens"), flags(log, "censored")
    limit = np.nan_to_num(numbers(log, "max_tokens"), nan=np.inf)
    inputs = pc.list_flatten(log["inputs"]).to_numpy()
    return LoggedTraffic(
        names=names,
        model=number[position] if len(position) else position.astype(np.intp),
        finished=numbers(log, "finished"),
        inputs=np.asarray(inputs, dtype=np.float64).reshape(-1, len(COLUMNS)),
        tokens=tokens,
        censored=censored,
        limit=np.where(censored, np.minimum(limit, tokens), np.maximum(limit, tokens)),
        prompt=_prompt_numbers(log["prompt_hash"].to_pylist()),
        arrival=numbers(log, "arrival"),
        asked=_texts(log, "model"),
        keys=_lists(log, "keys", len(LEVELS), NO_KEY).astype(np.int64),
        mode=_lists(log, "mode_numbers", len(mode.NAMES), 0.0).astype(np.float64),
        texts=LoggedTexts.read(log["text"].to_pylist()),
    )


def _valid(log: pa.Table, column: str) -> Flags:
    """Which records have a value in ``column``."""
    return np.asarray(pc.is_valid(log[column]).to_numpy(), dtype=np.bool_)


def _lists(log: pa.Table, column: str, width: int, absent: float) -> NDArray[Any]:
    """A column of lists of ``width`` numbers; a list that is null or of another width is absent."""
    nothing = [absent] * width
    rows = (row if row and len(row) == width else nothing for row in log[column].to_pylist())
    return np.array(list(rows), dtype=object).reshape(-1, width)


def _texts(log: pa.Table, column: str) -> NDArray[np.str_]:
    """A column of texts for comparison; null becomes the text "None"."""
    return strings(log, column).astype(np.str_)


def _prompt_numbers(hashes: list[str | None]) -> Indices:
    """A number for each distinct prompt hash; a prompt without a hash has its own number."""
    known: dict[str, int] = {}
    return np.array(
        [known.setdefault(name or f"row {row}", len(known)) for row, name in enumerate(hashes)],
        dtype=np.intp,
    )
