"""The connector against real nodes, one of each release line."""

import asyncio
import json

import aiohttp
import msgspec
import pytest

from connectors.opensearch import SPEC, OpenSearchOptions
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Rejected
from hub.sdk.connector import Context
from tests.factories.events import NOW_MS, make_entry

DAY_MS = 86_400_000
pytestmark = pytest.mark.timeout(300)  # the first test of a release line starts its node

CONTEXT = Context(name="search", deadline_s=60.0, allow_networks=("127.0.0.0/8",))


class Cluster:
    """A real node, the connector's options for it, and plain requests to look at what it holds."""

    def __init__(self, url, session):
        self.url = url
        self._session = session

    def options(self, **more):
        return OpenSearchOptions(**{"url": self.url, "refresh_s": 0.1, **more})

    async def send(self, batch, **more):
        async with SPEC.make(self.options(**more), CONTEXT) as connector:
            return await connector.send(batch)

    async def ask(self, method, path, body=None):
        async with self._session.request(method, self.url + path, json=body) as answer:
            return json.loads(await answer.read() or b"null")

    async def count(self, index="mxhub", query=None):
        await self.ask("POST", f"/{index}/_refresh")
        body = {"query": query or {"match_all": {}}}
        return (await self.ask("POST", f"/{index}/_count", body))["count"]

    async def source(self, uid, index="mxhub"):
        await self.ask("POST", f"/{index}/_refresh")
        found = await self.ask("POST", f"/{index}/_search", {"query": {"ids": {"values": [uid_text(uid)]}}})
        return found["hits"]["hits"][0]["_source"]


@pytest.fixture
async def cluster(opensearch_node):
    async with aiohttp.ClientSession() as session:
        yield Cluster(opensearch_node, session)


async def test_events_go_to_the_index_of_their_month_behind_one_alias(cluster):
    batch = [make_entry(n, raw_data=True) for n in range(300)]

    assert await cluster.send(batch) == [Delivered()] * 300

    assert set(await cluster.ask("GET", "/_alias/mxhub")) == {"mxhub-2025.09", "mxhub-2025.10"}
    assert await cluster.count() == 300
    assert await cluster.source(batch[7].uid) == msgspec.json.decode(batch[7].body)


async def test_the_template_is_applied(cluster):
    await cluster.send([make_entry(1)])

    answer = await cluster.ask("GET", "/_index_template/mxhub")
    assert answer["index_templates"][0]["index_template"]["_meta"]["mxhub"]["version"] == 1
    (index,) = (await cluster.ask("GET", "/mxhub/_mapping")).values()
    assert index["mappings"]["dynamic"] == "false"
    assert index["mappings"]["properties"]["@timestamp"] == {"type": "alias", "path": "time"}
    assert "unmapped" in index["mappings"]["properties"]
    assert "properties" not in index["mappings"]["properties"]["unmapped"]
    assert "current" in await SPEC.probe(cluster.options(), CONTEXT)


async def test_an_upgraded_template_reaches_new_and_old_indices(cluster):
    await cluster.send([make_entry(1)])
    old = (await cluster.ask("GET", "/_index_template/mxhub"))["index_templates"][0]["index_template"]
    old["_meta"]["mxhub"]["version"] = 0
    del old["template"]["mappings"]["properties"]["severity"]
    for method, path, body in (
        ("PUT", "/_index_template/mxhub", old),
        ("DELETE", "/mxhub-2025.*", None),
        ("PUT", "/mxhub-2025.10", {}),
    ):
        assert (await cluster.ask(method, path, body))["acknowledged"]
    assert "older" in await SPEC.probe(cluster.options(), CONTEXT)

    assert set(await cluster.send([make_entry(n) for n in range(50)])) == {Delivered()}

    assert "current" in await SPEC.probe(cluster.options(), CONTEXT)
    for index in (await cluster.ask("GET", "/mxhub/_mapping")).values():
        assert "severity" in index["mappings"]["properties"]


async def test_an_event_sent_again_is_stored_once(cluster):
    batch = [make_entry(n) for n in range(20)]

    assert await cluster.send(batch) == [Delivered()] * 20
    assert await cluster.send(batch) == [Delivered()] * 20

    assert await cluster.count() == 20


