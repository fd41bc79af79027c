"""The settings: one frozen object, made once from file and environment by `hub.config.load`.

Units stand in names; a number of bytes may be written as `768 MiB`.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ByteSize, Field, SecretStr, SerializeAsAny

from hub.config.match import Match
from hub.config.section import Section
from hub.config.signature import Signature
from hub.config.values import GIB, MIB, Listen, Moment, Networks, OneOrMany, Size, TenantId, host_port
from hub.sdk.options import Options

__all__ = [
    "ALERT_MAX_AGE_S",
    "ArchiveConfig",
    "Budget",
    "ConnectorConfig",
    "Defaults",
    "IngestConfig",
    "LogConfig",
    "PollConfig",
    "Settings",
    "SourceConfig",
    "StormConfig",
    "TlsConfig",
]

ALERT_MAX_AGE_S: Final = 6 * 3600.0
"""`max_age_s: auto` of an alerting connector: what a usual outage of an hour or two held up is still sent one
by one; what waited for a whole shift is a number for the next one."""

Secrets = Annotated[tuple[SecretStr, ...], OneOrMany()]


def _web_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("write a URL that begins with http:// or https://")
    return url.rstrip("/")


def _redis_url(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("write redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///path/to/socket")
    return url


class TlsConfig(Section):
    """Serve HTTPS; both files are read again on SIGHUP."""

    cert: Path = Field(description="PEM file: the certificate and its chain")
    key: Path = Field(description="PEM file: the private key")


class LogConfig(Section):
    """How much may wait for the archive and the router, and how long repeats are recognised."""

    max_entries: int = Field(500_000, ge=1000, description="events the log holds before ingest answers 503")
    max_bytes: Size = Field(
        ByteSize(768 * MIB), description="bytes of events it holds before ingest answers 503"
    )
    dedupe_hours: float = Field(72, gt=0, description="how long the id of an event is remembered")
    dedupe_ids: int = Field(1_000_000, ge=1000, description="most ids remembered, whatever their age")
    disk_reserve_mb: int = Field(256, ge=0, description="free disk (MB) below which nothing is accepted")
    maxmemory_mb: int | None = Field(None, ge=64, description="memory limit (MB) of the embedded server")


class IngestConfig(Section):
    """Limits of the webhook door."""

    max_body_bytes: Size = Field(ByteSize(MIB), description="largest body as received")
    max_inflated_bytes: Size = Field(ByteSize(4 * MIB), description="largest body after gzip or deflate")
    max_events: int = Field(1000, ge=1, description="most events in one body")
    max_connections: int = Field(1000, ge=1, description="open connections; more get 503")
    read_timeout_s: float = Field(15, gt=0, description="time a client has to send its request")
    max_in_flight_bytes: Size = Field(ByteSize(64 * MIB), description="bodies held at once; above it 503")


class ArchiveConfig(Section):
    """How long, and how much, the archive keeps."""

    keep_days: float | None = Field(365, gt=0, description="age at which events go; null keeps them for ever")
    max_gb: float | None = Field(None, gt=0, description="size (GB) above which the oldest go, owed or not")
    roll_events: int = Field(
        250_000, ge=1000, le=250_000, description="events after which a new partition file begins"
    )
    roll_days: float = Field(7, gt=0, description="days after which a new partition file begins")

    @property
    def max_bytes(self) -> int | None:
        """`max_gb` in bytes."""
        return None if self.max_gb is None else int(self.max_gb * GIB)


class PollConfig(Section):
    """How one stream of a source is polled; what is left out is the vendor's default."""

    every_s: float | None = Field(None, ge=1, description="seconds between walks")
    lookback_s: float | None = Field(
        None, ge=0, description="seconds of the past that are read again for late entries"
    )
    lookback_every_s: float | None = Field(None, ge=1, description="seconds between those look-backs")
    enabled: bool = Field(True, description="false stops this stream")


class Budget(Section):
    """What all polls of one credential may ask together."""

    per_minute: float | None = Field(None, gt=0, description="requests a minute")
    burst: int | None = Field(None, ge=1, description="requests at once after a pause")


class SourceConfig(Section):
    """One source. The vendor's own options stand beside these keys in the file and in `options` here."""

    vendor: str = Field(description="which vendor: the name of its module in hub/sources")
    tenant: TenantId | None = Field(
        None, description="whose events these are; the top-level tenant when left out"
    )
    secrets: Secrets = Field((), description="webhook secrets that are live; two while one is rotated")
    signature: Annotated[tuple[Signature, ...], OneOrMany()] | None = Field(
        None,
        description="how webhooks are signed: the name of a scheme, or fields that differ from the vendor's",
    )
    polls: dict[str, PollConfig] = Field(default_factory=dict, description="per stream of this vendor")
    budget: Budget = Field(Budget(), description="limits of all its polls together")
    allow_networks: Networks = Field((), description="private networks that its URLs may point into")
    silent_after_s: float | None = Field(
        86_400, gt=0, description="seconds without an event after which it is reported silent; null never"
    )
    unsigned: bool = Field(
        False, description="accept webhooks without a signature; whoever knows the URL may post"
    )
    options: SerializeAsAny[Options] = Field(default_factory=Options, description="the vendor's own options")


class StormConfig(Section):
    """When many alerts of one kind about one sender or domain become a message that counts."""

    after: int = Field(5, ge=1, le=1000, description="alerts that are still sent one by one")
    within_s: float = Field(60, ge=1, le=86_400, description="length of the window they are counted in")


