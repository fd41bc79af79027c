"""What an operator can set, each in its own words."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from hub.sdk.options import Options

__all__ = ["OpenSearchOptions"]

_FIELD_CHARS = re.compile(r"[\x21-\x7e]*")


def _node(url: str) -> str:
    try:
        parsed = URL(url)
    except ValueError:
        raise ValueError("write a URL such as https://search.example.org:9200") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("write a URL that begins with http:// or https:// and names a host")
    if parsed.user or parsed.password:
        raise ValueError("write the credentials as username and password, not inside the URL")
    if parsed.query_string or parsed.fragment:
        raise ValueError("write the URL without ? and #")
    return url.rstrip("/")


def _header_value(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not _FIELD_CHARS.fullmatch(secret.get_secret_value()):
        raise ValueError("an api key consists of visible ASCII characters")
    return secret


Node = Annotated[str, AfterValidator(_node)]


class OpenSearchOptions(Options):
    """Where to, as whom, and how the indices are laid out."""

    url: Node | Annotated[tuple[Node, ...], Field(min_length=1)] = Field(
        description="base URL of the cluster; a list of them names several nodes of one cluster"
    )
    username: str | None = Field(
        None, min_length=1, pattern="^[^:]*$", description="user for HTTP basic authentication"
    )
    password: SecretStr | None = Field(None, description="its password")
    api_key: Annotated[SecretStr | None, AfterValidator(_header_value)] = Field(
        None, description="sent as 'Authorization: ApiKey ...', instead of user and password"
    )
    ca: Path | None = Field(None, description="PEM file of the CA to trust, instead of the system's")
    client_cert: Path | None = Field(None, description="PEM file of our client certificate")
    client_key: Path | None = Field(None, description="PEM file of its key, not encrypted")
    fingerprint: str | None = Field(
        None,
        pattern=r"^\s*(?:[0-9A-Fa-f]{2}:?){32}\s*$",
        description="SHA-256 of the server's certificate; trusts a self-signed one when there is no ca",
    )
    prefix: str = Field(
        "mxhub",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="indices are called PREFIX-YYYY.MM, the alias over all of them and the template PREFIX",
    )
    per_tenant: bool = Field(False, description="indices of its own for each tenant: PREFIX-TENANT-YYYY.MM")
    period: Literal["day", "month", "year"] = Field(
        "month", description="how much event time one index holds"
    )
    past_days: int = Field(
        400, ge=1, le=36_500, description="events older than this when recorded go to that day's index"
    )
    keep_days: int | None = Field(
        None, ge=1, le=36_500, description="indices that ended longer ago are deleted; null keeps them"
    )
    template: bool = Field(
        True, description="put and update the index template; false leaves that to the administrator"
    )
    shards: int = Field(1, ge=1, le=1024, description="primary shards of each index")
    replicas: int | None = Field(
        None, ge=0, le=100, description="copies of each shard; null makes one where there are two nodes"
    )
    refresh_s: float = Field(
        10.0, ge=0.1, le=3600, description="seconds until a stored event can be found by a search"
    )
    compress: bool = Field(False, description="gzip what is sent; for slow or metered networks")

    @property
    def urls(self) -> tuple[str, ...]:
        """All nodes."""
        return (self.url,) if isinstance(self.url, str) else self.url

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.api_key is not None and self.username is not None:
            raise ValueError("write either api_key or username and password")
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key needs client_cert")
        return self
