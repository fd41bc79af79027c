"""Tag lists, `name=value; name=value` (RFC 6376 section 3.2): DMARC, DKIM, MTA-STS and TLS-RPT share them."""

from dataclasses import dataclass

__all__ = ["Tags", "parse_tags"]

_MOST_TAGS = 64
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Tags:
    """`pairs` in their order, names lower case; `problems` why the list as a whole is not valid."""

    pairs: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    def get(self, name: str) -> str | None:
        """The value of a tag, `None` when it is not there."""
        return next((value for key, value in self.pairs if key == name), None)


def parse_tags(text: str) -> Tags:
    """Read a tag list; what is no tag becomes a problem. A name that comes twice makes the list invalid."""
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    if len(parts) > _MOST_TAGS:
        return Tags((), (f"more than {_MOST_TAGS} tags",))
    pairs: list[tuple[str, str]] = []
    problems: list[str] = []
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not name or not set(name) <= _NAME:
            problems.append(f"{part.strip()[:40]!r} is no tag: write name=value")
        elif any(name == known for known, _ in pairs):
            problems.append(f"the tag {name} comes twice")
        else:
            pairs.append((name, value.strip()))
    return Tags(tuple(pairs), tuple(problems))
