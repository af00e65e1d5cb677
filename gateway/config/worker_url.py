"""Worker URLs as people write them: with /v1, with slashes at the end, with user and password."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import unquote

from pydantic import HttpUrl

_API = re.compile(r"(/v1(/(chat/completions|completions|models))?)?/*$")
"""Ends of a path that belong to the API, not to the server."""

_SCHEME = re.compile(r"(\w+:?)?//?")

_CREDENTIALS = re.compile(r"(?<=//)[^\n]*@|(?<=['\"])[^'\"\n]*@|[^\s'\"]+@")
"""User and password, and more where a text has several URLs: a password may hold any character.
In quotes or alone, they may stand without a scheme before them."""

_QUERY = re.compile(r"(//[^\s'\"?#]*[?#])[^\s'\"]*")


def base_url(url: HttpUrl) -> HttpUrl:
    """The URL to which ``/v1/...`` is appended; user and password stay.

    Raises:
        ValueError: the URL has a query or a fragment.
    """
    if url.query is not None or url.fragment is not None:
        raise ValueError("must be the server's base URL, without ? and #")
    return HttpUrl.build(
        scheme=url.scheme,
        username=url.username,
        password=url.password,
        host=url.host or "",
        port=url.port,
        path=_API.sub("", url.path or "").lstrip("/") or None,
    )


@lru_cache(4096)
def shown_url(url: HttpUrl) -> str:
    """The URL without user and password, and without slashes at its end."""
    shown = HttpUrl.build(scheme=url.scheme, host=url.host or "", port=url.port)
    return (str(shown).rstrip("/") + (url.path or "")).rstrip("/")


def without_credentials(text: str) -> str:
    """A text without user, password and query of any URL in it."""
    return _QUERY.sub(r"\1***", _CREDENTIALS.sub("***@", text))


def shown_word(word: str) -> str:
    """A word that stands for a URL, well-formed or not, without user, password and query."""
    start, query, rest = _part_of_query(word)
    found = _SCHEME.match(word)
    scheme = found[0] if found else ""
    if "@" in rest:  # a password with a question mark, or a query with an address
        return f"{scheme}***"
    _, at, host = start.rpartition("@")
    return (f"{scheme}***@{host}" if at else start) + (f"{query}***" if query else "")


def _part_of_query(word: str) -> tuple[str, str, str]:
    """What is before a query or a fragment, the mark at which that begins, and the rest."""
    mark = next((one for one in word if one in "?#"), "?")
    return word.partition(mark)


def basic_authorization(url: HttpUrl) -> str | None:
    """The value of ``Authorization`` for user and password of a URL, None without them."""
    if not (url.username or url.password):
        return None
    text = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return "Basic " + b64encode(text.encode()).decode()
