"""The text of a configuration file: bounded, UTF-8, and free of bytes that no YAML holds."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from gateway.config.errors import ConfigError

MOST_BYTES = 16 * 2**20
"""Bytes of the largest file that is read: more is no configuration, but a wrong path."""

_OTHER_MARKS = {
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def read_text(path: Path, source: str) -> str:
    """The text of a file, without a byte order mark.

    ``source`` is the setting or the flag that names the file.

    Raises:
        ConfigError: the file cannot be read, is too long, is not UTF-8, or holds control
            characters.
    """
    try:
        with path.open("rb") as file:  # bounded: the path may be that of a device or of a pipe
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}. Check {source}.") from None
    except ValueError:  # a NUL in the path
        raise ConfigError(f"{str(path)!r}: is no path of a file. Check {source}.") from None
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path}: has more than {MOST_BYTES} bytes. Check {source}.")
    text = _decoded(path, data)
    if found := _CONTROL.search(text):
        raise ConfigError(
            f"{path}:{_line(text, found.start())}: the character U+{ord(found[0]):04X} is not "
            "valid in YAML: this looks like a binary file. Remove it, or give another file."
        )
    return text


def _decoded(path: Path, data: bytes) -> str:
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            raise ConfigError(f"{path}:1: the file is {name}, not UTF-8. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{data[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        raise ConfigError(f"{path}:{line}: {found}") from None


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
