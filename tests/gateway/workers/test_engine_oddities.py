"""Metrics that make no sense: garbage is named and spoils nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.workers.engine_report import EngineReport, parse_report
from gateway.workers.metrics_text import MAX_SAMPLES
from tests.gateway.workers.metrics_of_vllm import gauges

GARBAGE = ["NaN", "+Inf", "-Inf", "-1", "1e300", "three", "", "0x10", "\ufffd"]


@pytest.mark.parametrize("value", GARBAGE)
@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("num_requests_running", "running"),
        ("num_requests_waiting", "waiting"),
        ("kv_cache_usage_perc", "kv_usage"),
        ("gpu_cache_usage_perc", "kv_usage"),
        ("num_preemptions", "preemptions"),
        ("prefix_cache_hits", "prefix_hits"),
    ],
)
def test_garbage_in_one_figure_is_ignored_and_named_and_spoils_no_other(
    name: str, figure: str, value: str
) -> None:
    sound = 'vllm:generation_tokens_total{engine="0"} 7\n'
    report = parse_report(f'vllm:{name}{{engine="0"}} {value}\n' + sound)
    assert (getattr(report, figure), report.ignored) == (None, (name,))
    assert report.generated == 7


def test_one_engine_of_garbage_leaves_no_sum_but_the_others_use() -> None:
    text = gauges(0, running=7.0, kv_usage=0.5) + gauges(1, running=float("nan"), kv_usage=93.0)
    report = parse_report(text)
    assert (report.running, report.kv_usage, report.kv_mean_usage) == (None, 0.5, 0.5)
    assert report.ignored == ("kv_cache_usage_perc", "num_requests_running")


def test_a_use_that_rounding_puts_beyond_one_is_one() -> None:
    assert parse_report("vllm:kv_cache_usage_perc 1.0000001\n").kv_usage == 1


@pytest.mark.parametrize(
    "more", ['num_gpu_blocks="' + "9" * 5000 + '"', 'num_gpu_blocks="²"', 'num_gpu_blocks="1e9"']
)
def test_a_capacity_of_garbage_is_left_open(more: str) -> None:
    assert parse_report(f'vllm:cache_config_info{{block_size="16",{more}}} 1\n').kv_tokens is None


def test_a_capacity_beyond_all_memory_is_ignored() -> None:
    report = parse_report('vllm:cache_config_info{kv_cache_size_tokens="999999999999999"} 1\n')
    assert (report.kv_tokens, report.ignored) == (None, ("cache_config",))


@pytest.mark.parametrize(
    "line",
    [
        'vllm:num_requests_running{engine="0" 3',
        "vllm:num_requests_running{engine=0} ",
        "vllm:num_requests_running",
    ],
)
def test_a_broken_line_is_no_figure(line: str) -> None:
    report = parse_report(f"{line}\nvllm:num_requests_waiting 2\n")
    assert (report.running, report.waiting) == (None, 2)
    assert report.ignored == ("num_requests_running",)


def test_a_time_and_an_exemplar_after_the_value_do_not_matter() -> None:
    text = "vllm:num_requests_running 3.0 1700000000\n"
    assert parse_report(text + 'vllm:num_requests_waiting 2 # {id="a"} 1 2\n') == EngineReport(
        running=3, waiting=2
    )


def test_a_flood_of_samples_takes_bounded_work() -> None:
    flood = "".join(
        f'vllm:num_requests_running{{engine="{n}"}} 1\n' for n in range(MAX_SAMPLES + 5)
    )
    assert parse_report(flood).running == MAX_SAMPLES


@given(st.text(max_size=200), st.sampled_from(["", "{", '{a="', '{a="b"} ', " "]))
def test_no_text_is_an_error_and_no_figure_is_out_of_bounds(text: str, opening: str) -> None:
    report = parse_report(f"vllm:kv_cache_usage_perc{opening}{text}\n")
    assert report.kv_usage is None or 0 <= report.kv_usage <= 1
