"""Requests of polls: one budget for all polls of one credential; what the vendor says holds for all."""

import time

import pytest

from hub.app.call import Caller, reset_after_s
from hub.app.sources import polls
from hub.config.load import load_text
from hub.registry import Registry
from hub.sdk.source import PollFailed
from hub.sdk.testing.server import Reply, StrictServer

NOW_MS = 1_777_620_133_000
REGISTRY = Registry()


class Clock:
    """Wall time that a test sets; it goes on by itself, so that a waiting call gets on."""

    def __init__(self):
        self.ahead_ms = 0
        self._began = time.monotonic()

    def __call__(self):
        return NOW_MS + self.ahead_ms + int((time.monotonic() - self._began) * 1000)


@pytest.fixture
async def vendor():
    async with StrictServer() as server:
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def call_of(vendor, state, clock):
    """Makes the call of a stream, `call_of("mg/audit", per_minute=..)`, each as in a process of its own."""
    callers = []

    def make(key, *, allow="[127.0.0.0/8]", **budget):
        common = f'url: "{vendor.url}/api", allow_networks: {allow}'
        settings = load_text(
            f"""
sources:
  mg: {{vendor: mailguard, {common}, api_key: nmg_1, budget: {budget or {}}}}
  other: {{vendor: mailguard, {common}, api_key: nmg_other}}
""",
            registry=REGISTRY,
        )
        caller = Caller(lambda: settings, state, now_ms=clock)
        callers.append(caller)
        return caller.of(polls(settings, REGISTRY)[key])

    yield make
    for caller in callers:
        await caller.close()


def waits():
    """What `call` says without making a request: it would have to wait longer than a job may."""
    return pytest.raises(PollFailed, match="budget of this credential is used up")


async def test_a_call_has_the_sources_address_and_credentials(vendor, call_of):
    vendor.expect("GET", "/api/audit/logs", Reply(body=b"{}", headers={"X-Thing": "1"}))

    answer = await call_of("mg/audit")("GET", "/audit/logs", params={"limit": "5"})

    (request,) = vendor.received
    assert (request.headers["x-api-key"], request.query) == ("nmg_1", {"limit": "5"})
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (200, b"{}", "1")


async def test_a_vendor_on_a_private_address_is_not_asked_unless_allowed(vendor, call_of):
    with pytest.raises(PollFailed, match=r"127\.0\.0\.1 is loopback; .* allow_networks"):
        await call_of("mg/audit", allow="[]")("GET", "/audit/logs")

    assert vendor.received == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
async def test_other_statuses_are_the_streams_business(vendor, call_of, status):
    vendor.expect("GET", "/api/x", Reply(status=status))

    assert (await call_of("mg/audit")("GET", "/x")).status == status


@pytest.mark.parametrize("status", [429, 503])
async def test_429_and_503_hold_back_every_poll_of_that_credential_in_every_process(vendor, call_of, status):
    vendor.expect("GET", "/api/x", Reply(status=status, headers={"Retry-After": "120"}))

    with pytest.raises(PollFailed, match=f"HTTP {status}: slow down") as failed:
        await call_of("mg/audit")("GET", "/x")
    with waits() as held:
        await call_of("mg/quarantine")("GET", "/x")

    assert failed.value.retry_after_s == 120
    assert 118 < held.value.retry_after_s <= 120
    assert len(vendor.received) == 1


async def test_another_credential_is_not_held_back(vendor, call_of):
    vendor.expect("GET", "/api/x", Reply(status=429, headers={"Retry-After": "120"}))
    vendor.expect("GET", "/api/x", Reply())
    with pytest.raises(PollFailed):
        await call_of("mg/audit")("GET", "/x")

    assert (await call_of("other/audit")("GET", "/x")).status == 200


async def test_it_goes_on_when_the_time_is_over(vendor, call_of, clock):
    vendor.expect("GET", "/api/x", Reply(status=429, headers={"Retry-After": "120"}))
    vendor.expect("GET", "/api/x", Reply())
    with pytest.raises(PollFailed):
        await call_of("mg/audit")("GET", "/x")
    clock.ahead_ms = 121_000

    assert (await call_of("mg/audit")("GET", "/x")).status == 200


async def test_without_a_retry_after_the_reset_of_the_limit_counts(vendor, call_of):
    vendor.expect("GET", "/api/x", Reply(status=429, headers={"X-RateLimit-Reset": "300"}))

    with pytest.raises(PollFailed) as failed:
        await call_of("mg/audit")("GET", "/x")

    assert failed.value.retry_after_s == 300


async def test_a_used_up_limit_holds_the_next_call_though_this_one_was_answered(vendor, call_of):
    limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW_MS // 1000 + 90)}
    vendor.expect("GET", "/api/x", Reply(headers=limits))

    assert (await call_of("mg/audit")("GET", "/x")).status == 200
    with waits() as held:
        await call_of("mg/quarantine")("GET", "/x")

    assert 85 < held.value.retry_after_s <= 90


async def test_the_budget_is_shared_by_all_polls_of_a_credential(vendor, call_of):
    vendor.expect("GET", "/api/x", Reply(), times=2)
    budget = {"per_minute": 1, "burst": 2}

    await call_of("mg/audit", **budget)("GET", "/x")
    await call_of("mg/quarantine", **budget)("GET", "/x")

    with waits():
        await call_of("mg/audit", **budget)("GET", "/x")


async def test_a_short_wait_is_waited_out(vendor, call_of):
    vendor.expect("GET", "/api/x", Reply(), times=3)
    call = call_of("mg/audit", per_minute=600, burst=1)
    begun = time.monotonic()

    for _ in range(3):
        await call("GET", "/x")

    assert time.monotonic() - begun > 0.15


async def test_transport_trouble_is_a_failed_poll_not_a_crash(vendor, call_of):
    call = call_of("mg/audit")
    vendor.allow("GET", "/api/x", Reply(hang_up=True))

    with pytest.raises(PollFailed):
        await call("GET", "/x")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("-5", 0),
        (str(NOW_MS // 1000 + 60), 60),
        (str(NOW_MS + 60_000), 60),
        (str(NOW_MS // 1000 - 60), 0),
        ("1e30", 3600),
        ("86400", 3600),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", 3600),
    ],
)
def test_a_reset_is_seconds_from_now_or_an_epoch(value, seconds):
    assert reset_after_s(value, NOW_MS / 1000) == seconds
