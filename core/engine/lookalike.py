"""Does a domain pretend to be another one?"""

from collections.abc import Iterable

__all__ = ["imitates"]

_SAME_LOOK = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "5": "s", "а": "a", "е": "e", "о": "o", "р": "p", "і": "i"}
)


def imitates(domain: str, own: Iterable[str], brands: Iterable[str]) -> bool:
    """Whether `domain` looks like one of `own`, or its name like a brand's, without being it."""
    plain = _skeleton(domain)
    if any(domain != other and plain == _skeleton(other) for other in own):
        return True
    label, skeleton = domain.partition(".")[0], plain.partition(".")[0]
    return any(
        label != brand and (skeleton == brand or (brand in skeleton and "-" in label)) for brand in brands
    )


def _skeleton(domain: str) -> str:
    """Letters that are read alike become one: digits, Cyrillic twins, `rn` for `m`, `vv` for `w`."""
    text = domain.lower()
    if text.startswith("xn--"):
        text = _to_unicode(text)
    return text.translate(_SAME_LOOK).replace("rn", "m").replace("vv", "w")


def _to_unicode(text: str) -> str:
    try:
        return text.encode("ascii").decode("idna")
    except UnicodeError:
        return text
