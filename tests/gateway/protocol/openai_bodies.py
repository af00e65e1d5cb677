"""Bodies of clients, for tests."""

from __future__ import annotations

import json

from gateway.protocol.openai import ApiRequest, parse

JSON_TYPE = "application/json"


def request(endpoint: str = "chat/completions", **fields: object) -> ApiRequest:
    return parse(endpoint, "POST", JSON_TYPE, json.dumps({"model": "m", **fields}).encode())
