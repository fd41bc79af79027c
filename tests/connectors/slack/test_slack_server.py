"""The played Slack refuses one more than each documented limit, and takes the maximum."""

import pytest

from hub.sdk.http import Client
from hub.sdk.testing import StrictServer
from tests.factories.slack import CHANNEL, TOKEN, PlayedSlack
from tests.factories.slack_blocks import CONTENT_LIMITS, mentions, refusal, units

OK = {"text": "t"}


def plain(size, text="x"):
    return {"type": "plain_text", "text": text * size}


def mrkdwn(size):
    return {"type": "mrkdwn", "text": "x" * size}


def blocks(*found):
    return {"text": "t", "blocks": list(found)}


def button(**more):
    return {"type": "button", "text": plain(1), **more}


def actions(*buttons):
    return blocks({"type": "actions", "elements": list(buttons)})


def section(**parts):
    return blocks({"type": "section", **parts})


def image(**more):
    return blocks({"type": "image", "image_url": "https://i.example/a.png", "alt_text": "a", **more})


def option(**more):
    return {"text": plain(1), "value": "v", **more}


def overflow(*options):
    return actions({"type": "overflow", "options": list(options)})


def select(*options):
    return section(text=mrkdwn(1), accessory={"type": "static_select", "options": list(options)})


def confirm(**parts):
    dialog = {name: plain(1) for name in ("title", "text", "confirm", "deny")}
    return actions(button(confirm={**dialog, **parts}))


def markdown(*sizes):
    return blocks(*({"type": "markdown", "text": "x" * size} for size in sizes))


def table(*rows):
    return {"type": "table", "rows": list(rows)}


CELL = {"type": "raw_text", "text": "x"}


def spread(size):
    """Text of a given size over sections that are each within their own limit."""
    sizes = [3000] * (size // 3000) + [size % 3000]
    return blocks(*({"type": "section", "text": mrkdwn(each)} for each in sizes if each))


LIMITS = {
    "blocks": lambda n: blocks(*({"type": "divider"} for _ in range(n))),
    "all text": spread,
    "text": lambda n: {"text": "x" * n},
    "section.text": lambda n: section(text=mrkdwn(n)),
    "section.fields": lambda n: section(fields=[plain(1)] * n),
    "field": lambda n: section(fields=[mrkdwn(n)]),
    "header": lambda n: blocks({"type": "header", "text": plain(n)}),
    "context.elements": lambda n: blocks({"type": "context", "elements": [plain(1)] * n}),
    "context text": lambda n: blocks({"type": "context", "elements": [mrkdwn(n)]}),
    "actions.elements": lambda n: actions(*[button()] * n),
    "button.text": lambda n: actions({"type": "button", "text": plain(n)}),
    "button.value": lambda n: actions(button(value="x" * n)),
    "button.url": lambda n: actions(button(url="https://" + "x" * (n - 8))),
    "action_id": lambda n: actions(button(action_id="x" * n)),
    "block_id": lambda n: blocks({"type": "divider", "block_id": "x" * n}),
    "accessibility_label": lambda n: actions(button(accessibility_label="x" * n)),
    "image.alt_text": lambda n: image(alt_text="x" * n),
    "image.title": lambda n: image(title=plain(n)),
    "image.url": lambda n: image(image_url="https://" + "x" * (n - 8)),
    "confirm.title": lambda n: confirm(title=plain(n)),
    "confirm.text": lambda n: confirm(text=plain(n)),
    "confirm.confirm": lambda n: confirm(confirm=plain(n)),
    "confirm.deny": lambda n: confirm(deny=plain(n)),
    "overflow.options": lambda n: overflow(*[option()] * n),
    "select.options": lambda n: select(*[option()] * n),
    "option.text": lambda n: overflow(option(text=plain(n))),
    "option.value": lambda n: select(option(value="x" * n)),
    "option.description": lambda n: select(option(description=plain(n))),
    "markdown, all together": lambda n: markdown(5_000, n - 5_000),
    "table.rows": lambda n: blocks(table(*[[CELL]] * n)),
    "table.cells": lambda n: blocks(table([CELL] * n)),
    "tables": lambda n: blocks(*[table([CELL])] * n),
    "attachments": lambda n: {"text": "t", "attachments": [{"text": "a"}] * n},
}


def test_every_limit_is_tried():
    assert set(LIMITS) == set(CONTENT_LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_the_maximum_is_taken_and_one_more_is_refused(name):
    most = CONTENT_LIMITS[name]

    assert refusal(LIMITS[name](most)) is None
    assert refusal(LIMITS[name](most + 1)) is not None


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        (spread(13_201), "msg_blocks_too_long"),
        (blocks({"type": "header", "text": plain(151)}), "invalid_blocks"),
        ({"attachments": [{"text": "a"}] * 101}, "too_many_attachments"),
    ],
)
def test_each_refusal_has_its_word(message, word):
    assert refusal(message)[0] == word


