"""The connector against a strict OpenSearch on loopback: every way a request can end."""

import asyncio
import gzip
import logging
import time

import msgspec
import pytest

from connectors.opensearch import SPEC, OpenSearchOptions
from connectors.opensearch.template import template
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.testing import HangingServer, Reply, StrictServer, TestCa
from tests.factories.events import make_entry
from tests.factories.opensearch import PlayedOpenSearch, created, item

BATCH = [make_entry(n) for n in range(4)]
BULK = "/_bulk"


def context(deadline_s=5.0, allow=("127.0.0.0/8",)):
    return Context(name="search", deadline_s=deadline_s, allow_networks=allow)


def options(server, **more):
    return OpenSearchOptions(**{"url": server.url, "template": False, **more})


async def send(server, batch=BATCH, deadline_s=5.0, **more):
    async with SPEC.make(options(server, **more), context(deadline_s)) as connector:
        return await connector.send(batch)


async def test_a_batch_is_one_request_and_all_is_delivered():
    async with StrictServer() as server:
        server.expect("POST", BULK, created(4))

        assert await send(server) == [Delivered()] * 4

        request = server.received[0]
        assert request.headers["content-type"] == "application/x-ndjson"
        assert request.headers["user-agent"].startswith("mxhub")
        assert request.query["filter_path"] == "errors,items.*.status,items.*.error.type,items.*.error.reason"


async def test_every_item_s_outcome_stands_at_its_event():
    items = [
        item(201),
        item(400, "mapper_parsing_exception", "field"),
        item(409, "version_conflict_engine_exception"),
        item(429, "rejected_execution_exception", "queue full"),
    ]
    async with StrictServer() as server:
        server.expect("POST", BULK, Reply(json={"errors": True, "items": items}))

        assert await send(server) == [
            Delivered(),
            Rejected("400 mapper_parsing_exception: field"),
            Delivered(),
            Retry("429 rejected_execution_exception: queue full"),
        ]


async def test_when_all_items_are_pushed_back_it_is_the_cluster():
    async with StrictServer() as server:
        answer = {"errors": True, "items": [item(429, "rejected_execution_exception", "queue full")] * 4}
        server.expect("POST", BULK, Reply(json=answer))

        outcomes = await send(server)

    assert outcomes == [Blocked("all 4 events: 429 rejected_execution_exception: queue full")] * 4


# -- size ----------------------------------------------------------------------------------------------------
def takes_at_most(limit):
    def answer(request):
        return Reply(status=413) if len(request.body) > limit else created(request.body.count(b"\n") // 2)

    return answer


async def test_413_halves_until_it_fits():
    limit = max(len(entry.body) for entry in BATCH) + 300
    async with StrictServer() as server:
        server.allow("POST", BULK, takes_at_most(limit))

        assert await send(server) == [Delivered()] * 4

        assert len(server.received) == 7  # 4, then 2 + 2, each as 1 + 1


async def test_an_event_that_is_too_large_alone_is_rejected_and_the_others_pass():
    huge = make_entry(9, subject="x" * 50_000)
    batch = [BATCH[0], huge, BATCH[1]]
    async with StrictServer() as server:
        server.allow("POST", BULK, takes_at_most(20_000))

        outcomes = await send(server, batch)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Rejected, Delivered]
    assert outcomes[1].reason.startswith(f"{len(huge.body)} bytes refused: 413")


async def test_the_size_that_fits_is_remembered():
    limit = 2 * max(len(entry.body) for entry in BATCH) + 500
    async with StrictServer() as server:
        server.allow("POST", BULK, takes_at_most(limit))
        async with SPEC.make(options(server), context()) as connector:
            await connector.send(BATCH)
            before = len(server.received)
            assert await connector.send(BATCH) == [Delivered()] * 4

        assert all(len(each.body) <= limit for each in server.received[before:])


async def test_a_document_that_breaks_the_request_is_found_and_rejected_alone():
    bad = uid_text(BATCH[2].uid).encode()

    def answer(request):
        if bad in request.body:
            return Reply(status=400, json={"error": {"type": "json_parse_exception", "reason": "token"}})
        return created(request.body.count(b"\n") // 2)

    async with StrictServer() as server:
        server.allow("POST", BULK, answer)

        outcomes = await send(server)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered, Rejected, Delivered]


