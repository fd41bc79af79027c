"""Reports that come by mail: which recipients are rua addresses, and what becomes of a mail to one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.reports.dmarc import ReportRefused
from core.reports.dmarc_mail import MailedReports
from core.reports.dmarc_store import Filed, file_report

__all__ = ["Received", "RuaAddresses", "receive"]


class RuaAddresses:
    """Addresses for reports -> whose domains they are for; `None`: whoever has the report's domain."""

    def __init__(self, tenants: Mapping[str, str | None]) -> None:
        self._tenants = {address.lower(): tenant for address, tenant in tenants.items()}

    def __contains__(self, recipient: str) -> bool:
        return _plain(recipient) in self._tenants

    def tenant(self, recipient: str) -> str | None:
        """Raises `KeyError` for another address."""
        return self._tenants[_plain(recipient)]


@dataclass(frozen=True, slots=True)
class Received:
    """What was kept (repeats included), and why the rest was not."""

    filed: tuple[Filed, ...]
    refused: tuple[ReportRefused, ...]


async def receive(
    tx: AsyncConnection,
    mailed: MailedReports,
    *,
    now_ms: int,
    chain: Chain,
    proven: bool,
    tenant: str | None = None,
) -> Received:
    """Keep what `read_mail` found. One bad report does not cost the others.

    `proven`: the mail itself passed DMARC, as RFC 7489 section 7.2.1.1 demands of reports. Anybody can write
    to a rua address: without, nothing is kept. Raises `ReportRefused` then.
    """
    if not proven:
        raise ReportRefused(
            "unproven", "The mail does not pass DMARC, so nothing proves who reports: it is not taken."
        )
    filed: list[Filed] = []
    refused = list(mailed.refused)
    for report in mailed.reports:
        try:
            filed.append(await file_report(tx, report, now_ms=now_ms, chain=chain, tenant=tenant))
        except ReportRefused as error:
            refused.append(error)
    return Received(tuple(filed), tuple(refused))


def _plain(recipient: str) -> str:
    """Without `+tag`, lower case: some owners tell domains apart by it."""
    local, _, domain = recipient.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
