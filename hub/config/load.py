"""Reads the configuration: file, included files, environment, flags; all problems at once.

Which file: the one named, else `MXHUB_CONFIG`, else `./mxhub.yaml` when it is there, else none (all
defaults). What wins: flag over environment over file over default.
"""

import glob
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.config.assemble import Registry, assemble
from hub.config.document import read
from hub.config.expand import Expander, variable
from hub.config.model import Settings
from hub.config.problem import ConfigError, Mark, Problem
from hub.config.tree import Tree

__all__ = ["DEFAULT_FILE", "VARIABLES", "Loaded", "installed", "load", "load_text"]

DEFAULT_FILE = "mxhub.yaml"
VARIABLES = {
    "MXHUB_DATA": "data",
    "MXHUB_LISTEN": "listen",
    "MXHUB_ADMIN_TOKEN": "admin_token",
    "MXHUB_REDIS_URL": "redis_url",
}
"""Variables (each also as `<name>_FILE`) that set a top-level key; `MXHUB_CONFIG` names the file."""
_FILE_BYTES = 4 * 1024 * 1024
_MAX_INCLUDED = 1000


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what they were made from."""

    settings: Settings
    files: tuple[Path, ...]
    """Every file that was read, those of `${file:...}` too: the main file first when there is one."""
    path: Path | None
    overrides: Mapping[str, object]
    model: type[Settings] = Settings
    """What the settings are of: whoever composes the product adds sections of its own."""
    documents: tuple[Path, ...] = ()
    """Those of `files` that are configuration: the main file and what it includes."""

    def reload(self, env: Mapping[str, str], registry: Registry | None = None) -> "Loaded":
        """The same again, files and secrets read anew (SIGHUP).

        Raises `ConfigError`; keep the settings that are in force then.
        """
        return load(self.path, env, overrides=self.overrides, registry=registry, model=self.model)


def load(
    path: Path | str | None,
    env: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
    registry: Registry | None = None,
    model: type[Settings] = Settings,
) -> Loaded:
    """Read everything.

    `overrides` are flags: top-level keys of the settings, `None` values are left out. Raises `ConfigError`
    with every problem that was found.
    """
    main = _main_file(path, env)
    tree = Tree(str(main) if main else "configuration")
    files: list[Path] = []
    if main is not None:
        _add_file(tree, main, env, files)
        _add_included(tree, main, env, files)
    flags = {key: value for key, value in (overrides or {}).items() if value is not None}
    documents = tuple(path for path in files if str(path) in tree.documents)
    settings = _finish(tree, env, flags, registry, model)
    return Loaded(settings, tuple(files), main, flags, model, documents)


def load_text(
    text: str | bytes,
    env: Mapping[str, str] | None = None,
    *,
    registry: Registry | None = None,
    name: str = DEFAULT_FILE,
    model: type[Settings] = Settings,
) -> Settings:
    """Settings from text instead of a file (`include` is not followed); raises `ConfigError`."""
    tree = Tree(name)
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    tree.add(read(name, raw, Expander(env or {}, Path()).expand))
    return _finish(tree, env or {}, {}, registry, model)


def _main_file(path: Path | str | None, env: Mapping[str, str]) -> Path | None:
    named = path or env.get("MXHUB_CONFIG") or None
    if named is not None:
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def _add_file(tree: Tree, path: Path, env: Mapping[str, str], files: list[Path]) -> None:
    files.append(path)
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        tree.problems.append(Problem(Mark(str(path)), f"the file cannot be read: {reason}"))
        return
    if len(raw) > _FILE_BYTES:
        tree.problems.append(Problem(Mark(str(path)), f"the file is larger than {_FILE_BYTES} bytes"))
        return
    expander = Expander(env, path.parent)
    tree.add(read(str(path), raw, expander.expand))
    files.extend(expander.files)


def _add_included(tree: Tree, main: Path, env: Mapping[str, str], files: list[Path]) -> None:
    patterns = tree.data.get("include")
    texts = [p for p in (patterns if isinstance(patterns, list) else [patterns]) if isinstance(p, str)]
    for at, pattern in enumerate(texts):
        found = sorted(glob.glob(pattern, root_dir=main.parent, recursive=True))  # noqa: PTH207 - Path.glob refuses absolute ones
        mark = tree.mark([()], ("include", at))
        if not found and not glob.has_magic(pattern):
            tree.blame(mark, f"there is no file {str(main.parent / pattern)!r}")
        if len(found) > _MAX_INCLUDED:
            tree.blame(mark, f"this matches {len(found)} files; at most {_MAX_INCLUDED} are read")
        for name in found[:_MAX_INCLUDED]:
            if (main.parent / name).is_file():
                _add_file(tree, main.parent / name, env, files)


def _finish(
    tree: Tree,
    env: Mapping[str, str],
    flags: Mapping[str, object],
    registry: Registry | None,
    model: type[Settings],
) -> Settings:
    for name, key in VARIABLES.items():
        try:
            value = variable(env, name)
        except ValueError as error:
            tree.problems.append(Problem(Mark(f"{name}_FILE"), str(error)))
        else:
            if value:
                tree.override(key, value, name)
    for key, flag in flags.items():
        tree.override(key, flag, f"--{key.replace('_', '-')}")
    settings = assemble(tree, registry or installed(), model)
    if settings is None or tree.problems:
        raise ConfigError(tree.problems)
    return settings


@cache
def installed() -> Registry:
    """The sources and connectors of this installation, found once a process."""
    from hub.registry import Registry as Installed

    return Installed()
