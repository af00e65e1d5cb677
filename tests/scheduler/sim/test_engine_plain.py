"""The engine in constant time does the same as the engine that looks at every sequence."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from tests.scheduler.sim.plain_engine import PlainEngine

COSTS = StepCosts(1.0, 0.125, 0.0078125, 0.0625, 0.5)

requests = st.lists(
    st.tuples(st.integers(1, 25), st.integers(0, 15), st.integers(-2, 2)), min_size=1, max_size=30
)


@settings(max_examples=200, deadline=None)
@given(
    requests=requests,
    policy=st.sampled_from(["fcfs", "priority"]),
    slots=st.integers(1, 12),
    blocks=st.integers(10, 24),
    block_size=st.sampled_from([3, 4]),
    budget=st.integers(1, 60),
    watermark=st.sampled_from([0.0, 0.2]),
    gaps=st.lists(st.integers(0, 4), min_size=1),
    aborts=st.sets(st.tuples(st.integers(0, 60), st.integers(0, 29)), max_size=6),
)
def test_the_engine_does_the_same_in_every_step_as_the_plain_engine(
    *,
    requests: list[tuple[int, int, int]],
    policy: str,
    slots: int,
    blocks: int,
    block_size: int,
    budget: int,
    watermark: float,
    gaps: list[int],
    aborts: set[tuple[int, int]],
) -> None:
    config = EngineConfig(
        max_num_seqs=slots,
        num_blocks=blocks,
        block_size=block_size,
        max_num_batched_tokens=budget,
        scheduling_policy=policy,  # type: ignore[arg-type]
        watermark=watermark,
    )
    fast, plain = Engine(config, COSTS), PlainEngine(config, COSTS)
    todo = [(str(n), *request) for n, request in enumerate(requests) if sum(request[:2]) <= 30]
    arrivals = [gaps[n % len(gaps)] for n in range(len(todo))]
    step = 0
    while todo or plain.running or plain.waiting:
        while todo and not arrivals[-len(todo)]:
            fast.add(*todo[0])
            plain.add(*todo.pop(0))
        if todo:
            arrivals[-len(todo)] -= 1
        for due, number in sorted(aborts):
            if due == step:
                assert fast.abort(str(number)) == plain.abort(str(number))
        expected, found = plain.step(), fast.step()
        fast.check()
        assert found.duration == expected.duration
        assert found.emitted == expected.emitted
        assert found.finished == expected.finished
        assert found.preempted == expected.preempted
        assert fast.free_blocks == plain.free_blocks
        step += 1
    assert fast.preemptions == plain.preemptions
    assert fast.prompt_tokens == plain.prompt_tokens
    assert fast.generated_tokens == plain.generated_tokens


def test_progress_is_reported_at_every_multiple_also_after_a_preemption() -> None:
    engine = Engine(EngineConfig(num_blocks=4, block_size=4), COSTS, report_every=2)
    engine.add("a", prompt_tokens=7, output_tokens=7)
    engine.add("b", prompt_tokens=7, output_tokens=7)
    reached: list[tuple[str, int]] = []
    started: list[str] = []
    while engine.running or engine.waiting:
        events = engine.advance()
        reached += events.reached
        started += events.started
    assert engine.preemptions == 1
    assert started == ["a", "b"]
    assert {name: [n for reported, n in reached if reported == name] for name in "ab"} == {
        "a": [2, 4, 6],
        "b": [2, 4, 6],
    }
