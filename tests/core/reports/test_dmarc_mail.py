from email.message import EmailMessage

import pytest

from core.reports.dmarc import ReportRefused
from core.reports.dmarc_mail import MAX_MAIL_BYTES, read_mail
from tests.factories.reports import gzipped, report_mail, report_xml, zipped

XML = report_xml()


@pytest.mark.parametrize(
    ("data", "filename", "subtype"),
    [
        (gzipped(XML), "r.xml.gz", "gzip"),
        (zipped(("r.xml", XML)), "r.zip", "zip"),
        (XML, "r.xml", "xml"),
        (gzipped(XML), "r.xml.gz", "octet-stream"),
        (gzipped(XML), "", "x-gzip"),
    ],
)
def test_the_attachment_is_found_by_type_or_by_name(data, filename, subtype):
    found = read_mail(report_mail(data, filename, subtype))

    assert [report.report_id for report in found.reports] == ["1627"]
    assert found.refused == ()


def test_a_mail_whose_only_body_is_the_report_is_read():
    mail = EmailMessage()
    mail["Subject"] = "Report Domain: acme.example"
    mail.set_content(gzipped(XML), maintype="application", subtype="gzip")

    assert len(read_mail(mail.as_bytes()).reports) == 1


def test_a_broken_attachment_is_told_beside_the_good_one():
    mail = EmailMessage()
    mail.set_content("two")
    mail.add_attachment(gzipped(XML), maintype="application", subtype="gzip", filename="a.gz")
    mail.add_attachment(b"junk", maintype="application", subtype="gzip", filename="b.gz")
    found = read_mail(mail.as_bytes())

    assert len(found.reports) == 1
    assert [error.code for error in found.refused] == ["invalid_xml"]


def test_no_more_than_five_attachments_are_read():
    mail = EmailMessage()
    mail.set_content("many")
    for number in range(8):
        data = gzipped(report_xml(report_id=str(number)))
        mail.add_attachment(data, maintype="application", subtype="gzip", filename=f"{number}.gz")
    found = read_mail(mail.as_bytes())

    assert [report.report_id for report in found.reports] == ["0", "1", "2", "3", "4"]
    assert len(found.refused) == 1


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"Subject: hello\r\n\r\nno report\r\n", "archive_report_missing"),
        (b"", "archive_report_missing"),
        (b"x" * (MAX_MAIL_BYTES + 1), "input_limit_exceeded"),
        (
            b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n' + b"--a\r\n" * 800_000,
            "input_limit_exceeded",
        ),
    ],
)
def test_a_mail_without_a_report_is_refused(raw, code):
    with pytest.raises(ReportRefused) as caught:
        read_mail(raw)

    assert caught.value.code == code
