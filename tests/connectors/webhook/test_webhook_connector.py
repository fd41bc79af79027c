"""What a receiver gets, how it verifies it, and what its answers mean."""

import asyncio
import time
from itertools import count

import msgspec
import pytest

from connectors.webhook import SPEC, WebhookOptions
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.each import send_each
from hub.sdk.testing import Reply, StrictServer, TestCa
from tests.factories.events import make_entry
from tests.factories.webhook import PATH, PRIVATE, PUBLIC, SECRET, PlayedReceiver

CONTEXT = Context(name="soar", deadline_s=5.0, allow_networks=("127.0.0.0/8",))
NEW = "whsec_" + "bmV3" * 8
BATCH = [make_entry(n, source=f"source-{n % 2}") for n in range(6)]


@pytest.fixture
async def receiver():
    async with StrictServer() as server:
        yield PlayedReceiver(server)


def options(receiver, **over):
    return WebhookOptions.model_validate({"url": receiver.server.url + PATH, "secrets": [SECRET], **over})


async def send(receiver, *batch, **over):
    async with SPEC.make(options(receiver, **over), CONTEXT) as connector:
        return list(await connector.send(batch or BATCH))


def sent(receiver):
    return receiver.requests[-1]


# -- what arrives --------------------------------------------------------------------------------------------
async def test_the_envelope_is_the_standards(receiver):
    entry = make_entry(1, code="quarantine.added", time_ms=1_777_621_333_000)

    assert await send(receiver, entry) == [Delivered()]

    body = msgspec.json.decode(sent(receiver).body, type=dict[str, msgspec.Raw])
    assert list(body) == ["type", "timestamp", "data"]
    assert bytes(body["type"]) == b'"quarantine.added"'
    assert bytes(body["timestamp"]) == b'"2026-05-01T07:42:13Z"'
    assert bytes(body["data"]) == entry.body


async def test_ocsf_alone_is_signed_just_the_same(receiver):
    assert await send(receiver, BATCH[0], format="ocsf") == [Delivered()]

    assert sent(receiver).body == BATCH[0].body


async def test_the_id_is_the_events_and_the_time_the_attempts(receiver, monkeypatch):
    clock = count(int(time.time()))
    monkeypatch.setattr("connectors.webhook.connector.time.time", lambda: next(clock))

    await send(receiver, BATCH[0])
    await send(receiver, BATCH[0])

    first, second = [request.headers for request in receiver.requests]
    assert first["webhook-id"] == second["webhook-id"] == BATCH[0].uid.hex()
    assert int(second["webhook-timestamp"]) > int(first["webhook-timestamp"])
    assert first["webhook-signature"] != second["webhook-signature"]
    assert receiver.order == [BATCH[0].uid.hex()]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("sender rule/added", "sender_rule_added"),
        ("", "event"),
        ("...", "event"),
        ("prüfung.ok", "pr_fung.ok"),
        ("x" * 500, "x" * 200),
    ],
)
async def test_a_type_has_only_the_standards_characters(receiver, code, kind):
    await send(receiver, make_entry(1, code=code))

    assert msgspec.json.decode(sent(receiver).body)["type"] == kind


@pytest.mark.parametrize(
    ("ms", "timestamp"), [(-(2**62), "1970-01-01T00:00:00Z"), (2**62, "9999-12-31T23:59:59.999Z")]
)
async def test_a_hostile_time_is_cut_to_what_can_be_written(receiver, ms, timestamp):
    assert await send(receiver, make_entry(1, time_ms=ms)) == [Delivered()]

    assert msgspec.json.decode(sent(receiver).body)["timestamp"] == timestamp


async def test_further_headers_are_sent(receiver):
    await send(receiver, BATCH[0], headers={"Authorization": "Bearer t0ken", "X-Team": "soc"})

    assert (sent(receiver).headers["authorization"], sent(receiver).headers["x-team"]) == (
        "Bearer t0ken",
        "soc",
    )
    assert sent(receiver).headers["content-type"] == "application/json"


