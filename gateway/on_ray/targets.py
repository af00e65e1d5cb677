"""Targets: the addresses of a Serve application, as workers for ``discovery.file``.

    python -m gateway.on_ray.targets --application llm --file workers.json

Serve's REST interface (alpha) tells them: its proxies or, where replicas of the ingress take HTTP
themselves (``RAY_SERVE_ENABLE_HA_PROXY=1``), these. Nothing here imports Ray.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATH = "/api/serve/applications/"
LIMIT_S = 10.0


def workers(details: Mapping[str, Any], application: str) -> list[dict[str, str]]:
    """The workers that an application's targets are, from the answer of the REST interface.

    Raises:
        ValueError: there is no such application, or it takes no HTTP.
    """
    known = details["applications"]
    prefix = known[application]["route_prefix"] if application in known else None
    if prefix is None:
        names = ", ".join(known) or "none"
        raise ValueError(f"--application: {application} takes no HTTP here; there are: {names}")
    groups = [one for one in details["target_groups"] if one["protocol"] == "HTTP"]
    own = [one for one in groups if one.get("app_name") == application] or groups
    found = {(target["ip"], target["port"]) for one in own for target in one["targets"]}
    return [{"url": f"http://{ip}:{port}{prefix.rstrip('/')}"} for ip, port in sorted(found)]


def write(path: Path, text: str) -> None:
    """Replace a file in one step: the gateway reads it at any time."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, "utf-8")
    new.replace(path)


def fetched(dashboard: str) -> dict[str, Any]:
    """The answer of the REST interface, with RAY_AUTH_TOKEN where it is set.

    Raises:
        OSError: there is none.
    """
    request = urllib.request.Request(dashboard.rstrip("/") + PATH)
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def main() -> int:
    """Keep the file up to date until a signal; what cannot be read leaves it as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dashboard", default="http://127.0.0.1:8265", metavar="URL")
    parser.add_argument("--application", required=True, metavar="NAME")
    parser.add_argument("--file", required=True, type=Path)
    parser.add_argument("--interval-s", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="write the file once and end")
    given = parser.parse_args()
    while True:
        try:
            found = workers(fetched(given.dashboard), given.application)
            write(given.file, json.dumps(found))
        except (OSError, ValueError, KeyError) as error:
            print(f"lengthwise: {given.dashboard}: {error}", file=sys.stderr)
            if given.once:
                return 1
        if given.once:
            return 0
        time.sleep(given.interval_s)


if __name__ == "__main__":
    sys.exit(main())
