"""Slack: one message an alert, by incoming webhook or by a bot's token.

The template engine is imported when a connector is made, not when its options are read.
"""

from connectors.slack.options import SlackOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "SlackOptions"]


def _make(options: Options, context: Context) -> Connector:
    from connectors.slack.connector import SlackConnector

    return SlackConnector(SlackOptions.of(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.slack.probe import probe

    return await probe(SlackOptions.of(options), context)


def _channel(options: Options) -> str:
    """Slack counts messages by app and channel; an incoming webhook leads to one channel."""
    own = SlackOptions.of(options)
    if own.webhook_url is not None:
        return own.webhook_url.get_secret_value()
    token = "" if own.token is None else own.token.get_secret_value()
    return f"{own.api_url} {token} {own.channel}"


SPEC = ConnectorSpec(
    kind="slack",
    title="Slack, by incoming webhook or bot token",
    options=SlackOptions,
    make=_make,
    batch_events=5,
    rate_per_s=1.0,
    bucket=_channel,
    alerting=True,
    probe=_probe,
)
