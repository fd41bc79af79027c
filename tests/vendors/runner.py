"""Runs an example of a vendor's page against a dialect, by curl, with nothing but host and key changed."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tests.servers.curl import curl_binary
from tests.vendors.model import Example, Request, Taken, Vendor
from tests.vendors.shapes import mismatches

__all__ = ["Answered", "Journey", "World", "command", "pointed"]

TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A dialect that runs: where, with which keys by role, and what it was set up with."""

    url: str
    """`http://127.0.0.1:PORT`, in the place of the page's host."""
    keys: Mapping[str, str]
    """By role; `default` is there."""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back. `value` is the parsed body of a JSON answer, else `None`."""

    status: int
    type: str
    headers: Mapping[str, str]
    """Names lower case."""
    body: bytes
    value: Any


class Journey:
    """Examples of one vendor in one world: each is sent once, after those that it needs."""

    def __init__(self, vendor: Vendor, world: World, folder: Path) -> None:
        self._vendor = vendor
        self._world = world
        self._folder = folder
        self._answers: dict[str, Answered] = {}

    async def problems(self, example: Example) -> list[str]:
        """Run it; what of its answer is not as the file says. Raises `RuntimeError` when curl fails."""
        return _compare(await self._answer(example), example, self._vendor.shapes)

    async def _answer(self, example: Example) -> Answered:
        if example.id not in self._answers:
            for name in example.needs:
                await self._needed(name)
            self._answers[example.id] = await self._send(example)
        return self._answers[example.id]

    async def _needed(self, name: str) -> None:
        problems = await self.problems(self._vendor.example(name))
        if problems:
            raise AssertionError(f"{name}, which comes before, failed: {'; '.join(problems)}")

    async def _send(self, example: Example) -> Answered:
        assert example.request is not None, f"{example.id} is no request"
        values = {name: self._value(value) for name, value in example.request.values.items()}
        arguments = command(self._vendor, example.request, values, self._world)
        body, head = self._folder / f"{example.id}.body", self._folder / f"{example.id}.head"
        done = await asyncio.create_subprocess_exec(
            *_curl(), "--output", str(body), "--dump-header", str(head), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        out, err = await done.communicate()
        if done.returncode:
            raise RuntimeError(f"{example.id}: curl ended with {done.returncode}: {err.decode().strip()}")
        return _answered(out.decode(), head.read_text(), body.read_bytes() if body.exists() else b"")

    def _value(self, value: str | int | Taken) -> str:
        if not isinstance(value, Taken):
            return str(value)
        source = self._world.facts if value.of == "world" else self._answers[value.of].value
        return str(pointed(source, value.at))


def _curl() -> Sequence[str]:
    binary = curl_binary()
    if binary is None:
        raise RuntimeError("there is no curl: python -m tests.servers fetch")
    written = "%{http_code} %{content_type}"
    return [
        str(binary),
        "-q",
        "-sS",
        "--globoff",
        "--noproxy",
        "*",
        "--max-time",
        str(TIMEOUT_S),
        "--write-out",
        written,
    ]


def command(vendor: Vendor, request: Request, values: Mapping[str, str], world: World) -> list[str]:
    """Curl's arguments as the page has them: `-X` where it is no GET, `-H`, `-d`, the address.

    Raises `KeyError` for a role without a key.
    """
    words = [] if request.method == "GET" else ["-X", request.method]
    if request.role != "nobody":
        words += ["-H", f"{vendor.auth.header}: {vendor.auth.form.format(key=world.keys[request.role])}"]
    for name, value in request.headers.items():
        words += ["-H", f"{name}: {value}"]
    if request.json is not msgspec.UNSET:
        words += ["-d", json.dumps(_filled(request.json, values))]
    query = urlencode({name: _text(value, values) for name, value in request.query.items()})
    return [*words, world.url + vendor.base + _path(request.path, values) + (f"?{query}" if query else "")]


def _path(path: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _text(value: str | int, values: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(_filled(value, values))


def _marks(values: Mapping[str, str]) -> set[str]:
    return {f"{{{name}}}" for name in values}


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return values[value[1:-1]] if value in _marks(values) else value
    if isinstance(value, Mapping):
        return {name: _filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    return value


def pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer names (RFC 6901). Raises `LookupError` naming the pointer."""
    found = value
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise LookupError(f"{pointer} is not in {json.dumps(value, default=str)[:300]}") from error
    return found


def _answered(written: str, head: str, body: bytes) -> Answered:
    status, _, kind = written.partition(" ")
    kind = kind.partition(";")[0].strip()
    lines = (line.partition(":") for line in head.splitlines()[1:] if ":" in line)
    return Answered(
        status=int(status),
        type=kind,
        headers={name.strip().lower(): value.strip() for name, _, value in lines},
        body=body,
        value=json.loads(body) if kind == "application/json" and body else None,
    )


def _compare(got: Answered, example: Example, shapes: Mapping[str, Any]) -> list[str]:
    wanted = example.answer
    assert wanted is not None, f"{example.id} has no answer"
    if got.status != wanted.status:
        return [f"status {got.status}, not {wanted.status}: {got.body[:300].decode(errors='replace')}"]
    found = [f"header {name} is missing" for name in wanted.headers if name.lower() not in got.headers]
    if wanted.status != 204 and got.type != wanted.type:
        found.append(f"it is {got.type}, not {wanted.type}")
    if wanted.shape is not msgspec.UNSET:
        found += mismatches(got.value, wanted.shape, shapes)
    return found
