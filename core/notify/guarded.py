"""The HTTP of a library that brings `requests` along, behind the address guard.

Apprise's plugins call `requests.post(...)` and the like, each through the name `requests` of its module.
That name is given a stand-in, once and for good, whose sessions follow no redirect, use no proxy, read no
more than a little of an answer, end in time, and connect only to an address that was judged a moment before.
Whose guard and whose time it is follows from the thread: messages by one service share nothing.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from core.notify.exchange import LATE, Exchange
from core.notify.names import look_up
from hub.sdk.http import HttpError

__all__ = ["GUARDED", "GuardedRequests"]

_MOST_ANSWER: Final = 64 * 1024
_CHUNK: Final = 8192
_VERBS: Final = frozenset({"delete", "get", "head", "options", "patch", "post", "put"})


class GuardedRequests:
    """In place of the module `requests`: what sends goes the guarded way, the rest is the module's own."""

    def __init__(self) -> None:
        self._thread = threading.local()

    def begin(self, exchange: Exchange) -> None:
        """What this thread sends from now on is part of it."""
        self._thread.exchange = exchange

    def end(self) -> None:
        """Nothing more is sent from this thread."""
        self._thread.exchange = None

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """As `requests.request`. Raises `requests.RequestException`."""
        with self.Session() as session:
            return session.request(method, url, **options)

    def Session(self) -> requests.Session:  # noqa: N802 - the name that the plugins call
        exchange = getattr(self._thread, "exchange", None)
        if exchange is None:
            raise requests.ConnectionError("nothing is sent but as part of a notification")
        return _Session(exchange)

    session = Session

    def __getattr__(self, name: str) -> Any:
        if name in _VERBS:
            return self._verb(name)
        return getattr(requests, name)

    def _verb(self, name: str) -> Callable[..., requests.Response]:
        def send(url: str, *args: Any, **options: Any) -> requests.Response:
            if args:
                options["data" if name in ("post", "put", "patch") else "params"] = args[0]
            return self.request(name.upper(), url, **options)

        return send


GUARDED: Final = GuardedRequests()
"""The one stand-in of this process."""


class _Session(requests.Session):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange
        self.trust_env = False  # no proxy, no .netrc of ours
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(exchange))

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Raises `requests.RequestException`, `TimeoutError`."""
        exchange = self._exchange
        try:
            options |= {"allow_redirects": False, "stream": True, "timeout": exchange.left_s(), "proxies": {}}
            answer = super().request(method, url, *args, **options)
            _read(answer, exchange)
        except (requests.RequestException, TimeoutError) as error:
            exchange.trouble = exchange.trouble or _why(error, late=exchange.is_over())
            raise
        exchange.status = answer.status_code
        return answer


def _read(answer: requests.Response, exchange: Exchange) -> None:
    """The body, up to a size and within the time."""
    body = b""
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        exchange.left_s()
        if len(body) > _MOST_ANSWER:
            break
    answer._content = body[:_MOST_ANSWER]  # noqa: SLF001 - what `content` reads; there is no other way to say it
    answer.close()


def _why(error: BaseException, *, late: bool) -> str:
    """Without the URL, which holds a secret."""
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            break
        if isinstance(cause, _Refused):
            return cause.why
        reason = getattr(cause, "reason", None) or next(iter(getattr(cause, "args", ())), None)
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
    return LATE if late else f"{type(error).__name__}: the service cannot be reached"


class _Refused(NewConnectionError):
    """The address may not be connected to."""

    def __init__(self, connection: HTTPConnection, why: str) -> None:
        super().__init__(connection, why)
        self.why = why


class _Guarded(HTTPConnection):
    """Connects to exactly the address that was judged."""

    exchange: Exchange

    def _new_conn(self) -> socket.socket:
        try:
            self.exchange.guard.check_literal(self.host)
            return self._first(look_up(self._dns_host, self.port, within_s=self.exchange.left_s()))
        except (HttpError, OSError) as error:
            why = str(error) if isinstance(error, HttpError) else f"cannot connect: {error.strerror or error}"
            raise _Refused(self, why) from error

    def _first(self, infos: list[Any]) -> socket.socket:
        """The first of its addresses that may be, and can be, connected to."""
        trouble: Exception = OSError("the name has no address")
        for info in infos:
            try:
                self.exchange.guard.check(str(info[4][0]), self.host)
                return self._connected(info)
            except (HttpError, OSError) as error:
                trouble = error
        raise trouble

    def _connected(self, info: Any) -> socket.socket:
        made = self.exchange.guard.make_socket(info)
        try:
            made.settimeout(self.exchange.left_s())
            made.connect(info[4])
            self.exchange.watch(made)
        except BaseException:
            made.close()
            raise
        return made


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same under TLS: certificates are held against the name, as ever."""


class _Adapter(HTTPAdapter):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: FBT001, FBT002 - their signature
        plain = type("Plain", (_Guarded,), {"exchange": self._exchange})
        tls = type("Tls", (_GuardedTls,), {"exchange": self._exchange})
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        manager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        self.poolmanager = manager
