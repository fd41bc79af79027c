"""The service's own mail, to a real SMTP server on loopback."""

from email import message_from_bytes, policy

import pytest

from core.config import SmtpRelayConfig
from core.service.postman import NotSent, Postman
from tests.factories.smtp import SmtpServer


@pytest.fixture
async def relay():
    async with SmtpServer() as relay:
        yield relay


def postman(port, tls="none"):
    config = SmtpRelayConfig(host="127.0.0.1", port=port, tls=tls)
    return Postman(config, sender="a@mail.example", hostname="mail.example")


async def test_a_mail_is_plain_text_in_any_script(relay):
    await postman(relay.port).send("jo@example.com", "Grüße", "Schöne neue Welt\n")
    message = message_from_bytes(relay.delivered[0].message, policy=policy.default)

    assert (relay.delivered[0].recipients, message["Subject"]) == (("jo@example.com",), "Grüße")
    assert message.get_content().splitlines() == ["Schöne neue Welt"]


async def test_a_refusal_is_said_without_the_address(relay):
    relay.data = "554 5.7.1 not from you"
    with pytest.raises(NotSent) as refused:
        await postman(relay.port).send("jo@example.com", "x", "y")

    assert "jo@" not in str(refused.value)


async def test_a_relay_that_is_away_is_said():
    with pytest.raises(NotSent, match=r"127\.0\.0\.1:1"):
        await postman(1).send("jo@example.com", "x", "y")


async def test_tls_that_was_wanted_is_not_gone_without(relay):
    with pytest.raises(NotSent):
        await postman(relay.port, "starttls").send("jo@example.com", "x", "y")

    assert relay.delivered == []


@pytest.mark.parametrize("to", ["jo@example.com\r\nBcc: all@example.com", "jo@example.com\nX: y"])
async def test_a_line_break_makes_no_header(relay, to):
    with pytest.raises(ValueError):
        await postman(relay.port).send(to, "x", "y")

    assert relay.delivered == []
