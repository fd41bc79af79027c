"""What is left of a tied domain when it is removed: for its key alone, until the name is anybody's again."""

import pytest
from sqlalchemy import update

from core.service import provisioning, verdicts, visible
from core.service.by import By
from core.store import tables
from core.store.verdicts import Filter
from hub.access.audit import Actor
from hub.access.principal import Grant
from tests.factories.core_api import OPERATOR_BY, Api
from tests.factories.owner import Owner

MAKER = Actor(type="local", id="local", name="local")
NAME = "t1.example"


async def key_of(core):
    key, _ = await core.access.keyring.make(MAKER, tenant="default", grants=[Grant.of(["full-admin"])])
    return By(principal=key.principal())


async def seen(core, by):
    """Whether its verdict is listed, and whether it is hidden as the hub asks."""
    async with core.database.read() as tx:
        page = await verdicts.listing(core, tx, by, Filter())
        return bool(page.items), NAME in await visible.hidden(tx, by.principal)


@pytest.fixture
async def removed(core):
    """Its holder, and another key."""
    own, other = await key_of(core), await key_of(core)
    owner = Owner(Api(core, None), "default", "t1")
    assert await owner.domain() == NAME
    await owner.row(tables.verdicts, domain=NAME)
    async with core.database.begin() as tx:
        await tx.execute(update(tables.domains).values(api_key_id=own.principal.key_id))
        await provisioning.deprovision(core, tx, own, [NAME])
    return own, other


async def test_what_is_left_of_a_removed_domain_is_its_keys(core, removed):
    own, other = removed

    assert await seen(core, own) == (True, False)
    assert await seen(core, OPERATOR_BY) == (True, False)
    assert await seen(core, other) == (False, True)


async def test_it_is_everybodys_when_the_key_is_deleted(core, removed):
    own, other = removed
    await core.access.keyring.delete(MAKER, "default", own.principal.key_id)

    assert await seen(core, other) == (True, False)


async def test_it_goes_with_the_name_to_who_adds_it_again(core, removed):
    _, other = removed
    async with core.database.begin() as tx:
        await provisioning.provision(core, tx, other, [provisioning.NewDomain(name=NAME)])

    assert await seen(core, other) == (True, False)