# -- the destination refuses or fails ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reply", "says", "after_s"),
    [
        (Reply(status=401, body=b"Unauthorized"), "check username and password", None),
        (Reply(status=403, json={"error": {"type": "security_exception"}}), "check its rights", None),
        (Reply(status=404, body=b"<html>"), "points at OpenSearch", None),
        (Reply(status=400, body=b"The plain HTTP request was sent to HTTPS port"), "400", None),
        (Reply(status=429, headers={"Retry-After": "17"}), "overloaded", 17.0),
        (Reply(status=500), "500", None),
        (Reply(status=503, headers={"Retry-After": "3"}, body=b"\x1b[31mred\x00"), "503 ?[31mred?", 3.0),
        (Reply(status=301, headers={"Location": "http://169.254.169.254/"}), "redirects are not", None),
        (Reply(status=200, body=b"<html>hello</html>"), "not JSON", None),
        (Reply(status=200, body=b"\xff\xfe"), "not JSON", None),
        (Reply(status=200, body=b""), "answer", None),
        (Reply(status=200, json={"items": []}), "answer", None),
        (Reply(status=599, json={"error": None}), "599", None),
        (Reply(status=500, json=["strange"]), "500", None),
        (Reply(status=500, json={"error": {"type": ["strange"]}}), "500", None),
    ],
)  # fmt: skip
async def test_a_request_refused_as_a_whole_blocks(reply, says, after_s):
    async with StrictServer() as server:
        server.expect("POST", BULK, reply)

        outcomes = await send(server)

    assert len(outcomes) == 4
    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert says in outcomes[0].reason
    assert outcomes[0].probe_after_s == after_s


async def test_a_huge_answer_blocks(monkeypatch):
    monkeypatch.setattr("connectors.opensearch.transport._MAX_ANSWER", 1000)
    async with StrictServer() as server:
        server.expect("POST", BULK, Reply(body=b" " * 100_000))

        (outcome,) = set(await send(server))

    assert isinstance(outcome, Blocked)
    assert "limit of 1000" in outcome.reason


async def test_a_hanging_cluster_blocks_within_the_deadline():
    async with HangingServer() as server:
        started = time.monotonic()

        (outcome,) = set(await send(server, deadline_s=0.4))

        assert time.monotonic() - started < 0.8
    assert isinstance(outcome, Blocked)
    assert "no answer in time" in outcome.reason


async def test_halving_stays_within_the_deadline_as_a_whole():
    async with StrictServer() as server:
        server.allow("POST", BULK, Reply(status=413, delay_s=0.15))
        started = time.monotonic()

        outcomes = await send(server, [make_entry(n) for n in range(64)], deadline_s=0.5)

        assert time.monotonic() - started < 1.0
    assert len(outcomes) == 64
    assert isinstance(outcomes[-1], Blocked)


async def test_a_broken_connection_is_tried_again_at_once():
    async with StrictServer() as server:
        server.expect("POST", BULK, Reply(hang_up=True)).expect("POST", BULK, created(4))

        assert await send(server) == [Delivered()] * 4


async def test_another_node_takes_over():
    async with StrictServer() as dead, StrictServer() as server:
        await dead.stop()
        server.allow("POST", BULK, created(4))
        async with SPEC.make(options(server, url=[dead.url, server.url]), context()) as connector:
            for _ in range(4):
                assert await connector.send(BATCH) == [Delivered()] * 4


async def test_a_cluster_that_is_down_blocks():
    async with StrictServer() as server:
        await server.stop()

        (outcome,) = set(await send(server))

    assert isinstance(outcome, Blocked)
    assert server.url in outcome.reason


async def test_a_private_address_is_not_reached_unless_allowed():
    async with StrictServer() as server:
        async with SPEC.make(options(server), context(allow=())) as connector:
            (outcome,) = set(await connector.send(BATCH))

        assert server.received == []
    assert "allow_networks" in outcome.reason


