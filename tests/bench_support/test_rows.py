"""Every row can be found, run and told from the others."""

import inspect

from tests.bench.__main__ import found
from tests.bench.payload import MARK, SECRET, Target, audit_entry, body, number_of, request


def test_every_row_says_what_it_measures_and_when():
    rows = found()

    assert list(rows) == sorted(rows, key=lambda name: rows[name].ORDER)
    assert len({module.ORDER for module in rows.values()}) == len(rows)
    for name, module in rows.items():
        assert inspect.isasyncgenfunction(module.measure), name
        assert module.__doc__, name


def test_every_event_is_another_and_names_its_number():
    bodies = [body(n) for n in range(2000)]

    assert len(set(bodies)) == 2000
    assert [number_of(each) for each in bodies] == list(range(2000))
    assert all(950 < len(each) < 1250 for each in bodies)


def test_a_webhook_is_mapped_and_keeps_its_number_in_the_event():
    from hub.pipeline.normalise import normalise_body
    from hub.registry import Registry

    spec = Registry().source("mailguard")
    items = [normalise_body(spec, "t", "mg", body(n), 0)[0] for n in range(500)]

    assert [item.unmapped_reason for item in items] == [None] * 500
    assert len({item.event.uid for item in items}) == 500
    assert [number_of(item.event.body) for item in items] == list(range(500))


def test_a_request_is_signed_as_the_source_wants_it():
    from hub.registry import Registry
    from hub.sdk.verify import Refusal, verify

    head, _, content = request(7, Target(8787)).partition(b"\r\n\r\n")
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    headers = {name.lower(): value for name, _, value in lines}

    assert not isinstance(
        verify(Registry().source("mailguard").schemes, (SECRET,), headers, content, 0), Refusal
    )
    assert int(headers["content-length"]) == len(content)


def test_audit_entries_are_in_order_and_distinct():
    entries = [audit_entry(n) for n in range(3000)]
    times = [entry["timestamp"] for entry in entries]

    assert times == sorted(set(times))
    assert all(MARK.search(str(entry["id"]).encode()) for entry in entries)
