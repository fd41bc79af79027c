"""Posting over real HTTP to a strict Slack on loopback, both ways."""

import asyncio

import msgspec
import pytest

from connectors.slack import SPEC, SlackOptions
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.connector import Context
from hub.sdk.testing import HangingServer, Reply, StrictServer
from tests.factories.events import make_entry
from tests.factories.slack import CHANNEL, PlayedSlack, word

BATCH = [make_entry(n) for n in range(4)]
IDS = [uid_text(entry.uid) for entry in BATCH]


def context(deadline_s=10.0):
    return Context(name="soc", deadline_s=deadline_s, allow_networks=("127.0.0.0/8",))


def connector(options, deadline_s=10.0):
    return SPEC.make(SlackOptions.model_validate(options), context(deadline_s))


@pytest.fixture
async def slack():
    async with StrictServer() as server:
        yield PlayedSlack(server)


@pytest.fixture(params=["bot", "webhook"])
def options(request, slack):
    return slack.bot_options if request.param == "bot" else slack.webhook_options


async def send(options, batch=BATCH, deadline_s=10.0):
    async with connector(options, deadline_s) as own:
        return list(await own.send(batch))


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


async def test_a_batch_is_posted_in_order_one_message_an_event(slack, options):
    assert await send(options) == [Delivered()] * 4
    assert [posted.event_id for posted in slack.posted] == IDS


async def test_links_are_not_unfurled_and_a_fallback_is_there(slack, options):
    await send(options, BATCH[:1])

    (posted,) = slack.posted
    assert (posted.message["unfurl_links"], posted.message["unfurl_media"]) == (False, False)
    assert posted.message["text"]


async def test_a_bot_names_its_channel_and_our_event(slack):
    await send(slack.bot_options, BATCH[:1])

    (posted,) = slack.posted
    assert posted.message["channel"] == CHANNEL
    assert posted.message["metadata"] == {"event_type": "mxhub_event", "event_payload": {"id": IDS[0]}}


async def test_a_revoked_token_blocks_what_was_not_posted(slack):
    async with connector(slack.bot_options) as own:
        assert kinds(await own.send(BATCH[:2])) == [Delivered] * 2
        slack.always = word("token_revoked")
        outcomes = await own.send(BATCH[2:])

    assert kinds(outcomes) == [Blocked] * 2
    assert "token_revoked: make a new token" in outcomes[0].reason


async def test_a_wrong_token_blocks(slack):
    (outcome,) = await send({**slack.bot_options, "token": "xoxb-other"}, BATCH[:1])

    assert "invalid_auth" in outcome.reason


async def test_a_removed_webhook_blocks(slack):
    url = slack.server.url + "/services/T/B/removed"

    assert "no_service: the webhook or its app was removed" in (await send({"webhook_url": url}))[0].reason


async def test_above_the_rate_what_was_posted_counts_and_the_rest_waits_as_long_as_slack_says(slack, options):
    slack.rate_per_s, slack.burst, slack.clock = 1.0, 2, lambda: 0.0

    outcomes = await send(options)

    assert kinds(outcomes) == [Delivered, Delivered, Blocked, Blocked]
    assert outcomes[2].probe_after_s == 1.0
    assert [posted.event_id for posted in slack.posted] == IDS[:2]


async def test_after_the_pause_it_goes_on(slack, options):
    now = [0.0]
    slack.rate_per_s, slack.burst, slack.clock = 1.0, 1, lambda: now[0]
    async with connector(options) as own:
        assert kinds(await own.send(BATCH[:2])) == [Delivered, Blocked]
        now[0] += 1.0
        assert kinds(await own.send(BATCH[1:2])) == [Delivered]


async def test_a_refused_message_is_rejected_with_slacks_reason_and_the_others_pass(slack, options):
    slack.refused = frozenset(IDS[1:2])

    outcomes = await send(options)

    assert kinds(outcomes) == [Delivered, Rejected, Delivered, Delivered]
    assert "invalid_blocks" in outcomes[1].reason


async def test_a_refusal_names_the_block(slack):
    slack.refused = frozenset(IDS)

    (outcome,) = await send(slack.bot_options, BATCH[:1])

    assert "[json-pointer:/blocks/0]" in outcome.reason


async def test_a_message_over_which_slack_fails_is_tried_later_while_others_pass(slack, options):
    slack.broken = frozenset(IDS[1:2])

    outcomes = await send(options)

    assert kinds(outcomes) == [Delivered, Retry, Delivered, Delivered]
    assert "may have posted" in outcomes[1].reason


