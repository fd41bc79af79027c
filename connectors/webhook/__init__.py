"""Webhook: one signed POST an event to any address, as Standard Webhooks describe it."""

from connectors.webhook.options import WebhookOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "WebhookOptions"]


def _own(options: Options) -> WebhookOptions:
    assert isinstance(options, WebhookOptions)  # noqa: S101 - narrows the type; the registry validated it
    return options


def _make(options: Options, context: Context) -> Connector:
    from connectors.webhook.connector import WebhookConnector

    return WebhookConnector(_own(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.webhook.connector import probe

    return await probe(_own(options), context)


SPEC = ConnectorSpec(
    kind="webhook",
    title="Any HTTP address, signed as Standard Webhooks",
    options=WebhookOptions,
    make=_make,
    batch_events=64,
    deadline_s=30.0,
    probe=_probe,
)
