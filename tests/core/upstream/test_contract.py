"""What every mail host does alike: MXroute's API, and the core's own store on SQLite and PostgreSQL."""

import shutil
from contextlib import asynccontextmanager
from functools import partial

import pytest

from core.engine.verdict import Thresholds
from core.store import domains
from core.store.database import Database, sqlite_url
from core.upstream.errors import Conflict, NotThere, Refused
from core.upstream.kept import hosting_of
from core.upstream.local import LocalProvider
from core.upstream.mxroute import MxRoute
from core.upstream.provider import CatchAll, Forwarder, MailboxChange, NewMailbox, Pointer
from core.upstream.routing import route
from hub.sdk.http import Client
from hub.sdk.testing import StrictServer
from tests.factories.mxroute import KEY, SERVER, USER, Hosted, PlayedMxRoute

ALEX = NewMailbox(username="alex", password="Abcd123!")


@asynccontextmanager
async def mxroute():
    """The client of a strict MXroute."""
    async with StrictServer() as server, Client(deadline_s=5, allow_networks=["127.0.0.0/8"]) as client:
        PlayedMxRoute(server, domains={"example.com": Hosted()})
        yield MxRoute(client, server=SERVER, username=USER, api_key=KEY, url=server.url)


async def kept_in(database):
    """A store with a domain of ours and one of another tenant."""
    limits = Thresholds(tag=5.0, quarantine=8.0, reject=15.0)
    async with database.begin() as tx:
        for tenant, name in (("acme", "example.com"), ("other", "other.example")):
            await domains.add(tx, name, backends=[], thresholds=limits, now_ms=1, tenant=tenant)
    return LocalProvider(database, "acme", clock=lambda: 5)


@pytest.fixture
async def local(database):
    return await kept_in(database)


@asynccontextmanager
async def sqlite(request, tmp_path):
    path = tmp_path / "contract.sqlite3"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    async with Database(sqlite_url(path)) as database:
        yield await kept_in(database)


@asynccontextmanager
async def postgresql(request):
    server = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("postgresql_template"))
    async with Database(url) as database:
        yield await kept_in(database)
    server.drop(url)


REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture(params=["mxroute", "sqlite", pytest.param("postgresql", marks=REAL)])
async def host(request, tmp_path):
    """Each mail host that there is, with the domain `example.com`."""
    made = {
        "mxroute": mxroute,
        "sqlite": partial(sqlite, request, tmp_path),
        "postgresql": partial(postgresql, request),
    }
    async with made[request.param]() as provider:
        yield provider


async def test_mailboxes(host):
    await host.add_mailbox("Example.com", ALEX)
    with pytest.raises(Conflict):
        await host.add_mailbox("example.com", ALEX)
    change = MailboxChange(quota_mb=7, send_limit=8, password="Efgh456!")
    await host.change_mailbox("example.com", "ALEX", change)
    box = await host.mailbox("example.com", "alex")

    assert (box.username, box.quota_mb, box.send_limit) == ("alex", 7, 8)
    assert [each.username for each in await host.mailboxes("example.com")] == ["alex"]
    await host.remove_mailbox("example.com", "alex")
    for missing in (host.mailbox("example.com", "alex"), host.remove_mailbox("example.com", "alex")):
        with pytest.raises(NotThere):
            await missing
    with pytest.raises(NotThere):
        await host.change_mailbox("example.com", "alex", MailboxChange(quota_mb=1))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": "a b"}, "username"),
        ({"username": ""}, "username"),
        ({"password": "short1A"}, "password"),
        ({"password": "alllower1"}, "password"),
        ({"password": "NoDigits"}, "password"),
        ({"quota_mb": -1}, "quota"),
        ({"send_limit": 9601}, "limit"),
    ],
)
async def test_a_mailbox_that_cannot_be_is_refused_with_its_field(host, change, field):
    new = {"username": "alex", "password": "Abcd123!", **change}
    with pytest.raises(Refused) as caught:
        await host.add_mailbox("example.com", NewMailbox(**new))

    assert caught.value.field == field


async def test_a_password_is_not_shown(host):
    assert "Abcd123!" not in repr(ALEX)
    assert "Abcd123!" not in repr(MailboxChange(password="Abcd123!"))
    with pytest.raises(Refused, match="nothing to change"):
        await host.change_mailbox("example.com", "alex", MailboxChange())


async def test_forwarders(host):
    await host.add_forwarder("example.com", "Sales", ["a@Example.net", "b@bücher.example", "a@Example.net"])
    with pytest.raises(Conflict):
        await host.add_forwarder("example.com", "sales", [":blackhole:"])

    destinations = ("a@example.net", "b@xn--bcher-kva.example")
    assert await host.forwarders("example.com") == (Forwarder(alias="sales", destinations=destinations),)
    await host.remove_forwarder("example.com", "SALES")
    with pytest.raises(NotThere):
        await host.remove_forwarder("example.com", "sales")


