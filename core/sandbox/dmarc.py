"""DMARC aggregate reports (RFC 7489, appendix C) that made receivers send about the filtered domains."""

import random
from typing import Final
from xml.sax.saxutils import escape

from core.service import dmarc_reports
from core.service.by import By
from core.service.core import Core
from core.store.clock import DAY_MS

__all__ = ["file_reports", "report"]

RECEIVERS: Final = ("receiver.example", "mailhaus.example", "post-nord.example")
_OWN_IP, _STRANGE_IP = "192.0.2.11", "203.0.113.{}"


def report(domain: str, receiver: str, day: int, rng: random.Random) -> bytes:
    """The XML for one UTC day, counted from the epoch: mostly own mail that passes, some that is forged."""
    begin_s = day * 86_400
    own = _record(domain, _OWN_IP, rng.randrange(40, 400), "pass", "none")
    forged = _record(
        domain, _STRANGE_IP.format(rng.randrange(1, 33)), rng.randrange(1, 30), "fail", "quarantine"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feedback><version>1.0</version>'
        f"<report_metadata><org_name>{escape(receiver)}</org_name><email>dmarc@{receiver}</email>"
        f"<report_id>{day}.{domain}</report_id>"
        f"<date_range><begin>{begin_s}</begin><end>{begin_s + 86_399}</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>quarantine</p>"
        f"<sp>quarantine</sp><pct>100</pct></policy_published>{own}{forged}</feedback>"
    ).encode()


def _record(domain: str, address: str, count: int, result: str, disposition: str) -> str:
    return (
        f"<record><row><source_ip>{address}</source_ip><count>{count}</count><policy_evaluated>"
        f"<disposition>{disposition}</disposition><dkim>{result}</dkim><spf>{result}</spf></policy_evaluated>"
        f"</row><identifiers><header_from>{domain}</header_from></identifiers><auth_results>"
        f"<dkim><domain>{domain}</domain><selector>s1</selector><result>{result}</result></dkim>"
        f"<spf><domain>{domain}</domain><scope>mfrom</scope><result>{result}</result></spf>"
        "</auth_results></record>"
    )


async def file_reports(core: Core, by: By, domain: str) -> int:
    """Hand in what each receiver sends for the day before; how many were new."""
    day, new = core.clock() // DAY_MS - 1, 0
    for receiver in RECEIVERS:
        rng = random.Random(f"{domain} {receiver} {day}")  # noqa: S311 - the same report at every start
        taken = await dmarc_reports.upload(core, by, report(domain, receiver, day, rng), "report.xml")
        new += taken.is_new
    return new
