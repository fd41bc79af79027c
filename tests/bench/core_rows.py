"""Made rows of the core's tables: a month of mail of one big tenant among small ones.

Few domains get most of the mail, as do few senders; nights are quiet; four messages in five are clean.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Any

__all__ = [
    "DAY_MS",
    "DOMAINS",
    "END_MS",
    "SPAN_MS",
    "TENANT",
    "TENANTS",
    "Mail",
    "audit",
    "domain_name",
    "share_of",
    "time_of",
]

DAY_MS = 86_400_000
END_MS = 1_790_000_000_000 - 1_790_000_000_000 % DAY_MS
"""The last midnight that the made rows reach."""
SPAN_MS = 30 * DAY_MS
TENANT = "big"
TENANTS = (TENANT, "small-1", "small-2")
DOMAINS = 200
"""Of the big tenant; the small ones have a tenth each."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_SENDERS = 50_000
_SENDER_DOMAINS = 4_000
_RECIPIENTS = 50
_VERDICTS = ("clean", "tag", "quarantine", "reject")
_WEIGHTS = (82, 6, 9, 3)
_SCORES = {"clean": 0.5, "tag": 4.5, "quarantine": 8.0, "reject": 16.0}
_FATES = {"clean": "relayed", "tag": "relayed", "quarantine": "quarantined", "reject": "rejected"}
_STATES = ("held", "released", "discarded")
_REASONS = ("spam", "phishing", "sandbox", "rbl")
_ACTIONS = ("quarantine.released", "quarantine.added", "domain.updated", "list.created", "auth.login")
_WORDS = (
    *("invoice", "payment", "account", "meeting", "report", "delivery", "update"),
    *("password", "review", "schedule", "order", "notice"),
)
_NAMES = (
    "SPF_PASS",
    "DKIM_PASS",
    "DMARC_PASS",
    "URL_SHORTENED",
    "SUBJECT_URGENT",
    "CLASSIFIER_SPAM",
    "NO_RDNS",
)


