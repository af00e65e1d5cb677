"""The extra ``fronts``: what to say where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.remote_scheduler.address import FrontsError

NEEDED = {"grpclib", "msgspec", "h2"}


@contextmanager
def needs_the_extra() -> Iterator[None]:
    """Import what needs the extra.

    Raises:
        FrontsError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        raise FrontsError(
            f"several fronts need {error.name}, which is not installed: "
            "run pip install 'lengthwise[fronts]'"
        ) from error
