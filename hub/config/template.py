"""A commented configuration to begin with, made from the same models that check it."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from hub.config.assemble import Registry
from hub.config.model import Settings
from hub.sdk.alerts import ALERT_MATCH
from hub.sdk.connector import ConnectorSpec

__all__ = ["template", "variables"]

_HEAD = """\
# mxhub.yaml: where events come from and where they go.
# Check it with `mxhub check`; every key and its meaning: `mxhub config schema`.
# A value may be ${NAME} (environment), ${NAME:-default}, ${file:/path} or sealed (`mxhub config seal`).
"""
_TOP = ("listen", "data", "public_url", "admin_token")
_EXAMPLE = re.compile(r"e\.g\. (\S+?)[,;)]?(?:\s|$)")
_BARE = re.compile(r"[A-Za-z./][\w./:@+-]*[\w/]|[A-Za-z]|[\d.]+:\d+")
_WIDTH = 44


def template(
    sources: Sequence[str],
    connectors: Sequence[str],
    registry: Registry,
    public_url: str | None = None,
    sections: Mapping[str, type[BaseModel]] = MappingProxyType({}),
) -> str:
    """YAML text for these vendors and kinds (one entry each; a repeated one is numbered).

    What has to be filled in stands as a value, everything else as a comment. `public_url` is how vendors
    reach this hub, when that is known; `sections` are of others that run beside it. Raises `ValueError` for
    an unknown name.
    """
    lines = [_HEAD]
    for name in _TOP:
        line = _line(name, Settings.model_fields[name], "MXHUB", "")
        lines.append(f"public_url: {_yaml(public_url)}" if name == "public_url" and public_url else line)
    lines += ["", "sources:" if sources else "sources: {}"]
    for name, vendor in _numbered(sources):
        lines += _source(name, vendor, registry, public_url or "")
    lines += ["", "connectors:" if connectors else "connectors: {}"]
    for name, kind in _numbered(connectors):
        lines += _connector(name, kind, registry)
    for name, model in sections.items():
        lines += ["", f"{name}:", *_options(model, _variable(name), "  ")]
    return "\n".join(lines) + "\n"


def variables(text: str) -> list[str]:
    """Names of the environment variables that a template's live lines refer to, in order."""
    live = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return list(dict.fromkeys(name for line in live for name in re.findall(r"\$\{([A-Z0-9_]+)\}", line)))


def _numbered(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for word in words:
        seen[word] = seen.get(word, 0) + 1
        name = word.lower().replace("_", "-")
        yield (name if seen[word] == 1 else f"{name}-{seen[word]}"), word


def _source(name: str, vendor: str, registry: Registry, public_url: str) -> list[str]:
    spec = registry.source(vendor)
    prefix = _variable(name)
    lines = [f"  {name}:  # {spec.title}", f"    vendor: {vendor}"]
    if spec.schemes:
        lines += [
            f"    # Webhooks come to POST {public_url}/in/{name},",
            "    # signed with one of these (two while you rotate).",
            "    secrets:",
            f"      - ${{{prefix}_SECRET}}",
        ]
    lines += _options(spec.options, prefix)
    streams = [stream.name for stream in spec.streams(spec.options.model_construct())]
    if streams:
        polls = ", ".join(f"{stream}: {{every_s: 300}}" for stream in streams)
        lines.append(_comment("polls", f"{{{polls}}}", "how often each stream is asked", "    "))
    return [*lines, _comment("tenant", "acme", "whose events these are", "    ")]


def _connector(name: str, kind: str, registry: Registry) -> list[str]:
    spec = registry.connector(kind)
    lines = [f"  {name}:  # {spec.title}", f"    kind: {kind}", *_options(spec.options, _variable(name))]
    return [*lines, *_match(spec), _comment("from", "now", "or beginning, or a time", "    ")]


def _match(spec: ConnectorSpec) -> Iterator[str]:
    wanted = "[{code: quarantine.*, severity: '>=medium'}]"
    usual = "these alerts" if spec.alerting else "everything"
    yield _comment("match", wanted, f"any of these; when left out {usual}", "    ")
    if spec.alerting:
        said = ", ".join(" ".join(condition.values()) for condition in ALERT_MATCH)
        yield from textwrap.wrap(said, 90, initial_indent="    #   ", subsequent_indent="    #   ")


def _options(model: type[BaseModel], prefix: str, indent: str = "    ") -> list[str]:
    about = (model.__doc__ or "").strip().splitlines()[:1] if model.__doc__ else []
    lines = [f"{indent}# {line.strip()}" for line in about]
    return lines + [_line(name, field, prefix, indent) for name, field in model.model_fields.items()]


def _line(name: str, field: FieldInfo, prefix: str, indent: str) -> str:
    """A required option, or the one suggested of several, as a live line with a value to replace; any other
    one as a comment.
    """
    key, value = field.alias or name, _value(name, field, prefix)
    if not field.is_required() and not _is_suggested(field):
        return _comment(key, value, field.description or "", indent)
    return _padded(f"{indent}{key}: {value}", field.description or "")


def _is_suggested(field: FieldInfo) -> bool:
    """Where one of several options is needed, `json_schema_extra={"suggested": True}` marks the usual one."""
    return isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("suggested") is True


def _comment(key: str, value: str, note: str, indent: str) -> str:
    return _padded(f"{indent}# {key}: {value}", note)


def _padded(text: str, note: str) -> str:
    return f"{text:<{_WIDTH}}  # {note}" if note else text


def _value(name: str, field: FieldInfo, prefix: str) -> str:
    """The default where it says something, else an example."""
    if SecretStr in _types(field.annotation):
        return f"${{{prefix}_{name.upper()}}}"
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default not in (None, "", ()):
        return _yaml(default)
    return _example(name, field, prefix) or ("CHANGE-ME" if field.is_required() else _yaml(default))


def _example(name: str, field: FieldInfo, prefix: str) -> str:
    """From the option's examples, from its description, or, for a URL that is needed, made up."""
    if field.examples:
        return _yaml(field.examples[0])
    if found := _EXAMPLE.search(field.description or ""):
        return found[1]
    is_url = name == "url" or name.endswith("_url")
    return f"https://{prefix.lower().replace('_', '-')}.example" if is_url and field.is_required() else ""


def _types(annotation: Any) -> list[Any]:
    return [annotation, *getattr(annotation, "__args__", ())]


def _yaml(value: Any) -> str:
    """A value on one line: plain text bare, everything else as JSON, which YAML contains."""
    plain = to_jsonable_python(value, by_alias=True)
    if isinstance(plain, str) and _BARE.fullmatch(plain) and plain.lower() not in {"true", "false", "null"}:
        return plain
    return orjson.dumps(plain).decode()


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())
