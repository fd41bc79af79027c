import asyncio

import aiohttp
import pytest
from aiohttp import ClientSession

from core.store.clock import from_iso
from tests.factories.core import NOW_MS, FakeClock, note, quiet_sandbox


@pytest.fixture
async def sandbox(tmp_path, buckets):
    async with quiet_sandbox(tmp_path, buckets, clock=FakeClock()) as sandbox:
        async with sandbox.core.database.begin() as tx:
            for number in range(12):
                await note(tx, NOW_MS + number, name="noted")
        yield sandbox


async def page(sandbox, **params):
    asked = {"limit": 4, "resource": "user/noted", **params}
    async with (
        ClientSession(headers={"X-API-Key": sandbox.keys["api-key"]}) as session,
        session.get(f"{sandbox.url}/api/v1/audit/logs", params=asked) as response,
    ):
        return response, await response.json()


def numbers(body):
    """Of the entries, in the order in which they were noted."""
    return [from_iso(entry["timestamp"]) - NOW_MS + 1 for entry in body["data"]]


@pytest.mark.parametrize("status", [429, 503])
async def test_the_next_requests_are_refused_and_then_no_more(sandbox, status):
    sandbox.faults.set({"refuse": 2, "refuse_status": status, "retry_after": "7"})
    answers = [await page(sandbox) for _ in range(3)]

    assert [response.status for response, _ in answers] == [status, status, 200]
    assert answers[0][0].headers["Retry-After"] == "7"
    assert sandbox.faults.fired["refuse"] == 2


async def test_a_cursor_expires_on_demand(sandbox):
    _, first = await page(sandbox)
    sandbox.faults.set({"expire_cursors": 1})

    assert (await page(sandbox))[0].status == 200
    assert (await page(sandbox, cursor=first["next_cursor"]))[0].status == 410
    assert (await page(sandbox, cursor=first["next_cursor"]))[0].status == 200


async def test_a_connection_is_cut_in_the_middle_of_an_answer(sandbox):
    sandbox.faults.set({"cut": 1})
    with pytest.raises((aiohttp.ClientError, asyncio.TimeoutError)):
        await page(sandbox)

    assert numbers((await page(sandbox))[1]) == [1, 2, 3, 4]
    assert sandbox.faults.fired["cut"] == 1


async def test_pages_repeat_entries_of_the_page_before(sandbox):
    sandbox.faults.set({"duplicate": "always"})
    _, first = await page(sandbox)
    _, second = await page(sandbox, cursor=first["next_cursor"])

    assert (numbers(first), numbers(second)) == ([1, 2, 3, 4], [2, 3, 4, 5, 6, 7, 8])


async def test_pages_come_shuffled_and_whole(sandbox):
    sandbox.faults.set({"reorder": "always"})
    pages = [numbers((await page(sandbox))[1]) for _ in range(5)]

    assert all(sorted(found) == [1, 2, 3, 4] for found in pages)
    assert any(found != [1, 2, 3, 4] for found in pages)


async def test_clear_takes_every_fault_back(sandbox):
    faults = sandbox.faults
    faults.set(
        {
            "refuse": 9,
            "late": "always",
            "cut": 9,
            "drop": 9,
            "expire_cursors": 9,
            "duplicate": "always",
            "reorder": "always",
        }
    )
    faults.clear()

    assert numbers((await page(sandbox))[1]) == [1, 2, 3, 4]
