"""Whatever a template yields either becomes a message that Slack takes, or is refused with a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.slack.fit import fit
from connectors.slack.shape import Unfit
from tests.factories.slack_blocks import refusal, texts, units


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def fitted(*blocks, text="t"):
    message = fit({"text": text, "blocks": list(blocks)})
    assert refusal(message) is None
    return message


def test_text_objects_get_no_emoji_and_no_links_of_their_own():
    header, part = fitted({"type": "header", "text": plain("a")}, section("b"))["blocks"]

    assert header["text"] == {"type": "plain_text", "text": "a", "emoji": False}
    assert part["text"] == {"type": "mrkdwn", "text": "b", "verbatim": True}


def test_each_text_is_cut_to_its_own_limit():
    button = {"type": "button", "text": plain("x" * 80), "value": "v" * 2001, "action_id": "a" * 256}
    blocks = fitted(
        {"type": "header", "text": plain("x" * 200)},
        {"type": "section", "fields": [plain("x" * 2001)] * 11},
        {"type": "context", "elements": [plain("x")] * 11},
        {"type": "actions", "elements": [button] * 1},
        {"type": "image", "image_url": "https://i.example/a", "alt_text": "x" * 2001, "title": plain("y")},
    )["blocks"]

    assert len(blocks[0]["text"]["text"]) == 150
    assert len(blocks[1]["fields"]) == len(blocks[2]["elements"]) == 10
    assert len(blocks[3]["elements"][0]["text"]["text"]) == 75


def test_surplus_blocks_are_left_out():
    assert len(fitted(*[{"type": "divider"} for _ in range(60)])["blocks"]) == 50


def test_when_all_texts_together_are_too_long_the_longest_give_way():
    message = fitted(*[section("x" * 3000) for _ in range(20)], section("small print"))

    assert message["blocks"][-1]["text"]["text"] == "small print"
    assert 12_000 < sum(units(text) for text, _ in texts(message)) <= 13_100


def test_empty_parts_are_left_out():
    empty = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    context = {"type": "context", "elements": [plain(""), plain("a"), plain(None)]}

    message = fitted({"type": "header", "text": plain("")}, empty, context, section(" ") | {"fields": []})

    assert [block["type"] for block in message["blocks"]] == ["context", "section"]
    assert len(message["blocks"][0]["elements"]) == 1


def test_numbers_are_written_down():
    assert fitted({"type": "header", "text": plain(4.5)})["blocks"][0]["text"]["text"] == "4.5"


def test_a_block_id_that_repeats_is_left_out():
    first, second = fitted(*[{"type": "divider", "block_id": "a"} for _ in range(2)])["blocks"]

    assert (first.get("block_id"), second.get("block_id")) == ("a", None)


def test_there_is_always_a_fallback():
    assert fitted({"type": "divider"}, text="")["text"] == "Alert"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ([], "a message is"),
        ({"attachments": []}, "a message is"),
        ({"text": 5}, "'text' is text"),
        ({"text": ""}, "the message is empty"),
        ({"blocks": ["x"]}, "a block's type is one of header, section"),
        ({"blocks": [{"type": "markdown", "text": "x"}]}, "not 'markdown'"),
        ({"blocks": [{"type": "divider", "text": "x"}]}, "a divider block has no 'text'"),
        ({"blocks": [{"type": "header", "text": "x"}]}, "header: 'text' is a mapping"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "plain_text"),
        ({"blocks": [{"type": "header", "text": plain(True)}]}, "'text' is text"),
        ({"blocks": [{"type": "header", "text": plain("x") | {"emoji": 1}}]}, "'emoji' is true or false"),
        ({"blocks": [{"type": "section"}]}, "needs text or fields"),
        ({"blocks": [{"type": "context", "elements": "x"}]}, "'elements' is a list"),
        ({"blocks": [{"type": "rich_text", "elements": [{"type": "text"}]}]}, "rich_text_section"),
        (
            {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": ["x"]}]}]},
            "a part",
        ),
        ({"blocks": [{"type": "actions", "elements": [{"type": "overflow"}]}]}, "buttons only"),
        (
            {
                "blocks": [
                    {"type": "actions", "elements": [{"type": "button", "text": plain("x"), "style": "big"}]}
                ]
            },
            "style",
        ),
        (
            {"blocks": [{"type": "image", "image_url": "http://i.example", "alt_text": "x"}]},
            "https:// address",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(message, words):
    with pytest.raises(Unfit) as failed:
        fit(message)

    assert words in str(failed.value)


TYPES = (
    "header",
    "section",
    "context",
    "divider",
    "rich_text",
    "rich_text_section",
    "image",
    "actions",
    "button",
)
TEXT_TYPES = ("plain_text", "mrkdwn", "text")
KEYS = (
    "text",
    "emoji",
    "verbatim",
    "fields",
    "elements",
    "block_id",
    "image_url",
    "alt_text",
    "url",
    "value",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.just("https://a.example")


def mappings(inner):
    pairs = st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    return st.builds(lambda found, kind: {**found, "type": kind}, pairs, st.sampled_from(TYPES + TEXT_TYPES))


NODES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | mappings(inner), max_leaves=20)


@settings(max_examples=150)
@given(st.lists(mappings(NODES), max_size=6), st.text(max_size=50))
def test_any_structure_is_fitted_or_refused(blocks, text):
    try:
        message = fit({"text": text, "blocks": blocks})
    except Unfit:
        return
    found = refusal(message)
    assert found is None or "unescaped" in found[1]
