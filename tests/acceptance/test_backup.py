"""Back-up, restore and what comes after, through the installed command."""

import json
import subprocess
import threading
from collections import Counter
from contextlib import closing
from signal import SIGINT

import orjson
import pytest
import redis

from hub.archive.sqlite import SqliteArchive
from hub.store.embedded.server import running_socket
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import MXHUB, HubProcess, clean_environment, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey"), pytest.mark.timeout(240)]

CONFIG = f"""
data: .mxhub
tenant: acme
log: {{disk_reserve_mb: 1}}
archive: {{roll_events: 1000}}
sources:
  hook: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-hex}}
connectors:
  all: {{kind: file, path: all.ndjson}}
  later: {{kind: file, path: "missing/later.ndjson", probe_most_s: 0.2}}
"""


def post(hub, n):
    body = good(n)
    return hub.post("/in/hook", body, **{name: value.decode() for name, value in signed("hex", body)})


class Producers:
    """Vendors that go on posting; know what was acknowledged when."""

    def __init__(self, hub, threads=3):
        self.hub = hub
        self.acked = {}
        """uid -> its number."""
        self.sent = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self):
        while not self._stop.is_set():
            with self._lock:
                self.sent += 1
                n = self.sent
            status, said = post(self.hub, n)
            if status == 202:
                self.acked[said["ids"][0]] = n

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def delivered(folder, name):
    path = folder / name
    raw = path.read_bytes().splitlines() if path.exists() else []
    found = [orjson.loads(line)["metadata"] for line in raw]
    return Counter(one["uid"] for one in found if one["log_provider"] != "mxhub")


def archived(hub):
    done = mxhub(
        "events", "--source", "hook", "--limit", "0", "--json", "--data", str(hub.data), cwd=hub.folder
    )
    return Counter(json.loads(line)["metadata"]["uid"] for line in done.stdout.splitlines())


def slow_saves(hub, us):
    """The log's server takes so long for each of its keys."""
    with redis.Redis(unix_socket_path=str(running_socket(hub.data))) as client:
        client.config_set("rdb-key-save-delay", us)


def leftovers(hub):
    return [
        path.name
        for pattern in ("backup", "valkey/*.rdb")
        for path in hub.data.glob(pattern)
    ]  # fmt: skip


def restored(folder, name, file):
    """A folder of its own with the configuration, and the back-up restored into it."""
    other = folder / name
    other.mkdir()
    done = mxhub("restore", str(file), "--data", str(other / ".mxhub"), cwd=other)
    assert done.returncode == 0, done.stderr
    return other


def test_backups_under_load_restore_elsewhere_with_everything_acknowledged_before(folder):
    taken = {}
    with HubProcess(folder, config=CONFIG) as hub:
        slow_saves(hub, 20_000)
        with Producers(hub) as producers:
            for number in (1, 2):
                reached = number * 700
                until(lambda reached=reached: len(producers.acked) > reached, 60)
                before = set(producers.acked)
                done = mxhub("backup", f"{number}.tar", "--json", cwd=folder, timeout_s=120)
                assert done.returncode == 0, done.stderr
                taken[number] = (before, json.loads(done.stdout))
                assert len(producers.acked) > len(before)  # it went on meanwhile
        assert leftovers(hub) == []
        assert (folder / "1.tar").stat().st_mode & 0o777 == 0o600
    first = delivered(folder, "all.ndjson")
    for number, (before, said) in taken.items():
        other = restored(folder, f"restored{number}", folder / f"{number}.tar")
        found = check_restored(other, before, producers.acked, first)

        assert len(before) <= said["seq"] <= found + 5
        with closing(SqliteArchive(other / ".mxhub" / "archive", read_only=True)) as archive:
            assert {check.problem for check in archive.verify_chain()} == {None}


def check_restored(other, before, acked, first):
    """A hub on a restored directory has and owes what it should, and goes on; how many events it has."""
    with HubProcess(other, config=CONFIG) as hub:
        until(lambda: before <= archived(hub).keys(), 30)
        found = archived(hub)
        again = [post(hub, acked[uid])[1] for uid in sorted(before)[:5]]
        fresh = post(hub, 10**6)[1]["ids"]
        (other / "missing").mkdir()
        until(lambda: found.keys() | set(fresh) <= delivered(other, "missing/later.ndjson").keys(), 60)
        books = hub.ask("books")
        second = delivered(other, "all.ndjson")

    assert found.keys() <= acked.keys()
    assert set(found.values()) == {1}
    assert [(one["accepted"], one["duplicate"]) for one in again] == [(0, 1)] * len(again)
    assert {row["connector"]: row["parked"] + row["dropped"] for row in books} == {"all": 0, "later": 0}
    assert before <= first.keys() | second.keys()
    assert second.keys() <= acked.keys() | set(fresh)
    return len(found)


