"""Lengths cut by a limit count as longer than the cut, not as equal to it."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.data.cut_answers import beyond
from predictor.data.records import Records
from predictor.training.boosters import cells_of

SPREAD = 0.3


def made(prompts: int = 60, models: int = 4, samples: int = 6) -> Records:
    """Log-normal lengths: prompt + model + noise."""
    rng = np.random.default_rng(3)
    prompt = np.repeat(np.arange(prompts), models * samples)
    model = np.tile(np.repeat(np.arange(models), samples), prompts)
    level = rng.normal(5.5, 0.6, prompts)[prompt] + 0.3 * model
    return Records(
        texts=[f"text {at}" for at in range(prompts)],
        corpus=np.full(prompts, "x"),
        validate=np.ones(prompts, dtype=bool),
        models=[f"m{at}" for at in range(models)],
        prompt=prompt,
        model=model,
        tokens=np.exp(level + SPREAD * rng.standard_normal(len(prompt))),
        capped=np.zeros(len(prompt), dtype=bool),
    )


def cut(records: Records, at: float) -> Records:
    """The records of a server with ``max_tokens = at``."""
    return replace(records, tokens=np.minimum(at, records.tokens), capped=records.tokens >= at)


def test_without_a_cut_nothing_changes() -> None:
    records = made()
    logs = np.log(records.tokens)
    mean, drawn = beyond(logs, records.capped, records.prompt, records.model)
    assert mean is logs
    assert drawn is logs


def test_the_lengths_beyond_a_cut_are_recovered_on_average() -> None:
    records = made()
    limited = cut(records, 400.0)
    assert 0.3 < limited.capped.mean() < 0.6
    truth, naive, found = (
        cells_of(records).centre,
        cells_of(replace(limited, capped=np.zeros_like(limited.capped))).centre,
        cells_of(limited).centre,
    )
    assert np.abs(found - truth).mean() < 0.5 * np.abs(naive - truth).mean()
    assert found.mean() == pytest.approx(truth.mean(), abs=0.1)


def test_the_draws_keep_the_spread_and_stay_beyond_the_cut() -> None:
    records = cut(made(), 400.0)
    logs = np.log(records.tokens)
    mean, drawn = beyond(logs, records.capped, records.prompt, records.model)
    assert np.all(drawn[records.capped] >= np.log(400.0))
    assert np.array_equal(drawn[~records.capped], logs[~records.capped])
    assert drawn[records.capped].std() > mean[records.capped].std()


def test_a_prompt_with_all_answers_cut_stays_finite() -> None:
    records = cut(made(), 20.0)
    assert records.capped.mean() > 0.99
    values = cells_of(records).centre
    assert np.all(np.isfinite(values))
    assert np.all(values >= np.log(20.0) - 1e-9)
