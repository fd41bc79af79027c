"""From the tree to the settings: defaults merged in, every vendor's and kind's options checked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from hub.config.document import Loc
from hub.config.explain import did_you_mean, findings, known_keys
from hub.config.match import Match
from hub.config.model import ConnectorConfig, Defaults, Settings, SourceConfig
from hub.config.problem import Mark
from hub.config.section import Section
from hub.config.signature import schemes_of
from hub.config.tree import Tree, merged
from hub.config.values import check_name
from hub.sdk.alerts import ALERT_MATCH
from hub.sdk.connector import ConnectorSpec
from hub.sdk.options import Options
from hub.sdk.source import SourceSpec

__all__ = ["Registry", "assemble", "common_keys"]

M = TypeVar("M", bound=BaseModel)


class Registry(Protocol):
    """What `hub.registry` offers; tests pass a small one of their own."""

    def sources(self) -> Iterable[str]: ...

    def source(self, name: str, /) -> SourceSpec: ...

    def connectors(self) -> Iterable[str]: ...

    def connector(self, name: str, /) -> ConnectorSpec: ...


def common_keys(config: type[Section]) -> set[str]:
    """The keys of every source (or connector), as they are written in the file."""
    return {field.alias or name for name, field in config.model_fields.items() if name != "options"}


@dataclass(frozen=True, slots=True)
class _Family:
    """Sources or connectors: what differs between the two."""

    section: str
    config: type[SourceConfig] | type[ConnectorConfig]
    selector: str
    known: Callable[[], Iterable[str]]
    spec: Callable[[str], SourceSpec | ConnectorSpec]


def assemble(tree: Tree, registry: Registry, model: type[Settings]) -> Settings | None:
    """Check the whole tree, noting what is wrong in `tree.problems`.

    Returns `None` when the top level does not hold.
    """
    families = (
        _Family("sources", SourceConfig, "vendor", registry.sources, registry.source),
        _Family("connectors", ConnectorConfig, "kind", registry.connectors, registry.connector),
    )
    top = {key: value for key, value in tree.data.items() if key not in {"sources", "connectors"}}
    settings = _checked(tree, model, top, [()])
    entries = {family.section: _entries(tree, family) for family in families}
    return settings.model_copy(update={**entries, "defaults": Defaults()}) if settings else None


def _checked(
    tree: Tree, model: type[M], data: Mapping[str, Any], origins: list[Loc], also: Iterable[str] = ()
) -> M | None:
    try:
        return model.model_validate(data, context={"folder_of": lambda key: _folder(tree, origins, key)})
    except ValidationError as error:
        for finding in findings(error, model, also):
            mark = tree.mark(origins, finding.loc, key=finding.about_key)
            if tree.readable(mark):
                tree.blame(mark, finding.message)
        return None


def _folder(tree: Tree, origins: list[Loc], key: str) -> Path:
    """Where the file lies in which a key is set; relative paths start there."""
    return Path(tree.mark(origins, (key,)).file).parent


def _mapping(tree: Tree, data: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
    value = data.get(str(loc[-1]))
    if value is not None and not isinstance(value, dict):
        tree.blame(tree.mark([()], loc), "this is a mapping: one entry per name")
    return value if isinstance(value, dict) else {}


def _entries(tree: Tree, family: _Family) -> dict[str, SourceConfig | ConnectorConfig]:
    known = sorted(family.known())
    defaults = _mapping(tree, _mapping(tree, tree.data, ("defaults",)), ("defaults", family.section))
    for word, shared in defaults.items():
        _check_defaults(tree, family, word, shared, known)
    found = {}
    for name, raw in _mapping(tree, tree.data, (family.section,)).items():
        spec = _spec(tree, family, name, raw, known)
        if spec is not None:
            word = raw[family.selector]
            below = defaults.get(word)
            whole = merged(below if isinstance(below, dict) else {}, raw)
            origins: list[Loc] = [(family.section, name), ("defaults", family.section, word)]
            if entry := _entry(tree, family, spec, whole, origins):
                found[name] = entry
    return found


def _check_defaults(tree: Tree, family: _Family, word: str, shared: Any, known: list[str]) -> None:
    """Names and keys; values are checked where an entry takes them."""
    loc = ("defaults", family.section, word)
    if word not in known:
        why = f"unknown {family.selector} {word!r}{did_you_mean(word, known)}"
        tree.blame(tree.mark([()], loc, key=True), why)
        return
    spec = _loaded(tree, family, word, tree.mark([()], loc, key=True))
    if spec is None or not isinstance(shared, dict):
        return
    understood = common_keys(family.config) | known_keys(spec.options, ())
    for key in set(shared) - understood:
        why = f"unknown key {key!r}{did_you_mean(key, understood)}"
        tree.blame(tree.mark([()], (*loc, key), key=True), why)


def _loaded(tree: Tree, family: _Family, word: str, mark: Mark) -> SourceSpec | ConnectorSpec | None:
    try:
        return family.spec(word)
    except Exception as error:  # a third party's module that does not import is named, not a traceback
        why = f"{family.selector} {word!r} cannot be loaded: {type(error).__name__}: {error}"
        tree.blame(mark, why)
        return None


def _spec(
    tree: Tree, family: _Family, name: str, raw: Any, known: list[str]
) -> SourceSpec | ConnectorSpec | None:
    """The vendor or kind that an entry names; `None` with a problem noted when that cannot be told."""
    loc = (family.section, name)
    try:
        check_name(name)
    except ValueError as error:
        tree.blame(tree.mark([()], loc, key=True), str(error))
    if not isinstance(raw, dict):
        tree.blame(
            tree.mark([()], loc, key=True),
            f"this is a mapping with at least '{family.selector}: NAME'; known: {', '.join(known)}",
        )
        return None
    word = raw.get(family.selector)
    if word is None:
        tree.blame(
            tree.mark([()], loc, key=True),
            f"the key {family.selector!r} is missing; known: {', '.join(known)}",
        )
        return None
    if word not in known:
        tree.blame(
            tree.mark([()], (*loc, family.selector)),
            f"unknown {family.selector} {str(word)[:63]!r}{did_you_mean(str(word), known)}",
        )
        return None
    return _loaded(tree, family, word, tree.mark([()], (*loc, family.selector)))


def _entry(
    tree: Tree,
    family: _Family,
    spec: SourceSpec | ConnectorSpec,
    whole: Mapping[str, Any],
    origins: list[Loc],
) -> SourceConfig | ConnectorConfig | None:
    common = common_keys(family.config)
    own = {key: value for key, value in whole.items() if key not in common}
    config = _checked(tree, family.config, {k: v for k, v in whole.items() if k in common}, origins)
    options = _checked(tree, spec.options, own, origins, also=common)
    if isinstance(spec, SourceSpec) and options is not None:
        _check_streams(tree, spec, options, whole.get("polls"), origins)
    if isinstance(spec, SourceSpec) and isinstance(config, SourceConfig):
        _check_signature(tree, spec, config, origins)
    if config is None or options is None:
        return None
    told: dict[str, Any] = {"options": options}
    if isinstance(spec, ConnectorSpec) and spec.alerting and isinstance(config, ConnectorConfig):
        told["match"] = config.match or tuple(map(Match.model_validate, ALERT_MATCH))
    return config.model_copy(update=told)


def _check_streams(tree: Tree, spec: SourceSpec, options: Options, polls: Any, origins: list[Loc]) -> None:
    streams = [stream.name for stream in spec.streams(options)]
    for name in polls if isinstance(polls, dict) else ():
        if name not in streams:
            known = did_you_mean(name, streams) or "; with these options this source polls nothing"
            tree.blame(tree.mark(origins, ("polls", name), key=True), f"unknown stream {name!r}{known}")


def _check_signature(tree: Tree, spec: SourceSpec, source: SourceConfig, origins: list[Loc]) -> None:
    try:
        schemes_of(source.signature, spec.schemes)
    except ValueError as error:
        tree.blame(tree.mark(origins, ("signature",)), str(error))
