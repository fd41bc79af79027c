"""Domains come and go, one or a thousand at a time: each item has its own outcome, all in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.dns.verify import new_token
from core.service import visible
from core.service.by import By, record_many
from core.service.core import Core
from core.service.domain_changes import DomainChange, applied
from core.service.domain_limits import Room, room
from core.service.domain_text import checked_name
from core.service.domain_view import deed_of
from core.store import domain_names, domain_removal
from core.store import domains as stored
from core.store.domain_names import Taken
from core.store.domains import Domain
from hub.sql.ids import new_id
from hub.web.access import authorize
from hub.web.errors import ApiError, Conflict, NotFound, ValidationFailed

__all__ = ["MADE", "MAX_ITEMS", "NewDomain", "Options", "Outcome", "check_empty", "deprovision", "provision"]

MADE: Final = 201
MAX_ITEMS: Final = 1000
_WRITE: Final = "domains:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDomain:
    """A domain to be added: its name as the caller writes it, and what differs from a plain one."""

    name: str
    change: DomainChange = field(default_factory=DomainChange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`associate_key` ties the domains to the calling key. With `overwrite` a domain of the caller's that is
    there already takes over what is given, instead of being a conflict; with `keep` it stays as it is (but is
    tied, if that is asked for).
    """

    associate_key: bool = False
    overwrite: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item. `code` is an HTTP status: 201 made, 200 changed or removed, or the error's."""

    domain: str
    code: int
    record: Domain | None = None
    error: ApiError | None = None

    @property
    def comment(self) -> str:
        return self.error.message if self.error is not None else ""

    @classmethod
    def failed(cls, name: str, error: ApiError) -> "Outcome":
        return cls(domain=name, code=error.status, error=error)


async def provision(
    core: Core, tx: AsyncConnection, by: By, wanted: Sequence[NewDomain], options: Options | None = None
) -> list[Outcome]:
    """Add domains, each with an outcome, in order. Events `domain.created` and `domain.updated`.

    Raises `ValidationFailed` for more than `MAX_ITEMS`, and for `associate_key` by who is no key.
    """
    _check_size(len(wanted))
    asked = options or Options()
    if asked.associate_key and by.principal.kind != "key":
        raise ValidationFailed.of("associate_key", "only a key can be tied to domains: ask with one")
    await domain_names.hold(tx)
    work = _Provisioning(core, by, asked)
    plain = [work.named(each) for each in wanted]
    names = [name for each in plain for name in (each.name, *each.aliases)]
    work.taken = await domain_names.taken(tx, names)
    work.own = await visible.several(tx, by, _WRITE, names)
    work.room = await room(tx, by.tenant, [each.change for each in plain])
    outcomes = [work.one(each) for each in plain]
    made = {each.name: each for each in await work.write(tx)}
    return [
        replace(each, record=made.get(each.domain, each.record)) if each.code == MADE else each
        for each in outcomes
    ]


async def deprovision(core: Core, tx: AsyncConnection, by: By, names: Sequence[str]) -> list[Outcome]:
    """Remove domains with everything that belongs to them, each with an outcome, in order.

    One that still holds mail in quarantine stays, with 409. Event `domain.deleted`. Raises `ValidationFailed`
    for more than `MAX_ITEMS`.
    """
    _check_size(len(names))
    await domain_names.hold(tx)
    plain = [_plain(name) for name in names]
    known = await visible.several(tx, by, _WRITE, plain)
    await domain_removal.begin(tx, by.tenant, list(known))
    held = await domain_removal.held(tx, by.tenant, list(known))
    outcomes, gone = [], dict[str, Domain]()
    for name in plain:
        try:
            outcomes.append(_removed(by, name, known, held, gone))
        except ApiError as error:
            outcomes.append(Outcome.failed(name, error))
    await domain_removal.remove(tx, by.tenant, list(gone))
    await record_many(core, tx, by, [deed_of("domain.deleted", each, before=each) for each in gone.values()])
    return outcomes


async def check_empty(tx: AsyncConnection, domain: Domain) -> None:
    """Raises `Conflict` while mail of the domain is in quarantine: nobody could release it any more."""
    _check_held(domain.name, await domain_removal.held(tx, domain.tenant, [domain.name]))


def _check_held(name: str, held: Mapping[str, int]) -> None:
    if held.get(name):
        raise Conflict(
            f"{name} still holds {held[name]} messages in quarantine: release or discard them, then remove it"
        )


def _check_size(items: int) -> None:
    if items > MAX_ITEMS:
        raise ValidationFailed(f"{items} domains, at most {MAX_ITEMS} at a time")


def _plain(text: str) -> str:
    try:
        return checked_name(text)
    except ValidationFailed:
        return text.strip().lower()


def _removed(
    by: By, name: str, known: dict[str, Domain], held: dict[str, int], gone: dict[str, Domain]
) -> Outcome:
    authorize(by.principal, _WRITE, name)
    domain = known.get(name)
    if domain is None or name in gone:
        raise NotFound(f"There is no domain {name[:253]}.")
    _check_held(name, held)
    gone[name] = domain
    return Outcome(domain=name, code=200, record=domain)


