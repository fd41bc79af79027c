"""What Slack counts and how: its limits, and the checks that every block and element is made of.

Limits: Block Kit reference, python-slack-sdk 3.43. Lengths count UTF-16 units of the string as sent.
"""

import re

__all__ = ["CONTENT_LIMITS", "Invalid", "keys", "listed", "markup", "need", "sized", "text", "units"]

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
    "confirm.title": 100,
    "confirm.text": 300,
    "confirm.confirm": 30,
    "confirm.deny": 30,
    "overflow.options": 5,
    "select.options": 100,
    "option.text": 75,
    "option.value": 75,
    "option.description": 75,
    "markdown, all together": 12_000,
    "table.rows": 100,
    "table.cells": 20,
    "tables": 1,
    "attachments": 100,
}
_LINK = re.compile(
    r"<(?:https?://[^|<>\s]+|mailto:[^|<>\s]+|[@#][A-Z0-9]+|!date\^\d+\^[^|<>]*|![a-z^A-Z0-9]+)(?:\|[^<>]*)?>"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")


class Invalid(Exception):
    """Why a message is refused."""

    def __init__(self, why: str, word: str = "invalid_blocks") -> None:
        super().__init__(why)
        self.word = word


def units(text: str) -> int:
    """Length in UTF-16 units; a lone surrogate cannot be sent."""
    return len(text.encode("utf-16-le")) // 2


def need(holds: object, why: str) -> None:
    if not holds:
        raise Invalid(f"[ERROR] {why}")


def keys(value: object, at: str, needed: set[str], also: set[str] = frozenset()) -> None:
    need(isinstance(value, dict), f"{at}: not an object")
    need(needed <= set(value) <= needed | also | {"type"}, f"{at}: keys {sorted(value)}")


def sized(value: object, at: str, most: int, least: int = 1) -> None:
    need(isinstance(value, str), f"{at}: not a string")
    need(least <= units(value) <= most, f"{at}: {units(value)} characters, not {least} to {most}")


def listed(value: object, at: str, most: int | None = None) -> None:
    need(isinstance(value, list) and value, f"{at}: an empty or no list")
    need(most is None or len(value) <= most, f"{at}: too many")


def text(value: object, at: str, most: int, *, plain: bool = False) -> None:
    need(isinstance(value, dict), f"{at}: not an object")
    kind = value.get("type")
    need(kind == "plain_text" or (kind == "mrkdwn" and not plain), f"{at}/type")
    keys(value, at, {"text"}, {"emoji"} if kind == "plain_text" else {"verbatim"})
    need(all(isinstance(value[key], bool) for key in ("emoji", "verbatim") if key in value), f"{at}: flag")
    sized(value["text"], f"{at}/text", most)
    if kind == "mrkdwn":
        markup(value["text"], f"{at}/text")


def markup(text: str, at: str) -> None:
    """Stricter than Slack, which guesses: everything outside of links is escaped."""
    rest = _LINK.sub("", text)
    need("<" not in rest and ">" not in rest, f"{at}: an unescaped bracket")
    need("&" not in _ENTITY.sub("", rest), f"{at}: an unescaped ampersand")
