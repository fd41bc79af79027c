"""`mxhub tenants`: asks before it erases, watches, names the holder, and shows what is on record."""

import orjson
import pytest

from hub.archive.base import ErasureCheck
from hub.cli import tenants as command
from tests.factories.api import MemoryErasure, MemoryErasures, _record, make_services


def said(result):
    return orjson.loads(result.stdout)


@pytest.fixture
def erasures():
    return MemoryErasures()


@pytest.fixture
def hub(start_hub, erasures, monkeypatch):
    monkeypatch.setattr(command, "_PAUSE_S", 0.01)
    return start_hub(make_services(erasures=erasures))


@pytest.mark.parametrize("arguments", [("tenants", "--json"), ("tenants", "ls", "--json")])
def test_they_are_listed_with_their_sources_and_events(hub, arguments):
    rows = {row["tenant"]: row for row in said(hub.run(*arguments))}

    assert rows["acme"] == {"tenant": "acme", "state": "open", "events": 30, "sources": []}
    assert rows["default"]["sources"] == ["guard", "quiet"]
    assert "acme" in hub.run("tenants").stdout


def test_one_is_made_and_its_administrator_told_how_to_come_in(hub):
    result = hub.run("tenants", "add", "globex", "--admin", "hank@globex.example")

    assert result.exit_code == 0, result.stderr
    assert "hank@globex.example can come in" in result.stdout
    assert 'POST http://127.0.0.1:8788/api/v1/setup {"token": "the-token"' in result.stdout


def test_one_that_is_made_is_told_as_json(hub):
    made = said(hub.run("tenants", "add", "globex", "--admin", "hank@globex.example", "--json"))

    assert made == {
        "tenant": "globex",
        "administrator": "hank@globex.example",
        "token": "the-token",
        "setup_url": "http://127.0.0.1:8788/api/v1/setup",
        "expires_at": made["expires_at"],
    }


def test_an_erased_one_is_reopened_before_it_is_made_again(hub, erasures):
    erasures.shut.add("globex")
    result = hub.run("tenants", "add", "globex", "--admin", "hank@globex.example")

    assert result.exit_code != 0
    assert "reopen it first" in result.stderr


def test_without_a_core_none_can_be_made(start_hub):
    hub = start_hub(make_services(new_tenant=None))
    result = hub.run("tenants", "add", "globex", "--admin", "hank@globex.example")

    assert result.exit_code != 0
    assert "There is no core beside this hub" in result.stderr


def test_a_dry_run_says_what_would_go_and_what_cannot(hub, erasures):
    item = said(hub.run("tenants", "erase", "acme", "--dry-run", "--json"))

    assert (item["state"], item["events"]) == ("dry-run", 30)
    assert item["notes"] == ["alerts (file) cannot be erased from here: what was delivered to it stays there"]
    assert not erasures.runs


def test_another_name_than_the_tenants_erases_nothing(hub, erasures):
    result = hub.run("tenants", "erase", "acme", text="default\n")

    assert result.exit_code == 1
    assert "nothing was erased" in result.stderr
    assert "30 events of acme" in result.stderr
    assert not erasures.runs


def test_the_tenants_name_goes_on_and_the_record_is_shown(hub):
    result = hub.run("tenants", "erase", "acme", "--asked-by", "ann", text="acme\n")

    assert result.exit_code == 0
    assert "acme: 30 records erased from the archive" in result.stdout
    assert "note: alerts cannot be erased from here" in result.stdout
    assert "draining: the router stands at event 3 of 9" in result.stderr


def test_a_time_out_names_the_holder_and_is_exit_1(hub, erasures):
    erasures.patient = 10**9
    result = hub.run("tenants", "erase", "acme", "--yes", "--timeout", "0.05")

    assert result.exit_code == 1
    assert "the router stands at event 3 of 9" in result.stderr
    assert "goes on by itself" in result.stderr


def test_who_asked_is_the_user_unless_said(hub, monkeypatch):
    monkeypatch.setattr(command.getpass, "getuser", lambda: "bea")

    assert said(hub.run("tenants", "erase", "acme", "--yes", "--json"))["asked_by"] == "bea"


def test_a_tenant_that_is_not_there_is_exit_1(hub):
    result = hub.run("tenants", "erase", "nobody", "--yes")

    assert result.exit_code == 1
    assert "no such tenant" in result.stderr


def test_a_closed_tenant_is_reopened_once(hub, erasures):
    erasures.shut.add("acme")

    assert "acme is open" in hub.run("tenants", "reopen", "acme").stdout
    assert hub.run("tenants", "reopen", "acme").exit_code == 1


def test_one_that_is_being_erased_is_not_reopened(hub, erasures):
    erasures.shut.add("acme")
    erasures.runs["acme"] = MemoryErasure("acme", "ann")
    result = hub.run("tenants", "reopen", "acme")

    assert result.exit_code == 1
    assert "being erased" in result.stderr


def test_records_are_listed_and_one_that_does_not_hold_is_exit_1(hub, erasures):
    record = _record(MemoryErasure("acme", "ann"))
    erasures.checks.append(ErasureCheck(record, None))
    whole = hub.run("tenants", "erasures", "--verify", "--json")
    erasures.checks.append(ErasureCheck(record, "the record was changed"))
    broken = hub.run("tenants", "erasures", "--verify")

    assert (whole.exit_code, said(whole)[0]["verified"], said(whole)[0]["hash"]) == (0, True, "1" * 64)
    assert broken.exit_code == 1
    assert "the record was changed" in broken.stderr
