"""What MXroute Manager calls the actions of the audit log (its public source R1, `docs/vendors/README.md`).

The manager's names stand in its log, in its messages to people, and in what it lets people subscribe to. What
is not named here is called there as it is here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["CATALOGUE", "DESTRUCTIVE", "finely", "ours", "theirs", "user"]

_THEIRS: Final[Mapping[str, str]] = {
    "account.created": "delegation.create",
    "account.deleted": "delegation.delete",
    "account.password_changed": "settings.admin_password_update",
    "account.updated": "profile.update",
    "api_key.created": "api_token.create",
    "api_key.deleted": "api_token.delete",
    "api_key.revoked": "api_token.revoke",
    "api_key.updated": "api_token.update",
    "auth.signed_out_everywhere": "auth.logout",
    "delegation.changed": "delegation.update",
    "delegation.removed": "delegation.revoke",
    "domain.created": "domain.create",
    "domain.deleted": "domain.delete",
    "domain.scan": "dns.scan",
    "domain.updated": "domain.update",
    "mailbox.password_reset": "mailbox.reset_completed",
    "notifications.test": "notification.test",
    "notifications.update": "settings.update",
    "password_reset.not_sent": "smtp.send_failed",
    "password_reset.requested": "mailbox.reset_requested",
    "reset_portal.disabled": "reset_portal.teardown",
    "reset_portal.enabled": "reset_portal.deploy",
    "settings.changed": "settings.update",
}
_FINER: Final[Mapping[str, str]] = {
    "domain.mail_status": "domain.updated",
    "mailbox.password_update": "mailbox.update",
    "mailbox.quota_update": "mailbox.update",
}
"""Names of theirs for some of what one action here stands for."""

CATALOGUE: Final[Mapping[str, Sequence[str]]] = {
    "Authentication": ("auth.login", "auth.login_failed", "auth.logout"),
    "Access control": (
        *("delegation.update", "delegation.revoke"),
        *("api_token.create", "api_token.revoke", "api_token.delete"),
    ),
    "Settings": ("settings.update", "settings.admin_password_update"),
    "Domains": (
        *("domain.create", "domain.delete", "domain.update", "domain.mail_status"),
        *("pointer.create", "pointer.delete"),
    ),
    "Mailboxes": (
        *("mailbox.create", "mailbox.update", "mailbox.password_update", "mailbox.quota_update"),
        *("mailbox.delete", "mailbox.recovery_update", "mailbox.reset_requested", "mailbox.reset_completed"),
        *("mailbox.quota_alert", "mailbox.quota_recovered"),
        *("mailbox.send_limit_alert", "mailbox.send_limit_recovered"),
    ),
    "Forwarders": ("forwarder.create", "forwarder.delete", "catchall.update"),
    "Spam": (
        *("spam.settings_update", "spam.whitelist_add", "spam.whitelist_remove"),
        *("spam.blacklist_add", "spam.blacklist_remove"),
    ),
    "DNS": (
        *("dns.fix", "dns.fix_bulk", "dns.scan", "dns.health_alert", "dns.health_recovered"),
        *("dns.dmarc_policy_update", "dns.dmarc_policy_clear"),
    ),
    "Reset portal": ("reset_portal.deploy", "reset_portal.teardown"),
    "System": ("smtp.send_failed", "notification.test"),
}
"""What people choose from, by group."""

DESTRUCTIVE: Final = (
    *("api_token.delete", "api_token.revoke", "delegation.revoke", "domain.delete", "forwarder.delete"),
    *("mailbox.delete", "pointer.delete", "reset_portal.teardown"),
    *("spam.blacklist_remove", "spam.whitelist_remove"),
)
"""What of it takes something away."""


def theirs(action: str) -> str:
    """The manager's name of an action."""
    return _THEIRS.get(action, action)


def ours(name: str) -> tuple[str, ...]:
    """The actions that a name of the manager's stands for; the name itself where it is none of those."""
    found = tuple(action for action, known in _THEIRS.items() if known == name)
    return found or (_FINER.get(name, name),)


def finely(action: str, after: Any, details: Mapping[str, Any]) -> str:
    """As `theirs`, with the finer names where what was changed tells them."""
    if action == "mailbox.update":
        changed = details.get("changed") or ()
        return "mailbox.password_update" if "password" in changed else "mailbox.quota_update"
    if action == "domain.updated" and isinstance(after, Mapping) and set(after) == {"mail_hosting"}:
        return "domain.mail_status"
    return theirs(action)


def user(kind: str, name: str) -> str:
    """Who acted: a token by its label, the service itself, or a login. `kind` as in the audit log."""
    if kind == "system":
        return "system"
    return f"token:{name}" if kind == "api_key" else name
