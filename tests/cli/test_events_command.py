from types import SimpleNamespace

import orjson
import pytest

from hub.cli import events as module
from tests.factories.api import make_services
from tests.factories.events import make_entry

NEWEST_FIRST = sorted((make_entry(seq).header.time_ms for seq in range(1, 31)), reverse=True)


def objects(result):
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def test_json_is_one_ocsf_object_a_line_newest_first(hub):
    result = hub.run("events", "--json")

    assert result.exit_code == 0
    assert [one["time"] for one in objects(result)] == NEWEST_FIRST


def test_limit_pages_by_itself(start_hub):
    hub = start_hub(make_services(events=1203))
    some = hub.run("events", "--json", "--limit", "1100")
    everything = hub.run("events", "--json", "--limit", "0")

    assert len(objects(some)) == 1100
    assert len(objects(everything)) == 1203


def test_every_filter_is_a_flag(hub):
    found = objects(
        hub.run("events", "--json", "--code", "quarantine.added", "--code", "quarantine.released")
    )
    none = hub.run(
        "events", "--json", "--since", "2h", "--until", "now", "--tenant", "nobody", "--class", "4009"
    )

    assert {one["metadata"]["event_code"] for one in found} == {"quarantine.added", "quarantine.released"}
    assert none.exit_code == 0
    assert none.stdout == ""


def test_the_table_shows_an_event_a_line(hub):
    result = hub.run("events", "--limit", "3")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 4
    assert make_entry(1).uid.hex() in hub.run("events").stdout


def test_hostile_text_cannot_reach_the_terminal(start_hub):
    services = make_services(events=0)
    services.archive.stored.append(make_entry(1, subject="\x1b]0;owned\x07\u202egpj.exe"))
    hub = start_hub(services)

    for arguments in (("events",), ("event", make_entry(1).uid.hex()), ("trail", make_message())):
        shown = hub.run(*arguments).stdout
        assert "owned" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def make_message():
    return orjson.loads(make_entry(1, subject="x").body)["email"]["message_uid"]


def test_a_time_that_is_none_is_a_usage_error(hub):
    result = hub.run("events", "--since", "someday")

    assert result.exit_code == 2
    assert "someday" in result.stderr


def test_what_the_hub_refuses_is_a_usage_error(hub):
    result = hub.run("events", "--severity", "awful")

    assert result.exit_code == 2
    assert "severity" in result.stderr


def test_follow_is_oldest_first_and_ends_quietly(hub, monkeypatch):
    real, calls = module.Client.get, []

    def get(self, path, params=None):
        calls.append(dict(params))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, path, params)

    monkeypatch.setattr(module.Client, "get", get)
    result = hub.run("events", "--follow", "--json", "--limit", "5")

    assert result.exit_code == 0
    assert [one["metadata"]["uid"] for one in objects(result)] == [
        make_entry(seq).uid.hex() for seq in range(26, 31)
    ]
    assert calls[1]["after"] == "30"


def test_follow_waits_for_a_hub_that_restarts(hub, monkeypatch):
    real, calls = module.Client.get, []

    def get(self, path, params=None):
        calls.append(dict(params))
        if len(calls) == 2:
            raise module.Unreachable("gone")
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, path, params)

    monkeypatch.setattr(module.Client, "get", get)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: None))
    result = hub.run("events", "--follow", "--json")

    assert result.exit_code == 0
    assert calls[1] == calls[2]


def test_an_event_is_shown_with_payload_and_fates(hub):
    uid = make_entry(1).uid.hex()
    shown = hub.run("event", uid)
    said = orjson.loads(hub.run("event", uid, "--json").stdout)

    assert "parked: mapping refused" in shown.stdout
    assert "as received" in shown.stdout
    assert said["id"] == uid
    assert said["fates"]["siem"] == "parked: mapping refused"


@pytest.mark.parametrize("uid", ["0" * 32, "nonsense", "../../etc"])
def test_an_event_that_is_not_there_is_exit_1(hub, uid):
    result = hub.run("event", uid)

    assert result.exit_code == 1
    assert result.stderr.startswith("mxhub: ")


def test_the_trail_of_a_message_is_oldest_first(start_hub):
    services = make_services()
    for seq, time_ms in ((31, 3000), (32, 1000), (33, 2000)):
        services.archive.stored.append(make_entry(seq, message_id="<m@x.example>", time_ms=time_ms))
    result = start_hub(services).run("trail", "m@x.example", "--json")

    assert [one["time"] for one in objects(result)] == [1000, 2000, 3000]


def test_a_message_that_nobody_saw_is_exit_1(hub):
    assert hub.run("trail", "<nobody@x.example>").exit_code == 1
