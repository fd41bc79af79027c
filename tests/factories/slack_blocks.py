"""What Slack refuses in a message, written down from its documentation without a look at the connector."""

import re
from collections.abc import Iterator

from tests.factories.slack_elements import RICH_LEAVES, accessory, actionable, cell, image, rich_text
from tests.factories.slack_rules import (
    CONTENT_LIMITS,
    Invalid,
    keys,
    listed,
    markup,
    need,
    sized,
    text,
    units,
)

__all__ = ["CONTENT_LIMITS", "mentions", "refusal", "texts", "units"]

_MENTION = re.compile(r"<(?:!(?:channel|here|everyone|subteam)|@[UWB])[^>]*>")


def refusal(message: dict) -> tuple[str, str] | None:
    """The word of Slack's error and a JSON pointer with the reason; `None` for a message that it takes."""
    try:
        _message(message)
    except Invalid as error:
        return error.word, str(error)
    return None


def texts(message: dict) -> Iterator[tuple[str, bool]]:
    """Every text a reader may see, and whether Slack reads markup in it."""
    if message.get("text"):
        yield message["text"], True
    yield from _texts_in(message.get("blocks", []))


def mentions(message: dict) -> list[str]:
    """Whoever would be called by this message."""
    found = [each for text, markup in texts(message) if markup for each in _MENTION.findall(text)]
    return found + [
        leaf["type"]
        for leaf in _leaves(message.get("blocks", []))
        if leaf["type"] in ("user", "usergroup", "broadcast")
    ]


def _texts_in(value: object) -> Iterator[tuple[str, bool]]:
    if isinstance(value, list):
        for each in value:
            yield from _texts_in(each)
    elif isinstance(value, dict):
        marked = value.get("type") in ("mrkdwn", "markdown")
        for key, part in value.items():
            if key in ("text", "alt_text", "fallback") and isinstance(part, str):
                yield part, marked
            elif isinstance(part, list | dict):
                yield from _texts_in(part)


def _leaves(value: object) -> Iterator[dict]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        if value.get("type") in RICH_LEAVES:
            yield value
        for part in value.values():
            if isinstance(part, list | dict):
                yield from _leaves(part)


# -- structure and limits ------------------------------------------------------------------------------------
def _message(message: dict) -> None:
    said, blocks = message.get("text", ""), message.get("blocks", [])
    attached = message.get("attachments", [])
    need(isinstance(said, str) and isinstance(blocks, list), "/text or /blocks has the wrong type")
    if not said and not blocks and not attached:
        raise Invalid("no text", "no_text")
    if units(said) > CONTENT_LIMITS["text"]:
        raise Invalid("/text too long", "msg_too_long")
    if len(attached) > CONTENT_LIMITS["attachments"]:
        raise Invalid("/attachments: too many", "too_many_attachments")
    markup(said, "/text")
    _blocks(blocks)


def _blocks(blocks: list) -> None:
    need(len(blocks) <= CONTENT_LIMITS["blocks"], "/blocks: too many")
    for at, block in enumerate(blocks):
        _block(block, f"/blocks/{at}")
    names = [block["block_id"] for block in blocks if "block_id" in block]
    need(len(names) == len(set(names)), "block_id twice")
    tables = sum(block["type"] == "table" for block in blocks)
    need(tables <= CONTENT_LIMITS["tables"], "/blocks: more than one table")
    written = sum(units(block["text"]) for block in blocks if block["type"] == "markdown")
    need(written <= CONTENT_LIMITS["markdown, all together"], "/blocks: markdown too long")
    if sum(units(each) for each, _ in _texts_in(blocks)) > CONTENT_LIMITS["all text"]:
        raise Invalid("all text together", "msg_blocks_too_long")


def _block(block: object, at: str) -> None:
    need(isinstance(block, dict) and block.get("type") in _KINDS, f"{at}/type: unknown")
    if "block_id" in block:
        sized(block["block_id"], f"{at}/block_id", CONTENT_LIMITS["block_id"])
    _KINDS[block["type"]]({key: value for key, value in block.items() if key != "block_id"}, at)


def _header(block: dict, at: str) -> None:
    keys(block, at, {"text"})
    text(block["text"], f"{at}/text", CONTENT_LIMITS["header"], plain=True)


def _section(block: dict, at: str) -> None:
    keys(block, at, set(), {"text", "fields", "expand", "accessory"})
    need({"text", "fields"} & set(block), f"{at}: neither text nor fields")
    if "text" in block:
        text(block["text"], f"{at}/text", CONTENT_LIMITS["section.text"])
    if "fields" in block:
        listed(block["fields"], f"{at}/fields", CONTENT_LIMITS["section.fields"])
        for n, field in enumerate(block["fields"]):
            text(field, f"{at}/fields/{n}", CONTENT_LIMITS["field"])
    if "accessory" in block:
        accessory(block["accessory"], f"{at}/accessory")


def _context(block: dict, at: str) -> None:
    keys(block, at, {"elements"})
    listed(block["elements"], f"{at}/elements", CONTENT_LIMITS["context.elements"])
    for n, element in enumerate(block["elements"]):
        if isinstance(element, dict) and element.get("type") == "image":
            image(element, f"{at}/elements/{n}")
        else:
            text(element, f"{at}/elements/{n}", CONTENT_LIMITS["context text"])


def _divider(block: dict, at: str) -> None:
    keys(block, at, set())


def _actions(block: dict, at: str) -> None:
    keys(block, at, {"elements"})
    listed(block["elements"], f"{at}/elements", CONTENT_LIMITS["actions.elements"])
    for n, element in enumerate(block["elements"]):
        actionable(element, f"{at}/elements/{n}")


def _markdown(block: dict, at: str) -> None:
    keys(block, at, {"text"})
    sized(block["text"], f"{at}/text", CONTENT_LIMITS["markdown, all together"])


def _table(block: dict, at: str) -> None:
    keys(block, at, {"rows"}, {"column_settings"})
    listed(block["rows"], f"{at}/rows", CONTENT_LIMITS["table.rows"])
    for n, row in enumerate(block["rows"]):
        listed(row, f"{at}/rows/{n}", CONTENT_LIMITS["table.cells"])
        for m, each in enumerate(row):
            cell(each, f"{at}/rows/{n}/{m}")
    if "column_settings" in block:
        listed(block["column_settings"], f"{at}/column_settings", CONTENT_LIMITS["table.cells"])


_KINDS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": _divider,
    "image": image,
    "actions": _actions,
    "markdown": _markdown,
    "table": _table,
    "rich_text": rich_text,
}
