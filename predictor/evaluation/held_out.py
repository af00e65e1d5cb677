"""The prompts that an evaluation measures on, and a warning if they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from predictor.data.records import DataError, Records
from predictor.data.splits import held_out


@dataclass(frozen=True, slots=True)
class Split:
    """The records to measure on and the records that the baselines learn from.

    ``warning`` says how many of the measured prompts may have been trained on ("" if none).
    """

    measured: Records
    training: Records
    warning: str


def split(records: Records, manifest: Mapping[str, object], which: str) -> Split:
    """The prompts held out by the manifest's rule (``which`` is "held-out"), or all prompts.

    Raises:
        DataError: ``which`` is "held-out" and fewer than two prompts were held out.
    """
    rule = manifest.get("held_out")
    threshold = rule.get("threshold", "") if isinstance(rule, Mapping) else ""
    out = held_out(records, str(threshold))
    if which == "held-out" and out.sum() < 2:
        raise DataError(
            f"{int(out.sum())} of {len(out)} prompts were held out of this model's training by the "
            "rule in its manifest; measure on data that the model has not seen with --split all, "
            "or train with --holdout"
        )
    keep = out if which == "held-out" else np.ones(len(out), dtype=np.bool_)
    fitted_again = bool(manifest.get("held_out_in_training"))
    seen = int(keep.sum()) if fitted_again else int((keep & ~out).sum())
    training = records.of_prompts(~out)
    return Split(
        measured=records.of_prompts(keep),
        training=training if len(training.tokens) else records,
        warning=_warning(seen, int(keep.sum()), fitted_again),
    )


def _warning(seen: int, total: int, fitted_again: bool) -> str:
    if not seen:
        return ""
    why = (
        "the published model was fitted again on its held-out prompts"
        if fitted_again
        else "the model's manifest does not hold these prompts out"
    )
    return (
        f"{seen} of {total} prompts may have been TRAINED ON: {why}. Unless this data had no part "
        "in the training, the metrics flatter the model"
    )
