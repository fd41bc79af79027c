"""What `mxhub check` can tell without asking anybody: from the settings alone."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from hub.cli.product import Product
from hub.config.assemble import Registry
from hub.config.model import Settings, SourceConfig, TlsConfig
from hub.config.values import LOOPBACK
from hub.sdk.options import Options
from hub.sdk.source import Stream

__all__ = ["Finding", "offline_findings"]

State = Literal["ok", "warning", "failed", "skipped"]
_SECRET_CHARS = 16
_READ = ("ca", "client_cert", "client_key")
_OWN_SOURCE = "mxhub"
_METADATA = IPv4Address("169.254.169.254")
_WIDEST_V4 = 8
_WIDEST_V6 = 7
"""fc00::/7, all private addresses, is what one may mean at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    state: State
    message: str

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def offline_findings(settings: Settings, registry: Registry) -> list[Finding]:
    """Everything that is odd, then one line for each source and connector that is not."""
    found = [*_server(settings)]
    for name, source in settings.sources.items():
        odd = list(_source(name, source, settings, registry))
        found += odd or [Finding(f"source {name}", "ok", f"configured ({source.vendor})")]
    for name, connector in settings.connectors.items():
        odd = [*_files(f"connector {name}", connector.options), *_connector(name, settings)]
        found += odd or [Finding(f"connector {name}", "ok", f"configured ({connector.kind})")]
    return found


def _server(settings: Settings) -> Iterator[Finding]:
    host, _ = settings.address
    if host not in LOOPBACK and settings.tls is None and not settings.force_https:
        why = "listens beyond this machine without TLS: set tls, or force_https behind a proxy that ends it"
        yield Finding("listen", "warning", why)
    if settings.tls is not None:
        yield from _tls(settings.tls)
    yield from _entrance(settings)
    if not settings.connectors:
        yield Finding("connectors", "warning", "none: events go to the archive only")
    has_core = isinstance(settings, Product) and settings.core is not None
    if not settings.sources and not has_core:  # the core is a source, one a tenant
        yield Finding("sources", "warning", "none: nothing comes in")


def _entrance(settings: Settings) -> Iterator[Finding]:
    """Do vendors get in, and does anybody listen on the way?"""
    if settings.force_https and settings.tls is None and not settings.trusted_proxies:
        why = "every request would be refused: set tls, or trusted_proxies to the proxy that ends it"
        yield Finding("force_https", "failed", why)
    hooks = [name for name, source in settings.sources.items() if source.secrets or source.unsigned]
    if settings.public_url is not None:
        yield from _public_url(settings.public_url)
    elif hooks and (settings.force_https or settings.trusted_proxies):
        why = (
            f"not set, though a proxy is: with it `mxhub sources` shows where vendors send, .../in/{hooks[0]}"
        )
        yield Finding("public_url", "warning", why)


def _public_url(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        why = "write scheme, host and, where the proxy has one for us, a path: https://hub.example"
        yield Finding("public_url", "failed", why)
    elif parts.scheme != "https" and parts.hostname not in LOOPBACK:
        why = "is not https: a signature keeps others from forging mail data on its way, not from reading it"
        yield Finding("public_url", "warning", why)


def _tls(tls: TlsConfig) -> Iterator[Finding]:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.cert, tls.key, password="")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        yield Finding("tls", "failed", f"{tls.cert} and {tls.key} cannot be used: {why}")


def _source(name: str, source: SourceConfig, settings: Settings, registry: Registry) -> Iterator[Finding]:
    subject = f"source {name}"
    streams = list(registry.source(source.vendor).streams(source.options))
    if not source.secrets and not source.unsigned and not streams:
        why = "nothing can come in: set secrets for webhooks, or what its polls need"
        yield Finding(subject, "failed", why)
    if source.unsigned:
        yield Finding(subject, "warning", "unsigned: whoever knows the URL may post events")
    yield from _secrets(subject, source)
    yield from _networks(subject, source.allow_networks)
    for stream in streams:
        yield from _lookback(f"{subject} {stream.name}", stream, source, settings.log.dedupe_hours)


def _networks(subject: str, networks: Iterable[str]) -> Iterator[Finding]:
    """A guard that lets everything pass is none."""
    for text in networks:
        network = ip_network(text, strict=False)
        if network.version == _METADATA.version and _METADATA in network:
            why = f"allow_networks: {text} holds {_METADATA}, where clouds hand out credentials; name less"
            yield Finding(subject, "warning", why)
        elif network.prefixlen < (_WIDEST_V4 if network.version == _METADATA.version else _WIDEST_V6):
            yield Finding(subject, "warning", f"allow_networks: {text} is very wide; name the networks meant")


def _secrets(subject: str, source: SourceConfig) -> Iterator[Finding]:
    for number, secret in enumerate(source.secrets, 1):
        size = len(secret.get_secret_value())
        if size == 0:
            yield Finding(subject, "failed", f"secret {number} is empty")
        elif size < _SECRET_CHARS:
            why = f"secret {number} has {size} characters; take {_SECRET_CHARS} or more"
            yield Finding(subject, "warning", why)


def _lookback(subject: str, stream: Stream, source: SourceConfig, dedupe_hours: float) -> Iterator[Finding]:
    wanted = source.polls.get(stream.name)
    back_s = stream.lookback_s if wanted is None or wanted.lookback_s is None else wanted.lookback_s
    if stream.lookback is not None and back_s > dedupe_hours * 3600:
        why = f"looks back {back_s / 3600:g} h, beyond log.dedupe_hours = {dedupe_hours:g}"
        yield Finding(subject, "warning", f"{why}: older entries would be recorded again")


def _connector(name: str, settings: Settings) -> Iterator[Finding]:
    tenants = {settings.tenant, *map(settings.tenant_of, settings.sources)}
    sources = {_OWN_SOURCE, *settings.sources}
    yield from _networks(f"connector {name}", settings.connectors[name].allow_networks)
    for match in settings.connectors[name].match:
        yield from _unknown(name, "source", match.source, sources)
        yield from _unknown(name, "tenant", match.tenant, tenants)


def _files(subject: str, options: Options) -> Iterator[Finding]:
    """What TLS reads anew for every connection has to be there before the first one."""
    for key in _READ:
        path = getattr(options, key, None)
        if not isinstance(path, Path):
            continue
        try:
            with path.open("rb"):
                pass
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            yield Finding(subject, "failed", f"{key}: {path.absolute()} cannot be read: {why}")


def _unknown(name: str, key: str, wanted: Iterable[str] | None, known: set[str]) -> Iterator[Finding]:
    if unknown := sorted(set(wanted or ()) - known):
        why = f"match: no {key} is called {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}"
        yield Finding(f"connector {name}", "warning", why)
