"""Carries out attacks over raw sockets and writes down what was answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from tests.factories.hostile_wire import Attack

__all__ = ["Findings", "strike", "strike_all"]

ANSWER_S = 20.0
"""A client that waits this long for an answer waits for ever; slow ones need longer than the hub's 30 s."""
_HEADER_END = b"\r\n\r\n"


@dataclass(slots=True)
class Findings:
    """What a campaign saw."""

    attacks: int = 0
    requests: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[int, str]] = field(default_factory=Counter)
    """(status, error code)."""
    ids: set[str] = field(default_factory=set)
    """Events that were acknowledged."""
    holes: list[str] = field(default_factory=list)
    """What must not be: an answer that the attack may never get, one without our form, none at all."""

    def note(self, attack: Attack, status: int, body: bytes) -> None:
        code = ""
        try:
            said = orjson.loads(body) if body else {}
            code = said["error"]["code"] if status >= 400 and body else ""
            self.ids.update(said.get("ids", ()) if status == 202 else ())
        except (ValueError, TypeError, KeyError):
            if status >= 400:
                self.hole(attack, f"{status} without our form: {body[:80]!r}")
        self.statuses[status, code] += 1
        if status in attack.never:
            self.hole(attack, f"was answered {status}")

    def hole(self, attack: Attack, what: str) -> None:
        self.holes.append(f"{attack.kind}: {what}: {attack.pieces[0][:160]!r}")


async def _answer(reader: asyncio.StreamReader, *, bodiless: bool) -> tuple[int, bytes] | None:
    """The next final answer; `None` at the end of the connection."""
    while True:
        try:
            head = await reader.readuntil(_HEADER_END)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return None
        status = int(head[9:12])
        if status >= 200:
            break
    fields = head.lower()
    if bodiless:
        return status, b""
    try:
        if b"transfer-encoding: chunked" in fields:
            return status, await reader.readuntil(b"0\r\n\r\n")
        length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        return status, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _send(writer: asyncio.StreamWriter, attack: Attack) -> None:
    for at, piece in enumerate(attack.pieces):
        if at and attack.pause_s:
            await asyncio.sleep(attack.pause_s)
        writer.write(piece)
        await writer.drain()
    if attack.then == "half-close":
        writer.write_eof()


async def strike(port: int, attack: Attack, findings: Findings, patience_s: float = ANSWER_S) -> None:
    """Carry out one attack; no answer and no hanging up within `patience_s` is a hole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024 * 1024)
    try:
        with suppress(ConnectionError):  # the hub may hang up at any time
            await _send(writer, attack)
        if attack.then == "leave":
            return
        bodiless = attack.pieces[0].startswith(b"HEAD")
        async with asyncio.timeout(patience_s):
            for _ in range(attack.requests):
                answer = await _answer(reader, bodiless=bodiless)
                if answer is None:
                    break
                findings.note(attack, *answer)
    except TimeoutError:
        findings.hole(attack, "no answer")
    finally:
        findings.attacks += 1
        findings.requests += attack.requests
        findings.kinds[attack.kind] += 1
        writer.transport.abort()


async def strike_all(
    port: int,
    attacks: Iterator[Attack],
    findings: Findings,
    *,
    clients: int = 16,
    patience_s: float = ANSWER_S,
    look: Callable[[], None] = lambda: None,
    look_every: int = 1000,
) -> None:
    """Every attack, some at a time; `look` is called now and then."""

    async def client() -> None:
        for attack in attacks:
            await strike(port, attack, findings, patience_s)
            if findings.attacks % look_every == 0:
                look()

    await asyncio.gather(*(client() for _ in range(clients)))
