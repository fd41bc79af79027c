"""The schema grows by revisions, on SQLite and on a real PostgreSQL."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from hub.access.tables import metadata
from hub.sql.database import Database
from hub.sql.revisions import NewerSchema
from tests.factories.access import access_database


def differences(connection):
    context = MigrationContext.configure(
        connection, opts={"version_table": "access_version", "target_metadata": metadata}
    )
    return compare_metadata(context, metadata)


async def test_the_newest_revision_is_what_the_tables_say(access):
    async with access.begin() as tx:
        assert await tx.run_sync(differences) == []


async def test_a_second_start_changes_nothing(empty_url):
    for _ in range(2):
        async with access_database(empty_url) as database, database.read() as tx:
            assert (await tx.execute(text("SELECT version_num FROM access_version"))).scalars().all() == [
                "0001"
            ]


async def test_two_processes_that_start_at_once_both_come_up(empty_url):
    databases = [access_database(empty_url) for _ in range(3)]
    await asyncio.gather(*(one.open() for one in databases))
    async with databases[2].read() as tx:
        found = (await tx.execute(text("SELECT count(*) FROM access_keys"))).scalar_one()
    for one in databases:
        await one.close()

    assert found == 0


async def test_a_schema_of_a_later_release_is_left_untouched(empty_url):
    async with access_database(empty_url) as database, database.begin() as tx:
        await tx.execute(text("UPDATE access_version SET version_num = '0999'"))

    with pytest.raises(NewerSchema, match="0999"):
        await access_database(empty_url).open()


async def test_its_tables_live_beside_those_of_another_schema(empty_url):
    def make(connection):
        connection.execute(text("CREATE TABLE other (id INTEGER)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))

    async with Database(empty_url, migrate=make):
        pass
    async with access_database(empty_url) as database, database.read() as tx:
        names = await tx.run_sync(lambda connection: set(inspect(connection).get_table_names()))

    assert {"other", "alembic_version", "access_version", "access_keys"} <= names
