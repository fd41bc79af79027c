"""Make `hub/archive/sqlite/events-<n>.zdict` from made events, to ship a new number: an old one is for ever.

Usage: python -m tests.bench.train_dictionary FILE
"""

import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zstandard

from tests.factories.events import make_entry

DICTIONARY_BYTES = 24 * 1024
SAMPLES = 6000

_METADATA = {"version": "1.8.0", "product": {"name": "MailGuard", "vendor_name": "MailGuard"}}
_OTHERS: tuple[dict[str, Any], ...] = (
    {
        "class_uid": 2004, "category_uid": 2, "activity_id": 1, "activity_name": "Create",
        "type_uid": 200401, "severity_id": 4, "severity": "High", "status_id": 1, "status": "New",
        "is_alert": True,
        "action_id": 3, "action": "Observed", "disposition_id": 19, "disposition": "Alert",
        "finding_info": {"title": "Sender reputation threshold crossed", "uid": "",
        "analytic": {"type_id": 3}},
        "evidences": [{"src_endpoint": {"ip": "192.0.2.1"}}],
        "metadata": {"profiles": ["host", "security_control"]},
    },
    {
        "class_uid": 2003, "category_uid": 2, "activity_id": 1, "activity_name": "Create", "type_uid": 200301,
        "severity_id": 1, "severity": "Informational", "count": 12, "start_time": 1759500000000,
        "end_time": 1759586400000, "status_id": 1, "status": "New",
        "compliance": {"control": "DMARC alignment", "standards": ["DMARC"], "status_id": 1,
        "status": "Pass"},
        "finding_info": {"title": "DMARC aggregate report", "uid": ""},
        "resources": [{"name": "customer.example", "type": "domain"}],
        "metadata": {"profiles": ["host", "security_control"]},
    },
    {
        "class_uid": 6003, "category_uid": 6, "activity_id": 3, "activity_name": "Update", "type_uid": 600303,
        "severity_id": 1, "severity": "Informational", "status_id": 1, "status": "Success",
        "api": {"operation": "PUT /api/v1/domains", "response": {"code": 200}},
        "actor": {"user": {"name": "admin@customer.example", "type_id": 2}, "app_name": "unknown"},
        "src_endpoint": {"ip": "192.0.2.7", "name": "unknown"}, "metadata": {"profiles": ["host"]},
    },
    {
        "class_uid": 3004, "category_uid": 3, "activity_id": 1, "activity_name": "Create", "type_uid": 300401,
        "severity_id": 2, "severity": "Low", "entity": {"name": "safelist entry", "type_id": 5,
        "type": "Policy"},
        "comment": "", "actor": {"user": {"name": "admin", "uid": "1"}}, "metadata": {"profiles": ["host"]},
    },
    {
        "class_uid": 0, "category_uid": 0, "activity_id": 99, "activity_name": "", "type_uid": 99,
        "severity_id": 0, "severity": "Unknown", "metadata": {"profiles": []},
        "raw_data_size": 900, "raw_data_hash": {"algorithm_id": 3, "algorithm": "SHA-256", "value": ""},
    },
)  # fmt: skip


def sample(number: int) -> bytes:
    """One body: seven in ten mail events, the rest of other classes, a third with the vendor's payload."""
    random = Random(number)
    body = make_entry(number, salt="dictionary", raw_data=number % 3 == 0).body
    if random.random() < 0.7:
        return body
    made: dict[str, Any] = msgspec.json.decode(body)
    other = random.choice(_OTHERS)
    kept = {
        name: made[name]
        for name in ("time", "message", "observables", "raw_data", "unmapped")
        if name in made
    }
    return msgspec.json.encode(kept | other | {"metadata": _METADATA | made["metadata"] | other["metadata"]})


def main() -> None:
    target = Path(sys.argv[1])
    if target.exists():
        sys.exit(f"{target} exists: stored bodies need it for ever; choose the next number")
    samples: list[bytes | bytearray | memoryview] = [sample(number) for number in range(SAMPLES)]
    trained = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=3)
    target.write_bytes(trained.as_bytes())
    print(f"{target}: {len(trained)} bytes from {len(samples)} samples")


if __name__ == "__main__":
    main()
