"""Settings of the paths: the section ``endpoints``."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from gateway.config.section import Section

Path = Annotated[str, StringConstraints(pattern=r"^/[^?#*\s]+$")]
"""A path such as /v1/embeddings, without query and without *."""


class Endpoints(Section):
    """Which paths are treated otherwise than the table of gateway/README.md says."""

    at_once: tuple[Path, ...] = ()
    """Paths whose requests are sent at once instead of being queued, such as /v1/embeddings or
    /rerank on servers that also generate. Their load is then no longer limited."""
    queued: tuple[Path, ...] = ()
    """Further paths that may reach a worker, such as /cohere/v2/chat or a plugin's. Their requests
    are queued as if they generated one token. Only the paths of the table of gateway/README.md, and
    those of this section, reach a worker."""
    to_every_worker: tuple[Path, ...] = ()
    """Paths that steer an engine, such as /v1/load_lora_adapter or /sleep, and that clients may
    use. A request goes to every worker; the answer is the first error, or else the first worker's
    answer. The gateway checks no keys: let a proxy in front of the gateway protect these paths."""
