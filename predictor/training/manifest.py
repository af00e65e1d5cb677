"""What the manifest of a trained model says: data, versions, and metrics on held-out prompts."""

from __future__ import annotations

import datetime
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.data import castillo, other_models
from predictor.data.kinds.licences import SOURCES as KINDS
from predictor.data.other_models import PromptEffects
from predictor.data.records import Records
from predictor.evaluation.forecasts import forecasts_by_model
from predictor.evaluation.kinds import metrics_by_kind
from predictor.evaluation.metrics import metrics_by_model, tau_by_corpus
from predictor.fast.predictor import LengthPredictor, Predictor
from predictor.training.fast import FittedFastTier

if TYPE_CHECKING:
    from predictor.training.refined.reuse import ReusedRefinedTier
    from predictor.training.refined.tier import FittedRefinedTier

CASTILLO = "CASTILLO (arXiv 2505.16881), CC-BY-4.0, data set danfperam/castillo"

_HOLDOUT_RULE = (
    "of other kinds of traffic a quarter of the groups of near-duplicates; of CASTILLO, split is "
    "validate and SHA-256 of the prompt's UTF-8 text, in hexadecimal, is at most the threshold"
)


def training_facts(
    records: Records, fast: FittedFastTier, *, holdout: int, threshold: str
) -> dict[str, Any]:
    """When and on what the model was trained, and which ``holdout`` prompts were held out."""
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "corpora": sorted({str(name) for name in records.corpus}),
        **size_facts(fast),
        "held_out": {"prompts": holdout, "rule": _HOLDOUT_RULE, "threshold": threshold},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("lightgbm", "numpy", "scipy")},
        },
    }


def size_facts(fast: FittedFastTier) -> dict[str, Any]:
    """The models with a text column, the numbers of samples and prompts, and the sources."""
    return {
        "models": fast.records.models[: len(fast.models.names)],
        "training_samples": len(fast.records.tokens),
        "training_prompts": len(np.unique(fast.cells.prompt)),
        "sources": source_facts(fast),
    }


def source_facts(fast: FittedFastTier) -> dict[str, dict[str, Any]]:
    """Of each corpus: title, licence, samples, prompts, models, and share of the weight."""
    records, cells = fast.records, fast.cells
    of_cell, of_sample = records.corpus[cells.prompt], records.corpus[records.prompt]
    return {
        str(name): {
            **_title(str(name)),
            "samples": int((of_sample == name).sum()),
            "prompts": len(np.unique(cells.prompt[of_cell == name])),
            "models": len(np.unique(cells.model[of_cell == name])),
            "share": round(float(cells.weight[of_cell == name].sum() / cells.weight.sum()), 4),
        }
        for name in np.unique(of_cell)
    }


def _title(corpus: str) -> dict[str, str]:
    """What a corpus is, and the licence of its prompts."""
    if corpus in KINDS:
        return {"title": f"{KINDS[corpus].title} ({corpus})", "licence": KINDS[corpus].licence}
    if corpus in castillo.LICENCES:
        return {"title": f"{corpus} of CASTILLO", "licence": castillo.LICENCES[corpus]}
    return {"title": corpus, "licence": "your own data"}


def data_facts(data: Sequence[Path], effects: Sequence[PromptEffects]) -> dict[str, Any]:
    """The names of the sources in the folders ``data``."""
    return {
        "data": "; ".join(
            CASTILLO if (folder / castillo.MODELS).is_file() else folder.name for folder in data
        ),
        "auxiliary": [other_models.SOURCES[data_set.name] for data_set in effects],
    }


def encoder_name(base: Path | None) -> str:
    """What the encoder was made from: the BERT in ``base``, by default the package's."""
    name = base.name if base else "all-MiniLM-L6-v2 (Apache-2.0)"
    return f"{name}, its first layers fine-tuned on these lengths"


def held_out_metrics(
    predictor: LengthPredictor,
    refined: FittedRefinedTier | ReusedRefinedTier | None,
    held: Records,
    licences: Path | None,
) -> dict[str, dict[str, Any]]:
    """Metrics on the prompts and models of ``held``: of CASTILLO, "in scope", and by kind.

    The metrics by model are of CASTILLO's corpora if there are any, else of all. In scope are the
    corpora and models of the training data: with ``licences`` (a folder) the licensed ones, else
    all.
    """
    if len(held.texts) < 2:
        return {"metrics": {}, "metrics_in_scope": {}, "tau_by_corpus": {}, "kinds": {}}
    inside = np.isin(held.corpus, castillo.CORPORA)
    main = held.of_prompts(inside) if inside.any() else held
    scope = main if licences is None else castillo.licensed(main, licences)
    metrics = metrics_by_model(predictor, main)
    facts: dict[str, dict[str, Any]] = {
        "metrics": metrics,
        "metrics_in_scope": metrics if scope is main else metrics_by_model(predictor, scope),
        "tau_by_corpus": tau_by_corpus(predictor, main),
        "kinds": _by_kind(predictor, held),
    }
    if refined is not None:
        with tempfile.TemporaryDirectory() as folder:
            forecaster = refined.beside(predictor, Path(folder))
            facts["metrics_refined"] = metrics_by_model(forecaster, main)
            facts["kinds_refined"] = _by_kind(forecaster, held)
            if scope is not main:
                facts["metrics_refined_in_scope"] = metrics_by_model(forecaster, scope)
    return facts


def _by_kind(predictor: Predictor, held: Records) -> dict[str, Any]:
    return metrics_by_kind(list(forecasts_by_model(predictor, held)), held)
