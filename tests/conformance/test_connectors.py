"""Every registered connector keeps the contract of `hub.sdk.connector`. One without a case fails."""

import asyncio
import gc
import logging
import re
import threading
import time
from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML

from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.connector import ConnectorSpec, Context
from hub.sdk.testing import Case
from tests.factories.conformance import HOSTILE, KINDS, REGISTRY, case_of, has_case, ids, troubles
from tests.factories.events import make_entry

DEADLINE_S = 0.8


def refusing() -> list[str]:
    return [kind for kind in KINDS if case_of(kind).refuses]


def in_trouble() -> list:
    return [pytest.param(kind, name, id=f"{kind}: {name}") for kind, name in troubles()]


class Trial:
    """A played destination and the connector's spec."""

    def __init__(self, spec: ConnectorSpec, case: Case, played) -> None:
        self.spec, self.case, self.played = spec, case, played

    def make(self, deadline_s=10.0):
        options = self.spec.options.model_validate(dict(self.played.options))
        return self.spec.make(options, self.context(deadline_s))

    def context(self, deadline_s):
        name = f"trial-{self.spec.kind}"
        return Context(name=name, deadline_s=deadline_s, allow_networks=("127.0.0.0/8",))

    async def send(self, batch, deadline_s=10.0):
        async with self.make(deadline_s) as connector:
            return await connector.send(batch)


def in_rows(trial, uids, batch):
    """As they are, or, where only a source's own events keep their order, source by source."""
    if trial.case.order == "all":
        return list(uids)
    source_of = {uid_text(entry.uid): entry.header.source for entry in batch}
    return sorted(uids, key=source_of.__getitem__)


def arrived(trial, batch, times=1):
    """Whether exactly these arrived, in the order that the connector keeps."""
    return in_rows(trial, trial.played.taken(), batch) == in_rows(trial, ids(batch) * times, batch)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
async def trial(kind, tmp_path):
    case = case_of(kind)
    async with case.play(tmp_path) as played:
        yield Trial(REGISTRY.connector(kind), case, played)


# -- what a spec says ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", REGISTRY.connectors())
def test_every_connector_is_tried(kind):
    assert has_case(kind), f"write tests/conformance/cases/{kind}.py with a CASE; others show how"
    assert case_of(kind).kind == kind
    assert case_of(kind).troubles


def test_the_first_connectors_are_among_them():
    assert {"file", "opensearch"} <= set(KINDS)


def test_a_spec_is_complete(kind):
    spec = REGISTRY.connector(kind)

    assert spec.kind == kind
    assert spec.title
    assert spec.batch_events >= 1
    assert spec.batch_bytes >= 1024 * 1024
    assert spec.deadline_s > 0
    assert spec.concurrency >= 1


def test_every_option_is_described(kind):
    fields = REGISTRY.connector(kind).options.model_fields

    assert [name for name, field in fields.items() if not field.description] == []


def test_no_option_hides_behind_a_key_of_the_configuration(kind):
    from hub.config.model import ConnectorConfig

    taken = {field.alias or name for name, field in ConnectorConfig.model_fields.items()}
    assert not taken & set(REGISTRY.connector(kind).options.model_fields)


# -- delivery ------------------------------------------------------------------------------------------------
async def test_every_event_is_delivered_in_order_with_its_body(trial):
    batch = [make_entry(n, raw_data=True) for n in range(50)]

    assert list(await trial.send(batch)) == [Delivered()] * 50

    assert arrived(trial, batch)
    for entry in batch if trial.case.whole else ():
        held = msgspec.json.decode(trial.played.body(uid_text(entry.uid)))
        assert held == msgspec.json.decode(entry.body)


async def test_batches_follow_each_other_on_one_connection(trial):
    batches = [[make_entry(n) for n in range(at, at + 5)] for at in range(0, 25, 5)]

    async with trial.make() as connector:
        for batch in batches:
            assert set(await connector.send(batch)) == {Delivered()}

    assert arrived(trial, [entry for batch in batches for entry in batch])


