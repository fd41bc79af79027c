"""Mail to the rua address: reports are filed where the mail proves its sender."""

import pytest

from core.dns.answers import Answer
from tests.factories.reports import gzipped, report_mail, report_xml
from tests.factories.seam import body, events, hand_in

RUA = ["rua@reports.example"]


def mail(**more):
    return report_mail(gzipped(report_xml(**more)))


@pytest.fixture
def proven(core):
    """SPF and DMARC of the reporter."""
    found = {
        ("receiver.example", "TXT"): "v=spf1 ip4:192.0.2.9 -all",
        ("_dmarc.receiver.example", "TXT"): "v=DMARC1; p=reject",
    }
    core.resolver.known.update({key: Answer(state="found", values=(text,)) for key, text in found.items()})


async def report(api, raw, **more):
    return await hand_in(api, raw, mail_from="dmarc@receiver.example", rcpt_to=RUA, **more)


async def test_a_report_of_a_proven_sender_is_filed_once(service_api, core, proven, smtp):
    raw = mail()
    first = await report(service_api, raw, key="k1")
    again = await report(service_api, raw, key="k1")

    assert first.status == 200
    assert (first.data["recipients"][0]["fate"], first.data["recipients"][0]["detail"]) == (
        "relayed",
        "1 filed",
    )
    assert again.data == {**first.data, "again": True}
    assert [name for name, _ in await events(core)] == ["report.received"]
    assert smtp.delivered == []


async def test_a_sender_who_proves_nothing_is_rejected(service_api, core):
    said = await report(service_api, mail())

    assert said.data["recipients"][0]["fate"] == "rejected"
    assert await events(core) == []


async def test_a_report_about_a_strangers_domain_is_rejected(service_api, proven):
    said = await report(service_api, mail(domain="stranger.example"))

    assert said.data["recipients"][0]["fate"] == "rejected"


async def test_a_key_of_one_domain_files_no_reports_of_all(service_api, core, proven):
    narrow = await service_api.key("messages:create", domains=["acme.example"])
    asked = body(mail(), mail_from="dmarc@receiver.example", rcpt_to=RUA)
    said = await service_api.call("POST", "/messages", asked, key=narrow)

    assert said.status == 403
    assert await events(core) == []


async def test_a_mail_without_a_report_is_rejected(service_api, proven):
    said = await report(service_api, b"From: dmarc@receiver.example\r\nSubject: hello\r\n\r\nhello\r\n")

    assert said.data["recipients"][0]["fate"] == "rejected"


async def test_while_dns_says_nothing_the_sender_comes_again(service_api, core):
    core.resolver.known["_dmarc.receiver.example", "TXT"] = Answer(state="failed")
    said = await report(service_api, mail())

    assert said.status == 503


async def test_reports_and_mail_for_people_are_two_messages(service_api):
    said = await hand_in(service_api, mail(), rcpt_to=[*RUA, "grace@acme.example"])

    assert (said.status, said.error["details"][0]["field"]) == (400, "rcpt_to")
