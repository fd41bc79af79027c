"""Every foreign exception becomes one of ours, and none of them carries a secret."""

import asyncio
import errno
import inspect
import socket
import ssl

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from hub.sdk.http import errors
from hub.sdk.http.errors import (
    BadAnswer,
    Broken,
    DeadlineExceeded,
    HttpError,
    Refused,
    TlsFailed,
    TooLarge,
    Unreachable,
    Unsendable,
    redact,
    translate,
)

SECRET_URL = "https://user:s3cret@hooks.example/services/s3cret?sig=s3cret"
ORIGIN = "https://hooks.example"
KEY = ConnectionKey("hooks.example", 443, True, True, None, None, None)
INFO = RequestInfo(URL(SECRET_URL), "POST", CIMultiDictProxy(CIMultiDict()), URL(SECRET_URL))


_ARGUMENTS = {
    aiohttp.ServerFingerprintMismatch: (b"a", b"b", "hooks.example", 443),
    client_exceptions.ClientConnectorCertificateError: (
        KEY,
        ssl.SSLCertVerificationError(1, "self-signed certificate"),
    ),
    client_exceptions.UnixClientConnectorError: ("/run/s3cret", KEY, OSError(errno.ECONNREFUSED, "refused")),
    client_exceptions.ClientConnectorError: (KEY, OSError(errno.ECONNREFUSED, "Connection refused")),
    client_exceptions.ClientResponseError: (INFO, ()),
    UnicodeDecodeError: ("idna", b"x", 0, 1, SECRET_URL),
    UnicodeEncodeError: ("idna", "x", 0, 1, SECRET_URL),
    asyncio.IncompleteReadError: (b"", 3),
    http_exceptions.LineTooLong: (b"x", 3),
    http_exceptions.HttpProcessingError: (),
    http_exceptions.BadHttpMessage: (SECRET_URL,),
    ssl.SSLError: (1, "Input/output error"),
    client_exceptions.ClientOSError: (errno.EIO, "Input/output error"),
    client_exceptions.ClientError: (SECRET_URL,),
    OSError: (errno.EIO, "Input/output error"),
}


def made(kind: type[BaseException]) -> BaseException:
    """An instance that quotes the secret URL wherever the class lets it."""
    fitting = next((each for each in kind.__mro__ if each in _ARGUMENTS), None)
    return kind(*(_ARGUMENTS[fitting] if fitting else (SECRET_URL,)))


def of_module(module, base):
    found = [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, base)]
    return sorted(set(found), key=lambda each: each.__name__)


FOREIGN = [
    *of_module(client_exceptions, Exception),
    *of_module(http_exceptions, Exception),
    *of_module(ssl, OSError),
    *of_module(socket, OSError),
    ConnectionResetError,
    ConnectionRefusedError,
    BrokenPipeError,
    asyncio.IncompleteReadError,
    UnicodeError,
    UnicodeEncodeError,
    ValueError,
    RuntimeError,
    EOFError,
]


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_foreign_exception_becomes_ours_without_the_secret(kind):
    ours = translate(made(kind), ORIGIN)

    assert isinstance(ours, HttpError)
    assert type(ours) is not HttpError
    assert "s3cret" not in str(ours)
    assert str(ours).startswith(ORIGIN)
    assert "\n" not in str(ours)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), DeadlineExceeded),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), Unreachable),
        (aiohttp.SocketTimeoutError(), DeadlineExceeded),
        (aiohttp.ServerDisconnectedError(), Broken),
        (aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"), Broken),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "Connection refused")), Unreachable),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")), Unreachable),
        (socket.gaierror(-2, "Name or service not known"), Unreachable),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "WRONG_VERSION_NUMBER")), TlsFailed),
        (ssl.SSLEOFError(8, "EOF occurred"), TlsFailed),
        (made(aiohttp.ServerFingerprintMismatch), TlsFailed),
        (made(aiohttp.ClientConnectorCertificateError), TlsFailed),
        (aiohttp.ClientPayloadError(SECRET_URL), BadAnswer),
        (http_exceptions.BadStatusLine("x"), BadAnswer),
        (aiohttp.InvalidURL(SECRET_URL), Unsendable),
        (UnicodeError("label too long"), Unsendable),
        (ValueError("Newline in header"), Unsendable),
    ],
)
def test_each_sort_of_trouble_has_its_kind(error, expected):
    assert type(translate(error, ORIGIN)) is expected


def test_our_own_pass_unchanged():
    for kind in (Refused, TooLarge, BadAnswer):
        error = kind("as said")
        assert translate(error, ORIGIN) is error


def test_the_system_s_word_is_kept():
    error = aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "Connection refused"))

    assert str(translate(error, ORIGIN)) == f"{ORIGIN}: Connection refused"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (SECRET_URL, "https://hooks.example/..."),
        ("http://10.0.0.1:9200", "http://10.0.0.1:9200"),
        ("http://10.0.0.1:9200/", "http://10.0.0.1:9200"),
        ("https://[::1]:9200/x", "https://[::1]:9200/..."),
        ("https://h.example/?sig=s3cret", "https://h.example/..."),
        ("s3cret", "(not an absolute URL)"),
        ("http://[s3cret", "(not an absolute URL)"),
        ("", "(not an absolute URL)"),
    ],
)
def test_a_url_is_shown_as_its_origin_only(url, expected):
    assert redact(url) == expected


def test_every_public_kind_stands_under_one_root():
    kinds = of_module(errors, HttpError)

    assert [each.__name__ for each in kinds] == sorted(
        name for name in errors.__all__ if name not in ("redact", "translate")
    )
