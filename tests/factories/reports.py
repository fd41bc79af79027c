"""DMARC aggregate reports as receivers send them, and the domains that they are about."""

import gzip
import io
import zipfile
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.verdict import Thresholds
from core.store import domains
from core.store.tables import outbox_events
from core.store.tenancy import OPERATOR
from tests.factories.core import NOW_MS

NEW_NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
DAY_S = 86_400
BEGIN_S = NOW_MS // 1000 // DAY_S * DAY_S - DAY_S


def record_xml(
    ip: str = "192.0.2.9", count: int = 5, dkim: str = "pass", spf: str = "pass", **more: Any
) -> str:
    disposition = more.get("disposition", "none")
    return f"""<record><row><source_ip>{ip}</source_ip><count>{count}</count>
      <policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>
      {more.get("reason", "")}</policy_evaluated></row>
      <identifiers><header_from>{more.get("header_from", "acme.example")}</header_from>
      <envelope_from>bounce.acme.example</envelope_from></identifiers>
      <auth_results><dkim><domain>acme.example</domain><selector>s1</selector><result>{dkim}</result></dkim>
      <spf><domain>bounce.acme.example</domain><scope>mfrom</scope><result>{spf}</result></spf></auth_results>
      </record>"""


def report_xml(*records: str, namespace: str = "", **more: Any) -> bytes:
    """A report; RFC 9990's form with its namespace."""
    begin = more.get("begin", BEGIN_S)
    spelt = f' xmlns="{namespace}"' if namespace else ""
    sampling = "" if namespace else "<pct>100</pct>"
    testing = "<testing>n</testing><discovery_method>treewalk</discovery_method>" if namespace else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?><feedback{spelt}><version>1.0</version>
    <report_metadata><org_name>{more.get("org", "receiver.example")}</org_name>
    <email>dmarc@receiver.example</email><report_id>{more.get("report_id", "1627")}</report_id>
    <date_range><begin>{begin}</begin><end>{begin + DAY_S - 1}</end></date_range></report_metadata>
    <policy_published><domain>{more.get("domain", "acme.example")}</domain>
    <adkim>r</adkim><aspf>r</aspf><p>{more.get("p", "reject")}</p><sp>quarantine</sp>{sampling}{testing}
    </policy_published>{"".join(records or (record_xml(),))}</feedback>""".encode()


def zipped(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def report_mail(data: bytes, filename: str = "r!acme.example!1!2.xml.gz", subtype: str = "gzip") -> bytes:
    """The mail that brings a report."""
    mail = EmailMessage()
    mail["From"] = "dmarc@receiver.example"
    mail["To"] = "rua@reports.example"
    mail["Subject"] = "Report Domain: acme.example Submitter: receiver.example Report-ID: 1627"
    mail.set_content("This is an aggregate report.")
    mail.add_attachment(data, maintype="application", subtype=subtype, filename=filename)
    return mail.as_bytes()


async def add_domain(tx: AsyncConnection, name: str = "acme.example", tenant: str = OPERATOR) -> None:
    """A domain that takes reports."""
    limits = Thresholds()
    await domains.add(tx, name, backends=[], thresholds=limits, now_ms=NOW_MS, tenant=tenant)


async def told(tx: AsyncConnection, since: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of the events after number `since`."""
    table = outbox_events.c
    rows = await tx.execute(select(table.name, table.data).where(table.seq > since).order_by(table.seq))
    return [(name, dict(data)) for name, data in rows]
