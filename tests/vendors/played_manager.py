"""A manager played on loopback for the example scripts; it takes only what the vendor's page sends."""

from collections.abc import Mapping

import msgspec

from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["DOMAIN", "TOKEN", "PlayedManager"]

TOKEN = "mxm_kept-by-the-test_0123456789"
DOMAIN = "example.com"
_MAILBOX = {"username": str, "password": str, "quota": int, "limit": int}
_ENTRY = {"entry": str}


class PlayedManager:
    """Rules for a `StrictServer`: mailboxes and the list of blocked senders of one domain."""

    def __init__(self, server: StrictServer) -> None:
        self.mailboxes: list[dict[str, object]] = []
        self.blocked: list[str] = []
        server.allow("POST", f"/api/domains/{DOMAIN}/email-accounts", self._make)
        server.allow("POST", f"/api/domains/{DOMAIN}/spam/blacklist", self._block)
        server.allow("POST", r"/api/domains/[\w.-]+/(email-accounts|spam/blacklist)", _foreign)

    def _make(self, request: Received) -> Reply:
        body = _body(request, _MAILBOX)
        if isinstance(body, Reply):
            return body
        if body["username"] in {mailbox["username"] for mailbox in self.mailboxes}:
            return _refused(409, "this mailbox is there already")
        self.mailboxes.append(body)
        return Reply(status=201, json={"success": True})

    def _block(self, request: Received) -> Reply:
        body = _body(request, _ENTRY)
        if isinstance(body, Reply):
            return body
        if body["entry"] in self.blocked:
            return _refused(409, "this entry is there already")
        self.blocked.append(str(body["entry"]))
        return Reply(status=201, json={"success": True})


def _foreign(_: Received) -> Reply:
    return _refused(403, "not your domain")


def _body(request: Received, members: Mapping[str, type]) -> dict[str, object] | Reply:
    """The request's body when key, type and members are right, else the refusal."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return _refused(401, "sign in first")
    if request.headers.get("content-type") != "application/json":
        return _refused(400, "JSON is taken")
    try:
        body = msgspec.json.decode(request.body, type=dict[str, object])
    except msgspec.DecodeError as error:
        return _refused(400, str(error))
    if {name: type(value) for name, value in body.items()} != dict(members):
        return _refused(400, f"members must be {', '.join(members)}")
    return body


def _refused(status: int, reason: str) -> Reply:
    return Reply(status=status, json={"success": False, "error": {"message": reason}})
