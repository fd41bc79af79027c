"""Names of domains, servers and people as callers write them, in the one form in which they are kept."""

import ipaddress
from collections.abc import Iterable

from core.dns.names import BadName, domain_name
from core.engine.domains import is_public_suffix
from core.store.domains import SMTP_PORT, Downstream
from core.upstream.errors import Refused
from core.upstream.rules import check_address
from hub.web.errors import ValidationFailed

__all__ = ["checked_address", "checked_name", "checked_server", "server_named"]

_MOST_PORT = 65535
_MOST_ORDER = 65535


def checked_name(text: str, *, refused: Iterable[str] = (), field: str = "domain") -> str:
    """A domain that mail can be filtered for: lower case, A-labels.

    `refused` are names that nobody may have, nor anything below them. Raises `ValidationFailed`: no domain, a
    public suffix, refused here.
    """
    try:
        name = domain_name(text)
    except BadName as error:
        raise ValidationFailed.of(field, str(error)) from error
    if is_public_suffix(name):
        raise ValidationFailed.of(field, f"{name} is a public suffix: names below it belong to others")
    for each in refused:
        if name == each or name.endswith(f".{each}"):
            raise ValidationFailed.of(field, f"{name} may not be added: {each} is blocked here")
    return name


def checked_address(text: str, *, field: str) -> str:
    """A mail address, its domain in A-labels, lower case. Raises `ValidationFailed`."""
    try:
        return check_address(text, field=field)
    except Refused as error:
        raise ValidationFailed.of(field, f"{text[:80]!r} is no mail address") from error


def server_named(text: str, *, field: str) -> Downstream:
    """Of `mail.example.com`, `192.0.2.1:2525`, `[2001:db8::1]:25` or a bare IP address.

    Raises `ValidationFailed`.
    """
    plain = text.strip()
    host, port = plain, str(SMTP_PORT)
    if plain.startswith("["):
        host, _, rest = plain[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif plain.count(":") == 1:
        host, _, port = plain.partition(":")
    if not port.isascii() or not port.isdecimal() or len(port) > len(str(_MOST_PORT)):
        raise ValidationFailed.of(field, f"{text[:80]!r}: write host or host:port")
    return Downstream(host=host, port=int(port))


def checked_server(server: Downstream, hostname: str, *, field: str) -> Downstream:
    """A server that mail can be sent on to; not this filter itself. Raises `ValidationFailed`."""
    host = _host(server.host, field)
    if hostname and host == hostname.lower():
        raise ValidationFailed.of(field, f"{host} is this filter itself: mail would go in a circle")
    if not 1 <= server.port <= _MOST_PORT:
        raise ValidationFailed.of(field, f"port {server.port}: 1 to {_MOST_PORT}")
    if not (0 <= server.priority <= _MOST_ORDER and 0 <= server.weight <= _MOST_ORDER):
        raise ValidationFailed.of(field, f"priority and weight: 0 to {_MOST_ORDER}")
    return Downstream(host=host, port=server.port, priority=server.priority, weight=server.weight)


def _host(text: str, field: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        pass
    try:
        return domain_name(text)
    except BadName as error:
        raise ValidationFailed.of(field, f"{text[:80]!r} is no host: a name or an IP address") from error
