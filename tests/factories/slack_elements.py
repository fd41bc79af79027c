"""What stands inside of Slack's blocks: images, what one can press or choose, rich text, cells of a table."""

from tests.factories.slack_rules import CONTENT_LIMITS, keys, listed, need, sized, text

__all__ = ["RICH_LEAVES", "accessory", "actionable", "cell", "image", "rich_text"]

RICH_LEAVES = {"text", "link", "date", "emoji", "user", "usergroup", "channel", "broadcast", "color", "team"}
_RICH = {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"}
_STYLES = {"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}


def image(block: dict, at: str) -> None:
    keys(block, at, {"image_url", "alt_text"}, {"title"})
    sized(block["image_url"], f"{at}/image_url", CONTENT_LIMITS["image.url"])
    sized(block["alt_text"], f"{at}/alt_text", CONTENT_LIMITS["image.alt_text"])
    if "title" in block:
        text(block["title"], f"{at}/title", CONTENT_LIMITS["image.title"], plain=True)


def accessory(element: object, at: str) -> None:
    """What may stand beside a section's text."""
    if isinstance(element, dict) and element.get("type") == "image":
        image(element, at)
    else:
        actionable(element, at)


def actionable(element: object, at: str) -> None:
    """What a reader may press or choose from."""
    need(isinstance(element, dict) and element.get("type") in _ACTIONABLE, f"{at}/type")
    _ACTIONABLE[element["type"]](element, at)
    if "action_id" in element:
        sized(element["action_id"], f"{at}/action_id", CONTENT_LIMITS["action_id"])
    if "confirm" in element:
        _confirm(element["confirm"], f"{at}/confirm")


def _button(button: dict, at: str) -> None:
    keys(button, at, {"text"}, {"url", "value", "action_id", "style", "accessibility_label", "confirm"})
    text(button["text"], f"{at}/text", CONTENT_LIMITS["button.text"], plain=True)
    need(button.get("style", "primary") in ("primary", "danger"), f"{at}/style")
    for key in ("url", "value"):
        if key in button:
            sized(button[key], f"{at}/{key}", CONTENT_LIMITS[f"button.{key}"])
    if "accessibility_label" in button:
        label = button["accessibility_label"]
        sized(label, f"{at}/accessibility_label", CONTENT_LIMITS["accessibility_label"])


def _overflow(menu: dict, at: str) -> None:
    keys(menu, at, {"options"}, {"action_id", "confirm"})
    _options(menu["options"], f"{at}/options", CONTENT_LIMITS["overflow.options"])


def _select(menu: dict, at: str) -> None:
    keys(menu, at, {"options"}, {"initial_option", "action_id", "confirm", "focus_on_load"})
    _options(menu["options"], f"{at}/options", CONTENT_LIMITS["select.options"])
    if "initial_option" in menu:
        need(menu["initial_option"] in menu["options"], f"{at}/initial_option: not an option")


def _options(options: object, at: str, most: int) -> None:
    listed(options, at, most)
    for n, option in enumerate(options):
        keys(option, f"{at}/{n}", {"text", "value"}, {"description"})
        sized(option["value"], f"{at}/{n}/value", CONTENT_LIMITS["option.value"])
        for key in ("text", "description"):
            if key in option:
                text(option[key], f"{at}/{n}/{key}", CONTENT_LIMITS[f"option.{key}"], plain=True)


def _confirm(dialog: object, at: str) -> None:
    parts = ("title", "text", "confirm", "deny")
    keys(dialog, at, set(parts), {"style"})
    need(dialog.get("style", "primary") in ("primary", "danger"), f"{at}/style")
    for key in parts:
        text(dialog[key], f"{at}/{key}", CONTENT_LIMITS[f"confirm.{key}"], plain=True)


def rich_text(block: dict, at: str) -> None:
    listed(block.get("elements"), f"{at}/elements")
    for n, element in enumerate(block["elements"]):
        need(isinstance(element, dict) and element.get("type") in _RICH, f"{at}/elements/{n}/type")
        if element["type"] == "rich_text_list":
            rich_text(element, f"{at}/elements/{n}")
            continue
        listed(element.get("elements"), f"{at}/elements/{n}/elements")
        for m, leaf in enumerate(element["elements"]):
            _leaf(leaf, f"{at}/elements/{n}/elements/{m}")


def _leaf(leaf: object, at: str) -> None:
    need(isinstance(leaf, dict) and leaf.get("type") in RICH_LEAVES, f"{at}/type")
    if leaf["type"] == "text":
        keys(leaf, at, {"text"}, {"style"})
        sized(leaf["text"], f"{at}/text", CONTENT_LIMITS["all text"])
    if leaf["type"] == "date":
        keys(leaf, at, {"timestamp", "format"}, {"fallback", "url", "style", "timezone"})
        need(isinstance(leaf["timestamp"], int) and leaf["timestamp"] >= 0, f"{at}/timestamp")
        sized(leaf["format"], f"{at}/format", 1_000)
    need(set(leaf.get("style", {})) <= _STYLES, f"{at}/style")


def cell(value: object, at: str) -> None:
    """Of a table: plain text, or rich text of its own."""
    need(isinstance(value, dict) and value.get("type") in ("raw_text", "rich_text"), f"{at}/type")
    if value["type"] == "rich_text":
        rich_text(value, at)
        return
    keys(value, at, {"text"})
    sized(value["text"], f"{at}/text", CONTENT_LIMITS["all text"])


_ACTIONABLE = {"button": _button, "overflow": _overflow, "static_select": _select}
