"""A YAML file as a plain tree that remembers where every key and value stands.

YAML 1.2 as ruamel.yaml composes it: `NO` and `yes` are text, dates stay text, duplicate keys are found, tags
are refused. Hostile files (alias bombs, cycles, deep nesting) end as problems.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hub.config.problem import Mark, Problem, spot

__all__ = ["Document", "Loc", "read"]

Loc = tuple[str | int, ...]
_MAX_NODES = 100_000
_MAX_DEPTH = 24
_TAG = "tag:yaml.org,2002:"


@dataclass
class Document:
    """Plain data (dict, list, str, int, float, bool, None) with marks per location."""

    file: str
    lines: list[str]
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Loc, Mark] = field(default_factory=dict)
    values: dict[Loc, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def blame(self, mark: Mark, message: str) -> None:
        """Note a problem at `mark`."""
        self.problems.append(spot(self.lines, mark, message))


class _TooMuchError(Exception):
    """The file unfolds to more than any configuration needs."""


def read(file: str, raw: bytes, expand: Callable[[str], str]) -> Document:
    """Parse one file; whatever is wrong with it stands in `problems`.

    `expand` puts in what text values refer to and raises `ValueError` where it cannot.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Document(
            file, [], problems=[Problem(Mark(file, line, 1), "this is no UTF-8 text; save the file as UTF-8")]
        )
    document = Document(file, text.splitlines())
    root = _compose(document, text)
    if root is not None:
        _Walk(document, expand).run(root)
    return document


def _compose(document: Document, text: str) -> Node | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor used twice is allowed by YAML 1.2
            root: Node | None = YAML(typ="rt").compose(text)
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(document.file, at.line + 1, at.column + 1) if at else Mark(document.file)
        document.blame(mark, f"this is no YAML: {error.problem or error.context or 'it cannot be parsed'}")
    except YAMLError as error:
        document.blame(Mark(document.file), f"this is no YAML: {str(error).splitlines()[0]}")
    except RecursionError:
        document.blame(Mark(document.file), "this is nested too deeply to be a configuration")
    except (
        Exception
    ) as error:  # the parser's own defects on odd input are the file's problem, not a traceback
        document.blame(Mark(document.file), f"this is no YAML that can be read ({type(error).__name__})")
    else:
        return root
    return None


def _scalar(node: ScalarNode) -> Any:
    """The plain value; raises `ValueError` for a tag or number that cannot be one."""
    text = str(node.value)
    match str(node.tag).removeprefix(_TAG):
        case "str" | "timestamp":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return _integer(text)
        case "float":
            return float(
                text.replace("_", "")
                .replace(".inf", "inf")
                .replace(".Inf", "inf")
                .replace(".NaN", "nan")
                .replace(".nan", "nan")
            )
        case tag:
            raise ValueError(f"tags have no meaning here; remove '{tag}'")


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    try:
        return int(digits, 0) if digits.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(digits)
    except ValueError:
        raise ValueError("this number cannot be read; put quotes around it if it is text") from None


class _Walk:
    """Turns nodes into plain data, noting marks and problems."""

    def __init__(self, document: Document, expand: Callable[[str], str]) -> None:
        self._document = document
        self._expand = expand
        self._nodes = 0

    def run(self, root: Node) -> None:
        if isinstance(root, ScalarNode) and str(root.tag) == f"{_TAG}null":
            return  # a file of comments
        if not isinstance(root, MappingNode):
            self._document.blame(self._mark(root), "a configuration is a mapping: lines of 'key: value'")
            return
        try:
            self._document.data = self._mapping(root, ())
        except _TooMuchError as error:
            self._document.data = {}
            self._document.blame(Mark(self._document.file), str(error))

    def _mark(self, node: Node) -> Mark:
        return Mark(self._document.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _value(self, node: Node, loc: Loc) -> Any:
        self._count()
        if len(loc) > _MAX_DEPTH:
            raise _TooMuchError(
                f"this is nested more than {_MAX_DEPTH} levels deep; does an alias contain itself?"
            )
        self._document.values[loc] = self._mark(node)
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode):
            return [self._value(child, (*loc, at)) for at, child in enumerate(node.value)]
        return self._leaf(node) if isinstance(node, ScalarNode) else None

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _TooMuchError(f"this unfolds to more than {_MAX_NODES} values; aliases of aliases?")

    def _leaf(self, node: ScalarNode) -> Any:
        try:
            value = _scalar(node)
            return self._expand(value) if isinstance(value, str) else value
        except ValueError as error:
            self._document.blame(self._mark(node), str(error))
            return None

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        own: set[str] = set()
        for key, child, merged in self._pairs(node, len(loc)):
            self._count()
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            if not isinstance(key, ScalarNode) or str(key.tag) == f"{_TAG}null":
                self._document.blame(self._mark(key), "a key is plain text; put quotes around it")
            elif not merged and name in own:
                first = self._document.keys[*loc, name].line
                self._document.blame(
                    self._mark(key), f"the key {name!r} is already set in line {first}; remove one of them"
                )
            elif not merged or name not in found:
                own.add(name)
                self._document.keys[*loc, name] = self._mark(key)
                found[name] = self._value(child, (*loc, name))
        return found

    def _pairs(self, node: MappingNode, depth: int) -> Iterator[tuple[Node, Node, bool]]:
        """The mapping's own pairs, then those that `<<` brings in."""
        merges = []
        for key, child in node.value:
            if str(key.tag) == f"{_TAG}merge":
                merges.append(child)
            else:
                yield key, child, False
        for source in merges:
            yield from self._merged(source, depth)

    def _merged(self, source: Node, depth: int) -> Iterator[tuple[Node, Node, bool]]:
        if depth > _MAX_DEPTH:
            raise _TooMuchError("a '<<' merges itself")
        for one in source.value if isinstance(source, SequenceNode) else [source]:
            self._count()
            if isinstance(one, MappingNode):
                for key, child, _ in self._pairs(one, depth + 1):
                    yield key, child, True
            else:
                self._document.blame(self._mark(one), "'<<' takes a mapping or a list of mappings")
