"""Reports of wrong verdicts through the API, and what the classifier learns from them."""

import base64
import random

import pytest
from sqlalchemy import insert, select

from core.engine.classifier import score
from core.engine.verdict import Thresholds
from core.store import classifier
from core.store.tables import classifier_tokens, classifier_totals, domain_aliases, misclassifications
from tests.factories.core import CONTEXT, raw_mail
from tests.factories.engine import topic_mail
from tests.factories.judged import entries, hold, put_domains, told
from tests.factories.rules import judge

PATH = "/reports/misclassification"
ENVELOPE = {"mail_from": "jonas@partner.example", "rcpt_to": ["grace@acme.example"]}


@pytest.fixture
async def api(service_api):
    await put_domains(service_api.core, "acme.example")
    await put_domains(service_api.core, "globex.example", tenant="globex")
    return service_api


def body(raw, **envelope):
    return {"message": base64.b64encode(raw).decode(), "envelope": {**ENVELOPE, **envelope}}


async def report(api, raw, kind="false_negative", key=None, **envelope):
    return await api.call("POST", f"{PATH}?type={kind}", body(raw, **envelope), key=key)


async def test_a_report_is_kept_told_and_on_record_without_the_message(api):
    said = await report(api, raw_mail("a private word\r\n"))
    (event,), (entry,) = await told(api.core), await entries(api.core)
    async with api.core.database.read() as tx:
        (row,) = (await tx.execute(select(misclassifications))).mappings()

    assert (said.status, said.data["type"], said.data["lesson"]) == (201, "false_negative", "new")
    assert (row["id"], row["domain"], row["sha256"]) == (said.data["id"], "acme.example", said.data["sha256"])
    assert (event.name, event.data["label"]) == ("misclassification.reported", "spam")
    assert (entry.action, entry.after) == ("misclassification.reported", {"label": "spam"})
    assert "private" not in repr((row, event, entry))


async def test_the_message_itself_may_be_the_body(api):
    path = f"{PATH}?type=false_positive&sender=jonas@partner.example&recipient=grace@acme.example"
    said = await api.call("POST", path, data=raw_mail(), headers={"Content-Type": "message/rfc822"})
    again = await report(api, raw_mail(), "false_positive")

    assert (said.status, said.data["lesson"]) == (201, "new")
    assert (again.data["sha256"], again.data["lesson"]) == (said.data["sha256"], "known")


async def test_a_quarantined_message_is_reported_by_its_id(api):
    item = await hold(api.core)
    said = await api.call("POST", f"{PATH}?type=false_positive", {"quarantine_id": item.id})

    assert (said.status, said.data["quarantine_id"], said.data["domain"]) == (201, item.id, "acme.example")
    held = await api.call("GET", f"/quarantine/{item.id}")
    assert held.data["status"] == "held"


async def test_changing_ones_mind_turns_the_lesson(api):
    await report(api, raw_mail(), "false_negative")

    assert (await report(api, raw_mail(), "false_positive")).data["lesson"] == "turned"


WRONG = [
    ({}, "message"),
    ({"message": "!!", "envelope": ENVELOPE}, "message"),
    ({"message": "", "envelope": ENVELOPE}, "message"),
    ({"message": "eA==", "quarantine_id": "qua_x"}, "message"),
    ({"message": "eA=="}, "envelope.rcpt_to"),
    ({"message": "eA==", "envelope": {"rcpt_to": ["a@acme.example", "b@b.example"]}}, "envelope.rcpt_to"),
    ({"message": "eA==", "envelope": {"rcpt_to": 5}}, "envelope.rcpt_to"),
    ({"message": "eA==", "envelope": {**ENVELOPE, "secret": 1}}, "envelope.secret"),
]


async def test_a_report_that_does_not_hold_is_400_and_names_the_field(api):
    said = [await api.call("POST", f"{PATH}?type=false_negative", given) for given, _ in WRONG]
    untyped = [await report(api, raw_mail(), kind) for kind in ("", "maybe")]

    assert {one.status for one in [*said, *untyped]} == {400}
    assert [one.error["details"][0]["field"] for one in said] == [field for _, field in WRONG]
    assert [one.error["details"][0]["field"] for one in untyped] == ["type", "type"]
    assert await told(api.core) == []


async def test_nobody_teaches_for_a_domain_of_others(api):
    key = await api.key("quarantine-only", domains=["acme.example"])
    foreign = await report(api, raw_mail(), key=key, rcpt_to=["a@globex.example"])
    unknown = await report(api, raw_mail(), rcpt_to=["a@globex.example"])

    assert (foreign.status, unknown.status) == (403, 404)
    assert await told(api.core) == []


async def test_hostile_bytes_teach_without_failing(api):
    for raw in (b"\x00\xff" * 500, b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x--"):
        assert (await report(api, raw)).status == 201


# -- the proof -----------------------------------------------------------------------------------------------
LESSONS, HELD_OUT = 50, 100


def corpus(seed, count):
    rng = random.Random(seed)
    return [(klass, topic_mail(rng, klass)) for klass in ("spam", "ham") for _ in range(count)]


def raw_of(message):
    return raw_mail(message.text, Subject=message.subject, Message_ID=message.header("message-id"))


def accuracy(state, messages):
    """The share that a domain with usual limits gets right: spam tagged or worse, ham not."""
    right = 0
    for klass, message in messages:
        probability = None if state is None else score(state, message)
        points = judge(message, CONTEXT, Thresholds()).score
        points += 5.0 if probability is not None and probability >= 0.9 else 0.0
        right += (points >= Thresholds().tag) == (klass == "spam")
    return right / len(messages)


async def kept(core, tenant):
    async with core.database.read() as tx:
        return [
            (
                await tx.execute(select(table).where(table.c.tenant == tenant).order_by(*table.primary_key))
            ).all()
            for table in (classifier_tokens, classifier_totals)
        ]


async def loaded(core, tenant):
    async with core.database.read() as tx:
        return await classifier.load(tx, tenant)


@pytest.mark.slow
async def test_fifty_reports_a_class_teach_what_the_rules_cannot_see_and_move_no_other_tenant(api):
    other = await api.key("quarantine-only", tenant="globex")
    for klass, message in corpus(8, 12):
        kind = "false_negative" if klass == "spam" else "false_positive"
        said = await report(api, raw_of(message), kind, key=other, rcpt_to=["a@globex.example"])
        assert said.status == 201
    others, held_out = await kept(api.core, "globex"), corpus(107, HELD_OUT)
    before = accuracy(await loaded(api.core, "default"), held_out)
    for klass, message in corpus(7, LESSONS):
        kind = "false_negative" if klass == "spam" else "false_positive"
        assert (await report(api, raw_of(message), kind)).data["lesson"] == "new"
    state = await loaded(api.core, "default")
    after = accuracy(state, held_out)

    print(f"held-out accuracy {before:.3f} -> {after:.3f} after {LESSONS} reports a class")
    assert (state.spam_lessons, state.ham_lessons) == (LESSONS, LESSONS)
    assert before <= 0.60
    assert after >= 0.90
    assert await kept(api.core, "globex") == others


async def test_whose_an_alias_of_another_tenant_is_stays_unknown(api):
    async with api.core.database.begin() as tx:
        row = {"name": "shared.example", "tenant": "globex", "domain": "globex.example", "created_ms": 1}
        await tx.execute(insert(domain_aliases).values(row))
    said = await report(api, raw_mail(), rcpt_to=["grace@shared.example"])

    assert said.status == 404
    assert b"globex" not in said.raw
