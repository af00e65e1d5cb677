"""Exits with 0 where the gateway in this container answers, over HTTP or TLS; for HEALTHCHECK.

The port is LENGTHWISE_LISTEN_PORT, else 8080, the emulated worker's HEALTH_PORT. A gateway whose
configuration has another port needs HEALTH_PORT too. TLS is tried where plain HTTP is refused; the
certificate is not checked, since it is for the name that clients use.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys

TIMEOUT_S = 1.0


def alive(port: int) -> bool:
    """Whether ``GET /health`` on this machine is answered with 200."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for connection in (
        http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S),
        http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=context),
    ):
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    return False


if __name__ == "__main__":
    given = os.environ.get("HEALTH_PORT") or os.environ.get("LENGTHWISE_LISTEN_PORT") or "8080"
    sys.exit(0 if alive(int(given)) else 1)
