"""Webhook: one signed POST an event to any address, as Standard Webhooks describe it."""

from connectors.webhook.options import WebhookOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "WebhookOptions"]


def _make(options: Options, context: Context) -> Connector:
    from connectors.webhook.connector import WebhookConnector

    return WebhookConnector(WebhookOptions.of(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.webhook.connector import probe

    return await probe(WebhookOptions.of(options), context)


SPEC = ConnectorSpec(
    kind="webhook",
    title="Any HTTP address, signed as Standard Webhooks",
    options=WebhookOptions,
    make=_make,
    batch_events=64,
    deadline_s=30.0,
    probe=_probe,
)