async def test_an_event_sent_again_after_newer_indices_came_is_stored_once(cluster):
    """A data stream would write it to the newest index and hold it twice."""
    event = make_entry(1, time_ms=NOW_MS - 20 * DAY_MS)
    await cluster.send([event])
    await cluster.send([make_entry(2, time_ms=NOW_MS), make_entry(3, time_ms=NOW_MS + DAY_MS)])

    assert await cluster.send([event]) == [Delivered()]

    assert await cluster.count(query={"ids": {"values": [uid_text(event.uid)]}}) == 1


async def test_what_people_search_by_is_found_through_the_alias(cluster):
    wanted = make_entry(
        1,
        sender="Anna.Adler@Example.com",
        subject="Overdue Invoice 4711",
        source="mailguard-7",
        tenant="acme",
        severity=4,
        code="quarantine.added",
        message_id="<a@b.example>",
    )
    others = [make_entry(n, severity=1, subject="nothing") for n in range(2, 12)]
    await cluster.send([wanted, *others])
    ip = msgspec.json.decode(wanted.body)["src_endpoint"]["ip"]

    for query in (
        {"term": {"from": "anna.adler@example.com"}},
        {"match_phrase": {"email.subject": "overdue invoice"}},
        {"term": {"metadata.log_provider": "mailguard-7"}},
        {"term": {"metadata.tenant_uid": "acme"}},
        {"term": {"metadata.uid": uid_text(wanted.uid)}},
        {"term": {"severity_id": 4}},
        {"bool": {"filter": [{"term": {"src_endpoint.ip": ip}}, {"term": {"severity_id": 4}}]}},
        {"term": {"email.message_uid": "<a@b.example>"}},
        {"term": {"observables.value": "anna.adler@example.com"}},
        {"bool": {"filter": [
            {"range": {"@timestamp": {"gte": wanted.header.time_ms, "lte": wanted.header.time_ms}}},
            {"term": {"metadata.event_code": "quarantine.added"}},
        ]}},
    ):  # fmt: skip
        assert await cluster.count(query=query) == 1, query


async def test_dates_can_be_counted_by_day(cluster):
    await cluster.send([make_entry(n, time_ms=NOW_MS - n % 3 * DAY_MS) for n in range(9)])
    await cluster.ask("POST", "/mxhub/_refresh")

    aggregation = {"days": {"date_histogram": {"field": "@timestamp", "calendar_interval": "day"}}}
    answer = await cluster.ask("POST", "/mxhub/_search", {"size": 0, "aggs": aggregation})

    assert [each["doc_count"] for each in answer["aggregations"]["days"]["buckets"]] == [3, 3, 3]


async def test_trees_of_contradicting_shapes_are_all_stored(cluster):
    trees = [{"a": 1}, {"a": {"b": "c"}}, {"a": [1, {"c": None}]}, {"a.b": 1, "": 2}]
    shapes = [*trees, 1, "text", [], None, True]
    batch = [make_entry(n, unmapped=shape, raw_data=False) for n, shape in enumerate(shapes)]
    batch += [make_entry(100 + n, raw_data=False, **{f"vendor_{n}": {f"f{n}": n}}) for n in range(1200)]

    assert set(await cluster.send(batch)) == {Delivered()}

    for entry, shape in zip(batch, shapes, strict=False):
        assert (await cluster.source(entry.uid))["unmapped"] == shape


async def test_values_that_do_not_fit_their_type_are_kept(cluster):
    strange = {
        "time": "soon",
        "severity_id": "high",
        "src_endpoint": {"ip": "nonsense", "port": 10**15},
        "from": {"a": 1},
    }
    batch = [make_entry(n, **{name: value}) for n, (name, value) in enumerate(strange.items())]

    assert await cluster.send(batch) == [Delivered()] * len(batch)

    for entry, (name, value) in zip(batch, strange.items(), strict=True):
        assert (await cluster.source(entry.uid))[name] == value


