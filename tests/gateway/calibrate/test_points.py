"""The points of a calibration fit the server: its limits, its context and its KV cache."""

from __future__ import annotations

from dataclasses import replace

from gateway.calibrate.points import Point, PointPlan

PLAN = PointPlan(max_sequences=4, max_model_len=4096, kv_tokens=None, step_s=0.01, window_s=0.32)


def of_kind(plan: PointPlan, kind: str) -> list[Point]:
    return [point for point in plan.points() if point.kind == kind]


def test_streams_double_up_to_the_limit_with_short_and_long_prompts() -> None:
    decodes = {(point.sequences, point.prompt_tokens) for point in of_kind(PLAN, "decode")}
    assert decodes == {(count, tokens) for count in (1, 2, 4) for tokens in (32, 256, 1024)}
    assert {point.sequences for point in of_kind(PLAN, "turnover")} == {1, 3}
    assert [point.prompt_tokens for point in of_kind(PLAN, "prefill")] == [32, 128, 512]


def test_a_window_decides_how_many_tokens_are_decoded() -> None:
    assert PLAN.output_tokens(32) == 32
    assert replace(PLAN, step_s=1e-5).output_tokens(32) == 512
    assert replace(PLAN, step_s=1.0).output_tokens(32) == 16
    assert replace(PLAN, max_model_len=40).output_tokens(32) == 8


def test_no_point_fills_more_than_four_fifths_of_the_kv_cache() -> None:
    small = replace(PLAN, kv_tokens=1000)
    for point in of_kind(small, "decode"):
        filled = point.sequences * (point.prompt_tokens + small.output_tokens(point.prompt_tokens))
        assert filled <= 800, point
    assert Point("decode", 2, 256) in small.points()
    assert Point("decode", 1, 1024) not in small.points()


def test_no_point_exceeds_the_context() -> None:
    short = replace(PLAN, max_model_len=300)
    assert {point.prompt_tokens for point in short.points()} == {32, 128, 256}