def test_lengths_are_counted_in_utf16_units():
    assert units("a\U0001f600") == 3
    assert refusal(blocks({"type": "header", "text": plain(75, "\U0001f600")})) is None
    assert refusal(blocks({"type": "header", "text": plain(76, "\U0001f600")})) is not None


@pytest.mark.parametrize(
    "block",
    [
        {"type": "nonsense"},
        {"type": "header", "text": mrkdwn(1)},
        {"type": "header", "text": plain(0)},
        {"type": "header", "text": plain(1), "colour": "red"},
        {"type": "section"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "a", "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "a < b"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "a & b"}},
        {"type": "context", "elements": []},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
        {"type": "rich_text", "elements": [{"type": "text", "text": "a"}]},
        {"type": "actions", "elements": [{"type": "button"}]},
        {"type": "image", "image_url": "https://i.example/a.png"},
        {"type": "actions", "elements": [{"type": "overflow", "options": []}]},
        {"type": "actions", "elements": [{"type": "static_select", "options": [{"text": plain(1)}]}]},
        {"type": "actions", "elements": [button(confirm={"title": plain(1)})]},
        {"type": "actions", "elements": [button(style="loud")]},
        {"type": "section", "text": plain(1), "accessory": {"type": "divider"}},
        {"type": "markdown", "text": plain(1)},
        {"type": "table", "rows": [[]]},
        {"type": "table", "rows": [[plain(1)]]},
    ],
)
def test_a_malformed_block_is_refused(block):
    assert refusal(blocks(block))[0] == "invalid_blocks"


def test_a_block_id_is_unique():
    assert refusal(blocks(*[{"type": "divider", "block_id": "a"}] * 2))[0] == "invalid_blocks"


def test_mentions_are_noticed_where_slack_reads_them():
    called = section(text={"type": "mrkdwn", "text": "<!channel> <@U012AB3CD> &lt;!here&gt;"})
    quoted = section(text={"type": "plain_text", "text": "<!channel>"})
    rich = {"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "here"}]}

    assert mentions(called) == ["<!channel>", "<@U012AB3CD>"]
    assert mentions(quoted) == []
    assert mentions(blocks({"type": "rich_text", "elements": [rich]})) == ["broadcast"]
    assert mentions({"text": "<!everyone> hello"}) == ["<!everyone>"]


# -- over HTTP -----------------------------------------------------------------------------------------------
async def call(url, body, headers=None):
    async with Client(deadline_s=10, allow_networks=("127.0.0.0/8",)) as http:
        return await http.request(
            "POST",
            url,
            headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
            body=body,
        )


@pytest.mark.parametrize(
    ("authorization", "body", "error"),
    [
        ("", b"{}", "not_authed"),
        ("Bearer xoxb-other", b"{}", "invalid_auth"),
        (f"Bearer {TOKEN}", b'{"channel":"C1","text":"t"}', "channel_not_found"),
        (f"Bearer {TOKEN}", f'{{"channel":"{CHANNEL}","text":"t","no_such":1}}'.encode(), "invalid_arg_name"),
        (
            f"Bearer {TOKEN}",
            f'{{"channel":"{CHANNEL}","text":"t","metadata":{{}}}}'.encode(),
            "invalid_metadata_format",
        ),
    ],
)
async def test_the_web_api_says_errors_with_status_200(authorization, body, error):
    async with StrictServer() as server:
        PlayedSlack(server)
        answer = await call(f"{server.url}/api/chat.postMessage", body, {"Authorization": authorization})

    assert answer.status == 200
    assert f'"error":"{error}"'.encode() in answer.body


async def test_a_webhook_says_errors_as_plain_text_with_a_status():
    async with StrictServer() as server:
        slack = PlayedSlack(server)
        gone = await call(f"{server.url}/services/T/B/other", b"{}")
        broken = await call(slack.webhook_options["webhook_url"], b"{")

    assert (gone.status, gone.body) == (404, b"no_service")
    assert (broken.status, broken.body) == (400, b"invalid_payload")
