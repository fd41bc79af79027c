"""The section `core:` of the configuration."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from core.dns.dmarc import writable
from hub.sdk.ed25519 import public_of
from hub.sdk.options import ConfigPath, Options
from hub.sdk.values import Listen, Networks

__all__ = [
    "CloudflareConfig",
    "CoreConfig",
    "MailServerConfig",
    "MxRouteConfig",
    "OidcConfig",
    "SmtpRelayConfig",
]


class CloudflareConfig(Options):
    """DNS records are written with this."""

    token: SecretStr = Field(description="API token with Zone:Read and DNS:Edit")
    api: str = Field("https://api.cloudflare.com/client/v4", description="where its API is")


class MxRouteConfig(Options):
    """Mailboxes and forwarding are kept at MXroute instead of here."""

    server: str = Field(description="X-Server: the name of the mail server, e.g. heracles.mxrouting.net")
    username: str = Field(description="X-Username: of the control panel")
    api_key: SecretStr = Field(description="X-API-Key: made in the control panel")
    api: str = Field("https://api.mxroute.com", description="where its API is")


class OidcConfig(Options):
    """People may sign in at this provider."""

    issuer: str = Field(description="https://...; discovery is below it")
    client_id: str = Field(description="of this service at the provider")
    client_secret: SecretStr = Field(description="of this service at the provider")
    redirect_uri: str = Field(
        description="registered at the provider: <public_url>/api/v1/sessions/oidc/callback"
    )
    scopes: tuple[str, ...] = Field(("openid", "email", "profile"), description="asked for at the provider")


class SmtpRelayConfig(Options):
    """The service's own mail goes out through this server."""

    host: str = Field(description="its name or address")
    port: int = Field(587, ge=1, le=65_535, description="of its submission service")
    tls: Literal["starttls", "tls", "none"] = Field("starttls", description="none only on a network of yours")
    username: str = Field("", description="empty = it asks for none")
    password: SecretStr | None = Field(None, description="of that user")
    timeout_s: float = Field(30.0, gt=0, le=300, description="for one step of the exchange")


class MailServerConfig(Options):
    """A server that takes mail for the domains: one MX record."""

    host: str = Field(description="its name, e.g. mx1.example.net")
    priority: int = Field(10, ge=0, le=65_535, description="of the MX record; the lowest is asked first")


class CoreConfig(Options):
    """The core mail filtering API service; every value has a default that works on one machine."""

    listen: Listen = Field("127.0.0.1:8788", description="HOST:PORT of its API; port 0 takes any free one")
    database_url: SecretStr | None = Field(
        None, description="postgresql+asyncpg://USER:PASSWORD@HOST/NAME; without it SQLite in the data folder"
    )
    node: str = Field("node-1", description="name of this process among those that share the database")
    hostname: str = Field("mxhub.localhost", description="in Authentication-Results and EHLO")
    name_servers: tuple[str, ...] = Field((), description="resolvers, as 192.0.2.53:53; none = the system's")
    dmarc_record: str = Field(
        "v=DMARC1; p=none", description="DMARC record of domains that have no policy of their own"
    )
    mail_servers: tuple[MailServerConfig, ...] = Field(
        (),
        description="what MX records must name: your servers that take SMTP and hand mail in here (it takes "
        "none itself); left out = those that the mail host wants",
    )
    spf_record: str = Field("", description="SPF record that domains need; empty = what the mail host wants")
    mail_host: str = Field(
        "",
        description="where mail programs connect and mail.DOMAIN leads; empty = the MXroute server, if any",
    )
    webmail_host: str = Field("", description="where webmail.DOMAIN leads; empty = mail_host")
    public_url_scheme: Literal["https", "http"] = Field("https", description="of webmail addresses")
    allow_networks: Networks = Field(
        (), description="private networks that mail, webhooks and notifications may be sent into"
    )
    blocked_domains: tuple[str, ...] = Field(
        (), description="domains that nobody may add, with all below them: gmail.com"
    )
    verify_domains: bool = Field(
        False, description="a new domain is pending, and its mail not taken, until its TXT record is found"
    )
    reports_addresses: tuple[str, ...] = Field(
        (), description="mail to these addresses holds DMARC aggregate reports (the rua of your records)"
    )
    unknown_per_minute: int = Field(
        100, ge=1, le=1_000_000, description="requests of one address without a key or session that holds"
    )
    quarantine_days: int = Field(30, ge=1, le=3650, description="held mail expires after so long")
    outbox_days: int = Field(
        30, ge=1, le=3650, description="events, and the log of deliveries, are kept so long at least"
    )
    audit_days: int | None = Field(None, ge=1, description="the audit log is kept so long; none = for ever")
    report_days: int = Field(400, ge=1, le=3660, description="DMARC reports are kept so long")
    licence_file: ConfigPath | None = Field(None, description="the signed licence; none = there is none")
    licence_keys: tuple[str, ...] = Field((), description="public keys (whpk_...) that may sign a licence")
    certificate_paths: tuple[ConfigPath, ...] = Field(
        (), description="certificates whose end is announced: files, and folders of .pem, .crt, .cer, .der"
    )
    certificate_endpoints: tuple[str, ...] = Field(
        (), description="servers whose certificates are watched: host:port (TLS), smtp://host:port (STARTTLS)"
    )
    public_url: str = Field(
        "", description="where browsers reach this service, for login links; empty = http://<listen>"
    )
    console_url: str = Field(
        "", description="where a browser goes on after a login link or a provider; empty = it is told in JSON"
    )
    reset_url: str = Field(
        "", description="page that password reset mails lead to, given the token after #token=; empty = none"
    )
    mail_from: str = Field("", description="sender of the service's own mail; empty = no mail is sent")
    smtp_relay: SmtpRelayConfig | None = Field(None, description="takes the service's own mail")
    oidc: OidcConfig | None = Field(None, description="people may sign in at this provider")
    cloudflare: CloudflareConfig | None = Field(None, description="writes DNS records")
    mxroute: MxRouteConfig | None = Field(None, description="hosts mailboxes")

    @field_validator("dmarc_record")
    @classmethod
    def _publishable(cls, record: str) -> str:
        """It is written into the zones of domains."""
        problems = writable(record)
        if problems:
            raise ValueError("; ".join(problems))
        return record

    @field_validator("certificate_endpoints")
    @classmethod
    def _reachable(cls, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        """Raises `ValueError` for what names no server."""
        from core.detectors.certificate_endpoints import (
            Endpoint,  # brings TLS and SMTP, which others do without
        )

        for each in endpoints:
            Endpoint.parse(each)
        return endpoints

    @field_validator("licence_keys")
    @classmethod
    def _usable(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Raises `ValueError` for what is no public key."""
        for key in keys:
            if not key.startswith("whpk_") or public_of(key.encode()) != key:
                raise ValueError(f"{key[:12]}...: write a public key as whpk_ and the base64 of its 32 bytes")
        return keys
