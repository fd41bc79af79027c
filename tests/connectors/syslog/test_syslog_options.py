"""What an operator writes wrongly is answered with what to write."""

import pytest

from connectors.syslog.options import SyslogOptions
from hub.config import ConfigError, load_text


def problem(host):
    with pytest.raises(ConfigError) as caught:
        load_text(f"connectors: {{siem: {{kind: syslog, host: '{host}'}}}}")
    return str(caught.value)


@pytest.mark.parametrize("host", ["tls://siem.example", "[::1]:6514", "a b", "user@siem.example", ".example"])
def test_a_host_that_is_more_than_a_host_is_told_what_to_write(host):
    said = problem(host)

    assert "write a name or an address only, without scheme or port" in said
    assert "pattern" not in said


@pytest.mark.parametrize("host", ["siem.example", "192.0.2.7", "2001:db8::7"])
def test_a_name_and_an_address_are_hosts(host):
    loaded = load_text(f"connectors: {{siem: {{kind: syslog, host: '{host}'}}}}")

    assert loaded.connectors["siem"].options.host == host


def test_editors_know_the_pattern_too():
    host = SyslogOptions.model_json_schema()["properties"]["host"]

    assert (host["type"], host["pattern"][:3]) == ("string", "^[^")
