"""Faults in the forecasts for other gateways."""

from __future__ import annotations

from tests.faults.fault import Fault

_HINTS = "tests/gateway/hints/test_hints.py::"

FAULTS: tuple[Fault, ...] = (
    Fault(
        file="gateway/hints/app.py",
        old="        if size > MOST_BYTES:\n            break\n",
        new="",
        test=_HINTS + "test_no_more_of_a_body_is_read_than_may_come",
        why="A body of any size comes into memory before it is refused",
    ),
    Fault(
        file="gateway/hints/app.py",
        old="return Response(error.body(), error.status, media",
        new="return Response(error.body(), 200, media",
        test=_HINTS + "test_what_cannot_be_forecast_is_refused_with_the_remedy",
        why="A refused call looks as if it had forecasts",
    ),
    Fault(
        file="gateway/hints/app.py",
        old="200 if hints.ready else 503",
        new="200",
        test=_HINTS + "test_without_a_predictor_it_is_not_ready",
        why="A service without a predictor says that it is ready",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old="    if len(body) > MOST_BYTES:\n",
        new="    if False:\n",
        test=_HINTS + "test_what_cannot_be_forecast_is_refused_with_the_remedy",
        why="A call that is too large is parsed",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old="        if len(bodies) > MOST_REQUESTS:\n",
        new="        if False:\n",
        test=_HINTS + "test_what_cannot_be_forecast_is_refused_with_the_remedy",
        why="One call may ask for any number of forecasts, which all others wait for",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old="PredictorConfig(budget_ms=budget_ms)",
        new="PredictorConfig(budget_ms=5.0)",
        test=_HINTS + "test_a_predictor_that_keeps_within_the_budget_is_waited_for",
        why="--budget-ms has no effect",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old="PredictorConfig(budget_ms=budget_ms)",
        new="PredictorConfig(budget_ms=10_000.0)",
        test=_HINTS + "test_a_late_predictor_costs_no_more_than_the_budget",
        why="A late predictor holds up the gateway that asks",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old='return ApiRequest(endpoint, model, b"", body)',
        new='return ApiRequest(endpoint, model, b"", {"model": model})',
        test=_HINTS + "test_the_text_of_each_api_is_read",
        why="A forecast does not see the prompt",
    ),
    Fault(
        file="gateway/hints/hints.py",
        old="float(one.raw_forecast.inputs[0, UNFAMILIAR]) > 0",
        new="float(one.raw_forecast.inputs[0, UNFAMILIAR]) >= 0",
        test=_HINTS + "test_what_is_unlike_the_training_data_is_told",
        why="Every forecast is told as one of what was never seen",
    ),
    Fault(
        file="gateway/hints/grpc.py",
        old="            if sum(map(len, bodies)) > MOST_BYTES:\n",
        new="            if False:\n",
        test=_HINTS + "test_grpc_gives_the_same",
        why="A call by gRPC is bounded for each request alone",
    ),
    Fault(
        file="gateway/hints/grpc.py",
        old='{"mean": hint.mean,',
        new='{"mean": hint.quantiles[1],',
        test=_HINTS + "test_grpc_gives_the_same",
        why="gRPC tells the median as the mean",
    ),
)
