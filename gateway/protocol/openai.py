"""The fields of an OpenAI request that the gateway reads or adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.protocol.errors import ApiError
from gateway.protocol.generating import APIS, GENERATING, api_of
from gateway.protocol.json_body import as_utf8, loads, too_complex, with_fields
from gateway.protocol.json_count import CONTAINER, WINDOW
from gateway.protocol.json_pieces import Place, TooManyValuesError, loads_in_pieces
from gateway.protocol.lax import boolean, whole
from gateway.protocol.multipart import (
    MOST_PARTS,
    AmbiguousFormError,
    TooManyPartsError,
    form_field,
    is_form,
)
from gateway.protocol.routes import spoken
from gateway.protocol.sequences import Sequences, sequences_of

LARGE = WINDOW
"""Bytes of a body from which on it is read in pieces, and its values are counted."""

MOST_VALUES = 2_000_000
"""Values of a large body, the default of ``requests.max_json_values``."""

MOST_TOKENS = 2**53
"""Largest limit of output tokens that is told apart; every whole number up to it is a float."""

SET_FIELDS = frozenset(
    (
        *("priority", "stream_options", "nvext", "model"),
        *(one for api in APIS for one in api.token_limits),
    )
)
"""Fields that the gateway sets."""

STREAM_FLAGS = ("include_usage", "continuous_usage_stats")
"""Flags of ``stream_options``."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request's body and the fields that the gateway reads."""

    endpoint: str
    """The endpoint that the body is written for, for instance ``chat/completions``."""
    model: str | None
    """Name of the model; None for a request that names none."""
    body: bytes
    """Bytes of the body, as the client sent them."""
    fields: dict[str, Any]
    """The parsed body; empty for a body that is not JSON (a file upload, a GET)."""
    places: tuple[Place, ...] | None = None
    """Where a large body has the fields that the gateway sets; None: not known."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields that a worker gets with other values than the client's; ``fields`` has these too."""
    added: frozenset[str] = frozenset()
    """Fields of ``changes`` that the client's body does not have."""
    sequences: Sequences = field(init=False)
    """Sequences that the engine runs for the request."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", sequences_of(self.endpoint, self.fields))

    @property
    def generates(self) -> bool:
        """Whether the answer is generated text."""
        return self.endpoint in GENERATING

    @property
    def stream(self) -> bool:
        """Whether the client asked for server-sent events."""
        return boolean(self.fields.get("stream")) is True

    @property
    def generates_stream(self) -> bool:
        """Whether the answer is generated text in server-sent events."""
        return self.generates and self.stream

    @property
    def wants_usage(self) -> bool:
        """Whether the client asked for the usage chunk of a stream."""
        options = self.fields.get("stream_options")
        return isinstance(options, dict) and boolean(options.get("include_usage")) is True

    @property
    def asks_usage_itself(self) -> bool:
        """Whether the gateway asks for the usage chunk of a stream, and the client does not.

        Options of a wrong type stay as they are: what is wrong with them, the worker says.
        """
        takes_option = api_of(self.endpoint).usage_in_stream
        if not self.stream or not takes_option or self.wants_usage:
            return False
        options = self.fields.get("stream_options")
        flags = options if options is not None else {}
        return isinstance(flags, dict) and all(
            flags.get(name) is None or boolean(flags[name]) is not None for name in STREAM_FLAGS
        )

    @property
    def max_tokens(self) -> int | None:
        """The client's limit of output tokens, in a field of this API; None without one.

        At most ``MOST_TOKENS``: JSON's numbers have no end, and a float has no place for some.
        """
        for name in api_of(self.endpoint).token_limits:
            value = whole(self.fields.get(name))
            if value is not None and value > 0:
                return min(value, MOST_TOKENS)
        return None

    def changed(self, changes: Mapping[str, Any]) -> ApiRequest:
        """The request with other values for these fields, none of which multiplies sequences."""
        given = {**self.fields, **changes}
        model = changes.get("model", self.model)
        added = self.added | (changes.keys() - self.fields.keys())
        every = {**self.changes, **changes}
        made = replace(self, model=model, fields=given, changes=every, added=added)
        object.__setattr__(made, "sequences", self.sequences)  # prompts may be gone by now
        return made

    def for_worker(self, priority: int | None) -> bytes:
        """The client's body with ``priority`` and a request for usage added, for a worker."""
        extra: dict[str, Any] = dict(self.changes)
        if priority is not None and self.generates:
            extra["priority"] = priority
        if self.asks_usage_itself:
            options = self.fields.get("stream_options")
            options = dict(options) if isinstance(options, dict) else {}
            options.pop("continuous_usage_stats", None)  # the client has not asked for usage
            extra["stream_options"] = {**options, "include_usage": True}
        return self._with(extra)

    def for_carrier(self) -> bytes:
        """The client's body with the gateway's own values, where a header tells the priority.

        Nothing is added: the client would see a usage chunk that it has not asked for.
        """
        return self._with(self.changes)

    def _with(self, extra: Mapping[str, Any]) -> bytes:
        if not extra or not self.fields:  # a GET or an upload: there is no JSON object
            return self.body
        given = self.fields.keys() - self.added if self.added else self.fields
        return with_fields(self.body, given, extra, self.places)


