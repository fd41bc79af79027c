import pyotp
import pytest
from sqlalchemy import select

from hub.access.directory import NoSuchAccount
from hub.access.secret_text import Sealer
from hub.access.sign_in import SignedIn
from hub.access.tables import accounts, recovery_codes
from hub.access.totp import AlreadyEnrolled, SecondFactor, WrongCode
from tests.factories.access import ACTOR


async def enrol(people, account):
    authenticator = pyotp.parse_uri(await people.second.enrol("acme", account.id))
    code = authenticator.at(people.clock() // 1000)
    return authenticator, await people.second.confirm(ACTOR, "acme", account.id, code)


async def test_the_uri_says_whose_it_is(people):
    jo = await people.person()
    uri = await people.second.enrol("acme", jo.id)

    assert uri.startswith("otpauth://totp/mxhub:jo%40example.com?secret=")


async def test_nothing_is_asked_for_before_a_code_proved_it(people):
    jo = await people.person()
    await people.second.enrol("acme", jo.id)

    assert isinstance(await people.signed_in(), SignedIn)


async def test_a_wrong_code_proves_nothing(people):
    jo = await people.person()
    authenticator = pyotp.parse_uri(await people.second.enrol("acme", jo.id))
    wrong = f"{(int(authenticator.at(people.clock() // 1000)) + 1) % 1_000_000:06}"

    with pytest.raises(WrongCode):
        await people.second.confirm(ACTOR, "acme", jo.id, wrong)
    assert isinstance(await people.signed_in(), SignedIn)


async def test_whoever_has_one_cannot_be_given_another(people):
    jo = await people.person()
    await enrol(people, jo)

    with pytest.raises(AlreadyEnrolled):
        await people.second.enrol("acme", jo.id)


async def test_taken_off_it_is_no_longer_asked_for(people):
    jo = await people.person()
    await enrol(people, jo)
    await people.second.remove(ACTOR, "acme", jo.id)

    assert isinstance(await people.signed_in(), SignedIn)
    async with people.database.read() as tx:
        assert (await tx.execute(select(recovery_codes))).all() == []
    assert people.log.actions[-3:-1] == ["auth.second_factor_on", "auth.second_factor_off"]


async def test_the_secret_is_sealed_and_the_codes_are_hashed_at_rest(people):
    jo = await people.person()
    authenticator, codes = await enrol(people, jo)

    async with people.database.read() as tx:
        kept = str(
            (await tx.execute(select(accounts))).all() + (await tx.execute(select(recovery_codes))).all()
        )

    assert authenticator.secret not in kept
    assert not any(code in kept for code in codes)


async def test_with_another_secret_file_it_says_so(people):
    jo = await people.person()
    authenticator, _ = await enrol(people, jo)
    other = SecondFactor(people.database, Sealer(b"x" * 32), clock_ms=people.clock)
    account = await people.directory.find("acme", jo.id)

    with pytest.raises(ValueError, match="another secret"):
        async with people.database.begin() as tx:
            await other.use(tx, account, authenticator.at(people.clock() // 1000))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "abcdef", "-12345", "x" * 10_000])
async def test_what_is_no_code_is_refused(people, code):
    jo = await people.person()
    await enrol(people, jo)
    account = await people.directory.find("acme", jo.id)

    async with people.database.begin() as tx:
        assert not await people.second.use(tx, account, code)


async def test_another_tenants_account_is_not_found(people):
    jo = await people.person()

    with pytest.raises(NoSuchAccount):
        await people.second.enrol("other", jo.id)
