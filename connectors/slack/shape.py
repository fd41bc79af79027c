"""The blocks that a template may write: what each may hold, and where its texts are.

Other kinds are refused: a text in one of them could not be kept harmless, nor a limit be kept to.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.slack import limits

__all__ = ["Slot", "Unfit", "pruned", "texts_of"]

Block = dict[str, Any]


class Unfit(Exception):
    """What a template yields is no message; one line that says where and why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A text in a block."""

    holder: dict[str, Any]
    key: str
    most: int
    markup: bool = False
    """Whether Slack reads `< > &` in it."""


def texts_of(block: Any) -> Iterator[Slot]:
    """Every text of a block that is well formed. Lists are cut to what Slack takes. Raises `Unfit`."""
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise Unfit(f"a block's type is one of {', '.join(_BLOCKS)}, not {str(kind)[:40]!r}")
    allowed, texts = _BLOCKS[kind]
    _only(block, f"a {kind} block", ("type", "block_id", *allowed))
    if "block_id" in block:
        block["block_id"] = _string(block, "block_id", limits.BLOCK_ID)
    yield from texts(block)


def pruned(block: Block) -> Block | None:
    """The block without empty parts, which Slack refuses; `None` when nothing is left."""
    for key in ("text", "title"):
        if isinstance(block.get(key), dict) and not block[key]["text"]:
            del block[key]
    for key in ("fields", "elements"):
        if key in block:
            block[key] = [each for each in map(_pruned_element, block[key]) if each is not None]
            if not block[key]:
                del block[key]
    needed = _NEEDED.get(block["type"], ())
    return block if not needed or any(key in block for key in needed) else None


def _pruned_element(element: Block) -> Block | None:
    if "elements" in element:
        element["elements"] = [each for each in map(_pruned_element, element["elements"]) if each is not None]
        return element if element["elements"] else None
    text = element.get("text", element.get("alt_text", "-"))
    inner = text["text"] if isinstance(text, dict) else text
    return element if inner else None


# -- kinds of blocks -----------------------------------------------------------------------------------------
def _header(block: Block) -> Iterator[Slot]:
    yield _text(block, "text", limits.HEADER_TEXT, plain=True)


def _section(block: Block) -> Iterator[Slot]:
    if "text" in block:
        yield _text(block, "text", limits.SECTION_TEXT)
    for field in _list(block, "fields", limits.FIELDS) if "fields" in block else ():
        yield _object(field, "a field", limits.FIELD_TEXT)
    if not {"text", "fields"} & set(block):
        raise Unfit("a section block needs text or fields")


def _context(block: Block) -> Iterator[Slot]:
    for element in _list(block, "elements", limits.CONTEXT_ELEMENTS):
        if isinstance(element, dict) and element.get("type") == "image":
            yield from _picture(element, "an image element")
        else:
            yield _object(element, "an element of a context block", limits.CONTEXT_TEXT)


def _divider(_: Block) -> Iterator[Slot]:
    yield from ()


def _image(block: Block) -> Iterator[Slot]:
    yield from _picture(block, "an image block")
    if "title" in block:
        yield _text(block, "title", limits.ALT_TEXT, plain=True)


def _picture(image: Block, what: str) -> Iterator[Slot]:
    _url(image, "image_url", what)
    image["alt_text"] = _string(image, "alt_text").strip() or "picture"
    yield Slot(image, "alt_text", limits.ALT_TEXT)


def _actions(block: Block) -> Iterator[Slot]:
    for element in _list(block, "elements", limits.ACTIONS):
        if not isinstance(element, dict) or element.get("type") != "button":
            raise Unfit("an actions block holds buttons only")
        allowed = ("type", "text", "url", "value", "action_id", "style", "accessibility_label")
        _only(element, "a button", allowed)
        if element.get("style", "primary") not in ("primary", "danger"):
            raise Unfit("a button's style is primary or danger")
        if "url" in element:
            _url(element, "url", "a button")
        most = {"value": limits.BUTTON_VALUE, "action_id": limits.ACTION_ID}
        most["accessibility_label"] = limits.BUTTON_TEXT
        for key in most.keys() & element.keys():
            _string(element, key)
            yield Slot(element, key, most[key])
        yield _text(element, "text", limits.BUTTON_TEXT, plain=True)


_RICH = ("rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list")


def _rich_text(block: Block) -> Iterator[Slot]:
    for element in _list(block, "elements"):
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in _RICH:
            raise Unfit(
                f"an element of a rich_text block is one of {', '.join(_RICH)}, not {str(kind)[:40]!r}"
            )
        if kind == "rich_text_list":
            yield from _rich_text(element)
        else:
            for leaf in _list(element, "elements"):
                yield from _leaf(leaf)


def _leaf(leaf: Any) -> Iterator[Slot]:
    if not isinstance(leaf, dict) or not isinstance(leaf.get("type"), str):
        raise Unfit(
            'a part of a rich_text element is a mapping with a type, e.g. {"type": "text", "text": ...}'
        )
    if leaf["type"] == "text" or "text" in leaf:
        _string(leaf, "text")
        yield Slot(leaf, "text", limits.RICH_TEXT)
    if "url" in leaf:
        _url(leaf, "url", f"a {leaf['type']}")


_BLOCKS: Mapping[str, tuple[Sequence[str], Callable[[Block], Iterator[Slot]]]] = {
    "header": (("text",), _header),
    "section": (("text", "fields", "expand"), _section),
    "context": (("elements",), _context),
    "rich_text": (("elements",), _rich_text),
    "divider": ((), _divider),
    "image": (("image_url", "alt_text", "title"), _image),
    "actions": (("elements",), _actions),
}
_NEEDED = {
    "header": ("text",),
    "section": ("text", "fields"),
    "context": ("elements",),
    "rich_text": ("elements",),
    "actions": ("elements",),
}


# -- what they consist of ------------------------------------------------------------------------------------
def _only(holder: Block, what: str, allowed: Sequence[str]) -> None:
    strange = sorted(set(holder) - set(allowed))
    if strange:
        raise Unfit(f"{what} has no {strange[0][:40]!r}; it has {', '.join(allowed)}")


def _list(holder: Block, key: str, most: int | None = None) -> list[Any]:
    value = holder.get(key)
    if not isinstance(value, list):
        raise Unfit(f"{holder.get('type')}: {key!r} is a list")
    holder[key] = value[:most]
    kept: list[Any] = holder[key]
    return kept


def _text(holder: Block, key: str, most: int, *, plain: bool = False) -> Slot:
    return _object(holder.get(key), f"{holder.get('type')}: {key!r}", most, plain=plain)


def _object(value: Any, what: str, most: int, *, plain: bool = False) -> Slot:
    """A text object. Nothing becomes an emoji or a link that the template did not ask for."""
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise Unfit(f'{what} is a mapping {{"type": {" or ".join(kinds)}, "text": ...}}')
    markup = value["type"] == "mrkdwn"
    own, default = ("verbatim", True) if markup else ("emoji", False)
    _only(value, what, ("type", "text", own))
    if not isinstance(value.setdefault(own, default), bool):
        raise Unfit(f"{what}: {own!r} is true or false")
    _string(value, "text")
    return Slot(value, "text", most, markup)


def _string(holder: Block, key: str, most: int | None = None) -> str:
    """Numbers are written down; `null` is an empty text."""
    value = holder.get(key)
    if value is None:
        value = ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unfit(f"{holder.get('type')}: {key!r} is text")
    holder[key] = str(value)[:most]
    return str(holder[key])


def _url(holder: Block, key: str, what: str) -> None:
    value = holder.get(key)
    if not isinstance(value, str) or not value.startswith("https://") or not 0 < len(value) <= limits.URL:
        raise Unfit(f"{what}: {key!r} is an https:// address of at most {limits.URL} characters")