# -- signatures ----------------------------------------------------------------------------------------------
async def test_v1_is_verified_by_the_official_library(receiver):
    assert await send(receiver) == [Delivered()] * 6

    assert sent(receiver).headers["webhook-signature"].startswith("v1,")


async def test_v1a_is_verified_with_the_public_key(receiver):
    receiver.secret = PUBLIC

    assert await send(receiver, secrets=PRIVATE) == [Delivered()] * 6
    assert sent(receiver).headers["webhook-signature"].startswith("v1a,")


@pytest.mark.parametrize(
    ("old", "new", "live"),
    [(SECRET, NEW, [NEW, SECRET]), (SECRET, PUBLIC, [PRIVATE, SECRET])],
    ids=["another secret", "from v1 to v1a"],
)
async def test_during_a_rotation_who_knows_either_secret_alone_verifies(receiver, old, new, live):
    for known in (old, new):
        receiver.secret = known
        assert await send(receiver, secrets=live) == [Delivered()] * 6


async def test_a_receiver_that_knows_another_secret_blocks_and_nothing_is_rejected(receiver):
    receiver.secret = NEW

    outcomes = await send(receiver)

    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert "secret" in outcomes[0].reason


async def test_without_secrets_nothing_is_signed(receiver):
    receiver.secret = None

    assert await send(receiver, secrets=[]) == [Delivered()] * 6
    assert "webhook-signature" not in sent(receiver).headers
    assert sent(receiver).headers["webhook-id"] == receiver.order[-1]


# -- order ---------------------------------------------------------------------------------------------------
def starts_of(receiver):
    return [BATCH_UIDS.index(request.headers["webhook-id"]) for request in receiver.requests]


BATCH_UIDS = [entry.uid.hex() for entry in BATCH]


async def test_sources_go_side_by_side_each_in_its_order(receiver):
    receiver.delay_s = 0.02

    await send(receiver)

    starts = starts_of(receiver)
    assert [n for n in starts if n % 2 == 0] == [0, 2, 4]
    assert [n for n in starts if n % 2 == 1] == [1, 3, 5]
    assert set(starts[:2]) == {0, 1}


async def test_in_order_of_all_nothing_overtakes(receiver):
    await send(receiver, order="all")

    assert starts_of(receiver) == list(range(6))


async def test_without_order_every_event_may_go_beside_every_other(receiver, monkeypatch):
    asked = {}

    async def spy(batch, post, **how):
        asked.update(how, chains=len({how["together"](entry) for entry in batch}))
        return await send_each(batch, post, **how)

    monkeypatch.setattr("connectors.webhook.connector.send_each", spy)
    batch = [make_entry(n, source="one") for n in range(8)]

    assert await send(receiver, *batch, order="none", parallel=5) == [Delivered()] * 8

    assert (asked["chains"], asked["parallel"], len(receiver.held)) == (8, 5, 8)


# -- answers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reply", "says", "probe_after_s"),
    [
        (Reply(status=301, headers={"Location": "https://other.example/"}), "final address", None),
        (Reply(status=401), "401", None),
        (Reply(status=404), "check url", None),
        (Reply(status=405), "check url", None),
        (Reply(status=410, headers={"Retry-After": "1"}), "forget", 86_400.0),
        (Reply(status=429, headers={"Retry-After": "30"}), "overloaded", 30.0),
        (Reply(status=502), "502", None),
        (Reply(status=503, headers={"Retry-After": "9"}), "503", 9.0),
        (Reply(status=504), "504", None),
        (Reply(status=400), "400", None),
        (Reply(status=403), "403", None),
        (Reply(status=422), "422", None),
        (Reply(status=500, headers={"Retry-After": "3"}), "500", 3.0),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
async def test_an_answer_that_is_for_all_blocks(receiver, reply, says, probe_after_s):
    receiver.always = reply

    outcomes = await send(receiver)

    assert [type(outcome) for outcome in outcomes] == [Blocked] * 6
    assert says in outcomes[0].reason
    assert outcomes[0].probe_after_s == probe_after_s


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_success(receiver, status):
    receiver.always = Reply(status=status)

    assert await send(receiver) == [Delivered()] * 6


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Rejected), (403, Rejected), (409, Rejected), (422, Rejected), (500, Retry)]
)
async def test_one_event_alone_is_its_own_fault(receiver, status, kind):
    """Others got through after it."""
    poison = BATCH_UIDS[1]
    receiver.server._rules.clear()
    receiver.server.allow(
        "POST", PATH, lambda request: Reply(status=status if request.headers["webhook-id"] == poison else 200)
    )

    outcomes = await send(receiver)

    assert [type(outcome) for outcome in outcomes] == [Delivered, kind, *[Delivered] * 4]
    assert str(status) in outcomes[1].reason