@pytest.mark.parametrize(
    "destinations", [[], ["x"], ["a@b"], [":fail:", "a@example.net"], ["a@example.net", "@"]]
)
async def test_destinations_that_lead_nowhere_are_refused(host, destinations):
    with pytest.raises(Refused) as caught:
        await host.add_forwarder("example.com", "sales", destinations)

    assert caught.value.field == "destinations"


async def test_catch_all(host):
    assert await host.catch_all("example.com") == CatchAll(kind="fail")
    for each in (CatchAll(kind="address", address="a@example.net"), CatchAll(kind="blackhole"), CatchAll()):
        await host.set_catch_all("example.com", each)

        assert await host.catch_all("example.com") == each
    for wrong in (CatchAll(kind="address"), CatchAll(kind="fail", address="a@example.net")):
        with pytest.raises(Refused):
            await host.set_catch_all("example.com", wrong)


async def test_pointers(host):
    await host.add_pointer("example.com", Pointer(name="Alias.example"))
    await host.add_pointer("example.com", Pointer(name="go.example", is_alias=False))
    with pytest.raises(Conflict):
        await host.add_pointer("example.com", Pointer(name="alias.example"))
    found = {each.name: each.is_alias for each in await host.pointers("example.com")}

    assert found == {"alias.example": True, "go.example": False}
    assert set((await host.domain("example.com")).pointers) == set(found)
    await host.remove_pointer("example.com", "go.example")
    with pytest.raises(NotThere):
        await host.remove_pointer("example.com", "go.example")


async def test_spam_settings(host):
    assert await host.high_score("example.com") == 15
    await host.set_high_score("example.com", 9)
    await host.set_high_score("example.com", 8)

    assert await host.high_score("example.com") == 8
    for wrong in (0, 51):
        with pytest.raises(Refused):
            await host.set_high_score("example.com", wrong)


@pytest.mark.parametrize("which", ["blacklist", "whitelist"])
async def test_spam_lists(host, which):
    for entry in ("karen@hr.example.com", "*@spam.example", "bad.example"):
        await host.add_to_list("example.com", which, entry)
    with pytest.raises(Conflict):
        await host.add_to_list("example.com", which, "KAREN@hr.example.com")
    await host.remove_from_list("example.com", which, "*@spam.example")
    with pytest.raises(NotThere):
        await host.remove_from_list("example.com", which, "*@spam.example")

    assert set(await host.spam_list("example.com", which)) == {"karen@hr.example.com", "bad.example"}
    for wrong in ("", "a b", ".", "..", "a/b", "x" * 255):
        with pytest.raises(Refused):
            await host.add_to_list("example.com", which, wrong)


async def test_a_foreign_domain_is_not_there(host):
    calls = [
        host.domain("other.example"),
        host.mailboxes("other.example"),
        host.add_mailbox("other.example", ALEX),
        host.forwarders("other.example"),
        host.add_forwarder("other.example", "a", ["b@example.net"]),
        host.catch_all("other.example"),
        host.set_catch_all("other.example", CatchAll()),
        host.add_pointer("other.example", Pointer(name="p.example")),
        host.set_high_score("other.example", 9),
        host.add_to_list("other.example", "blacklist", "a.example"),
        host.set_hosting("other.example", on=False),
    ]
    for call in calls:
        with pytest.raises(NotThere):
            await call
    with pytest.raises(Refused):
        await host.domain("not a domain")


async def test_the_seam_reads_what_decides_in_one_snapshot(local, database):
    await local.add_mailbox("example.com", ALEX)
    await local.add_forwarder("example.com", "sales", ["alex@example.com", "b@example.net"])
    await local.add_pointer("example.com", Pointer(name="alias.example"))
    async with database.read() as tx:
        found = await hosting_of(tx, "acme", "example.com")
        with pytest.raises(NotThere):
            await hosting_of(tx, "other", "example.com")

    assert route("sales@alias.example", found).addresses == ("alex@example.com", "b@example.net")
    assert route("nobody@example.com", found).fate == "refuse"


async def test_the_seam_takes_nothing_for_a_domain_whose_hosting_is_off(local, database):
    await local.add_mailbox("example.com", ALEX)
    await local.set_catch_all("example.com", CatchAll(kind="blackhole"))
    await local.set_hosting("example.com", on=False)
    async with database.read() as tx:
        found = await hosting_of(tx, "acme", "example.com")

    assert found.catch_all == CatchAll(kind="blackhole")
    assert route("alex@example.com", found).fate == "refuse"


async def test_another_domain_cannot_be_taken_as_a_pointer(local):
    with pytest.raises(Conflict, match="domain of its own"):
        await local.add_pointer("example.com", Pointer(name="other.example"))

    assert await local.check() == "1 domains are kept here"
