"""One exchange an event: order, parallelism, the end at the first sign of trouble."""

import asyncio
from collections import defaultdict
from dataclasses import replace

import pytest

from hub.model.outcome import Blocked, Delivered
from hub.sdk.blame import Doubt
from hub.sdk.each import by_source, in_one_row, post, send_each
from hub.sdk.http import Client, Response
from hub.sdk.testing import HangingServer, Reply, StrictServer
from tests.factories.events import make_entry


class Destination:
    """Takes what it is posted, a loop's turn later, and notes what happened at once."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.seen, self.running, self.most, self.beside = [], 0, 0, defaultdict(int)

    async def post(self, entry, left_s):
        self.seen.append(entry.seq)
        self.running += 1
        self.beside[entry.header.source] += 1
        assert self.beside[entry.header.source] == 1 or self.any_order
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        self.beside[entry.header.source] -= 1
        return self.answers.get(entry.seq, Delivered())

    any_order = False


def batch(count=12, sources=3):
    return [make_entry(n, source=f"source-{n % sources}") for n in range(count)]


async def test_events_of_one_source_never_overlap_and_keep_their_order():
    destination = Destination()

    answers = await send_each(batch(), destination.post, within_s=10, parallel=8, together=by_source)

    assert answers == [Delivered()] * 12
    assert destination.most == 3
    for source in range(3):
        assert [n for n in destination.seen if n % 3 == source] == list(range(source, 12, 3))


async def test_in_one_row_there_is_one_at_a_time():
    destination = Destination()

    await send_each(batch(), destination.post, within_s=10, parallel=8, together=in_one_row)

    assert (destination.most, destination.seen) == (1, list(range(12)))


async def test_no_more_than_parallel_at_once():
    destination = Destination()
    destination.any_order = True

    await send_each(batch(40), destination.post, within_s=10, parallel=5, together=lambda entry: entry.seq)

    assert destination.most == 5
    assert len(destination.seen) == 40


@pytest.mark.parametrize(
    "answer", [Blocked("down", 7.0), Doubt(reason="down", stops=True, after_s=7.0)], ids=["blocked", "silent"]
)
async def test_after_a_sign_of_trouble_nothing_more_is_sent(answer):
    destination = Destination({2: answer})

    answers = await send_each(batch(), destination.post, within_s=10)

    assert destination.seen == [0, 1, 2]
    assert answers == [Delivered(), Delivered(), answer, *[Blocked("down", 7.0)] * 9]


async def test_a_doubt_about_one_event_does_not_end_the_batch():
    destination = Destination({2: Doubt(reason="400", refusal=True)})

    answers = await send_each(batch(), destination.post, within_s=10)

    assert len(destination.seen) == 12
    assert isinstance(answers[2], Doubt)


async def test_a_doubt_learns_whether_an_event_that_was_sent_later_got_through():
    refused = Doubt(reason="400", refusal=True)
    destination = Destination({2: refused, 11: refused})

    answers = await send_each(batch(), destination.post, within_s=10)

    assert [answer.overtaken for answer in answers if isinstance(answer, Doubt)] == [True, False]


async def test_an_event_that_was_under_way_already_does_not_count_as_sent_later():
    """The receiver breaks for all while the slower of two rows has a request under way."""
    broken, under_way, refused = Doubt(reason="400", refusal=True), asyncio.Event(), asyncio.Event()

    async def breaking(entry, left_s):
        if entry.seq == 0:
            await under_way.wait()
            refused.set()
            return broken
        if entry.seq == 2:
            return broken
        under_way.set()
        await refused.wait()
        return Delivered()

    answers = await send_each(batch(3), breaking, within_s=10, parallel=2, together=lambda entry: entry.seq)

    assert answers == [broken, Delivered(), broken]


async def test_the_last_event_is_sent_after_all_others_and_tells_whose_fault_it_was():
    refused = Doubt(reason="400", refusal=True)
    destination = Destination({1: refused})
    destination.any_order = True

    answers = await send_each(
        batch(4), destination.post, within_s=10, parallel=8, together=lambda entry: entry.seq
    )

    assert destination.seen[-1] == 3
    assert answers[1] == replace(refused, overtaken=True)


async def test_when_the_time_is_up_the_reason_says_what_to_set():
    async def slow(entry, left_s):
        await asyncio.sleep(left_s + 0.01 if entry.seq == batch()[2].seq else 0)
        return Delivered()

    answers = await send_each(batch(), slow, within_s=1.0)

    assert answers[:3] == [Delivered()] * 3
    assert {type(answer) for answer in answers[3:]} == {Blocked}
    assert "set batch_events lower" in answers[-1].reason


async def test_an_empty_batch_has_no_answers():
    assert await send_each([], Destination().post, within_s=1, parallel=4) == []


def client():
    return Client(deadline_s=5, allow_networks=("127.0.0.0/8",))


async def test_a_connection_that_broke_is_tried_once_more_at_once():
    async with StrictServer() as server, client() as http:
        server.expect("POST", "/", Reply(hang_up=True)).expect("POST", "/", Reply(status=204))

        answer = await post(http, server.url, headers={}, body=b"x", left_s=5)

    assert isinstance(answer, Response)
    assert answer.status == 204


async def test_broken_twice_it_may_be_the_events_fault():
    async with StrictServer() as server, client() as http:
        server.expect("POST", "/", Reply(hang_up=True), times=2)

        answer = await post(http, server.url, headers={}, body=b"x", left_s=5)

    assert isinstance(answer, Doubt)
    assert answer.stops


async def test_no_answer_in_time_may_be_the_events_fault():
    async with HangingServer() as server, client() as http:
        answer = await post(http, server.url, headers={}, body=b"x", left_s=0.2)

    assert isinstance(answer, Doubt)
    assert (answer.stops, answer.refusal) == (True, False)


async def test_no_connection_is_never_the_events_fault():
    async with StrictServer() as server:
        url = server.url
    async with client() as http:
        answer = await post(http, url, headers={}, body=b"x", left_s=5)

    assert isinstance(answer, Blocked)
