"""What stands for something else in a value: `${NAME}`, `${NAME:-default}`, `${file:/path}` and `sealed:...`.

Where the variable NAME is not set but NAME_FILE is, the file it names is read (as container secrets come).
`$${` stands for a plain `${`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from hub.config.seal import PREFIX, unseal

__all__ = ["Expander", "variable"]

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$\{")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-(.*))?", re.DOTALL)
_FILE_BYTES = 64 * 1024


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES + 1)
        text = raw.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ValueError(f"the file {str(path)!r} cannot be read: {reason}") from None
    if len(raw) > _FILE_BYTES:
        raise ValueError(f"the file {str(path)!r} is larger than {_FILE_BYTES} bytes")
    return text.rstrip("\r\n")


def variable(env: Mapping[str, str], name: str) -> str | None:
    """The value of an environment variable, from the file that `<name>_FILE` names when only that is set.

    Raises `ValueError` when that file cannot be read.
    """
    if name in env:
        return env[name]
    if path := env.get(f"{name}_FILE"):
        return _read(Path(path))
    return None


class Expander:
    """Expands the values of one file; relative paths start at `folder`."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._env = env
        self._folder = folder
        self.files: list[Path] = []
        """The files that values came from, so that a watcher can follow them."""

    def expand(self, text: str) -> str:
        """Put in what the text refers to.

        Raises `ValueError` that says what is missing or malformed.
        """
        whole = _REFERENCE.sub(self._replace, text) if "${" in text else text
        return unseal(whole, self._env) if whole.startswith(PREFIX) else whole

    def _replace(self, found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        inner = found[1]
        if inner is None:
            raise ValueError("'${' has no '}'; write '$${' for a plain '${'")
        if inner.startswith("file:"):
            return self._from_file(inner.removeprefix("file:").strip())
        return self._from_env(inner)

    def _from_file(self, name: str) -> str:
        if not name or "\0" in name:
            raise ValueError("write ${file:/path/to/file}")
        path = self._folder / name
        self.files.append(path)
        return _read(path)

    def _from_env(self, inner: str) -> str:
        parts = _VARIABLE.fullmatch(inner)
        if parts is None:
            raise ValueError(
                "this is no reference: ${NAME}, ${NAME:-default} or ${file:/path}; '$${' is a plain '${'"
            )
        name = parts[1]
        value = variable(self._env, name)
        if value is None and parts[2] is None:
            raise ValueError(
                f"the variable {name} is not set; set it or {name}_FILE, or write ${{{name}:-default}}"
            )
        if parts[2] is not None and not value:
            return str(parts[3])
        return value or ""