@dataclass(frozen=True, slots=True)
class _Named:
    """An item with its names in normal form, or what is wrong with it."""

    name: str
    change: DomainChange
    aliases: tuple[str, ...] = ()
    error: ApiError | None = None


@dataclass(slots=True)
class _Provisioning:
    core: Core
    by: By
    options: Options
    taken: Taken = field(default_factory=Taken)
    own: dict[str, Domain] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    made: list[Domain] = field(default_factory=list)
    changed: list[tuple[Domain, Domain]] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    """Names that this request gave away."""

    def named(self, wanted: NewDomain) -> _Named:
        refused, text = self.core.config.blocked_domains, wanted.name
        try:
            name = checked_name(text, refused=refused)
            aliases = wanted.change.aliases if isinstance(wanted.change.aliases, Sequence) else ()
            plain = [
                checked_name(each, refused=refused, field=f"aliases.{place}")
                for place, each in enumerate(aliases)
            ]
            if name in plain:
                raise ValidationFailed.of("aliases", "a domain is no alias of itself")
            return _Named(name, wanted.change, tuple(sorted(set(plain))))
        except ValidationFailed as error:
            return _Named(text.strip().lower()[:253], wanted.change, error=error)

    def one(self, item: _Named) -> Outcome:
        try:
            if item.error is not None:
                raise item.error
            authorize(self.by.principal, _WRITE, item.name)
            self.room.check_owners(item.change)
            known = None if item.name in self.given else self.own.get(item.name)
            if known is not None and self.options.overwrite:
                return self._overwrite(known, item)
            if known is not None and self.options.keep:
                return self._keep(known)
            return self._make(item)
        except ApiError as error:
            return Outcome.failed(item.name, error)

    def _make(self, item: _Named) -> Outcome:
        self._check_may(item.aliases)
        self._check_free((item.name, *item.aliases))
        subscription = item.change.subscription
        self.room.check(subscription if isinstance(subscription, str) else None)
        now_ms = self.core.clock()
        pending = self.core.config.verify_domains
        plain = Domain(
            id=new_id("dom"),
            number=0,
            tenant=self.by.tenant,
            name=item.name,
            status="pending" if pending else "active",
            verify_token=new_token(),
            aliases=item.aliases,
            pending_aliases=item.aliases if pending else (),
            api_key_id=self._key(None),
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        made = applied(plain, item.change, hostname=self.core.config.hostname, must_verify=pending)
        self.room.take(made.subscription)
        self.given |= {item.name, *item.aliases}
        self.made.append(made)
        return Outcome(domain=item.name, code=MADE, record=made)

    def _overwrite(self, known: Domain, item: _Named) -> Outcome:
        new_aliases = sorted(set(item.aliases) - set(known.aliases))
        self._check_may(new_aliases)
        self._check_free(new_aliases)
        must_verify = self.core.config.verify_domains
        changed = applied(known, item.change, hostname=self.core.config.hostname, must_verify=must_verify)
        if changed.subscription != known.subscription:
            self.room.check(changed.subscription, adds_domain=False)
            self.room.take(changed.subscription, adds_domain=False)
        aliases = item.aliases if isinstance(item.change.aliases, Sequence) else known.aliases
        unproven = {*known.pending_aliases, *(new_aliases if must_verify else ())}
        changed = replace(
            changed,
            aliases=aliases,
            pending_aliases=tuple(name for name in aliases if name in unproven),
            api_key_id=self._key(known.api_key_id),
            updated_ms=self.core.clock(),
        )
        self.given |= {item.name, *new_aliases}
        self.changed.append((known, changed))
        return Outcome(domain=item.name, code=200, record=changed)

    def _keep(self, known: Domain) -> Outcome:
        if self._key(known.api_key_id) != known.api_key_id:
            return self._overwrite(known, _Named(known.name, DomainChange()))
        return Outcome(domain=known.name, code=200, record=known)

    def _key(self, held_by: str | None) -> str | None:
        return self.by.principal.key_id if self.options.associate_key else held_by

    def _check_free(self, names: Sequence[str]) -> None:
        taken = self.taken
        for name in names:
            if name in self.given or name in taken.domains:
                raise Conflict(f"{name} is managed here already")
            if name in taken.aliases or name in taken.pointers:
                raise Conflict(f"{name} is another name of a domain here: remove that first")

    def _check_may(self, aliases: Sequence[str]) -> None:
        """Another name is given to those only who could add a domain of that name. Raises `Forbidden`."""
        for name in aliases:
            authorize(self.by.principal, _WRITE, name)

    async def write(self, tx: AsyncConnection) -> list[Domain]:
        """Store what came out, and put it on record. Numbers follow the order of the request."""
        made = await stored.numbered(tx, self.made)
        await stored.insert_many(tx, made)
        for before, after in self.changed:
            await stored.replace_whole(tx, before, after)
        deeds = [deed_of("domain.created", each, after=each) for each in made]
        deeds += [deed_of("domain.updated", after, before, after) for before, after in self.changed]
        await record_many(self.core, tx, self.by, deeds)
        return made
