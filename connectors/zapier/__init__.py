"""Zapier: a flat JSON object an alert to a Catch Hook ("Webhooks by Zapier"); each starts a run of a Zap."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from yarl import URL

from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "ZapierOptions"]


def _hook(url: SecretStr) -> SecretStr:
    try:
        parsed = URL(url.get_secret_value())
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.path in ("", "/"):
        raise ValueError(
            "paste the whole address of the Catch Hook: https://hooks.zapier.com/hooks/catch/..."
        )
    return url


class ZapierOptions(Options):
    """Where to. Which fields arrive is fixed: one list for each kind of alert."""

    url: Annotated[SecretStr, AfterValidator(_hook)] = Field(
        description="the Catch Hook's address; whoever knows it can start the Zap",
        examples=["https://hooks.zapier.com/hooks/catch/1234567/abcdefg/"],
    )


def _make(options: Options, context: Context) -> Connector:
    from connectors.zapier.connector import ZapierConnector

    return ZapierConnector(ZapierOptions.of(options).url.get_secret_value(), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.zapier.connector import probe

    return await probe(ZapierOptions.of(options).url.get_secret_value(), context)


SPEC = ConnectorSpec(
    kind="zapier",
    title="Zapier, by a Catch Hook",
    options=ZapierOptions,
    make=_make,
    batch_events=10,
    deadline_s=30.0,
    rate_per_s=10.0,
    bucket=lambda options: ZapierOptions.of(options).url.get_secret_value(),
    alerting=True,
    probe=_probe,
)
