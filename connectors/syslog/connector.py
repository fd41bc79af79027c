"""The connector: makes messages, sends them, and tells what became of each event."""

import asyncio
from collections.abc import Sequence
from typing import Final

from connectors.syslog.address import Addresses
from connectors.syslog.message import Messages
from connectors.syslog.options import SyslogOptions
from connectors.syslog.stream import Lost
from connectors.syslog.tcp import Stream
from connectors.syslog.trouble import reason_of
from connectors.syslog.udp import Datagrams
from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.http import HttpError
from hub.sdk.lifetime import Closing

__all__ = ["SyslogConnector", "probe"]

_FAILURES: Final = (Lost, HttpError, OSError, UnicodeError)
"""The last for a host's name that cannot be looked up."""


class SyslogConnector(Closing):
    """Sends to one receiver."""

    def __init__(self, options: SyslogOptions, context: Context) -> None:
        self._options = options
        self._limit_s = context.give_up_s
        self._messages = Messages(options)
        self._addresses = Addresses(options, context)
        self._wire = (
            Datagrams(options, self._addresses)
            if options.transport == "udp"
            else Stream(options, context, self._addresses)
        )

    async def close(self) -> None:
        await self._wire.close()
        await self._addresses.close()

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        """Send the batch in its order. It is delivered as a whole or not at all, but for a line so slow that
        the deadline comes first: then what is settled counts, and the rest comes again.
        """
        pieces = self._messages.pieces(batch)
        try:
            async with asyncio.timeout(self._limit_s):
                sent = await self._wire.deliver(pieces, self._limit_s)
        except _FAILURES as error:
            return [Blocked(self._reason(error))] * len(batch)
        slow = f"{self._options.origin}: slow, took {sent} of {len(batch)} events within the deadline"
        return [Delivered()] * sent + [Blocked(slow)] * (len(batch) - sent)

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError) and not error.errno:
            return (
                f"{self._options.origin}: not connected, or nothing taken, within {self._limit_s:.3g} s; "
                "a receiver that hangs?"
            )
        return reason_of(error, self._options)


async def probe(options: SyslogOptions, context: Context) -> str:
    """Connect and shake hands, and write nothing. Raises `DestinationFailed`."""
    addresses = Addresses(options, context)
    try:
        async with asyncio.timeout(context.deadline_s):
            if options.transport == "udp":
                return (
                    f"{options.origin} is {(await addresses.find())[0]}; udp cannot tell whether it listens"
                )
            return await _handshake(options, context, addresses)
    except _FAILURES as error:
        raise DestinationFailed(reason_of(error, options)) from error
    finally:
        await addresses.close()


async def _handshake(options: SyslogOptions, context: Context, addresses: Addresses) -> str:
    stream = Stream(options, context, addresses)
    try:
        secured = (await stream.connect()).secured
    finally:
        await stream.close()
    if secured is None:
        return f"{options.origin} accepts connections"
    shown = "with our client certificate" if options.client_cert else "without a client certificate"
    return f"{options.origin} accepts connections, {secured.version()}, {shown}"
