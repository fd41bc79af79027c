"""A message is handed in over the API, with a real server downstream."""

import asyncio
import errno
from email import message_from_bytes

import pytest
from sqlalchemy import insert, update

from core.lists import service as lists
from core.lists.items import shelf
from core.seam.folder import Folder
from core.store.tables import audit_entries, domain_aliases, messages, recipients, reputations, verdicts
from core.upstream import kept
from core.upstream.provider import CatchAll, Mailbox, Pointer
from hub.telemetry.metrics import METRICS
from tests.factories.core import NOW_MS, raw_mail
from tests.factories.seam import ENVELOPE, HAM, SPAM, body, counted, events, files_of, hand_in, set_domain


async def one_verdict(core):
    async with core.database.read() as tx:
        return (await tx.execute(verdicts.select())).mappings().one()


def fates(said):
    return {one["recipient"]: (one["verdict"], one["fate"]) for one in said.data["recipients"]}


# -- what becomes of mail --
async def test_wanted_mail_is_relayed_with_the_filters_headers(service_api, core, smtp):
    said = await hand_in(service_api)

    assert said.status == 200
    assert fates(said) == {"grace@acme.example": ("clean", "relayed")}
    assert said.data["recipients"][0]["detail"] == "250 2.0.0 queued as 4711"
    arrived = smtp.delivered[0]
    assert (arrived.sender, arrived.recipients) == ("Jonas@partner.example", ("grace@acme.example",))
    assert arrived.message.endswith(HAM)
    assert message_from_bytes(arrived.message)["Received"].startswith("from mail.partner.example")
    assert message_from_bytes(arrived.message)["Authentication-Results"].startswith("mxhub.localhost;")
    assert files_of(core) == []


async def test_spam_is_held_in_a_file_with_all_that_is_said_of_it(service_api, core, smtp):
    said = await hand_in(service_api, SPAM)

    assert fates(said) == {"grace@acme.example": ("quarantine", "quarantined")}
    assert smtp.delivered == []
    item = (await service_api.call("GET", "/quarantine")).data[0]
    assert item["id"] == said.data["recipients"][0]["quarantine_id"]
    raw = await service_api.call("GET", f"/quarantine/{item['id']}/raw")
    assert raw.raw == SPAM
    told = await events(core)
    assert [name for name, _ in told] == ["quarantine.added", "verdict.created"]
    assert told[1][1]["quarantine_id"] == item["id"]
    async with core.database.read() as tx:
        noted = (await tx.execute(audit_entries.select())).mappings().all()
    assert (noted[-1]["action"], noted[-1]["actor"]) == ("quarantine.added", "filter")
    assert len(files_of(core)) == 1


async def test_mail_above_the_limit_is_rejected(service_api, core, smtp):
    async with core.database.begin() as tx:
        await set_domain(tx, quarantine_threshold=2.0, tag_threshold=1.0, reject_threshold=3.0)
    said = await hand_in(service_api, SPAM)

    assert fates(said) == {"grace@acme.example": ("reject", "rejected")}
    assert said.data["recipients"][0]["detail"].startswith("550 5.7.1")
    assert (smtp.delivered, files_of(core)) == ([], [])


async def test_a_tagging_domain_gets_spam_with_its_own_header_and_a_marked_subject(service_api, core, smtp):
    async with core.database.begin() as tx:
        await set_domain(tx, action="tag", tag_header="X-Acme-Spam", tag_header_value="ja")
    said = await hand_in(service_api, SPAM)

    assert fates(said) == {"grace@acme.example": ("tag", "relayed")}
    arrived = message_from_bytes(smtp.delivered[0].message)
    assert arrived["X-Acme-Spam"] == "ja"
    assert arrived["Subject"].startswith("[SPAM] ")


