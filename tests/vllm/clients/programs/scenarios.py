"""What every program does: run each scenario at each URL and print the results as JSON.

`{scenario: [result at the first URL, result at the second, ...]}` goes to standard output; what
clients print goes to standard error. An error that a client raises is a result: class, status,
message, body. A scenario is run at all URLs before the next one, one request at a time, since the
batch may change what a model on a CPU says.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

Scenario = Callable[[str], Any]

MODEL = "tiny"
MESSAGES: Any = [
    {"role": "system", "content": "Answer in one sentence."},
    {"role": "user", "content": "What is the weather like in Kraków?"},
]
GREEDY: dict[str, Any] = {"temperature": 0, "seed": 11}
ENDING: dict[str, Any] = {"vllm_xargs": {"target_tokens": 8}}
"""Ends an answer after eight tokens, as if by itself (forced_length.py)."""
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Kraków", "Oslo"]},
        "degrees": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
TOO_LONG = "word " * 6000
"""More tokens than the servers' context has."""


def main(*scenarios: Scenario) -> None:
    """Run the scenarios at the URLs of the command line; a scenario's name is its function's."""
    with redirect_stdout(sys.stderr), asyncio.Runner() as runner:
        results = {s.__name__: [result(s, url, runner) for url in sys.argv[1:]] for s in scenarios}
    json.dump(results, sys.stdout)


def result(scenario: Scenario, url: str, runner: asyncio.Runner) -> Any:
    """What a scenario gives at a URL, or what it raises."""
    try:
        given = scenario(url)
        return plain(runner.run(given) if inspect.iscoroutine(given) else given)
    except Exception as error:  # noqa: BLE001 (whatever a client raises is compared)
        return error_of(error)


def error_of(error: Exception) -> dict[str, Any]:
    """What a program that catches an error can know of it."""
    return {
        "error": f"{type(error).__module__}.{type(error).__qualname__}",
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "body": plain(getattr(error, "body", None)),
    }


def plain(value: Any) -> Any:
    """A value as JSON has it; the order of a dictionary's keys is kept."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def wire(response: Any) -> dict[str, Any]:
    """Status, headers and lines of an answer, as they came over the wire."""
    headers = sorted((name.lower(), value) for name, value in response.headers.items())
    return {
        "status": response.status_code,
        "headers": headers,
        "lines": list(response.iter_lines()),
    }
