"""Names for models that cannot work are refused with what to do."""

from __future__ import annotations

import pytest

from tests.gateway.config.loading import Load, refusal


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("aliases: {a: a}", "a -> a is a circle of names: let one of them mean a served model"),
        ("aliases: {a: b, b: c, c: a}", "a -> b -> c -> a is a circle"),
        ("aliases: {a: s}\n  splits: {s: {a: 1, m: 1}}", "a -> s -> a is a circle"),
        ("aliases: {a: m}\n  splits: {a: {m: 1}}", "'a' is in aliases and in splits: remove it"),
        ("splits: {s: {m: 0, n: 0}}", "the weights of splits.s are all 0 or none: give one model"),
        ("splits: {s: {}}", "the weights of splits.s are all 0 or none"),
        ("splits: {s: {m: -1}}", "greater than or equal to 0 (got -1)"),
        ("splits: {s: {m: many}}", "models.splits.s.m"),
        ("aliases: {a: ''}", "at least 1 character (got '')"),
        ("fallbacks: {m: []}", "fallbacks.m names no model: add one or remove the line"),
        ("fallbacks: {m: [n, m]}", "fallbacks.m names a model twice, or 'm' itself"),
        ("fallbacks: {m: [n, n]}", "names a model twice"),
        ("sticky: cookie", "models.sticky"),
        ("alias: {a: m}", "Did you mean aliases?"),
    ],
)
def test_an_error_names_the_fault_and_the_remedy(load: Load, section: str, complaint: str) -> None:
    assert complaint in refusal(load, f"models:\n  {section}\n")


def test_names_that_work_are_read(load: Load) -> None:
    models = load(
        "models:\n  default: a\n  aliases: {a: s}\n  splits: {s: {s: 95, new: 5}}\n"
        "  fallbacks: {s: [other]}\n"
    ).models
    assert models.used
    assert models.splits == {"s": {"s": 95, "new": 5}}
    assert not load("models: {sticky: key}\n").models.used
