"""The connector: outcomes, reasons, standard output, limits, and what a hanging disk does."""

import asyncio
import errno
import os
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from connectors.file import SPEC, FileOptions
from connectors.file.reason import reason_of
from connectors.file.stream import Stream
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered
from hub.sdk.connector import Context, DestinationFailed
from tests.factories.events import make_entry

CONTEXT = Context(name="lines", deadline_s=5.0)


async def send(options, batch, context=CONTEXT):
    async with SPEC.make(FileOptions(**options), context) as connector:
        return await connector.send(batch)


def written(path: Path) -> list[str]:
    return [msgspec.json.decode(line)["metadata"]["uid"] for line in path.read_bytes().splitlines()]


async def test_every_event_is_one_line(tmp_path):
    batch = [make_entry(n) for n in range(5)]

    outcomes = await send({"path": str(tmp_path / "f")}, batch)

    assert outcomes == [Delivered()] * 5
    assert written(tmp_path / "f") == [uid_text(entry.uid) for entry in batch]


async def test_a_body_with_line_ends_is_one_line_too(tmp_path):
    body = b'{\r\n  "a": "b\\n",\n  "metadata": {"uid": "x"}\n}\n'

    await send({"path": str(tmp_path / "f")}, [make_entry(1, body=body)])

    lines = (tmp_path / "f").read_bytes().splitlines()
    assert len(lines) == 1
    assert msgspec.json.decode(lines[0]) == msgspec.json.decode(body)


async def test_standard_output_is_the_default(capfdbinary):
    assert await send({}, [make_entry(1)]) == [Delivered()]

    assert capfdbinary.readouterr().out == make_entry(1).body + b"\n"


