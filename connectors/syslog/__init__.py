"""Syslog (RFC 5424) over UDP, TCP or TLS: one message an event, its OCSF body as JSON or a CEF line in MSG.

Syslog knows no acknowledgement. An event counts as delivered when the receiver's machine has its bytes and
the connection then stayed open and silent for a while (`settle_ms`); a connection that breaks before brings
the whole batch again, under the same ids.
"""

from connectors.syslog.options import SyslogOptions
from hub.sdk.connector import Connector, ConnectorSpec, Context
from hub.sdk.options import Options

__all__ = ["SPEC", "SyslogOptions"]


def _make(options: Options, context: Context) -> Connector:
    from connectors.syslog.connector import SyslogConnector

    return SyslogConnector(SyslogOptions.of(options), context)


async def _probe(options: Options, context: Context) -> str:
    from connectors.syslog.connector import probe

    return await probe(SyslogOptions.of(options), context)


SPEC = ConnectorSpec(
    kind="syslog",
    title="Syslog (RFC 5424) over UDP, TCP or TLS, as JSON or CEF",
    options=SyslogOptions,
    make=_make,
    batch_events=2000,
    batch_bytes=8 * 1024 * 1024,
    probe=_probe,
)
