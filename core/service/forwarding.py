"""Forwarders and the catch-all of a domain, at its mail host."""

from collections.abc import Sequence
from dataclasses import asdict

from core.audit.entry import Resource
from core.service import visible
from core.service.by import By, Deed
from core.service.core import Core
from core.service.hosting import Write, carry_out, named, own
from core.upstream import kept
from core.upstream.errors import NotThere
from core.upstream.local import LocalProvider
from core.upstream.provider import CatchAll, Forwarder, MailProvider
from core.upstream.rules import check_catch_all, check_destinations, check_local_part

__all__ = ["READ", "WRITE", "catch_all", "catch_all_counts", "create", "listed", "remove", "set_catch_all"]

READ = "forwarders:read"
WRITE = "forwarders:write"


async def listed(core: Core, by: By, domain: str) -> tuple[Forwarder, ...]:
    """All of the domain, by alias."""
    name = await own(core, by, READ, domain)
    found = await core.upstream(by.tenant).forwarders(name)
    return tuple(sorted(found, key=lambda each: each.alias))


async def create(core: Core, by: By, domain: str, alias: str, destinations: Sequence[str]) -> Forwarder:
    """Raises `Refused` naming the field, `Conflict` when the alias has one, `Unavailable`."""
    name = await own(core, by, WRITE, domain)
    new = Forwarder(
        alias=check_local_part(alias, field="alias"), destinations=check_destinations(destinations)
    )
    write = Write(
        act=lambda host: host.add_forwarder(name, new.alias, new.destinations),
        happened=lambda host: _leads(host, name, new),
        mirror=lambda tx: kept.add_forwarder(
            tx, by.tenant, name, new.alias, new.destinations, now_ms=core.clock()
        ),
        deed=_deed("create", "forwarder.created", name, new, after={"destinations": list(new.destinations)}),
    )
    await carry_out(core, by, write)
    return new


async def remove(core: Core, by: By, domain: str, alias: str) -> None:
    """With all its destinations. Raises `NotThere`, `Unavailable`."""
    name = await own(core, by, WRITE, domain)
    wanted = named(alias)
    was = await _one(core.upstream(by.tenant), name, wanted)
    if was is None:
        raise NotThere(f"{wanted}@{name} forwards nothing")
    write = Write(
        act=lambda host: host.remove_forwarder(name, wanted),
        happened=lambda host: _is_gone(host, name, wanted),
        mirror=lambda tx: kept.remove_forwarder(tx, name, wanted),
        deed=_deed("delete", "forwarder.deleted", name, was, before={"destinations": list(was.destinations)}),
    )
    await carry_out(core, by, write)


async def catch_all(core: Core, by: By, domain: str) -> CatchAll:
    """What becomes of mail to nobody."""
    name = await own(core, by, READ, domain)
    return await core.upstream(by.tenant).catch_all(name)


async def catch_all_counts(core: Core, by: By, domain: str) -> bool:
    """Whether mail goes by the catch-all: kept here it needs a domain whose mailboxes are all there are."""
    async with core.database.read() as tx:
        found = await visible.domain(tx, by, WRITE, domain)
    return found.mailboxes_complete or not isinstance(core.upstream(by.tenant), LocalProvider)


async def set_catch_all(core: Core, by: By, domain: str, wanted: CatchAll) -> CatchAll:
    """Raises `Refused`, `Unavailable`. What is set already is no change."""
    name = await own(core, by, WRITE, domain)
    new = check_catch_all(wanted)
    was = await core.upstream(by.tenant).catch_all(name)
    if was == new:
        return new
    write = Write(
        act=lambda host: host.set_catch_all(name, new),
        happened=lambda host: _is_set(host, name, new),
        mirror=lambda tx: kept.set_catch_all(tx, by.tenant, name, new, now_ms=core.clock()),
        deed=Deed(
            action="catchall.update",
            resource=Resource(type="catch-all", id=name, domain=name),
            before=asdict(was),
            after=asdict(new),
            event="catch_all.updated",
            data=asdict(new),
        ),
    )
    await carry_out(core, by, write)
    return new


async def _one(host: MailProvider, domain: str, alias: str) -> Forwarder | None:
    found = await host.forwarders(domain)
    return next((each for each in found if each.alias.lower() == alias), None)


async def _leads(host: MailProvider, domain: str, new: Forwarder) -> bool:
    found = await _one(host, domain, new.alias)
    return found is not None and set(found.destinations) == set(new.destinations)


async def _is_gone(host: MailProvider, domain: str, alias: str) -> bool:
    return await _one(host, domain, alias) is None


async def _is_set(host: MailProvider, domain: str, new: CatchAll) -> bool:
    return await host.catch_all(domain) == new


def _deed(verb: str, event: str, domain: str, of: Forwarder, **changes: object) -> Deed:
    address = f"{of.alias}@{domain}"
    return Deed(
        action=f"forwarder.{verb}",
        resource=Resource(type="forwarder", id=address, domain=domain),
        before=changes.get("before"),
        after=changes.get("after"),
        event=event,
        data={"alias": of.alias, "email": address, "destinations": list(of.destinations)},
    )
