"""Keeps secrets out of log lines: by the name of a key, by value, and by form (credentials in a URL)."""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

__all__ = ["MASK", "Redactor", "is_secret_name", "secrets_of"]

MASK = "***"
_MIN_CHARS = 4
"""A shorter value cannot be told from ordinary text; `mxhub check` warns of short secrets."""
_MAX_DEPTH = 8
_JSON_BITS = 63
_NAME = re.compile(
    r"(^|_)(secrets?|tokens?|passwords?|passwd|passphrase|api_?keys?|authorization|cookies?|credentials?|private_?key)$"
)
_URL_CREDENTIALS = re.compile(r"(\w+://[^\s/:@]*):([^\s/@]+)@")


def is_secret_name(name: str) -> bool:
    """Whether a key of that name holds a secret: `admin_token`, `X-API-Key`, `Set-Cookie`."""
    return _NAME.search(name.lower().replace("-", "_")) is not None


def secrets_of(value: Any) -> set[str]:
    """Every secret inside settings: each `SecretStr`, and passwords in URLs."""
    if isinstance(value, SecretStr):
        return {value.get_secret_value()}
    if isinstance(value, str):
        return {found[2] for found in _URL_CREDENTIALS.finditer(value)}
    if isinstance(value, BaseModel):
        return set().union(*(secrets_of(one) for _, one in value))
    if isinstance(value, Mapping):
        return set().union(*map(secrets_of, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(secrets_of, value))
    return set()


def _fitting(value: Any) -> Any:
    """JSON writers refuse integers beyond 64 bits."""
    return str(value) if isinstance(value, int) and value.bit_length() > _JSON_BITS else value


class Redactor:
    """A structlog processor. Values stay registered for good: an old secret may still be live somewhere."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, secrets: Iterable[str]) -> None:
        """Scrub these values from now on, as they are, URL-quoted, and without a `whsec_`, `whsk_` before."""
        for secret in secrets:
            bare = secret.removeprefix("whsec_").removeprefix("whsk_")
            forms = {secret, secret.strip(), bare, quote(secret, safe="")}
            self._values |= {form for form in forms if len(form) >= _MIN_CHARS}
        longest_first = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text without any registered value, without credentials in URLs, and fit for UTF-8."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        if "@" in text:
            text = _URL_CREDENTIALS.sub(rf"\1:{MASK}@", text)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def value(self, value: Any, depth: int = 0) -> Any:
        """Any value with its text scrubbed; what is no plain data becomes text first."""
        if value is None or isinstance(value, bool | float | int):
            return MASK if str(value) in self._values else _fitting(value)
        if depth > _MAX_DEPTH:
            return "..."
        if isinstance(value, Mapping):
            return {self.text(str(k)): self._item(str(k), v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, bytes | bytearray):
            return self.text(value.decode("utf-8", "replace"))
        return self.text(value if isinstance(value, str) else str(value))

    def _item(self, name: str, value: Any, depth: int) -> Any:
        return MASK if value and is_secret_name(name) else self.value(value, depth)

    def __call__(
        self, _logger: Any, _method: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Scrub a whole log line; runs after exceptions were rendered to text."""
        for key, value in event_dict.items():
            if not key.startswith("_"):  # structlog's own, never rendered
                event_dict[key] = self._item(key, value, 0)
        return event_dict
