import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.auth import Authentication, DkimResult, DmarcResult, RdnsResult, SpfResult
from core.engine.authres import header_text


def test_every_method_says_what_it_was_checked_on():
    found = Authentication(
        spf=SpfResult(result="fail", domain="a.example"),
        dkim=(
            DkimResult(result="pass", domain="a.example", selector="s1", signature="AbC/+123"),
            DkimResult(result="fail", domain="b.example", selector="s2", reason="body hash mismatch"),
        ),
        dmarc=DmarcResult(result="pass", domain="a.example", policy="reject"),
        rdns=RdnsResult(result="pass", name="mail.a.example"),
    )

    assert header_text("mx.acme.example", found).split(";\r\n\t") == [
        "mx.acme.example",
        "spf=fail smtp.mailfrom=a.example",
        "dkim=pass header.d=a.example header.s=s1 header.b=AbC/+123",
        'dkim=fail reason="body hash mismatch" header.d=b.example header.s=s2',
        "dmarc=pass header.from=a.example policy.dmarc=reject",
        "iprev=pass policy.iprev=mail.a.example",
    ]


@pytest.mark.parametrize("scope", [("helo", "smtp.helo=a.example"), ("mailfrom", "smtp.mailfrom=a.example")])
def test_spf_says_whose_domain_it_was(scope):
    found = Authentication(spf=SpfResult(result="pass", domain="a.example", scope=scope[0]))

    assert scope[1] in header_text("mx", found)


@given(st.text(max_size=60), st.text(max_size=300))
def test_no_text_breaks_out_of_the_header(domain, name):
    found = Authentication(
        spf=SpfResult(domain=domain),
        dkim=(DkimResult(result="fail", domain=domain, selector=name, signature=name, reason=name),),
        dmarc=DmarcResult(domain=domain),
        rdns=RdnsResult(result="fail", name=name),
    )
    text = header_text(name or "mx", found)
    unquoted = "".join(text.split('"')[::2])

    assert text.isascii()
    assert text.isprintable() or "\r\n\t" in text
    assert not set("\r\n\x00") & set(text.replace("\r\n\t", ""))
    assert text.count('"') % 2 == 0
    assert unquoted.count(";") == 4
