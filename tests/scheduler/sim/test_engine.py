from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.step import StepTokens

FREE = StepCosts(base=1.0, per_sequence=0.0, per_kv_token=0.0, per_prefill_token=0.0)


def small(**limits: object) -> Engine:
    """An engine of 10 blocks of 4 tokens whose steps cost one second each."""
    settings: dict[str, object] = {"num_blocks": 10, "block_size": 4, "max_model_len": 1000}
    return Engine(EngineConfig(**{**settings, **limits}), FREE)  # type: ignore[arg-type]


def drain(engine: Engine) -> list[StepTokens]:
    """Step until nothing is left, checking the invariants after each step."""
    results: list[StepTokens] = []
    while engine.running or engine.waiting:
        results.append(engine.step())
        engine.check()
        assert len(results) < 10_000, "the engine makes no progress"
    return results


def finish_order(results: list[StepTokens]) -> list[str]:
    return [request_id for result in results for request_id in result.finished]


def test_a_request_emits_its_tokens_one_a_step_and_leaves_the_cache_empty() -> None:
    engine = small()
    engine.add("a", prompt_tokens=5, output_tokens=3)
    results = drain(engine)
    assert [r.emitted for r in results] == [["a"], ["a"], ["a"]]
    assert finish_order(results) == ["a"]
    assert (engine.kv_usage, engine.prompt_tokens, engine.generated_tokens) == (0.0, 5, 3)


def test_a_step_costs_the_sum_of_its_batch_context_and_prefill() -> None:
    engine = Engine(EngineConfig(), StepCosts(1.0, 0.1, 0.001, 0.01))
    engine.add("a", prompt_tokens=100, output_tokens=2)
    assert engine.step().duration == pytest.approx(1.0 + 0.1 + 100 * 0.001 + 99 * 0.01)
    assert engine.step().duration == pytest.approx(1.0 + 0.1 + 101 * 0.001)
    assert engine.step().duration == 0.0


def test_a_request_costs_its_share_once_in_its_first_step() -> None:
    engine = Engine(EngineConfig(), StepCosts(1.0, 0.0, 0.0, 0.0, per_request=0.25))
    engine.add("a", prompt_tokens=100, output_tokens=2)
    engine.add("b", prompt_tokens=100, output_tokens=2)
    assert [r.duration for r in drain(engine)] == [1.5, 1.0]


def test_a_long_prompt_is_computed_in_chunks_of_the_token_budget() -> None:
    engine = small(max_num_batched_tokens=8)
    engine.add("a", prompt_tokens=20, output_tokens=1)
    assert [r.emitted for r in drain(engine)] == [[], [], ["a"]]


def test_running_requests_take_their_share_of_the_budget_before_a_prompt_does() -> None:
    engine = small(max_num_batched_tokens=4)
    engine.add("a", prompt_tokens=4, output_tokens=5)
    engine.step()
    engine.add("b", prompt_tokens=6, output_tokens=1)
    assert [r.emitted for r in drain(engine)] == [["a"], ["a", "b"], ["a"], ["a"]]


def test_a_request_without_output_ends_with_its_prefill() -> None:
    engine = small()
    engine.add("a", prompt_tokens=5, output_tokens=0)
    (result,) = drain(engine)
    assert (result.emitted, result.finished) == ([], ["a"])


def test_waiting_requests_never_displace_running_ones() -> None:
    engine = small(max_num_seqs=1, scheduling_policy="priority")
    engine.add("first", prompt_tokens=4, output_tokens=4, priority=9)
    engine.step()
    engine.add("urgent", prompt_tokens=4, output_tokens=1, priority=-5)
    results = drain(engine)
    assert finish_order(results) == ["first", "urgent"]
    assert engine.preemptions == 0


@pytest.mark.parametrize(
    ("policy", "expected"), [("priority", ["b", "c", "a"]), ("fcfs", ["a", "b", "c"])]
)
def test_priority_orders_the_queue_under_the_priority_policy_only(
    policy: str, expected: list[str]
) -> None:
    engine = small(max_num_seqs=1, scheduling_policy=policy)
    engine.add("a", prompt_tokens=4, output_tokens=2, priority=7)
    engine.add("b", prompt_tokens=4, output_tokens=2, priority=1)
    engine.add("c", prompt_tokens=4, output_tokens=2, priority=1)
    assert finish_order(drain(engine)) == expected


def test_a_prompt_waits_until_all_its_blocks_are_free() -> None:
    engine = small(max_num_batched_tokens=4)
    engine.add("a", prompt_tokens=4, output_tokens=8)
    engine.add("b", prompt_tokens=37, output_tokens=1)
    engine.step()
    assert (engine.running, engine.waiting) == (1, 1)
    assert finish_order(drain(engine)) == ["a", "b"]


def test_an_admission_leaves_the_watermark_free_unless_the_engine_is_idle() -> None:
    engine = small(watermark=0.5)
    engine.add("a", prompt_tokens=24, output_tokens=3)
    engine.add("b", prompt_tokens=4, output_tokens=1)
    engine.step()
    assert (engine.running, engine.waiting) == (1, 1)
    assert finish_order(drain(engine)) == ["a", "b"]


def test_a_full_cache_preempts_the_latest_and_recomputes_what_it_had() -> None:
    engine = small(num_blocks=4)
    engine.add("a", prompt_tokens=7, output_tokens=6)
    engine.add("b", prompt_tokens=7, output_tokens=6)
    results = drain(engine)
    assert [r.preempted for r in results if r.preempted] == [["b"]]
    assert Counter(i for r in results for i in r.emitted) == {"a": 6, "b": 6}
    assert (engine.preemptions, engine.prompt_tokens, engine.generated_tokens) == (1, 14, 12)