def parse(
    endpoint: str,
    method: str,
    content_type: str,
    body: bytes,
    most_values: int = MOST_VALUES,
) -> ApiRequest:
    """Read the fields that the gateway needs from a request.

    A body of more than ``LARGE`` bytes takes long: read it in a thread.

    Raises:
        ApiError: 400, for a body of a generating endpoint that is not a JSON object, or a model
            that is not a string. What else is wrong, the worker says.
    """
    if method != "POST":
        return ApiRequest(endpoint, None, body, {})
    if is_form(content_type):
        return ApiRequest(endpoint, _form_model(content_type, body), body, {})
    text, places = as_utf8(body), None
    try:
        fields, places = _json_object(text, most_values)
        body = text
    except ApiError as error:
        if endpoint in GENERATING or error.code != "invalid_json":
            raise
        fields = {}  # an upload stays as it is, whatever its first bytes look like
    model = fields.get("model")
    if model is not None and not isinstance(model, str):
        raise ApiError(
            400,
            f"model must be a string, got {json.dumps(model)[:100]}. GET /v1/models lists the "
            "names.",
            code="invalid_model",
            param="model",
        )
    return ApiRequest(spoken(endpoint, fields), model or None, body, fields, places)


def _form_model(content_type: str, body: bytes) -> str | None:
    try:
        return form_field(content_type, body, "model") or None
    except TooManyPartsError:
        raise ApiError(
            400,
            f"The form has more than {MOST_PARTS} parts. Send several requests.",
            code="body_too_complex",
        ) from None
    except AmbiguousFormError as error:
        raise ApiError(
            400,
            f"Servers would read this form in different ways: {error}. Send it in UTF-8, with the "
            "name of each part as name=, and a short boundary.",
            code="invalid_encoding",
        ) from None


def _json_object(body: bytes, most: int) -> tuple[dict[str, Any], tuple[Place, ...] | None]:
    places: tuple[Place, ...] | None = None
    try:
        if len(body) > LARGE:
            fields, found = loads_in_pieces(body, most, SET_FIELDS)
            places = tuple(found)
        else:
            fields = loads(body)
    except TooManyValuesError as error:
        raise ApiError(
            400,
            f"The body has {error.number} values (names count too, and an object or array as "
            f"{CONTAINER}), and {most} are allowed (requests.max_json_values). Send several "
            "requests, or raise the setting in the gateway's configuration.",
            code="body_too_complex",
        ) from None
    except (ValueError, RecursionError) as error:
        text = too_complex(error) or f"The body is not valid JSON: {error}. Send a JSON object"
        raise ApiError(400, f"{text}.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise ApiError(
            400,
            f"The body must be a JSON object, got {type(fields).__name__}.",
            code="invalid_json",
        )
    return fields, places