async def test_each_recipient_has_a_fate_of_its_own(service_api, core, smtp):
    async with core.database.begin() as tx:
        values = {"tenant": "default", "domain": "acme.example", "created_ms": 0, "updated_ms": 0}
        wish = {"id": "rcp_1", "email": "raw@acme.example", "filter": "false", "admin": False, **values}
        await tx.execute(insert(recipients).values(wish))
        place = shelf("user", "never@acme.example")
        await lists.add(
            tx, "default", place, "block", lists.Wanted(item="jonas@partner.example"), by="t", now_ms=NOW_MS
        )
    to = ["grace@acme.example", "raw@acme.example", "never@acme.example"]
    said = await hand_in(service_api, SPAM, rcpt_to=to)

    assert fates(said) == {
        "grace@acme.example": ("quarantine", "quarantined"),
        "raw@acme.example": ("clean", "relayed"),
        "never@acme.example": ("reject", "rejected"),
    }
    assert smtp.delivered[0].recipients == ("raw@acme.example",)
    assert said.data["verdict"] == "reject"


async def test_a_domain_may_filter_for_those_too_who_want_none(service_api, core):
    path = "/domains/acme.example"
    said = await service_api.call("PATCH", path, {"policy": {"overrides_recipients": True}})
    await service_api.call("PUT", "/users/raw@acme.example", {"filter": False})
    held = await hand_in(service_api, SPAM, rcpt_to=["raw@acme.example"])
    await service_api.call("PATCH", path, {"policy": {"overrides_recipients": False}})
    passed = await hand_in(service_api, SPAM, rcpt_to=["raw@acme.example"], dry_run=True)

    assert said.data["policy"]["overrides_recipients"] is True
    assert (fates(held)["raw@acme.example"][0], fates(passed)["raw@acme.example"][0]) == (
        "quarantine",
        "clean",
    )


async def test_a_dry_run_judges_only(service_api, core, smtp):
    said = await service_api.call("POST", "/messages", body(SPAM, dry_run=True))

    assert fates(said) == {"grace@acme.example": ("quarantine", "none")}
    assert said.data["recipients"][0]["detail"].startswith("would be quarantined")
    assert (smtp.delivered, files_of(core), await events(core)) == ([], [], [])
    assert await counted(core, "quarantine") == 0


async def test_a_message_counts_once_and_moves_its_clients_reputation(service_api, core):
    await hand_in(service_api, SPAM, rcpt_to=["a@acme.example", "b@acme.example"])

    assert await counted(core, "quarantine") == 1
    async with core.database.read() as tx:
        row = (await tx.execute(reputations.select())).one()
    assert (row.ip, row.messages) == ("192.0.2.9", 1)


async def test_the_message_itself_may_be_the_body(service_api, smtp):
    query = {key: value for key, value in ENVELOPE.items() if key != "rcpt_to"} | {
        "rcpt_to": "a@acme.example,b@acme.example"
    }
    said = await service_api.call(
        "POST", "/messages/raw", params=query, data=HAM, headers={"Content-Type": "message/rfc822"}
    )

    assert said.status == 200
    assert smtp.delivered[0].recipients == ("a@acme.example", "b@acme.example")


async def test_mail_that_goes_in_circles_is_not_relayed(service_api, smtp):
    hop = "Received: from a by b; Fri, 01 May 2026 07:20:00 +0000\r\n"
    said = await hand_in(service_api, (hop * 60).encode() + HAM)

    assert said.data["recipients"][0]["fate"] == "rejected"
    assert "5.4.6" in said.data["recipients"][0]["detail"]
    assert smtp.delivered == []


# -- recipients --
async def test_several_domains_are_refused(service_api, core):
    async with core.database.begin() as tx:
        await kept.add_pointer(tx, "default", "acme.example", Pointer(name="p.example"), now_ms=NOW_MS)
    said = await hand_in(service_api, rcpt_to=["grace@acme.example", "x@other.example"])

    assert (said.status, said.error["details"][0]["field"]) == (400, "rcpt_to")


async def test_an_alias_and_a_pointer_count_as_their_domain(service_api, core, smtp):
    async with core.database.begin() as tx:
        row = {"name": "alias.example", "tenant": "default", "domain": "acme.example", "created_ms": 0}
        await tx.execute(insert(domain_aliases).values(row))
        await kept.add_pointer(tx, "default", "acme.example", Pointer(name="p.example"), now_ms=NOW_MS)
    to = ["a@acme.example", "b@alias.example", "c@p.example"]
    said = await hand_in(service_api, rcpt_to=to)

    assert (said.status, said.data["domain"]) == (200, "acme.example")
    assert smtp.delivered[0].recipients == tuple(to)


