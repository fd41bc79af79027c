"""What is posted to a Catch Hook, and what its answers mean."""

import pytest
from pydantic import ValidationError

from connectors.zapier import SPEC, ZapierOptions
from hub.app.connectors import lane_of
from hub.config.load import load_text
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.registry import Registry
from hub.sdk.connector import Context, DestinationFailed
from hub.sdk.testing import Reply, StrictServer
from tests.factories.events import make_entry
from tests.factories.zapier import HOOK, PlayedZapier

CONTEXT = Context(name="zap", deadline_s=5.0, allow_networks=("127.0.0.0/8",))
BATCH = [make_entry(n, code="quarantine.added") for n in range(4)]


@pytest.fixture
async def zapier():
    async with StrictServer() as server:
        played = PlayedZapier(server)
        yield played
        assert played.problems == []


async def send(zapier, *batch):
    async with SPEC.make(ZapierOptions.model_validate(zapier.options), CONTEXT) as connector:
        return list(await connector.send(batch or BATCH))


async def test_each_alert_is_one_flat_object_in_one_request(zapier):
    assert await send(zapier) == [Delivered()] * 4

    assert [run["event_id"] for run in zapier.runs] == [entry.uid.hex() for entry in BATCH]
    assert len(zapier.server.received) == 4


async def test_the_silent_mode_of_a_hook_is_a_success_too(zapier):
    zapier.always = Reply(status=200, body=b"")

    assert await send(zapier) == [Delivered()] * 4


@pytest.mark.parametrize(
    ("reply", "says", "probe_after_s"),
    [
        (Reply(status=410), "forget", 86_400.0),
        (Reply(status=404), "copy it again", None),
        (Reply(status=429, headers={"Retry-After": "30"}), "10,000 in 5 minutes", 30.0),
        (Reply(status=503, headers={"Retry-After": "9"}), "503", 9.0),
        (Reply(status=302, headers={"Location": "/"}), "302", None),
        (Reply(status=402), "402", None),
        (Reply(status=400), "400", None),
        (Reply(status=500, headers={"Retry-After": "4"}), "500", 4.0),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
async def test_an_answer_that_is_for_all_blocks(zapier, reply, says, probe_after_s):
    zapier.always = reply

    outcomes = await send(zapier)

    assert [type(outcome) for outcome in outcomes] == [Blocked] * 4
    assert says in outcomes[0].reason
    assert HOOK not in outcomes[0].reason
    assert outcomes[0].probe_after_s == probe_after_s


async def test_a_gone_hook_says_both_ways_out(zapier):
    zapier.always = Reply(status=410)

    (outcome,) = await send(zapier, BATCH[0])

    assert "gone" in outcome.reason
    assert "new address as url" in outcome.reason
    assert "mxhub connectors forget" in outcome.reason


async def test_after_a_clear_answer_the_rest_is_not_sent(zapier):
    zapier.always = Reply(status=410)

    await send(zapier)

    assert len(zapier.server.received) == 1


async def test_an_alert_that_a_filter_dislikes_is_rejected_alone(zapier):
    zapier.refused = frozenset({BATCH[1].uid.hex()})

    outcomes = await send(zapier)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Rejected, Delivered, Delivered]


async def test_too_large_is_the_alerts_own_fault(zapier):
    zapier.always = Reply(status=413)

    outcomes = await send(zapier)

    assert {type(outcome) for outcome in outcomes} == {Rejected}
    assert "bytes" in outcomes[0].reason


async def test_a_failure_for_one_alert_is_tried_again(zapier):
    answers = iter([200, 500, 200, 200])
    zapier.server._rules.clear()
    zapier.server.allow("POST", "/hooks/.*", lambda _: Reply(status=next(answers)))

    outcomes = await send(zapier)

    assert [type(outcome) for outcome in outcomes] == [Delivered, Retry, Delivered, Delivered]


async def test_the_probe_calls_no_hook(zapier):
    said = await SPEC.probe(ZapierOptions.model_validate(zapier.options), CONTEXT)

    assert "would start the Zap" in said
    assert HOOK not in said
    assert [request.method for request in zapier.server.received] == ["HEAD"]


async def test_the_probe_says_when_nobody_is_there():
    async with StrictServer() as server:
        options = ZapierOptions(url=f"{server.url}/hooks/catch/1/{HOOK}/")

    with pytest.raises(DestinationFailed) as failed:
        await SPEC.probe(options, CONTEXT)
    assert HOOK not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.zapier.com/hooks/catch/1/2/",
        "ftp://x/y",
        "https://hooks.example",
        "https://[",
        "https:///x",
    ],
)
def test_what_is_no_hook_is_refused_without_being_shown(url):
    with pytest.raises(ValidationError, match="paste the whole address") as failed:
        ZapierOptions(url=url)
    assert url == "" or url not in str(failed.value)


def test_its_budget_is_below_zapiers_limits():
    registry = Registry(third_parties=lambda _: ())
    settings = load_text(
        "connectors: {zap: {kind: zapier, url: https://hooks.zapier.com/hooks/catch/1/2/}}", registry=registry
    )
    lane = lane_of("zap", settings, registry)

    # A full bucket at once, refilled during the same second, and the debt of one batch.
    assert lane.rate_per_s + max(lane.rate_per_s, lane.batch_events) <= 30
    assert lane.rate_per_s * 300 <= 10_000