class ConnectorConfig(Section):
    """One destination. The kind's own options stand beside these keys in the file and in `options` here."""

    kind: str = Field(description="which destination: the name of its module in connectors")
    match: Annotated[tuple[Match, ...], OneOrMany()] = Field(
        (),
        description="which events it gets: any of these conditions; when left out everything, for kinds "
        "that wake people or start workflows (Slack, Zapier) their alerts",
    )
    rate_per_s: float | None = Field(
        None, gt=0, description="most events a second; the kind's own rate when left out"
    )
    concurrency: int | None = Field(None, ge=1, le=64, description="sends at once")
    deadline_s: float | None = Field(None, gt=0, le=600, description="limit on one whole exchange")
    max_age_s: Annotated[float, Field(gt=0)] | Literal["auto"] | None = Field(
        "auto",
        description="older events end as dropped (stale), told of by one digest; null: never; "
        "auto: 6 hours where each event wakes a person or a workflow, else never",
    )
    storm: StormConfig | Literal["auto"] | None = Field(
        "auto",
        description="many alerts of one kind about one sender or domain become one message that counts; "
        "null: never; auto: where each event wakes a person or a workflow",
    )
    ordered: bool = Field(
        False, description="one event at a time, and trouble with one holds up those behind it"
    )
    from_: Moment = Field("now", alias="from", description="where it starts: now, beginning, or a time")
    batch_events: int | None = Field(None, ge=1, le=10_000, description="most events a send takes at once")
    max_attempts: int = Field(20, ge=1, le=1000, description="attempts after which an event is parked")
    retry_first_s: float = Field(
        5, gt=0, le=3600, description="ceiling of the first pause before an event is tried again"
    )
    probe_most_s: float = Field(
        60, gt=0, le=3600, description="longest pause between probes while it is blocked"
    )
    allow_networks: Networks = Field((), description="private networks that its URLs may point into")
    options: SerializeAsAny[Options] = Field(default_factory=Options, description="the kind's own options")

    @property
    def start_ms(self) -> int | None:
        """Where `from` points, epoch milliseconds: `None` for now, 0 for the beginning."""
        if isinstance(self.from_, datetime):
            return int(self.from_.timestamp() * 1000)
        return 0 if self.from_ == "beginning" else None

    def rules(self) -> list[dict[str, list[str | int]]]:
        """Its part of the router's table; one empty rule, which always holds, when nothing is said."""
        return [match.rule() for match in self.match] or [{}]


class Defaults(Section):
    """Values that entries of one vendor or kind share; an entry's own value wins. Empty once loaded."""

    sources: dict[str, dict[str, Any]] = Field(default_factory=dict, description="by vendor")
    connectors: dict[str, dict[str, Any]] = Field(default_factory=dict, description="by kind")


class Settings(Section):
    """Everything that can be set; every value has a default that works on one machine."""

    listen: Listen = Field(
        "127.0.0.1:8787", description="HOST:PORT of the HTTP server; port 0 takes any free one"
    )
    data: Path = Field(Path("./.mxhub"), description="folder of the log, the archive and the state")
    tenant: TenantId = Field("default", description="tenant of sources that name none")
    public_url: Annotated[str, AfterValidator(_web_url)] | None = Field(
        None, description="how vendors reach this hub, e.g. https://hub.example"
    )
    trusted_proxies: Networks = Field((), description="networks whose X-Forwarded-* headers are believed")
    force_https: bool = Field(False, description="refuse requests that did not come over HTTPS")
    tls: TlsConfig | None = Field(None, description="serve HTTPS with this certificate")
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = Field(
        None, description="an own Redis >= 7.0 or Valkey instead of the embedded server"
    )
    jobs_redis_url: Annotated[str, AfterValidator(_redis_url)] | None = Field(
        None, description="a plain Redis for scheduled jobs where redis_url is a Cluster"
    )
    accept_weaker: bool = Field(
        False, description="start although the server's settings do not make a 2xx durable"
    )
    admin_token: SecretStr | None = Field(None, description="bearer token for /api/v1")
    log: LogConfig = Field(LogConfig(), description="limits of the log")
    ingest: IngestConfig = Field(IngestConfig(), description="limits of the webhook door")
    archive: ArchiveConfig = Field(ArchiveConfig(), description="retention of the archive")
    include: Annotated[tuple[str, ...], OneOrMany()] = Field(
        (), description="further files, as a pattern relative to this one: conf.d/*.yaml"
    )
    defaults: Defaults = Field(
        Defaults(),
        description="values shared by all sources of a vendor, all connectors of a kind; merged in on load",
    )
    sources: dict[str, SourceConfig] = Field(
        default_factory=dict, description="where events come from, by name"
    )
    connectors: dict[str, ConnectorConfig] = Field(default_factory=dict, description="where they go, by name")

    @property
    def address(self) -> tuple[str, int]:
        """`listen` in its parts."""
        return host_port(self.listen)

    def tenant_of(self, source: str) -> str:
        """The tenant that a source's events belong to."""
        return self.sources[source].tenant or self.tenant

    def routes(self) -> dict[str, list[dict[str, list[str | int]]]]:
        """The router's table (see `hub.pipeline.match`)."""
        return {name: connector.rules() for name, connector in self.connectors.items()}
