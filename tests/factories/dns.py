"""A DNS server on loopback, over UDP and TCP: a zone in a dictionary, and trouble of every kind per name."""

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Self, cast

from dnslib import AAAA, CNAME, MX, NS, PTR, QTYPE, RCODE, RR, TXT, A, DNSHeader, DNSRecord

__all__ = ["DnsServer", "Mode", "dkim_record", "no_server"]

Mode = Literal["ok", "servfail", "nxdomain", "refused", "timeout", "garbage"]
Zone = Mapping[str, Mapping[str, Sequence[str]]]

_RCODES = {"servfail": RCODE.SERVFAIL, "nxdomain": RCODE.NXDOMAIN, "refused": RCODE.REFUSED}
_CLASSIC_UDP = 512
_MOST_LINKS = 30


class DnsServer:
    """`async with DnsServer({"example.com": {"MX": ["10 mx.example.net"], "TXT": ["v=spf1 -all"]}}) as dns`.

    `modes` overrules the zone for a name, or for all with `"*"`; zone and modes may change while it runs.
    CNAMEs are followed as a recursive server does. `asked` counts questions by (name, type).
    """

    def __init__(self, zone: Zone | None = None, *, modes: Mapping[str, Mode] | None = None) -> None:
        self.zone: dict[str, Mapping[str, Sequence[str]]] = dict(zone or {})
        self.modes: dict[str, Mode] = dict(modes or {})
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp = 0
        self.delay_s = 0.0
        self.under_way = 0
        self.most_under_way = 0
        self.ttl_s = 60
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """For `NameServers([dns.address])`."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, data: bytes, *, limit: int | None) -> bytes | None:
        """The answer's bytes; `None` for none. Over UDP what exceeds the client's limit is cut, with TC."""
        request = DNSRecord.parse(data)
        name = str(request.q.qname).lower().rstrip(".")
        kind = QTYPE[request.q.qtype]
        self.asked[name, kind] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.delay_s)
        self.under_way -= 1
        reply = self._reply(request, name, kind)
        if reply is None:
            return None
        packed = bytes(reply.pack()) if isinstance(reply, DNSRecord) else reply
        room = max(_CLASSIC_UDP, *(extra.rclass for extra in request.ar)) if request.ar else _CLASSIC_UDP
        if limit is not None and len(packed) > room:
            header = DNSHeader(id=request.header.id, qr=1, tc=1, ra=1, rd=1)
            return bytes(DNSRecord(header, q=request.q).pack())
        return packed

    def _reply(self, request: DNSRecord, name: str, kind: str) -> DNSRecord | bytes | None:
        mode = self.modes.get(name, self.modes.get("*", "ok"))
        reply = request.reply()
        if mode == "timeout":
            return None
        if mode == "garbage":
            return struct.pack("!H", request.header.id) + b"\xff" * 9
        if mode != "ok":
            reply.header.rcode = _RCODES[mode]
            return reply
        self._fill(reply, name, kind)
        return reply

    def _fill(self, reply: DNSRecord, name: str, kind: str) -> None:
        for _ in range(_MOST_LINKS):
            records = self.zone.get(name)
            if records is None:
                reply.header.rcode = RCODE.NXDOMAIN
                return
            for value in records.get(kind, ()):
                reply.add_answer(self._record(name, kind, value))
            aliases = records.get("CNAME", ())
            if kind == "CNAME" or not aliases:
                return
            reply.add_answer(self._record(name, "CNAME", aliases[0]))
            name = aliases[0].lower().rstrip(".")

    def _record(self, name: str, kind: str, value: str) -> RR:
        made = {"A": A, "AAAA": AAAA, "NS": NS, "PTR": PTR, "CNAME": CNAME, "TXT": _txt, "MX": _mx}
        return RR(name, getattr(QTYPE, kind), ttl=self.ttl_s, rdata=made[kind](value))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while True:
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                self.over_tcp += 1
                answer = await self.answer(await reader.readexactly(size), limit=None)
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr) -> None:
        self._server.start(self._serve(data, addr))

    async def _serve(self, data: bytes, addr) -> None:
        answer = await self._server.answer(data, limit=_CLASSIC_UDP)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _txt(value: str) -> TXT:
    raw = value.encode()
    return TXT([raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""])


def _mx(value: str) -> MX:
    priority, host = value.split(" ")
    return MX(host, int(priority))


def no_server() -> str:
    """An address where nobody answers: a port that was free a moment ago."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def dkim_record(bits: int = 2048) -> str:
    """A key record with a new RSA key."""
    import base64

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
