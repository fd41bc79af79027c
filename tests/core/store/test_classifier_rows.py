"""The classifier's rows say what the engine's own value would."""

from core.store import classifier
from tests.factories import classifier as engine
from tests.factories.core import NOW_MS, mail, raw_mail

SPAM = [raw_mail(f"Win a great prize number {n} with our lottery today.\r\n") for n in range(12)]
HAM = [raw_mail(f"The minutes of meeting {n} about the budget are ready.\r\n") for n in range(12)]


async def taught(tx, tenant="acme"):
    for spam, ham in zip(SPAM, HAM, strict=True):
        await classifier.teach(tx, tenant, mail(spam), "spam", NOW_MS)
        await classifier.teach(tx, tenant, mail(ham), "ham", NOW_MS)


async def test_rows_hold_what_the_value_would(tx):
    await taught(tx)
    state = await classifier.load(tx, "acme")
    value = engine.empty(state.salt)
    for spam, ham in zip(SPAM, HAM, strict=True):
        value = engine.learn(engine.learn(value, mail(spam), "spam"), mail(ham), "ham")
    assert state == value


async def test_nothing_taught_is_no_opinion(tx):
    await taught(tx)
    assert await classifier.load(tx, "another") is None


async def test_another_tenant_has_another_salt_and_its_own_lessons(tx):
    await taught(tx)
    await classifier.teach(tx, "nordwind", mail(SPAM[0]), "spam", NOW_MS)
    one, other = await classifier.load(tx, "acme"), await classifier.load(tx, "nordwind")
    assert one.salt != other.salt
    assert (other.spam_lessons, other.ham_lessons) == (1, 0)


async def test_a_lesson_taken_back_leaves_no_trace_but_a_new_version(tx):
    await taught(tx)
    before, state = await classifier.taught(tx, "acme"), await classifier.load(tx, "acme")
    await classifier.teach(tx, "acme", mail(SPAM[0]), "ham", NOW_MS)
    await classifier.teach(tx, "acme", mail(SPAM[0]), "ham", NOW_MS, times=-1)
    after = await classifier.taught(tx, "acme")
    assert await classifier.load(tx, "acme") == state
    assert (after.spam, after.ham) == (before.spam, before.ham)
    assert after.version > before.version