@pytest.mark.parametrize(
    ("recipient", "status"),
    [("x@nowhere.example", 404), ("no address", 400), ("a b@acme.example", 400), ("@acme.example", 400)],
)
async def test_what_is_nobodys_or_no_address_is_refused(service_api, recipient, status):
    said = await hand_in(service_api, rcpt_to=[recipient])

    assert said.status == status


async def test_a_domain_that_is_off_takes_no_mail(service_api, core):
    async with core.database.begin() as tx:
        await set_domain(tx, status="pending")
    said = await hand_in(service_api)

    assert (said.status, "pending" in said.error["message"]) == (409, True)


async def test_a_key_hands_in_for_its_own_domains_only(service_api):
    key = await service_api.key("messages:create", domains=["other.example"])
    said = await service_api.call("POST", "/messages", body(), key=key)

    assert said.status == 403


async def test_another_tenants_domain_does_not_exist(service_api):
    key = await service_api.key("messages:create", tenant="stranger")
    said = await service_api.call("POST", "/messages", body(), key=key)

    assert said.status == 404


async def test_where_all_mailboxes_are_kept_here_they_decide_who_gets_mail(service_api, core, smtp):
    async with core.database.begin() as tx:
        await set_domain(tx, mailboxes_complete=True)
        for name in ("grace", "ada"):
            box = Mailbox(username=name, quota_mb=0, send_limit=0)
            await kept.add_mailbox(tx, "default", "acme.example", box, now_ms=NOW_MS)
        await kept.add_forwarder(tx, "default", "acme.example", "sales", ["ada@acme.example"], now_ms=NOW_MS)
    to = ["grace+news@acme.example", "sales@acme.example", "nobody@acme.example"]
    said = await hand_in(service_api, rcpt_to=to)

    assert [one["fate"] for one in said.data["recipients"]] == ["relayed", "relayed", "rejected"]
    assert said.data["recipients"][2]["detail"] == "550 5.1.1 there is no such address"
    assert set(smtp.delivered[0].recipients) == {"grace@acme.example", "ada@acme.example"}


async def test_a_catch_all_may_throw_mail_away(service_api, core, smtp):
    async with core.database.begin() as tx:
        await set_domain(tx, mailboxes_complete=True)
        await kept.set_catch_all(tx, "default", "acme.example", CatchAll(kind="blackhole"), now_ms=NOW_MS)
    said = await hand_in(service_api)

    assert said.data["recipients"][0]["fate"] == "discarded"
    assert smtp.delivered == []


async def test_a_domain_whose_hosting_is_off_takes_nobodys_mail(service_api, core):
    async with core.database.begin() as tx:
        await set_domain(tx, mail_hosting=False)
    said = await hand_in(service_api)

    assert said.data["recipients"][0]["fate"] == "rejected"


