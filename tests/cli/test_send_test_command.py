"""`mxhub send-test`: the outcome in words and as an exit code, by the hub or from the configuration."""

import orjson
import pytest
from click.testing import CliRunner

from hub.cli import main

FIELDS = {"connector", "kind", "event", "event_id", "outcome", "reason", "took_ms"}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mxhub.yaml"
    path.write_text(
        f"data: {tmp_path / 'data'}\n"
        "connectors:\n"
        f"  good: {{kind: file, path: {tmp_path / 'good.ndjson'}}}\n"
        f"  dead: {{kind: file, path: {tmp_path / 'no' / 'such' / 'folder' / 'x'}}}\n"
        "  inside: {kind: opensearch, url: 'http://127.0.0.1:9/', username: hub, password: hunter2hunter2}\n"
    )
    return path


def alone(config, *arguments):
    """Without a hub."""
    data = str(config.parent / "nothing")
    return CliRunner().invoke(main, ["send-test", *arguments, "--config", str(config), "--data", data])


def test_the_running_hub_is_asked_and_the_outcome_is_told(hub):
    result = hub.run("send-test", "siem")

    assert result.exit_code == 0
    assert "siem (opensearch) took the test event" in result.stdout


def test_a_destination_that_is_down_is_exit_3(hub):
    result = hub.run("send-test", "alerts", "--kind", "hub.health")

    assert result.exit_code == 3
    assert "cannot be delivered to: connection refused" in result.stdout


def test_json_has_the_fields(hub):
    result = hub.run("send-test", "siem", "--kind", "cert.expiring", "--json")

    said = orjson.loads(result.stdout)
    assert set(said) == FIELDS
    assert (said["connector"], said["event"], said["outcome"]) == ("siem", "cert.expiring", "delivered")


@pytest.mark.parametrize("arguments", [("nobody",), ("siem", "--kind", "nothing")])
def test_what_the_hub_does_not_know_is_exit_2(hub, arguments):
    assert hub.run("send-test", *arguments).exit_code == 2


def test_an_unknown_kind_is_answered_with_those_that_are_known(hub):
    said = hub.run("send-test", "siem", "--kind", "nothing").stderr

    assert said.startswith("mxhub: kind: is one of quarantine.added, ")


def test_without_a_hub_it_is_sent_from_the_configuration(config):
    result = alone(config, "good", "--json")

    said = orjson.loads(result.stdout)
    held = orjson.loads((config.parent / "good.ndjson").read_text())
    assert (result.exit_code, said["outcome"]) == (0, "delivered")
    assert held["metadata"]["uid"] == said["event_id"]
    assert held["message"].startswith("[TEST]")
    assert not (config.parent / "data").exists()


def test_offline_sends_from_here_though_a_hub_runs(hub, config):
    result = hub.run("send-test", "good", "--offline", "--config", str(config))

    assert result.exit_code == 0
    assert (config.parent / "good.ndjson").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("dead", "directory does not exist"), ("inside", "allow_networks")]
)
def test_without_a_hub_a_dead_destination_is_exit_3_too(config, name, reason):
    result = alone(config, name)

    assert result.exit_code == 3
    assert reason in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("god",), "did you mean 'good'"), (("good", "--kind", "quarantine.add"), "did you mean")],
)
def test_without_a_hub_an_unknown_name_is_exit_2(config, arguments, says):
    result = alone(config, *arguments)

    assert result.exit_code == 2
    assert says in result.stderr


def test_a_remote_hub_that_is_gone_is_exit_3_and_nothing_is_sent_from_here(config):
    result = alone(config, "good", "--url", "http://127.0.0.1:9")

    assert result.exit_code == 3
    assert not (config.parent / "good.ndjson").exists()