def share_of(tenant: str, rows: int) -> int:
    """How many rows a tenant has: the big one `rows`, each small one a twentieth of that."""
    return rows if tenant == TENANT else max(rows // 20, 1)


def domain_name(tenant: str, number: int) -> str:
    return f"customer{number}.{tenant}.example"


def time_of(number: int, rows: int) -> int:
    """Of a row, ascending: steady by day, with three hours' worth moved from night to noon."""
    steady = number * SPAN_MS / rows
    return END_MS - SPAN_MS + int(steady - 3 * 3_600_000 * math.sin(2 * math.pi * steady / DAY_MS) * 0.9)


def _falling(count: int, power: float = 1.0) -> list[float]:
    """Cumulative weights by rank (Zipf)."""
    return list(accumulate(1 / (rank + 1) ** power for rank in range(count)))


class Mail:
    """Verdicts of a tenant in the order of time; meanwhile it collects what was held and what was counted."""

    def __init__(self, tenant: str, rows: int) -> None:
        self.tenant = tenant
        self.rows = share_of(tenant, rows)
        self.held: list[dict[str, Any]] = []
        self.placed: list[dict[str, Any]] = []
        """The recipients of what was held."""
        self.counts: Counter[tuple[str, int, str]] = Counter()
        """Of (domain, hour, verdict)."""
        self._random = Random(tenant)
        count = DOMAINS if tenant == TENANT else DOMAINS // 10
        self._domains = [domain_name(tenant, number) for number in range(count)]
        self._by_domain = _falling(count, 0.8)
        self._by_sender = _falling(_SENDERS, 0.9)

    def verdicts(self) -> Iterator[dict[str, Any]]:
        random = self._random
        for first in range(0, self.rows, 1000):
            numbers = range(first, min(first + 1000, self.rows))
            some = len(numbers)
            domains = random.choices(self._domains, cum_weights=self._by_domain, k=some)
            senders = random.choices(range(_SENDERS), cum_weights=self._by_sender, k=some)
            words = random.choices(_VERDICTS, _WEIGHTS, k=some)
            for number, domain, sender, word in zip(numbers, domains, senders, words, strict=True):
                yield self._verdict(number, domain, sender, word)

    def _verdict(self, number: int, domain: str, sender: int, word: str) -> dict[str, Any]:
        random = self._random
        at_ms = time_of(number, self.rows) + random.randrange(1000)
        self.counts[domain, at_ms - at_ms % 3_600_000, word] += 1
        sender_domain = f"sender{sender % _SENDER_DOMAINS}.example"
        row = {
            "id": self._id("vrd"),
            "tenant": self.tenant,
            "domain": domain,
            "message": self._id("msg"),
            "at_ms": at_ms,
            "sender": f"person{sender}@{sender_domain}",
            "sender_domain": sender_domain,
            "recipient": f"user{random.randrange(_RECIPIENTS)}@{domain}",
            "subject": " ".join(random.choices(_WORDS, k=6)),
            "message_id": f"<{number:x}.{random.getrandbits(48):x}@{sender_domain}>",
            "client_ip": f"192.0.2.{sender % 250}",
            "verdict": word,
            "score": round(_SCORES[word] + random.random() * 3, 2),
            "symbols": self._symbols(),
            "reason": "" if word == "clean" else random.choice(_REASONS),
            "authentication": _AUTHENTICATION % {"domain": sender_domain},
            "fate": _FATES[word],
            "fate_detail": "250 2.0.0 Ok: queued" if _FATES[word] == "relayed" else "",
            "quarantine_id": self._id("qua") if word == "quarantine" else "",
            "size_bytes": random.randrange(2_000, 80_000),
            "mailing_list": sender % 9 == 0,
        }
        if word == "quarantine":
            self._hold(row)
        return row

    def _hold(self, verdict: dict[str, Any]) -> None:
        same = (
            "tenant",
            "domain",
            "message",
            "sender",
            "subject",
            "message_id",
            "client_ip",
            "score",
            "reason",
        )
        number = len(self.held)
        place = {"tenant": self.tenant, "arrived_ms": verdict["at_ms"], "item": verdict["quarantine_id"]}
        self.placed.append({**place, "recipient": verdict["recipient"]})
        self.held.append(
            {
                **{name: verdict[name] for name in same},
                "id": verdict["quarantine_id"],
                "node_id": "node-1",
                "queue_id": f"{self.tenant}-{number:08X}",
                "state": self._random.choices(_STATES, (50, 20, 30))[0],
                "state_ms": verdict["at_ms"],
                "recipients": json.dumps([verdict["recipient"]]),
                "symbols": json.dumps(self._random.sample(_NAMES, 3)),
                "size_bytes": verdict["size_bytes"],
                "arrived_ms": verdict["at_ms"],
            }
        )

    def _symbols(self) -> str:
        names = self._random.sample(_NAMES, 3)
        return json.dumps([{"name": name, "score": 1.5, "detail": "as it was found"} for name in names])

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._random.choices(_ALPHABET, k=20))}"


_AUTHENTICATION = json.dumps(
    {
        "spf": {"result": "pass", "domain": "%(domain)s", "scope": "mailfrom"},
        "dkim": [
            {
                "result": "pass",
                "domain": "%(domain)s",
                "selector": "s1",
                "signature": "dGhpcyBp",
                "reason": "",
            }
        ],
        "dmarc": {
            "result": "pass",
            "domain": "%(domain)s",
            "policy": "reject",
            "disposition": "none",
            "aligned": True,
        },
        "rdns": {"result": "pass", "name": "mail.%(domain)s"},
    }
)


def audit(tenant: str, rows: int, number: int, domains: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Entries of a tenant as the chain lays them out, but for their seals; `number` is the node's."""
    random, total = Random(f"audit {tenant}"), share_of(tenant, rows)
    weights = _falling(len(domains), 0.8)
    for at in range(total):
        domain = random.choices(domains, cum_weights=weights)[0]
        action = _ACTIONS[min(int(random.expovariate(1.2)), len(_ACTIONS) - 1)]
        kind = action.partition(".")[0]
        yield {
            "tenant": tenant,
            "seq": at + 1,
            "id": f"node-1:{number + at + 1}",
            "node_id": "node-1",
            "number": number + at + 1,
            "at_ms": time_of(at, total),
            "actor_type": "user",
            "actor": f"admin{random.randrange(40)}@{tenant}.example",
            "key_prefix": "",
            "ip": "198.51.100.7",
            "action": action,
            "resource_type": kind,
            "resource": f"{kind}/{random.getrandbits(40):010x}",
            "domain": domain,
            "result": "success" if random.random() < 0.97 else "failure",
            "reason": "",
            "request_id": f"req_{random.getrandbits(128):032x}",
            "details": {"recipient": f"user{random.randrange(_RECIPIENTS)}@{domain}", "at": at},
            "before": {"state": "held"},
            "after": {"state": "released"},
        }
