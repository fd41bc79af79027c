"""The second factor: six digits of an authenticator (RFC 6238), or a recovery code. Each is good once."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import CursorResult, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import accounts
from hub.access.accounts import Account
from hub.access.audit import Actor, Audit, Change, silence
from hub.access.directory import NoSuchAccount
from hub.access.secret_text import Sealer, digest
from hub.access.tables import accounts as table
from hub.access.tables import recovery_codes
from hub.sql.database import Database

__all__ = ["AlreadyEnrolled", "SecondFactor", "WrongCode"]

_STEP_S: Final = 30
_DRIFT: Final = 1
"""Steps before and after now that still count (RFC 6238 section 5.2)."""
_CODES: Final = 10
_CODE_CHARS: Final = 16
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ISSUER: Final = "mxhub"


class WrongCode(Exception):
    """The code does not hold, or was used before."""


class AlreadyEnrolled(Exception):
    """409: there is a second factor; take it off first."""


class SecondFactor:
    """Authenticators of all accounts; their secrets are sealed at rest."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        audit: Audit = silence,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._audit = audit
        self._clock_ms = clock_ms

    async def enrol(self, tenant: str, account_id: str) -> str:
        """The `otpauth://` URI to show, once, as a QR code; nothing is asked for before `confirm`.

        Raises `NoSuchAccount`, `AlreadyEnrolled`.
        """
        import pyotp

        secret = pyotp.random_base32()
        async with self._database.begin() as tx:
            account = await _found(tx, tenant, account_id)
            if account.totp_proven:
                raise AlreadyEnrolled("This account has a second factor already.")
            await accounts.change(tx, account_id, self._clock_ms(), totp=self._sealer.seal(secret))
        return pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name=_ISSUER)

    async def confirm(self, actor: Actor, tenant: str, account_id: str, code: str) -> list[str]:
        """From now on it is asked for. The recovery codes, which are shown this once.

        Raises `NoSuchAccount`, `AlreadyEnrolled`, `WrongCode`.
        """
        codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS)) for _ in range(_CODES)]
        async with self._database.begin() as tx:
            account = await _found(tx, tenant, account_id)
            if account.totp_proven:
                raise AlreadyEnrolled("This account has a second factor already.")
            if not await self._accept(tx, account, code):
                raise WrongCode("This code does not hold.")
            await accounts.change(tx, account_id, self._clock_ms(), totp_proven=True)
            await _keep(tx, account_id, codes)
            await self._tell(tx, actor, "auth.second_factor_on", account)
        return codes

    async def remove(self, actor: Actor, tenant: str, account_id: str) -> None:
        """By the person (who gave a code) or by an administrator. Raises `NoSuchAccount`."""
        async with self._database.begin() as tx:
            account = await _found(tx, tenant, account_id)
            off = {"totp": None, "totp_proven": False, "totp_step": None}
            await accounts.change(tx, account_id, self._clock_ms(), **off)
            await _keep(tx, account_id, [])
            await self._tell(tx, actor, "auth.second_factor_off", account)

    async def use(self, tx: AsyncConnection, account: Account, code: str) -> bool:
        """Whether the code holds; it never will again."""
        plain = "".join(code.split()).replace("-", "").lower()
        return await self._accept(tx, account, plain) or await _recover(tx, account.id, plain)

    async def _accept(self, tx: AsyncConnection, account: Account, code: str) -> bool:
        if account.totp is None:
            return False
        step = self._step(self._sealer.open(account.totp), code)
        if step is None:
            return False
        unused = table.c.totp_step.is_(None) | (table.c.totp_step < step)
        moved = update(table).where((table.c.id == account.id) & unused).values(totp_step=step)
        return _rows(await tx.execute(moved)) == 1

    def _step(self, secret: str, code: str) -> int | None:
        """The time step whose code this is, among those that count now."""
        import pyotp

        now = self._clock_ms() // 1000 // _STEP_S
        if len(code) != pyotp.TOTP(secret).digits or not (code.isascii() and code.isdigit()):
            return None
        for step in range(now + _DRIFT, now - _DRIFT - 1, -1):
            if secrets.compare_digest(pyotp.TOTP(secret).generate_otp(step), code):
                return step
        return None

    async def _tell(self, tx: AsyncConnection, actor: Actor, action: str, before: Account) -> None:
        after = await _found(tx, before.tenant, before.id)
        change = Change(
            actor=actor,
            tenant=before.tenant,
            action=action,
            resource=f"account/{before.id}",
            before=before.shown(),
            after=after.shown(),
        )
        await self._audit(tx, change)


async def _found(tx: AsyncConnection, tenant: str, account_id: str) -> Account:
    found = await accounts.find(tx, tenant, account_id)
    if found is None:
        raise NoSuchAccount(f"there is no account {account_id!r}")
    return found


async def _keep(tx: AsyncConnection, account_id: str, codes: list[str]) -> None:
    await tx.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
    if codes:
        rows = [{"account_id": account_id, "hash": digest(code)} for code in codes]
        await tx.execute(insert(recovery_codes), rows)


async def _recover(tx: AsyncConnection, account_id: str, code: str) -> bool:
    which = (recovery_codes.c.account_id == account_id) & (recovery_codes.c.hash == digest(code))
    return _rows(await tx.execute(delete(recovery_codes).where(which))) == 1


def _rows(result: CursorResult[tuple[()]]) -> int:
    return result.rowcount