async def test_a_receiver_that_breaks_for_all_in_the_middle_of_a_batch_parks_nothing(receiver):
    """Two sources side by side: what stands later in the batch may have been sent, and taken, before."""
    batch = [make_entry(n, source="a" if n < 40 else "b") for n in range(80)]
    taken = count(1)
    receiver.server._rules.clear()
    receiver.server.allow("POST", PATH, lambda _: Reply(status=204 if next(taken) <= 40 else 400))

    outcomes = await send(receiver, *batch)

    assert sum(isinstance(outcome, Delivered) for outcome in outcomes) == 40
    assert [outcome for outcome in outcomes if isinstance(outcome, Rejected)] == []


async def test_too_large_is_the_events_own_fault_at_once(receiver):
    receiver.always = Reply(status=413)

    outcomes = await send(receiver)

    assert {type(outcome) for outcome in outcomes} == {Rejected}
    assert "bytes are more than" in outcomes[0].reason


async def test_a_poisoned_event_alone_lets_the_next_one_through_in_the_end(receiver):
    receiver.refused = frozenset({BATCH_UIDS[0]})
    async with SPEC.make(options(receiver), CONTEXT) as connector:
        probes = 0
        while isinstance((await connector.send(BATCH[:1]))[0], Blocked):
            probes += 1
        behind = await connector.send(BATCH[1:2])
        again = await connector.send(BATCH[:1])

    assert probes == 9
    assert [type(outcome) for outcome in (*behind, *again)] == [Delivered, Rejected]


async def test_what_a_receiver_says_is_not_repeated(receiver):
    receiver.refused = frozenset({BATCH_UIDS[1]})

    outcomes = await send(receiver)

    assert "confidential" not in repr(outcomes)


# -- TLS -----------------------------------------------------------------------------------------------------
async def test_a_private_ca_and_a_client_certificate(tmp_path):
    ca = TestCa(tmp_path)
    ours = ca.issue("mxhub")
    tls = ca.server_context(ca.issue("receiver"), ask_client=True)
    async with StrictServer(tls) as server:
        receiver = PlayedReceiver(server)
        with_all = {"ca": ca.file, "client_cert": ours.cert, "client_key": ours.key}

        assert await send(receiver, **with_all) == [Delivered()] * 6
        for lacking in ({}, {"ca": ca.file}):
            assert {type(outcome) for outcome in await send(receiver, **lacking)} == {Blocked}


# -- probe ---------------------------------------------------------------------------------------------------
async def test_the_probe_asks_for_the_root_only(receiver):
    said = await SPEC.probe(options(receiver), CONTEXT)

    assert said == f"{receiver.server.url} answers (404); the address itself is not asked"
    assert [request.path for request in receiver.server.received] == ["/"]


async def test_the_probe_says_when_nobody_is_there():
    async with StrictServer() as server:
        gone = PlayedReceiver(server)
        found = options(gone)
    await asyncio.sleep(0)

    with pytest.raises(DestinationFailed) as failed:
        await SPEC.probe(found, CONTEXT)
    assert "t0ken" not in str(failed.value)
