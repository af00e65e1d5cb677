"""What the log says of the workers: how many sequences at once, and who serves what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gateway.calibrate.cost_model import Limits
from gateway.config.settings import Config
from gateway.replay.pools import UnlikeWorkersError
from gateway.report.limits import models_of, usual_most, workers_of
from gateway.report.served import read_served
from scheduler.worker_spec import ENGINE_QUEUE
from tests.gateway.replay.traffic import traffic
from tests.gateway.report.logs import BEGUN, WORKER, records, written


def test_slots_are_found_where_requests_waited(tmp_path: Path) -> None:
    log = written(tmp_path, records(traffic(count=200)))
    (worker,) = workers_of(read_served(log, BEGUN + 1e6), (), Limits(), ENGINE_QUEUE)
    assert worker.limits.slots == 4
    assert not worker.slots_known


def test_what_is_configured_or_measured_counts_before_the_log(tmp_path: Path) -> None:
    served = read_served(written(tmp_path, records(traffic(count=40))), BEGUN + 1e6)
    config = Config.model_validate(
        {"workers": [{"url": WORKER, "max_num_seqs": 12, "kv_tokens": 5000}]}
    )
    (worker,) = workers_of(served, config.workers, Limits(max_num_seqs=7), ENGINE_QUEUE)
    assert (worker.limits.slots, worker.limits.kv_tokens, worker.slots_known) == (12, 5000, True)
    (worker,) = workers_of(served, (), Limits(max_num_seqs=7, kv_tokens=900), ENGINE_QUEUE)
    assert (worker.limits.slots, worker.limits.kv_tokens, worker.slots_known) == (7, 900, True)


def test_a_moment_with_more_at_once_is_chance() -> None:
    begin = np.array([0.0, 0.0, 10.0, 30.0])
    end = np.array([100.0, 50.0, 60.0, 30.01])
    assert usual_most(begin, end, np.ones(4)) == 3
    assert usual_most(np.array([0.0]), np.array([100.0]), np.array([5.0])) == 5
    assert usual_most(np.array([]), np.array([]), np.array([])) == 0


def test_workers_that_share_a_model_serve_the_same_ones() -> None:
    workers = ["a"] * 50 + ["b"] * 51 + ["c"] * 9
    models = ["m"] * 100 + ["rare"] + ["other"] * 9
    found = models_of(workers, models)
    assert found == {"a": ("m", "rare"), "b": ("m", "rare"), "c": ("other",)}


def test_a_worker_that_never_got_a_frequent_model_is_unlike() -> None:
    workers = ["a"] * 100 + ["b"] * 100
    models = ["m"] * 100 + ["m"] * 40 + ["n"] * 60
    with pytest.raises(UnlikeWorkersError, match="'n'"):
        models_of(workers, models)
