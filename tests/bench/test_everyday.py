"""What the benchmark of everyday requests counts."""

import json
from pathlib import Path

import numpy as np
import pytest

from predictor import Prompt
from tests.bench.everyday import Everyday, misses, of_atoms, read


def found(median: list[float], spread: float = 1.5) -> Everyday:
    """Requests with the range 10 to 20 tokens."""
    value = np.array(median)
    return Everyday(
        tags=[f"r{at}" for at in range(len(median))],
        low=value / spread,
        median=value,
        high=value * spread,
        least=np.full(len(median), 10.0),
        most=np.full(len(median), 20.0),
    )


def test_medians_in_range_and_intervals_that_miss_it_are_counted() -> None:
    assert found([5.0, 10.0, 20.0, 25.0, 40.0]).summary()[:2] == ("2 of 5", "2")


def test_the_factor_counts_both_ways() -> None:
    assert found([5.0, 15.0, 60.0]).factor == pytest.approx([2.0, 1.0, 3.0])


def test_the_farthest_median_comes_first() -> None:
    assert [row[0] for row in misses(found([5.0, 15.0, 60.0])).rows] == ["r2", "r0"]


def test_a_forecast_is_cut_at_the_requests_limit(tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Write a long essay on tea"}]}
    rows = [{"tag": "cut", "lo": 1, "hi": 9, "body": body | {"max_tokens": 3}}]
    rows.append({"tag": "free", "lo": 1, "hi": 9, "body": body})
    (tmp_path / "file").write_text("\n".join(map(json.dumps, rows)))
    requests = read(tmp_path / "file")
    prompts = [Prompt.from_request(request["body"]) for request in requests]
    atoms = np.tile([400.0, 500.0, 600.0], (2, 1))
    measured = of_atoms(requests, prompts, atoms, np.full((2, 3), 1 / 3))
    assert measured.median == pytest.approx([3, 500])
    assert measured.high[0] == 3 < measured.high[1]
