"""The provider against a strict Cloudflare on loopback."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dns.cloudflare import Cloudflare
from core.dns.provider import Record, Zone
from core.dns.zonetext import quoted, unquoted
from core.upstream.errors import (
    Conflict,
    NotAuthorised,
    NotThere,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
)
from hub.sdk.http import Client, Response
from hub.sdk.testing import HangingServer, Reply, StrictServer
from tests.factories.cloudflare import TOKEN, PlayedCloudflare

TXT = Record(type="TXT", name="_dmarc.example.com", content="v=DMARC1; p=none")


@pytest.fixture
async def client():
    async with Client(deadline_s=5, allow_networks=["127.0.0.0/8"]) as client:
        yield client


@pytest.fixture
async def played():
    async with StrictServer() as server:
        played = PlayedCloudflare(server)
        played.zones["example.com"] = {}
        yield played


@pytest.fixture
def cloudflare(played, client):
    return Cloudflare(client, TOKEN, url=played.url)


async def test_the_token_is_verified(played, cloudflare):
    assert await cloudflare.check() == "the API token is active"

    played.status = "disabled"
    with pytest.raises(NotAuthorised, match="disabled"):
        await cloudflare.check()


async def test_the_zone_of_a_domain_is_its_own_or_one_above(cloudflare):
    own, above = await cloudflare.zone("example.com"), await cloudflare.zone("a.b.example.com")

    assert (own.name, own.is_active, above) == ("example.com", True, own)


async def test_a_public_suffix_is_never_asked_for(played, cloudflare):
    with pytest.raises(NotThere, match=r"a\.example\.co\.uk"):
        await cloudflare.zone("a.example.co.uk")

    names = [request.query["name"] for request in played.server.received]
    assert names == ["a.example.co.uk", "example.co.uk"]


async def test_all_pages_are_read(played, cloudflare):
    for number in range(250):
        played.add("example.com", "A", f"n{number}.example.com", "192.0.2.1")

    assert len(await cloudflare.records(await cloudflare.zone("example.com"))) == 250


async def test_records_of_one_name_and_type(played, cloudflare):
    played.add("example.com", "TXT", "example.com", '"v=spf1 " "-all"')
    played.add("example.com", "MX", "example.com", "MX1.example.net.", priority=10)
    played.add("example.com", "A", "www.example.com", "192.0.2.1")
    zone = await cloudflare.zone("example.com")
    (text,) = await cloudflare.records(zone, name="example.com", type="TXT")
    (server,) = await cloudflare.records(zone, type="MX")

    assert text.record.content == "v=spf1 -all"
    assert (server.record.content, server.record.priority) == ("mx1.example.net", 10)


async def test_a_record_is_made_and_read_back(played, cloudflare):
    zone = await cloudflare.zone("example.com")
    long = Record(type="TXT", name="x._domainkey.example.com", content="p=" + "A" * 700)
    for record in (TXT, long, Record(type="MX", name="example.com", content="mx.example.net", priority=10)):
        made = await cloudflare.upsert(zone, record)

        assert made.record == record
        assert (await cloudflare.records(zone, name=record.name))[0] == made
    assert played.contents("TXT", "x._domainkey.example.com")[0].count('"') == 6


async def test_an_alias_is_never_proxied(played, cloudflare):
    zone = await cloudflare.zone("example.com")
    await cloudflare.upsert(zone, Record(type="CNAME", name="mail.example.com", content="srv.example.net"))

    assert [each["proxied"] for each in played.zones["example.com"].values()] == [False]


async def test_a_record_is_overwritten(played, cloudflare):
    number = played.add("example.com", "TXT", TXT.name, '"v=DMARC1; p=reject"')
    zone = await cloudflare.zone("example.com")
    changed = await cloudflare.upsert(zone, TXT, over=number)

    assert (changed.id, played.contents("TXT", TXT.name)) == (number, ['"v=DMARC1; p=none"'])


async def test_a_record_that_is_there_already_is_fine(played, cloudflare):
    zone = await cloudflare.zone("example.com")
    first, second = await cloudflare.upsert(zone, TXT), await cloudflare.upsert(zone, TXT)

    assert first == second
    assert len(played.zones["example.com"]) == 1


async def test_an_alias_in_the_way_is_a_conflict(played, cloudflare):
    played.add("example.com", "CNAME", TXT.name, "else.example")
    with pytest.raises(Conflict, match="81053"):
        await cloudflare.upsert(await cloudflare.zone("example.com"), TXT)


async def test_what_cloudflare_does_not_accept_is_refused(cloudflare):
    record = Record(type="MX", name="example.com", content="mx.example.net")
    with pytest.raises(Refused, match="priority is required"):
        await cloudflare.upsert(await cloudflare.zone("example.com"), record)


async def test_a_record_is_deleted_once(played, cloudflare):
    number = played.add("example.com", "TXT", TXT.name, '"x"')
    zone = await cloudflare.zone("example.com")
    await cloudflare.delete(zone, number)
    await cloudflare.delete(zone, number)

    assert played.zones["example.com"] == {}


async def test_a_record_that_went_away_meanwhile_is_told(cloudflare):
    with pytest.raises(NotThere):
        await cloudflare.upsert(await cloudflare.zone("example.com"), TXT, over="f" * 32)


async def test_a_zone_that_is_gone_is_told(cloudflare):
    with pytest.raises(NotThere):
        await cloudflare.records(Zone(id="../../x", name="example.com", is_active=True))


async def test_a_wrong_token_is_told_without_being_shown(played, client):
    with pytest.raises(NotAuthorised) as caught:
        await Cloudflare(client, "wrong-secret", url=played.url).zone("example.com")

    assert "9109" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


LIMIT = {"success": False, "errors": [{"code": 971, "message": "slow down"}], "result": None}


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (Reply(status=429, headers={"Retry-After": "7"}, json=LIMIT), 7),
        (Reply(status=429, body=b"too many"), 60),
        (Reply(status=400, json=LIMIT), 300),
    ],
)
async def test_too_many_requests_say_how_long_to_wait(played, cloudflare, reply, wait_s):
    played.always = reply
    with pytest.raises(RateLimited) as caught:
        await cloudflare.check()

    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, body=b"<html>"),
        Reply(status=503, json={"success": False, "errors": []}),
        Reply(status=200, body=b"<html>"),
        Reply(status=200, json=[]),
        Reply(status=200, body=b""),
        Reply(status=200, json={"success": False, "errors": []}),
        Reply(status=302, headers={"Location": "https://example.com/"}),
        Reply(hang_up=True),
        Reply(status=200, json={"success": True, "result": [{"name": "example.com"}]}),
    ],
)
async def test_an_answer_that_is_none_leaves_the_outcome_open(played, cloudflare, reply):
    played.always = reply
    with pytest.raises((Unavailable, NotThere)) as caught:
        await cloudflare.zone("example.com")

    assert TOKEN not in str(caught.value)


async def test_no_answer_in_time_leaves_the_outcome_open():
    async with HangingServer() as server, Client(deadline_s=0.1, allow_networks=["127.0.0.0/8"]) as client:
        with pytest.raises(Unavailable):
            await Cloudflare(client, TOKEN, url=server.url).check()


WORDS = st.sampled_from(["success", "result", "errors", "code", "id", "result_info", "total_pages", "status"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


class Says:
    """A client that gets this document, whatever it asks."""

    def __init__(self, document):
        self.answer = Response(status=200, headers={}, body=msgspec.json.encode(document))

    async def request(self, *_, **__):
        return self.answer


@given(DOCUMENTS)
async def test_no_document_breaks_the_provider(document):
    provider = Cloudflare(Says(document), TOKEN)
    zone = Zone(id="z", name="z", is_active=True)
    for call in (provider.check(), provider.zone("example.com"), provider.records(zone)):
        try:
            answer = await call
        except ProviderError as error:
            answer = str(error)

        assert isinstance(answer, str | Zone | tuple)


@given(st.text(max_size=600).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_a_text_survives_its_quoting(text):
    content = quoted(text)

    assert unquoted(content) == text
    assert content.isascii()
    assert content.isprintable()


@given(st.text(max_size=60))
def test_any_content_can_be_read(text):
    assert isinstance(unquoted(text), str)
    assert isinstance(unquoted(f'"{text}"'), str)
