"""Certificates, licences, servers and clocks for the tests of the detectors."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.detectors.certificates import Seen
from core.detectors.licence_file import signed
from core.store.clock import DAY_MS, iso_seconds
from tests.factories.core import NOW_MS

PRIVATE = "whsk_bXhodWItbXhodWItbXhodWItbXhodWItbXhodWItMTI="
OTHER = "whsk_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="
_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(days: float = 90, name: str = "mx1.acme.example", serial: int = 0x0A) -> x509.Certificate:
    """One that ends so many days after `NOW_MS`."""
    names = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(_KEY.public_key())
        .serial_number(serial)
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days))
    )
    return builder.sign(_KEY, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def key_pem() -> bytes:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return _KEY.private_bytes(serialization.Encoding.PEM, form, plain)


def server_context(folder: Path, shown: x509.Certificate) -> ssl.SSLContext:
    """What a server needs to show a certificate."""
    path = folder / "server.pem"
    path.write_bytes(pem(shown) + key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def seen(serial: str, days: float, source: str = "mx1.pem", **changes: Any) -> Seen:
    """A certificate as a look shows it."""
    plain: dict[str, Any] = {
        "source": source,
        "serial": serial,
        "subject": "CN=mx1.acme.example",
        "issuer": "CN=Test CA",
        "sha256": f"{serial:0>64}",
        "not_before_ms": NOW_MS - 60 * DAY_MS,
        "not_after_ms": NOW_MS + round(days * DAY_MS),
    }
    return Seen(**{**plain, **changes})


def licence(key: str = PRIVATE, **changes: Any) -> bytes:
    """A licence file that is valid for 30 days from `NOW_MS`."""
    body = {
        "id": "lic-1",
        "holder": "Acme",
        "tier": "standard",
        "max_domains": 50,
        "issued_at": iso_seconds(NOW_MS - DAY_MS),
        "valid_until": iso_seconds(NOW_MS + 30 * DAY_MS),
    }
    return signed({**body, **changes}, key)


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
