"""What looks like a secret in a text: keys, cookies, user and password of a URL."""

from __future__ import annotations

import re

HIDDEN = "***"

_NAMES = r"(?:proxy-)?authorization|x-api-key|api[-_]key|(?:set-)?cookie"
_PATTERNS = (
    # A header, in a message, in the text of an exception or as Python shows pairs and mappings.
    re.compile(rf"(?i)(\b(?:{_NAMES})\b['\"]?\)?\s*[:=,]\s*(?:SecretStr\()?b?(['\"]?))[^'\"\r\n]+"),
    re.compile(r"(?i)(\b(?:bearer|basic) +)[\w.~+/=-]{12,}"),
    re.compile(r"(\b(?:sk|lw)-)[\w-]{6,}"),
    # User and password of a URL.
    re.compile(r"(://)[^\s/'\"<>@]*(?=@)"),
)
_SUSPECT = re.compile(r"[:=, ]|(?:sk|lw)-")
"""What each of the patterns needs: most ids have none of it, and a page has a thousand of them."""


def without_secrets(text: str) -> str:
    """The text without what looks like a secret."""
    if _SUSPECT.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text
