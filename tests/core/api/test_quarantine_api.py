"""`/quarantine` as its callers use it, with a real downstream server."""

from contextlib import AsyncExitStack

import pytest

from core.api.app import create_app
from core.engine.verdict import Thresholds
from core.lists import store as lists
from core.lists.items import shelf
from core.store import domains
from tests.factories.core import NOW_MS, raw_mail
from tests.factories.core_api import make_core, serve
from tests.factories.judged import entries, hold, told
from tests.factories.smtp import SmtpServer


@pytest.fixture
async def downstream():
    async with SmtpServer() as server:
        yield server


@pytest.fixture
async def api(database, buckets, tmp_path, downstream):
    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, tmp_path / "core", stack, allow_networks=("127.0.0.0/8",))
        async with core.database.begin() as tx:
            backends = [f"127.0.0.1:{downstream.port}"]
            await domains.add(tx, "acme.example", backends=backends, thresholds=Thresholds(), now_ms=NOW_MS)
        yield await stack.enter_async_context(serve(core, create_app(core)))


async def test_a_held_message_is_listed_read_and_released(api, downstream):
    item = await hold(api.core, 1, raw_mail())

    listed = await api.call("GET", "/quarantine?status=held&sender=deal.top")
    one = await api.call("GET", f"/quarantine/{item.id}")
    raw = await api.call("GET", f"/quarantine/{item.id}/raw")
    released = await api.call("POST", f"/quarantine/{item.id}/release", {})
    again = await api.call("POST", f"/quarantine/{item.id}/release")

    assert listed.data == [one.data]
    assert (one.data["id"], one.data["status"], one.data["queue_id"]) == (item.id, "held", item.queue_id)
    assert raw.raw == raw_mail()
    assert (released.status, released.data["status"]) == (200, "released")
    assert (again.status, again.data["status"]) == (200, "released")
    (delivered,) = downstream.delivered
    assert (delivered.sender, delivered.recipients) == (item.sender, item.recipients)
    assert delivered.message.endswith(raw_mail())
    assert [event.name for event in await told(api.core)] == ["quarantine.released"]
    assert (await api.call("GET", f"/quarantine/{item.id}/raw")).status == 404


async def test_a_message_is_never_rendered_by_a_browser(api):
    item = await hold(api.core, 1, raw_mail("<script>alert(1)</script>", Content_Type="text/html"))
    said = await api.call("GET", f"/quarantine/{item.id}/raw")

    assert said.headers["Content-Type"] == "message/rfc822"
    assert said.headers["Content-Disposition"] == f'attachment; filename="{item.id}.eml"'
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    assert said.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert said.headers["Cache-Control"] == "no-store"


async def test_what_the_downstream_refuses_stays_with_its_words(api, downstream):
    item = await hold(api.core, 1)
    downstream.data = "550 5.7.1 we never take this"

    said = await api.call("POST", f"/quarantine/{item.id}/release")
    found = await api.call("GET", f"/quarantine/{item.id}")

    assert (said.status, said.error["code"]) == (502, "UPSTREAM_ERROR")
    assert (found.data["status"], "never take this" in found.data["status_detail"]) == (
        "release_failed",
        True,
    )
    assert [one["id"] for one in (await api.call("GET", "/quarantine")).data] == [item.id]
    assert (await api.call("POST", f"/quarantine/{item.id}/discard")).data["status"] == "discarded"


async def test_the_sender_is_allowed_for_the_recipients_alone(api, downstream):
    recipients = ("grace@acme.example", "adam@acme.example")
    for number in (1, 2):
        item = await hold(api.core, number, recipients=recipients)
        body = {"allow_sender": True, "learn": True}
        assert (await api.call("POST", f"/quarantine/{item.id}/release", body)).status == 200
    found = {}
    async with api.core.database.read() as tx:
        for where in (
            shelf("account"),
            shelf("domain", "acme.example"),
            *(shelf("user", one) for one in recipients),
        ):
            rows = await tx.execute(lists.select_from("default", where, None, NOW_MS))
            found[where.owner or "account"] = [(row["kind"], row["item"]) for row in rows.mappings()]

    allowed = [("allow", "offer@deal.top")]
    assert found == {"account": [], "acme.example": [], **dict.fromkeys(recipients, allowed)}
    assert [event.name for event in await told(api.core)] == [
        "rule.added",
        "rule.added",
        "quarantine.retrained",
        "quarantine.released",
        "quarantine.retrained",
        "quarantine.released",
    ]
    assert sum(entry.action == "rule.added" for entry in await entries(api.core)) == 2


async def test_a_key_for_the_quarantine_alone_allows_no_sender(api, downstream):
    item = await hold(api.core, 1)
    key = await api.key("quarantine-only")

    refused = await api.call("POST", f"/quarantine/{item.id}/release", {"allow_sender": True}, key=key)
    done = await api.call("POST", f"/quarantine/{item.id}/release", {}, key=key)

    assert (refused.status, done.status, len(downstream.delivered)) == (403, 200, 1)
    assert "rules:write" in refused.error["message"]


async def test_a_bounce_has_no_sender_to_allow(api):
    item = await hold(api.core, 1, sender="")
    said = await api.call("POST", f"/quarantine/{item.id}/release", {"allow_sender": True})

    assert (said.status, said.error["details"][0]["field"]) == (400, "allow_sender")


async def test_many_are_released_at_once_each_with_its_own_answer(api, downstream):
    items = [await hold(api.core, number) for number in range(1, 7)]
    downstream.rcpt = {"grace@acme.example": "250 OK"}
    ids = [*(one.id for one in items), "qua_none"]

    said = await api.call("POST", "/quarantine:batch", {"action": "release", "ids": ids})

    assert [(one["id"], one["code"]) for one in said.data] == [
        *((one.id, 200) for one in items),
        ("qua_none", 404),
    ]
    assert said.data[-1]["error"]["code"] == "NOT_FOUND"
    assert said.body["message"] == "6 of 7 done"
    assert len(downstream.delivered) == 6


async def test_labels_through_the_api(api):
    item = await hold(api.core, 1)
    spam = await api.call("POST", f"/quarantine/{item.id}/report-spam")
    ham = await api.call("POST", f"/quarantine/{item.id}/retrain", {"class": "ham"})
    wrong = [
        await api.call("POST", f"/quarantine/{item.id}/retrain", body)
        for body in ({}, {"class": "eggs"}, {"klass": "ham", "class": "ham"})
    ]

    assert (spam.data["label"], ham.data["label"]) == ("spam", "ham")
    assert {one.status for one in wrong} == {400}


NONSENSE = {
    "/quarantine": ("status=lost", "since=yesterday", "min_score=nan", "sender=%00", "domain=a b", "limit=0"),
    "/verdicts": ("verdict=lost", "from=yesterday", "to=1e9", "max_score=inf", "recipient=", "cursor=abc"),
}


async def test_parameters_that_make_no_sense_are_named(api):
    for path, queries in NONSENSE.items():
        for query in queries:
            said = await api.call("GET", f"{path}?{query}")
            assert (said.status, said.error["details"][0]["field"]) == (400, query.partition("=")[0]), query


async def test_pages_follow_their_cursor(api):
    items = [await hold(api.core, number) for number in range(1, 6)]
    seen, path = [], "/quarantine?limit=2"
    while path:
        said = await api.call("GET", path)
        seen += [one["id"] for one in said.data]
        following = said.pagination["next_cursor"]
        path = f"/quarantine?limit=2&cursor={following}" if following else ""

    assert seen == [one.id for one in reversed(items)]
