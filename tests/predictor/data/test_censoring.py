"""Imputation of right-censored lengths."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.data.censoring import impute_censored
from predictor.data.records import Records
from predictor.training.cells import cells_of

SPREAD = 0.3


def synthetic_records(prompts: int = 60, models: int = 4, samples: int = 6) -> Records:
    """Log-normal lengths: prompt + model + noise."""
    rng = np.random.default_rng(3)
    prompt = np.repeat(np.arange(prompts), models * samples)
    model = np.tile(np.repeat(np.arange(models), samples), prompts)
    level = rng.normal(5.5, 0.6, prompts)[prompt] + 0.3 * model
    return Records.of_texts(
        [f"text {at}" for at in range(prompts)],
        corpus=np.full(prompts, "x"),
        validate=np.ones(prompts, dtype=bool),
        models=[f"m{at}" for at in range(models)],
        prompt=prompt,
        model=model,
        tokens=np.exp(level + SPREAD * rng.standard_normal(len(prompt))),
        censored=np.zeros(len(prompt), dtype=bool),
    )


def limited_to(records: Records, limit: float) -> Records:
    """The records of a server with ``max_tokens = limit``."""
    return replace(
        records, tokens=np.minimum(limit, records.tokens), censored=records.tokens >= limit
    )


def test_lengths_without_censoring_stay_as_they_are() -> None:
    records = synthetic_records()
    logs = np.log(records.tokens)
    mean, drawn = impute_censored(logs, records.censored, records.prompt, records.model)
    assert mean is logs
    assert drawn is logs


def test_imputed_lengths_are_right_on_average() -> None:
    records = synthetic_records()
    limited = limited_to(records, 400.0)
    assert 0.3 < limited.censored.mean() < 0.6
    truth, naive, found = (
        cells_of(records).centre,
        cells_of(replace(limited, censored=np.zeros_like(limited.censored))).centre,
        cells_of(limited).centre,
    )
    assert np.abs(found - truth).mean() < 0.5 * np.abs(naive - truth).mean()
    assert found.mean() == pytest.approx(truth.mean(), abs=0.1)


def test_drawn_lengths_keep_the_spread_and_exceed_the_cut() -> None:
    records = limited_to(synthetic_records(), 400.0)
    logs = np.log(records.tokens)
    mean, drawn = impute_censored(logs, records.censored, records.prompt, records.model)
    assert np.all(drawn[records.censored] >= np.log(400.0))
    assert np.array_equal(drawn[~records.censored], logs[~records.censored])
    assert drawn[records.censored].std() > mean[records.censored].std()


def test_a_prompt_with_only_censored_answers_gets_finite_lengths() -> None:
    records = limited_to(synthetic_records(), 20.0)
    assert records.censored.mean() > 0.99
    values = cells_of(records).centre
    assert np.all(np.isfinite(values))
    assert np.all(values >= np.log(20.0) - 1e-9)
