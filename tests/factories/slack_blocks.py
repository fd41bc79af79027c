"""What Slack refuses in a message, written down from its documentation without a look at the connector.

Limits: Block Kit reference, python-slack-sdk 3.43. Lengths count UTF-16 units of the string as sent.
"""

import re
from collections.abc import Iterator

__all__ = ["CONTENT_LIMITS", "mentions", "refusal", "texts", "units"]

CONTENT_LIMITS = {
    "blocks": 50,
    "all text": 13_200,
    "text": 40_000,
    "section.text": 3_000,
    "section.fields": 10,
    "field": 2_000,
    "header": 150,
    "context.elements": 10,
    "context text": 3_000,
    "actions.elements": 25,
    "button.text": 75,
    "button.value": 2_000,
    "button.url": 3_000,
    "action_id": 255,
    "block_id": 255,
    "accessibility_label": 75,
    "image.alt_text": 2_000,
    "image.title": 2_000,
    "image.url": 3_000,
}
_LINK = re.compile(
    r"<(?:https?://[^|<>\s]+|mailto:[^|<>\s]+|[@#][A-Z0-9]+|!date\^\d+\^[^|<>]*|![a-z^A-Z0-9]+)(?:\|[^<>]*)?>"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_MENTION = re.compile(r"<(?:!(?:channel|here|everyone|subteam)|@[UWB])[^>]*>")
_RICH_LEAVES = {"text", "link", "date", "emoji", "user", "usergroup", "channel", "broadcast", "color", "team"}
_RICH = {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"}
_STYLES = {"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}


class Invalid(Exception):
    """Why a message is refused."""

    def __init__(self, why: str, word: str = "invalid_blocks") -> None:
        super().__init__(why)
        self.word = word


def units(text: str) -> int:
    """Length in UTF-16 units; a lone surrogate cannot be sent."""
    return len(text.encode("utf-16-le")) // 2


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
        markup = value.get("type") == "mrkdwn"
        for key, part in value.items():
            if key in ("text", "alt_text", "fallback") and isinstance(part, str):
                yield part, markup
            elif isinstance(part, list | dict):
                yield from _texts_in(part)


def _leaves(value: object) -> Iterator[dict]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        if value.get("type") in _RICH_LEAVES:
            yield value
        for part in value.values():
            if isinstance(part, list | dict):
                yield from _leaves(part)


# -- structure and limits ------------------------------------------------------------------------------------
def _message(message: dict) -> None:
    text, blocks = message.get("text", ""), message.get("blocks", [])
    _need(isinstance(text, str) and isinstance(blocks, list), "/text or /blocks has the wrong type")
    if not text and not blocks:
        raise Invalid("no text", "no_text")
    if units(text) > CONTENT_LIMITS["text"]:
        raise Invalid("/text too long", "msg_too_long")
    _markup(text, "/text")
    _need(len(blocks) <= CONTENT_LIMITS["blocks"], "/blocks: too many")
    for at, block in enumerate(blocks):
        _block(block, f"/blocks/{at}")
    names = [block["block_id"] for block in blocks if "block_id" in block]
    _need(len(names) == len(set(names)), "block_id twice")
    if sum(units(each) for each, _ in _texts_in(blocks)) > CONTENT_LIMITS["all text"]:
        raise Invalid("all text together", "msg_blocks_too_long")


def _need(holds: object, why: str) -> None:
    if not holds:
        raise Invalid(f"[ERROR] {why}")


def _keys(value: object, at: str, needed: set[str], also: set[str] = frozenset()) -> None:
    _need(isinstance(value, dict), f"{at}: not an object")
    _need(needed <= set(value) <= needed | also | {"type"}, f"{at}: keys {sorted(value)}")


def _sized(value: object, at: str, most: int, least: int = 1) -> None:
    _need(isinstance(value, str), f"{at}: not a string")
    _need(least <= units(value) <= most, f"{at}: {units(value)} characters, not {least} to {most}")


def _listed(value: object, at: str, most: int | None = None) -> None:
    _need(isinstance(value, list) and value, f"{at}: an empty or no list")
    _need(most is None or len(value) <= most, f"{at}: too many")


def _block(block: object, at: str) -> None:
    _need(isinstance(block, dict) and block.get("type") in _KINDS, f"{at}/type: unknown")
    if "block_id" in block:
        _sized(block["block_id"], f"{at}/block_id", CONTENT_LIMITS["block_id"])
    _KINDS[block["type"]]({key: value for key, value in block.items() if key != "block_id"}, at)


def _text(value: object, at: str, most: int, *, plain: bool = False) -> None:
    _need(isinstance(value, dict), f"{at}: not an object")
    kind = value.get("type")
    _need(kind == "plain_text" or (kind == "mrkdwn" and not plain), f"{at}/type")
    _keys(value, at, {"text"}, {"emoji"} if kind == "plain_text" else {"verbatim"})
    _need(all(isinstance(value[key], bool) for key in ("emoji", "verbatim") if key in value), f"{at}: flag")
    _sized(value["text"], f"{at}/text", most)
    if kind == "mrkdwn":
        _markup(value["text"], f"{at}/text")


def _markup(text: str, at: str) -> None:
    """Stricter than Slack, which guesses: everything outside of links is escaped."""
    rest = _LINK.sub("", text)
    _need("<" not in rest and ">" not in rest, f"{at}: an unescaped bracket")
    _need("&" not in _ENTITY.sub("", rest), f"{at}: an unescaped ampersand")


def _header(block: dict, at: str) -> None:
    _keys(block, at, {"text"})
    _text(block["text"], f"{at}/text", CONTENT_LIMITS["header"], plain=True)


def _section(block: dict, at: str) -> None:
    _keys(block, at, set(), {"text", "fields", "expand"})
    _need({"text", "fields"} & set(block), f"{at}: neither text nor fields")
    if "text" in block:
        _text(block["text"], f"{at}/text", CONTENT_LIMITS["section.text"])
    if "fields" in block:
        _listed(block["fields"], f"{at}/fields", CONTENT_LIMITS["section.fields"])
        for n, field in enumerate(block["fields"]):
            _text(field, f"{at}/fields/{n}", CONTENT_LIMITS["field"])


def _context(block: dict, at: str) -> None:
    _keys(block, at, {"elements"})
    _listed(block["elements"], f"{at}/elements", CONTENT_LIMITS["context.elements"])
    for n, element in enumerate(block["elements"]):
        if isinstance(element, dict) and element.get("type") == "image":
            _image(element, f"{at}/elements/{n}")
        else:
            _text(element, f"{at}/elements/{n}", CONTENT_LIMITS["context text"])


def _divider(block: dict, at: str) -> None:
    _keys(block, at, set())


def _image(block: dict, at: str) -> None:
    _keys(block, at, {"image_url", "alt_text"}, {"title"})
    _sized(block["image_url"], f"{at}/image_url", CONTENT_LIMITS["image.url"])
    _sized(block["alt_text"], f"{at}/alt_text", CONTENT_LIMITS["image.alt_text"])
    if "title" in block:
        _text(block["title"], f"{at}/title", CONTENT_LIMITS["image.title"], plain=True)


def _actions(block: dict, at: str) -> None:
    _keys(block, at, {"elements"})
    _listed(block["elements"], f"{at}/elements", CONTENT_LIMITS["actions.elements"])
    for n, button in enumerate(block["elements"]):
        _button(button, f"{at}/elements/{n}")


def _button(button: object, at: str) -> None:
    _keys(button, at, {"text"}, {"url", "value", "action_id", "style", "accessibility_label"})
    _need(button.get("type") == "button", f"{at}/type")
    _text(button["text"], f"{at}/text", CONTENT_LIMITS["button.text"], plain=True)
    _need(button.get("style", "primary") in ("primary", "danger"), f"{at}/style")
    for key in ("url", "value"):
        if key in button:
            _sized(button[key], f"{at}/{key}", CONTENT_LIMITS[f"button.{key}"])
    for key in ("action_id", "accessibility_label"):
        if key in button:
            _sized(button[key], f"{at}/{key}", CONTENT_LIMITS[key])


def _rich_text(block: dict, at: str) -> None:
    _listed(block.get("elements"), f"{at}/elements")
    for n, element in enumerate(block["elements"]):
        _need(isinstance(element, dict) and element.get("type") in _RICH, f"{at}/elements/{n}/type")
        if element["type"] == "rich_text_list":
            _rich_text(element, f"{at}/elements/{n}")
            continue
        _listed(element.get("elements"), f"{at}/elements/{n}/elements")
        for m, leaf in enumerate(element["elements"]):
            _leaf(leaf, f"{at}/elements/{n}/elements/{m}")


def _leaf(leaf: object, at: str) -> None:
    _need(isinstance(leaf, dict) and leaf.get("type") in _RICH_LEAVES, f"{at}/type")
    if leaf["type"] == "text":
        _keys(leaf, at, {"text"}, {"style"})
        _sized(leaf["text"], f"{at}/text", 13_200)
    if leaf["type"] == "date":
        _keys(leaf, at, {"timestamp", "format"}, {"fallback", "url", "style", "timezone"})
        _need(isinstance(leaf["timestamp"], int) and leaf["timestamp"] >= 0, f"{at}/timestamp")
        _sized(leaf["format"], f"{at}/format", 1_000)
    _need(set(leaf.get("style", {})) <= _STYLES, f"{at}/style")


_KINDS = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": _divider,
    "image": _image,
    "actions": _actions,
    "rich_text": _rich_text,
}