async def test_a_cancelled_send_leaves_a_connector_that_works():
    async with StrictServer() as server:
        server.expect("POST", BULK, Reply(delay_s=1)).expect("POST", BULK, created(4))
        async with SPEC.make(options(server), context()) as connector:
            task = asyncio.create_task(connector.send(BATCH))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            assert await connector.send(BATCH) == [Delivered()] * 4


# -- who we are ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({"username": "hub", "password": "pässword:1"}, "Basic aHViOnDDpHNzd29yZDox"),
        ({"api_key": "a2V5"}, "ApiKey a2V5"),
    ],
)
async def test_credentials_are_sent(credentials, expected):
    async with StrictServer() as server:
        server.expect("POST", BULK, created(4))

        await send(server, **credentials)

        assert server.received[0].headers["authorization"] == expected


async def test_a_private_ca_and_a_client_certificate_are_used(tmp_path):
    ca = TestCa(tmp_path)
    identity, ours = ca.issue("server"), ca.issue("client")
    async with StrictServer(ca.server_context(identity, ask_client=True)) as server:
        server.expect("POST", BULK, created(4))

        assert await send(server, ca=ca.file, client_cert=ours.cert, client_key=ours.key) == [Delivered()] * 4


async def test_a_certificate_nobody_vouches_for_blocks(tmp_path):
    ca = TestCa(tmp_path)
    async with StrictServer(ca.server_context(ca.issue("server"))) as server:
        (outcome,) = set(await send(server))

    assert "certificate" in outcome.reason


async def test_no_log_line_or_reason_holds_a_secret_or_a_subject(caplog):
    caplog.set_level(logging.DEBUG)
    batch = [make_entry(1, subject="confidential-subject")]
    async with StrictServer() as server:
        server.expect("POST", BULK, Reply(status=500, body=b"broken"))
        outcomes = await send(server, batch, username="hub", password="s3cret-pass")

    said = caplog.text + repr(outcomes)
    assert "s3cret-pass" not in said
    assert "czNjcmV0LXBhc3M" not in said
    assert "confidential-subject" not in said


async def test_a_compressed_request_is_gzip_of_the_same():
    async with StrictServer() as server:
        plain = []
        server.expect("POST", BULK, created(4), times=2)
        await send(server)
        await send(server, compress=True)
        plain, packed = server.received

    assert packed.headers["content-encoding"] == "gzip"
    # The server's framework has unpacked it already when it can; either way the bytes are the same.
    body = gzip.decompress(packed.body) if packed.body[:2] == b"\x1f\x8b" else packed.body
    assert body == plain.body


async def test_a_path_before_the_api_is_kept():
    async with StrictServer() as server:
        server.expect("POST", "/search/_bulk", created(4))

        assert await send(server, url=f"{server.url}/search/") == [Delivered()] * 4


# -- the template --------------------------------------------------------------------------------------------
async def test_the_template_is_put_at_first_contact_and_only_then():
    async with StrictServer() as server:
        played = PlayedOpenSearch(server)
        async with SPEC.make(options(server, template=True), context()) as connector:
            await connector.send(BATCH[:2])
            await connector.send(BATCH[2:])

        asked = [(each.method, each.path) for each in server.received]
    assert asked == [
        ("GET", "/_index_template/mxhub"),
        ("PUT", "/_index_template/mxhub"),
        ("POST", BULK),
        ("POST", BULK),
    ]
    assert played.template == template(OpenSearchOptions(url="https://x.example"))


async def test_a_template_of_an_older_version_is_updated_and_the_mappings_with_it():
    async with StrictServer() as server:
        played = PlayedOpenSearch(server)
        played.template = {"_meta": {"mxhub": {"version": 0, "digest": "old"}}}

        assert await send(server, template=True) == [Delivered()] * 4

        assert played.template["_meta"]["mxhub"]["version"] > 0
        (mapping,) = server.asked("PUT", "/mxhub/_mapping")
        assert "email" in msgspec.json.decode(mapping.body)["properties"]


async def test_a_template_of_a_newer_version_is_left_alone():
    async with StrictServer() as server:
        played = PlayedOpenSearch(server)
        played.template = {"_meta": {"mxhub": {"version": 99, "digest": "new"}}}

        assert await send(server, template=True) == [Delivered()] * 4

        assert server.asked("PUT", ".*") == []


