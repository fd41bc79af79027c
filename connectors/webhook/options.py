"""What an operator can set, each in its own words."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from hub.sdk.ed25519 import is_ed25519
from hub.sdk.options import Options
from hub.sdk.verify import STANDARD_WEBHOOKS, is_usable, key_of

__all__ = ["WebhookOptions"]

_LEAST_KEY, _MOST_KEY = 24, 64
"""Bytes of a shared secret (Standard Webhooks, "Signature scheme")."""
_MOST_SECRETS, _MOST_HEADERS = 8, 20
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]{0,4000}[\x21-\x7e])?")
_OURS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


def _url(url: SecretStr) -> SecretStr:
    try:
        parsed = URL(url.get_secret_value())
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("write a URL that begins with http:// or https:// and names a host")
    if parsed.fragment:
        raise ValueError("write the URL without #")
    return url


def _secrets(secrets: SecretStr | tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    every = (secrets,) if isinstance(secrets, SecretStr) else secrets
    if len(every) > _MOST_SECRETS:
        raise ValueError(f"at most {_MOST_SECRETS} secrets are live at once")
    for secret in every:
        _check(secret)
    return every


def _check(secret: SecretStr) -> None:
    raw = secret.get_secret_value().encode()
    if raw.startswith(b"whpk_"):
        raise ValueError("whpk_ is the receiver's half; mxhub signs with whsk_")
    if is_ed25519(raw):
        if not is_usable(STANDARD_WEBHOOKS, raw):
            raise ValueError("after whsk_ comes the base64 of an ed25519 key of 32 bytes")
    elif not raw.startswith(b"whsec_") or not _LEAST_KEY <= len(key_of(STANDARD_WEBHOOKS, raw)) <= _MOST_KEY:
        raise ValueError(
            f"write a secret as whsec_ and the base64 of {_LEAST_KEY} to {_MOST_KEY} random bytes:"
            " echo whsec_$(openssl rand -base64 32)"
        )


def _headers(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    if len({name.lower() for name in headers}) != len(headers):
        raise ValueError("two headers differ in upper and lower case only")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set by mxhub itself")
        if not _HEADER_VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(f"the value of {name} has to be visible ASCII characters, at most 4,000")
    return headers


class WebhookOptions(Options):
    """Where to, how it is signed, and in which form events arrive."""

    url: Annotated[SecretStr, AfterValidator(_url)] = Field(
        description="where to; it may hold a token, so it is never shown whole",
        examples=["https://soar.example/hooks/mail"],
    )
    secrets: Annotated[SecretStr | tuple[SecretStr, ...], AfterValidator(_secrets)] = Field(
        description="whsec_... or whsk_..., or a list of them (each signs every request); [] sends unsigned",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    headers: Annotated[dict[str, SecretStr], Field(max_length=_MOST_HEADERS), AfterValidator(_headers)] = (
        Field(default_factory=dict, description="further headers, such as {Authorization: 'Bearer ...'}")
    )
    format: Literal["standard", "ocsf"] = Field(
        "standard", description="standard: {type, timestamp, data}; ocsf: the OCSF event alone"
    )
    parallel: int = Field(8, ge=1, le=64, description="requests at once")
    order: Literal["source", "all", "none"] = Field(
        "source",
        description="which events keep their order: those of one source, all (one at a time), or none",
    )
    ca: Path | None = Field(None, description="PEM file of the CA to trust, instead of the system's")
    client_cert: Path | None = Field(None, description="PEM file of our client certificate")
    client_key: Path | None = Field(None, description="PEM file of its key, not encrypted")
    fingerprint: str | None = Field(
        None,
        pattern=r"^\s*(?:[0-9A-Fa-f]{2}:?){32}\s*$",
        description="SHA-256 of the server's certificate; trusts a self-signed one when there is no ca",
    )

    @property
    def keys(self) -> tuple[bytes, ...]:
        """All secrets."""
        secrets = (self.secrets,) if isinstance(self.secrets, SecretStr) else self.secrets
        return tuple(secret.get_secret_value().encode() for secret in secrets)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key needs client_cert")
        return self
