"""The core mail filtering service: its outbox by cursor, its webhooks (docs/sources/core.md)."""

from pydantic import Field, SecretStr

from hub.sdk.options import Options
from hub.sdk.source import SourceSpec, Stream
from hub.sdk.verify import STANDARD_WEBHOOKS
from hub.sources.core.body import split
from hub.sources.core.events import EVENTS, PRODUCT
from hub.sources.core.outbox import fetch

__all__ = ["SPEC", "CoreOptions"]


class CoreOptions(Options):
    """Without `url` and `api_key` the source only receives webhooks."""

    url: str = Field(
        "", pattern=r"^(https?://.*)?$", description="where it listens, e.g. https://core.example:8788"
    )
    api_key: SecretStr | None = Field(None, description="a key with events:read, for the outbox")


def _streams(options: Options) -> tuple[Stream, ...]:
    """Nothing is polled without an address and a key. The outbox has no late entries: no look-back."""
    pollable = isinstance(options, CoreOptions) and options.url and options.api_key
    return (Stream(name="outbox", fetch=fetch, every_s=30.0, lookback_s=0.0),) if pollable else ()


def _auth(options: Options) -> dict[str, str]:
    key = options.api_key if isinstance(options, CoreOptions) else None
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


SPEC = SourceSpec(
    vendor="core",
    title="mxhub core",
    options=CoreOptions,
    schemes=(STANDARD_WEBHOOKS,),
    split=split,
    mappers=EVENTS,
    product=PRODUCT,
    streams=_streams,
    auth=_auth,
)
