"""Where templates come from: a package, and a folder of the user's. Needs no template engine."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

__all__ = ["SUFFIX", "Source", "read_folder", "read_package"]

SUFFIX = ".j2"


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text, and what to call it in a message."""

    file: str
    text: str


@cache
def read_package(package: str, folder: str) -> Mapping[str, Source]:
    """The templates that an installed package brings in a folder, by name without `.j2`."""
    found = files(package).joinpath(folder)
    return {
        each.name.removesuffix(SUFFIX): Source(f"{package}/{folder}/{each.name}", each.read_text("utf-8"))
        for each in found.iterdir()
        if each.name.endswith(SUFFIX)
    }


def read_folder(folder: Path, known: Collection[str]) -> Mapping[str, Source]:
    """A user's templates, by name without `.j2`; names that begin with `_` are there to be included.

    Raises `ValueError` for a folder or a file that cannot be read, or a name that is not in `known`.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
        found = {path.name.removesuffix(SUFFIX): Source(str(path), path.read_text("utf-8")) for path in paths}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "a template is no UTF-8 text"
        raise ValueError(f"the templates in {str(folder)!r} cannot be read: {reason}") from None
    strange = sorted(name for name in found if name not in known and not name.startswith("_"))
    if strange:
        raise ValueError(
            f"{found[strange[0]].file}: nothing is called {strange[0]!r}; known: {', '.join(sorted(known))}"
        )
    return found
