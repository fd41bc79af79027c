"""From what redis-py raises to what the log's callers handle. Total: nothing of redis-py leaves the store."""

from collections.abc import Callable
from typing import Final

from redis import exceptions as redis_errors

from hub.store.base import Full, RolledBack, Stale, StoreError, Unavailable

__all__ = ["FOREIGN", "WrongVersion", "lost_in_words", "translate"]


class WrongVersion(StoreError):
    """The state was written by another version of mxhub than this one can work with. Nothing was changed."""


def lost_in_words(lost: str) -> str:
    """What a rolled back log lost (`kept:seen`, as scripts have it), and what to do; empty for nothing."""
    if not lost:
        return ""
    kept, _, seen = lost.partition(":")
    return (
        f"the log's server went back to event {kept} after event {seen} had been acknowledged, so nothing is "
        "taken in, archived or delivered: stop every process of this hub and start them again; where archive "
        "and log still agree they go on, else the start says what to choose"
    )


FOREIGN: Final = (redis_errors.RedisError, OSError, TimeoutError, EOFError)
"""What a call on a client can raise: redis-py's tree, socket errors, a time-out, an end in mid-reply."""

_OURS: Final[dict[str, Callable[[str], Exception]]] = {
    "STALE": lambda why: Stale(f"the {why} moved on"),
    "FULL": lambda why: Full(f"the log is at its limit with {why} entries"),
    "BAD": lambda why: ValueError(f"refused by the log: {why}"),
    "ROLLED_BACK": lambda why: RolledBack(lost_in_words(why)),
    "VERSION": lambda why: WrongVersion(f"the log's state has version {why} by now: restart this process"),
}
"""First word of our scripts' refusals."""

_TRY_LATER: Final = frozenset({
    "OOM", "READONLY", "MISCONF", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED",
    "ASK", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "EXECABORT", "UNKILLABLE",
})  # fmt: skip
"""First word of the server's refusals that say nothing about the call itself."""

_PERSISTENT: Final = (
    redis_errors.DataError,
    redis_errors.InvalidResponse,
    redis_errors.PubSubError,
    redis_errors.ModuleError,
)
"""A defect of ours, or a server that is none: trying again does not help."""


def translate(error: BaseException) -> Exception:
    """The error to raise instead of `error` (any of `FOREIGN`).

    Whatever leaves the outcome unknown or may pass is `Unavailable`; a refusal of our scripts is what it
    says; what remains (a defect, a key of a wrong type) is a plain `StoreError`.
    """
    if isinstance(error, _PERSISTENT):
        return StoreError(
            f"the log's server and we do not understand each other: {type(error).__name__}: {error}"
        )
    if isinstance(error, redis_errors.ResponseError):
        return _refusal(error)
    return Unavailable(f"the log's server cannot be reached: {type(error).__name__}: {error}")


def _refusal(error: redis_errors.ResponseError) -> Exception:
    code, _, why = str(error).partition(" ")
    if code in _OURS:
        return _OURS[code](why.partition(" script:")[0])
    subclass = type(error) is not redis_errors.ResponseError and not isinstance(
        error, redis_errors.NoScriptError
    )
    if code in _TRY_LATER or subclass:
        return Unavailable(f"the log's server refused: {type(error).__name__}: {error}")
    return StoreError(f"the log's server refused: {error}")
