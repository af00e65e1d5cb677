"""What is read of vLLM's metrics text."""

from __future__ import annotations

import pytest

from gateway.workers.engine_report import EngineReport, parse_report
from tests.gateway.workers.metrics_of_vllm import HEADER, cache, gauges


def test_the_report_of_one_engine_is_read() -> None:
    text = HEADER + gauges(running=7.0, waiting=3.0, kv_usage=0.25, preemptions=2.0)
    assert parse_report(text + cache(blocks="27680")) == EngineReport(
        running=7,
        waiting=3,
        kv_usage=0.25,
        kv_mean_usage=0.25,
        kv_tokens=27679 * 16,
        preemptions=2,
        kv_block=16,
        prefix_caching=True,
    )


def test_several_engines_are_summed_and_the_fullest_one_counts() -> None:
    text = (
        HEADER
        + gauges(0, running=7.0, waiting=0.0, kv_usage=0.25, preemptions=1.0)
        + gauges(1, running=5.0, waiting=4.0, kv_usage=0.75, preemptions=2.0)
        + cache(0, blocks="100")
        + cache(1, blocks="200")
    )
    assert parse_report(text) == EngineReport(
        running=12,
        waiting=4,
        kv_usage=0.75,
        kv_mean_usage=0.5,
        kv_tokens=298 * 16,
        preemptions=3,
        kv_block=16,
        prefix_caching=True,
    )


def test_the_capacity_in_tokens_is_preferred_to_blocks_times_their_size() -> None:
    # With several groups of layers the two differ.
    more = ',kv_cache_size_tokens="442880"'
    assert parse_report(cache(blocks="1000", more=more)).kv_tokens == 442_880 - 16


def test_a_capacity_of_none_is_worked_out_from_the_blocks() -> None:
    more = ',kv_cache_size_tokens="None"'
    assert parse_report(cache(blocks="1000", more=more)).kv_tokens == 999 * 16


@pytest.mark.parametrize(
    ("blocks", "block_size"), [("None", "16"), ("1000", "None"), ("None", "None"), ("", "16")]
)
def test_a_capacity_that_is_not_known_yet_is_left_open(blocks: str, block_size: str) -> None:
    assert parse_report(cache(blocks=blocks, block_size=block_size)).kv_tokens is None


@pytest.mark.parametrize("text", ["", "\n", HEADER, "<html>not metrics</html>", "not found"])
def test_a_server_without_these_metrics_says_nothing(text: str) -> None:
    assert parse_report(text) == EngineReport()


def test_each_number_stands_alone() -> None:
    assert parse_report('vllm:num_requests_running{engine="0"} 3.0\n') == EngineReport(running=3)
    assert parse_report("vllm:kv_cache_usage_perc 0.5\n") == EngineReport(
        kv_usage=0.5, kv_mean_usage=0.5
    )
    assert parse_report("vllm:num_preemptions_total 4\n") == EngineReport(preemptions=4)


def test_prefix_cache_counters_are_read() -> None:
    text = (
        'vllm:prefix_cache_queries_total{engine="0"} 300.0\n'
        'vllm:prefix_cache_queries_total{engine="1"} 100.0\n'
        'vllm:prefix_cache_hits_total{engine="0"} 90.0\n'
        'vllm:external_prefix_cache_hits_total{engine="0"} 5.0\n'
    )
    assert parse_report(text) == EngineReport(prefix_queries=400, prefix_hits=90)


def test_zero_is_a_number() -> None:
    report = parse_report(gauges())
    assert (report.running, report.waiting, report.kv_usage, report.preemptions) == (0, 0, 0, 0)


def test_metrics_of_like_names_are_not_mixed_up() -> None:
    report = parse_report(gauges(waiting=5.0, preemptions=1.0))
    assert (report.waiting, report.preemptions) == (5, 1)


def test_a_model_name_may_hold_what_the_format_escapes() -> None:
    text = 'vllm:num_requests_running{engine="0",model_name="a\\"b\\\\c} 9, d\\n"} 3.0\n'
    assert parse_report(text).running == 3


def test_windows_line_ends_and_a_missing_last_one_do_not_matter() -> None:
    text = gauges(running=7.0).replace("\n", "\r\n").rstrip()
    assert parse_report(text).running == 7


OLD = """\
vllm:num_requests_running{model_name="m"} 3.0
vllm:num_requests_swapped{model_name="m"} 0.0
vllm:num_requests_waiting{model_name="m"} 2.0
vllm:gpu_cache_usage_perc{model_name="m"} 0.93
vllm:cpu_cache_usage_perc{model_name="m"} 0.0
vllm:gpu_prefix_cache_queries_total{model_name="m"} 1000.0
vllm:gpu_prefix_cache_hits_total{model_name="m"} 400.0
vllm:cache_config_info{block_size="16",num_gpu_blocks="400"} 1.0
"""


def test_an_older_vllm_is_read_by_its_names() -> None:
    assert parse_report(OLD) == EngineReport(
        running=3,
        waiting=2,
        kv_usage=0.93,
        kv_mean_usage=0.93,
        kv_tokens=399 * 16,
        kv_block=16,
        prefix_queries=1000,
        prefix_hits=400,
    )


def test_a_vllm_that_publishes_old_and_new_names_counts_once() -> None:
    both = OLD + OLD.replace("vllm:gpu_", "vllm:").replace("cache_usage", "kv_cache_usage")
    report = parse_report(both.replace("vllm:kv_cache_usage_perc", "vllm:kv_cache_usage_perc"))
    assert (report.kv_usage, report.prefix_queries) == (0.93, 1000)


@pytest.mark.parametrize("prefix", ["vllm_", "ray_vllm_", "ray_vllm:"])
def test_names_without_a_colon_are_read(prefix: str) -> None:
    assert parse_report(OLD.replace("vllm:", prefix)) == parse_report(OLD)


@pytest.mark.parametrize(
    ("said", "expected"),
    [(["True"], True), (["False"], False), (["False", "False"], False), (["True", "False"], None)],
)
def test_an_engine_says_whether_it_keeps_a_prefix_cache(said: list[str], expected: bool) -> None:
    lines = [
        f'vllm:cache_config_info{{enable_prefix_caching="{word}",engine="{n}"}} 1'
        for n, word in enumerate(said)
    ]
    assert parse_report("\n".join(lines) + "\n").prefix_caching is expected
    assert parse_report('vllm:cache_config_info{block_size="16"} 1\n').prefix_caching is None
