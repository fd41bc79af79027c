"""Certificates on disk: PEM and DER files, folders of them. Regular files, bounded in size and number."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from core.detectors.certificates import Look, Seen

__all__ = ["as_seen", "look_at"]

_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
_MOST_BYTES: Final = 1024 * 1024
_MOST_FILES: Final = 1_000
_MOST_CERTIFICATES: Final = 20
"""Of one file: a server's chain has two to four; a bundle of roots is nothing to watch."""
_MOST_CHARS: Final = 500


class _Unreadable(Exception):
    pass


def look_at(paths: Iterable[Path]) -> Look:
    """What files and folders hold (a folder: its own files that end in .pem, .crt, .cer or .der). Blocks."""
    seen: list[Seen] = []
    failed: dict[str, str] = {}
    for path in paths:
        try:
            for file in _files(path):
                try:
                    seen += _certificates(file)
                except (OSError, ValueError, _Unreadable) as error:
                    failed[str(file)] = _reason(error)
        except (OSError, _Unreadable) as error:
            failed[str(path)] = _reason(error)
    return Look(seen=tuple(seen), failed=failed)


def as_seen(certificate: x509.Certificate, source: str) -> Seen:
    """Raises `ValueError` for a certificate whose names cannot be written."""
    return Seen(
        source=source,
        serial=f"{certificate.serial_number:x}",
        subject=certificate.subject.rfc4514_string()[:_MOST_CHARS],
        issuer=certificate.issuer.rfc4514_string()[:_MOST_CHARS],
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before_ms=round(certificate.not_valid_before_utc.timestamp() * 1000),
        not_after_ms=round(certificate.not_valid_after_utc.timestamp() * 1000),
    )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES)
    if len(found) > _MOST_FILES:
        raise _Unreadable(f"more than {_MOST_FILES} certificate files in one folder")
    yield from found


def _certificates(path: Path) -> list[Seen]:
    data = _read(path)
    if b"-----BEGIN CERTIFICATE-----" in data:
        found = x509.load_pem_x509_certificates(data)
    elif b"-----BEGIN " in data:
        return []  # a key, a request, parameters: they have no end
    else:
        found = [x509.load_der_x509_certificate(data)]
    if len(found) > _MOST_CERTIFICATES:
        raise _Unreadable(f"more than {_MOST_CERTIFICATES} certificates in one file: name the server's own")
    return [as_seen(each, str(path)) for each in found]


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Unreadable("not a regular file")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise _Unreadable(f"larger than {_MOST_BYTES} bytes")
    return data


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)[:200] if isinstance(error, _Unreadable) else "no certificate that can be read"
