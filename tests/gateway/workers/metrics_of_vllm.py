"""The text of vLLM's metrics, as it publishes them."""

from __future__ import annotations

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
