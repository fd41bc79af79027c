"""`Idempotency-Key` over the database: survives restarts, right for any number of processes.

An answer may hold what is told once (a new key, a password, a login link). It is therefore sealed with a key
made from the caller's Idempotency-Key and the service's secret, and of the Idempotency-Key itself only a hash
is kept: neither a copy of the database nor the running service alone gives the answer again.
"""

import hmac
import os
from hashlib import sha256

from core.store import idempotency as store
from core.store.clock import DAY_MS, HOUR_MS, Clock
from core.store.database import Database
from hub.web.errors import Conflict
from hub.web.idempotency import Saved, Slot

__all__ = ["SqlIdempotency"]

_KEEP_MS = DAY_MS
_RUN_MS = HOUR_MS // 2
"""Longer than any request takes: its process is gone by then, or it never told the end."""
_SWEEP_MS = 60_000
_NONCE = 12


class SqlIdempotency:
    """An `IdempotencyStore` for `mount`.

    Args:
        secret: of the service, outside of the database; at least 32 bytes.
        node_id: of this process among those that share the database.

    """

    def __init__(self, database: Database, secret: bytes, *, node_id: str, clock: Clock) -> None:
        self._database = database
        self._secret = secret
        self._node_id = node_id
        self._clock = clock
        self._swept_ms = 0

    async def restart(self) -> None:
        """Once before the first request: what this node was at when it ended may be tried again."""
        async with self._database.begin() as tx:
            await store.forget_running(tx, self._node_id)

    async def begin(self, slot: Slot, fingerprint: str) -> Saved | None:
        now_ms = self._clock()
        async with self._database.begin() as tx:
            if now_ms - self._swept_ms >= _SWEEP_MS:
                await store.sweep(tx, now_ms)
                self._swept_ms = now_ms
            times = {"now_ms": now_ms, "keep_ms": _KEEP_MS, "run_ms": _RUN_MS}
            kept = await store.take(tx, self._place(slot), fingerprint, owner=self._node_id, **times)
        if kept is None:
            return None
        if kept.fingerprint != fingerprint:
            raise Conflict("This Idempotency-Key was used for a different request: take a new one.")
        if kept.status is None or kept.body is None:
            raise Conflict("The request with this Idempotency-Key is still running: ask again in a moment.")
        return Saved(kept.status, self._open(slot, kept.body))

    async def finish(self, slot: Slot, saved: Saved) -> None:
        sealed = self._seal(slot, saved.body)
        async with self._database.begin() as tx:
            await store.keep(tx, self._place(slot), saved.status, sealed)

    async def abandon(self, slot: Slot) -> None:
        async with self._database.begin() as tx:
            await store.abandon(tx, self._place(slot))

    def _place(self, slot: Slot) -> store.Place:
        return store.Place(
            tenant=slot.tenant, principal=slot.principal, key=self._derived(slot, b"place").hex()
        )

    def _derived(self, slot: Slot, purpose: bytes) -> bytes:
        parts = (slot.tenant, slot.principal, slot.request, slot.given)
        raw = b"\0".join([purpose, *(part.encode("utf-8", "surrogatepass") for part in parts)])
        return hmac.new(self._secret, raw, sha256).digest()

    def _seal(self, slot: Slot, body: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._derived(slot, b"seal")).encrypt(nonce, body, None)

    def _open(self, slot: Slot, sealed: bytes) -> bytes:
        """Raises `Conflict` when another secret sealed it: the first answer cannot be given again."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._derived(slot, b"seal")).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except InvalidTag:
            raise Conflict("The first answer to this Idempotency-Key cannot be read any more.") from None
