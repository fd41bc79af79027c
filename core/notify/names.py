"""Names looked up within a time, which the system's resolver does not know."""

import socket
import threading
from concurrent.futures import Future
from typing import Any, Final

__all__ = ["look_up"]

Infos = list[tuple[Any, ...]]

_lock: Final = threading.Lock()
_running: Final[dict[tuple[str, int], Future[Infos]]] = {}
"""One look-up a name, however many wait for it: what hangs is not begun again before it has ended."""


def look_up(host: str, port: int, *, within_s: float) -> Infos:
    """As `socket.getaddrinfo` for TCP. Raises `OSError`, `TimeoutError` when it takes longer."""
    with _lock:
        answer = _running.get((host, port))
        if answer is None:
            answer = _running[host, port] = Future()
            threading.Thread(target=_ask, args=(host, port, answer), name="notify-dns", daemon=True).start()
    try:
        return answer.result(within_s)
    except TimeoutError as error:
        raise TimeoutError("the name could not be looked up in time") from error


def _ask(host: str, port: int, answer: Future[Infos]) -> None:
    try:
        answer.set_result(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    except BaseException as error:  # whatever it is belongs to who waits for the answer
        answer.set_exception(error)
    finally:
        with _lock:
            del _running[host, port]
