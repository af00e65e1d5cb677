"""BodyBytes: the bytes of all requests' bodies together, bounded, from arrival to the end."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from gateway.protocol.errors import ApiError

STEPS = (65_536, 2**20, 16 * 2**20)
"""Bytes of a body beyond each of which an eighth of the bound is not for it, so that the larger
bodies of some clients leave room for the small ones of others."""

_EIGHTHS = 8


class NoRoomError(Exception):
    """A body does not fit beside the others; ``Body.full`` is the error for its client."""


class BodyBytes:
    """The bytes of bodies that are read, wait, or are at workers.

    They are counted as they come: a client that claims a length and sends nothing takes no room.
    ``retry_after`` gives the seconds after which a refused client should ask again.
    """

    def __init__(self, most: int, retry_after: Callable[[], int]) -> None:
        self.held = 0
        self.most = most
        """The bound; what is held beyond a lower one than before stays."""
        self._retry_after = retry_after
        self._lock = Lock()  # compressed bodies are unpacked in threads

    def body(self) -> Body:
        """The body of one request, which holds bytes for the length of a ``with`` block."""
        return Body(self)

    def grow(self, body: Body, more: int) -> None:
        """Count ``more`` bytes of a body; a negative number gives bytes back.

        Raises:
            NoRoomError: they do not fit, and are not counted.
        """
        with self._lock:
            if body.ended:  # a thread unpacks the body of a request that is over
                return
            fits = more <= 0 or self.fits(body.own + more, more)
            if fits:
                self.held += more
                body.own += more
        if not fits:
            raise NoRoomError

    def end(self, body: Body) -> None:
        """Give back all bytes of a body."""
        with self._lock:
            self.held -= body.own
            body.own, body.ended = 0, True

    def fits(self, own: int, more: int) -> bool:
        """Whether a body may grow to ``own`` bytes by ``more``."""
        eighths = _EIGHTHS - sum([own > step for step in STEPS])
        return self.held + more <= self.most * eighths // _EIGHTHS

    def full(self) -> ApiError:
        """The error for a body that does not fit."""
        return ApiError(
            503,
            f"The requests that the gateway holds have {self.held} bytes of bodies, and "
            f"{self.most} are allowed, fewer for a large body (requests.max_bodies_bytes). Send "
            "the request again later, send less, or raise the setting.",
            code="bodies_full",
            retry_after=self._retry_after(),
        )


class Body:
    """What one request's body holds."""

    __slots__ = ("_all", "ended", "own")

    def __init__(self, held: BodyBytes) -> None:
        self._all = held
        self.own, self.ended = 0, False

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._all.end(self)

    def expect(self, claimed: int) -> None:
        """Refuse a body that says that it has more bytes than fit now.

        Raises:
            NoRoomError: it would not fit.
        """
        if not self._all.fits(claimed, claimed):
            raise NoRoomError

    def full(self) -> ApiError:
        """The error where it does not fit, made in the event loop."""
        return self._all.full()

    def grow(self, more: int) -> None:
        """Count further bytes, as ``BodyBytes.grow``."""
        self._all.grow(self, more)
