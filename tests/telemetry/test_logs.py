import io
import json
import logging

import pytest
import structlog

from hub.config import load_text
from hub.telemetry import logs
from hub.telemetry.happenings.base import hear
from hub.telemetry.redact import Redactor
from tests.factories.config import FakeRegistry


@pytest.fixture
def out(monkeypatch):
    """A stream that the process logs to, everything as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setattr(logs, "REDACTOR", Redactor())
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before
    hear("debug")


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_without_a_terminal_a_line_is_json(out):
    logs.setup(stream=out)

    structlog.get_logger().info("hub.happened", number=5, text="ä", odd=object)

    (line,) = lines(out)
    assert line["event"] == "hub.happened"
    assert line["level"] == "info"
    assert (line["number"], line["text"]) == (5, "ä")
    assert str(line["time"]).endswith("Z")


def test_on_a_terminal_it_is_plain(out):
    logs.setup(stream=out, json=False)

    structlog.get_logger().info("hub.happened", number=5)

    assert "hub.happened" in out.getvalue()
    assert "number=5" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_lines_below_the_level_are_not_written(out):
    logs.setup(stream=out, level="warning")

    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert [line["event"] for line in lines(out)] == ["loud"]


def test_an_unknown_level_is_refused(out):
    with pytest.raises(ValueError, match="unknown log level 'chatty'; known: debug, info, warning, error"):
        logs.setup(stream=out, level="chatty")


def test_secrets_of_the_configuration_never_reach_a_line(out):
    settings = load_text(
        "admin_token: token-of-admin\n"
        "sources: {a: {vendor: acme, secrets: [hook-secret], api_key: key-of-api}}",
        registry=FakeRegistry(),
    )
    logs.setup(settings, stream=out)

    log = structlog.get_logger()
    log.info("hub.happened hook-secret", why="refused key-of-api", token="other")
    try:
        int("with token-of-admin inside")
    except ValueError:
        log.exception("hub.failed")
    logging.getLogger("library").warning("sent %s", "hook-secret")
    logging.getLogger("library").error("oops", exc_info=ValueError("key-of-api"))

    assert len(lines(out)) == 4
    for secret in ("token-of-admin", "hook-secret", "key-of-api", "other"):
        assert secret not in out.getvalue()


def test_a_reload_protects_the_new_secrets_and_keeps_the_old(out):
    logs.setup(load_text("admin_token: old-token", registry=FakeRegistry()), stream=out)
    logs.protect(load_text("admin_token: new-token", registry=FakeRegistry()))

    structlog.get_logger().info("old-token new-token")

    assert "-token" not in out.getvalue()


def test_lines_of_libraries_go_the_same_way(out):
    logs.setup(stream=out)

    logging.getLogger("aiohttp.server").error("went %s", "wrong")
    logging.getLogger("arq.worker").info("too quiet to be heard")

    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("went wrong", "error", "aiohttp.server")


def test_text_that_no_encoder_takes_is_written_anyway(out):
    logs.setup(stream=out)

    structlog.get_logger().info(
        "a\ud800b", deep={"x": ["\udfff"]}, big=2**80, keys={1: {None: b"\xff"}}, nan=1e999
    )

    (line,) = lines(out)
    assert line["event"] == "a?b"
    assert line["big"] == str(2**80)
