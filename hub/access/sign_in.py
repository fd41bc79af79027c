"""Signing in: password, second factor or a provider's word; slowed down, told to the audit log."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import accounts, once
from hub.access.accounts import Account
from hub.access.audit import Actor, Audit, Change, silence
from hub.access.keys import Key
from hub.access.limiter import Limiter
from hub.access.oidc import Identity
from hub.access.passwords import Passwords
from hub.access.plans import Window
from hub.access.principal import Grant
from hub.access.sessions import begin, end
from hub.access.totp import SecondFactor
from hub.sql.database import Database

__all__ = ["Pending", "SignIn", "SignInRefused", "SignedIn", "TooManyAttempts", "Visitor"]

_PENDING: Final = "second factor"
_PENDING_MS: Final = 5 * 60_000
_PERIOD_MS: Final = 600_000
_FROM_ONE: Final = Window("sign-in", 60, _PERIOD_MS)
_FOR_ONE: Final = Window("sign-in", 10, _PERIOD_MS)
_FOR_ALL: Final = Window("sign-in", 100, _PERIOD_MS)
_REALM: Final = "sign-in"


class SignInRefused(Exception):
    """401: one word for every reason, so that nobody learns which logins there are."""

    def __init__(self) -> None:
        super().__init__("Login, password or code do not hold.")


class TooManyAttempts(Exception):
    """429."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts: try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Where a request comes from."""

    ip: str
    agent: str = ""
    cookie: str | None = None
    """Of the session that they have already; it ends when another begins."""
    request_id: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    account: Account
    cookie: str
    lasts_s: int


@dataclass(frozen=True, slots=True, repr=False)
class Pending:
    """The password held; `finish` wants this text and a code within five minutes."""

    text: str


