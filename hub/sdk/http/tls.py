"""TLS of an outgoing connection: a private CA, a client certificate, a pinned certificate."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from hub.sdk.http.errors import TlsFailed

__all__ = ["Tls"]

_SHA256_HEX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificates are always verified: against the system's CAs, a CA of one's own, or a fingerprint."""

    ca: Path | None = None
    """PEM file of the CAs to trust, instead of the system's."""
    cert: Path | None = None
    """PEM file of our client certificate and its chain (and key, without `key`)."""
    key: Path | None = None
    """PEM file of its private key."""
    key_password: str = field(default="", repr=False)
    """Password of an encrypted key; a secret."""
    fingerprint: str | None = None
    """SHA-256 of the server's certificate, hexadecimal with or without colons. Without `ca` it alone decides,
    so that a self-signed certificate can be trusted; with `ca` both must hold."""

    def digest(self) -> aiohttp.Fingerprint | None:
        """The pinned certificate. Raises `TlsFailed` when it is not a SHA-256 in hexadecimal."""
        if self.fingerprint is None:
            return None
        text = self.fingerprint.replace(":", "").strip()
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if len(raw) * 2 != _SHA256_HEX:
            raise TlsFailed("fingerprint: write the certificate's SHA-256 as 64 hexadecimal digits")
        return aiohttp.Fingerprint(raw)

    def context(self) -> ssl.SSLContext | bool:
        """What verifies; `True` is the context that all clients without wishes of their own share.

        Raises `TlsFailed` naming the file that cannot be used.
        """
        if self == Tls():
            return True
        context = _trusting(self.ca)
        if self.fingerprint is not None and self.ca is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert is not None:
            self._identify(context, self.cert)
        return context

    def _identify(self, context: ssl.SSLContext, cert: Path) -> None:
        key = None if self.key is None else _file(self.key)
        try:
            # An encrypted key must not ask for its password on the terminal.
            context.load_cert_chain(_file(cert), key, password=lambda: self.key_password)
        except (ssl.SSLError, ValueError) as error:
            raise TlsFailed(
                f"client certificate {cert}: key and certificate in PEM that belong together are needed, "
                "and the right password where the key is encrypted"
            ) from error


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else _file(ca))
    except ssl.SSLError as error:
        raise TlsFailed(f"{ca}: no certificate in it can be read") from error


def _file(path: Path) -> str:
    """The path, once it is known to hold PEM. Raises `TlsFailed`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TlsFailed(f"{path}: {error.strerror}") from error
    if b"-----BEGIN " not in text:
        raise TlsFailed(f"{path}: not a PEM file")
    return str(path)