async def test_hostile_characters_survive(cluster):
    subject = "\u202egnp.exe\u0000\u0007\x1b[31m \U0001f600 \ufeff\u2028 é"
    plain = make_entry(1, subject=subject)
    lone = make_entry(2, body=plain.body.replace(b"Message from", b"lone \\ud83d here, from"))

    assert await cluster.send([plain, lone]) == [Delivered()] * 2

    assert (await cluster.source(plain.uid))["email"]["subject"] == subject
    found = await cluster.ask("POST", "/mxhub/_search", {"query": {"ids": {"values": [uid_text(lone.uid)]}}})
    assert found["hits"]["total"]["value"] == 1


async def test_a_subject_of_a_megabyte_without_a_space_is_stored(cluster):
    event = make_entry(1, subject="x" * 1_000_000)

    assert await cluster.send([event]) == [Delivered()]

    assert len((await cluster.source(event.uid))["email"]["subject"]) == 1_000_000


async def test_a_body_that_is_no_json_is_rejected_alone(cluster):
    batch = [make_entry(1), make_entry(2, body=b"nonsense"), make_entry(3, body=b'{"a":'), make_entry(4)]

    outcomes = await cluster.send(batch)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Rejected, Rejected, Delivered]
    assert outcomes[1].reason == "400 mapper_parsing_exception: failed to parse"
    assert await cluster.count() == 2


async def test_hostile_times_make_no_wild_index(cluster):
    wild = [0, -1, -(2**62), 1, 2**40, 2**53, 2**62]
    batch = [make_entry(n, time_ms=ms, recorded_ms=NOW_MS) for n, ms in enumerate(wild)]

    assert set(await cluster.send(batch, past_days=30)) == {Delivered()}

    assert set(await cluster.ask("GET", "/_alias/mxhub")) == {"mxhub-2025.09", "mxhub-2025.10"}
    assert await cluster.count() == len(wild)


async def test_an_event_larger_than_the_node_takes_is_rejected(cluster):
    """`http.max_content_length` is 100 MB; the others of its batch get through."""
    huge = make_entry(1, body=b'{"message":"%s"}' % (b"x" * 101 * 1024 * 1024))

    outcomes = await cluster.send([make_entry(2), huge, make_entry(3)])

    assert [type(outcome) for outcome in outcomes] == [Delivered, Rejected, Delivered]
    assert "bytes refused: 413" in outcomes[1].reason


@pytest.mark.parametrize("block", ["index.blocks.write", "index.blocks.read_only_allow_delete"])
async def test_a_read_only_index_blocks_and_recovers(cluster, block):
    """The second is what a node does by itself when its disk reaches the flood stage."""
    await cluster.send([make_entry(1, time_ms=NOW_MS)])
    await cluster.ask("PUT", "/mxhub-2025.10/_settings", {block: True})

    (blocked,) = await cluster.send([make_entry(2, time_ms=NOW_MS)])
    await cluster.ask("PUT", "/mxhub-2025.10/_settings", {block: None})

    assert isinstance(blocked, Blocked)
    assert "cluster_block_exception" in blocked.reason
    assert await cluster.send([make_entry(2, time_ms=NOW_MS)]) == [Delivered()]
    assert await cluster.count() == 2


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("action.auto_create_index", "false", "action.auto_create_index"),
        ("cluster.max_shards_per_node", 1, "max_shards_per_node"),
    ],
)
async def test_a_cluster_that_lets_no_index_be_made_blocks_and_recovers(cluster, setting, value, says):
    await cluster.ask("PUT", "/_cluster/settings", {"transient": {setting: value}})
    try:
        (blocked,) = await cluster.send([make_entry(1)], replicas=1)
    finally:
        await cluster.ask("PUT", "/_cluster/settings", {"transient": {setting: None}})

    assert isinstance(blocked, Blocked)
    assert says in blocked.reason
    assert await cluster.send([make_entry(1)]) == [Delivered()]


async def test_a_closed_index_blocks(cluster):
    await cluster.send([make_entry(1, time_ms=NOW_MS)])
    await cluster.ask("POST", "/mxhub-2025.10/_close")

    (outcome,) = await cluster.send([make_entry(2, time_ms=NOW_MS)])

    assert isinstance(outcome, Blocked)
    assert outcome.reason.endswith("open the index")


