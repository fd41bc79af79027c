"""One message to the first server that answers, and what each recipient was told."""

import ssl

import pytest

from core.seam.smtp import Letter, Relay, Target
from hub.sdk.http import Guard
from tests.factories.smtp import SmtpServer
from tests.factories.tls import self_signed

LOOPBACK = Guard(["127.0.0.0/8"])
MESSAGE = b"Subject: hello\r\n\r\n.\r\n..two dots\r\nthe end\r\n"


@pytest.fixture
async def relay():
    relay = Relay(LOOPBACK, "mx.filter.example", deadline_s=20, command_s=1.0)
    yield relay
    await relay.close()


def letter(*addresses, sender="jonas@partner.example", message=MESSAGE):
    return Letter(sender=sender, addresses=addresses or ("grace@acme.example",), message=message)


def at(*servers):
    return [Target("127.0.0.1", one.port) for one in servers]


async def sent(relay, servers, a_letter=None):
    return await relay.send(at(*servers), a_letter or letter())


async def test_a_message_arrives_byte_by_byte(relay):
    async with SmtpServer() as smtp:
        outcomes = await sent(relay, [smtp])

        assert outcomes["grace@acme.example"].state == "sent"
        assert outcomes["grace@acme.example"].words == "250 2.0.0 queued as 4711"
        assert smtp.delivered[0].message == MESSAGE
        assert smtp.delivered[0].sender == "jonas@partner.example"


async def test_each_recipient_has_an_answer_of_its_own(relay):
    refusals = {"b@acme.example": "550 5.1.1 no such user", "c@acme.example": "450 4.2.1 greylisted"}
    async with SmtpServer(rcpt=refusals) as smtp:
        outcomes = await sent(relay, [smtp], letter("a@acme.example", "b@acme.example", "c@acme.example"))

        assert {address: one.state for address, one in outcomes.items()} == {
            "a@acme.example": "sent",
            "b@acme.example": "refused",
            "c@acme.example": "later",
        }
        assert outcomes["b@acme.example"].words == "550 5.1.1 no such user"
        assert smtp.delivered[0].recipients == ("a@acme.example",)


async def test_the_next_server_is_tried_when_one_is_down(relay):
    async with SmtpServer() as gone, SmtpServer() as smtp:
        gone._server.close()
        outcomes = await sent(relay, [gone, smtp])

        assert outcomes["grace@acme.example"].state == "sent"
        assert len(smtp.delivered) == 1


async def test_the_next_server_is_tried_when_one_puts_the_sender_off(relay):
    async with SmtpServer(mail="421 4.3.2 busy") as busy, SmtpServer() as smtp:
        outcomes = await sent(relay, [busy, smtp])

        assert outcomes["grace@acme.example"].state == "sent"
        assert busy.delivered == []


async def test_a_sender_that_is_refused_for_good_is_not_taken_elsewhere(relay):
    async with SmtpServer(mail="550 5.7.1 not you") as strict, SmtpServer() as smtp:
        outcomes = await sent(relay, [strict, smtp])

        assert outcomes["grace@acme.example"].state == "refused"
        assert smtp.connections == 0


@pytest.mark.parametrize(
    ("answer", "state"), [("554 5.7.1 content", "refused"), ("451 4.3.0 later", "later")]
)
async def test_an_answer_to_the_message_is_everybodys(relay, answer, state):
    async with SmtpServer(data=answer) as smtp:
        outcomes = await sent(relay, [smtp], letter("a@acme.example", "b@acme.example"))

        assert {(one.state, one.words, one.unsure) for one in outcomes.values()} == {(state, answer, False)}


@pytest.mark.parametrize("trouble", ["drop", "hang"])
async def test_a_server_that_took_it_and_fell_silent_leaves_a_doubt_and_has_no_successor(trouble):
    relay = Relay(LOOPBACK, "mx.filter.example", deadline_s=20, command_s=0.3)
    async with SmtpServer(**{trouble: True}) as silent, SmtpServer() as smtp:
        outcomes = await sent(relay, [silent, smtp])
        await relay.close()

        assert (outcomes["grace@acme.example"].state, outcomes["grace@acme.example"].unsure) == (
            "later",
            True,
        )
        assert len(silent.delivered) == 1
        assert smtp.connections == 0


async def test_the_deadline_holds_for_all_of_it():
    relay = Relay(LOOPBACK, "mx.filter.example", deadline_s=0.3, command_s=30)
    async with SmtpServer(hang=True) as silent:
        outcomes = await sent(relay, [silent])
        await relay.close()

    assert outcomes["grace@acme.example"].unsure


async def test_a_private_server_is_not_reached_unless_allowed():
    relay = Relay(Guard(), "mx.filter.example")
    async with SmtpServer() as smtp:
        outcomes = await sent(relay, [smtp])
        await relay.close()

        assert outcomes["grace@acme.example"].state == "later"
        assert "allow_networks" in outcomes["grace@acme.example"].words
        assert smtp.connections == 0


async def test_without_a_server_everything_waits(relay):
    outcomes = await relay.send([], letter())

    assert outcomes["grace@acme.example"].state == "later"


async def test_a_server_that_offers_tls_is_spoken_to_in_tls(relay, tmp_path):
    async with SmtpServer(tls=self_signed(tmp_path)[0]) as smtp:
        await sent(relay, [smtp])

        assert smtp.delivered[0].encrypted


async def test_a_server_whose_tls_is_broken_gets_the_message_without(relay):
    async with SmtpServer(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as smtp:
        outcomes = await sent(relay, [smtp])

        assert outcomes["grace@acme.example"].state == "sent"
        assert not smtp.delivered[0].encrypted


@pytest.mark.parametrize(("takes", "state"), [(True, "sent"), (False, "refused")])
async def test_internationalised_addresses_need_a_server_that_takes_them(relay, takes, state):
    async with SmtpServer(utf8=takes) as smtp:
        outcomes = await sent(relay, [smtp], letter("grüße@acme.example"))

        assert outcomes["grüße@acme.example"].state == state


async def test_a_bounce_has_no_sender(relay):
    async with SmtpServer() as smtp:
        await sent(relay, [smtp], letter(sender=""))

        assert smtp.delivered[0].sender == ""


async def test_hostile_words_of_a_server_are_one_plain_line(relay):
    async with SmtpServer(data="554 no\x1b[31m\x00way" + "x" * 900) as smtp:
        outcomes = await sent(relay, [smtp])

        words = outcomes["grace@acme.example"].words
        assert words.startswith("554 no [31m way")
        assert len(words) == 400