# -- downstream trouble --
async def test_a_refused_recipient_is_told_once_and_a_relayed_one_is_not(service_api, core, smtp):
    smtp.rcpt["b@acme.example"] = "550 5.1.1 who is that"
    rcpt_to = ["a@acme.example", "b@acme.example"]
    before = [METRICS.value("mxhub_core_recipients_total", fate) for fate in ("relayed", "failed")]
    said = await hand_in(service_api, rcpt_to=rcpt_to, key="k1")
    await hand_in(service_api, rcpt_to=rcpt_to, key="k1")
    told = [data for name, data in await events(core) if name == "message.failed"]

    assert [(one["recipient"], one["fate"], one["fate_detail"]) for one in told] == [
        ("b@acme.example", "failed", "550 5.1.1 who is that")
    ]
    assert (told[0]["message"], told[0]["domain"]) == (said.data["id"], "acme.example")
    after = [METRICS.value("mxhub_core_recipients_total", fate) for fate in ("relayed", "failed")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


async def test_a_message_that_waits_has_not_failed(service_api, core, smtp):
    smtp.data = "451 4.3.0 disk full"
    await hand_in(service_api, key="k1")

    assert "message.failed" not in [name for name, _ in await events(core)]


async def test_a_refused_recipient_keeps_the_servers_words(service_api, smtp):
    smtp.rcpt["b@acme.example"] = "550 5.1.1 who is that"
    said = await hand_in(service_api, rcpt_to=["a@acme.example", "b@acme.example"])

    assert said.status == 200
    assert fates(said) == {"a@acme.example": ("clean", "relayed"), "b@acme.example": ("clean", "failed")}
    assert said.data["recipients"][1]["detail"] == "550 5.1.1 who is that"


async def test_while_the_server_cannot_take_it_the_sender_is_told_to_come_again(service_api, core, smtp):
    smtp.data = "451 4.3.0 disk full"
    said = await hand_in(service_api, key="k1")

    assert (said.status, said.headers["Retry-After"]) == (503, "60")
    assert "451 4.3.0 disk full" in said.error["message"]
    assert files_of(core) == []
    smtp.data = ""
    again = await hand_in(service_api, key="k1")
    assert (again.status, again.data["again"]) == (200, True)
    assert len(smtp.delivered) == 1


async def test_a_retry_goes_on_where_the_first_attempt_ended(service_api, smtp):
    smtp.rcpt["b@acme.example"] = "450 4.2.1 greylisted"
    to = ["a@acme.example", "b@acme.example"]
    first = await hand_in(service_api, key="k1", rcpt_to=to)
    smtp.rcpt.clear()
    second = await hand_in(service_api, key="k1", rcpt_to=to)

    assert (first.status, second.status) == (503, 200)
    assert [one.recipients for one in smtp.delivered] == [("a@acme.example",), ("b@acme.example",)]


async def test_without_a_key_the_message_itself_is_one(service_api, smtp):
    smtp.data = "451 4.3.0 disk full"
    first = await hand_in(service_api)
    smtp.data = ""
    key = first.error["details"][0]["idempotency_key"]
    second = await hand_in(service_api, key=key)

    assert (second.status, second.data["id"]) == (200, first.error["details"][0]["message"])


async def test_the_same_key_gives_the_same_verdict_whatever_changed_meanwhile(service_api, core, smtp):
    first = await hand_in(service_api, SPAM, key="k1")
    async with core.database.begin() as tx:
        await set_domain(tx, action="tag")
    second = await hand_in(service_api, SPAM, key="k1")

    assert second.data == {**first.data, "again": True}
    assert smtp.delivered == []
    assert len(files_of(core)) == 1


async def test_a_key_belongs_to_one_message(service_api):
    await hand_in(service_api, key="k1")
    said = await hand_in(service_api, raw_mail("Another one.\r\n"), key="k1")

    assert said.status == 409


async def test_two_at_once_with_one_key_make_one_delivery(service_api, smtp):
    answers = await asyncio.gather(*(hand_in(service_api, key="k1") for _ in range(4)))

    assert {one.status for one in answers} <= {200, 503}
    assert 200 in {one.status for one in answers}
    assert len(smtp.delivered) == 1


@pytest.mark.slow
async def test_two_who_come_again_at_once_do_not_harm_each_others_file(service_api, core, smtp):
    smtp.data = "451 4.3.0 disk full"
    await hand_in(service_api, key="k1")
    smtp.data = ""
    answers = await asyncio.gather(*(hand_in(service_api, key="k1") for _ in range(6)))

    assert {one.status for one in answers} == {200, 503}
    assert (len(smtp.delivered), files_of(core)) == (1, [])


async def test_a_doubt_is_counted_and_the_message_goes_again(service_api, core, smtp):
    before = METRICS.value("mxhub_core_possible_duplicates_total")
    smtp.drop = True
    first = await hand_in(service_api, key="k1")
    smtp.drop = False
    second = await hand_in(service_api, key="k1")

    assert (first.status, second.status, len(smtp.delivered)) == (503, 200, 2)
    assert await counted(core, "possible_duplicates") == 1
    assert METRICS.value("mxhub_core_possible_duplicates_total") - before == 1


async def test_a_message_in_the_hands_of_another_process_is_left_to_it(service_api, core, smtp):
    smtp.data = "451 4.3.0 disk full"
    await hand_in(service_api, key="k1")
    async with core.database.begin() as tx:
        await tx.execute(update(messages).values(due_ms=NOW_MS + 60_000, file="node-2/xx/a.eml"))
    smtp.data = ""
    said = await hand_in(service_api, key="k1")

    assert (said.status, said.headers["Retry-After"]) == (503, "5")
    assert smtp.delivered == []


async def test_a_domain_without_servers_says_so(service_api, core):
    async with core.database.begin() as tx:
        await tx.exec_driver_sql("DELETE FROM domain_downstreams")
    said = await hand_in(service_api)

    assert said.status == 503
    assert "acme.example has no downstream server" in said.error["message"]


# -- hostile input --
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rcpt_to": []}, "envelope.rcpt_to"),
        ({"rcpt_to": [f"u{n}@acme.example" for n in range(101)]}, "envelope.rcpt_to"),
        ({"client_ip": "localhost"}, "envelope.client_ip"),
        ({"helo": "a\r\nRCPT TO:<x@y>"}, "envelope.helo"),
        ({"mail_from": "a@b.example\r\nDATA"}, "mail_from"),
        ({"rcpt_to": ["a>@acme.example"]}, "rcpt_to"),
        ({"rcpt_to": ["grace]x@acme.example"]}, "rcpt_to"),  # an SMTP library may cut it to <grace>
        ({"mail_from": "root[x@partner.example"}, "mail_from"),
        ({"extra": 1}, "envelope.extra"),
    ],
)
async def test_a_bad_envelope_is_named(service_api, changes, field):
    said = await service_api.call("POST", "/messages", body(**changes))

    assert said.status == 400
    assert said.error["details"][0]["field"].startswith(field)


