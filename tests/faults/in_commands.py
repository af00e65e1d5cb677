"""Faults in what the commands beside serve do: simulate, calibrate, emulate."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/serve/command.py",
        old="KEY_HEADER if app.state.access.on else",
        new='"" if app.state.access.on else',
        test=(
            "tests/gateway/serve/test_command.py::test_the_example_has_a_key_where_one_is_needed"
        ),
        why="The first request that a newcomer copies is answered 401",
    ),
    Fault(
        file="gateway/simulate/arm_options.py",
        old="latency=0.0 if policy == STOCK else args.gateway_latency,",
        new="latency=args.gateway_latency,",
        test=(
            "tests/gateway/simulate/test_options.py::"
            "test_stock_has_no_gateway_and_so_no_latency_of_the_gateway"
        ),
        why=(
            "--gateway-latency slows down stock, which has no gateway, and hides the "
            "cost of the gateway in every comparison"
        ),
    ),
    Fault(
        file="gateway/simulate/arrival_process.py",
        old="rng = random.Random(seed)",
        new="rng = random.Random(0)",
        test="tests/gateway/simulate/test_study.py::test_each_seed_draws_other_arrivals",
        why=("All seeds share their arrivals, so the spread over the seeds is too small"),
    ),
    Fault(
        file="gateway/simulate/inputs/castillo.py",
        old="digest(text) <= threshold",
        new="digest(text) > threshold",
        test=(
            "tests/gateway/simulate/inputs/test_castillo.py::"
            "test_only_prompts_held_out_of_training_are_drawn"
        ),
        why="Policies are compared on the prompts that the predictor was trained on",
    ),
    Fault(
        file="gateway/simulate/study.py",
        old="length=request.length.capped(room), cut=True)",
        new="length=request.length, cut=True)",
        test=("tests/gateway/simulate/test_study.py::test_an_answer_is_cut_where_the_context_ends"),
        why="The scheduler expects more tokens than the context leaves",
    ),
    Fault(
        file="gateway/calibrate/run.py",
        old='(1000 * costs.per_kv_token, "per 1,000 tokens in the KV cache"),',
        new='(costs.per_kv_token, "per 1,000 tokens in the KV cache"),',
        test=(
            "tests/gateway/calibrate/test_calibrate.py::"
            "test_the_summary_states_each_cost_in_milliseconds"
        ),
        why="The summary states a thousandth of the cost of the KV cache",
    ),
    Fault(
        file="gateway/calibrate/calibration.py",
        old="if round_number and time.monotonic() > deadline:",
        new="if False:",
        test=(
            "tests/gateway/calibrate/test_measure.py::test_a_short_budget_measures_each_point_once"
        ),
        why="--budget-s is ignored",
    ),
    Fault(
        file="gateway/calibrate/measure.py",
        old="per_step = (len(ends) - 1) / steps",
        new="per_step = len(ends) / steps",
        test=(
            "tests/gateway/calibrate/test_measure.py::"
            "test_entering_requests_count_between_the_first_end_and_the_last"
        ),
        why=(
            "A window from one request's end to another's holds one request less than it has ends"
        ),
    ),
    Fault(
        file="gateway/emulator/command.py",
        old="block_size=args.block_size,",
        new="block_size=16,",
        test=(
            "tests/gateway/emulator/test_command.py::"
            "test_each_flag_reaches_the_setting_that_it_names"
        ),
        why="--block-size is ignored",
    ),
)
