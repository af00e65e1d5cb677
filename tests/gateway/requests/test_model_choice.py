"""Which models a request may get, by name, weights and session."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from gateway.config.models import Models
from gateway.protocol.openai import parse
from gateway.requests.model_choice import Choice, choose, place_in_split, reachable


def chosen(asked: str | None, place: float = 0.0, takes: str = "", **settings: Any) -> Choice:
    """The choice of a request at a place of every split; ``takes``: the only model that can."""
    models = Models.model_validate(settings)
    return choose(models, asked, lambda: place, lambda name: takes in ("", name))


def place(body: bytes, sticky: str = "session", **headers: str) -> float:
    request = parse("chat/completions", "POST", "application/json", body)
    return place_in_split(sticky, request, {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_name_that_no_setting_has_stays() -> None:
    assert chosen("m", aliases={"a": "b"}) == Choice(("m",))


def test_an_alias_of_an_alias_means_the_last_model() -> None:
    assert chosen("a", aliases={"a": "b", "b": "m"}) == Choice(("m",), "a", "alias")


def test_a_request_without_a_name_gets_the_default() -> None:
    assert chosen(None, default="a", aliases={"a": "m"}) == Choice(("m",), "a", "default")


@pytest.mark.parametrize(("at", "model"), [(0.0, "m"), (0.94, "m"), (0.951, "n"), (0.999, "n")])
def test_a_split_gives_each_model_its_share(at: float, model: str) -> None:
    split = {"m": {"m": 95, "off": 0, "n": 5}}
    assert chosen("m", at, splits=split) == Choice((model,), "m", "split")


def test_an_alias_may_mean_a_split_whose_models_are_aliases() -> None:
    settings: dict[str, Any] = {"aliases": {"a": "s", "new": "n"}, "splits": {"s": {"new": 1}}}
    assert chosen("a", **settings) == Choice(("n",), "a", "split")
    assert reachable(Models.model_validate(settings), "a") == ["n"]


def test_a_split_leaves_out_a_model_that_cannot_take_the_request() -> None:
    split = {"s": {"m": 1, "n": 1}}
    assert chosen("s", 0.1, "n", splits=split).models == ("n",)
    assert chosen("s", 0.1, "neither", splits=split).models == ("m",)


def test_fallbacks_are_those_of_the_name_or_else_of_its_model() -> None:
    settings: dict[str, Any] = {
        "aliases": {"a": "m", "b": "m", "small": "s"},
        "fallbacks": {"a": ["x", "m"], "m": ["small", "y"]},
    }
    assert chosen("a", **settings) == Choice(("m", "x"), "a", "alias")
    assert chosen("b", **settings).models == ("m", "s", "y")
    assert chosen("m", **settings) == Choice(("m", "s", "y"), "m", "")


def test_a_session_keeps_its_place_and_other_requests_spread() -> None:
    first, second = b'{"user": "u", "messages": [1]}', b'{"user": "u", "messages": [2]}'
    assert place(first) == place(second)
    assert place(first, "request") != place(second, "request")
    assert place(b"{}", X_Session_Id="s") == place(second, X_Session_Id="s")
    places = [place(b'{"n": %d}' % number) for number in range(2000)]
    assert all(0 <= one < 1 for one in places)
    tenths = Counter(int(10 * one) for one in places)
    assert all(140 < count < 260 for count in tenths.values())


def test_a_key_counts_only_where_it_is_asked_for() -> None:
    one, other = b'{"n": 1}', b'{"n": 2}'
    key = {"Authorization": "Bearer k"}
    assert place(one, "key", **key) == place(other, "key", **key)
    assert place(one, **key) != place(other, **key)
    assert place(b'{"user": "u"}', "key", **key) == place(b'{"user": "u"}')


def test_a_conversation_that_grows_is_read_at_both_ends() -> None:
    long = b'{"messages": ["' + b"x" * 100_000
    assert place(long + b'1"]}') != place(long + b'2"]}')