def test_recomputation_costs_as_much_as_prefill() -> None:
    costs = StepCosts(base=0.0, per_sequence=0.0, per_kv_token=0.0, per_prefill_token=1.0)
    engine = Engine(EngineConfig(num_blocks=4, block_size=4, max_model_len=16), costs)
    engine.add("a", prompt_tokens=7, output_tokens=6)
    engine.add("b", prompt_tokens=7, output_tokens=6)
    # Two prompts of 7, each sampling one token, and b's 7 + 2 anew.
    assert sum(r.duration for r in drain(engine)) == 6 + 6 + 8


def test_the_budget_of_a_preempted_request_goes_to_others_in_the_same_step() -> None:
    engine = small(num_blocks=4, max_num_batched_tokens=3, scheduling_policy="priority")
    for name, prompt, output, priority in (("lax", 2, 6, 3), ("a", 2, 4, 0), ("b", 4, 2, 0)):
        engine.add(name, prompt, output, priority)
        engine.step()
    results = drain(engine)
    assert [r.emitted for r in results if r.preempted] == [["a", "b"]]


def test_the_priority_policy_preempts_the_least_urgent_even_if_it_came_first() -> None:
    engine = small(num_blocks=4, scheduling_policy="priority")
    engine.add("lax", prompt_tokens=7, output_tokens=6, priority=5)
    engine.step()
    engine.add("urgent", prompt_tokens=7, output_tokens=6, priority=1)
    results = drain(engine)
    assert {i for r in results for i in r.preempted} == {"lax"}
    assert finish_order(results) == ["urgent", "lax"]


def test_abort_frees_the_blocks_of_a_running_request_and_forgets_a_waiting_one() -> None:
    engine = small(max_num_seqs=1)
    engine.add("a", prompt_tokens=8, output_tokens=9)
    engine.add("b", prompt_tokens=8, output_tokens=9)
    engine.step()
    assert engine.kv_usage == pytest.approx(0.2)
    assert engine.abort("b")
    assert engine.abort("a")
    assert not engine.abort("a")
    engine.check()
    assert (engine.running, engine.waiting, engine.kv_usage) == (0, 0, 0.0)


@pytest.mark.parametrize(
    ("prompt", "output", "message"),
    [(41, 0, "KV blocks"), (30, 12, "KV blocks"), (900, 101, "max_model_len"), (0, 1, "prompt")],
)
def test_a_request_that_can_never_fit_is_refused(prompt: int, output: int, message: str) -> None:
    engine = small()
    with pytest.raises(ValueError, match=message):
        engine.add("a", prompt, output)
    engine.add("b", 30, 11)
    with pytest.raises(ValueError, match="already"):
        engine.add("b", 1, 1)


def test_impossible_limits_are_refused() -> None:
    for wrong in ({"max_num_seqs": 0}, {"watermark": 1.0}, {"scheduling_policy": "lifo"}):
        with pytest.raises(ValueError, match=r"must be|unknown"):
            small(**wrong)
    with pytest.raises(ValueError, match="negative"):
        StepCosts(base=-1.0)


policies = st.sampled_from(["fcfs", "priority"])
requests = st.lists(
    st.tuples(st.integers(1, 25), st.integers(0, 15), st.integers(-2, 2)), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(
    requests=requests,
    policy=policies,
    slots=st.integers(1, 8),
    budget=st.integers(1, 40),
    watermark=st.sampled_from([0.0, 0.3]),
    every=st.integers(0, 3),
)
def test_every_request_emits_exactly_its_tokens_whatever_the_limits(
    *,
    requests: list[tuple[int, int, int]],
    policy: str,
    slots: int,
    budget: int,
    watermark: float,
    every: int,
) -> None:
    engine = small(
        max_num_seqs=slots,
        max_num_batched_tokens=budget,
        scheduling_policy=policy,
        watermark=watermark,
    )
    results = []
    for number, (prompt, output, priority) in enumerate(requests):
        engine.add(str(number), prompt, output, priority)
        for _ in range(every):
            results.append(engine.step())
            engine.check()
    results += drain(engine)
    emitted = Counter(i for r in results for i in r.emitted)
    expected = {str(n): output for n, (_, output, _) in enumerate(requests) if output}
    assert emitted == expected
    assert sorted(finish_order(results)) == sorted(str(n) for n in range(len(requests)))
    assert engine.preemptions == sum(len(r.preempted) for r in results)
    assert engine.prompt_tokens == sum(prompt for prompt, _, _ in requests)


@settings(max_examples=100, deadline=None)
@given(requests=requests, aborts=st.lists(st.integers(0, 24)), policy=policies)
def test_aborts_at_any_time_lose_no_block_and_no_other_request(
    requests: list[tuple[int, int, int]], aborts: list[int], policy: str
) -> None:
    engine = small(max_num_seqs=4, scheduling_policy=policy)
    for number, (prompt, output, priority) in enumerate(requests):
        engine.add(str(number), prompt, output, priority)
    gone: set[str] = set()
    results = []
    for target in aborts:
        results.append(engine.step())
        if engine.abort(str(target)):
            gone.add(str(target))
        engine.check()
    results += drain(engine)
    finished = set(finish_order(results))
    assert finished | gone == {str(n) for n in range(len(requests))}
    assert not finished & gone
    assert engine.free_blocks == engine.config.num_blocks