async def test_an_event_sent_again_carries_the_same_id(trial):
    batch = [make_entry(n) for n in range(5)]

    await trial.send(batch)
    assert list(await trial.send(batch)) == [Delivered()] * 5

    assert arrived(trial, batch, times=1 if trial.case.idempotent else 2)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_batch_at_the_limit_and_one_above_are_taken(trial, more):
    """The pipeline keeps to the limit; a connector need not break just above it."""
    batch = [make_entry(n) for n in range(trial.spec.batch_events + more)]

    outcomes = await trial.send(batch)

    assert len(outcomes) == len(batch)
    assert set(outcomes) == {Delivered()}
    assert arrived(trial, batch)


async def test_one_event_alone_is_taken(trial):
    assert list(await trial.send([make_entry(1)])) == [Delivered()]


@pytest.mark.parametrize("subject", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_content_harms_nobody_and_arrives_as_it_was(trial, subject):
    batch = [make_entry(1), make_entry(2, subject=subject), make_entry(3)]

    assert list(await trial.send(batch)) == [Delivered()] * 3

    assert arrived(trial, batch)
    if trial.case.whole:
        held = msgspec.json.decode(trial.played.body(uid_text(batch[1].uid)))
        assert held["email"]["subject"] == subject


async def test_a_lone_surrogate_harms_neither_its_event_nor_the_others(trial):
    odd = make_entry(2)
    odd = make_entry(2, body=odd.body.replace(b'"message":"', b'"message":"\\ud83d \\udc00 ', 1))
    batch = [make_entry(1), odd, make_entry(3)]

    outcomes = await trial.send(batch)

    assert isinstance(outcomes[0], Delivered)
    assert isinstance(outcomes[1], Delivered | Rejected)
    assert isinstance(outcomes[2], Delivered)


async def test_a_body_with_line_ends_stays_one_event(trial):
    spread = msgspec.json.format(make_entry(2).body, indent=2)
    batch = [make_entry(1), make_entry(2, body=spread), make_entry(3)]

    assert list(await trial.send(batch)) == [Delivered()] * 3
    assert arrived(trial, batch)


async def test_an_event_from_another_age_is_delivered(trial):
    batch = [
        make_entry(n, time_ms=ms, recorded_ms=1_760_000_000_000) for n, ms in enumerate([0, -(2**62), 2**62])
    ]

    assert list(await trial.send(batch)) == [Delivered()] * 3


@pytest.mark.parametrize("kind", refusing(), indirect=True)
async def test_a_refused_event_is_rejected_with_a_reason_and_the_others_pass(trial):
    batch = [make_entry(n) for n in range(6)]
    trial.played.refuse(ids(batch)[1:3])

    outcomes = await trial.send(batch)

    expected = [Delivered, Rejected, Rejected, Delivered, Delivered, Delivered]
    assert [type(outcome) for outcome in outcomes] == expected
    assert all(outcome.reason for outcome in outcomes[1:3])
    assert set(trial.played.taken()) == set(ids(batch)) - set(ids(batch)[1:3])


# -- trouble -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "name"), in_trouble(), indirect=["kind"])
async def test_a_destination_in_trouble_blocks_in_time_and_goes_on_afterwards(trial, name):
    batch = [make_entry(n) for n in range(3)]
    async with trial.make(DEADLINE_S) as connector:
        assert set(await connector.send(batch[:1])) == {Delivered()}
        await trial.played.trouble(name)
        started = time.monotonic()

        outcomes = await connector.send(batch)

        assert time.monotonic() - started < 2 * DEADLINE_S
        assert [type(outcome) for outcome in outcomes] == [Blocked] * 3
        await trial.played.recover()
        assert set(await connector.send(batch)) == {Delivered()}

    assert set(trial.played.taken()) == set(ids(batch))


@pytest.mark.parametrize(("kind", "name"), in_trouble(), indirect=["kind"])
async def test_a_connector_opens_while_its_destination_is_in_trouble(trial, name):
    await trial.played.trouble(name)

    async with trial.make(DEADLINE_S) as connector:
        assert {type(outcome) for outcome in await connector.send([make_entry(1)])} == {Blocked}
    await trial.played.recover()


@pytest.mark.parametrize(("kind", "name"), in_trouble(), indirect=["kind"])
async def test_reasons_are_one_readable_line_without_secrets_or_content(trial, name, caplog):
    caplog.set_level(logging.DEBUG)
    batch = [make_entry(1, subject="confidential-subject")]
    await trial.played.trouble(name)

    outcomes = await trial.send(batch, DEADLINE_S)
    await trial.played.recover()

    for outcome in outcomes:
        assert isinstance(outcome, Blocked | Retry | Rejected)
        assert outcome.reason.isprintable()
        assert 0 < len(outcome.reason) <= 500
    said = caplog.text + repr(list(outcomes))
    assert [secret for secret in (*trial.case.secrets, "confidential-subject") if secret in said] == []


async def test_secrets_show_in_no_repr(trial):
    options = trial.spec.options.model_validate(dict(trial.played.options))
    async with trial.make() as connector:
        await connector.send([make_entry(1)])
        said = repr(options) + str(options) + repr(connector) + options.model_dump_json()

    assert [secret for secret in trial.case.secrets if secret in said] == []


async def test_a_mistake_in_the_options_shows_no_secret(trial):
    wrong = {**trial.played.options, "no_such_option": 1}

    with pytest.raises(ValueError, match="no_such_option") as failed:
        trial.spec.options.model_validate(wrong)

    assert [secret for secret in trial.case.secrets if secret in str(failed.value)] == []


# -- life ----------------------------------------------------------------------------------------------------
async def test_a_cancelled_send_leaves_a_connector_that_works(trial):
    batch = [make_entry(n) for n in range(200)]
    async with trial.make() as connector:
        for delay_s in (0, 0, 0.001, 0.005):
            task = asyncio.create_task(connector.send(batch))
            await asyncio.sleep(delay_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        assert set(await connector.send(batch)) == {Delivered()}

    assert set(trial.played.taken()) == set(ids(batch))


async def test_leaving_ends_every_task_and_thread(trial):
    before = {task for task in asyncio.all_tasks() if not task.done()}
    async with trial.make() as connector:
        await connector.send([make_entry(1)])
    await asyncio.sleep(0.1)
    gc.collect()

    own = [each for each in asyncio.all_tasks() if each not in before and not each.done()]
    assert [each for each in own if "trial" in each.get_name() or "connectors" in repr(each.get_coro())] == []
    assert [each.name for each in threading.enumerate() if "trial" in each.name] == []


async def test_a_connector_that_never_sent_leaves_quietly(trial):
    before = list(trial.played.taken())

    async with trial.make():
        pass

    assert list(trial.played.taken()) == before


async def test_a_probe_says_one_line_and_writes_nothing(trial):
    if trial.spec.probe is None:
        return
    options = trial.spec.options.model_validate(dict(trial.played.options))
    before = list(trial.played.taken())

    said = await trial.spec.probe(options, trial.context(5.0))

    assert said
    assert said.isprintable()
    assert list(trial.played.taken()) == before


# -- documentation -------------------------------------------------------------------------------------------
def test_its_page_names_every_option(kind):
    page = (Path(__file__).parents[2] / "docs" / "connectors" / f"{kind}.md").read_text()

    missing = [name for name in REGISTRY.connector(kind).options.model_fields if f"`{name}`" not in page]
    assert missing == []


def test_its_page_says_how_to_try_it(kind):
    page = (Path(__file__).parents[2] / "docs" / "connectors" / f"{kind}.md").read_text()

    assert re.search(r"`mxhub send-test [\w-]+`", page)


def test_the_configuration_its_page_shows_is_valid(kind):
    page = (Path(__file__).parents[2] / "docs" / "connectors" / f"{kind}.md").read_text()
    shown = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    own = set(REGISTRY.connector(kind).options.model_fields)

    connectors = [each for block in shown for each in YAML(typ="safe").load(block)["connectors"].values()]
    assert connectors
    for each in connectors:
        assert each["kind"] == kind
        REGISTRY.connector(kind).options.model_validate({k: v for k, v in each.items() if k in own})
