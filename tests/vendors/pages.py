"""What a vendor's page shows, read off its text by machine: the other side of the count.

The pages are kept outside the repository: in the folder that `VENDOR_PAGES` names, else in
`../shared/reference/vendor-docs` beside the checkout.
"""

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.vendors.model import ROOT, Kind

__all__ = ["Mention", "json_keys", "mentions", "page_lines", "pages_folder"]

_METHOD = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/\S+?)(?=Response:|\d\. [A-Z]|[\s,|]|$)")
_ADDRESS = re.compile(r"https?://[\w.-]+(/[\w./-]*\w)?")
_PATH = re.compile(r"(?<![\w.:/<>}%])/(?=[a-z])[\w<>{}.-]+(?:/[\w<>{}.*-]+)*(?<!\.)")
_ABRIDGED = re.compile(r"\S*…\S*")
_SDK = re.compile(r"\bclient\.(domains)\.(list)\(")
_SCRIPT = re.compile(r"\\docs\\examples\\([\w-]+\.ps1)")
_KEY = re.compile(r'"(\w+)": ?')
_RUN_ON = re.compile(r"""(?<=\S)(["'])(?=[A-Z][a-z]+ ).*""", re.DOTALL)
"""The text of the next paragraph, glued to a command's last quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A request, or the name of an endpoint, on a line of the page."""

    line: int
    kind: Kind
    path: str
    method: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def pages_folder() -> Path | None:
    """Where the pages are, or `None`."""
    named = os.environ.get("VENDOR_PAGES")
    folder = Path(named) if named else ROOT.parent / "shared" / "reference" / "vendor-docs"
    return folder if folder.is_dir() else None


def page_lines(folder: Path, name: str) -> list[str]:
    """The lines of a page; line 1 is at index 0."""
    return (folder / name).read_text(encoding="utf-8").splitlines()


def json_keys(lines: Sequence[str]) -> set[str]:
    """Names of members in the JSON that the page shows."""
    return {key for line in lines for key in _KEY.findall(line)}


def mentions(lines: Sequence[str], base: str = "") -> list[Mention]:
    """All of them, by line. `base` is the address that the page gives as the API's own: no endpoint."""
    found: list[Mention] = []
    inside = 0
    for index, line in enumerate(lines):
        if line.startswith("curl "):
            command = _command(lines, index)
            inside = index + len(command)
            found.append(_curl(index + 1, " ".join(part.removesuffix("\\") for part in command)))
        elif index >= inside:
            found += _of_line(index + 1, line, base)
    return found


def _command(lines: Sequence[str], first: int) -> list[str]:
    """The lines of a command, which goes on while one ends with a backslash."""
    last = first
    while lines[last].endswith("\\"):
        last += 1
    return [*lines[first : last + 1]]


def _curl(line: int, text: str) -> Mention:
    words = shlex.split(_RUN_ON.sub(r"\1", text))
    url = urlsplit(next(word for word in words if word.startswith("http")))
    options = dict(pairwise(words))
    body = json.loads(options["-d"]) if "-d" in options else None
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    return Mention(
        line=line,
        kind="curl",
        method=options.get("-X", "GET"),
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers=headers,
        body=body,
    )


def _of_line(line: int, text: str, base: str) -> Iterator[Mention]:
    for method, target in _METHOD.findall(text):
        url = urlsplit(target)
        yield Mention(
            line=line, kind="request", method=method, path=_plain(url.path), query=dict(parse_qsl(url.query))
        )
    rest = _METHOD.sub(" ", text)
    for path in _ADDRESS.findall(rest):
        if path and path != base:
            yield Mention(line=line, kind="path", path=path)
    for path in _PATH.findall(_ABRIDGED.sub(" ", _ADDRESS.sub(" ", rest))):
        yield Mention(line=line, kind="path", path=_plain(path))
    for parts in _SDK.findall(rest):
        yield Mention(line=line, kind="sdk", path=".".join(parts))
    for name in _SCRIPT.findall(rest):
        yield Mention(line=line, kind="script", path=name)


def _plain(path: str) -> str:
    """One way to write a variable: `{domain}`."""
    return path.replace("<", "{").replace(">", "}")