async def test_somebody_else_s_template_is_not_overwritten():
    async with StrictServer() as server:
        PlayedOpenSearch(server).template = {"index_patterns": ["mxhub-*"]}

        (outcome,) = set(await send(server, template=True))

        assert server.asked("PUT", ".*") == []
    assert "not mxhub's" in outcome.reason


async def test_a_user_who_may_not_manage_templates_is_told():
    async with StrictServer() as server:
        server.expect("GET", "/_index_template/mxhub", Reply(status=403, json={"error": "no"}))

        (outcome,) = set(await send(server, template=True))

    assert isinstance(outcome, Blocked)
    assert "index templates" in outcome.reason


async def test_a_template_that_could_not_be_put_is_tried_again():
    async with StrictServer() as server:
        server.expect("GET", "/_index_template/mxhub", Reply(status=503))
        PlayedOpenSearch(server)
        async with SPEC.make(options(server, template=True), context()) as connector:
            assert isinstance((await connector.send(BATCH))[0], Blocked)
            assert await connector.send(BATCH) == [Delivered()] * 4


# -- beside sending ------------------------------------------------------------------------------------------
async def test_retention_deletes_whole_indices_that_ended_long_enough_ago():
    now_ms = 1_760_000_000_000  # 2025-10-09
    aliases = [
        "mxhub-2025.10",
        "mxhub-2025.09",
        "mxhub-2025.08",
        "mxhub-acme-2025.08",
        "mxhub-odd",
        "else-2020.01",
    ]
    async with StrictServer() as server:
        server.expect("GET", "/_alias/mxhub", Reply(json={name: {} for name in aliases}))
        server.expect("DELETE", "/mxhub-2025.08", Reply(json={"acknowledged": True}))
        server.expect("DELETE", "/mxhub-acme-2025.08", Reply(status=404, json={"error": {"type": "gone"}}))

        done = await SPEC.maintain(options(server, keep_days=30), context(), now_ms)

    assert done == [
        "deleted index mxhub-2025.08: older than 30 days",
        "deleted index mxhub-acme-2025.08: older than 30 days",
    ]


async def test_retention_without_indices_or_without_a_limit_does_nothing():
    async with StrictServer() as server:
        assert await SPEC.maintain(options(server), context(), 0) == []
        server.expect("GET", "/_alias/mxhub", Reply(status=404, json={"error": "alias [mxhub] missing"}))
        assert await SPEC.maintain(options(server, keep_days=1), context(), 0) == []


async def test_retention_that_may_not_delete_says_so():
    async with StrictServer() as server:
        server.expect("GET", "/_alias/mxhub", Reply(json={"mxhub-2020.01": {}}))
        server.expect("DELETE", "/mxhub-2020.01", Reply(status=403, json={"error": "no"}))

        with pytest.raises(DestinationFailed, match="check its rights"):
            await SPEC.maintain(options(server, keep_days=1), context(), 1_760_000_000_000)


async def test_the_probe_says_what_it_found():
    async with StrictServer() as server:
        version = {"number": "3.6.0", "distribution": "opensearch"}
        server.expect("GET", "/", Reply(json={"version": version}))
        server.expect("GET", "/_cluster/health", Reply(json={"status": "green", "number_of_nodes": 3}))
        server.expect("GET", "/_index_template/mxhub", Reply(status=404, json={"error": {}}))

        said = await SPEC.probe(options(server, template=True), context())

    assert said == "OpenSearch 3.6.0, status green, 3 node(s), template missing"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=401), "credentials are refused"),
        (Reply(body=b"<html>"), "not JSON"),
    ],
)
async def test_the_probe_says_what_is_wrong(reply, says):
    async with StrictServer() as server:
        server.expect("GET", "/", reply)

        with pytest.raises(DestinationFailed, match=says):
            await SPEC.probe(options(server), context())


async def test_the_probe_is_not_fooled_by_other_json():
    async with StrictServer() as server:
        server.allow("GET", ".*", Reply(json=[1]))

        with pytest.raises(DestinationFailed, match="not OpenSearch's"):
            await SPEC.probe(options(server), context())
