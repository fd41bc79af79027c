"""From what a template yields to a message that Slack takes, whatever the event held."""

from collections.abc import Sequence
from typing import Any

from connectors.slack import limits
from connectors.slack.escape import as_markup, as_plain, cut, weight
from connectors.slack.shape import Slot, Unfit, pruned, texts_of

__all__ = ["fit"]


def fit(message: Any) -> dict[str, Any]:
    """`{"text", "blocks"}` within every limit: long texts are cut, empty parts and surplus blocks left out.

    Changes `message`. Raises `Unfit` when it is not made of blocks as Slack knows them.
    """
    if not isinstance(message, dict) or set(message) - {"text", "blocks"}:
        raise Unfit('a message is {"text": ..., "blocks": [...]}')
    text, blocks = message.get("text", ""), message.get("blocks", [])
    if not isinstance(text, str) or not isinstance(blocks, list):
        raise Unfit("'text' is text and 'blocks' is a list")
    blocks = blocks[: limits.BLOCKS]
    _shorten([slot for block in blocks for slot in texts_of(block)])
    kept = [block for block in map(pruned, blocks) if block is not None]
    _name_once(kept)
    sent = as_markup(cut(text.strip(), limits.TEXT, markup=True))
    if not sent and not kept:
        raise Unfit("the message is empty")
    return {"text": sent or "Alert", "blocks": kept}


def _shorten(slots: Sequence[Slot]) -> None:
    """Each text to its own limit; when all together are too long, the longest give way to the others."""
    cap = _cap([min(weight(slot.holder[slot.key], markup=slot.markup), slot.most) for slot in slots])
    for slot in slots:
        short = cut(slot.holder[slot.key], min(slot.most, cap), markup=slot.markup)
        slot.holder[slot.key] = as_markup(short) if slot.markup else as_plain(short)


def _cap(weights: Sequence[int]) -> int:
    """The largest length to which all can be cut so that their sum is within `limits.ALL_TEXT`."""
    low, high = 0, limits.ALL_TEXT
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(each, middle) for each in weights) <= limits.ALL_TEXT:
            low = middle
        else:
            high = middle - 1
    return low


def _name_once(blocks: Sequence[dict[str, Any]]) -> None:
    """A `block_id` is unique in a message, and not empty."""
    seen: set[str] = set()
    for block in blocks:
        name = block.get("block_id")
        if name is not None and (not name or name in seen):
            del block["block_id"]
        elif name is not None:
            seen.add(name)
