"""The table of messages is that of Envoy's API."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import pytest

from gateway.picker.messages import FIELDS

with warnings.catch_warnings():  # pydantic's, of the package's own classes
    warnings.simplefilter("ignore")
    from envoy_data_plane.envoy.config.core import v3 as core
    from envoy_data_plane.envoy.service.ext_proc import v3 as ext_proc
    from envoy_data_plane.envoy.type import v3 as types


def _published(name: str) -> Any:
    return next(getattr(one, name) for one in (ext_proc, core, types) if hasattr(one, name))


@pytest.mark.parametrize("name", [name for name in FIELDS if not name.startswith("Health")])
def test_fields_have_the_numbers_and_types_of_the_api(name: str) -> None:
    known = {field.name: field for field in dataclasses.fields(_published(name))}
    for text in FIELDS[name].split():
        field, number, kind = text.split(":")
        meta = known[field].metadata["betterproto"]
        expected = "enum" if meta.proto_type == "enum" else meta.proto_type
        ours = {"*": "message", "@": "map"}.get(kind[-1], kind)
        ours = "string" if kind == "string*" else ours
        ours = ours if ours in {"string", "bytes", "bool", "map", "message", "int32"} else "message"
        assert (meta.number, expected) in {(int(number), ours), (int(number), _as_enum(ours))}


def _as_enum(kind: str) -> str:
    return "enum" if kind == "int32" else kind
