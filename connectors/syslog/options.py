"""What an operator can set, each in its own words."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from hub.sdk.options import Options

__all__ = ["Facility", "SyslogOptions"]

Transport = Literal["udp", "tcp", "tls"]
Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
]  # fmt: skip
"""By name, in the order of their numbers 0 to 23 (RFC 5424 section 6.2.1)."""

_PORTS: Final[dict[Transport, int]] = {"udp": 514, "tcp": 514, "tls": 6514}
_MAX_BYTES: Final[dict[Transport, int]] = {"udp": 1180, "tcp": 8192, "tls": 8192}
_MAX_DATAGRAM: Final = 65_507
"""What UDP over IPv4 can carry: 65,535 without two headers."""
_HEADER_CHARS: Final = r"^[\x21-\x7e]+$"
_HOST: Final = r"^[^\s/\[\]@.][^\s/\[\]@]*$"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _a_host(text: str) -> str:
    if not re.search(_HOST, text) or (":" in text and not _is_address(text)):
        raise ValueError("write a name or an address only, without scheme or port")
    return text


class SyslogOptions(Options):
    """Where to, how it is framed, and what a message looks like."""

    host: Annotated[str, AfterValidator(_a_host)] = Field(
        min_length=1,
        max_length=253,
        description="name or address of the receiver, without a scheme or a port",
        json_schema_extra={"pattern": _HOST},
    )
    port: int | None = Field(None, ge=1, le=65_535, description="its port; 6514 for tls, 514 for tcp and udp")
    transport: Transport = Field("tls", description="udp, tcp or tls")
    framing: Literal["octet", "lf"] = Field(
        "octet",
        description="how tcp tells messages apart: octet counts their bytes, lf ends each with a line end",
    )
    format: Literal["json", "cef"] = Field("json", description="json: the OCSF event; cef: a line of CEF")
    max_message_bytes: int | None = Field(
        None,
        ge=1024,
        le=16 * 1024 * 1024,
        description="longer messages are shortened and marked; 8192 for tcp and tls, 1180 for udp",
    )
    ca: Path | None = Field(None, description="PEM file of the CA to trust, instead of the system's")
    client_cert: Path | None = Field(None, description="PEM file of our client certificate and its chain")
    client_key: Path | None = Field(None, description="PEM file of its key, when it is not in client_cert")
    client_key_password: SecretStr | None = Field(None, description="password of an encrypted key")
    fingerprint: str | None = Field(
        None,
        pattern=r"^\s*(?:[0-9A-Fa-f]{2}:?){32}\s*$",
        description="SHA-256 of the receiver's certificate; trusts a self-signed one when there is no ca",
    )
    server_name: str | None = Field(
        None, pattern=r"^[^\s.]\S*$", description="name that its certificate must carry, when it is not host"
    )
    facility: Facility = Field("local0", description="facility of messages, by name")
    audit_facility: Facility | None = Field(
        None, description="facility of audit events (accounts, rights, settings, API calls), e.g. audit"
    )
    auth_facility: Facility | None = Field(None, description="facility of logons and logoffs, e.g. authpriv")
    hostname: str | None = Field(
        None,
        max_length=255,
        pattern=_HEADER_CHARS,
        description="HOSTNAME of every message; this machine's name when left out",
    )
    app_name: str = Field(
        "mxhub", max_length=48, pattern=_HEADER_CHARS, description="APP-NAME of every message"
    )
    structured_data: bool = Field(
        True, description="put id, tenant, source and code in front as structured data; false writes -"
    )
    enterprise_number: int = Field(
        32473,
        ge=1,
        le=4_294_967_295,
        description="private enterprise number in the name of the structured data, mxhub@NUMBER",
    )
    bom: bool = Field(False, description="begin MSG with a byte order mark, as RFC 5424 has it for UTF-8")
    settle_ms: int = Field(
        500,
        ge=10,
        le=5000,
        description="how long a connection must stay open and silent before what was written counts as sent",
    )
    datagrams_per_s: int = Field(
        5000, ge=1, le=1_000_000, description="pace of udp, so that a receiver's buffer does not overflow"
    )

    @property
    def to_port(self) -> int:
        """The port, the transport's own when none is named."""
        return self.port or _PORTS[self.transport]

    @property
    def limit(self) -> int:
        """Most bytes of a message, framing not counted."""
        return self.max_message_bytes or _MAX_BYTES[self.transport]

    @property
    def origin(self) -> str:
        """As messages name it: `tls://siem.example.org:6514`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.to_port}"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.transport == "udp" and self.limit > _MAX_DATAGRAM:
            raise ValueError(f"max_message_bytes: a datagram holds at most {_MAX_DATAGRAM} bytes")
        if self.framing == "lf" and self.transport != "tcp":
            raise ValueError("framing: lf is for tcp; tls counts octets (RFC 5425), udp needs no framing")
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key needs client_cert")
        if self.transport != "tls" and (named := self._tls_options()):
            raise ValueError(f"{', '.join(named)}: only with transport: tls")
        return self

    def _tls_options(self) -> list[str]:
        names = ("ca", "client_cert", "client_key", "client_key_password", "fingerprint", "server_name")
        return [name for name in names if getattr(self, name) is not None]
