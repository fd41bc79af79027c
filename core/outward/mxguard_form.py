"""Events as MxGuard's webhooks have them: its page announces them and shows no form, so this one is ours.

The body is `{"id", "event", "timestamp", "data"}`; what it tells of is as the API shows it, with who did it.
The header is `X-MxGuard-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256 of `<seconds>.<body>` by the
secret's text, one `v1=` for each live secret.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from core.engine.scales import mx_score
from core.outward.letter import Letter
from core.store.clock import iso_seconds
from hub.sdk.verify import Scheme

__all__ = ["MXGUARD", "body_of"]

MXGUARD: Final = Scheme(
    name="mxguard", headers=("x-mxguard-signature",), content=("timestamp", "body"), form="t=,v1="
)
_NAMES: Final[Mapping[str, str]] = {
    "sender": "from",
    "recipient": "to",
    "symbols": "reasons",
    "size_bytes": "size",
    "arrived_at": "received_at",
}
_MESSAGE: Final = (
    *("id", "timestamp", "arrived_at", "domain", "sender", "recipient", "subject", "score", "verdict"),
    *("symbols", "size_bytes", "client_ip", "message_id", "state", "actor"),
)
_STATES: Final[Mapping[str, str]] = {"discarded": "deleted"}


def body_of(letter: Letter) -> bytes:
    """The whole body."""
    said = {"id": letter.id, "event": letter.name, "timestamp": iso_seconds(letter.at_ms)}
    shown = _SHOWN.get(letter.name.partition(".")[0], dict)
    return orjson.dumps({**said, "data": shown(letter.data)})


def _message(data: Mapping[str, Any]) -> dict[str, Any]:
    """Their names, their scale of scores, and `to` with commas in between."""
    told = {_NAMES.get(name, name): data[name] for name in _MESSAGE if data.get(name) is not None}
    if "recipients" in data:
        told["to"] = ", ".join(data["recipients"])
    if "score" in told:
        told["score"] = mx_score(told["score"])
    if data.get("fate") == "rejected":
        told["verdict"] = "rejected"
    if "state" in told:
        state = told.pop("state")
        told["status"] = _STATES.get(state, state)
    return told


def _domain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the service has beside it: keys, customers, its own scale."""
    policy, same = data["policy"], ("domain", "real_mx_host", "actor")
    return {
        **{name: data[name] for name in same if name in data},
        "status": "pending_verification" if data["status"] == "pending" else data["status"],
        "thresholds": {
            name: mx_score(policy[f"{name}_threshold"]) for name in ("tag", "quarantine", "reject")
        },
    }


def _rule(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: data[name] for name in ("id", "domain", "actor") if name in data},
        "action": "allow" if data["list"] == "safelist" else "block",
        "pattern": data["item"],
        "note": data.get("note") or None,
    }


_SHOWN: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "verdict": _message,
    "quarantine": _message,
    "domain": _domain,
    "rule": _rule,
}
"""By the first word of an event's name."""
