import pytest

from core.reports import dmarc_store
from core.reports.dmarc import ReportRefused
from core.reports.dmarc_mail import read_mail
from core.reports.dmarc_store import Filter
from core.reports.rua import RuaAddresses, receive
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.reports import add_domain, gzipped, report_mail, report_xml, told

ADDRESSES = RuaAddresses({"acme@Reports.example": "acme", "rua@reports.example": None})


async def mailed(tx, *, proven=True, tenant=None, **more):
    found = read_mail(report_mail(gzipped(report_xml(**more))))
    return await receive(tx, found, now_ms=NOW_MS, chain=chain(), proven=proven, tenant=tenant)


def test_rua_addresses_are_known_with_their_tenant():
    assert "ACME+news@reports.example" in ADDRESSES
    assert ADDRESSES.tenant("acme@reports.example") == "acme"
    assert ADDRESSES.tenant("rua@reports.example") is None
    assert "grace@acme.example" not in ADDRESSES


async def test_a_mailed_report_is_kept_once_for_whoever_has_the_domain(tx):
    await add_domain(tx, tenant="acme")
    first, again = await mailed(tx), await mailed(tx)

    assert [(each.tenant, each.is_new) for each in first.filed + again.filed] == [
        ("acme", True),
        ("acme", False),
    ]
    assert [name for name, _ in await told(tx)] == ["report.received"]


async def test_a_report_to_a_tenants_address_about_a_foreign_domain_is_refused(tx):
    await add_domain(tx, tenant="acme")
    received = await mailed(tx, tenant="other")

    assert received.filed == ()
    assert [error.code for error in received.refused] == ["unknown_domain"]


async def test_a_mail_that_proves_no_sender_brings_nothing(tx):
    await add_domain(tx)
    with pytest.raises(ReportRefused) as caught:
        await mailed(tx, proven=False)

    assert caught.value.code == "unproven"
    asked = dmarc_store.listing(Filter(tenant="default"))
    assert (await tx.execute(asked)).all() == []
