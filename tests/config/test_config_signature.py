from dataclasses import fields

import pytest

from hub.config.signature import SignatureConfig, schemes_of
from hub.sdk.verify import STANDARD_WEBHOOKS, Scheme

OFFERED = (Scheme(name="hex", headers=("x-sig",)), Scheme(name="b64", headers=("x-sig",), encoding="base64"))


def test_a_profile_can_change_every_field_of_a_scheme():
    assert set(SignatureConfig.model_fields) == {field.name for field in fields(Scheme)}


def test_without_a_profile_all_that_the_vendor_offers_is_tried():
    assert schemes_of(None, OFFERED) == OFFERED


def test_a_name_picks_one():
    assert schemes_of(("b64",), OFFERED) == (OFFERED[1],)
    assert schemes_of(("standard-webhooks",), OFFERED) == (STANDARD_WEBHOOKS,)


def test_fields_change_the_scheme_that_is_named_or_the_first():
    wanted = SignatureConfig(headers=("X-Other",), prefix="v1=", tolerance_s=60)

    (scheme,) = schemes_of((wanted,), OFFERED)

    assert scheme == Scheme(name="hex", headers=("x-other",), prefix="v1=", tolerance_s=60)
    (other,) = schemes_of((SignatureConfig(name="b64", prefix="s="),), OFFERED)
    assert (other.encoding, other.prefix) == ("base64", "s=")


def test_a_vendor_without_schemes_takes_one_of_ones_own():
    (scheme,) = schemes_of((SignatureConfig(headers=("x-mine",)),), ())

    assert scheme.headers == ("x-mine",)
    with pytest.raises(ValueError, match="needs 'headers'"):
        schemes_of((SignatureConfig(prefix="x"),), ())


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown signature scheme 'hexx'; known: b64, hex, standard-webhooks"
    ):
        schemes_of(("hexx",), OFFERED)
