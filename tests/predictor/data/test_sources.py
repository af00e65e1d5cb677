"""Sources of lengths: what is recognised, what is read from it, and what is refused."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from predictor.data import castillo, sources
from predictor.data.records import DataError, Records
from predictor.served_log import ServedLog, ServedRecord


def published_row(prompt: str, model: str, sizes: list[int], **more: Any) -> dict[str, Any]:
    return {
        "sample_id": "1",
        "prompt_id": prompt[:3],
        "model": model,
        "dataset": "Mbpp",
        "prompt_text": prompt,
        "longest_response": "text",
        "output_sizes": sizes,
        "output_percentiles": {"p50": 1.0},
        **more,
    }


def write_published(folder: Path, config: str, **splits: list[dict[str, Any]]) -> Path:
    (folder / config).mkdir(parents=True)
    for split, rows in splits.items():
        (folder / config / f"{config}_{split}.json").write_text(json.dumps(rows, indent=2))
    return folder


def served(text: str | None, tokens: int, **more: Any) -> ServedRecord:
    fields: dict[str, Any] = {
        "id": "r",
        "arrival": time.time(),
        "finished": time.time(),
        "model": "m",
        "endpoint": "chat",
        "prompt_tokens": 5,
        "output_tokens": tokens,
        "finish_reason": "stop",
        "censored": False,
        "tier": "fast",
        "text": text,
    }
    return ServedRecord(**(fields | more))


def write_log(folder: Path, *records: ServedRecord) -> Path:
    log = ServedLog(folder)
    for record in records:
        log.append(record)
    log.close()
    return folder


def made(texts: list[str], models: list[str], corpus: str, *, validate: bool) -> Records:
    """One sample of each prompt and model, of 10, 11, ... tokens."""
    prompt, model = np.divmod(np.arange(len(texts) * len(models)), len(models))
    return Records.of_texts(
        texts,
        corpus=np.full(len(texts), corpus),
        validate=np.full(len(texts), validate),
        models=models,
        prompt=prompt,
        model=model,
        tokens=np.arange(10, 10 + len(prompt), dtype=np.float64),
        censored=np.zeros(len(prompt), dtype=bool),
    )


def test_castillos_local_files_are_recognised(small_data: Path) -> None:
    found, expected = sources.read(small_data), castillo.read_castillo(small_data)
    assert found.texts == expected.texts
    assert np.array_equal(found.tokens, expected.tokens)


def test_all_splits_of_the_published_data_set_but_test_are_read(tmp_path: Path) -> None:
    folder = write_published(
        tmp_path,
        "original",
        train=[published_row("one", "a--b--c", [3, 15001])],
        validate=[published_row("two", "a--b--c", [5, 6, 7]), published_row("two", "d--e", [9])],
        test=[published_row("three", "d--e", [11, 12])],
    )
    records = sources.read(folder)
    assert records.texts == ["one", "two"]
    assert records.validate.tolist() == [False, True]
    assert records.models == ["a/b--c", "d/e"]
    assert records.tokens.tolist() == [3, 15001, 5, 6, 7, 9]
    assert records.censored.tolist() == [False, True, False, False, False, False]
    assert set(records.corpus) == {"Mbpp"}
    test = sources.read(folder, test=True)
    assert (test.texts, test.tokens.tolist()) == (["three"], [11, 12])


def test_of_several_configurations_only_original_is_read(tmp_path: Path) -> None:
    write_published(tmp_path, "original", train=[published_row("one", "a--b", [3, 15001])])
    write_published(tmp_path, "sanitized", train=[published_row("one", "a--b", [3])])
    write_published(tmp_path, "degenerate", train=[published_row("one", "a--b", [3, 15001])])
    assert sources.read(tmp_path).tokens.tolist() == [3, 15001]


def test_the_sanitized_configuration_alone_is_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_published(tmp_path, "sanitized", train=[published_row("one", "a--b", [3])])
    assert sources.read(tmp_path).tokens.tolist() == [3]
    assert "sanitized configuration" in caplog.text


def test_parquet_with_the_published_columns_is_read(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([published_row("one", "a--b", [3, 4])])
    (tmp_path / "validate").mkdir()
    pq.write_table(table, tmp_path / "validate/0000.parquet")
    records = sources.read(tmp_path)
    assert (records.tokens.tolist(), records.validate.tolist()) == ([3, 4], [True])


def test_a_row_without_a_field_is_named(tmp_path: Path) -> None:
    write_published(
        tmp_path, "original", train=[published_row("one", "a--b", [3]), {"sample_id": "2"}]
    )
    with pytest.raises(DataError, match=r"original_train\.json, row 2 has no prompt_id"):
        sources.read(tmp_path)


def test_a_served_log_with_texts_gives_one_sample_a_request(tmp_path: Path) -> None:
    folder = write_log(
        tmp_path / "log",
        served("What is tea?", 40),
        served("What is tea?", 64, censored=True, finish_reason="length"),
        served(None, 10),
        served("Two at once", 10, sequences=2),
        served("Gone at once", 0, censored=True),
        served("Who is Bach?", 90, model="n"),
    )
    records = sources.read(folder)
    assert records.texts == ["What is tea?", "Who is Bach?"]
    assert records.tokens.tolist() == [40, 64, 90]
    assert records.censored.tolist() == [False, True, False]
    assert [records.models[at] for at in records.model] == ["m", "m", "n"]
    assert records.validate.all()
    assert set(records.corpus) == {"served"}


def test_a_served_log_without_texts_says_what_to_set(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "log", served(None, 40))
    with pytest.raises(DataError, match=r"holds no texts; set learning\.keep_text, or use online"):
        sources.read(folder)


def test_sources_are_merged_by_text_and_by_model() -> None:
    first = made(["tea", "bach"], ["acme/Solo", "x/Y"], "one", validate=False)
    second = made(["bach", "river"], ["solo-AWQ"], "two", validate=True)
    both = sources.merge([first, second])
    assert both.texts == ["tea", "bach", "river"]
    assert both.models == ["acme/Solo", "x/Y"]
    assert both.corpus.tolist() == ["one", "one", "two"]
    assert both.validate.tolist() == [False, True, True]
    cells = zip(both.prompt, both.model, both.tokens, strict=True)
    assert sorted((int(p), int(m), float(t)) for p, m, t in cells) == [
        (0, 0, 10),
        (0, 1, 11),
        (1, 0, 10),
        (1, 0, 12),
        (1, 1, 13),
        (2, 0, 11),
    ]


def test_a_source_given_twice_counts_once(small_data: Path) -> None:
    once = sources.read_all([small_data])
    assert len(sources.read_all([small_data, small_data / "."]).tokens) == len(once.tokens)


def test_a_folder_without_lengths_is_refused_with_the_known_sources(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(DataError, match="holds no lengths; give CASTILLO's files, a folder made"):
        sources.read(tmp_path)
    with pytest.raises(DataError, match="gone is not there; give CASTILLO's files"):
        sources.read(tmp_path / "gone")


def test_a_collection_without_a_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"prompt_id": ["a"]}), tmp_path / "lengths_collected.parquet")
    with pytest.raises(DataError, match=r"lengths_collected\.parquet has no column model"):
        sources.read(tmp_path)


def test_the_test_split_of_a_collection_is_for_measuring_only(tmp_path: Path) -> None:
    lengths = {"prompt_id": ["a", "b"], "model": ["m", "m"], "response_tokens": [5, 7]}
    prompts = {"prompt_id": ["a", "b"], "dataset": ["x", "x"], "split": ["test", "validate"]}
    pq.write_table(
        pa.table(lengths | {"capped": [False, True]}), tmp_path / "lengths_collected.parquet"
    )
    pq.write_table(
        pa.table(prompts | {"prompt": ["Measure", "Train"]}), tmp_path / "prompts_collected.parquet"
    )
    records, test = sources.read(tmp_path), sources.read(tmp_path, test=True)
    assert (records.texts, records.tokens.tolist()) == (["Train"], [7])
    assert records.censored.tolist() == [True]
    assert (test.texts, test.tokens.tolist()) == (["Measure"], [5])


def test_a_length_of_an_unknown_prompt_is_named(tmp_path: Path) -> None:
    lengths = {"prompt_id": ["gone"], "model": ["m"], "response_tokens": [5], "capped": [False]}
    prompts = {"prompt_id": ["a"], "dataset": ["x"], "split": ["train"], "prompt": ["Train"]}
    pq.write_table(pa.table(lengths), tmp_path / "lengths_collected.parquet")
    pq.write_table(pa.table(prompts), tmp_path / "prompts_collected.parquet")
    with pytest.raises(DataError, match=r"prompts_collected\.parquet lacks prompt 'gone'"):
        sources.read(tmp_path)
