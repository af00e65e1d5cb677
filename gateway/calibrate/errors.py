"""CalibrationError, its kinds, and the CalibrationError for a refused request."""

from __future__ import annotations


class CalibrationError(Exception):
    """The server cannot be measured; the message states the reason and the remedy."""


class NothingMeasuredError(CalibrationError):
    """The answers did not overlap as the measurement needs; on a busy machine that passes."""


def refusal(url: str, path: str, status: int, text: str, *, with_key: bool) -> CalibrationError:
    """The error for a reply with ``status`` other than 200; ``text`` is the reply's body."""
    if status in {401, 403}:
        reason = "the API key is refused" if with_key else "the server requires an API key"
        return CalibrationError(
            f"{url}{path}: status {status}, {reason}; give the environment variable that holds the "
            "right key: --api-key-env NAME"
        )
    if status == 404:
        return CalibrationError(
            f"{url} has no {path} (status 404); --worker is the base URL of a vLLM server"
        )
    message = " ".join(text.split())[:300] or "(no message)"
    return CalibrationError(f"{url}{path}: status {status}: {message}")
