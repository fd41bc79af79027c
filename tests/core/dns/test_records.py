"""The record parsers: what the RFCs say, and that no text breaks them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dns.dkim import parse_dkim, same_key
from core.dns.dmarc import is_dmarc, only_record, parse_dmarc, weaker, writable
from core.dns.names import BadName, domain_name, within, zones_of
from core.dns.spf import is_spf, syntax, terms_of, with_terms
from core.dns.tags import parse_tags
from core.dns.transport import mta_sts_problems, tls_rpt_problems
from tests.factories.dns import dkim_record

POLICIES = ("none", "quarantine", "reject")
SHARP = "v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=s; aspf=s; rua=mailto:d@example.com!10m"


# -- DMARC -----------------------------------------
def test_a_full_record_is_read():
    record = parse_dmarc(SHARP)

    assert (record.p, record.sp, record.np) == ("reject", "quarantine", "reject")
    assert (record.adkim, record.aspf, record.rua) == ("s", "s", ("mailto:d@example.com",))
    assert record.is_valid


def test_subdomain_policies_have_their_defaults():
    assert (parse_dmarc("v=DMARC1;p=reject").sp, parse_dmarc("v=DMARC1;p=reject").np) == ("reject", "reject")
    assert parse_dmarc("v=DMARC1;p=reject;sp=none").np == "none"


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1; p=REJECT", "reject"),
        ("v=DMARC1; rua=mailto:a@example.com", "none"),
        ("v=DMARC1", "none"),
        ("v=DMARC1; p=rejct; rua=mailto:a@example.com", "none"),
        ("v=DMARC1; p=rejct", None),
        ("v=DMARC1; p=reject; sp=x", None),
        ("v=DMARC1; p=reject; np=x; rua=mailto:a@example.com", "none"),
        ("v=DMARC1; p=reject; what is this; rua=mailto:a@example.com", "reject"),
        ("v = DMARC1 ; p = reject ;", "reject"),
        ("v=dmarc1; p=reject", None),
        ("p=reject; v=DMARC1", None),
    ],
)
def test_what_receivers_apply(text, policy):
    assert parse_dmarc(text).p == policy


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1; p=rejct",
        "v=DMARC1; p=none; p=reject",
        "v=DMARC1; p=none; adkim=x",
        "v=DMARC1; p=none; pct=101",
        "v=DMARC1; p=none; rua=ftp://example.com",
        "v=DMARC1; p=none; rua=mailto:nobody",
        "v=DMARC1; p=none; t=yes",
        "not a record",
        "v=DMARC1; p=none\nX",
        "v=DMARC1; rua=mailto:a@example.com",
        "v=DMARC1; p=none; " + "x" * 5000,
        "v=DMARC1; p=nöne",
    ],
)
def test_what_may_not_be_published(text):
    assert writable(text)


@pytest.mark.parametrize(
    "text", [SHARP, "v=DMARC1; p=none; sp=none; adkim=r; aspf=r;", "v=DMARC1;p=reject;t=y;np=none"]
)
def test_what_may_be_published(text):
    assert writable(text) == ()


def test_tags_that_rfc_9989_took_out_are_a_warning_not_an_error():
    record = parse_dmarc("v=DMARC1; p=reject; pct=50; ri=3600; rf=afrf; unheard=1")

    assert record.is_valid
    assert len(record.warnings) == 4


def test_two_records_make_each_other_void():
    assert only_record(["v=DMARC1; p=none", "other", "v=DMARC1; p=reject"])[0] is None
    assert only_record(["other", "v=DMARC1; p=none"])[0] == "v=DMARC1; p=none"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v=DMARC1; p=reject", "v=DMARC1; p=none"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=quarantine"),
        ("v=DMARC1; p=none; sp=reject", "v=DMARC1; p=none"),
        ("v=DMARC1; p=none; np=reject", "v=DMARC1; p=none"),
        ("v=DMARC1; p=none; adkim=s", "v=DMARC1; p=none"),
        ("v=DMARC1; p=none; aspf=s", "v=DMARC1; p=none"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; t=y"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=reject; pct=10"),
        ("v=DMARC1; p=none; rua=mailto:a@example.com", "v=DMARC1; p=none; rua=mailto:b@example.com"),
        ("v=DMARC1; p=reject; broken", "v=DMARC1; p=none"),
    ],
)
def test_a_weaker_record_is_seen_as_one(old, new):
    assert weaker(parse_dmarc(new), parse_dmarc(old))
    assert weaker(parse_dmarc(old), parse_dmarc(old)) == ()


def test_the_record_of_a_domain_above_counts_by_its_subdomain_policy():
    above = parse_dmarc("v=DMARC1; p=none; sp=reject")

    assert weaker(parse_dmarc("v=DMARC1; p=none"), above, inherited=True) == ("p=reject would become p=none",)
    assert weaker(parse_dmarc("v=DMARC1; p=reject"), above, inherited=True) == ()


@given(st.sampled_from(POLICIES), st.sampled_from(POLICIES))
def test_exactly_a_lower_policy_is_weaker(one, other):
    lost = weaker(parse_dmarc(f"v=DMARC1; p={one}"), parse_dmarc(f"v=DMARC1; p={other}"))

    assert bool(lost) == (POLICIES.index(one) < POLICIES.index(other))


@given(st.text(max_size=300))
def test_no_text_breaks_a_parser(text):
    for prefix in ("", "v=DMARC1;", "v=spf1 ", "v=DKIM1; p=", "v=STSv1; ", "v=TLSRPTv1;rua="):
        parse_dmarc(prefix + text)
        parse_dkim(prefix + text)
        syntax(prefix + text)
        with_terms([prefix + text], "v=spf1 include:a.example -all")
        mta_sts_problems(prefix + text)
        tls_rpt_problems(prefix + text)
        assert is_dmarc(prefix + text) or parse_dmarc(prefix + text).p is None


TAG = st.tuples(
    st.sampled_from(["p", "sp", "np", "t", "rua", "pct", "zz"]), st.text("abcjnoeruqti :;=@.%", max_size=12)
)


@given(st.lists(TAG, max_size=8))
def test_a_policy_is_applied_only_as_written(tags):
    text = "v=DMARC1; " + "; ".join(f"{name}={value}" for name, value in tags)
    record = parse_dmarc(text)

    assert record.p in (None, "none", parse_tags(text).get("p") and parse_tags(text).get("p").lower())
    assert (record.p is None) == (record.sp is None) == (record.np is None)


# -- DKIM -----------------------------------------
def test_an_rsa_key_is_measured():
    key = parse_dkim(dkim_record(2048))

    assert (key.kind, key.bits, key.is_valid, key.warnings) == ("rsa", 2048, True, ())


def test_a_key_of_1024_bits_is_a_warning():
    key = parse_dkim(dkim_record(1024))

    assert key.is_valid
    assert "1024 bits" in key.warnings[0]


def test_an_ed25519_key_is_read():
    record = f"v=DKIM1; k=ed25519; p={base64.b64encode(bytes(32)).decode()}"

    assert parse_dkim(record).is_valid
    assert parse_dkim(record.replace("AAAA", "AA", 1)).problems


def test_an_empty_key_is_a_revoked_one():
    key = parse_dkim("v=DKIM1; p=")

    assert (key.is_revoked, key.is_valid) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "v=DKIM1; k=rsa",
        "v=DKIM2; p=AAAA",
        "k=rsa; v=DKIM1; p=AAAA",
        "v=DKIM1; p=!!!",
        "v=DKIM1; p=AAAA",
        "v=DKIM1; k=dsa; p=AAAA",
        "v=DKIM1; p=" + "A" * 20_000,
    ],
)
def test_a_key_that_cannot_be_used_is_a_problem(text):
    assert parse_dkim(text).problems


def test_keys_are_compared_not_texts():
    one = dkim_record(1024)
    other = one.replace("v=DKIM1; k=rsa; ", "").replace("p=", "p = ").replace("MIG", "M I\tG", 1)

    assert same_key(one, other)
    assert not same_key(one, dkim_record(1024))
    assert not same_key("v=DKIM1; p=", "v=DKIM1; p=")


# -- SPF -----------------------------------------
@pytest.mark.parametrize(("text", "yes"), [("v=spf1", True), ("V=SPF1 -all", True), ("v=spf10 -all", False)])
def test_which_texts_are_spf(text, yes):
    assert is_spf(text) == yes


@pytest.mark.parametrize(
    "text",
    ["v=spf1 include:", "v=spf1 foo", "v=spf1 ip4:1.2.3", "v=spf1 redirect=a.b redirect=c.d", "v=spf1 ä"],
)
def test_wrong_syntax_is_told(text):
    assert syntax(text)[1]


def test_records_are_merged_without_losing_senders():
    merged = with_terms(
        ["v=spf1 a include:ses.example ~all", "v=spf1 mx a bogus"], "v=spf1 include:mx.example -all"
    )

    assert merged == "v=spf1 include:mx.example a include:ses.example mx ~all"


WORD = st.sampled_from(
    ["a", "mx", "include:a.example", "ip4:192.0.2.0/24", "-all", "~all", "bogus", "redirect=b.example"]
)


@given(st.lists(st.lists(WORD, max_size=6), max_size=3))
def test_a_merged_record_is_valid_and_holds_every_term_once(records):
    texts = [" ".join(("v=spf1", *words)) for words in records]
    merged = with_terms(texts, "v=spf1 include:need.example -all")
    words = terms_of(merged)

    assert syntax(merged)[1] == ""
    assert "include:need.example" in words
    assert len(set(words)) == len(words)
    wanted = {word for each in records for word in each} - {"bogus", "-all", "~all", "redirect=b.example"}
    assert wanted <= set(words)
    assert with_terms([merged], "v=spf1 include:need.example -all") == merged


# -- the others -----------------------------------------
def test_mta_sts_and_tls_rpt_records():
    assert mta_sts_problems("v=STSv1; id=20260101T000000;") == ()
    assert mta_sts_problems("v=STSv1; id=") != ()
    assert mta_sts_problems("v=STSv2; id=1") != ()
    assert tls_rpt_problems("v=TLSRPTv1; rua=mailto:t@example.com,https://example.com/r") == ()
    assert tls_rpt_problems("v=TLSRPTv1; rua=t@example.com") != ()


# -- names -----------------------------------------
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
    ],
)
def test_a_name_is_written_one_way(text, name):
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "localhost",
        "a..b",
        "-a.com",
        "a-.com",
        "a b.com",
        "192.0.2.1",
        "a" * 64 + ".com",
        "x." * 200 + "com",
        "a/b.com",
        "a@b.com",
        "\x00.com",
        "xn--\udcff.com",
        "a\n.com",
        "\\065.com",
        "[2001:db8::1]",
    ],
)
def test_what_is_no_domain_is_refused(text):
    with pytest.raises(BadName):
        domain_name(text)


@given(st.text(max_size=80))
def test_a_name_is_refused_or_stays_as_it_is_when_read_again(text):
    try:
        name = domain_name(text)
    except BadName:
        return

    assert domain_name(name) == name


def test_hosts_are_completed_by_the_domain():
    assert within("@", "example.com") == "example.com"
    assert within("x._domainkey", "example.com") == "x._domainkey.example.com"
    assert within("X.example.com.", "example.com") == "x.example.com"


def test_zones_end_at_the_public_suffix():
    assert zones_of("a.b.example.co.uk") == ("a.b.example.co.uk", "b.example.co.uk", "example.co.uk")
