"""MXroute as the mail host: its REST API (api.mxroute.com; shapes: docs/reference/mxroute-upstream.md)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import quote

from core.upstream.api import Answered, JsonApi, Problem
from core.upstream.errors import (
    Conflict,
    NotAuthorised,
    NotThere,
    ProviderError,
    Refused,
    Unavailable,
)
from core.upstream.mxroute_wire import as_dict, as_list, mailbox, plain, records, txt
from core.upstream.provider import (
    CatchAll,
    CatchAllKind,
    Forwarder,
    HostedDomain,
    HostedRecords,
    Mailbox,
    MailboxChange,
    NewMailbox,
    Pointer,
    SpamList,
)
from core.upstream.rules import (
    check_catch_all,
    check_destinations,
    check_domain,
    check_entry,
    check_limits,
    check_local_part,
    check_password,
    check_score,
)
from hub.sdk.http import Client

__all__ = ["API_URL", "MxRoute"]

API_URL: Final = "https://api.mxroute.com"
_CODES: Final[Mapping[str, type[ProviderError]]] = {
    "UNAUTHORIZED": NotAuthorised,
    "FORBIDDEN": NotAuthorised,
    "NOT_FOUND": NotThere,
    "CONFLICT": Conflict,
    "VALIDATION_ERROR": Refused,
    "BUSINESS_ERROR": Refused,
}


class MxRoute:
    """A `MailProvider`. Input is checked before it travels. The host allows 100 reads and 20 writes a minute.

    Texts may come HTML-escaped and are given back as they were written. Spam lists are the account's: an
    entry added through one domain holds for all.

    Args:
        server: the mail server's host name, as the panel shows it.
        username: of the account at that server.
        api_key: never shown.
    """

    name = "MXroute"

    def __init__(
        self, client: Client, *, server: str, username: str, api_key: str, url: str = API_URL
    ) -> None:
        headers = {"X-Server": server, "X-Username": username, "X-API-Key": api_key}
        self._api = JsonApi(client, url, name=self.name, headers=headers)

    async def check(self) -> str:
        """Ask for the domains."""
        return f"the account has {len(await self.domains())} domains"

    # -- domains --
    async def domains(self) -> tuple[str, ...]:
        """Names of all domains of the account."""
        return tuple(sorted(str(each).lower() for each in await self._list("/domains")))

    async def domain(self, domain: str, /) -> HostedDomain:
        """One domain."""
        found = as_dict(await self._get(_path(domain)))
        pointers = tuple(str(each) for each in as_list(found.get("pointers")))
        is_hosting = found.get("mail_hosting") is not False
        return HostedDomain(name=check_domain(domain), is_hosting=is_hosting, pointers=pointers)

    async def add_domain(self, domain: str, /) -> None:
        """The verification record must be in the DNS before."""
        await self._send("POST", "/domains", {"domain": check_domain(domain)})

    async def remove_domain(self, domain: str, /) -> None:
        """With everything in it."""
        await self._send("DELETE", _path(domain))

    async def set_hosting(self, domain: str, /, *, on: bool) -> None:
        """Whether mail for the domain is taken."""
        await self._send("PATCH", _path(domain, "mail-status"), {"enabled": on})

    async def records(self, domain: str, /) -> HostedRecords:
        """What the DNS should hold; for a domain that is not added yet the verification record only."""
        verification = txt(as_dict(await self._get("/verification-key")).get("record"))
        try:
            found = as_dict(await self._get(_path(domain, "dns")))
        except NotThere:
            return HostedRecords(verification=verification)
        return records(found, verification)

    # -- mailboxes --
    async def mailboxes(self, domain: str, /) -> tuple[Mailbox, ...]:
        """All of the domain."""
        found = await self._list(_path(domain, "email-accounts"))
        return tuple(mailbox(as_dict(each)) for each in found)

    async def mailbox(self, domain: str, username: str, /) -> Mailbox:
        """One of the domain."""
        return mailbox(as_dict(await self._get(_path(domain, "email-accounts", check_local_part(username)))))

    async def add_mailbox(self, domain: str, new: NewMailbox, /) -> None:
        """Make one."""
        check_password(new.password)
        check_limits(new.quota_mb, new.send_limit)
        body = {
            "username": check_local_part(new.username),
            "password": new.password,
            "quota": new.quota_mb,
            "limit": new.send_limit,
        }
        await self._send("POST", _path(domain, "email-accounts"), body)

    async def change_mailbox(self, domain: str, username: str, change: MailboxChange, /) -> None:
        """Only what is to change travels."""
        if change.password is not None:
            check_password(change.password)
        check_limits(change.quota_mb, change.send_limit)
        wanted = {"password": change.password, "quota": change.quota_mb, "limit": change.send_limit}
        body = {key: value for key, value in wanted.items() if value is not None}
        if not body:
            raise Refused("nothing to change: give password, quota or limit")
        await self._send("PATCH", _path(domain, "email-accounts", check_local_part(username)), body)

    async def remove_mailbox(self, domain: str, username: str, /) -> None:
        """With its mail."""
        await self._send("DELETE", _path(domain, "email-accounts", check_local_part(username)))

    # -- forwarding --
    async def forwarders(self, domain: str, /) -> tuple[Forwarder, ...]:
        """All of the domain."""
        found = [as_dict(each) for each in await self._list(_path(domain, "forwarders"))]
        return tuple(
            Forwarder(
                alias=str(each.get("alias")),
                destinations=tuple(str(one) for one in as_list(each.get("destinations"))),
            )
            for each in found
        )

    async def add_forwarder(self, domain: str, alias: str, destinations: Sequence[str], /) -> None:
        """Make one."""
        body = {
            "alias": check_local_part(alias, field="alias"),
            "destinations": check_destinations(destinations),
        }
        await self._send("POST", _path(domain, "forwarders"), body)

    async def remove_forwarder(self, domain: str, alias: str, /) -> None:
        """With all its destinations."""
        await self._send("DELETE", _path(domain, "forwarders", check_local_part(alias, field="alias")))

    async def catch_all(self, domain: str, /) -> CatchAll:
        """What becomes of mail to nobody."""
        found = as_dict(await self._get(_path(domain, "catch-all")))
        kind = found.get("type")
        if kind not in ("fail", "blackhole", "address"):
            raise Unavailable(f"{self.name}: the catch-all {str(kind)[:40]!r} is not known")
        return CatchAll(kind=cast("CatchAllKind", kind), address=str(found.get("address") or ""))

    async def set_catch_all(self, domain: str, catch_all: CatchAll, /) -> None:
        """Set it."""
        checked = check_catch_all(catch_all)
        body: dict[str, object] = {"type": checked.kind}
        if checked.address:
            body["address"] = checked.address
        await self._send("PATCH", _path(domain, "catch-all"), body)

    async def pointers(self, domain: str, /) -> tuple[Pointer, ...]:
        """Other names of the domain."""
        found = [as_dict(each) for each in await self._list(_path(domain, "pointers"))]
        return tuple(
            Pointer(name=str(each.get("pointer")).lower(), is_alias=each.get("type") != "redirect")
            for each in found
        )

    async def add_pointer(self, domain: str, pointer: Pointer, /) -> None:
        """Add one."""
        body = {"pointer": check_domain(pointer.name, field="pointer"), "alias": pointer.is_alias}
        await self._send("POST", _path(domain, "pointers"), body)

    async def remove_pointer(self, domain: str, pointer: str, /) -> None:
        """Take one away."""
        await self._send("DELETE", _path(domain, "pointers", check_domain(pointer, field="pointer")))

    # -- the spam filter --
    async def high_score(self, domain: str, /) -> int:
        """From this score on mail is deleted (1 to 50)."""
        found = as_dict(await self._get(_path(domain, "spam", "settings"))).get("high_score")
        if not isinstance(found, int):
            raise Unavailable(f"{self.name}: the spam settings hold no high_score")
        return found

    async def set_high_score(self, domain: str, score: int, /) -> None:
        """Set it."""
        await self._send("PATCH", _path(domain, "spam", "settings"), {"high_score": check_score(score)})

    async def spam_list(self, domain: str, which: SpamList, /) -> tuple[str, ...]:
        """The account's list."""
        return tuple(str(each) for each in await self._list(_path(domain, "spam", which)))

    async def add_to_list(self, domain: str, which: SpamList, entry: str, /) -> None:
        """Add an entry."""
        await self._send("POST", _path(domain, "spam", which), {"entry": check_entry(entry)})

    async def remove_from_list(self, domain: str, which: SpamList, entry: str, /) -> None:
        """Take one away."""
        await self._send("DELETE", _path(domain, "spam", which, check_entry(entry)))

    # -- calls --
    async def _get(self, path: str) -> Any:
        answered = await self._api.call("GET", path)
        self._raise_unless_good(answered)
        return plain(as_dict(answered.document).get("data"))

    async def _list(self, path: str) -> list[Any]:
        """What is no list is no answer: read as an empty one it would say that nobody is there."""
        found = await self._get(path)
        if not isinstance(found, list):
            raise Unavailable(f"{self.name}: the answer holds no list")
        return found

    async def _send(self, method: str, path: str, body: object = None) -> None:
        self._raise_unless_good(await self._api.call(method, path, send=body))

    def _raise_unless_good(self, answered: Answered) -> None:
        if answered.is_good:
            return
        error = as_dict(plain(as_dict(answered.document).get("error")))
        message, field = str(error.get("message", "")), str(error.get("field", ""))
        kind = _CODES.get(str(error.get("code")))
        if kind is Refused or (kind is None and answered.status == 422):  # noqa: PLR2004
            raise Refused(f"{self.name}: {message[:300]}", field=field)
        raise self._api.error(answered, Problem(message=message, field=field, kind=kind))


def _path(domain: str, *parts: str) -> str:
    words = ("domains", check_domain(domain), *parts)
    return "".join(f"/{quote(word, safe='')}" for word in words)
