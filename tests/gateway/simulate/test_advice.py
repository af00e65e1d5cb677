"""The recommendation: the best policy whose p99 latency keeps the budget."""

from __future__ import annotations

from gateway.simulate.advice import advise
from gateway.simulate.arm_options import Budget
from gateway.simulate.study import ReportRow


def row(
    policy: str,
    ageing: float | None,
    mean: float,
    p99: float,
    load: str = "1",
    kv_overflow: float = 0.05,
) -> ReportRow:
    return {
        "policy": policy,
        "ageing": ageing,
        "level": 0.85 if policy == "sejf" else None,
        "kv_overflow": None if policy in ("stock", "oracle") else kv_overflow,
        "load": float(load),
        "asked_load": load,
        "mean_normalised_latency": mean,
        "p99_e2e": p99,
    }


ROWS = [
    row("fcfs", None, 1.0, 10.0),
    row("stock", None, 0.1, 1.0),
    row("oracle", 0.03, 0.1, 1.0),
    row("sejf", 0.01, 0.4, 14.0),
    row("sejf", 0.1, 0.6, 10.5),
]


def test_the_advice_is_the_best_policy_within_the_budget() -> None:
    sejf = "policy: sejf, ageing: {}, level: 0.85, kv_overflow: 0.05\n"
    assert sejf.format(0.1) in advise(ROWS, Budget(1.1, relative=True))
    assert sejf.format(0.01) in advise(ROWS, Budget(20.0, relative=False))
    assert "policy: fcfs, kv_overflow: 0.05\n" in advise(ROWS, Budget(1.01, relative=True))


def test_the_advice_states_both_latencies_with_their_units() -> None:
    relative = advise(ROWS, Budget(1.1, relative=True))
    assert "p99 end-to-end latency <= 1.1 x fcfs at every load" in relative
    assert "mean normalised latency: 0.60 x fcfs (mean over the loads)" in relative
    assert "p99 end-to-end latency: 1.05 x fcfs (at the load where it is largest)" in relative
    assert "p99 end-to-end latency: 14.00 s" in advise(ROWS, Budget(20.0, relative=False))


def test_policies_are_compared_with_the_first_settings_of_fcfs() -> None:
    bolder = [
        row("fcfs", None, 2.0, 20.0, kv_overflow=0.2),
        row("sejf", 0.1, 0.5, 12.0, kv_overflow=0.2),
    ]
    assert "kv_overflow: 0.05\n" in advise([*ROWS, *bolder], Budget(1.1, relative=True))
    assert "kv_overflow: 0.2\n" in advise([*ROWS, *bolder], Budget(1.25, relative=True))


def test_the_budget_has_to_hold_at_every_load() -> None:
    overload = [row("fcfs", None, 2.0, 20.0, "2"), row("sejf", 0.1, 1.0, 90.0, "2")]
    rows = [one for one in ROWS if one["ageing"] != 0.01] + overload
    assert "policy: fcfs, kv_overflow: 0.05\n" in advise(rows, Budget(1.1, relative=True))


def test_a_budget_that_no_policy_keeps_gets_the_closest_policy_and_a_remedy() -> None:
    advice = advise(ROWS, Budget(1.0, relative=False))
    assert advice.startswith("No policy keeps p99 end-to-end latency <= 1 s at every load.")
    assert "Closest: policy: fcfs, kv_overflow: 0.05, with 10.00 s." in advice
    assert "Raise --p99-budget" in advice
