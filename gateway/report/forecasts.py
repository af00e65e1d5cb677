"""Where the predictor fails: the scores of ``lengthwise evaluate --log``, worst kinds first."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import Any

from gateway.report.served import Served
from predictor.evaluation.served import scores_by_kind, served_answers, what_to_do


def forecasts(served: Served) -> dict[str, Any]:
    """The figures on the forecasts; without ``kinds`` where no answer was forecast.

    ``untrue``: requests whose forecast cannot be true, and is not scored.
    """
    answers, untrue = served_answers(served.table), served.untrue_forecasts
    if not len(answers.came):
        return {"answers": 0, "untrue": untrue, "kinds": []}
    scored = list(scores_by_kind(answers))
    rows = [{**_finite(asdict(one)), "todo": what_to_do(one)} for one in scored]
    order = sorted(range(1, len(rows)), key=lambda at: -scored[at].fault)
    return {
        "answers": len(answers.came),
        "untrue": untrue,
        "all": rows[0],
        "kinds": [rows[at] for at in order],
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """A row for JSON, which has no NaN."""
    return {k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()}
