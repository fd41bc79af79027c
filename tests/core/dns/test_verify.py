"""Proof of ownership."""

import pytest

from core.dns.verify import new_token, verify_domain


async def test_the_token_is_found(zone, resolver):
    token = new_token()
    zone.zone["_mxhub-verify.example.com"] = {"TXT": ["other", f" {token} "]}

    assert (await verify_domain("Example.com", token, resolver)).state == "verified"


async def test_the_label_may_be_the_hosts_own_or_none(zone, resolver):
    zone.zone |= {"_x.example.com": {"TXT": ["t1"]}, "example.com": {"TXT": ["t2"]}}

    assert (await verify_domain("example.com", "t1", resolver, label="_x")).state == "verified"
    assert (await verify_domain("example.com", "t2", resolver, label="")).host == "example.com"


@pytest.mark.parametrize("records", [{}, {"TXT": ["other"]}, {"TXT": [""]}])
async def test_another_value_is_no_proof(zone, resolver, records):
    zone.zone["_mxhub-verify.example.com"] = records

    assert (await verify_domain("example.com", "token", resolver)).state == "missing"
    assert (await verify_domain("example.com", "", resolver)).state == "missing"


@pytest.mark.parametrize("mode", ["servfail", "timeout", "refused"])
async def test_trouble_is_not_a_missing_proof(zone, hasty, mode):
    zone.modes["_mxhub-verify.example.com"] = mode
    found = await verify_domain("example.com", "token", hasty)

    assert found.state == "unknown"
    assert "Cannot be checked now" in found.message


def test_tokens_are_never_alike():
    assert len({new_token() for _ in range(100)}) == 100