async def test_when_slack_fails_over_everything_all_waits(slack, options):
    slack.broken = frozenset(IDS)

    assert kinds(await send(options)) == [Blocked] * 4


async def test_a_missing_scope_is_named(slack):
    slack.always = word("missing_scope", needed="chat:write", provided="identify")

    (outcome,) = await send(slack.bot_options, BATCH[:1])

    assert "missing_scope (needs chat:write): add the scope" in outcome.reason


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>"),
        Reply(json=["ok"]),
        Reply(json={"ok": "true"}),
        Reply(json={"ok": False, "error": ["x"]}),
        Reply(json={"ok": False, "error": "Secret xoxb-made-4242!"}),
        Reply(body=b"ok, thank you"),
        Reply(status=599, body=b"\xff\x00"),
    ],
)
async def test_an_answer_that_is_not_slacks_blocks_without_being_quoted(slack, options, reply):
    slack.always = reply

    outcomes = await send(options)

    assert kinds(outcomes) == [Blocked] * 4
    assert "xoxb" not in outcomes[0].reason


async def test_a_server_that_hangs_ends_within_the_deadline():
    async with HangingServer() as server:
        options = {"webhook_url": f"{server.url}/services/T/B/x"}
        async with asyncio.timeout(30):
            outcomes = await send(options, deadline_s=0.3)

    assert kinds(outcomes) == [Blocked] * 4


async def test_a_batch_that_runs_out_of_time_keeps_what_was_posted(slack):
    count = 0

    def slowly(_):
        nonlocal count
        count += 1
        return Reply(json={"ok": True}, delay_s=0.0 if count <= 2 else 30.0)

    async with StrictServer() as server:
        server.allow("POST", "/chat.postMessage", slowly)
        outcomes = await send({**slack.bot_options, "api_url": server.url}, deadline_s=2.0)

    assert kinds(outcomes) == [Delivered, Delivered, Blocked, Blocked]


async def test_secrets_are_in_no_reason(slack):
    url = "http://127.0.0.1:9/services/T000/B000/made-hook-secret"

    (outcome,) = await send({"webhook_url": url}, BATCH[:1])

    assert isinstance(outcome, Blocked)
    assert "made-hook-secret" not in outcome.reason
    assert "services" not in outcome.reason


async def test_a_private_address_is_refused_unless_allowed(slack):
    own = SPEC.make(SlackOptions.model_validate(slack.webhook_options), Context(name="soc", deadline_s=5))
    async with own:
        (outcome,) = await own.send(BATCH[:1])

    assert isinstance(outcome, Blocked)
    assert slack.posted == []


async def test_a_hostile_mail_calls_nobody_over_the_wire(slack, options):
    subject = "<!channel> <@U012AB3CD> " + "<https://evil.example|x>" * 50_000

    assert await send(options, [make_entry(1, subject=subject)]) == [Delivered()]
    assert slack.posted[0].mentions == []
    assert b"https://evil" not in msgspec.json.encode(slack.posted[0].message)


# -- probes --------------------------------------------------------------------------------------------------
async def probe(options):
    return await SPEC.probe(SlackOptions.model_validate(options), context())


async def test_a_probe_of_a_bot_names_workspace_bot_and_channel(slack):
    assert await probe(slack.bot_options) == f"workspace Acme, posts as mxhub to {CHANNEL}"
    assert slack.posted == []


async def test_a_probe_of_a_webhook_says_what_it_cannot_know(slack):
    said = await probe(slack.webhook_options)

    assert "shows only when something is posted" in said
    assert "services" not in said
    assert slack.posted == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"always": word("account_inactive")}, "account_inactive: make a new token"),
        ({"scopes": "identify,files:read"}, "lacks the scope chat:write"),
        ({"always": Reply(body=b"<html>")}, "not Slack's"),
        ({"always": word("internal_error")}, "internal_error"),
    ],
)
async def test_a_probe_that_fails_says_what_to_do(slack, change, words):
    from hub.sdk.connector import DestinationFailed

    for name, value in change.items():
        setattr(slack, name, value)

    with pytest.raises(DestinationFailed, match=words):
        await probe(slack.bot_options)


async def test_a_probe_of_nobody_says_so():
    from hub.sdk.connector import DestinationFailed

    with pytest.raises(DestinationFailed, match=r"127\.0\.0\.1:9"):
        await probe({"webhook_url": "http://127.0.0.1:9/services/T/B/x"})
