"""What is wrong with a configuration, and where: every problem shows its line with a caret under the spot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ConfigError", "Mark", "Problem", "spot"]

_NAME = r"[\w-]*(?:secret|token|passw|api_?key|credential|authorization)[\w-]*[\"']?\s*:"
_SECRET_KEY = re.compile(rf"^(\s*(?:-\s+)?[\"']?{_NAME})\s*\S", re.IGNORECASE)
_ANY_SECRET_KEY = re.compile(rf"{_NAME}|headers[\"']?\s*:", re.IGNORECASE)
_INLINE = re.compile(rf"({_NAME}\s*)(\[[^\]]*\]?|\"[^\"]*\"?|'[^']*'?|[^\s,}}][^,}}]*)", re.IGNORECASE)
"""In a flow mapping: `{kind: x, password: secret, ...}`."""
_BARE = (
    re.compile(r"(://[^\s/:@]*:)([^\s/@]+)(?=@)"),
    re.compile(r"(://[^\s/?#\"',}\]]+[/?#])([^\s\"',}\]]+)"),
    re.compile(r"(\b(?:Bearer|Basic|ApiKey|Splunk)\s+)([^\s\"',}\]]+)", re.IGNORECASE),
    re.compile(r"(\bheaders[\"']?\s*:\s*)(\{[^}]*\}?)"),
    re.compile(r"(\b(?:xox[a-z]-|whs[ek]c?_|nmg_|mfk_))([\w+/=.-]+)"),
)
"""Known by their look, under whatever key: a URL's password and all beyond its host (the path of a Slack
webhook is its secret), credentials of a header, keys by their prefix."""
_LINE_CHARS = 160
_MASK = "***"


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A spot in a file; line and column count from 1, line 0 is the file (or variable) as a whole."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to repair."""

    mark: Mark
    message: str
    excerpt: str = ""
    """The line's text with a caret under the column; secrets in it are masked."""

    def __str__(self) -> str:
        at = f"{self.mark.file}:{self.mark.line}:{self.mark.column}" if self.mark.line else self.mark.file
        return f"{at}: {self.message}" + (f"\n{self.excerpt}" if self.excerpt else "")


class ConfigError(Exception):
    """The configuration does not hold; `problems` lists all that is wrong, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{head} in the configuration", *map(str, self.problems)]))


def spot(lines: Sequence[str], mark: Mark, message: str) -> Problem:
    """A problem at `mark` with the line's text below it."""
    if not 0 < mark.line <= len(lines):
        return Problem(mark, message)
    text = _masked(lines, mark.line - 1)[:_LINE_CHARS]
    number = f"{mark.line:>5}"
    pad = "".join("\t" if c == "\t" else " " for c in text[: mark.column - 1])
    return Problem(mark, message, f"{number} | {text}\n{' ' * len(number)} | {pad}^")


def _masked(lines: Sequence[str], at: int) -> str:
    """The line without the values of keys that name a secret; what follows them keeps its column."""
    text = lines[at]
    if found := _SECRET_KEY.match(text):
        return f"{found[1]} {_MASK}"
    if _under_secret(lines, at):
        indent = len(text) - len(text.lstrip(" -"))
        return text[:indent] + _MASK
    for pattern in (_INLINE, *_BARE):
        text = pattern.sub(lambda found: found[1] + _MASK.ljust(len(found[2])), text)
    return text


def _under_secret(lines: Sequence[str], at: int) -> bool:
    indent = len(lines[at]) - len(lines[at].lstrip())
    is_item = lines[at].lstrip().startswith("- ")
    for above in reversed(lines[:at]):
        bare = above.strip()
        if not bare or bare.startswith("#"):
            continue
        depth = len(above) - len(above.lstrip())
        if depth < indent or (is_item and depth == indent and not bare.startswith("-")):
            return bool(_ANY_SECRET_KEY.search(above))
    return False
