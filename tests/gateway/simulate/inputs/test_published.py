"""Traces are read as they are published; other files are refused with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulate.inputs.reader import read_arrival_times, read_source
from predictor.data.records import DataError
from tests.gateway.simulate.inputs.files import OPTIONS, all_requests

AZURE_2023 = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
"""
AZURE_2024 = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00+00:00,4808,10
2024-05-10 00:00:00.052000+00:00,3180,8
"""
BURSTGPT = """\
Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,4808,10,4818,Conversation log
5.052,GPT-4,3180,8,3188,API log
6,GPT-4,99,0,99,API log
"""
BURSTGPT_NEWER = """\
Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
5.0,7,1.2,ChatGPT,4808,10,4818,Conversation log
5.052,,0.3,GPT-4,3180,8,3188,API log
"""
MOONCAKE = """\
{"timestamp": 27482, "input_length": 4808, "output_length": 10, "hash_ids": [46, 47]}
{"timestamp": 27534, "input_length": 3180, "output_length": 8, "hash_ids": [46]}
"""
RESULTS = """\
{"date": "20251101-120000", "backend": "vllm", "model_id": "m", "total_input_tokens": 7988,
 "input_lens": [4808, 3180, 5], "output_lens": [10, 8, 0], "start_times": [3.5, 3.552, 3.6],
 "ttfts": [0.1, 0.2, 0.0], "errors": ["", "", "refused"]}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("azure.csv", AZURE_2023),
        ("azure.csv", AZURE_2024),
        ("azure.csv", "\ufeff" + AZURE_2023.replace("\n", "\r\n")),
        ("burst.csv", BURSTGPT),
        ("burst.csv", BURSTGPT_NEWER),
        ("mooncake.jsonl", MOONCAKE),
        ("results.json", RESULTS),
        ("results.json", RESULTS.replace("\n", "")),
    ],
)
def test_a_published_trace_gives_lengths_and_arrivals(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path, name, text)
    source = read_source(path, OPTIONS)
    lengths = [(one.prompt_tokens, one.output_tokens) for one in all_requests(source)]
    assert lengths == [(4808, 10), (3180, 8)]
    assert source.times == pytest.approx([0.0, 0.052])
    assert read_arrival_times(path) == pytest.approx([0.0, 0.052])


def test_results_without_start_times_have_no_arrivals(tmp_path: Path) -> None:
    text = RESULTS.replace("start_times", "something_else")
    assert not read_source(write(tmp_path, "results.json", text), OPTIONS).times


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("results.json", '{"request_throughput": 1, "total_input_tokens": 5}', "--save-detailed"),
        ("sharegpt.json", '[{"id": "a", "conversations": []}]', "vllm bench serve"),
        ("custom.jsonl", '{"prompt": "Hello", "output_tokens": 5}\n', "vllm bench serve"),
        ("mooncake.jsonl", MOONCAKE + '{"timestamp": 1}\n', "line 3: KeyError: 'input_length'"),
        ("azure.csv", AZURE_2023 + "soon,1,1\n", "give the file as it was published"),
        ("azure.csv", AZURE_2023.partition("\n")[0] + "\n", "has no rows"),
    ],
)
def test_other_files_are_refused_with_the_remedy(
    tmp_path: Path, name: str, text: str, remedy: str
) -> None:
    with pytest.raises(DataError, match=remedy):
        read_source(write(tmp_path, name, text), OPTIONS)
