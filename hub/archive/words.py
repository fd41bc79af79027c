"""Words of a text, cut the same way when an event is stored and when a user searches.

An e-mail address or message id is a word as a whole, besides its parts: cut at its dots it would be a phrase
of the most frequent words there are. So is an IP address.

ASCII is cut by the index itself at everything that is no letter or digit. Other text is folded here first
(case, diacritics, compatibility forms; Unicode as this Python knows it, not as an old SQLite does), and each
ideograph is a word of its own, so that a part of a Chinese or Japanese subject is found as a phrase.
"""

import re
import unicodedata

__all__ = ["ip_word", "phrases", "searchable", "whole", "wholes", "words"]

_QUOTED = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORD = re.compile("[0-9A-Za-z\x80-\U0010ffff]+")
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*")
_WHOLE = re.compile(r"""[^\s<>,;"'()\[\]@]+@[^\s<>,;"'()\[\]@]+""")
_AROUND = "<>,;\"'()[].:!?"
_IP_SIGNS = str.maketrans(".:", "xy")
_TABLE_LIMIT = 20_000


def _is_ideograph(char: str) -> bool:
    return "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"


class _Fold(dict[int, str]):
    """Character -> what stands for it in the index; filled as characters are met, up to a limit."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if unicodedata.combining(char):
            folded = ""
        elif not char.isalnum():
            folded = " "
        elif _is_ideograph(char):
            folded = f" {char} "
        else:
            folded = char
        if len(self) < _TABLE_LIMIT:
            self[code] = folded
        return folded


_fold = _Fold()


def searchable(text: str) -> str:
    """The form of `text` that goes into the index: unchanged ASCII, or folded letters and digits with blanks
    between.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_fold)


def ip_word(text: str) -> str:
    """An IP address as one word (`192x0x2x1`), other text as it is.

    Cut at its dots an address would be four of the most frequent words there are.
    """
    return text.lower().translate(_IP_SIGNS) if _IP.fullmatch(text) else text


def words(text: str) -> str:
    """`text` as index words joined by blanks; empty when it has no letter or digit."""
    return " ".join(_WORD.findall(searchable(text)))


def wholes(text: str) -> list[str]:
    """Whatever looks like an address or message id (`local@host`) in `text`, in lower case."""
    return [found.strip(_AROUND).lower() for found in _WHOLE.findall(text)] if "@" in text else []


def whole(text: str) -> str | None:
    """`text` as one address or message id in lower case, without angle brackets; `None` when it is none."""
    bare = text.strip(_AROUND)
    return bare.lower() if _WHOLE.fullmatch(bare) else None


def phrases(query: str) -> list[str]:
    """Each word and "quoted phrase" of `query` as it was typed; without what has no letter or digit."""
    found = (quoted or word for quoted, word in _QUOTED.findall(query))
    return [text for text in found if words(text)]
