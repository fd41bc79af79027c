"""A syslog receiver played on loopback, strict about framing, and a parser of RFC 5424."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import msgspec

from hub.model.event import Entry, Header

__all__ = ["GOLDEN", "Parsed", "PlayedReceiver", "golden_entry", "parse", "take_frames", "take_lines"]

_HEAD = re.compile(
    rb"<(0|[1-9]\d{0,2})>1 (\S+) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) "
    rb"([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) "
)
_TIME = re.compile(rb"-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_PARAM = re.compile(r' ([^= \]"]{1,32})="((?:[^"\\\]]|\\["\\\]]|\\(?!["\\\]]))*)"')
_LEN = re.compile(rb"([1-9]\d*) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A message taken apart as RFC 5424 section 6 has it."""

    facility: int
    severity: int
    timestamp: str
    hostname: str
    app_name: str
    procid: str
    msgid: str
    sd_id: str
    data: dict[str, str]
    msg: bytes


GOLDEN = Path(__file__).parents[1] / "golden"


def golden_entry(name: str, vendor: str = "mailguard") -> Entry:
    """A golden event as it would be recorded."""
    body = msgspec.json.decode((GOLDEN / vendor / f"{name}.out.json").read_bytes())
    meta = body["metadata"]
    header = Header(
        tenant=meta["tenant_uid"], source=meta["log_provider"], class_uid=body["class_uid"],
        code=meta["event_code"], severity=body["severity_id"], domain="customer.example",
        time_ms=body["time"], recorded_ms=meta["logged_time"],
    )  # fmt: skip
    return Entry(1, bytes.fromhex(meta["uid"]), header, msgspec.json.encode(body))


def parse(message: bytes) -> Parsed:
    """Raises `ValueError` for anything that RFC 5424 does not allow."""
    head = _HEAD.match(message)
    if head is None or int(head[1]) > 191 or not _TIME.fullmatch(head[2]):
        raise ValueError(f"no head of RFC 5424: {message[:120]!r}")
    sd_id, data, rest = _structured(message[head.end() :])
    if rest and not rest.startswith(b" "):
        raise ValueError("something follows the structured data without a space")
    return Parsed(
        facility=int(head[1]) // 8,
        severity=int(head[1]) % 8,
        timestamp=head[2].decode(),
        hostname=head[3].decode(),
        app_name=head[4].decode(),
        procid=head[5].decode(),
        msgid=head[6].decode(),
        sd_id=sd_id,
        data=data,
        msg=rest[1:],
    )


def _structured(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    if raw.startswith(b"-"):
        return "", {}, raw[1:]
    text = raw.decode("utf-8", "surrogateescape")
    name = re.match(r'\[([^= \]"]{1,32})', text)
    if name is None:
        raise ValueError(f"no SD-ID: {raw[:80]!r}")
    at, data = name.end(), {}
    while param := _PARAM.match(text, at):
        data[param[1]] = re.sub(r'\\(["\\\]])', r"\1", param[2])
        at = param.end()
    if text[at : at + 1] != "]":
        raise ValueError(f"structured data does not end: {text[at : at + 80]!r}")
    return name[1], data, text[at + 1 :].encode("utf-8", "surrogateescape")


def take_frames(buffer: bytearray) -> list[bytes]:
    """Whole octet-counted messages off the front. Raises `ValueError` for wrong framing."""
    taken = []
    while buffer:
        length = _LEN.match(buffer)
        if length is None:
            if len(buffer) > 10 or not re.fullmatch(rb"[1-9]\d*", buffer):
                raise ValueError(f"no length: {bytes(buffer[:40])!r}")
            break
        end = length.end() + int(length[1])
        if len(buffer) < end:
            break
        taken.append(bytes(buffer[length.end() : end]))
        del buffer[:end]
    return taken


def take_lines(buffer: bytearray) -> list[bytes]:
    """Whole lines off the front."""
    *lines, rest = bytes(buffer).split(b"\n")
    buffer[:] = rest
    return lines


class PlayedReceiver:
    """Listens on loopback. `how` says how it behaves from the next `start` on:

    `takes` (every message), `never reads`, `hangs` (no handshake either), `closes at once`,
    `closes on the first byte`, `answers` (a banner), `is down`.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        take: Callable[[bytearray], list[bytes]] = take_frames,
    ) -> None:
        self.tls = tls
        self.how = "takes"
        self.messages: list[bytes] = []
        self.complaints: list[str] = []
        self.connections = 0
        self.port = 0
        self._take = take
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen: on any free port at first, on the same one again later."""
        if self.how == "is down":
            return
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.how == "never reads":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("127.0.0.1", self.port))
        tls = None if self.how in ("hangs", "closes at once") else self.tls
        self._server = await asyncio.get_running_loop().create_server(lambda: _Peer(self), sock=sock, ssl=tls)
        self.port = sock.getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, drop every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for transport in list(self._open):
            transport.abort()
        await asyncio.sleep(0)

    async def become(self, how: str) -> None:
        """Behave so from now on; open connections are dropped."""
        await self.stop()
        self.how = how
        await self.start()

    def parsed(self) -> list[Parsed]:
        return [parse(message) for message in self.messages]


class _Peer(asyncio.Protocol):
    def __init__(self, receiver: PlayedReceiver) -> None:
        self._receiver = receiver
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        receiver = self._receiver
        receiver._open.add(transport)
        receiver.connections += 1
        match receiver.how:
            case "never reads" | "hangs":
                # Python 3.11.2 starts to read after this call, whatever it said
                asyncio.get_running_loop().call_soon(transport.pause_reading)
            case "closes at once":
                transport.abort()
            case "answers":
                transport.write(b"220 mail.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver.how == "closes on the first byte":
            assert self._transport is not None
            self._transport.close()
        elif receiver.how == "takes":
            self._buffer += data
            try:
                receiver.messages += receiver._take(self._buffer)
            except ValueError as error:
                receiver.complaints.append(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._receiver._open.discard(self._transport)
