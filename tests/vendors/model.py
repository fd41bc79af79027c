"""The facts of a vendor's API as `tests/vendors/<vendor>.yaml` holds them; unknown keys are refused.

A file says what the vendor's page names (`capabilities`), which lines name nothing to build (`asides`), and
every request that is shown (`examples`). Every line of the page belongs to one of them at least. Words are
ours; names, paths and figures are the vendor's.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML

__all__ = [
    "FOLDER",
    "VENDORS",
    "Answer",
    "Aside",
    "Auth",
    "Capability",
    "Counts",
    "Example",
    "Kind",
    "Lines",
    "Operation",
    "Parameter",
    "Request",
    "Source",
    "Taken",
    "Vendor",
    "load",
    "numbers",
    "vendor_of",
]

FOLDER = Path(__file__).parent
VENDORS = ("mxguard", "mailguard", "mxroute-manager", "mailsentinel", "mailchannels")
ROOT = FOLDER.parents[1]

Lines = int | str
"""`12`, or `"12-14, 17"`; counted from 1."""
Kind = Literal["curl", "request", "path", "sdk", "script"]
"""How the page shows it: a curl command, method and path, a path alone, a client library's call, a script."""
Source = Literal["page", "R1", "G2", "G3", "G4", "C2", "ours"]
"""Where it is written: the page, a public source (docs/vendors/README.md), or a form that is ours."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`form` holds `{key}`: `Bearer {key}`."""

    header: str
    form: str = "{key}"


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value known only at run time: JSON pointer `at` (RFC 6901) into the answer of the example `of`.

    With `of: world` it points into what the dialect's world was set up with.
    """

    of: str
    at: str


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`{name}` in the path, in a query value or as a whole JSON string is replaced by `values[name]`."""

    method: Method
    path: str
    query: Mapping[str, str | int | bool] = {}
    headers: Mapping[str, str] = {}
    json: Any = msgspec.UNSET
    values: Mapping[str, str | int | Taken] = {}
    role: str = "default"
    """Whose key is sent; `nobody` sends none."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`shape` is written as `shapes.py` reads it; without one the body is not looked at."""

    status: int
    type: str = "application/json"
    headers: tuple[str, ...] = ()
    """Headers that must be there."""
    shape: Any = msgspec.UNSET


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request with its answer, or a name that stands for the examples `covered_by`."""

    id: str
    source: Source = "page"
    lines: Lines = ""
    kind: Kind = "request"
    shows: tuple[str, ...]
    """Ids of the capabilities that it shows."""
    request: Request | None = None
    answer: Answer | None = None
    name: str = ""
    """Of one without a request: how the page names it."""
    covered_by: tuple[str, ...] = ()
    operation: str = ""
    """Id of the operation that it calls."""
    route: str = ""
    """Method and path of the dialect's route that answers it, once there is one: `GET /api/v1/me`."""
    after: tuple[str, ...] = ()
    """Examples that must have run before, beside those whose answers it takes values from."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Examples that run before this one."""
        values = self.request.values.values() if self.request else ()
        taken = [value.of for value in values if isinstance(value, Taken) and value.of != "world"]
        return tuple(dict.fromkeys((*taken, *self.after)))


class Capability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the page names."""

    id: str
    lines: Lines
    word: str
    """A few characters that stand in those lines as they are written here."""
    says: str
    endpoints: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    """`tests/path.py::test_name` of what proves it, beside its examples."""


class Aside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines that name nothing to build, and why."""

    lines: Lines
    why: str


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an operation. `name: body` with `where: body` is the JSON body; its members are in `members`."""

    name: str
    where: Literal["path", "query", "body"]
    type: str = "string"
    required: bool = False
    values: tuple[str, ...] = ()
    most: int | None = None
    least: int | None = None
    members: Mapping[str, Any] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation of a public description."""

    id: str
    method: Method
    path: str
    says: str
    parameters: tuple[Parameter, ...] = ()
    statuses: Mapping[int, str]
    """What each status means, in our words."""


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page holds, counted when it was transcribed: tells when page or transcript change."""

    lines: int
    curl: int = 0
    request: int = 0
    path: int = 0
    sdk: int = 0
    script: int = 0
    capabilities: int
    examples: int
    """All of them, those from other sources too."""
    operations: int = 0


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file."""

    vendor: str
    title: str
    page: str
    origin: str
    """What stands before the paths in the examples, and is replaced."""
    base: str = ""
    """Path that every request of the vendor begins with and that the page leaves out."""
    auth: Auth
    counts: Counts
    shapes: Mapping[str, Any] = {}
    capabilities: tuple[Capability, ...]
    asides: tuple[Aside, ...]
    examples: tuple[Example, ...]
    operations: tuple[Operation, ...] = ()

    def example(self, name: str) -> Example:
        """Raises `KeyError`."""
        return next((one for one in self.examples if one.id == name), None) or _unknown(self.vendor, name)


def _unknown(vendor: str, name: str) -> Example:
    raise KeyError(f"{vendor} has no example {name}")


def load(text: str) -> Vendor:
    """Raises `msgspec.ValidationError` naming the key, `ruamel.yaml.YAMLError` with its line."""
    return msgspec.convert(YAML(typ="safe").load(text), Vendor, str_keys=True)


@cache
def vendor_of(name: str) -> Vendor:
    """The facts of one of `VENDORS`."""
    return load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def numbers(lines: Lines) -> Iterator[int]:
    """Line numbers of `12`, `"12-14, 17"` or an empty text. Raises `ValueError` for anything else."""
    for part in filter(None, str(lines).replace(" ", "").split(",")):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not found:
            raise ValueError(f"lines: {lines!r} is not like '12-14, 17'")
        yield from range(int(found[1]), int(found[2] or found[1]) + 1)
