"""The sink notes the first copy of each event, whatever else comes."""

import aiohttp
import orjson

from tests.bench.payload import body
from tests.bench.sink import Sink


def bulk(numbers):
    lines = []
    for n in numbers:
        lines += [orjson.dumps({"create": {"_index": "i", "_id": str(n)}}), body(n)]
    return b"\n".join(lines) + b"\n"


async def test_it_knows_what_it_got_and_how_often():
    async with Sink() as sink, aiohttp.ClientSession() as session:
        sink.expect(10, 200_000)
        answers = []
        for numbers in ([10, 11, 12], [12, 500], [9]):
            async with session.post(f"{sink.url}/_bulk", data=bulk(numbers)) as answer:
                answers.append(orjson.loads(await answer.read()))
        taken = sink.taken()

    assert [len(answer["items"]) for answer in answers] == [3, 2, 1]
    assert {item["create"]["status"] for answer in answers for item in answer["items"]} == {201}
    assert taken.numbers() == {10, 11, 12, 500}
    assert taken.copies == 6
    assert taken.times[0] < taken.times[490]
