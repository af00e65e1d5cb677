"""What is read of vLLM's metrics text."""

from __future__ import annotations

import pytest

from gateway.workers.engine_report import EngineReport, parse_report

LABELS = 'engine="{engine}",model_name="Qwen/Qwen3-8B"'

HEADER = """\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 9381.0
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 2.147483648e+09
"""

GAUGES = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{{labels}}} {running}
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{{labels}}} {waiting}
vllm:num_requests_waiting_by_reason{{{labels},reason="capacity"}} {waiting}
vllm:num_requests_waiting_by_reason{{{labels},reason="deferred"}} 0.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{{{labels}}} {kv_usage}
# HELP vllm:num_preemptions_total Cumulative number of preemption from the engine.
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{{{labels}}} {preemptions}
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{{{labels}}} 1.7573e+09
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{{{labels},le="0.001"}} 0.0
vllm:time_to_first_token_seconds_bucket{{{labels},le="+Inf"}} 12.0
vllm:time_to_first_token_seconds_sum{{{labels}}} 1.25
"""

CACHE = (
    "# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig\n"
    "# TYPE vllm:cache_config_info gauge\n"
    'vllm:cache_config_info{{block_size="{block_size}",cache_dtype="auto",'
    'calculate_kv_scales="False",cpu_kvcache_space_bytes="None",enable_prefix_caching="True",'
    'engine="{engine}",gpu_memory_utilization="0.9",is_attention_free="False",'
    'kv_cache_memory_bytes="None",num_cpu_blocks="None",num_gpu_blocks="{blocks}",'
    'num_gpu_blocks_override="None",prefix_caching_hash_algo="sha256",sliding_window="None"'
    "{more}}} 1.0\n"
)


def gauges(engine: int = 0, **values: float) -> str:
    shown = {"running": 0.0, "waiting": 0.0, "kv_usage": 0.0, "preemptions": 0.0, **values}
    return GAUGES.format(labels=LABELS.format(engine=engine), **shown)


def cache(engine: int = 0, *, blocks: str, block_size: str = "16", more: str = "") -> str:
    return CACHE.format(engine=engine, blocks=blocks, block_size=block_size, more=more)


def test_the_report_of_one_engine_is_read() -> None:
    text = HEADER + gauges(running=7.0, waiting=3.0, kv_usage=0.25, preemptions=2.0)
    assert parse_report(text + cache(blocks="27680")) == EngineReport(
        running=7,
        waiting=3,
        kv_usage=0.25,
        kv_mean_usage=0.25,
        kv_tokens=27680 * 16,
        preemptions=2,
        kv_block=16,
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
        kv_tokens=300 * 16,
        preemptions=3,
        kv_block=16,
    )


def test_the_capacity_in_tokens_is_preferred_to_blocks_times_their_size() -> None:
    # With several groups of layers the two differ.
    more = ',kv_cache_size_tokens="442880"'
    assert parse_report(cache(blocks="1000", more=more)).kv_tokens == 442_880


def test_a_capacity_of_none_is_worked_out_from_the_blocks() -> None:
    more = ',kv_cache_size_tokens="None"'
    assert parse_report(cache(blocks="1000", more=more)).kv_tokens == 16_000


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
