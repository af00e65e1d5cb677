"""Certificate: with which one scheduler proves to its fronts who it is; it signs itself.

Nothing here imports Ray.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LASTS = datetime.timedelta(days=3650)
"""Much longer than a process. A new process makes a new one."""

SKEW = datetime.timedelta(days=1)
"""By how much clocks of two nodes may differ."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, as PEM."""

    public: str
    private: str


def self_signed(address: str) -> Certificate:
    """A new certificate for an IP address.

    Raises:
        ValueError: it is no IP address.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lengthwise scheduler")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LASTS)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Certificate(made.public_bytes(serialization.Encoding.PEM).decode(), private.decode())


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """What a gRPC server shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory() as folder:  # 0700; Python reads chains from files alone
        path = Path(folder) / "both.pem"
        path.write_text(certificate.private + certificate.public)
        context.load_cert_chain(path)
    return context
