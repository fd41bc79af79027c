import gzip
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.reports.dmarc import LIMITS, ReportRefused, parse
from tests.factories.reports import (
    BEGIN_S,
    NEW_NAMESPACE,
    gzipped,
    record_xml,
    report_xml,
    zipped,
)

OLD, NEW = report_xml(), report_xml(namespace=NEW_NAMESPACE)


def refused(data, **changes):
    with pytest.raises(ReportRefused) as caught:
        parse(data, **changes)
    return caught.value.code


@pytest.mark.parametrize("data", [OLD, gzipped(OLD), zipped(("r.xml", OLD))], ids=["xml", "gzip", "zip"])
def test_xml_gzip_and_zip_give_the_same_report(data):
    report = parse(data)

    assert (report.domain, report.organization, report.report_id) == (
        "acme.example",
        "receiver.example",
        "1627",
    )
    assert (report.begin_ms, report.end_ms) == (BEGIN_S * 1000, (BEGIN_S + 86_399) * 1000)
    assert (report.messages, report.passed) == (5, 5)


def test_both_formats_are_told_apart():
    old, new = parse(OLD), parse(NEW)

    assert (old.format, old.policy.pct, old.policy.testing) == ("rfc7489", 100, None)
    assert (new.format, new.policy.pct, new.policy.testing) == ("rfc9990", None, "n")
    assert new.policy.discovery_method == "treewalk"


def test_dmarc_passes_when_spf_or_dkim_does():
    rows = [("pass", "fail", 2), ("fail", "pass", 3), ("fail", "fail", 4)]
    report = parse(report_xml(*(record_xml(dkim=dkim, spf=spf, count=count) for dkim, spf, count in rows)))

    assert (report.messages, report.passed) == (9, 5)


def test_a_record_keeps_results_and_why_the_policy_was_overridden():
    reason = "<reason><type>mailing_list</type><comment>arc=pass</comment></reason>"
    (record,) = parse(report_xml(record_xml(dkim="fail", reason=reason))).records

    assert (record.overrides[0].type, record.overrides[0].comment) == ("mailing_list", "arc=pass")
    assert record.dkim_results[0].as_dict() == {"domain": "acme.example", "result": "fail", "selector": "s1"}
    assert record.spf_results[0].scope == "mfrom"


def test_a_gzip_bomb_is_refused_in_little_memory():
    bomb = gzip.compress(b" " * 200 * 2**20)
    tracemalloc.start()
    try:
        code = refused(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert code == "decompression_limit_exceeded"
    assert peak < 3 * LIMITS.max_decompressed_bytes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(("r.xml", b" " * (LIMITS.max_decompressed_bytes + 1))), "decompression_limit_exceeded"),
        (b"x" * (LIMITS.max_input_bytes + 1), "input_limit_exceeded"),
        (gzipped(gzipped(OLD)), "nested_archive"),
        (zipped(("r.zip", zipped(("r.xml", OLD)))), "nested_archive"),
        (zipped(("a.xml", OLD), ("b.xml", OLD)), "archive_report_ambiguous"),
        (zipped(*((f"{n}.txt", b"") for n in range(11))), "zip_member_limit_exceeded"),
        (gzipped(OLD)[:-20], "corrupt_archive"),
        (b"", "invalid_xml"),
        (b"<a/>", "invalid_structure"),
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><feedback>&b;</feedback>',
            "invalid_xml",
        ),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><feedback>&a;</feedback>', "invalid_xml"),
        (report_xml(namespace="urn:example:other"), "unsupported_report"),
        (report_xml(domain="no domain"), "invalid_value"),
        (report_xml(org="x" * 300), "invalid_value"),
        (report_xml(record_xml(count=10**13)), "invalid_value"),
        (OLD.replace(b'encoding="UTF-8"', b'encoding="gb2312"'), "invalid_structure"),
    ],
)
def test_what_is_no_report_is_refused_with_a_code(data, code):
    assert refused(data) == code


def test_a_limit_is_named_in_the_error_with_the_file():
    with pytest.raises(ReportRefused, match=r"'big.xml': .* 5242880 bytes"):
        parse(b"x" * (LIMITS.max_input_bytes + 1), "big.xml")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_reports_never_raise_anything_else(data):
    whole = bytearray(data.draw(st.sampled_from([OLD, NEW, gzipped(OLD), zipped(("r.xml", OLD))])))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    try:
        report = parse(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except ReportRefused:
        return
    assert report.messages >= report.passed >= 0
