"""The JSON schema of the configuration, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from gateway.config.settings import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema; descriptions are the settings' own texts.

    A section may be null: YAML reads one whose lines are all commented out so.
    """
    found = Config.model_json_schema()
    for name, section in found["properties"].items():
        section["description"] = section.get("description") or _subject(found, section)
        if "$ref" in section:
            described = section.pop("description")
            found["properties"][name] = {
                "anyOf": [{"$ref": section.pop("$ref")}, {"type": "null"}],
                "description": described,
                **section,
            }
    _join_lines(found)
    return {"$schema": DIALECT, **found, "title": "Lengthwise"}


def _join_lines(part: Any) -> None:
    """Make each description one paragraph: the lines of the source are not those of an editor."""
    if isinstance(part, dict):
        if isinstance(text := part.get("description"), str):
            part["description"] = " ".join(text.split())
        for inner in part.values():
            _join_lines(inner)
    elif isinstance(part, list):
        for inner in part:
            _join_lines(inner)


def _subject(found: dict[str, Any], section: dict[str, Any]) -> str:
    """The description of a section by its class."""
    name = section.get("$ref", "").rpartition("/")[2]
    text: str = found["$defs"].get(name, {}).get("description", "")
    return text
