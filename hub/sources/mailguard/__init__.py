"""NetCell MailGuard: signed webhooks, the audit log and the quarantine list (docs/sources/mailguard.md)."""

from dataclasses import replace

from pydantic import Field, SecretStr

from hub.sdk.options import Options
from hub.sdk.source import SourceSpec, Stream
from hub.sdk.verify import STANDARD_WEBHOOKS, Scheme
from hub.sources.mailguard.audit import FAMILY, map_audit
from hub.sources.mailguard.body import EVENT_FIELDS, ID_FIELDS, splitter
from hub.sources.mailguard.envelope import PRODUCT
from hub.sources.mailguard.estate import ESTATE
from hub.sources.mailguard.quarantine import QUARANTINE
from hub.sources.mailguard.streams import STREAMS

__all__ = ["SPEC", "MailGuardOptions"]

_HEADERS = ("x-mailguard-signature", "x-nmg-signature", "x-signature", "x-hub-signature-256")


class MailGuardOptions(Options):
    """Without `url` and `api_key` the source only receives webhooks."""

    url: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        description="base of the API, e.g. https://mailguard.example:3443/api/v1",
    )
    api_key: SecretStr | None = Field(None, description="nmg_ key of scope read-only or more, for the polls")
    event_fields: tuple[str, ...] = Field(EVENT_FIELDS, description="where a webhook names its event")
    id_fields: tuple[str, ...] = Field(ID_FIELDS, description="where a webhook has its id")


def _streams(options: Options) -> tuple[Stream, ...]:
    """Nothing is polled without an address and a key."""
    pollable = isinstance(options, MailGuardOptions) and options.url and options.api_key
    return STREAMS if pollable else ()


def _auth(options: Options) -> dict[str, str]:
    key = options.api_key if isinstance(options, MailGuardOptions) else None
    return {"X-API-Key": key.get_secret_value()} if key else {}


def _adapt(spec: SourceSpec, options: Options) -> SourceSpec:
    if not isinstance(options, MailGuardOptions):
        return spec
    return replace(spec, split=splitter(options.event_fields, options.id_fields))


SPEC = SourceSpec(
    vendor="mailguard",
    title="NetCell MailGuard",
    options=MailGuardOptions,
    schemes=(
        Scheme(name="sha256-prefixed", headers=_HEADERS, prefix="sha256="),
        Scheme(name="hmac-hex", headers=_HEADERS),
        Scheme(name="hmac-base64", headers=_HEADERS, encoding="base64"),
        Scheme(name="hmac-base64url", headers=_HEADERS, encoding="base64url"),
        Scheme(name="v1-prefixed", headers=_HEADERS, prefix="v1="),
        Scheme(name="t-v1", headers=_HEADERS, content=("timestamp", "body"), form="t=,v1="),
        STANDARD_WEBHOOKS,
    ),
    split=splitter(),
    mappers={**QUARANTINE, **ESTATE},
    families={FAMILY: map_audit},
    product=PRODUCT,
    streams=_streams,
    auth=_auth,
    adapt=_adapt,
)
