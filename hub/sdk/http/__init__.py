"""Outgoing HTTP: one client, one exception tree, one address guard."""

from hub.sdk.http.client import Client, Response, basic_auth, user_agent
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
)
from hub.sdk.http.guard import Guard
from hub.sdk.http.reach import reach
from hub.sdk.http.retry_after import retry_after_s
from hub.sdk.http.tls import Tls

__all__ = [
    "BadAnswer",
    "Broken",
    "Client",
    "DeadlineExceeded",
    "Guard",
    "HttpError",
    "Refused",
    "Response",
    "Tls",
    "TlsFailed",
    "TooLarge",
    "Unreachable",
    "Unsendable",
    "basic_auth",
    "reach",
    "redact",
    "retry_after_s",
    "user_agent",
]
