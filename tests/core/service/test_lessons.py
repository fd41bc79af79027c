"""A message teaches its tenant once, the last word counts, and no other tenant moves."""

import asyncio
import random

from sqlalchemy import select

from core.service import lessons
from core.store import classifier
from core.store.tables import classifier_lessons, classifier_tokens, classifier_totals
from tests.factories.classifier import empty, learn
from tests.factories.core import raw_mail
from tests.factories.engine import topic_mail

SPAM = raw_mail("Win a great prize with our lottery today.\r\n")
HAM = raw_mail("The minutes of the meeting about the budget are ready.\r\n", Message_ID="<2@x>")


async def teach(core, raw, klass, tenant="acme"):
    lesson = await lessons.read(core, raw)
    async with core.database.begin() as tx:
        return await lessons.teach(core, tx, tenant, lesson, klass)


async def state(core, tenant="acme"):
    async with core.database.read() as tx:
        return await classifier.load(tx, tenant)


async def rows(core, tenant):
    """Everything that is kept of a tenant's classifier."""
    async with core.database.read() as tx:
        return [
            (
                await tx.execute(select(table).where(table.c.tenant == tenant).order_by(*table.primary_key))
            ).all()
            for table in (classifier_tokens, classifier_totals, classifier_lessons)
        ]


async def test_a_message_teaches_once(core):
    said = [await teach(core, SPAM, "spam") for _ in range(3)]
    found = await state(core)

    assert said == ["new", "known", "known"]
    assert found == learn(empty(found.salt), (await lessons.read(core, SPAM)).mail, "spam")


async def test_the_opposite_turns_the_lesson(core):
    said = [await teach(core, SPAM, klass) for klass in ("spam", "ham")]
    found = await state(core)

    assert said == ["new", "turned"]
    assert found == learn(empty(found.salt), (await lessons.read(core, SPAM)).mail, "ham")


async def test_lessons_at_the_same_moment_all_count(core):
    """Of several processes, as far as the database can tell: connections of their own."""
    rng = random.Random(5)
    messages = [raw_mail(topic_mail(rng, "spam").text, Message_ID=f"<{n}@x>") for n in range(12)]

    said = await asyncio.gather(*(teach(core, raw, "spam") for raw in [*messages, *messages]))

    found = await state(core)
    expected = empty(found.salt)
    for raw in messages:
        expected = learn(expected, (await lessons.read(core, raw)).mail, "spam")
    assert sorted(said) == ["known"] * 12 + ["new"] * 12
    assert found == expected


async def test_two_who_disagree_at_the_same_moment_leave_one_lesson(core):
    await asyncio.gather(*(teach(core, SPAM, klass) for klass in ("spam", "ham") * 5))
    found = await state(core)

    assert found.spam_lessons + found.ham_lessons == 1
    klass = "spam" if found.spam_lessons else "ham"
    assert found == learn(empty(found.salt), (await lessons.read(core, SPAM)).mail, klass)


async def test_other_tenants_keep_every_byte(core):
    await teach(core, SPAM, "spam", tenant="globex")
    before = await rows(core, "globex")

    await teach(core, SPAM, "ham")
    await teach(core, HAM, "ham")

    assert await rows(core, "globex") == before
    assert len(before[0]) > 5
