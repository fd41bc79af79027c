"""Every event that the service tells, by its name: in the feed, to webhooks, as choices of a subscription.

A dialect offers those that its vendor's page names.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["EVENTS", "EVENT_NAMES"]

EVENTS: Final[Mapping[str, str]] = {
    "verdict.created": "a message was judged",
    "message.failed": "a copy of a message was not delivered, and will not be",
    "quarantine.added": "a message is held",
    "quarantine.released": "a held message was delivered",
    "quarantine.discarded": "a held message was deleted",
    "quarantine.reported_spam": "a held message was reported as spam",
    "quarantine.retrained": "the classifier was taught with a held message",
    "quarantine.expired": "a held message was deleted by its age",
    "misclassification.reported": "a verdict was reported as wrong",
    "reputation.threshold_crossed": "a sender's address went on or off the list",
    "license.changed": "the licence is another one, refreshed, over, or cannot be used",
    "cluster.node_joined": "a process of the service is there",
    "cluster.node_left": "a process of the service stopped or fell silent",
    "dkim.rotation_due": "a DKIM key will soon be too old",
    "cert.expiring": "a certificate comes to its end",
    "cert.resolved": "a certificate that came to its end was renewed or removed",
    "domain.created": "a domain was added",
    "domain.updated": "a domain was changed",
    "domain.deleted": "a domain was removed",
    "domain.verified": "a domain was proven to be its owner's",
    "domain.scan.completed": "a domain's records were looked at",
    "dns.health_alert": "a domain's records are in trouble",
    "dns.health_recovered": "a domain's records are well again",
    "dns.fix": "a domain's records were written",
    "dns.fix_bulk": "records of many domains were written",
    "dmarc.policy_changed": "a domain's DMARC policy was changed",
    "dmarc.drift_alert": "a domain's DMARC record is not what it should be",
    "dmarc.drift_recovered": "a domain's DMARC record is again what it should be",
    "alert.triggered": "a measured value went past what a rule allows",
    "alert.resolved": "an alert is over",
    "report.received": "a DMARC aggregate report came in",
    "rule.added": "an entry was put on a safelist or blocklist",
    "rule.updated": "an entry of a list was changed",
    "rule.removed": "an entry was taken off a list",
    "login_link.created": "a link that signs in was made",
    "api_key.created": "an API key was made",
    "api_key.updated": "an API key was changed",
    "api_key.revoked": "an API key is refused from now on",
    "api_key.deleted": "an API key was forgotten",
    "auth.login": "somebody signed in",
    "auth.login_failed": "somebody was refused",
    "mailbox.created": "a mailbox was made",
    "mailbox.updated": "a mailbox was changed",
    "mailbox.deleted": "a mailbox was removed",
    "mailbox.password_reset": "a mailbox has another password",
    "mailbox.quota_alert": "a mailbox comes to the end of its storage",
    "mailbox.quota_recovered": "a mailbox has room again",
    "mailbox.send_limit_alert": "a mailbox comes to the end of the messages that it may send in a day",
    "mailbox.send_limit_recovered": "a mailbox may send again",
    "forwarder.created": "a forwarder was made",
    "forwarder.deleted": "a forwarder was removed",
    "catch_all.updated": "mail to unknown names meets something else",
    "webhook.disabled": "an endpoint was given up after long failure",
    "webhook.test": "somebody tried an endpoint",
}
"""Name -> what happened, for people who choose."""

EVENT_NAMES: Final = tuple(EVENTS)
