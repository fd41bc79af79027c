"""Make `hub/archive/sqlite/events-<n>.zdict` from made events, to ship a new number: an old one is for ever.

Usage: python -m tests.bench.train_dictionary FILE
"""

import re
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zstandard

from tests.factories.events import WORDS, make_entry

DICTIONARY_BYTES = 48 * 1024
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
    """One body: a third are mappers' outputs with other values, the rest made events of all classes."""
    random = Random(number)
    if number % 3 == 1:
        return _varied(random, random.choices(_GOLDENS, weights=_WEIGHTS)[0])
    body = make_entry(number, salt="dictionary", raw_data=number % 6 == 0).body
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


def _golden(path: Path) -> bytes:
    """A mapper's output as it is stored: without blanks, its payload too."""
    event = msgspec.json.decode(path.read_bytes())
    with suppress(msgspec.DecodeError, KeyError):
        event["raw_data"] = msgspec.json.encode(msgspec.json.decode(event["raw_data"])).decode()
    return msgspec.json.encode(event)


def _varied(random: Random, golden: bytes) -> bytes:
    """Other digits, hexadecimal ids, addresses and hosts in the same shape; a subject of other words."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return names.setdefault(
            found[0], f"{random.choice(WORDS)}{random.choice(WORDS)[:3]}{found[1] or '.'}"
        )

    text = re.sub(r"[a-z0-9-]{3,}(?:(@)|\.(?=example))", name, golden.decode())
    text = re.sub(r"[0-9a-f]{32}", lambda _: f"{random.getrandbits(128):032x}", text)
    text = re.sub(r"Invoice overdue", lambda _: " ".join(random.choices(WORDS, k=4)), text)
    text = re.sub(r"\b[0-9A-F]{8}\b", lambda _: f"{random.getrandbits(32):08X}", text)
    text = re.sub(r"evt_\w+", lambda _: f"evt_{random.getrandbits(80):020X}", text)
    return re.sub(_VALUES, lambda found: _digits(random, len(found[0])), text).encode()


def _digits(random: Random, count: int) -> str:
    return str(random.randrange(10 ** (count - 1), 10**count))


_VALUES = re.compile(r"""(?<!_uid":)\b\d{7,}|(?<=[-:T.])\d{2,3}(?=[-:.TZ])|(?<=\.)\d{1,3}(?=")""")
"""Times, addresses and sizes, but no number of an enumeration."""
_FOLDER = Path(__file__).parents[1] / "golden"
_PATHS = sorted(_FOLDER.glob("*/*.out.json"))
_GOLDENS = [_golden(path) for path in _PATHS]
_WEIGHTS = [8 if path.name.startswith("quarantine") else 1 for path in _PATHS]


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
