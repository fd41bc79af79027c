"""Faults are set while a sandbox runs, by programs on this machine alone."""

import pytest
from aiohttp import ClientSession


@pytest.fixture
async def sandbox(start):
    async with start("mxguard") as sandbox:
        yield sandbox


async def call(sandbox, method, path, **more):
    async with (
        ClientSession() as session,
        session.request(method, sandbox.control_url + path, **more) as answer,
    ):
        return answer.status, await answer.json()


async def test_faults_are_set_shown_and_taken_back(sandbox, ask):
    _, changed = await call(sandbox, "PATCH", "/faults", json={"refuse": 1, "refuse_status": 429})
    refused = (await ask(sandbox, "/api/v1/me"))[0]
    _, shown = await call(sandbox, "GET", "/")
    await call(sandbox, "PATCH", "/faults", json={"drop": "always"})
    _, cleared = await call(sandbox, "DELETE", "/faults")

    assert (changed["faults"]["refuse"], refused) == (1, 429)
    assert (shown["fired"], shown["recorder"]["statuses"]) == ({"refuse": 1}, {"429": 1})
    assert cleared["faults"]["drop"] == 0


async def test_mail_is_made_on_demand(sandbox):
    _, made = await call(sandbox, "POST", "/mail", json={"kind": "phishing", "count": 2})
    status, refused = await call(sandbox, "POST", "/mail", json={"kind": "poetry"})

    assert set(made["verdicts"]) == {"quarantine"}
    assert (status, "phishing" in refused["error"]) == (400, True)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"refuse":"much"}', b'{"nope":1}', b"\xff"])
async def test_what_makes_no_sense_is_400(sandbox, body):
    status, said = await call(sandbox, "PATCH", "/faults", data=body)

    assert (status, bool(said["error"])) == (400, True)


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_pages_in_a_browser_may_not_ask(sandbox, headers):
    status, _ = await call(sandbox, "PATCH", "/faults", json={"refuse": 1}, headers=headers)

    assert (status, sandbox.faults.settings.refuse) == (403, 0)