@pytest.mark.parametrize("text", ["%%%", "QUJ", "", "QUJD*REVG"])
async def test_what_is_no_base64_is_named(service_api, text):
    said = await service_api.call("POST", "/messages", {"message": text, "envelope": ENVELOPE})

    assert (said.status, said.error["details"][0]["field"]) == (400, "message")


@pytest.mark.parametrize(
    "raw", [b"\x00\xff\xfe", b"\r\n", b"a" * 70_000, b"Subject: \x00\xed\xa0\x80\r\n\r\n\x00"]
)
async def test_bytes_of_any_kind_get_a_verdict(service_api, raw):
    said = await hand_in(service_api, raw)

    assert said.status == 200
    assert said.data["recipients"][0]["fate"] in {"relayed", "quarantined", "rejected"}


async def test_dns_and_the_decision_are_kept_with_the_verdict(service_api, core):
    said = await hand_in(service_api)
    row = await one_verdict(core)

    assert row["authentication"]["spf"]["result"] == "none"
    assert row["message"] == said.data["id"]
    assert row["sender"] == "jonas@partner.example"


@pytest.mark.parametrize("raw", [HAM, SPAM])
async def test_without_room_for_its_file_nothing_was_taken_and_the_sender_comes_again(
    service_api, core, smtp, raw, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "put", full)
        said = await hand_in(service_api, raw, key="k")
    after = await hand_in(service_api, raw, key="k")

    assert (said.status, said.error["code"], int(said.headers["Retry-After"]) > 0) == (
        503,
        "SERVICE_UNAVAILABLE",
        True,
    )
    assert (after.status, after.data["again"]) == (200, False)
    assert len(smtp.delivered) == (raw is HAM)


@pytest.mark.parametrize("raw", [HAM, SPAM])
async def test_a_domain_that_goes_while_its_mail_is_stored_leaves_nothing_that_nobody_can_release(
    service_api, core, smtp, raw, monkeypatch
):
    put = Folder.put

    async def remove():
        said = await service_api.call("DELETE", "/domains/acme.example")
        assert said.status in {200, 204}

    loop = asyncio.get_running_loop()

    def put_and_lose(self, name, data):
        put(self, name, data)
        asyncio.run_coroutine_threadsafe(remove(), loop).result(30)

    monkeypatch.setattr(Folder, "put", put_and_lose)
    said = await hand_in(service_api, raw, key="k")

    assert (said.status, "removed just now" in said.error["message"]) == (409, True)
    assert (files_of(core), smtp.delivered) == ([], [])
    async with core.database.read() as tx:
        assert (await tx.execute(messages.select())).first() is None