def test_a_back_up_that_is_interrupted_leaves_nothing(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        post(hub, 1)
        slow_saves(hub, 100_000_000)
        command = [MXHUB, "backup", "a.tar"]
        process = subprocess.Popen(command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE)
        until(lambda: (folder / "a.tar.part").exists() and (folder / "a.tar.part").stat().st_size > 0)
        process.send_signal(SIGINT)
        _, said = process.communicate(timeout=20)
        slow_saves(hub, 0)
        until(lambda: leftovers(hub) == [], 60)
        second = mxhub("backup", "b.tar", cwd=folder)

        assert (process.returncode, second.returncode, second.stderr) == (1, 0, "")
        assert b"Traceback" not in said
        assert sorted(path.name for path in folder.glob("*.tar*")) == ["b.tar"]
        assert leftovers(hub) == []


def test_a_hub_that_is_killed_meanwhile_is_told_and_clears_up_at_its_next_start(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        post(hub, 1)
        slow_saves(hub, 100_000_000)
        command = [MXHUB, "backup", "a.tar"]
        process = subprocess.Popen(command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE)
        until(lambda: (folder / "a.tar.part").exists() and (folder / "a.tar.part").stat().st_size > 0)
        hub.kill()
        _, said = process.communicate(timeout=20)

        assert process.returncode == 3
        assert b"broke off" in said
        assert list(folder.glob("*.tar*")) == []
    with HubProcess(folder, config=CONFIG) as hub:
        assert leftovers(hub) == []
        assert mxhub("backup", "a.tar", cwd=folder).returncode == 0


def test_files_that_do_not_hold_are_refused_with_1_and_nothing_is_written(folder):
    with HubProcess(folder, config=CONFIG) as hub:
        for n in range(20):
            post(hub, n)
        assert mxhub("backup", "a.tar", cwd=folder).returncode == 0
        again = mxhub("backup", "a.tar", cwd=folder)
        running = mxhub("restore", "a.tar", cwd=folder)
    whole = (folder / "a.tar").read_bytes()
    (folder / "cut.tar").write_bytes(whole[:-5000])
    (folder / "flipped.tar").write_bytes(whole[:30_000] + bytes([whole[30_000] ^ 1]) + whole[30_001:])
    cut = mxhub("restore", "cut.tar", "--data", "new", cwd=folder)
    flipped = mxhub("restore", "flipped.tar", "--check", cwd=folder)
    checked = mxhub("restore", "a.tar", "--check", cwd=folder)
    missing = mxhub("restore", "none.tar", "--data", "new", cwd=folder)
    full = mxhub("restore", "a.tar", cwd=folder)

    assert (again.returncode, "--force" in again.stderr) == (2, True)
    assert (running.returncode, "a hub is running" in running.stderr) == (1, True)
    assert (cut.returncode, "cut short" in cut.stderr) == (1, True)
    assert (flipped.returncode, "not as it was written" in flipped.stderr) == (1, True)
    assert (checked.returncode, checked.stdout.startswith("whole: ")) == (0, True)
    assert (missing.returncode, "none.tar" in missing.stderr) == (2, True)
    assert (full.returncode, "is not empty" in full.stderr) == (1, True)
    assert not (folder / "new").exists()


def test_without_a_running_hub_it_says_so_with_3(folder):
    done = mxhub("backup", "a.tar", cwd=folder)

    assert done.returncode == 3
    assert "No hub is running" in done.stderr
    assert list(folder.iterdir()) == []


def test_a_demo_moves_with_its_sandbox_and_goes_on(folder):
    with HubProcess(folder) as hub:
        until(lambda: len(_ids(hub)) > 15)
        held = hub.data / "demo" / "sandbox" / "quarantine"
        until(lambda: list(held.rglob("*.eml")))
        assert mxhub("backup", "a.tar", cwd=folder).returncode == 0
        before = _ids(hub)
    other = restored(folder, "other", folder / "a.tar")
    assert list((other / ".mxhub" / "demo" / "sandbox" / "quarantine").rglob("*.eml"))
    with HubProcess(other) as hub:
        after = until(lambda: found if len(found := _ids(hub)) > 30 else None, 40)

        assert len(set(after) & set(before)) > 15
        assert len(set(after)) == len(after)
        assert mxhub("books", cwd=other).returncode == 0


def _ids(hub):
    done = mxhub("events", "--limit", "0", "--json", "--data", str(hub.data), cwd=hub.folder)
    return [json.loads(line)["metadata"]["uid"] for line in done.stdout.splitlines()]
