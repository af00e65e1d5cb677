"""The files of the live page, and the headers that keep strangers' code out of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from gateway.admin.errors import AdminError

FOLDER = Path(__file__).with_name("page")

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

SAFE = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
"""Nothing from elsewhere, no text that becomes markup or code, and no frame around the page."""


@cache
def page_file(name: str) -> tuple[bytes, dict[str, str]]:
    """Content and headers of a file of the page, "" for the page itself.

    Raises:
        AdminError: there is no such file.
    """
    files = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
    path = files.get(name or "index.html")
    if path is None:
        raise AdminError(404, "not_found", f"The page's files: {', '.join(sorted(files))}.")
    return path.read_bytes(), {**SAFE, "content-type": KINDS[path.suffix]}
