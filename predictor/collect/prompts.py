"""The prompts to sample, from JSON lines or from Parquet in CASTILLO's schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.data.parquet import read_table
from predictor.data.records import DataError
from predictor.prompt import Prompt

SPLIT = "validate"
"""The default split of a prompt; `lengthwise train` may hold prompts of it out."""


@dataclass(frozen=True, slots=True)
class CollectPrompt:
    """One prompt: the chat ``messages`` to send, and the ``text`` that the predictor reads.

    ``digest`` is the messages' digest, which differs if a prompt was changed between two runs.
    ``chat``: the file gave ``messages`` rather than a ``prompt``.
    """

    prompt_id: str
    dataset: str
    split: str
    messages: tuple[Mapping[str, Any], ...]
    text: str
    digest: str
    chat: bool


def read_prompts(path: Path) -> list[CollectPrompt]:
    """The prompts of a file in order.

    Raises:
        DataError: the file cannot be read, or a line is not a prompt; the message names the line
            and the field.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file; give JSON lines or Parquet as --prompts")
    rows = _parquet(path) if path.suffix == ".parquet" else _json_lines(path)
    prompts = list(_distinct(path, rows))
    if not prompts:
        raise DataError(f'{path} holds no prompts; write one {{"prompt": "..."}} a line')
    return prompts


def _parquet(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    table = read_table(path, ["prompt"], optional=("prompt_id", "dataset", "split"))
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"row {number}", {"id": row.pop("prompt_id", None), **row}


def _json_lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"{path}, line {number}: not JSON ({error}); write one object a line"
                ) from error
            if not isinstance(row, Mapping):
                raise DataError(f"{path}, line {number}: not a JSON object but {_kind(row)}")
            yield f"line {number}", row


def _distinct(path: Path, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[CollectPrompt]:
    seen: dict[str, str] = {}
    for place, row in rows:
        try:
            prompt = _prompt(row, path.stem)
        except ValueError as error:
            raise DataError(f"{path}, {place}: {error}") from error
        before = seen.setdefault(prompt.prompt_id, place)
        if before != place:
            what = f"id {row['id']!r}" if row.get("id") is not None else "the same prompt"
            raise DataError(f"{path}, {place}: {what} is also on {before}; keep one of them")
        yield prompt


def _prompt(row: Mapping[str, Any], stem: str) -> CollectPrompt:
    """The prompt of one row of the file ``stem``.

    Raises:
        ValueError: a field is missing or of the wrong kind.
    """
    chat = row.get("messages") is not None
    if chat == (row.get("prompt") is not None):
        raise ValueError("give either prompt (a string) or messages (a list)")
    messages = _messages(row["messages"]) if chat else _single(row["prompt"])
    dataset = _name(row, "dataset", stem)
    digest = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:16]
    text = Prompt.from_request({"messages": messages}).text if chat else row["prompt"]
    prompt_id = _name(row, "id", f"{dataset}/{digest}")
    try:
        "".join((prompt_id, dataset, text)).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"not Unicode text ({error.reason} in a field); correct the text"
        ) from error
    return CollectPrompt(
        prompt_id=prompt_id,
        dataset=dataset,
        split=_name(row, "split", SPLIT),
        messages=tuple(messages),
        text=text,
        digest=digest,
        chat=chat,
    )


def _single(prompt: object) -> list[Mapping[str, Any]]:
    if not isinstance(prompt, str) or not prompt:
        raise ValueError(f"field prompt: give a text that is not empty, not {_kind(prompt)}")
    return [{"role": "user", "content": prompt}]


def _messages(messages: object) -> list[Mapping[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise ValueError('field messages: give a list such as [{"role": "user", "content": "..."}]')
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise ValueError(f'field messages[{index}]: give an object with "role" and "content"')
    return messages


def _name(row: Mapping[str, Any], field: str, default: str) -> str:
    value = row.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"field {field}: give a text that is not empty, not {_kind(value)}")
    return str(value)


def _kind(value: object) -> str:
    return {"NoneType": "null", "str": "a text", "dict": "an object", "list": "a list"}.get(
        type(value).__name__, type(value).__name__
    )