async def test_retention_deletes_what_is_older_and_nothing_else(cluster):
    ages = [0, 20, 60, 100]
    await cluster.send(
        [make_entry(n, time_ms=NOW_MS - age * DAY_MS, recorded_ms=NOW_MS) for n, age in enumerate(ages)],
        period="day",
    )
    await cluster.ask("PUT", "/mxhub-2020.01", {"aliases": {"mxhub": {}}})
    await cluster.ask("PUT", "/stranger-2020.01", {})

    done = await SPEC.maintain(cluster.options(keep_days=30), CONTEXT, NOW_MS)

    assert done == [
        "deleted index mxhub-2020.01: older than 30 days",
        "deleted index mxhub-2025.07.01: older than 30 days",
        "deleted index mxhub-2025.08.10: older than 30 days",
    ]
    assert await cluster.count() == 2
    assert "stranger-2020.01" in await cluster.ask("GET", "/stranger-2020.01")
    assert await SPEC.maintain(cluster.options(keep_days=30), CONTEXT, NOW_MS) == []


async def test_tenants_have_indices_of_their_own(cluster):
    batch = [make_entry(1, tenant="acme", time_ms=NOW_MS), make_entry(2, tenant="Beta Corp", time_ms=NOW_MS)]

    assert await cluster.send(batch, per_tenant=True) == [Delivered()] * 2

    assert await cluster.count("mxhub-acme-*") == 1
    assert await cluster.count("mxhub-beta_corp-*") == 1
    assert await cluster.count() == 2


async def test_a_prefix_that_begins_like_another_has_its_own_template_and_alias(cluster):
    await cluster.send([make_entry(1)], prefix="mxhub")
    await cluster.send([make_entry(2), make_entry(3)], prefix="mxhub-lab")

    assert await cluster.count("mxhub") == 1
    assert await cluster.count("mxhub-lab") == 2


async def test_a_compressed_request_is_understood(cluster):
    assert await cluster.send([make_entry(n) for n in range(50)], compress=True) == [Delivered()] * 50
    assert await cluster.count() == 50


async def test_many_batches_at_once_are_stored_once_each(cluster):
    batches = [[make_entry(n) for n in range(first, first + 200)] for first in range(0, 1000, 100)]
    async with SPEC.make(cluster.options(), CONTEXT) as connector:
        answers = await asyncio.gather(*map(connector.send, batches))

    assert {outcome for answer in answers for outcome in answer} == {Delivered()}
    assert await cluster.count() == 1100


async def test_a_tenants_events_are_erased_and_everybody_elses_stay(cluster, monkeypatch):
    from connectors.opensearch import upkeep

    monkeypatch.setattr(upkeep, "_ERASED_AT_ONCE", 40)
    mine = [make_entry(n, tenant="leaver") for n in range(150)]
    others = [make_entry(n, tenant="stayer") for n in range(150, 300)]
    await cluster.send([*mine, *others])
    await cluster.ask("PUT", "/mxhub-notes", {"aliases": {"mxhub": {}}})
    await cluster.ask("PUT", "/mxhub-notes/_doc/1", {"metadata": {"tenant_uid": "leaver"}})

    erased = await SPEC.erase(cluster.options(), CONTEXT, "leaver")
    again = await SPEC.erase(cluster.options(), CONTEXT, "leaver")

    assert (erased, again) == (150, 0)
    assert await cluster.count("mxhub-2025*", {"term": {"metadata.tenant_uid": "leaver"}}) == 0
    assert await cluster.count("mxhub-2025*") == 150
    assert await cluster.count("mxhub-notes") == 1


async def test_an_index_per_tenant_is_erased_too(cluster):
    await cluster.send(
        [make_entry(n, tenant=t) for n, t in enumerate(["leaver", "stayer"] * 5)], per_tenant=True
    )

    assert await SPEC.erase(cluster.options(per_tenant=True), CONTEXT, "leaver") == 5
    assert await cluster.count() == 5


async def test_a_cluster_without_our_alias_has_nothing_to_erase(cluster):
    assert await SPEC.erase(cluster.options(), CONTEXT, "leaver") == 0
