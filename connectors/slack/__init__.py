"""Slack: one message an alert, by incoming webhook or by a bot's token.

The template engine is imported when a connector is made, not when its options are read.
"""

from connectors.slack.options import SlackOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "SlackOptions"]


def _own(options: Options) -> SlackOptions:
    assert isinstance(options, SlackOptions)  # noqa: S101 - narrows the type; the registry validated it
    return options


def _make(options: Options, context: Context) -> Connector:
    from connectors.slack.connector import SlackConnector

    return SlackConnector(_own(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.slack.probe import probe

    return await probe(_own(options), context)


SPEC = ConnectorSpec(
    kind="slack",
    title="Slack, by incoming webhook or bot token",
    options=SlackOptions,
    make=_make,
    batch_events=5,
    rate_per_s=1.0,
    alerting=True,
    probe=_probe,
)
