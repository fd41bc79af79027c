"""What the engine thinks of a made day's mail.

`python -m tests.core.engine.test_golden_verdicts` rewrites it.
"""

import asyncio
from pathlib import Path

import orjson

from core.sandbox.mailgen import DOMAINS, MailGenerator
from core.sandbox.recipes import RECIPES
from tests.factories.core import NOW_MS
from tests.factories.engine import Zone, scanned

GOLDEN = Path(__file__).with_name("golden_verdicts.json")
EACH = 4
RECORDS = {
    (f"{domain}", "TXT"): ["v=spf1 ip4:192.0.2.0/24 -all"]
    for domain in ("kontor-hafen.example", "delta-freight.example", "bikeworld.example", "gardenhaus.example")
} | {("_dmarc.delta-freight.example", "TXT"): ["v=DMARC1; p=reject"]}


async def verdicts():
    made = MailGenerator(seed=20_260_501)
    rows = []
    for kind in RECIPES:
        for _ in range(EACH):
            one = made.make(NOW_MS, kind)
            verdict = await scanned(
                one.raw, one.envelope, resolver=Zone(RECORDS), own_domains=frozenset(DOMAINS)
            )
            rows.append(
                {
                    "kind": kind,
                    "subject": verdict.mail.subject,
                    "fates": [recipient.fate for recipient in verdict.recipients],
                    "score": verdict.score,
                    "reason": verdict.reason,
                    "symbols": {symbol.name: symbol.score for symbol in verdict.symbols},
                }
            )
    return rows


def packed(rows):
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n"


async def test_the_verdicts_on_made_mail_are_the_kept_ones():
    assert packed(await verdicts()) == GOLDEN.read_bytes()


async def test_good_mail_of_the_kept_ones_goes_through_and_bad_does_not():
    rows = orjson.loads(GOLDEN.read_bytes())
    good = {"legit", "reply", "newsletter", "discussion"}

    listed = [row for row in rows if "DMARC_FAIL_REJECT" in row["symbols"]]

    assert {row["kind"] for row in listed} == {"discussion"}, (
        "a list breaks what the sender's domain insists on"
    )
    assert all(set(row["fates"]) == {"deliver"} for row in rows if row["kind"] in good and row not in listed)
    assert all(
        "deliver" not in row["fates"] for row in rows if row["kind"] in {"phishing", "malware", "botnet"}
    )


if __name__ == "__main__":
    GOLDEN.write_bytes(packed(asyncio.run(verdicts())))
