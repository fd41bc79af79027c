"""The state of every release opens in this one; its form changes with a new version only."""

from pathlib import Path

import orjson
import pytest

from hub.app.backup.manifest import installed_version
from hub.app.backup.restore import restore
from hub.archive.query import Query
from hub.store.errors import WrongVersion
from hub.store.keys import ROW_SUFFIXES, PartitionKeys, StateKeys
from hub.store.log import RedisLog
from hub.store.scripts import STATE_VERSION
from tests.factories.worlds import NOW, fill, make_event, open_world, shape, summary

pytestmark = pytest.mark.server("valkey")

FIXTURES = Path(__file__).parents[1] / "fixtures" / "state"
RELEASES = sorted(path.name for path in FIXTURES.iterdir() if (path / "backup.tar").exists())


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_this_release_has_its_fixture():
    assert installed_version() in RELEASES, "run: python -m tests.fixtures.state"


@pytest.mark.parametrize("release", RELEASES)
async def test_the_state_of_a_release_says_here_what_it_said_there(release, data):
    restore(FIXTURES / release / "backup.tar", data)
    async with open_world(data) as world:
        said = await summary(world)

    assert said == orjson.loads((FIXTURES / release / "summary.json").read_bytes())


@pytest.mark.parametrize("release", RELEASES)
async def test_the_state_of_a_release_goes_on_here(release, data):
    restore(FIXTURES / release / "backup.tar", data)
    async with open_world(data) as world:
        seq = (await world.log.head()).seq
        recorded = await world.log.record([make_event(59), make_event(900)], now_ms=NOW + 1000)
        world.archive.append(0, await world.log.read(world.archive.offset(0), 100))
        books = await world.log.books()

        assert recorded.fresh == (False, True)
        assert world.archive.offset(0) == recorded.seq == seq + 1
        assert world.archive.get(make_event(900).uid.hex()) is not None
        assert world.archive.count(Query()) == 60
        assert [check.problem for check in world.archive.verify_chain()] == [None] * 3
        assert all(book.balanced for book in books)


async def test_the_form_of_the_state_is_the_one_on_record(data):
    async with open_world(data) as world:
        await fill(world)
        found = orjson.loads(orjson.dumps(await shape(world)))
    kept = orjson.loads((FIXTURES / "shape.json").read_bytes())

    assert found == kept, (
        "the form of what is stored changed. If a release has the old one: raise the version it belongs to"
        " (hub/store/scripts.py, hub/store/embedded/state.py, hub/archive/sqlite/schema.py), add the step to"
        " its MIGRATIONS, then run `python -m tests.fixtures.state`. If none has: just run it."
    )


async def test_a_state_of_a_later_release_is_refused_and_left_as_it_is(data):
    restore(FIXTURES / installed_version() / "backup.tar", data)
    async with open_world(data) as world:
        await world.redis.hset(world.log.keys.head, "version", STATE_VERSION + 1)
        before = await world.redis.hgetall(world.log.keys.head)

        with pytest.raises(WrongVersion, match="run the newer mxhub"):
            await RedisLog(world.redis).open()
        assert await world.redis.hgetall(world.log.keys.head) == before


def test_the_state_on_record_has_something_of_everything():
    kept = orjson.loads((FIXTURES / "shape.json").read_bytes())["keys"]
    log, state = PartitionKeys(0), StateKeys()
    names = [log.head, log.log, *log.seen, log.cur, log.rows, log.ready, log.tables]
    names += [log.row_prefix + "<row>" + suffix for suffix in ROW_SUFFIXES if suffix != ":lease"]
    names += [getattr(state, name) for name in _plain(StateKeys)]
    names += [state.source("<name>"), state.bucket("<name>"), state.document("<name>")]

    assert sorted(set(names) - kept.keys()) == [], "let tests.factories.worlds.fill make one"


def _plain(keys):
    """Properties that are a whole key."""
    found = [name for name, value in vars(keys).items() if isinstance(value, property)]
    return [name for name in found if not name.endswith("prefix")]
