"""A connector moves: added from the beginning, renamed, paused, taken out with events waiting, forgotten. By
the command line and SIGHUP, against a running hub; the books are true at every step.
"""

from collections import Counter
from signal import SIGHUP

import orjson
import pytest

from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.process import HubProcess, mxhub, until

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

HEAD = f"""
data: .mxhub
sources:
  hook: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-hex}}
connectors:
"""
ALL = "  all: {kind: file, path: all.ndjson}\n"


class Moving:
    """A hub whose configuration changes while it runs."""

    def __init__(self, hub):
        self.hub = hub
        self.reloads = 0
        self.sent = []

    def configure(self, *connectors):
        self.hub.config.write_text(HEAD + "".join(connectors))
        self.hub.send(SIGHUP)
        self.reloads += 1
        until(lambda: self.hub.said().count("hub.config.reloaded") >= self.reloads)

    def send(self, *numbers):
        found = []
        for n in numbers:
            body = good(n)
            status, said = self.hub.post("/in/hook", body, **{k: v.decode() for k, v in signed("hex", body)})
            assert status == 202
            found += said["ids"]
        self.sent += found
        until(lambda: written(self.hub.folder / "all.ndjson") == Counter(self.sent))  # so it is routed too
        return found

    def book(self, name):
        """Exit 0 = all balance."""
        return next((row for row in self.hub.ask("books") if row["connector"] == name), None)

    def connectors(self, *arguments):
        done = mxhub("connectors", *arguments, "--data", str(self.hub.data), cwd=self.hub.folder)
        assert done.returncode == 0, done.stderr
        return self.book("all")

    def state(self, name):
        return next((row["state"] for row in self.hub.ask("connectors") if row["connector"] == name), None)


def written(path):
    raw = path.read_bytes().splitlines() if path.exists() else []
    found = [orjson.loads(line)["metadata"] for line in raw]
    return Counter(one["uid"] for one in found if one["log_provider"] != "mxhub")


@pytest.mark.timeout(180)
def test_books_stay_true_while_a_connector_moves(folder):
    with HubProcess(folder, config=HEAD + ALL) as hub:
        moving = Moving(hub)
        ids = moving.send(*range(10))

        # added from the beginning: what was before comes by a row of its own
        new = "  siem: {kind: file, path: siem.ndjson, from: beginning}\n"
        moving.configure(ALL, new)
        ids += moving.send(10)
        until(lambda: written(folder / "siem.ndjson") == Counter(ids), 40)
        backfill = next(row for row in hub.ask("books") if row["connector"].startswith("siem@"))
        assert (backfill["delivered"], backfill["recorded"]) == (10, 10)

        # paused: its queue waits, and is delivered after
        moving.connectors("pause", "siem")
        waiting = moving.send(11, 12)
        assert moving.book("siem")["pending"] == 2
        assert moving.state("siem") == "paused"

        # renamed with events waiting, its backfill's row with it; nothing is sent twice
        moving.connectors("rename", "siem", "lake")
        moving.configure(ALL, new.replace("siem:", "lake:"))
        assert moving.book("siem") is None
        assert moving.book("lake")["pending"] == 2
        job = backfill["connector"].partition("@")[2]
        assert {row["connector"] for row in hub.ask("books")} == {"all", "lake", f"lake@{job}"}
        moving.connectors("resume", "lake")
        until(lambda: written(folder / "siem.ndjson") == Counter(ids + waiting))

        # taken out with events waiting: orphaned, kept, and delivered when it comes back
        moving.connectors("pause", "lake")
        waiting += moving.send(13)
        assert moving.book("lake")["pending"] == 1
        moving.configure(ALL)
        moving.send(14)
        moving.connectors("resume", "lake")
        until(lambda: moving.state("lake") == "orphaned")
        assert moving.book("lake")["pending"] == 1
        moving.configure(ALL, new.replace("siem:", "lake:"))
        until(lambda: written(folder / "siem.ndjson") == Counter(ids + waiting))

        # forgotten with events waiting: gone with its books, the others as they were
        moving.connectors("pause", "lake")
        moving.send(15)
        assert moving.book("lake")["pending"] == 1
        moving.configure(ALL)
        moving.connectors("forget", "lake")
        assert {row["connector"] for row in hub.ask("books")} == {"all"}

        # and added anew under that name, it begins at the beginning once more
        (folder / "siem.ndjson").unlink()
        moving.configure(ALL, new.replace("siem:", "lake:"))
        until(lambda: len(written(folder / "siem.ndjson")) == 16, 40)
        assert hub.ask("books")
