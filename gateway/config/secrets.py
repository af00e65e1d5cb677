"""Keys that are sent or compared in headers."""

from __future__ import annotations

import re

from pydantic import SecretStr

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def fits_header(key: SecretStr | None) -> SecretStr | None:
    """The key, if a header can hold it.

    Raises:
        ValueError: it has a line break, which would end the header, or another control character.
    """
    if key is not None and _CONTROL.search(key.get_secret_value()):
        raise ValueError(
            "holds a line break or another control character, which no header can hold. Write the "
            "key on one line, in YAML without | or > before it"
        )
    return key
