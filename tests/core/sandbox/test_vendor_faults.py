"""What clients have to survive, in each vendor's own form, and that every fault is counted."""

import asyncio
import time

import aiohttp
import orjson
import pytest
from aiohttp import web
from pydantic import ValidationError

from core.app.dialects import DIALECTS
from core.sandbox.faults import FOLLOWED, Faults, FaultSettings
from core.sandbox.pages import entries_of, shrunk
from tests.core.dialects.surfaces import SURFACES
from tests.core.sandbox.test_vendor_sandbox import LISTING
from tests.factories.core_api import Said


@pytest.fixture
async def sandbox(start):
    async with start("mxguard") as sandbox:
        yield sandbox


RULES = "/api/v1/domains/acme.example/rules"


@pytest.mark.parametrize("vendor", sorted(DIALECTS))
async def test_refusals_have_the_vendors_form(vendor, start, ask):
    async with start(vendor) as sandbox:
        sandbox.faults.set({"refuse": 2, "retry_after": None})
        refused, later = [await ask(sandbox, LISTING[vendor]) for _ in range(2)]
        after = await ask(sandbox, LISTING[vendor])

    assert (refused[0], later[0], after[0]) == (503, 503, 200)
    assert "Retry-After" not in refused[1]
    assert SURFACES[vendor].why(Said(*refused))
    assert sandbox.faults.fired["refuse"] == 2


async def test_connections_are_cut_before_and_in_an_answer(sandbox, ask):
    for fault in ("drop", "cut"):
        sandbox.faults.set({fault: "always"})
        with pytest.raises(aiohttp.ClientError):
            await ask(sandbox, RULES)
        sandbox.faults.set({fault: 0})
        assert (await ask(sandbox, RULES))[0] == 200
    assert min(sandbox.faults.fired["drop"], sandbox.faults.fired["cut"]) >= 1


async def test_an_answer_can_be_half_as_json_and_whole_as_http(sandbox, ask):
    sandbox.faults.set({"truncate": 1})
    status, headers, body = await ask(sandbox, RULES)

    assert (status, int(headers["Content-Length"])) == (200, len(body))
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)


async def test_a_slow_answer_takes_its_time(sandbox, ask):
    sandbox.faults.set({"slow": 1, "slow_s": 0.3})
    began = time.monotonic()
    await ask(sandbox, RULES)

    assert time.monotonic() - began >= 0.3


async def test_a_redirect_leads_to_a_place_of_its_own(sandbox, ask):
    sandbox.faults.set({"redirect": 1})
    status, headers, _ = await ask(sandbox, RULES)

    assert (status, headers["Location"]) == (302, FOLLOWED)


async def test_late_entries_appear_in_their_old_place(sandbox, ask):
    before = orjson.loads((await ask(sandbox, RULES))[2])["data"]
    sandbox.faults.set({"late": "always", "late_s": 0.2})
    hidden = orjson.loads((await ask(sandbox, RULES))[2])["data"]
    async with asyncio.timeout(60):
        while orjson.loads((await ask(sandbox, RULES))[2])["data"] != before:
            await asyncio.sleep(0.02)

    assert (len(before), hidden) == (2, [])
    assert sandbox.faults.fired["late"] == 2


async def test_pages_repeat_and_shuffle_what_they_have(sandbox, ask):
    before = orjson.loads((await ask(sandbox, RULES))[2])["data"]
    sandbox.faults.set({"duplicate": "always"})
    pages = [orjson.loads((await ask(sandbox, RULES))[2])["data"] for _ in range(2)]
    sandbox.faults.set({"duplicate": 0, "reorder": "always"})
    shuffled = [orjson.loads((await ask(sandbox, RULES))[2])["data"] for _ in range(20)]

    assert pages == [before, [*before, *before]]
    assert before[::-1] in shuffled
    assert all(sorted(page, key=str) == sorted(before, key=str) for page in shuffled)


@pytest.mark.parametrize(
    "values",
    [
        {"nope": 1},
        {"refuse": -1},
        {"refuse": "a lot"},
        {"late": "200%"},
        {"refuse_status": 500},
        {"slow_s": -1},
    ],
)
def test_what_is_no_fault_is_refused_and_changes_nothing(values):
    faults = Faults()
    faults.set({"cut": 3})
    with pytest.raises(ValidationError):
        faults.set(values)

    assert faults.settings == FaultSettings(cut=3)


def test_a_share_hits_about_that_share():
    faults = Faults(seed=3)
    faults.set({"refuse": "10%"})
    for _ in range(2000):
        faults._spend("refuse")

    assert 140 < faults.fired["refuse"] < 260


@pytest.mark.parametrize(
    ("first", "body", "status", "told", "left"),
    [
        (0, b"0123456789", 206, "bytes 0-4/5", b"01234"),
        (3, b"3456789", 206, "bytes 3-4/5", b"34"),
        (5, b"56789", 416, "bytes */5", None),
    ],
)
def test_a_file_that_shrank_has_half_its_bytes(first, body, status, told, left):
    whole = web.Response(status=206, body=body, headers={"Content-Range": f"bytes {first}-9/10"})
    answer = shrunk(whole)

    assert (answer.status, answer.headers["Content-Range"]) == (status, told)
    assert left is None or answer.body == left


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ([{"id": "a"}], ["a"]),
        ({"data": [{"id": 7}]}, ["7"]),
        ({"success": True, "data": {"entries": [{"timestamp": "t"}]}}, ['{"timestamp":"t"}']),
        ({"data": [{"node_id": "n", "queue_id": "q"}]}, ["n/q"]),
        ({"data": {"x": 1}, "list": ["a"]}, None),
        (7, None),
    ],
)
def test_entries_are_found_in_every_envelope(page, names):
    found = entries_of(web.Response(body=orjson.dumps(page)))

    assert names == (None if found is None else [found.name(entry) for entry in found.entries])
