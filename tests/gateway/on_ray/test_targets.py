"""The addresses of a Serve application, from what its REST interface tells."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.on_ray.targets import workers


def _group(app: str, *ports: int, protocol: str = "HTTP") -> dict[str, Any]:
    targets = [{"ip": "10.0.0.1", "port": port, "name": str(port)} for port in ports]
    return {"app_name": app, "protocol": protocol, "route_prefix": "/", "targets": targets}


APPLICATIONS = {"llm": {"route_prefix": "/llm"}, "inner": {"route_prefix": None}}


def test_proxies_take_the_requests_of_every_application() -> None:
    details = {"applications": APPLICATIONS, "target_groups": [_group("", 8000)]}
    assert workers(details, "llm") == [{"url": "http://10.0.0.1:8000/llm"}]


def test_replicas_that_take_http_themselves_are_told_apart() -> None:
    groups = [
        _group("other", 30000),
        _group("llm", 30002, 30001),
        _group("llm", 9, protocol="gRPC"),
    ]
    details = {"applications": APPLICATIONS, "target_groups": groups}
    urls = [one["url"] for one in workers(details, "llm")]
    assert urls == ["http://10.0.0.1:30001/llm", "http://10.0.0.1:30002/llm"]


@pytest.mark.parametrize("name", ["inner", "unknown"])
def test_an_application_without_http_is_refused(name: str) -> None:
    details = {"applications": APPLICATIONS, "target_groups": [_group("", 8000)]}
    with pytest.raises(ValueError, match="there are: llm, inner"):
        workers(details, name)
