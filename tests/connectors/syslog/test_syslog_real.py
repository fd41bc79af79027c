"""Against the real rsyslog and the real syslog-ng."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from connectors.syslog import SPEC, SyslogOptions
from connectors.syslog.message import Messages
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered
from hub.sdk.connector import Context
from hub.sdk.testing import TestCa
from tests.factories.events import make_entry
from tests.factories.syslog import parse
from tests.servers.syslog import Rsyslog, SyslogNg

WIRES = ("udp", "tcp", "lf", "tls")
pytestmark = pytest.mark.timeout(180)
HOSTILE = '\x00\x07\x1b[31m\r\nBcc: a|b=c\\d "e" ]f[ %s $MSG \x7f\u0085\u2028 \u202egnp.exe \ufeff\U0001f600'


@pytest.fixture
def wire(syslog_server, connect):
    """`wire("tls")`: a connector over that transport and framing, and the options that it has."""

    def named(name, **more):
        options = {"transport": "tcp" if name == "lf" else name, "settle_ms": 500, **more}
        if name == "lf":
            options["framing"] = "lf"
        if name == "tls":
            client = syslog_server.ca.issue("client")
            files = {"ca": syslog_server.ca.file, "client_cert": client.cert, "client_key": client.key}
            options = {**files, **options}
        return options

    def open_one(name, **more):
        return connect(getattr(syslog_server.ports, name), **named(name, **more))

    open_one.named = named
    return open_one


def ids(batch):
    return [uid_text(entry.uid) for entry in batch]


async def received(server, count):
    """At least so many messages, once they are there."""
    async with asyncio.timeout(60):
        while len(found := server.received()) < count:
            await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize("name", WIRES)
async def test_json_arrives_byte_for_byte_in_order_with_its_id(syslog_server, wire, name):
    batch = [make_entry(n, raw_data=True, subject=HOSTILE if n == 3 else None) for n in range(30)]
    async with wire(name, max_message_bytes=32_768) as connector:
        assert set(await connector.send(batch)) == {Delivered()}
        found = await received(syslog_server, 30)

    assert [each["sd"]["id"] for each in found] == ids(batch)
    bodies = [entry.body.replace(b"\x7f", b"\\u007f").decode() for entry in batch]
    assert [each["msg"] for each in found] == bodies
    header = batch[3].header
    assert found[3]["sd"] == {
        "id": ids(batch)[3], "tenant": header.tenant, "source": header.source, "code": header.code,
    }  # fmt: skip
    assert {(each["app"], each["msgid"]) for each in found} == {("mxhub", e.header.code) for e in batch}


@pytest.mark.parametrize("name", WIRES)
async def test_cef_arrives_byte_for_byte(syslog_server, wire, name):
    batch = [make_entry(n, subject=HOSTILE if n == 3 else None) for n in range(20)]
    options = wire.named(name, format="cef")
    made = Messages(SyslogOptions.model_validate({"host": "h", **options}))
    async with wire(name, format="cef") as connector:
        assert set(await connector.send(batch)) == {Delivered()}
        found = await received(syslog_server, 20)

    assert [each["msg"] for each in found] == [parse(made.of(entry)).msg.decode() for entry in batch]
    assert [each["sd"]["id"] for each in found] == ids(batch)


async def test_structured_data_survives_what_must_be_escaped(syslog_server, wire):
    odd = 'a"b\\c]d [e=f\\n'
    async with wire("tls") as connector:
        await connector.send([make_entry(1, tenant=odd, source="söurce", code=odd)])
        (found,) = await received(syslog_server, 1)

    assert found["sd"]["tenant"] == odd
    assert found["sd"]["source"] == "söurce"
    assert found["sd"]["code"] == odd


@pytest.mark.parametrize("name", WIRES)
async def test_an_event_over_the_limit_arrives_as_one_shortened_message(syslog_server, wire, name):
    batch = [make_entry(1), make_entry(2, raw_data=True, subject="ü" * 200_000), make_entry(3)]
    async with wire(name) as connector:
        assert set(await connector.send(batch)) == {Delivered()}
        found = await received(syslog_server, 3)

    assert [each["sd"]["id"] for each in found] == ids(batch)
    event = msgspec.json.decode(found[1]["msg"])
    assert event["metadata"]["is_truncated"] is True
    assert event["metadata"]["untruncated_size"] == len(batch[1].body)
    assert event["metadata"]["uid"] == ids(batch)[1]


async def test_the_longest_message_that_the_receiver_takes_arrives_whole(syslog_server, wire):
    entry = make_entry(1, subject="x" * 60_000)
    async with wire("tls", max_message_bytes=65_536) as connector:
        await connector.send([entry])
        (found,) = await received(syslog_server, 1)

    assert found["msg"].encode() == entry.body


async def test_a_byte_order_mark_is_sent_where_asked_for(syslog_server, wire):
    async with wire("tcp", bom=True) as connector:
        await connector.send([make_entry(1)])
        (found,) = await received(syslog_server, 1)

    assert found["msg"].startswith("\ufeff") == (syslog_server.name == "rsyslog"), "syslog-ng takes it off"
    assert found["msg"].removeprefix("\ufeff").encode() == make_entry(1).body


async def test_facility_and_severity_arrive(syslog_server, wire):
    batch = [make_entry(1, severity=4), make_entry(2, severity=1, class_uid=3002)]
    async with wire("tcp", auth_facility="authpriv") as connector:
        await connector.send(batch)
        found = await received(syslog_server, 2)

    assert [each["pri"] for each in found] == [16 * 8 + 3, 10 * 8 + 6]


async def test_a_full_batch_arrives_whole_over_tls(syslog_server, wire):
    batch = [make_entry(n) for n in range(SPEC.batch_events)]
    async with wire("tls") as connector:
        assert set(await connector.send(batch)) == {Delivered()}
        found = await received(syslog_server, len(batch))

    assert [each["sd"]["id"] for each in found] == ids(batch)


# -- refusals ------------------------------------------------------------------------------------------------
async def test_a_missing_client_certificate_is_blocked_and_nothing_arrives(syslog_server, wire):
    async with wire("tls", client_cert=None, client_key=None) as connector:
        outcomes = await connector.send([make_entry(1)])

    assert [type(each) for each in outcomes] == [Blocked]
    assert "client certificate" in outcomes[0].reason
    assert syslog_server.received() == []


async def test_a_client_certificate_of_a_stranger_is_blocked(syslog_server, wire, tmp_path):
    stranger = TestCa(tmp_path).issue("client")
    async with wire("tls", client_cert=stranger.cert, client_key=stranger.key) as connector:
        (outcome,) = await connector.send([make_entry(1)])

    assert isinstance(outcome, Blocked)
    assert "does not accept our client certificate" in outcome.reason
    assert syslog_server.received() == []


async def test_a_receiver_of_another_ca_is_blocked(wire, tmp_path):
    async with wire("tls", ca=TestCa(tmp_path).file) as connector:
        (outcome,) = await connector.send([make_entry(1)])

    assert "the certificate is not accepted" in outcome.reason


async def test_a_probe_says_what_was_agreed_on_and_writes_nothing(syslog_server, wire):
    options = {"host": "127.0.0.1", "port": syslog_server.ports.tls, **wire.named("tls")}
    context = Context(name="probe", deadline_s=20, allow_networks=("127.0.0.0/8",))

    said = await SPEC.probe(SyslogOptions.model_validate(options), context)

    assert "accepts connections, TLSv1." in said
    assert said.endswith("with our client certificate")
    assert syslog_server.received() == []


# -- outages -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["tcp", "tls"])
async def test_a_receiver_killed_in_mid_stream_gets_every_event_at_least_once(syslog_server, wire, name):
    batches = [[make_entry(n) for n in range(at, at + 40)] for at in range(0, 240, 40)]
    blocked = 0
    async with wire(name, settle_ms=1000) as connector:
        for number, batch in enumerate(batches):
            sending = asyncio.create_task(connector.send(batch))
            if number in (1, 4):
                await asyncio.sleep(0.02 * number)
                await asyncio.to_thread(syslog_server.kill)
            while (outcomes := set(await sending)) != {Delivered()}:
                assert {type(each) for each in outcomes} == {Blocked}
                blocked += 1
                if syslog_server.process is None:
                    await asyncio.to_thread(syslog_server.start)
                sending = asyncio.create_task(connector.send(batch))

    wanted = [uid for batch in batches for uid in ids(batch)]
    held = Counter(each["sd"]["id"] for each in await received(syslog_server, 240))
    assert set(held) == set(wanted)
    assert blocked >= 2


# -- the page ------------------------------------------------------------------------------------------------
class ByPage:
    """A receiver set up as our page says, but for files and ports."""

    def __init__(self) -> None:
        super().__init__()
        self.client = self.ca.issue("mxhub.example.org")

    def awaited(self):
        return (self.ports.tls,)

    def config(self):
        page = (Path(__file__).parents[3] / "docs" / "connectors" / "syslog.md").read_text()
        text = next(block for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) if self.sign in block)
        text = re.sub(r"/etc/[\w./-]+/(ca|server)\.(pem|key)", rf"{self.folder}/\1.\2", text)
        text = text.replace("/var/log/mxhub.ndjson", str(self.out)).replace("0.0.0.0", "127.0.0.1")
        text = text.replace('port="6514"', f'address="127.0.0.1" port="{self.ports.tls}"')
        return self.begins + text.replace("port(6514)", f"port({self.ports.tls})")

    def lines(self):
        return self.out.read_bytes().splitlines() if self.out.exists() else []


class RsyslogByPage(ByPage, Rsyslog):
    sign, begins = "imtcp", ""


class SyslogNgByPage(ByPage, SyslogNg):
    sign, begins = "s_mxhub", "@version: 3.38\n"


@pytest.mark.integration
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(RsyslogByPage, id="rsyslog", marks=pytest.mark.server("rsyslog")),
        pytest.param(SyslogNgByPage, id="syslog-ng", marks=pytest.mark.server("syslog-ng")),
    ],
)
async def test_a_receiver_set_up_as_the_page_says_gets_the_events(kind, connect):
    batch = [make_entry(n, raw_data=True) for n in range(3)]
    server = kind()
    try:
        await asyncio.to_thread(server.start)
        files = {"ca": server.ca.file, "client_cert": server.client.cert, "client_key": server.client.key}
        async with connect(server.ports.tls, transport="tls", max_message_bytes=65_536, **files) as connector:
            assert set(await connector.send(batch)) == {Delivered()}
            async with asyncio.timeout(60):
                while len(server.lines()) < 3:
                    await asyncio.sleep(0.05)

        assert server.lines() == [entry.body for entry in batch]
    finally:
        await asyncio.to_thread(server.stop)