class SignIn:
    """Turns what a person knows into a session.

    Args:
        limiter: counts attempts: 60 in ten minutes from one address, 10 for one login from one address, 100
            for one login from everywhere. Raises `LimiterDown` through every verb.
        lasts_ms: the absolute end of a session.

    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        second: SecondFactor,
        limiter: Limiter,
        *,
        audit: Audit = silence,
        lasts_ms: int = 12 * 3_600_000,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._second = second
        self._limiter = limiter
        self._audit = audit
        self._lasts_ms = lasts_ms
        self._clock_ms = clock_ms

    async def by_password(self, login: str, password: str, visitor: Visitor) -> SignedIn | Pending:
        """Raises `SignInRefused`, `TooManyAttempts`, `LimiterDown`."""
        login = login.strip().lower()[:256]
        await self._slow_down(login, visitor)
        async with self._database.read() as tx:
            account = await accounts.by_login(tx, login)
        fits = await self._passwords.verify(password, account.password if account else None)
        if account is None or not fits or not account.active:
            raise await self._refused(account, login, visitor, "password")
        return await self._go_on(account, visitor)

    async def finish(self, pending: Pending, code: str, visitor: Visitor) -> SignedIn:
        """The second factor. Raises `SignInRefused`, `TooManyAttempts`, `LimiterDown`."""
        now_ms = self._clock_ms()
        async with self._database.read() as tx:
            known = await once.read(tx, _PENDING, pending.text, now_ms)
            account = None if known is None else await accounts.by_login(tx, known["login"])
        if account is None:
            raise SignInRefused
        await self._slow_down(account.login, visitor)
        async with self._database.begin() as tx:
            if account.active and await self._second.use(tx, account, code):
                if await once.take(tx, _PENDING, pending.text, now_ms) is None:
                    raise SignInRefused
                return await self._open(tx, account, visitor)
        raise await self._refused(account, account.login, visitor, "second factor")

    async def by_identity(self, identity: Identity, visitor: Visitor) -> SignedIn | Pending:
        """Whom a provider vouches for and who is tied to an account (`Directory.make(identity=...)`).

        A verified address ties an account without a provider to this one, the first time. The provider's
        second factor does not replace ours. Raises `SignInRefused`.
        """
        async with self._database.begin() as tx:
            account = await accounts.by_identity(tx, identity.issuer, identity.subject)
            if account is None and identity.email and identity.email_verified:
                account = await self._tie(tx, identity)
        if account is None or not account.active:
            raise await self._refused(account, identity.email or identity.subject, visitor, "provider")
        return await self._go_on(account, visitor)

    async def proves(self, account: Account, password: str, visitor: Visitor) -> None:
        """Whoever is signed in as this account knows its password too, before something weighty.

        Raises `SignInRefused`, `TooManyAttempts`, `LimiterDown`.
        """
        await self._slow_down(account.login, visitor)
        if not await self._passwords.verify(password, account.password):
            raise await self._refused(account, account.login, visitor, "password")

    async def proves_by_code(self, account: Account, code: str, visitor: Visitor) -> None:
        """As `proves`, by the second factor. Raises the same."""
        await self._slow_down(account.login, visitor)
        async with self._database.begin() as tx:
            if await self._second.use(tx, account, code):
                return
        raise await self._refused(account, account.login, visitor, "second factor")

    async def by_link(self, key: Key, domain: str, visitor: Visitor, *, lasts_ms: int) -> str:
        """The cookie of whoever followed a login link: administrator of that domain, until the key ends.

        That the link holds, and is used once, is for its keeper to see.
        """
        grants = [Grant.of(["domain-admin"], [domain])]
        async with self._database.begin() as tx:
            if visitor.cookie:
                await end(tx, visitor.cookie)
            cookie = await begin(
                tx,
                tenant=key.tenant,
                key_id=key.id,
                grants=grants,
                now_ms=self._clock_ms(),
                lasts_ms=lasts_ms,
                ip=visitor.ip,
                agent=visitor.agent,
            )
            actor = Actor(
                type="session",
                id=key.id,
                name="login link",
                key_prefix=key.prefix,
                ip=visitor.ip,
                request_id=visitor.request_id,
            )
            change = Change(
                actor=actor,
                tenant=key.tenant,
                action="auth.login",
                resource=f"domain/{domain}",
                after={"by": "login link"},
            )
            await self._audit(tx, change)
        return cookie

    async def _tie(self, tx: AsyncConnection, identity: Identity) -> Account | None:
        account = await accounts.by_login(tx, (identity.email or "").lower())
        if account is None or account.issuer is not None:
            return None
        tied = {"issuer": identity.issuer, "subject": identity.subject}
        await accounts.change(tx, account.id, self._clock_ms(), **tied)
        await self._tell(tx, account, account.login, None, "auth.identity_tied", tied)
        return account

    async def _go_on(self, account: Account, visitor: Visitor) -> SignedIn | Pending:
        async with self._database.begin() as tx:
            if account.totp_proven:
                until_ms = self._clock_ms() + _PENDING_MS
                return Pending(await once.put(tx, _PENDING, {"login": account.login}, until_ms))
            return await self._open(tx, account, visitor)

    async def _open(self, tx: AsyncConnection, account: Account, visitor: Visitor) -> SignedIn:
        if visitor.cookie:
            await end(tx, visitor.cookie)
        cookie = await begin(
            tx,
            tenant=account.tenant,
            account_id=account.id,
            now_ms=self._clock_ms(),
            lasts_ms=self._lasts_ms,
            ip=visitor.ip,
            agent=visitor.agent,
        )
        await self._tell(tx, account, account.login, visitor, "auth.login", None)
        return SignedIn(account, cookie, self._lasts_ms // 1000)

    async def _slow_down(self, login: str, visitor: Visitor) -> None:
        for window, caller in (
            (_FROM_ONE, f"ip {visitor.ip}"),
            (_FOR_ONE, f"{login} {visitor.ip}"),
            (_FOR_ALL, login),
        ):
            budget = await self._limiter.take([window], caller, tenant=_REALM)
            if not budget.granted:
                raise TooManyAttempts(budget.retry_after_s)

    async def _refused(
        self, account: Account | None, login: str, visitor: Visitor, how: str
    ) -> SignInRefused:
        async with self._database.begin() as tx:
            await self._tell(tx, account, login, visitor, "auth.login_failed", {"by": how})
        return SignInRefused()

    async def _tell(
        self,
        tx: AsyncConnection,
        account: Account | None,
        login: str,
        visitor: Visitor | None,
        action: str,
        after: Mapping[str, Any] | None,
    ) -> None:
        failed = action == "auth.login_failed"
        actor = Actor(
            type="unknown" if failed else "session",
            id=account.id if account else "",
            name=login,
            ip=visitor.ip if visitor else "",
            request_id=visitor.request_id if visitor else "",
        )
        change = Change(
            actor=actor,
            tenant=account.tenant if account else "default",
            action=action,
            resource=f"account/{account.id}" if account else "account",
            after=after,
            succeeded=not failed,
        )
        await self._audit(tx, change)
