"""Large bodies that cost a careless reader seconds of its event loop, or gigabytes."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable

from tests.fuzz.bodies import CALL, PIXEL, USER

MIB = 2**20


def _chat(content: str) -> bytes:
    text = '{"model": "emulated", "max_tokens": 2, "messages": [{"role": "user", "content": %s}]}'
    return (text % content).encode()


def _field(name: str, value: str) -> bytes:
    body = '{"model": "emulated", "max_tokens": 2, "messages": [%s], "%s": %s}'
    return (body % (json.dumps(USER), name, value)).encode()


def _calls() -> bytes:
    turn = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return _chat('"x"')[:-2] + (", " + ", ".join([json.dumps(turn)] * 50_000)).encode() + b"]}"


def _schema(count: int) -> str:
    properties = ",".join(f'"p{number}":{{"type":"string"}}' for number in range(count))
    return f'{{"type":"json_schema","json_schema":{{"schema":{{"properties":{{{properties}}}}}}}}}'


LARGE: dict[str, Callable[[], bytes]] = {
    "a text of 20 MiB": lambda: _chat('"' + "word " * (4 * MIB) + '"'),
    "escapes": lambda: _chat('"' + "\\n" * (6 * MIB) + '"'),
    "escaped pairs": lambda: _chat('"' + "\\ud83d\\ude00" * MIB + '"'),
    "empty lists": lambda: _chat("[" + "[]," * (4 * MIB) + "1]"),
    "lists to the bound": lambda: _chat("[" + "[]," * 390_000 + "1]"),
    "objects to the bound": lambda: _chat("[" + '{"text":"a"},' * 240_000 + "1]"),
    "depth": lambda: _chat("[" * (4 * MIB)),
    "depth in objects": lambda: _chat('{"a":' * MIB),
    "token ids": lambda: (
        b'{"model": "emulated", "max_tokens": 2, "prompt": [' + b"12345," * 1_900_000 + b"1]}"
    ),
    "floats": lambda: _field("logit_bias", "[" + "1e9," * 1_900_000 + "1]"),
    "long numbers": lambda: _field("n", "[" + ("1" * 4_299 + ",") * 2_000 + "1]"),
    "a number of 8 MiB": lambda: _field("n", "1" * (8 * MIB)),
    "white space": lambda: _field("n", " " * (16 * MIB) + "1"),
    "names": lambda: _field("x", "{" + ",".join(f'"{n}":1' for n in range(480_000)) + "}"),
    "outermost names": lambda: _field("x", "1,".join(f'"{n}":' for n in range(480_000)) + "1"),
    "tool calls": _calls,
    "arguments": lambda: _field("tools", "[" + json.dumps(CALL) + "," + "[" + "1," * MIB + "1]]"),
    "a schema": lambda: _field("response_format", _schema(100_000)),
    "an expression": lambda: _field("guided_regex", '"' + "{1" * (4 * MIB) + '"'),
    "choices": lambda: _field("guided_choice", "[" + '"ab",' * 900_000 + '"c"]'),
    "images": lambda: _chat(
        "["
        + ",".join(
            ['{"type":"image_url","image_url":{"url":"' + PIXEL + "A" * 100_000 + '"}}'] * 150
        )
        + "]"
    ),
    "UTF-32": lambda: _chat('"' + "x" * (4 * MIB) + '"').decode().encode("utf-32"),
    "priority": lambda: _field("priority", "[" + "1," * 900_000 + "1]"),
    "not UTF-8": lambda: _chat('"' + "x" * (8 * MIB) + '"')[:-9] + b"\xff\xff",
}
"""By name: bodies for a generating endpoint."""


def large_body(rng: random.Random) -> tuple[str, str, bytes]:
    """Name, content coding ("" for none) and bytes of a large body."""
    name = rng.choice(list(LARGE))
    body = LARGE[name]()
    if rng.random() < 0.3:
        packer = zlib.compressobj(1, wbits=31)
        return f"{name}, gzip", "gzip", packer.compress(body) + packer.flush()
    return name, "", body


def forms() -> dict[str, bytes]:
    """Uploads that are expensive to read carelessly; their boundary is ``x``."""
    head = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    units = (b'name="model"\r\n', b"\r\n--x-", b"\r\n--", b"\r\n", b"--x\r\n\r\n\r\n", b"a: b\r\n")
    bodies = {f"{unit!r}": unit * (4 * MIB // len(unit)) for unit in units}
    return bodies | {f"{unit!r} in a field": head + unit * (4 * MIB // len(unit)) for unit in units}
