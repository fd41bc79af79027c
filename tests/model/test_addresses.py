"""Only what OCSF accepts becomes an address; the rest is kept as it was."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from hub.model.addresses import domain_of, email_t, ip_t, split_addresses

SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema("email_activity", profiles=[])
EMAIL_T = re.compile(SCHEMA["properties"]["from"]["pattern"])
IP_T = re.compile(SCHEMA["$defs"]["network_endpoint"]["properties"]["ip"]["pattern"])


@pytest.mark.parametrize("address", ["a@b.example", "A.b+c=d@sub.b-c.example", "o'neil@x.example"])
def test_plain_addresses_stay_as_they_are(address: str) -> None:
    assert email_t(address) == address


def test_an_internationalised_domain_becomes_a_labels() -> None:
    assert email_t("info@bücher.example") == "info@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    ["", "<>", "root@localhost", '"a b"@x.example', "jürgen@x.example", "a@b.example\n", "Anna <a@b.example>",
     "a@[192.0.2.1]", "a" * 400 + "@b.example", "é" * 400 + "@b.example", "x@\ud800.example", "@b.example"],
)  # fmt: skip
def test_what_ocsf_refuses_is_none(address: str) -> None:
    assert email_t(address) is None


@given(
    st.text(st.characters(codec=None), max_size=40)
    | st.from_regex(r"[a-z.+]{1,9}@[a-z.é-]{1,12}", fullmatch=True)
)
def test_whatever_passes_passes_the_official_pattern(address: str) -> None:
    fitting = email_t(address)

    assert fitting is None or EMAIL_T.search(fitting)


@given(st.text(max_size=30) | st.ip_addresses().map(str))
def test_whatever_is_an_ip_passes_the_official_pattern(text: str) -> None:
    fitting = ip_t(text)

    assert fitting is None or IP_T.search(fitting)


@pytest.mark.parametrize(
    ("text", "ip"),
    [("192.0.2.1", "192.0.2.1"), ("2001:DB8::0:1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"),
     ("999.1.1.1", None),
     ("01.2.3.4", None), ("host", None), ("", None), ("١.2.3.4", None)],
)  # fmt: skip
def test_ip_addresses_are_canonical(text: str, ip: str | None) -> None:
    assert ip_t(text) == ip


def test_splitting_keeps_what_was_changed_or_does_not_fit() -> None:
    assert split_addresses(["a@b.example", "<>", "x@ü.example"]) == (
        ["a@b.example", "x@xn--tda.example"],
        ["<>", "x@ü.example"],
    )


@pytest.mark.parametrize(
    ("address", "domain"), [("A@B.Example", "b.example"), ("<a@b.example.>", "b.example"), ("x", "")]
)
def test_the_domain_of_an_address(address: str, domain: str) -> None:
    assert domain_of(address) == domain
