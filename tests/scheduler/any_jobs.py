"""Jobs and workers of any kind, for property tests."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from scheduler.worker import Worker
from tests.scheduler.builders import distributions, job, spec

MODELS = ("a", "b")
LONGEST = 1000
MOST_SEQUENCES = 4
LENGTHS = distributions(LONGEST)
POLICY_SPREAD = {
    "fcfs": 0.0,
    "sjf_prompt": math.log(500),
    "sejf": math.log(LONGEST * MOST_SEQUENCES),
    "sept": math.log(LONGEST * MOST_SEQUENCES),
    "kv_volume": math.log(LONGEST * 500 + MOST_SEQUENCES * LONGEST * (LONGEST + 1) / 2),
    "tail_aware": math.log(LONGEST * MOST_SEQUENCES),
    "gittins": math.log(LONGEST * MOST_SEQUENCES),
    "boost": math.log(1000.0) + 1e-3,
}
"""The largest difference of two keys at the same arrival."""

SPECS = st.builds(
    spec,
    id=st.sampled_from(["v", "w", "x"]),
    models=st.sets(st.sampled_from(MODELS), min_size=1),
    slots=st.integers(1, 4),
    kv_tokens=st.none() | st.integers(100, 3000),
    engine_queue=st.integers(0, 2),
    kv_block=st.sampled_from([16, 16, 16, 128]),
)
WORKERS = st.builds(Worker, spec=SPECS, healthy=st.sampled_from([True, True, True, False]))
JOBS = st.builds(
    job,
    id=st.just("named when it is submitted"),
    model=st.sampled_from(MODELS),
    prompt=st.integers(0, 500),
    tokens=LENGTHS,
    sequences=st.integers(1, MOST_SEQUENCES),
    deadline=st.sampled_from([math.inf, math.inf, math.inf, 20.0, 5.0, 0.0]),  # from its arrival
    tenant=st.sampled_from(["", "", "", "p", "q"]),
    share=st.sampled_from([1.0, 3.0]),
    urgency=st.sampled_from([0, 0, 0, 1]),
    affinity=st.sampled_from(["", "s"]),
)
