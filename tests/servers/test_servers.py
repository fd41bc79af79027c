"""The servers that the set-up brings really are what their names say."""

import json
import urllib.request

import redis

from tests.servers.redis import RedisProcess


def test_any_redis_answers_and_is_new_enough(any_redis: RedisProcess) -> None:
    with redis.Redis(unix_socket_path=str(any_redis.socket)) as client:
        version = client.info("server")["redis_version"]

        assert tuple(int(part) for part in version.split(".")[:2]) >= (7, 0)


def test_opensearch_creates_once_and_answers_409_the_second_time(opensearch_node: str) -> None:
    lines = b'{"create":{"_index":"t","_id":"1"}}\n{"a":1}\n'

    def bulk() -> int:
        wanted = urllib.request.Request(
            f"{opensearch_node}/_bulk", data=lines, headers={"content-type": "application/x-ndjson"}
        )
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return int(json.load(answer)["items"][0]["create"]["status"])

    assert [bulk(), bulk()] == [201, 409]