async def test_a_pipe_nobody_reads_blocks_and_says_so(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    (outcome,) = await send({"path": str(tmp_path / "pipe")}, [make_entry(1)])

    assert isinstance(outcome, Blocked)
    assert "nobody reads" in outcome.reason


async def test_a_named_pipe_gets_every_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    batch = [make_entry(n) for n in range(200)]  # more than a pipe holds
    got = bytearray()

    def read():
        os.set_blocking(reader, True)
        while part := os.read(reader, 65536):
            got.extend(part)

    thread = threading.Thread(target=read)
    async with SPEC.make(FileOptions(path=str(tmp_path / "pipe")), CONTEXT) as connector:
        first = await connector.send(batch[:1])
        thread.start()
        rest = await connector.send(batch[1:])
    thread.join()
    os.close(reader)

    assert {*first, *rest} == {Delivered()}
    assert bytes(got) == b"".join(entry.body + b"\n" for entry in batch)


def test_after_a_line_broke_off_the_next_begins_on_a_line_of_its_own(tmp_path, monkeypatch):
    real, calls = os.write, []

    def breaks_off_once(fd, view):
        calls.append(len(view))
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return real(fd, view[:2] if len(calls) == 1 else view)

    with (tmp_path / "f").open("wb") as file:
        stream = Stream("-")
        stream._fd = file.fileno()
        monkeypatch.setattr("connectors.file.stream.os.write", breaks_off_once)
        with pytest.raises(OSError, match="Input/output"):
            stream.append(b"{1}\n")
        stream.append(b"{2}\n")
        stream.append(b"{3}\n")

    assert (tmp_path / "f").read_bytes() == b"{1\n{2}\n{3}\n"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (errno.ENOSPC, "disk is full; free space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may not write it; give it rights"),
        (errno.EPERM, "may not write it; give it rights"),
        (errno.EROFS, "read-only"),
        (errno.ENOENT, "directory does not exist; create it"),
        (errno.EISDIR, "is a directory"),
        (errno.EFBIG, "ulimit"),
        (errno.EPIPE, "nobody reads"),
        (errno.EIO, "Input/output error"),
    ],
)
async def test_trouble_blocks_with_what_to_do(tmp_path, monkeypatch, error, says):
    def fails(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("connectors.file.appender._write_all", fails)

    outcomes = await send({"path": str(tmp_path / "f")}, [make_entry(1), make_entry(2)])

    assert {type(outcome) for outcome in outcomes} == {Blocked}
    assert says in outcomes[0].reason
    assert str(tmp_path / "f") in outcomes[0].reason


async def test_a_missing_directory_blocks(tmp_path):
    (outcome,) = await send({"path": str(tmp_path / "none" / "f")}, [make_entry(1)])

    assert outcome == Blocked(f"{tmp_path / 'none' / 'f'}: its directory does not exist; create it")


async def test_a_directory_blocks(tmp_path):
    (outcome,) = await send({"path": str(tmp_path)}, [make_entry(1)])

    assert isinstance(outcome, Blocked)
    assert "write the name of a file" in outcome.reason


@pytest.fixture
def foreign_file():
    """A file that this process may not write, whoever runs the tests: root becomes nobody meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        path.touch(mode=0o400)
        Path(folder).chmod(0o755)
        mine = os.geteuid()
        if mine == 0:
            os.seteuid(65534)
        yield path
        os.seteuid(mine)


async def test_a_file_without_rights_blocks(foreign_file):
    (outcome,) = await send({"path": str(foreign_file)}, [make_entry(1)])

    assert isinstance(outcome, Blocked)
    assert "may not write it" in outcome.reason


async def test_a_full_disk_blocks_and_goes_on_once_there_is_space():
    """/dev/full is a device that is always full."""
    (outcome,) = await send({"path": "/dev/full"}, [make_entry(1)])

    assert isinstance(outcome, Blocked)
    assert "disk is full" in outcome.reason


async def test_a_hanging_disk_blocks_within_the_deadline_and_recovers(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("connectors.file.appender._sync", lambda _: release.wait(10))
    path = tmp_path / "f"
    async with SPEC.make(FileOptions(path=str(path)), Context(name="x", deadline_s=0.2)) as connector:
        first = await connector.send([make_entry(1)])
        second = await connector.send([make_entry(2)])
        release.set()
        third = await connector.send([make_entry(2)])

    assert "hanging" in first[0].reason
    assert isinstance(second[0], Blocked)
    assert third == [Delivered()]
    assert written(path) == [uid_text(make_entry(n).uid) for n in (1, 2)]


async def test_a_cancelled_send_leaves_whole_lines(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("connectors.file.appender._sync", lambda _: release.wait(10))
    async with SPEC.make(FileOptions(path=str(tmp_path / "f")), CONTEXT) as connector:
        task = asyncio.create_task(connector.send([make_entry(1)]))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        assert await connector.send([make_entry(2)]) == [Delivered()]

    assert len(written(tmp_path / "f")) == 2


@pytest.mark.parametrize(
    "options", [{"keep": 0}, {"rotate_bytes": 1}, {"rotate_hours": 0}, {"path": ""}, {"nonsense": 1}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValidationError):
        FileOptions(**options)


def test_sizes_are_written_with_units():
    assert FileOptions(rotate_bytes="1 MiB").rotate_bytes == 1024 * 1024


async def test_the_probe_looks_and_writes_nothing(tmp_path):
    said = await SPEC.probe(FileOptions(path=str(tmp_path / "f")), CONTEXT)

    assert said == f"{tmp_path / 'f'}, 0 bytes"
    assert list(tmp_path.iterdir()) == []
    assert await SPEC.probe(FileOptions(), CONTEXT) == "standard output"


@pytest.mark.parametrize(("name", "says"), [("none/f", "create it"), (".", "may not write")])
async def test_the_probe_says_what_is_wrong(tmp_path, name, says):
    with pytest.raises(DestinationFailed, match=says):
        await SPEC.probe(FileOptions(path=str(tmp_path / name)), CONTEXT)


def test_a_reason_without_a_number_is_still_a_reason():
    assert reason_of(BlockingIOError("moved away faster than it can be opened"), "-").endswith("opened")
