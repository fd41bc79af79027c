"""What can go wrong with one exchange, and the translation of everything else to it.

```
HttpError
├── Unsendable        the URL or a header cannot be sent: a matter of configuration
├── Refused           the address guard does not let us go there
├── Unreachable       no connection, or it broke: the request may or may not have arrived
│   ├── Broken        there was a connection, and it ended before the answer was whole
│   └── TlsFailed     certificate, fingerprint or handshake
├── DeadlineExceeded  the whole exchange took too long: the request may or may not have arrived
├── TooLarge          the answer is larger than the limit
└── BadAnswer         what came back is no HTTP, or was cut short
```

A message names the origin (scheme, host, port) only: paths and queries of webhook URLs are secrets.
"""

import socket
import ssl

import aiohttp
from aiohttp import http_exceptions
from yarl import URL

__all__ = [
    "BadAnswer",
    "Broken",
    "DeadlineExceeded",
    "HttpError",
    "Refused",
    "TlsFailed",
    "TooLarge",
    "Unreachable",
    "Unsendable",
    "redact",
    "translate",
]


class HttpError(Exception):
    """No answer to a request. `str()` is one line without secrets."""


class Unsendable(HttpError):
    """The URL or a header cannot be sent."""


class Refused(HttpError):
    """The address guard refused the destination."""


class Unreachable(HttpError):
    """No connection, or it broke."""


class Broken(Unreachable):
    """There was a connection, and it ended before the answer was whole."""


class TlsFailed(Unreachable):
    """Certificate, fingerprint or handshake."""


class DeadlineExceeded(HttpError):
    """The whole exchange took longer than its deadline."""


class TooLarge(HttpError):
    """The answer is larger than the limit."""


class BadAnswer(HttpError):
    """What came back is no HTTP, or was cut short."""


def redact(url: str | URL) -> str:
    """Scheme, host and port; the rest of a URL may be secret (userinfo, query, the path of a webhook)."""
    try:
        parsed = URL(url)
        shown = str(parsed.origin())
    except (ValueError, TypeError):
        return "(not an absolute URL)"
    return shown if parsed.raw_path_qs in ("", "/") else f"{shown}/..."


def translate(error: BaseException, origin: str) -> HttpError:
    """Any exception of aiohttp, the socket or TLS as one of ours. `origin` is the redacted URL.

    The text of a foreign exception is used only where it cannot hold more of the URL than host and port.
    """
    if isinstance(error, HttpError):
        return error
    if isinstance(error, TimeoutError) and not error.errno:  # with one it is ETIMEDOUT of the connection
        return DeadlineExceeded(f"{origin}: no answer in time")
    for kinds, ours, says in _TABLE:
        if isinstance(error, kinds):
            return ours(f"{origin}: {says or _detail(error)}")
    return Unreachable(f"{origin}: {_detail(error)}")


def _detail(error: BaseException) -> str:
    """The reason as the system names it, without the text of exceptions that quote their URL."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {getattr(cause, 'verify_message', '') or 'not valid'}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {getattr(cause, 'reason', '') or type(cause).__name__}"
    if isinstance(cause, OSError) and cause.strerror:
        return str(cause.strerror)[:200]
    return type(cause).__name__


_TABLE: tuple[tuple[tuple[type[BaseException], ...], type[HttpError], str], ...] = (
    (
        (aiohttp.ServerFingerprintMismatch,),
        TlsFailed,
        "the certificate does not have the expected fingerprint",
    ),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError),
        TlsFailed,
        "",
    ),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), Unreachable, "the name does not resolve"),
    ((aiohttp.ClientConnectorError,), Unreachable, ""),
    ((aiohttp.ClientOSError,), Broken, ""),
    ((aiohttp.ClientConnectionError,), Broken, "the connection was closed before the answer was whole"),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), Unsendable, "not a URL that can be asked"),
    ((aiohttp.ClientPayloadError,), BadAnswer, "the answer was cut short or wrongly encoded"),
    (
        (aiohttp.ClientResponseError, http_exceptions.HttpProcessingError, EOFError),
        BadAnswer,
        "the answer is not HTTP",
    ),
    ((UnicodeError,), Unsendable, "the host name is not valid"),
    ((ValueError, TypeError), Unsendable, "the URL or a header holds what HTTP does not allow"),
)
