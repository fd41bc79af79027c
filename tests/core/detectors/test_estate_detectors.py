"""DKIM keys, licence and reputation."""

import pytest

from core.detectors import dkim_keys, licence, reputation
from core.detectors.licence_file import BadLicence, load, read
from core.engine.reputation import Standing
from core.store import estate, standings
from core.store.clock import DAY_MS, HOUR_MS
from hub.sdk.ed25519 import public_of
from tests.factories.audit import chain
from tests.factories.core import NOW_MS
from tests.factories.detectors import OTHER, PRIVATE
from tests.factories.detectors import licence as licence_file

PUBLIC = public_of(PRIVATE.encode())
BORN_MS = NOW_MS - dkim_keys.LIFETIME_MS + dkim_keys.WARNING_MS


async def add_key(tx, selector="s1", created_ms=BORN_MS, tenant="default"):
    key = estate.DkimKey(domain="acme.example", selector=selector, created_ms=created_ms)
    await estate.add_dkim_key(tx, key, tenant=tenant)


async def test_a_key_is_announced_thirty_days_ahead_to_its_tenant_and_once(tx):
    await add_key(tx, tenant="acme")

    assert await dkim_keys.detect(tx, NOW_MS - 1, chain=chain()) == []
    (event,) = await dkim_keys.detect(tx, NOW_MS, chain=chain())
    assert (event.name, event.tenant, event.data["days_left"]) == ("dkim.rotation_due", "acme", 30)
    assert await dkim_keys.detect(tx, NOW_MS + DAY_MS, chain=chain()) == []


async def test_a_rotated_key_is_not_announced(tx):
    await add_key(tx)
    await add_key(tx, "s2", NOW_MS)
    await estate.remove_dkim_key(tx, estate.DkimKey(domain="acme.example", selector="s1", created_ms=0))

    assert await dkim_keys.detect(tx, NOW_MS + DAY_MS, chain=chain()) == []


class Licences:
    """The file as it changes, and what is told of it."""

    def __init__(self, tx):
        self.tx = tx

    async def see(self, data, day=0.0):
        found = data
        if isinstance(data, bytes):
            try:
                found = read(data, [PUBLIC])
            except BadLicence as error:
                found = error
        now_ms = NOW_MS + round(day * DAY_MS)
        events = await licence.detect(self.tx, now_ms, chain=chain(), found=found, period_ms=HOUR_MS)
        return [(each.data["change"], each.data["status"], each.data["tier"]) for each in events]


@pytest.fixture
def licences(tx):
    return Licences(tx)


async def test_no_licence_at_all_is_nothing_to_tell(licences):
    assert await licences.see(None) == []


async def test_installing_refreshing_and_changing_the_tier_are_told_once_each(licences):
    trial, standard = licence_file(tier="trial"), licence_file()
    longer = licence_file(valid_until="2027-05-01T00:00:00Z")

    assert await licences.see(trial) == [("installed", "valid", "trial")]
    assert await licences.see(trial) == []
    assert await licences.see(standard) == [("tier", "valid", "standard")]
    assert await licences.see(longer) == [("refresh", "valid", "standard")]
    assert await licences.see(longer) == []
    assert (await estate.licence(licences.tx)).max_domains == 50


async def test_the_end_is_told_once_and_stands_when_the_clock_goes_back(licences):
    data = licence_file()
    await licences.see(data)

    assert await licences.see(data, 29.9) == []
    assert await licences.see(data, 30) == [("expired", "expired", "standard")]
    assert await licences.see(data, 29) == []
    assert await licences.see(licence_file(valid_until="2027-05-01T00:00:00Z"), 31) == [
        ("refresh", "valid", "standard")
    ]


async def test_a_forged_file_is_told_and_the_licence_before_it_stays(licences):
    good, forged = licence_file(), licence_file(OTHER, tier="enterprise", max_domains=9_999)
    await licences.see(good)

    assert await licences.see(forged) == [("invalid", "invalid", "standard")]
    assert await licences.see(forged) == []
    assert (await estate.licence(licences.tx)).max_domains == 50
    assert await licences.see(forged, 31) == [("expired", "expired", "standard")]
    assert await licences.see(licence_file(valid_until="2027-05-01T00:00:00Z"), 32) == [
        ("refresh", "valid", "standard")
    ]


async def test_a_file_that_is_gone_is_told_once(licences):
    await licences.see(licence_file())

    assert await licences.see(None) == [("removed", "none", "standard")]
    assert await licences.see(None) == []
    assert await licences.see(licence_file()) == [("refresh", "valid", "standard")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b'{"payload": 5, "signature": "AAAA"}', "malformed"),
        (b'{"payload": "AAAA"}', "malformed"),
        (b"[" * 60_000, "malformed"),
        (b"x" * 70_000, "malformed"),
        (licence_file(OTHER), "signature"),
        (licence_file().replace(b'"payload": "eyJ', b'"payload": "eyK'), "signature"),
        (licence_file(max_domains=True), "malformed"),
        (licence_file(max_domains=-1), "malformed"),
        (licence_file(tier=""), "malformed"),
        (licence_file(valid_until="soon"), "malformed"),
    ],
)
def test_what_is_no_licence_is_refused_with_a_reason(data, reason):
    with pytest.raises(BadLicence) as caught:
        read(data, [PUBLIC])

    assert caught.value.reason == reason


def test_a_licence_is_read_from_its_file(tmp_path):
    path = tmp_path / "licence.json"
    assert load(path, [PUBLIC]) is None
    path.write_bytes(licence_file())

    assert load(path, ["whpk_AAAA", PUBLIC]).holder == "Acme"
    with pytest.raises(BadLicence, match=r"not a regular file|Is a directory"):
        load(tmp_path, [PUBLIC])


async def many(tx, action, times, now_ms=NOW_MS, ip="203.0.113.7"):
    for _ in range(times):
        standing = await reputation.count(tx, "default", ip, action, now_ms, chain=chain())
    return standing


async def test_bad_mail_lists_an_address_and_good_mail_takes_it_off_with_a_gap(tx, news):
    listed = await many(tx, "reject", 8)
    off = await many(tx, "deliver", 8)
    told = [(name, data["direction"], data["threshold"]) for name, data in await news()]

    assert (listed.listed, off.listed) == (True, False)
    assert told == [
        ("reputation.threshold_crossed", "listed", 30.0),
        ("reputation.threshold_crossed", "unlisted", 45.0),
    ]


async def test_time_forgives_and_takes_an_address_off_the_list_without_mail(tx, news):
    await many(tx, "reject", 8)
    await news()

    assert await reputation.detect(tx, NOW_MS + DAY_MS, chain=chain()) == []
    (event,) = await reputation.detect(tx, NOW_MS + 14 * DAY_MS, chain=chain())
    assert (event.data["direction"], event.data["ip"]) == ("unlisted", "203.0.113.7")
    assert await reputation.detect(tx, NOW_MS + 14 * DAY_MS, chain=chain()) == []
    assert await standings.listed(tx) == []


async def test_an_address_unheard_of_for_long_is_forgotten(tx):
    await many(tx, "deliver", 3)
    await reputation.detect(tx, NOW_MS + reputation.FORGET_MS + 1, chain=chain())

    assert (await standings.get(tx, "203.0.113.7")).messages == 0


def test_a_score_halves_its_way_to_the_unknown_and_no_clock_worsens_it():
    bad = Standing(ip="203.0.113.7", score=20.0)

    assert reputation.decayed(bad, reputation.HALF_LIFE_MS).score == 40.0
    assert reputation.decayed(bad, -5 * DAY_MS).score == 20.0
