"""The words in which people are told of an action: ours, or as a vendor's clients expect them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from core.notify.send import Note
from core.outward.letter import Letter, is_destructive
from core.outward.manager_names import theirs, user
from core.store.clock import iso_millis

__all__ = ["FORMS", "OWN", "note_of", "trial"]

OWN: Final = "mxhub"
_ALARMS: Final = ("_alert", ".triggered", ".expiring", "_failed", ".disabled", "_left")


def _own(letter: Letter) -> Note:
    """A title and a few lines. `->` is followed by what it was done to."""
    data = letter.data
    actor, about = data.get("actor") or {}, _about(data)
    lines = [f"{actor.get('name') or actor.get('type') or 'system'} -> {data.get('domain') or about}"]
    lines += [f"{name}: {value}" for name, value in (("what", about), ("at", iso_millis(letter.at_ms)))]
    lines += [f"{name}: {data[name]}" for name in ("result", "reason", "request_id") if data.get(name)]
    return Note(title=f"[mxhub] {letter.action}", body="\n".join(lines), kind=_kind(letter.action))


def _manager(letter: Letter) -> Note:
    """`<user> → <target>` and a line of `name=value` (R1, `docs/vendors/README.md`).

    The target is the one of the manager's log; of a spam list its domain, since no entries are told.
    """
    data = letter.data
    actor, thing = data.get("actor") or {}, data.get("resource") or {}
    who = user(str(actor.get("type", "")), str(actor.get("name", "")))
    name = data.get("domain") if thing.get("type") == "spam-list" else thing.get("id")
    target = str(name or thing.get("type") or "")
    facts = {name: data[name] for name in ("details", "result", "reason", "request_id") if data.get(name)}
    told = ", ".join(f"{name}={value}" for name, value in facts.items())
    lines = [f"{who} → {target}" if target else who, told]
    title = f"[MXroute Manager] {theirs(letter.action)}"
    return Note(title=title, body="\n".join(filter(None, lines)), kind="info")


FORMS: Final[Mapping[str, Callable[[Letter], Note]]] = {OWN: _own, "mxroute-manager": _manager}
"""By the name that a target's `form` has."""
_TITLES: Final[Mapping[str, str]] = {
    OWN: "[mxhub] test",
    "mxroute-manager": "[MXroute Manager] notification.test",
}


def note_of(letter: Letter, form: str = OWN) -> Note:
    """What a target of that form is told."""
    return FORMS[form](letter)


def trial(form: str, name: str) -> Note:
    """What somebody of that name sends to see whether a target works."""
    return Note(title=_TITLES[form], body=f"{name} tries this target.", kind="info")


def _about(data: Mapping[str, Any]) -> str:
    thing = data.get("resource") or {}
    return "/".join(part for part in (str(thing.get("type", "")), str(thing.get("id", ""))) if part)


def _kind(action: str) -> str:
    return "warning" if action.endswith(_ALARMS) or is_destructive(action) else "info"
