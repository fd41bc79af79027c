"""The bench of the core: its made rows hold together, and it runs on a small database."""

import pytest

from core.audit.chain import Chain
from core.audit.verify import verify
from core.store.database import Database, sqlite_url
from tests.bench import core_seed
from tests.bench.bench import Bench
from tests.bench.core_rows import DAY_MS, END_MS, SPAN_MS, TENANT, TENANTS, Mail, share_of, time_of
from tests.bench.load import Load
from tests.bench.rows.core import measure


def test_times_ascend_over_the_whole_period():
    times = [time_of(number, 5000) for number in range(5000)]

    assert times == sorted(times)
    assert times[0] == END_MS - SPAN_MS
    assert END_MS - DAY_MS < times[-1] < END_MS


def test_what_is_held_and_what_is_counted_are_the_verdicts():
    mail = Mail(TENANT, 2000)
    verdicts = list(mail.verdicts())

    assert len({each["id"] for each in verdicts}) == 2000
    held = [each["quarantine_id"] for each in verdicts if each["verdict"] == "quarantine"]
    assert [each["id"] for each in mail.held] == held
    assert sum(mail.counts.values()) == 2000


@pytest.mark.slow
async def test_the_made_chains_verify(tmp_path, monkeypatch):
    monkeypatch.setattr(core_seed, "BUILD", tmp_path)
    path = await core_seed.seeded(200)

    async with Database(sqlite_url(path)) as database:
        async with database.read() as tx:
            kept = await tx.exec_driver_sql("SELECT count(*) FROM audit_entries")
            assert kept.scalar_one() == sum(share_of(tenant, 200) for tenant in TENANTS)
        assert await verify(database, Chain(core_seed.AUDIT_KEY.encode()), None) == []


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.server("postgresql-15")
@pytest.mark.timeout(900)
async def test_the_bench_runs_on_both_databases(tmp_path, monkeypatch):
    monkeypatch.setattr(core_seed, "BUILD", tmp_path)
    async with Load() as load:
        found = [each async for each in measure(Bench(load, quick=True, core_rows=12_000))]

    names = {each.name for each in found}
    assert len(names) == len(found)
    for store in ("sqlite", "postgresql"):
        assert f"core {store}, domains:batch, provision 1,000" in names
        assert f"core {store}, verdicts, page after 10,000 rows, p10" in names
        assert f"core {store}, messages, dry run, p99 at 30/s" in names
    assert all(each.value is not None for each in found)
