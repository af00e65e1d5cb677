"""Values of a body as vLLM takes them: its pydantic models take "true" for true and "5" for 5."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

_BOOL: TypeAdapter[bool] = TypeAdapter(bool)
_INT: TypeAdapter[int] = TypeAdapter(int)


def boolean(value: object) -> bool | None:
    """The truth value that vLLM reads; None for null and for what it refuses."""
    if value is None or isinstance(value, bool):
        return value
    try:
        return _BOOL.validate_python(value)
    except ValidationError:
        return None


def whole(value: object) -> int | None:
    """The whole number that vLLM reads; None for null and for what it refuses."""
    if value is None or type(value) is int:
        return value
    try:
        return _INT.validate_python(value)
    except ValidationError:
        return None
