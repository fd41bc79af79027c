"""The Lua scripts: their sources, and how they are called.

A file opens with its shebang and its signature; `--@use <name>` lines say which shared parts stand in front.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from hashlib import sha1
from importlib import resources
from typing import Any, Final, Protocol

from redis.exceptions import NoScriptError

from hub.store.errors import FOREIGN, translate

__all__ = ["STATE_VERSION", "Commands", "Scripts", "script_sources"]

STATE_VERSION: Final = 1
"""Version of the keys' layout. Raised with a migration in `versions.py`."""

_USE = re.compile(r"^--@use (\w+)$", re.MULTILINE)
Argument = bytes | str | int


class Commands(Protocol):
    """What sends commands: a client, or one of its connections."""

    def execute_command(self, *words: Any) -> Any:
        """Awaitable, gives the reply."""
        ...


@cache
def script_sources() -> Mapping[str, str]:
    """Name -> whole text of every script, shared parts included."""
    folder = resources.files("hub.store") / "lua"
    shared = {
        f.name[:-4]: f.read_text("utf-8") for f in (folder / "shared").iterdir() if f.name.endswith(".lua")
    }
    return {
        f.name[:-4]: _whole(f.read_text("utf-8"), shared) for f in folder.iterdir() if f.name.endswith(".lua")
    }


def _whole(text: str, shared: Mapping[str, str]) -> str:
    shebang, body = text.split("\n", 1)
    parts = [
        f"local VERSION = '{STATE_VERSION}'\n",
        shared["numbers"],
        *(shared[name] for name in _USE.findall(body)),
    ]
    return "\n".join([shebang, *parts, body])


class Scripts:
    """Calls scripts by their digest; sends the text when the server does not know it (any more)."""

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        """`sources` replaces the texts of some scripts: how tests take a guard out."""
        texts = {**script_sources(), **(sources or {})}
        self._texts = {name: text.encode() for name, text in texts.items()}
        self._digests = {name: sha1(text).hexdigest() for name, text in self._texts.items()}  # noqa: S324 - EVALSHA's own digest

    async def run(self, redis: Commands, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The script's reply.

        Raises what `hub.store.errors.translate` says: `Unavailable`, `Stale`, `Full`, `ValueError`, ...
        """
        call: Callable[..., Awaitable[Any]] = redis.execute_command
        try:
            try:
                return await call("EVALSHA", self._digests[name], len(keys), *keys, *args)
            except NoScriptError:
                return await call("EVAL", self._texts[name], len(keys), *keys, *args)
        except FOREIGN as error:
            raise translate(error) from error
